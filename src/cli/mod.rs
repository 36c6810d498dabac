//! The command line: its grammar, its exit codes (0 done, 1 failed, 2 wrong usage) and how answers are printed.
//! `serve.rs` runs the server; every other store command becomes a `control::Request`, which a running server answers
//! over its control socket and a stopped one by opening the store here.

mod healthcheck;
mod print;
mod serve;

use crate::app::{App, Parts};
use crate::clock::Clock;
use crate::config::env::Env;
use crate::config::{Config, Flags, Log, prepare_data_dir, span};
use crate::control::{self, Answer, Request};
use crate::crypto::Random;
use crate::error::{Code, Error, Result};
use crate::store::{self, Store};
use clap::{Args, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "bailiwick", version, about = "Identity and access for machine-learning teams, in one executable")]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(Flags),
    /// Create users and recover accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Create and list organizations, where the instance has several
    #[command(subcommand)]
    Org(OrgCommand),
    /// Issue API keys
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Trust issuers of tokens that are exchanged for access tokens
    #[command(subcommand)]
    Issuer(IssuerCommand),
    /// Show whether somebody may do something, and why
    Explain(Explain),
    /// Show the settings in force
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// Check the store, certificates, file modes and disk room
    Doctor(Plain),
    /// Ask a running server whether it is ready
    Healthcheck(Healthcheck),
}

#[derive(Args)]
struct Place {
    /// Directory that holds the store [env: BAILIWICK_DATA_DIR] [default: ./bailiwick-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
}

#[derive(Args)]
struct Form {
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Plain {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    form: Form,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Create a user
    Create {
        /// E-mail address
        email: String,
        /// Username; derived from the address when absent
        #[arg(long, value_name = "U")]
        username: Option<String>,
        /// Full name
        #[arg(long, value_name = "N")]
        name: Option<String>,
        /// Role in the organization
        #[arg(long, value_name = "ROLE", value_parser = ["admin", "member", "viewer"])]
        org_role: Option<String>,
        /// File that holds the password; its final line break is dropped
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Also issue an API key and print it once
        #[arg(long)]
        with_api_key: bool,
        #[command(flatten)]
        org: OfOrg,
        #[command(flatten)]
        plain: Plain,
    },
    /// Set a user's password
    SetPassword {
        /// Username or e-mail address
        user: String,
        /// File that holds the password; its final line break is dropped
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
        #[command(flatten)]
        plain: Plain,
    },
    /// Remove a user's passkeys, one-time codes and recovery codes
    ResetFactors {
        /// Username or e-mail address
        user: String,
        #[command(flatten)]
        plain: Plain,
    },
    /// Deactivate a user, in every organization at once
    Deactivate {
        /// Username or e-mail address
        user: String,
        #[command(flatten)]
        plain: Plain,
    },
    /// Make a deactivated user active again
    Reactivate {
        /// Username or e-mail address
        user: String,
        #[command(flatten)]
        plain: Plain,
    },
    /// Change a user's role in the organization
    SetOrgRole {
        /// Username or e-mail address
        user: String,
        /// The new role
        #[arg(value_parser = ["admin", "member", "viewer"])]
        role: String,
        #[command(flatten)]
        org: OfOrg,
        #[command(flatten)]
        plain: Plain,
    },
}

#[derive(Subcommand)]
enum OrgCommand {
    /// Create an organization
    Create {
        /// Its name
        name: String,
        /// Username or e-mail address of its first admin, an existing account
        #[arg(long, value_name = "USER")]
        admin: String,
        #[command(flatten)]
        plain: Plain,
    },
    /// List the organizations
    List(Plain),
}

#[derive(Subcommand)]
enum ApiKeyCommand {
    /// Issue an API key and print it once
    Create {
        /// Username or e-mail address
        user: String,
        /// What the key is for
        #[arg(long, value_name = "N")]
        name: Option<String>,
        /// How long the key is valid, such as 90d or 12h; for ever when absent
        #[arg(long, value_name = "SPAN", value_parser = positive_span)]
        expires_in: Option<i64>,
        /// The key reads and never changes anything, whatever its owner may do
        #[arg(long)]
        read_only: bool,
        #[command(flatten)]
        plain: Plain,
    },
}

#[derive(Subcommand)]
enum IssuerCommand {
    /// Trust an issuer; its keys are discovered unless a file names them
    Add {
        /// The issuer, exactly as its tokens spell it
        url: String,
        /// File with its key set (JWKS), for an issuer that this server cannot reach
        #[arg(long, value_name = "F")]
        jwks_file: Option<PathBuf>,
        /// File with the certificate authority of the issuer, in PEM
        #[arg(long, value_name = "F")]
        ca_file: Option<PathBuf>,
        #[command(flatten)]
        org: OfOrg,
        #[command(flatten)]
        plain: Plain,
    },
    /// List the issuers that are trusted
    List {
        #[command(flatten)]
        org: OfOrg,
        #[command(flatten)]
        plain: Plain,
    },
    /// Trust an issuer no longer
    Remove {
        /// The issuer
        url: String,
        #[command(flatten)]
        org: OfOrg,
        #[command(flatten)]
        plain: Plain,
    },
}

#[derive(Args)]
struct OfOrg {
    /// The organization, where there are several
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
}

#[derive(Args)]
struct Explain {
    /// Username or e-mail address of who acts
    #[arg(long, value_name = "USER")]
    subject: String,
    /// The action, such as project:read
    #[arg(long, value_name = "OBJECT:OPERATION")]
    action: String,
    /// What it is done to
    #[arg(long, value_name = "TEAM[/PROJECT]")]
    resource: String,
    #[command(flatten)]
    plain: Plain,
}

#[derive(Subcommand)]
enum SettingsCommand {
    /// List every setting with its value and where it comes from
    List(Plain),
}

#[derive(Args)]
struct Healthcheck {
    /// Address of the server; the one that runs on the data directory when absent
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    place: Place,
}

fn positive_span(text: &str) -> std::result::Result<i64, String> {
    match span::parse(text) {
        Some(span) if span > 0 => Ok(span),
        _ => Err("give a length of time such as 90d, 12h or 1h30m".to_owned()),
    }
}

/// Reads the arguments, does what they say, and gives the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let env = Env::from_process();
    let done = match cli.command {
        Command::Serve(flags) => serve::run(&flags, &env),
        Command::Healthcheck(Healthcheck { url, place }) => {
            config(place, &env).and_then(|config| healthcheck::run(&config, url.as_deref()))
        }
        other => request(other).and_then(|(request, plain)| command(request, plain, &env)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// A store command as a request.
fn request(command: Command) -> Result<(Request, Plain)> {
    Ok(match command {
        Command::User(UserCommand::Create {
            email,
            username,
            name,
            org_role,
            password_file,
            with_api_key,
            org,
            plain,
        }) => {
            let password = password_file.as_deref().map(read_password).transpose()?;
            let org = org.org;
            (Request::UserCreate { email, username, name, org_role, password, with_api_key, org }, plain)
        }
        Command::User(UserCommand::SetPassword { user, password_file, plain }) => {
            (Request::UserSetPassword { user, password: read_password(&password_file)? }, plain)
        }
        Command::User(UserCommand::ResetFactors { user, plain }) => (Request::UserResetFactors { user }, plain),
        Command::User(UserCommand::Deactivate { user, plain }) => (Request::UserDeactivate { user }, plain),
        Command::User(UserCommand::Reactivate { user, plain }) => (Request::UserReactivate { user }, plain),
        Command::User(UserCommand::SetOrgRole { user, role, org, plain }) => {
            (Request::UserSetOrgRole { user, role, org: org.org }, plain)
        }
        Command::Org(OrgCommand::Create { name, admin, plain }) => (Request::OrgCreate { name, admin }, plain),
        Command::Org(OrgCommand::List(plain)) => (Request::OrgList, plain),
        Command::ApiKey(ApiKeyCommand::Create { user, name, expires_in, read_only, plain }) => {
            (Request::ApiKeyCreate { user, name, expires_in, read_only }, plain)
        }
        Command::Issuer(IssuerCommand::Add { url, jwks_file, ca_file, org, plain }) => {
            let (jwks, ca) = (jwks_file.as_deref().map(read_text), ca_file.as_deref().map(read_text));
            (Request::IssuerAdd { url, jwks: jwks.transpose()?, ca: ca.transpose()?, org: org.org }, plain)
        }
        Command::Issuer(IssuerCommand::List { org, plain }) => (Request::IssuerList { org: org.org }, plain),
        Command::Issuer(IssuerCommand::Remove { url, org, plain }) => {
            (Request::IssuerRemove { url, org: org.org }, plain)
        }
        Command::Explain(Explain { subject, action, resource, plain }) => {
            (Request::Explain { subject, action, resource }, plain)
        }
        Command::Settings(SettingsCommand::List(plain)) => (Request::Settings, plain),
        Command::Doctor(plain) => (Request::Doctor, plain),
        Command::Serve(_) | Command::Healthcheck(_) => return Err(Error::internal("not a store command")),
    })
}

fn config(place: Place, env: &Env) -> Result<Config> {
    Config::resolve(&Flags { data_dir: place.data_dir, ..Flags::default() }, env)
}

fn command(request: Request, plain: Plain, env: &Env) -> Result<()> {
    let config = config(plain.place, env)?;
    let answer = match control::ask_running(&config.control_socket(), &request)? {
        Some(answer) => answer,
        None => stopped(&config, request)?,
    };
    print::answer(&answer, plain.form.json)?;
    match answer {
        Answer::Doctor { healthy: false, .. } => Err(Error::new(Code::StoreFailed, "The doctor found something.")
            .hint("Mend what is listed; the manual says how for each.")),
        _ => Ok(()),
    }
}

/// Does a request on the store itself, while no server runs.
fn stopped(config: &Config, request: Request) -> Result<Answer> {
    start_log(&Log { json: false, level: config.log.level.min(tracing::Level::WARN) });
    if !config.data_dir.exists() && !matches!(request, Request::UserCreate { .. }) {
        return Err(Error::not_found(format!("There is no data directory {}.", config.data_dir.display()))
            .hint("Name the server's with --data-dir or BAILIWICK_DATA_DIR."));
    }
    let app = open(config)?;
    let answer = actix_web::rt::System::new().block_on(control::run(&app, config, request));
    app.stop();
    answer
}

/// Opens the installation: the data directory, the store, and what lives in memory beside it.
fn open(config: &Config) -> Result<App> {
    prepare_data_dir(&config.data_dir)?;
    let file = config.data_dir.join(store::FILE_NAME);
    let random = Random::system();
    App::start(Parts {
        store: Store::open_file(&file, &store::schema::SCHEMA).map_err(|error| name_file(&error, &file))?,
        environment: config.env.clone(),
        sealing_key: sealing_key(config, &random)?,
        base_url: config.base_url.clone(),
        org: config.org.clone(),
        several_orgs: config.multi_org,
        clock: Clock::system(),
        random,
        hashing_threads: std::thread::available_parallelism().map_or(1, usize::from),
    })
}

/// The key of this data directory, with which secrets in the store are sealed: a copy of the store alone opens none. Made
/// where it is absent.
fn sealing_key(config: &Config, random: &Random) -> Result<[u8; 32]> {
    let path = config.data_dir.join("sealing.key");
    let damaged = || {
        Error::new(Code::Misconfigured, format!("{} is not a key of this server.", path.display()))
            .hint("Put the right file back; without it the secrets in the store cannot be opened.")
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => crate::crypto::digest_of_hex(text.trim()).ok_or_else(damaged),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = random.bytes::<32>()?;
            crate::http::tls::write_private(&path, &crate::crypto::hex(&key))?;
            Ok(key)
        }
        Err(_) => Err(damaged()),
    }
}

/// Says which file an error of opening is about.
fn name_file(error: &Error, file: &Path) -> Error {
    let detail = match error.code() {
        Code::Busy => format!("Another bailiwick uses {} already.", file.display()),
        _ => format!("{}: {}", file.display(), error.detail()),
    };
    let mut named = Error::new(error.code(), detail);
    if let Some(hint) = error.next_step() {
        named = named.hint(hint.to_owned());
    }
    match error.cause() {
        Some(cause) => named.because(cause.to_string()),
        None => named,
    }
}

/// Logs to stderr; stdout is for output that scripts read.
fn start_log(log: &Log) {
    let filter = tracing_subscriber::filter::Targets::new()
        .with_default(tracing::Level::WARN.min(log.level))
        .with_target("bailiwick", log.level)
        .with_target("access", log.level)
        // It reports every request that is not HTTP as an error, with which anybody could fill the log.
        .with_target("actix_http", tracing_subscriber::filter::LevelFilter::OFF);
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    // A second start in one process (a test) keeps the first log.
    let _ = if log.json {
        registry.with(layer.json().flatten_event(true).with_current_span(false).with_span_list(false)).try_init()
    } else {
        let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
        registry.with(layer.with_ansi(colour).with_target(false)).try_init()
    };
}

/// A text file that is sent as it is; one that is too large for a request is refused here, where its name is known.
fn read_text(path: &Path) -> Result<String> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Error::new(Code::InvalidValue, format!("The file {} cannot be read: {why}.", path.display()))
            .hint("Give a text file that this user can read.")
    };
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(&e))?;
    match text.len() {
        ..=24_000 => Ok(text),
        _ => Err(unreadable(&"it is longer than 24,000 bytes")),
    }
}

/// The content of a password file without its final line break.
fn read_password(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Error::new(Code::InvalidValue, format!("The password file {} cannot be read: {e}.", path.display()))
            .hint("Give a text file that this user can read.")
    })?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Error::new(Code::InvalidValue, format!("The password file {} is empty.", path.display()))
            .hint("Write the password into it."));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}

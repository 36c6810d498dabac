//! How the server starts: data directory, address, TLS files, proxies, log. Flags beat the environment, which beats the
//! defaults; none of it is ever in the console, because the store cannot configure its own opening.
//! How it behaves once it runs is in `config/settings.rs`. This module reads no store and opens no socket.

pub mod env;
pub mod settings;
pub mod span;
mod table;

use crate::error::{Code, Error, Result};
use env::{Env, parse_bool};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use url::Url;

/// The options of `serve`, as given on the command line; absent ones come from the environment or a default.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// Directory that holds the store, keys and certificates [env: BAILIWICK_DATA_DIR] [default: ./bailiwick-data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Address and port to listen on; port 0 takes a free one [env: BAILIWICK_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// Address that people type into their browser, used in every link [env: BAILIWICK_BASE_URL]
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Certificate chain in PEM; reloaded when the file changes [env: BAILIWICK_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<String>,
    /// Private key in PEM [env: BAILIWICK_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<String>,
    /// Make a certificate and keep it in the data directory [env: BAILIWICK_TLS_SELF_SIGNED]
    #[arg(long)]
    pub tls_self_signed: bool,
    /// Range of a reverse proxy whose forwarded headers are believed; repeatable [env: BAILIWICK_BEHIND_PROXY]
    #[arg(long, value_name = "CIDR")]
    pub behind_proxy: Vec<String>,
    /// Allow several organizations instead of exactly one [env: BAILIWICK_MULTI_ORG]
    #[arg(long)]
    pub multi_org: bool,
    /// Name of the first organization, used at first start only [env: BAILIWICK_ORG] [default: default]
    #[arg(long, value_name = "NAME")]
    pub org: Option<String>,
    /// Threads that answer requests [env: BAILIWICK_WORKERS] [default: one per core]
    #[arg(long, value_name = "N")]
    pub workers: Option<String>,
    /// Shape of the log: text or json [env: BAILIWICK_LOG_FORMAT] [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Least severe level logged: error, warn, info, debug or trace [env: BAILIWICK_LOG_LEVEL] [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// One start-up option, for the tables and for the check of unknown names.
pub struct Start {
    /// The flag without its dashes.
    pub flag: &'static str,
    /// The environment variable that stands in for it.
    pub env: &'static str,
    /// The default, for people; empty where there is none.
    pub default: &'static str,
    /// One sentence for the manual.
    pub doc: &'static str,
}

const fn start(flag: &'static str, env: &'static str, default: &'static str, doc: &'static str) -> Start {
    Start { flag, env, default, doc }
}

/// Every start-up option.
pub const STARTS: &[Start] = &[
    start(
        "data-dir",
        "BAILIWICK_DATA_DIR",
        "`./bailiwick-data`",
        "Directory that holds the store, keys and certificates.",
    ),
    start("listen", "BAILIWICK_LISTEN", "`127.0.0.1:8080`", "Address and port; port 0 takes a free one."),
    start(
        "base-url",
        "BAILIWICK_BASE_URL",
        "from the listen address",
        "Address people type; required where the listen address is a wildcard.",
    ),
    start("tls-cert", "BAILIWICK_TLS_CERT", "", "Certificate chain in PEM; reloaded when the file changes."),
    start("tls-key", "BAILIWICK_TLS_KEY", "", "Private key in PEM."),
    start(
        "tls-self-signed",
        "BAILIWICK_TLS_SELF_SIGNED",
        "`false`",
        "Makes a certificate and keeps it in the data directory.",
    ),
    start(
        "behind-proxy",
        "BAILIWICK_BEHIND_PROXY",
        "",
        "Ranges of reverse proxies whose forwarded headers are believed; repeatable, in the variable separated by commas.",
    ),
    start("multi-org", "BAILIWICK_MULTI_ORG", "`false`", "Allows several organizations instead of exactly one."),
    start("org", "BAILIWICK_ORG", "`default`", "Name of the first organization, at first start only."),
    start("workers", "BAILIWICK_WORKERS", "one per core", "Threads that answer requests."),
    start("log-format", "BAILIWICK_LOG_FORMAT", "`text` on a terminal, else `json`", "Shape of the log."),
    start(
        "log-level",
        "BAILIWICK_LOG_LEVEL",
        "`info`",
        "Least severe level logged: `error`, `warn`, `info`, `debug`, `trace`.",
    ),
];

/// How connections are protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Plain HTTP: on loopback, or behind a named proxy.
    Off,
    /// The operator's certificate and key files.
    Files {
        /// Certificate chain in PEM.
        cert: PathBuf,
        /// Private key in PEM.
        key: PathBuf,
    },
    /// A certificate of our own making, kept in the data directory.
    SelfSigned,
}

/// Shape and level of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// JSON lines instead of text.
    pub json: bool,
    /// Least severe level that is written.
    pub level: tracing::Level,
}

/// What the server needs to start, checked.
#[derive(Clone)]
pub struct Config {
    /// Directory that holds the store, keys and certificates.
    pub data_dir: PathBuf,
    /// Address to listen on; after the socket is bound, with the port it really has.
    pub listen: SocketAddr,
    /// The origin used in every link, without a trailing slash; derived from `listen` unless it was given.
    pub base_url: String,
    /// How connections are protected.
    pub tls: Tls,
    /// Peers whose forwarded headers are believed.
    pub behind_proxy: Vec<IpNet>,
    /// Whether more than one organization may exist.
    pub multi_org: bool,
    /// Name of the first organization.
    pub org: String,
    /// Threads that answer requests.
    pub workers: usize,
    /// Shape and level of the log.
    pub log: Log,
    /// The environment, for the settings.
    pub env: Env,
    base_url_given: bool,
}

impl Config {
    /// Combines flags, environment and defaults. Fails with a sentence that names the option to mend.
    pub fn resolve(flags: &Flags, env: &Env) -> Result<Config> {
        let pick = |flag: &Option<String>, name: &str| match flag {
            Some(value) => Ok(Some(value.clone())),
            None => env.get(name),
        };
        let yes = |flag: bool, name: &str| match (flag, env.get(name)?) {
            (true, _) => Ok(true),
            (false, None) => Ok(false),
            (false, Some(text)) => parse_bool(&text).ok_or_else(|| {
                wrong(format!("{name} is {text:?}, which is neither yes nor no.")).hint("Give true or false.")
            }),
        };
        let listen = pick(&flags.listen, "BAILIWICK_LISTEN")?.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let listen = parse_listen(&listen)?;
        let tls = resolve_tls(
            pick(&flags.tls_cert, "BAILIWICK_TLS_CERT")?,
            pick(&flags.tls_key, "BAILIWICK_TLS_KEY")?,
            yes(flags.tls_self_signed, "BAILIWICK_TLS_SELF_SIGNED")?,
        )?;
        let ranges = match flags.behind_proxy.as_slice() {
            [] => env.get("BAILIWICK_BEHIND_PROXY")?.unwrap_or_default().split(',').map(str::to_owned).collect(),
            given => given.to_vec(),
        };
        let given = pick(&flags.base_url, "BAILIWICK_BASE_URL")?;
        let base_url = match &given {
            Some(text) => parse_base_url(text, &tls)?,
            None => derive_base_url(listen, &tls),
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = match pick(&flags.workers, "BAILIWICK_WORKERS")? {
            None => cores,
            Some(text) => text.parse::<usize>().ok().filter(|n| (1..=1024).contains(n)).ok_or_else(|| {
                wrong(format!("The number of workers cannot be {text:?}.")).hint("Give a whole number from 1 to 1024.")
            })?,
        };
        let log = resolve_log(
            pick(&flags.log_format, "BAILIWICK_LOG_FORMAT")?,
            pick(&flags.log_level, "BAILIWICK_LOG_LEVEL")?,
        )?;
        Ok(Config {
            data_dir: pick(&flags.data_dir, "BAILIWICK_DATA_DIR")?
                .unwrap_or_else(|| "bailiwick-data".to_owned())
                .into(),
            listen,
            base_url,
            tls,
            behind_proxy: parse_ranges(&ranges)?,
            multi_org: yes(flags.multi_org, "BAILIWICK_MULTI_ORG")?,
            org: pick(&flags.org, "BAILIWICK_ORG")?.unwrap_or_else(|| "default".to_owned()),
            workers,
            log,
            env: env.clone(),
            base_url_given: given.is_some(),
        })
    }

    /// Refuses what must not be served: plain HTTP in the open, a wildcard address without a base URL, and variables of
    /// the seed system that would weaken the installation.
    pub fn check_serve(&self) -> Result<()> {
        let ip = self.listen.ip();
        if self.tls == Tls::Off && !ip.is_loopback() && self.behind_proxy.is_empty() {
            return Err(wrong(format!("Plain HTTP is not served on {ip}, because it is not a loopback address.")).hint(
                "Add --tls-cert and --tls-key, or --tls-self-signed, or --behind-proxy with the range of your reverse proxy.",
            ));
        }
        if ip.is_unspecified() && !self.base_url_given {
            return Err(wrong(format!("{ip} stands for every address, so no link can be made from it."))
                .hint("Add --base-url with the address that people type into their browser."));
        }
        for name in self.env.names() {
            if name == "GLOBAL_ADMIN_API_KEY" {
                return Err(wrong("GLOBAL_ADMIN_API_KEY is refused: a key in the environment that acts as administrator is seen by everyone who can list processes and cannot be revoked.")
                    .hint("Unset it and run 'bailiwick user create EMAIL --org-role admin --with-api-key'."));
            }
            if name.starts_with("GORILLA_INSECURE_") {
                return Err(wrong(format!("{name} is refused: it would switch a protection off."))
                    .hint("Unset it; nothing here needs it."));
            }
        }
        Ok(())
    }

    /// Takes the address that was really bound; a derived base URL follows it.
    pub fn bound_to(&mut self, listen: SocketAddr) {
        self.listen = listen;
        if !self.base_url_given {
            self.base_url = derive_base_url(listen, &self.tls);
        }
    }

    /// Names of variables that begin like ours and mean nothing: typing mistakes, most likely.
    pub fn unknown_variables(&self) -> Vec<String> {
        let known: Vec<&str> =
            STARTS.iter().map(|s| s.env).chain(settings::settings().flat_map(|s| s.env.iter().copied())).collect();
        let ours = self.env.names().filter(|n| n.starts_with("BAILIWICK_"));
        ours.filter(|n| !known.contains(&n.strip_suffix("_FILE").unwrap_or(n))).map(str::to_owned).collect()
    }

    /// Whether browsers reach this server over TLS, so that cookies can be marked secure.
    pub fn is_https(&self) -> bool {
        self.base_url.starts_with("https://")
    }

    /// The control socket's place.
    pub fn control_socket(&self) -> PathBuf {
        self.data_dir.join("control.sock")
    }
}

/// Makes the data directory with mode 0700 where it is absent, and refuses one that others can write.
pub fn prepare_data_dir(dir: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let unusable = |e: std::io::Error| {
        wrong(format!("The data directory {} cannot be used: {e}.", dir.display()))
            .hint("Give another one with --data-dir, or mend its owner and mode.")
    };
    if !dir.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
    }
    let meta = std::fs::metadata(dir).map_err(unusable)?;
    if !meta.is_dir() {
        return Err(wrong(format!("{} is not a directory.", dir.display())).hint("Give another one with --data-dir."));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(wrong(format!("Others can write to the data directory {}.", dir.display()))
            .hint(format!("Run: chmod 700 {}", dir.display())));
    }
    Ok(())
}

fn wrong(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Code::Misconfigured, detail)
}

fn parse_listen(text: &str) -> Result<SocketAddr> {
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse().map_err(|_| {
        wrong(format!("{text:?} is not an address to listen on."))
            .hint("Give an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080.")
    })
}

fn resolve_tls(cert: Option<String>, key: Option<String>, self_signed: bool) -> Result<Tls> {
    match (cert, key, self_signed) {
        (None, None, false) => Ok(Tls::Off),
        (None, None, true) => Ok(Tls::SelfSigned),
        (Some(cert), Some(key), false) => Ok(Tls::Files { cert: cert.into(), key: key.into() }),
        (_, _, true) => Err(wrong("A self-signed certificate and certificate files exclude each other.")
            .hint("Keep either --tls-self-signed or --tls-cert with --tls-key.")),
        (Some(_), None, _) => Err(wrong("A certificate was given without its key.").hint("Add --tls-key.")),
        (None, Some(_), _) => Err(wrong("A key was given without its certificate.").hint("Add --tls-cert.")),
    }
}

fn parse_base_url(text: &str, tls: &Tls) -> Result<String> {
    let bad = |why: &str| {
        wrong(format!("The base URL {text:?} cannot be used: {why}."))
            .hint("Give scheme, name and port only, such as https://bailiwick.example.org.")
    };
    let url = Url::parse(text).map_err(|e| bad(&e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("it is neither http nor https"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(bad("it holds more than scheme, name and port"));
    }
    if *tls != Tls::Off && url.scheme() == "http" {
        return Err(bad("it says http while this server speaks TLS"));
    }
    Ok(url.origin().ascii_serialization())
}

fn derive_base_url(listen: SocketAddr, tls: &Tls) -> String {
    let scheme = if *tls == Tls::Off { "http" } else { "https" };
    let host = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("{scheme}://{host}:{}", listen.port())
}

fn parse_ranges(ranges: &[String]) -> Result<Vec<IpNet>> {
    let mut out = Vec::new();
    for text in ranges.iter().map(|r| r.trim()).filter(|r| !r.is_empty()) {
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            wrong(format!("{text:?} is not a range of addresses."))
                .hint("Give --behind-proxy an address or a range such as 10.0.3.0/24.")
        })?;
        if net.prefix_len() == 0 {
            return Err(wrong(format!("{text} would believe forwarded headers from anyone."))
                .hint("Give --behind-proxy the range that your reverse proxy really has."));
        }
        out.push(net.trunc());
    }
    Ok(out)
}

fn resolve_log(format: Option<String>, level: Option<String>) -> Result<Log> {
    let json = match format.as_deref() {
        None => !std::io::IsTerminal::is_terminal(&std::io::stderr()),
        Some("json") => true,
        Some("text") => false,
        Some(other) => return Err(wrong(format!("{other:?} is not a log format.")).hint("Give text or json.")),
    };
    let level = level.as_deref().unwrap_or("info");
    let level = level
        .parse()
        .map_err(|_| wrong(format!("{level:?} is not a log level.")).hint("Give error, warn, info, debug or trace."))?;
    Ok(Log { json, level })
}

#[cfg(test)]
mod tests;

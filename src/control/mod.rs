//! What the shell can ask of an installation, running or stopped. One [`Request`] is one JSON line over the control
//! socket in the data directory (mode 0600; same user or root only), one [`Answer`] or error line comes back.
//! While the server is stopped the command line opens the store and calls the same [`run()`]. Rules are in `ops`.

mod doctor;
mod run;

pub use run::run;

use crate::clock::Millis;
use crate::error::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

/// One thing to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Request {
    /// Creates a person.
    UserCreate {
        /// The e-mail address.
        email: String,
        /// The username; derived from the address when absent.
        username: Option<String>,
        /// The full name.
        name: Option<String>,
        /// `admin`, `member` or `viewer`; member when absent.
        org_role: Option<String>,
        /// The password, in clear: the socket is for this user and root only.
        password: Option<String>,
        /// Whether to issue an API key as well.
        with_api_key: bool,
        /// The organization; the instance's when absent.
        #[serde(default)]
        org: Option<String>,
    },
    /// Sets a password.
    UserSetPassword {
        /// Username or address.
        user: String,
        /// The new password.
        password: String,
    },
    /// Removes a user's passkeys, app for one-time codes and recovery codes.
    UserResetFactors {
        /// Username or address.
        user: String,
    },
    /// Deactivates a user's account, in every organization it belongs to.
    UserDeactivate {
        /// Username or address.
        user: String,
    },
    /// Makes a deactivated user active again.
    UserReactivate {
        /// Username or address.
        user: String,
    },
    /// Changes a user's role in the organization.
    UserSetOrgRole {
        /// Username or address.
        user: String,
        /// `admin`, `member` or `viewer`.
        role: String,
        /// The organization; the user's default one when absent.
        #[serde(default)]
        org: Option<String>,
    },
    /// Creates an organization.
    OrgCreate {
        /// Its name.
        name: String,
        /// Username or address of its first admin.
        admin: String,
    },
    /// The organizations of the instance.
    OrgList,
    /// Issues an API key.
    ApiKeyCreate {
        /// Username or address.
        user: String,
        /// What the key is for.
        name: Option<String>,
        /// How long it is valid; for ever when absent.
        expires_in: Option<Millis>,
        /// Whether it only reads.
        #[serde(default)]
        read_only: bool,
    },
    /// The decision on an action, with its reasons.
    Explain {
        /// Username or address.
        subject: String,
        /// `object:operation`.
        action: String,
        /// `TEAM` or `TEAM/PROJECT`.
        resource: String,
    },
    /// Trusts an issuer of tokens.
    IssuerAdd {
        /// The issuer, as its tokens spell it.
        url: String,
        /// Its keys, instead of discovery.
        jwks: Option<String>,
        /// Certificate authorities of the issuer, in PEM.
        ca: Option<String>,
        /// The organization; the instance's when absent.
        org: Option<String>,
    },
    /// The issuers that are trusted.
    IssuerList {
        /// The organization; the instance's when absent.
        org: Option<String>,
    },
    /// Trusts an issuer no longer.
    IssuerRemove {
        /// The issuer.
        url: String,
        /// The organization; the instance's when absent.
        org: Option<String>,
    },
    /// Every setting with its value and source.
    Settings,
    /// Checks of the store and its surroundings.
    Doctor,
}

/// What came of it; the form that `--json` prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// A created person.
    #[serde(rename_all = "camelCase")]
    User {
        /// Id as the API shows it.
        id: String,
        /// The username.
        username: String,
        /// The address.
        email: String,
        /// The organization role.
        org_role: String,
        /// A fresh API key, when asked for.
        api_key: Option<String>,
    },
    /// A fresh API key, shown once.
    Key {
        /// Its public id.
        id: String,
        /// The key.
        key: String,
    },
    /// A decision.
    Decision {
        /// Whether the action is allowed.
        allowed: bool,
        /// Whether the subject may know of the resource.
        visible: bool,
        /// The rules consulted, the one that settled it last.
        chain: Vec<Step>,
    },
    /// An organization that was made.
    Org {
        /// Id as the API shows it.
        id: String,
        /// The name.
        name: String,
        /// The username of its first admin.
        admin: String,
    },
    /// Every organization.
    Orgs(Vec<OrgRow>),
    /// An issuer that is trusted now.
    #[serde(rename_all = "camelCase")]
    Issuer {
        /// Id as the API shows it.
        id: String,
        /// The issuer.
        issuer: String,
        /// `discovery` or `pasted`.
        keys: String,
    },
    /// Every issuer.
    Issuers(Vec<IssuerRow>),
    /// Every setting.
    Settings(Vec<SettingRow>),
    /// The doctor's findings.
    Doctor {
        /// Whether there are none.
        healthy: bool,
        /// What was checked.
        checked: Vec<String>,
        /// What is wrong.
        findings: Vec<String>,
    },
    /// Done, in a sentence.
    Done {
        /// The sentence.
        message: String,
    },
}

/// One rule of a decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The rule's permanent name.
    pub rule: String,
    /// The sentence.
    pub text: String,
}

/// One organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrgRow {
    /// Id as the API shows it.
    pub id: String,
    /// The name.
    pub name: String,
    /// How many people belong to it.
    pub people: usize,
    /// How many active administrators it has, counted up to ten.
    pub admins: usize,
}

/// One issuer that is trusted. Its fields are not those of [`SettingRow`], so that lists of both can be told apart.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuerRow {
    /// Id as the API shows it.
    pub id: String,
    /// The issuer.
    pub issuer: String,
    /// `discovery` or `pasted`.
    pub keys: String,
    /// The algorithms that are believed.
    pub algorithms: Vec<String>,
    /// Audiences besides the organization's name and `wandb`.
    pub audiences: Vec<String>,
}

/// One setting with its value in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SettingRow {
    /// Permanent name.
    pub key: String,
    /// The environment variable that sets it.
    pub env: String,
    /// Other names of that variable.
    pub aliases: Vec<String>,
    /// The value in force; secrets read "set".
    pub value: String,
    /// `env`, `saved` or `default`.
    pub source: String,
    /// A saved value that the environment hides.
    pub shadowed: Option<String>,
    /// One sentence.
    pub doc: String,
}

/// An error on its way to the shell.
#[derive(Debug, Serialize, Deserialize)]
struct Failure {
    code: String,
    error: String,
    hint: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Line {
    #[serde(rename = "ok")]
    Ok(Answer),
    #[serde(rename = "failure")]
    Failure(Failure),
}

/// The longest request line.
const LINE_LIMIT: u64 = 64 * 1024;
/// How long the shell waits for an answer: a doctor over a large store takes a while.
const PATIENCE: Duration = Duration::from_secs(300);

/// The socket's path in a form short enough for the kernel (108 bytes), by way of the open directory where needed.
struct Reach {
    path: PathBuf,
    _directory: Option<File>,
}

fn reach(socket: &Path) -> std::io::Result<Reach> {
    let (Some(dir), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Ok(Reach { path: socket.to_owned(), _directory: None });
    };
    if socket.as_os_str().len() < 100 {
        return Ok(Reach { path: socket.to_owned(), _directory: None });
    }
    let directory = File::open(dir)?;
    let path = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
    Ok(Reach { path, _directory: Some(directory) })
}

/// Listens on the control socket and answers by `handle`, each connection on its own task of the present thread.
/// The caller holds the store's lock, so a socket file that is there belongs to nobody and is removed.
pub fn listen<F, R>(socket: &Path, handle: F) -> Result<()>
where
    F: Fn(Request) -> R + Clone + 'static,
    R: Future<Output = Result<Answer>> + 'static,
{
    let failed = |e: std::io::Error| {
        Error::new(Code::Misconfigured, format!("The control socket {} cannot be made: {e}.", socket.display()))
            .hint("Mend the data directory's owner and mode.")
    };
    let _ = std::fs::remove_file(socket);
    let place = reach(socket).map_err(failed)?;
    let listener = tokio::net::UnixListener::bind(&place.path).map_err(failed)?;
    std::fs::set_permissions(&place.path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    actix_web::rt::spawn(async move {
        let _place = place;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let handle = handle.clone();
                    actix_web::rt::spawn(async move {
                        if let Err(e) = converse(stream, handle).await {
                            tracing::debug!("control socket: {e}");
                        }
                    });
                }
                Err(e) => {
                    tracing::warn!("control socket: {e}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    });
    Ok(())
}

async fn converse<F, R>(mut stream: tokio::net::UnixStream, handle: F) -> std::io::Result<()>
where
    F: Fn(Request) -> R,
    R: Future<Output = Result<Answer>>,
{
    let peer = stream.peer_cred()?.uid();
    if peer != 0 && peer != rustix::process::geteuid().as_raw() {
        tracing::warn!(peer, "a stranger spoke to the control socket");
        return Ok(());
    }
    let (from, mut to) = stream.split();
    let mut line = String::new();
    tokio::io::BufReader::new(from.take(LINE_LIMIT)).read_line(&mut line).await?;
    let result = match serde_json::from_str::<Request>(&line) {
        Ok(request) => handle(request).await,
        Err(_) => Err(Error::new(Code::InvalidRequest, "The running server does not know this command.")
            .hint("Restart it with the executable that you call.")),
    };
    let line = match result {
        Ok(answer) => Line::Ok(answer),
        Err(error) => {
            if error.kind() == crate::error::Kind::Internal {
                tracing::error!(code = error.code().as_str(), "control socket: {error:?}");
            }
            Line::Failure(Failure {
                code: error.code().as_str().to_owned(),
                error: error.detail().to_owned(),
                hint: error.next_step().map(str::to_owned),
            })
        }
    };
    let mut text = serde_json::to_string(&line)?;
    text.push('\n');
    to.write_all(text.as_bytes()).await?;
    to.shutdown().await
}

/// Whether a server answers on the control socket.
pub fn is_answering(socket: &Path) -> bool {
    reach(socket).is_ok_and(|place| std::os::unix::net::UnixStream::connect(&place.path).is_ok())
}

/// Sends a request to the server that runs on this data directory; `None` when none runs.
pub fn ask_running(socket: &Path, request: &Request) -> Result<Option<Answer>> {
    let lost = |e: &dyn std::fmt::Display| {
        Error::new(Code::Busy, format!("The running server gave no answer: {e}."))
            .hint("Look into its log; stop it to work on the store directly.")
    };
    let Ok(place) = reach(socket) else { return Ok(None) };
    let mut stream = match std::os::unix::net::UnixStream::connect(&place.path) {
        Ok(stream) => stream,
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
            return Err(Error::new(Code::Denied, "The running server's control socket is not for this user.")
                .hint("Run the command as the user that runs the server, or as root."));
        }
        Err(_) => return Ok(None),
    };
    stream.set_read_timeout(Some(PATIENCE)).map_err(|e| lost(&e))?;
    let mut line = serde_json::to_string(request).map_err(|e| lost(&e))?;
    line.push('\n');
    stream.write_all(line.as_bytes()).map_err(|e| lost(&e))?;
    let mut answer = String::new();
    BufReader::new(stream.take(64 * 1024 * 1024)).read_line(&mut answer).map_err(|e| lost(&e))?;
    match serde_json::from_str(&answer).map_err(|e| lost(&e))? {
        Line::Ok(answer) => Ok(Some(answer)),
        Line::Failure(failure) => {
            let code = Code::ALL.iter().find(|c| c.as_str() == failure.code).copied().unwrap_or(Code::Internal);
            let error = Error::new(code, failure.error);
            Err(match failure.hint {
                Some(hint) => error.hint(hint),
                None => error,
            })
        }
    }
}

//! Speaking SMTP (RFC 5321) to the organization's mail server: STARTTLS or TLS from the start, sign-in, one message. How the
//! connection comes about is in `line`, what mails say in `letters`; when they are sent is `ops/outbox.rs`'s.

pub mod letters;
mod line;

use crate::config::settings::mail::{Mail, Security};
use crate::model::identity::Check;
use letters::Letter;
use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart, header};
use lettre::transport::smtp::Error as Trouble;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use line::{Broken, Line};
use std::time::Duration;

/// How long each step may take until a server is ready for a mail.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long handing a mail over may take: servers look into it before they take it.
const SENDING: Duration = Duration::from_secs(60);

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server took it, and said this.
    Taken(String),
    /// Not now: the server cannot be reached, does not let us in, or said so.
    Later(String),
    /// The server refuses this message or its recipient for good.
    Refused(String),
}

/// A mail server, as this instance speaks to it.
#[derive(Clone, Debug)]
pub struct Post {
    settings: Mail,
    /// The host of this server's own address.
    host: String,
}

/// A step that did not work, in words, and whether trying again makes sense.
struct Failed {
    step: &'static str,
    why: String,
    for_good: bool,
}

impl Post {
    /// The post for settings in force, on an instance that is reached at `base_url`.
    pub fn new(settings: &Mail, base_url: &str) -> Self {
        let host = url::Url::parse(base_url).ok().and_then(|url| url.domain().map(str::to_owned));
        Post { settings: settings.clone(), host: host.unwrap_or_else(|| "localhost".to_owned()) }
    }

    /// Sends a letter. `id` is the same at each try, so that a mail server can tell a repetition.
    pub async fn send(&self, letter: &Letter, id: &str) -> Outcome {
        match self.deliver(letter, id, &mut vec![]).await {
            Ok(answer) => Outcome::Taken(answer),
            Err(failed) if failed.for_good => Outcome::Refused(failed.why),
            Err(failed) => Outcome::Later(format!("{}: {}", failed.step, failed.why)),
        }
    }

    /// Sends a letter step by step, for the page on which the mail server is set up.
    pub async fn test(&self, letter: &Letter, id: &str) -> Vec<Check> {
        let mut checks = vec![];
        match self.deliver(letter, id, &mut checks).await {
            Ok(answer) => checks.push(passed("Send a mail", format!("To {}: {answer}", letter.to))),
            Err(failed) => checks.push(Check { name: failed.step.to_owned(), passed: false, detail: failed.why }),
        }
        checks
    }

    async fn deliver(&self, letter: &Letter, id: &str, checks: &mut Vec<Check>) -> Result<String, Failed> {
        let (message, envelope) = self.message(letter, id)?;
        let mut line = self.connect(checks).await?;
        let sent = within(SENDING, "Send a mail", line.send(&envelope, &message.formatted())).await;
        let answer = sent.map_err(|failed| match failed {
            Late::Trouble(step, e) => Failed { step, for_good: e.is_permanent(), why: said(&e) },
            late => late.failed(),
        })?;
        // Whatever it answers to that, the message is taken or not.
        let _ = tokio::time::timeout(PATIENCE, line.quit()).await;
        Ok(answer.message().collect::<Vec<_>>().join(" "))
    }

    fn message(&self, letter: &Letter, id: &str) -> Result<(Message, Envelope), Failed> {
        let wrong = |why: String| Failed { step: "Write a mail", why, for_good: true };
        let from: Mailbox = match self.settings.from.as_str() {
            "" => format!("bailiwick@{}", self.host),
            from => from.to_owned(),
        }
        .parse()
        .map_err(|e| Failed { for_good: false, ..wrong(format!("The sender in mail.from is no address: {e}.")) })?;
        let to: Address = letter.to.parse().map_err(|e| wrong(format!("{} is no address: {e}.", letter.to)))?;
        let envelope = Envelope::new(Some(from.email.clone()), vec![to.clone()]).map_err(|e| wrong(e.to_string()))?;
        let message = Message::builder()
            .from(from)
            .to(Mailbox::new(None, to))
            .subject(&letter.subject)
            .message_id(Some(format!("<{id}@{}>", self.host)))
            .raw_header(header::HeaderValue::new(
                header::HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .multipart(MultiPart::alternative_plain_html(letter.text(), letter.html()))
            .map_err(|e| wrong(e.to_string()))?;
        Ok((message, envelope))
    }

    async fn connect(&self, checks: &mut Vec<Check>) -> Result<AsyncSmtpConnection, Failed> {
        let Mail { host, port, security, credentials, ca_files, .. } = &self.settings;
        let at = format!("{host}:{port}");
        let step = "Connect";
        let failed = |step: &'static str, why: String| Failed { step, why, for_good: false };
        if host.is_empty() {
            return Err(failed(step, "No mail server is set.".to_owned()));
        }
        let tls = match security {
            Security::None => None,
            _ => Some(line::client_config(ca_files).map_err(|why| failed("Read the certificate authorities", why))?),
        };
        let opening = Line::open((host.as_str(), *port), *security, tls, &self.host);
        let opened = match tokio::time::timeout(PATIENCE, opening).await {
            Ok(opened) => opened,
            Err(_) => return Err(failed(step, no_answer(PATIENCE))),
        };
        let line = opened.map_err(|broken| match broken {
            Broken::Connect(e) => failed(step, plainly(&e.to_string())),
            Broken::Encrypt(e) => failed("Begin encryption", plainly(&e.to_string())),
            Broken::NotOffered => failed(
                "Begin encryption",
                format!("{at} does not offer STARTTLS. Give the address as smtps:// if it speaks TLS from the start."),
            ),
        })?;
        let how = if line.is_encrypted() { "Encrypted, and the certificate is good." } else { "In the clear." };
        let name = ClientId::Domain(self.host.clone());
        let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(line), &name);
        let mut line = within(PATIENCE, step, greeted).await.map_err(Late::failed)?;
        checks.push(passed(step, format!("{at} answers.")));
        checks.push(passed("Begin encryption", how.to_owned()));
        if let Some((user, password)) = credentials {
            let step = "Sign in";
            let credentials = Credentials::new(user.clone(), password.clone());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            within(PATIENCE, step, line.auth(&mechanisms, &credentials)).await.map_err(Late::failed)?;
            checks.push(passed(step, format!("As {user}.")));
        }
        Ok(line)
    }
}

/// Why a step of the conversation did not work.
enum Late {
    Trouble(&'static str, Trouble),
    Silence(&'static str, Duration),
}

impl Late {
    fn failed(self) -> Failed {
        match self {
            Late::Trouble(step, e) => Failed { step, why: said(&e), for_good: false },
            Late::Silence(step, patience) => Failed { step, why: no_answer(patience), for_good: false },
        }
    }
}

/// A step that ends in time, however slowly the server drips.
async fn within<T>(
    patience: Duration,
    step: &'static str,
    talk: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Late> {
    match tokio::time::timeout(patience, talk).await {
        Ok(done) => done.map_err(|e| Late::Trouble(step, e)),
        Err(_) => Err(Late::Silence(step, patience)),
    }
}

fn no_answer(patience: Duration) -> String {
    format!("No answer within {} s.", patience.as_secs())
}

fn passed(name: &str, detail: String) -> Check {
    Check { name: name.to_owned(), passed: true, detail }
}

/// What the server said, or what is wrong with reaching it.
fn said(error: &Trouble) -> String {
    let text = plainly(&std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string));
    match error.status() {
        Some(code) => format!("{code} {text}"),
        None => text,
    }
}

/// Other people's text as part of a sentence of ours.
fn plainly(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    if text.contains("UnknownIssuer") {
        return "The certificate is of no authority known here; name it with mail.ca_file.".to_owned();
    }
    text.trim().to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests;

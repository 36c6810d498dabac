//! Speaking SMTP (RFC 5321) to the organization's mail server: STARTTLS or TLS from the start, sign-in, one message. It blocks,
//! so it runs off the threads that answer requests. What mails say is in `letters`; when they are sent is `ops/outbox.rs`'s.

pub mod letters;

use crate::config::settings::mail::{Mail, Security};
use crate::model::identity::Check;
use letters::Letter;
use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart, header};
use lettre::transport::smtp::Error as Trouble;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use std::time::Duration;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(15);

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
    pub fn send(&self, letter: &Letter, id: &str) -> Outcome {
        match self.deliver(letter, id, &mut vec![]) {
            Ok(answer) => Outcome::Taken(answer),
            Err(failed) if failed.for_good => Outcome::Refused(failed.why),
            Err(failed) => Outcome::Later(format!("{}: {}", failed.step, failed.why)),
        }
    }

    /// Sends a letter step by step, for the page on which the mail server is set up.
    pub fn test(&self, letter: &Letter, id: &str) -> Vec<Check> {
        let mut checks = vec![];
        match self.deliver(letter, id, &mut checks) {
            Ok(answer) => checks.push(passed("Send a mail", format!("To {}: {answer}", letter.to))),
            Err(failed) => checks.push(Check { name: failed.step.to_owned(), passed: false, detail: failed.why }),
        }
        checks
    }

    fn deliver(&self, letter: &Letter, id: &str, checks: &mut Vec<Check>) -> Result<String, Failed> {
        let (message, envelope) = self.message(letter, id)?;
        let mut line = self.connect(checks)?;
        let step = "Send a mail";
        let failed = |e: Trouble| Failed { step, for_good: e.is_permanent(), why: said(&e) };
        let sent = line.send(&envelope, &message.formatted());
        // Whatever it answers to that, the message is taken or not.
        let _ = line.quit();
        let answer = sent.map_err(failed)?;
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

    fn connect(&self, checks: &mut Vec<Check>) -> Result<SmtpConnection, Failed> {
        let Mail { host, port, security, credentials, .. } = &self.settings;
        let at = format!("{host}:{port}");
        let step = "Connect";
        if host.is_empty() {
            return Err(Failed { step, why: "No mail server is set.".to_owned(), for_good: false });
        }
        let name = ClientId::Domain(self.host.clone());
        let tls = match security {
            Security::None => None,
            _ => Some(self.tls()?),
        };
        let wrapped = tls.as_ref().filter(|_| *security == Security::Wrapped);
        let failed = |step: &'static str| move |e: Trouble| Failed { step, why: said(&e), for_good: false };
        let mut line = SmtpConnection::connect((host.as_str(), *port), Some(PATIENCE), &name, wrapped, None)
            .map_err(failed(step))?;
        line.set_timeout(Some(PATIENCE)).map_err(|e| Failed { step, why: format!("{e}."), for_good: false })?;
        checks.push(passed(step, format!("{at} answers.")));
        let step = "Begin encryption";
        match (security, &tls) {
            (Security::StartTls | Security::Opportunistic, Some(tls)) if line.can_starttls() => {
                line.starttls(tls, &name).map_err(failed(step))?;
            }
            (Security::StartTls, _) => {
                let why = format!(
                    "{at} does not offer STARTTLS. Give the address as smtps:// if it speaks TLS from the start."
                );
                return Err(Failed { step, why, for_good: false });
            }
            _ => {}
        }
        let how = if line.is_encrypted() { "Encrypted, and the certificate is good." } else { "In the clear." };
        checks.push(passed(step, how.to_owned()));
        if let Some((user, password)) = credentials {
            let step = "Sign in";
            let credentials = Credentials::new(user.clone(), password.clone());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            line.auth(&mechanisms, &credentials).map_err(failed(step))?;
            checks.push(passed(step, format!("As {user}.")));
        }
        Ok(line)
    }

    fn tls(&self) -> Result<TlsParameters, Failed> {
        let failed = |why: String| Failed { step: "Read the certificate authorities", why, for_good: false };
        let mut tls = TlsParameters::builder(self.settings.host.clone());
        for file in &self.settings.ca_files {
            let pem = std::fs::read(file).map_err(|e| failed(format!("{file} cannot be read: {e}.")))?;
            let found = Certificate::from_pem(&pem).map_err(|e| failed(format!("{file} is not PEM: {e}.")))?;
            tls = tls.add_root_certificate(found);
        }
        tls.build_rustls().map_err(|e| failed(said(&e)))
    }
}

fn passed(name: &str, detail: String) -> Check {
    Check { name: name.to_owned(), passed: true, detail }
}

/// What the server said, or what is wrong with reaching it.
fn said(error: &Trouble) -> String {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    let text = text.trim();
    if text.contains("UnknownIssuer") {
        return "The certificate is of no authority known here; name it with mail.ca_file.".to_owned();
    }
    if error.is_timeout() {
        return format!("No answer within {} s.", PATIENCE.as_secs());
    }
    match error.status() {
        Some(code) => format!("{code} {text}"),
        None => text.to_owned(),
    }
}

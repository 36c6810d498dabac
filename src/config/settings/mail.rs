//! The settings about mail and about the ways in that need it: invitations and signing up.

use super::{Found, Kind, Setting, Source};
use crate::clock::Millis;
use crate::error::{Code, Error, Result};
use std::net::{IpAddr, SocketAddr};

/// `mail.server`.
pub const SERVER: &str = "mail.server";
/// `mail.tls`.
pub const TLS: &str = "mail.tls";
/// `mail.user`.
pub const USER: &str = "mail.user";
/// `mail.password`.
pub const PASSWORD: &str = "mail.password";
/// `mail.from`.
pub const FROM: &str = "mail.from";
/// `mail.ca_file`.
pub const CA_FILE: &str = "mail.ca_file";
/// `invitations.valid`.
pub const INVITATIONS_VALID: &str = "invitations.valid";
/// `sign_up.open`.
pub const SIGN_UP: &str = "sign_up.open";
/// `sign_up.contact`.
pub const CONTACT: &str = "sign_up.contact";

/// `domains.dns_server`.
pub const DNS_SERVER: &str = "domains.dns_server";

/// The settings about mail, invitations and signing up.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: SERVER,
        env: &["BAILIWICK_SMTP_URL"],
        kind: Kind::MailServer,
        default: "",
        secret: false,
        doc: "The mail server: `smtp://` for STARTTLS (port 587), `smtps://` for TLS from the start (port 465). Without one, links are shown to copy.",
        caution: "",
    },
    Setting {
        key: TLS,
        env: &["BAILIWICK_SMTP_TLS"],
        kind: Kind::OneOf(&[("auto", &[]), ("none", &["off", "false"])]),
        default: "auto",
        secret: false,
        doc: "`auto`: an `smtp://` server must offer STARTTLS, except on this machine. `none`: it is spoken to in the clear.",
        caution: "In the clear, everybody on the way reads the links of invitations, and the password of the mail server.",
    },
    Setting {
        key: USER,
        env: &["BAILIWICK_SMTP_USER"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "The user name at the mail server, where it wants one.",
        caution: "",
    },
    Setting {
        key: PASSWORD,
        env: &["BAILIWICK_SMTP_PASSWORD"],
        kind: Kind::Text,
        default: "",
        secret: true,
        doc: "The password that belongs to it.",
        caution: "",
    },
    Setting {
        key: FROM,
        env: &["BAILIWICK_MAIL_FROM"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "The sender: an address, or a name with an address such as `ML platform <ml@example.com>`. Empty: `bailiwick@` and the host of this server.",
        caution: "",
    },
    Setting {
        key: CA_FILE,
        env: &["BAILIWICK_SMTP_CA_FILE"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "A file with certificate authorities in PEM for the mail server, besides those of the system and of `sso.ca_file`.",
        caution: "",
    },
    Setting {
        key: INVITATIONS_VALID,
        env: &["BAILIWICK_INVITATIONS_VALID"],
        kind: Kind::Span,
        default: "7d",
        secret: false,
        doc: "How long the link of an invitation is valid.",
        caution: "",
    },
    Setting {
        key: SIGN_UP,
        env: &["BAILIWICK_SIGN_UP"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether people with an address at a domain that an organization claims may make an account by themselves, after proving the address by mail.",
        caution: "Everybody with an address there becomes a member.",
    },
    Setting {
        key: CONTACT,
        env: &["BAILIWICK_SIGN_UP_CONTACT"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "Whom the pages before sign-in name for questions: an e-mail address.",
        caution: "",
    },
    Setting {
        key: DNS_SERVER,
        env: &["BAILIWICK_DNS_SERVER"],
        kind: Kind::Text,
        default: "",
        secret: false,
        doc: "The DNS server that is asked for the records that prove domains, such as `192.0.2.53` or `127.0.0.1:5353`. Empty: those of the machine.",
        caution: "",
    },
];

/// How the mail server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Wrapped,
    /// STARTTLS, or nothing is sent.
    StartTls,
    /// STARTTLS where it is offered: for servers on this machine.
    Opportunistic,
    /// In the clear.
    None,
}

/// The mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its name or address; empty where there is none.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub security: Security,
    /// User name and password, where it wants them.
    pub credentials: Option<(String, String)>,
    /// The sender as it was written; may be empty.
    pub from: String,
    /// Files with certificate authorities.
    pub ca_files: Vec<String>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail({}:{} {:?})", self.host, self.port, self.security)
    }
}

impl Mail {
    /// Whether there is a mail server.
    pub fn is_on(&self) -> bool {
        !self.host.is_empty()
    }

    pub(super) fn of(found: &Found) -> Result<Mail> {
        let none = Mail {
            host: String::new(),
            port: 0,
            security: Security::None,
            credentials: None,
            from: found.text(FROM)?,
            ca_files: vec![],
        };
        let Some(address) = found.optional(SERVER)? else { return Ok(none) };
        let url = url::Url::parse(&address).map_err(Error::internal)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let wrapped = url.scheme() == "smtps";
        let is_here = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        let security = match (wrapped, found.word(TLS)?) {
            (true, _) => Security::Wrapped,
            (false, "none") => Security::None,
            (false, _) if is_here => Security::Opportunistic,
            (false, _) => Security::StartTls,
        };
        let (user, password) = (found.text(USER)?, found.text(PASSWORD)?);
        let in_url = !url.username().is_empty() || url.password().is_some();
        if in_url && matches!(found.get(SERVER)?.source, Source::Saved) {
            return Err(Found::clash(
                "The address of the mail server holds a user name or a password, which this page would show.",
                "Give them in their own fields.",
            ));
        }
        if in_url && !(user.is_empty() && password.is_empty()) {
            return Err(Found::clash(
                "The user at the mail server is given twice: in BAILIWICK_SMTP_URL and by itself.",
                "Remove one of them.",
            ));
        }
        let plain = |text: &str| {
            let text = text.replace('+', "%2B");
            url::form_urlencoded::parse(text.as_bytes()).next().map(|(k, _)| k.into_owned()).unwrap_or_default()
        };
        let credentials = match in_url {
            true => Some((plain(url.username()), plain(url.password().unwrap_or_default()))),
            false => Some((user, password)).filter(|(user, _)| !user.is_empty()),
        };
        let mut ca_files: Vec<String> = found.optional(CA_FILE)?.into_iter().collect();
        ca_files.extend(found.optional(super::sso::CA_FILE)?);
        let port = url.port().unwrap_or(if wrapped { 465 } else { 587 });
        Ok(Mail { host, port, security, credentials, ca_files, ..none })
    }
}

/// The ways in besides the company's sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// How long the link of an invitation is valid.
    pub invitations_valid: Millis,
    /// Whether people at captured domains may sign up by themselves.
    pub sign_up: bool,
    /// Whom to ask; may be empty.
    pub contact: String,
    /// The DNS server that is asked; none for those of the machine.
    pub dns_server: Option<SocketAddr>,
}

impl People {
    pub(super) fn of(found: &Found) -> Result<People> {
        let contact = found.text(CONTACT)?;
        if !contact.is_empty() && crate::model::name::check_email(&contact).is_err() {
            return Err(Error::new(Code::Misconfigured, format!("{CONTACT} is not an e-mail address."))
                .hint("It should look like admin@example.com."));
        }
        let dns_server = match found.optional(DNS_SERVER)? {
            None => None,
            Some(text) => {
                let plain = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
                let read = text.parse().or(plain).map_err(|_| {
                    Error::new(Code::Misconfigured, format!("{DNS_SERVER} is not an address."))
                        .hint("It should look like 192.0.2.53 or 192.0.2.53:5353.")
                });
                Some(read?)
            }
        };
        Ok(People {
            dns_server,
            invitations_valid: found.span(INVITATIONS_VALID)?,
            sign_up: found.flag(SIGN_UP)?,
            contact,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use crate::config::env::Env;
    use crate::config::settings::Settings;
    use crate::config::settings::mail::Security;
    use std::collections::HashMap;

    fn of(env: &[(&str, &str)], saved: &[(&str, &str)]) -> crate::error::Result<Settings> {
        let saved: HashMap<_, _> = saved.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Settings::resolve(&Env::of(env), &saved)
    }

    #[test]
    fn an_address_says_how_the_server_is_spoken_to() {
        for (url, port, security) in [
            ("smtp://mail.example.com", 587, Security::StartTls),
            ("smtps://mail.example.com", 465, Security::Wrapped),
            ("smtp://127.0.0.1:2525", 2525, Security::Opportunistic),
            ("smtp://[::1]:25", 25, Security::Opportunistic),
        ] {
            let settings = of(&[("BAILIWICK_SMTP_URL", url)], &[]).unwrap();
            assert_eq!((settings.mail().port, settings.mail().security), (port, security), "{url}");
        }
        assert!(!of(&[], &[]).unwrap().mail().is_on());
        let plain = of(&[("BAILIWICK_SMTP_URL", "smtp://mail.example.com"), ("BAILIWICK_SMTP_TLS", "none")], &[]);
        assert_eq!(plain.unwrap().mail().security, Security::None);
        for bad in ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://h?x=1"] {
            assert!(of(&[("BAILIWICK_SMTP_URL", bad)], &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_in_the_address_is_used_and_never_shown() {
        let url = "smtps://robot%40example.com:p%2Bs%3As@mail.example.com";
        let settings = of(&[("BAILIWICK_SMTP_URL", url)], &[]).unwrap();
        let credentials = settings.mail().credentials.clone().unwrap();
        assert_eq!(credentials, ("robot@example.com".to_owned(), "p+s:s".to_owned()));
        let shown = settings.all().iter().find(|r| r.setting.key == super::SERVER).unwrap();
        assert_eq!((shown.text.as_str(), shown.shown()), ("smtps://mail.example.com", "smtps://mail.example.com"));
        assert!(!format!("{settings:?}").contains("p+s"));
        assert!(of(&[], &[(super::SERVER, url)]).is_err(), "saved, it would be shown");
        assert!(of(&[("BAILIWICK_SMTP_URL", url), ("BAILIWICK_SMTP_USER", "x")], &[]).is_err());
        assert!(of(&[("BAILIWICK_SIGN_UP_CONTACT", "nobody")], &[]).is_err());
    }
}

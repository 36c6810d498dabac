//! What the text of a setting may look like, and reading it.

use crate::clock::{HOUR, Millis};
use crate::config::env::parse_bool;
use crate::config::span;
use std::borrow::Cow;

/// What a setting's text must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true 1 yes on` or `false 0 no off`.
    Bool,
    /// A positive length of time: a whole number of hours, or a span such as `720h` or `30d`.
    Hours,
    /// A positive length of time, such as `5m`.
    Span,
    /// A number of bytes, such as `1048576` or `64MiB`.
    Bytes,
    /// A whole number above 0.
    Count,
    /// One of these words; each with the other words that mean it.
    OneOf(&'static [(&'static str, &'static [&'static str])]),
    /// Any text of one line, or nothing.
    Text,
    /// The address of an issuer: an absolute http or https URL without query and fragment, kept as it is written.
    Issuer,
    /// The address of a directory: `ldap://` or `ldaps://` with a host.
    Directory,
    /// The address of a mail server: `smtp://` or `smtps://` with a host, perhaps with user and password.
    MailServer,
    /// Pairs such as `group=team, other=third`.
    Pairs,
}

impl Kind {
    /// What to write, for the table and for messages.
    pub fn describe(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Kind::Bool => "`true` or `false`",
            Kind::Hours => "a whole number of hours above 0, or a length of time such as `720h`",
            Kind::Span => "a length of time such as `5m`",
            Kind::Bytes => "a number of bytes above 0, such as `1048576` or `64MiB`",
            Kind::Count => "a whole number above 0",
            Kind::OneOf(words) => {
                let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                return Cow::Owned(words.join(" or "));
            }
            Kind::Text => "one line of text",
            Kind::Issuer => "an address such as `https://login.example.com`, without `?` and `#`",
            Kind::Directory => "an address such as `ldaps://ldap.example.com:636`",
            Kind::MailServer => "an address such as `smtp://mail.example.com:587`",
            Kind::Pairs => "pairs such as `name=team, other=third`",
        })
    }

    /// The text as it may be shown.
    pub fn open_text(self, text: &str) -> String {
        if self == Kind::MailServer { without_user(text) } else { text.to_owned() }
    }

    /// Reads a value of this kind; `None` when the text is not one.
    pub fn parse(self, text: &str) -> Option<Value> {
        match self {
            Kind::Bool => parse_bool(text).map(Value::Bool),
            Kind::Hours => {
                let text = text.trim();
                let span = match text.parse::<i64>() {
                    Ok(hours) => hours.checked_mul(HOUR)?,
                    Err(_) => span::parse(text)?,
                };
                (span > 0 && span <= span::LONGEST).then_some(Value::Span(span))
            }
            Kind::Span => span::parse(text).filter(|span| *span > 0).map(Value::Span),
            Kind::OneOf(words) => {
                let text = text.trim();
                let means = |word: &str| word.eq_ignore_ascii_case(text);
                let found = words.iter().find(|(word, others)| means(word) || others.iter().any(|o| means(o)));
                found.map(|(word, _)| Value::Word(word))
            }
            Kind::Text => is_line(text).then(|| Value::Text(text.trim().to_owned())),
            Kind::Issuer => is_address(text.trim(), &["http", "https"]).then(|| Value::Text(text.trim().to_owned())),
            Kind::Directory => {
                let fits = is_address(text.trim(), &["ldap", "ldaps"]);
                fits.then(|| Value::Text(text.trim().to_owned()))
            }
            Kind::MailServer => {
                let fits = is_address(&without_user(text.trim()), &["smtp", "smtps"]);
                fits.then(|| Value::Text(text.trim().to_owned()))
            }
            Kind::Pairs => pairs(text).map(|_| Value::Text(text.trim().to_owned())),
            Kind::Bytes => parse_bytes(text).map(Value::Number),
            Kind::Count => text.trim().parse().ok().filter(|n| *n > 0 && *n <= 1_000_000_000).map(Value::Number),
        }
    }
}

/// A number with or without `KiB`, `MiB`, `GiB` or `TiB`, above 0 and below an exbibyte.
fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text.get(..digits)?.parse().ok()?;
    let unit = match text[digits..].trim() {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.checked_mul(1 << unit).filter(|n| *n > 0 && *n < 1 << 60)
}

/// An address without the user and the password in it.
fn without_user(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else { return text.to_owned() };
    if url.username().is_empty() && url.password().is_none() {
        return text.to_owned();
    }
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string().trim_end_matches('/').to_owned()
}

/// The longest text a setting takes, in bytes.
const TEXT_MAX: usize = 4_096;

fn is_line(text: &str) -> bool {
    text.len() <= TEXT_MAX && !text.chars().any(char::is_control)
}

/// Whether it is empty, or an absolute address of one of these schemes that names a host and holds no credentials, query or
/// fragment.
fn is_address(text: &str, schemes: &[&str]) -> bool {
    text.is_empty()
        || is_line(text)
            && url::Url::parse(text).is_ok_and(|url| {
                schemes.contains(&url.scheme())
                    && url.host_str().is_some_and(|host| !host.is_empty())
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.query().is_none()
                    && url.fragment().is_none()
            })
}

/// The pairs of a [`Kind::Pairs`]; `None` where a part is none.
pub fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    if !is_line(text) {
        return None;
    }
    // Distinguished names hold commas themselves, and are divided by semicolons.
    let by = if text.contains(';') { ';' } else { ',' };
    let parts = text.split(by).map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            // A distinguished name holds `=` itself: the team is behind the last one.
            let (from, to) = part.rsplit_once('=')?;
            let (from, to) = (from.trim(), to.trim());
            (!from.is_empty() && !to.is_empty()).then(|| (from.to_owned(), to.to_owned()))
        })
        .collect()
}

/// A setting's value, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A length of time.
    Span(Millis),
    /// A size or a count.
    Number(u64),
    /// A word.
    Word(&'static str),
    /// A text, without blanks around it; may be empty.
    Text(String),
}

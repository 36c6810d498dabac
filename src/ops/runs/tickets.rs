//! Tickets: what lets the bearer send or fetch one file of one run for a quarter of an hour, since the wandb client sends no
//! credential with file bytes. A ticket is bound to run, file, direction, size and account by a MAC, and the account's rights
//! are asked again when it is used: it says who comes, never that they may.

use crate::clock::{MINUTE, Millis};
use crate::crypto;
use crate::error::{Code, Error, Result};
use crate::model::{RunId, UserId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How long a ticket is good.
pub const LIFETIME: Millis = 15 * MINUTE;
/// The longest ticket, in characters: a file name is at most 512 bytes.
const LENGTH_MAX: usize = 1_024;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client.
    Up,
    /// To the client.
    Down,
}

/// One file of one run, one way, for one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Which way.
    pub way: Way,
    /// The run.
    pub run: RunId,
    /// Who got it.
    pub user: UserId,
    /// The public id of the key it was asked for with, or end and hash of the access token; empty for a browser session.
    pub key: String,
    /// Bytes at most.
    pub limit: u64,
    /// Until when it is good.
    pub until: Millis,
    /// The file.
    pub name: String,
}

impl Ticket {
    /// As it stands in an address.
    pub fn seal(&self, secret: &[u8]) -> String {
        let way = if self.way == Way::Up { "up" } else { "down" };
        let Ticket { run, user, key, limit, until, name, .. } = self;
        // None of the parts but the last can hold a line end, so that reading is unambiguous.
        let text = format!("1\n{way}\n{}\n{}\n{key}\n{limit}\n{until}\n{name}", run.0, user.0);
        let mac = crypto::mac(secret, text.as_bytes());
        format!("{}.{}", URL_SAFE_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(mac))
    }

    /// Reads a ticket of `way` that is good at `now`.
    ///
    /// # Errors
    /// [`Code::Denied`], the same for each cause but the time.
    pub fn open(text: &str, secret: &[u8], way: Way, now: Millis) -> Result<Ticket> {
        let refused = || Error::denied("This file address is not one that the server gave out for this.", true);
        if text.len() > LENGTH_MAX {
            return Err(refused());
        }
        let (body, mac) = text.split_once('.').ok_or_else(refused)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| refused());
        let (body, mac) = (decode(body)?, decode(mac)?);
        if !crypto::same(&crypto::mac(secret, &body), &mac) {
            return Err(refused());
        }
        let body = String::from_utf8(body).map_err(|_| refused())?;
        let ticket = parse(&body).filter(|t| t.way == way).ok_or_else(refused)?;
        if ticket.until <= now {
            return Err(Error::new(Code::Denied, "This file address has expired.").hint("Ask for a new one."));
        }
        Ok(ticket)
    }
}

fn parse(body: &str) -> Option<Ticket> {
    let mut parts = body.splitn(8, '\n');
    if parts.next()? != "1" {
        return None;
    }
    let way = match parts.next()? {
        "up" => Way::Up,
        "down" => Way::Down,
        _ => return None,
    };
    Some(Ticket {
        way,
        run: RunId(parts.next()?.parse().ok()?),
        user: UserId(parts.next()?.parse().ok()?),
        key: parts.next()?.to_owned(),
        limit: parts.next()?.parse().ok()?,
        until: parts.next()?.parse().ok()?,
        name: parts.next()?.to_owned(),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_as_it_was_made_and_not_otherwise() {
        let ticket = Ticket {
            way: Way::Up,
            run: RunId(7),
            user: UserId(3),
            key: "abc".into(),
            limit: 10,
            until: 1_000,
            name: "media/ä b.png".into(),
        };
        let text = ticket.seal(b"secret");
        assert_eq!(Ticket::open(&text, b"secret", Way::Up, 999).unwrap(), ticket);
        assert!(Ticket::open(&text, b"secret", Way::Up, 1_000).unwrap_err().detail().contains("expired"));
        assert!(Ticket::open(&text, b"secret", Way::Down, 0).is_err());
        assert!(Ticket::open(&text, b"other", Way::Up, 0).is_err());
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(Ticket::open(&changed, b"secret", Way::Up, 0).is_err(), "{at}");
        }
        for junk in ["", ".", "a.b", &"x".repeat(5000)] {
            assert!(Ticket::open(junk, b"secret", Way::Up, 0).is_err());
        }
    }
}

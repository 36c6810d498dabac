//! Browser sessions and the one-use setup code. Only hashes of their tokens are kept.

use super::UserId;
use crate::clock::Millis;
use serde::{Deserialize, Serialize};

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Hexadecimal SHA-256 of the cookie's token.
    pub id: String,
    /// Whose.
    pub user: UserId,
    /// How the person signed in: `password` or `setup`.
    pub method: String,
    /// Since when.
    pub created_at: Millis,
    /// From when on it is refused.
    pub expires_at: Millis,
    /// Address of the sign-in.
    pub ip: String,
    /// The browser's own description, cut to 200 characters.
    pub agent: String,
    /// What a form must send back.
    pub csrf: String,
}

impl Session {
    /// A short public name of the session, for lists and revoking: enough of the hash to be unique, useless as a token.
    pub fn handle(&self) -> &str {
        self.id.get(..16).unwrap_or(&self.id)
    }
}

/// When a session was last used, beside the session so that a read never rewrites it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionUse {
    /// The session's id.
    pub session: String,
    /// When.
    pub at: Millis,
    /// From which address.
    pub ip: String,
}

/// How much an account is used, by whatever key or session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Whose.
    pub user: UserId,
    /// On how many days (UTC).
    pub days: u32,
    /// When last; noted about once a minute.
    pub last_at: Millis,
}

/// The one-use code that makes the first administrator. At most one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupCode {
    /// Hexadecimal SHA-256 of the code.
    pub hash: String,
    /// From when on it is refused.
    pub expires_at: Millis,
}

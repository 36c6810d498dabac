//! Browser sessions and the one-use setup code. Only hashes of their tokens are kept.

use super::{OrgId, UserId};
use crate::clock::Millis;
use serde::{Deserialize, Serialize};

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Hexadecimal SHA-256 of the cookie's token.
    pub id: String,
    /// Whose.
    pub user: UserId,
    /// How the person signed in: `password`, `break-glass`, either of them with `+passkey`, `+code` or `+recovery`, `passkey`,
    /// `restore`, `setup`, `oidc` or `ldap`.
    pub method: String,
    /// Who the person is where the sign-in was proved, for the sign-out there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<SessionIdentity>,
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
    /// The organization it was switched to; the person's default one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
}

impl Session {
    /// A short public name of the session, for lists and revoking: enough of the hash to be unique, useless as a token.
    pub fn handle(&self) -> &str {
        self.id.get(..16).unwrap_or(&self.id)
    }
}

/// Where a sign-in was proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionIdentity {
    /// The connection.
    pub connection: String,
    /// The provider's id of the person.
    pub subject: String,
    /// The provider's id of its session (`sid`).
    pub session: Option<String>,
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

/// A sign-in at the company's provider that was begun and not yet returned from. Its secrets are useless without the browser
/// that began it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// Its place among those that are kept.
    pub place: u64,
    /// Hexadecimal SHA-256 of the `state` that the return must carry.
    pub state: String,
    /// Hexadecimal SHA-256 of the token in the browser's own cookie.
    pub browser: String,
    /// What the ID token must carry.
    pub nonce: String,
    /// What the code is redeemed with.
    pub verifier: Option<String>,
    /// The connection that it was begun with.
    pub connection: String,
    /// Where to go afterwards: a path here.
    pub next: String,
    /// The session whose owner wants the identity linked, by its id; none for signing in.
    pub link: Option<String>,
    /// From when on it is refused.
    pub expires_at: Millis,
}

/// A token of somebody else's that counts once and was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedToken {
    /// Hexadecimal SHA-256 of what it is for, its issuer and its id.
    pub id: String,
    /// From when on it is refused for its age.
    pub expires_at: Millis,
}

/// The ID token that opened a session: some providers take a sign-out only with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOutHint {
    /// The session's id.
    pub session: String,
    /// The token.
    pub id_token: String,
}

/// The temporary password of the way back in. At most one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// Hexadecimal SHA-256 of the password, which is random and long.
    pub hash: String,
    /// Whose.
    pub user: UserId,
    /// From when on it is refused.
    pub expires_at: Millis,
}

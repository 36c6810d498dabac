//! Who somebody is at the company's identity provider, as a sign-in there proved it, and the link kept between that and an
//! account here. The key is (connection, subject), never an address: addresses are given to other people later.
//! What a sign-in does with it is in `ops::sso`; how it is proved is in `idp`.

use super::UserId;
use crate::clock::Millis;
use serde::{Deserialize, Serialize};

/// The connection of everybody who signs in by LDAP.
pub const LDAP: &str = "ldap";

/// The connection of those who sign in by OpenID Connect at `issuer`: its text without one trailing slash, so that the
/// spelling of the setting never makes two people of one.
pub fn oidc_connection(issuer: &str) -> String {
    format!("oidc {}", issuer.strip_suffix('/').unwrap_or(issuer))
}

/// A group as a directory names it: every name it may be known by (common name, distinguished name, number).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalGroup {
    /// Its names, the one for people first.
    pub names: Vec<String>,
    /// What made the person a member, for people: `memberOf`, `gidNumber`, `the groups claim`, `nested in admins`.
    pub through: String,
}

/// The groups of one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExternalGroups {
    /// All there are: also when there are none.
    Complete(Vec<ExternalGroup>),
    /// Nobody can say, and why, as one sentence. Never read as "none".
    Unknown(String),
}

/// What a sign-in proved about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalIdentity {
    /// [`LDAP`] or [`oidc_connection`].
    pub connection: String,
    /// The provider's permanent id of the person: `sub`; the entry's UUID, else its distinguished name.
    pub subject: String,
    /// The name the person has there: `preferred_username`; `uid` or `sAMAccountName`.
    pub username: Option<String>,
    /// The full name.
    pub name: Option<String>,
    /// The address.
    pub email: Option<String>,
    /// Whether the provider vouches for the address; absent where it does not say.
    pub email_verified: Option<bool>,
    /// The groups.
    pub groups: ExternalGroups,
    /// The provider's id of its own session (`sid`), for its sign-out.
    pub session: Option<String>,
}

/// The link between an identity elsewhere and an account here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Where.
    pub connection: String,
    /// Who, there.
    pub subject: String,
    /// Who, here.
    pub user: UserId,
    /// Since when.
    pub linked_at: Millis,
    /// When the person signed in by it last.
    pub last_at: Millis,
    /// The teams that its groups made the person a member of, with what made each.
    #[serde(default)]
    pub teams: Vec<(super::TeamId, String)>,
}

/// The mark of an administrator whose password works also while people sign in through the company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlass {
    /// Who.
    pub user: UserId,
    /// Since when.
    pub since_at: Millis,
}

/// One step of a test of a connection, or of reading one person by it, as an administrator sees it. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was done, as a short sentence without a full stop: `Connect to ldap.example.com:636`.
    pub name: String,
    /// Whether it worked; what comes after a step that did not is absent.
    pub passed: bool,
    /// What was found, or what went wrong and what to do.
    pub detail: String,
}

/// What the last background sync with the directory did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReport {
    /// When it began.
    pub began_at: Millis,
    /// When it ended.
    pub ended_at: Millis,
    /// People in the directory, with an account here or not.
    pub people: usize,
    /// Groups in the directory.
    pub groups: usize,
    /// Active accounts here that belong to somebody there.
    pub accounts: usize,
    /// Accounts whose name, address or teams changed.
    pub changed: usize,
    /// Memberships that began.
    pub joined: usize,
    /// Memberships that ended.
    pub left: usize,
    /// Accounts deactivated because their people are gone.
    pub deactivated: usize,
    /// Accounts whose changes wait for approval, see the page Provisioning.
    pub held: usize,
    /// Accounts that could not be brought up to date; the log says why.
    pub failed: usize,
    /// Why nothing, or not everything, was done; one sentence.
    pub trouble: Option<String>,
}

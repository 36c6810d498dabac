//! API keys: exactly forty letters and digits, which old and new wandb clients accept alike. The first ten are public and
//! find the row; of the whole only the SHA-256 is kept.

use super::{OrgId, ProjectId, TeamId, UserId};
use crate::clock::Millis;
use crate::crypto;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Length of a key (wandb SDKs before keys could be longer accept exactly this).
pub const KEY_LEN: usize = 40;
/// Length of the public part.
pub const KEY_ID_LEN: usize = 10;

/// What a key may be used for, beyond what its owner may do: it can only narrow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// Everything its owner may do.
    #[default]
    Full,
    /// Reading only.
    ReadOnly,
    /// Provisioning: the key of a connection, which acts on people, teams and roles and on nothing else.
    Provisioning,
    /// One place only.
    Within {
        /// Where.
        place: KeyPlace,
        /// Whether it only reads there.
        #[serde(default)]
        reads_only: bool,
    },
}

/// Where a narrowed key counts. About its owner and the organization such a key still reads what every client asks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// One organization of its owner's.
    Org(OrgId),
    /// A team and its projects.
    Team(TeamId),
    /// A project.
    Project(ProjectId),
}

impl KeyScope {
    /// The word in API and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyScope::Full => "full",
            KeyScope::ReadOnly => "read-only",
            KeyScope::Provisioning => "provisioning",
            KeyScope::Within { place: KeyPlace::Org(_), .. } => "organization",
            KeyScope::Within { place: KeyPlace::Team(_), .. } => "team",
            KeyScope::Within { place: KeyPlace::Project(_), .. } => "project",
        }
    }

    /// Whether it only reads.
    pub fn reads_only(self) -> bool {
        matches!(self, KeyScope::ReadOnly | KeyScope::Within { reads_only: true, .. })
    }

    /// The one place it counts in.
    pub fn place(self) -> Option<KeyPlace> {
        match self {
            KeyScope::Within { place, .. } => Some(place),
            KeyScope::Full | KeyScope::ReadOnly | KeyScope::Provisioning => None,
        }
    }
}

/// An API key as stored; the secret itself is nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The public first ten characters.
    pub id: String,
    /// Whose rights it carries.
    pub owner: UserId,
    /// What its owner calls it; may be empty.
    #[serde(default)]
    pub name: String,
    /// Hexadecimal SHA-256 of the forty characters.
    pub hash: String,
    /// What it may be used for.
    #[serde(default)]
    pub scope: KeyScope,
    /// When it was made.
    pub created_at: Millis,
    /// From when on it is refused.
    #[serde(default)]
    pub expires_at: Option<Millis>,
    /// From where alone it is accepted; from everywhere when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<IpNet>,
}

impl ApiKey {
    /// Whether it is accepted from `ip`.
    pub fn fits_network(&self, ip: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&ip.to_canonical()))
    }

    /// Whether `presented` (forty characters) is this key; constant time in its content.
    pub fn fits(&self, presented: &str) -> bool {
        crypto::digest_of_hex(&self.hash).is_some_and(|kept| crypto::same(&crypto::sha256(presented.as_bytes()), &kept))
    }

    /// Whether it is past its end at `now`.
    pub fn is_expired(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// When a key was last used, beside the key so that noting it never touches the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUse {
    /// The key's public id.
    pub key: String,
    /// When.
    pub at: Millis,
    /// From which address.
    pub ip: String,
}

/// The public id of what could be a key; `None` when it cannot be one.
pub fn key_id(presented: &str) -> Option<&str> {
    (presented.len() == KEY_LEN && presented.bytes().all(|b| b.is_ascii_alphanumeric()))
        .then(|| &presented[..KEY_ID_LEN])
}

//! Organizations, teams and memberships.

use super::role::TeamRole;
use super::{OrgId, TeamId, UserId};
use crate::clock::Millis;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The root scope. The first one is the instance's own; its administrators administer the instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Org {
    /// Permanent.
    pub id: OrgId,
    /// Unique without regard to case.
    pub name: String,
    /// When it was made.
    pub created_at: Millis,
    /// Whether no team may have open or public projects from now on, whatever its own switch says.
    #[serde(default)]
    pub private_projects: bool,
    /// Whether only admins invite to teams, whatever a team's own switch says.
    #[serde(default)]
    pub admins_invite: bool,
    /// Whether nobody gets another API key: machines and people come with tokens of the company's issuer instead. Keys that
    /// are there stay until they are revoked.
    #[serde(default)]
    pub keys_closed: bool,
    /// Who gets the bills: one person, who gains no right by it.
    #[serde(default)]
    pub billing_admin: Option<UserId>,
}

impl Org {
    /// An organization with every switch off.
    pub fn new(id: OrgId, name: String, created_at: Millis) -> Self {
        Org {
            id,
            name,
            created_at,
            private_projects: false,
            admins_invite: false,
            keys_closed: false,
            billing_admin: None,
        }
    }
}

/// The organization made at first start.
pub const HOME: OrgId = OrgId(1);

/// Where a team wants the files of its runs. It is kept, shown and given to whoever asks; this server itself keeps all files
/// beside its store, whatever a team wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageType {
    /// On this server's disk, where they are.
    #[default]
    Server,
    /// In a bucket of Amazon S3.
    Aws,
    /// In a bucket of Google Cloud Storage.
    Gcp,
    /// In Azure Blob Storage.
    Azure,
    /// In a bucket of CoreWeave.
    CoreWeave,
    /// In a bucket of MinIO or another store that speaks S3.
    MinIo,
}

impl StorageType {
    /// All of them, the default first.
    pub const ALL: [StorageType; 6] = [
        StorageType::Server,
        StorageType::Aws,
        StorageType::Gcp,
        StorageType::Azure,
        StorageType::CoreWeave,
        StorageType::MinIo,
    ];

    /// The word in code, store, API and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            StorageType::Server => "server",
            StorageType::Aws => "aws",
            StorageType::Gcp => "gcp",
            StorageType::Azure => "azure",
            StorageType::CoreWeave => "coreweave",
            StorageType::MinIo => "minio",
        }
    }

    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            StorageType::Server => "This server",
            StorageType::Aws => "Amazon S3",
            StorageType::Gcp => "Google Cloud Storage",
            StorageType::Azure => "Azure Blob Storage",
            StorageType::CoreWeave => "CoreWeave",
            StorageType::MinIo => "MinIO or another S3 store",
        }
    }

    /// Reads the word in any case; nothing typed means the default.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidValue`].
    pub fn parse(text: &str) -> Result<Self> {
        let word = text.trim().to_ascii_lowercase();
        if word.is_empty() {
            return Ok(StorageType::default());
        }
        StorageType::ALL
            .into_iter()
            .find(|s| s.as_str() == word)
            .ok_or_else(|| Error::invalid("A storage type is server, aws, gcp, azure, coreweave or minio."))
    }
}

/// A team of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// Permanent.
    pub id: TeamId,
    /// The organization it belongs to.
    pub org: OrgId,
    /// Unique over users and teams without regard to case.
    pub name: String,
    /// One line for people; may be empty.
    #[serde(default)]
    pub description: String,
    /// Whether its future projects are private: no new open or public ones, and none becomes so.
    #[serde(default)]
    pub private_projects: bool,
    /// Whether every member may invite, not only admins.
    #[serde(default)]
    pub members_invite: bool,
    /// Whether newcomers whose address is at a domain of the organization are told of it and may join by themselves.
    #[serde(default)]
    pub recommended: bool,
    /// The role of whoever comes without one being chosen: by a domain of the organization, or by a directory.
    #[serde(default = "member")]
    pub default_role: TeamRole,
    /// Where it wants the files of its runs.
    #[serde(default)]
    pub storage: StorageType,
    /// Who made it.
    #[serde(default)]
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Millis,
    /// Counts changes of this row's settings.
    #[serde(default)]
    pub version: u64,
    /// Counts people who came and went, so that a reader can tell whether the list of members is still the same.
    #[serde(default)]
    pub roster: u64,
    /// When the name or the list of members changed last; 0 where they never did.
    #[serde(default)]
    pub updated_at: Millis,
}

impl Team {
    /// A team with every switch off, made by nobody in particular.
    pub fn new(id: TeamId, org: OrgId, name: String, created_at: Millis) -> Self {
        Team {
            id,
            org,
            name,
            description: String::new(),
            private_projects: false,
            members_invite: false,
            recommended: false,
            default_role: TeamRole::Member,
            storage: StorageType::Server,
            created_by: None,
            created_at,
            version: 1,
            roster: 0,
            updated_at: created_at,
        }
    }
}

fn member() -> TeamRole {
    TeamRole::Member
}

/// Belonging to a team, with the role there. One row per (team, user).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The team.
    pub team: TeamId,
    /// The person or service account.
    pub user: UserId,
    /// The role.
    pub role: TeamRole,
    /// Since when.
    pub since_at: Millis,
}

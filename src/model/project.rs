//! Projects, their visibility, and the people invited to restricted ones.

use super::role::TeamRole;
use super::{Entity, OrgId, ProjectId, UserId};
use crate::clock::Millis;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Who can reach a project, from the widest to the narrowest (mission document, "Visibility scopes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Anyone who knows it reads and submits.
    Open,
    /// Anyone who knows it reads; only the team submits.
    Public,
    /// The team reads and submits.
    Team,
    /// Invited members of the team only.
    Restricted,
}

impl Visibility {
    /// All four, widest first.
    pub const ALL: [Visibility; 4] = [Visibility::Open, Visibility::Public, Visibility::Team, Visibility::Restricted];

    /// The word in code, store, API and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Visibility::Open => "open",
            Visibility::Public => "public",
            Visibility::Team => "team",
            Visibility::Restricted => "restricted",
        }
    }

    /// The value the wandb SDK and GraphQL use for it.
    pub fn access(self) -> &'static str {
        match self {
            Visibility::Open => "USER_WRITE",
            Visibility::Public => "USER_READ",
            Visibility::Team => "PRIVATE",
            Visibility::Restricted => "RESTRICTED",
        }
    }

    /// One sentence for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Visibility::Open => "Anyone signed in who knows it can read it and submit runs.",
            Visibility::Public => "Anyone signed in who knows it can read it; only the team submits runs.",
            Visibility::Team => "Members of the team can read it and submit runs.",
            Visibility::Restricted => "Only invited members of the team can read it and submit runs.",
        }
    }

    /// Reads the word or the SDK's value, in any case.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "open" | "user_write" => Visibility::Open,
            "public" | "user_read" => Visibility::Public,
            "team" | "private" => Visibility::Team,
            "restricted" => Visibility::Restricted,
            _ => return Err(Error::invalid("A project's visibility is open, public, team or restricted.")),
        })
    }
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Permanent.
    pub id: ProjectId,
    /// The organization, equal to its team's.
    pub org: OrgId,
    /// The team or person it belongs to.
    pub entity: Entity,
    /// Unique in its entity without regard to case.
    pub name: String,
    /// Who can reach it.
    pub visibility: Visibility,
    /// Who made it and may change its visibility.
    #[serde(default)]
    pub owner: Option<UserId>,
    /// One line for people; may be empty.
    #[serde(default)]
    pub description: String,
    /// When it was made.
    pub created_at: Millis,
    /// Counts changes, for conditional updates.
    #[serde(default)]
    pub version: u64,
}

/// What a project knows of one of its team's members beyond the team role. One row per (project, user); none for somebody
/// whose standing is the team role alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectMember {
    /// The project.
    pub project: ProjectId,
    /// The person or service account.
    pub user: UserId,
    /// Whether they are invited, which counts while the project is restricted.
    #[serde(default = "yes")]
    pub invited: bool,
    /// The project role where it differs from the team role; absent while it follows that one.
    #[serde(default)]
    pub role: Option<TeamRole>,
    /// Since when.
    pub since_at: Millis,
}

impl ProjectMember {
    /// An invitation that follows the team role.
    pub fn invited(project: ProjectId, user: UserId, since_at: Millis) -> Self {
        ProjectMember { project, user, invited: true, role: None, since_at }
    }
}

fn yes() -> bool {
    true
}

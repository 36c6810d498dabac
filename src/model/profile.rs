//! What a directory (an identity provider, a script) says of a person or a team beyond what this server acts on: kept verbatim and
//! given back. Names, addresses, status, roles and seats are the user's own; see `user.rs`.

use super::{OrgId, TeamId, UserId};
use crate::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One person's. There is none for people whom no directory ever wrote to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Whose.
    pub user: UserId,
    /// The organization that the directory belongs to.
    pub org: OrgId,
    /// The name by which the directory knows the person, as it wrote it; unique without regard to case.
    /// Absent where it is the username.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The directory's own id for the person: data in its own namespace, never one of ours. Unique in the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Whether the full name was put together from its parts, since the directory gave no name to show.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub name_derived: bool,
    /// Descriptive attributes (parts of the name, title, telephone numbers, department …) in the shape of RFC 7643, checked
    /// against its schema.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// When the directory changed the person last.
    pub updated_at: Millis,
}

impl Profile {
    /// An empty one.
    pub fn new(user: UserId, org: OrgId, now: Millis) -> Self {
        Profile {
            user,
            org,
            user_name: None,
            external_id: None,
            name_derived: false,
            details: Map::new(),
            updated_at: now,
        }
    }
}

/// What a directory says of a team. There is none for teams that no directory ever wrote to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamProfile {
    /// Which.
    pub team: TeamId,
    /// The organization that the directory belongs to.
    pub org: OrgId,
    /// The name by which the directory knows the team, as it wrote it; unique in the organization without regard to case.
    /// Absent where it is the team's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The directory's own id for the team: data in its own namespace, never one of ours. Unique in the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Whether the directory made the team, and so may delete it again.
    #[serde(default)]
    pub is_made_by_directory: bool,
    /// When the directory changed it last.
    pub updated_at: Millis,
}

impl TeamProfile {
    /// An empty one.
    pub fn new(team: TeamId, org: OrgId, now: Millis) -> Self {
        TeamProfile { team, org, display_name: None, external_id: None, is_made_by_directory: false, updated_at: now }
    }
}

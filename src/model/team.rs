//! Organizations, teams and memberships.

use super::role::TeamRole;
use super::{OrgId, TeamId, UserId};
use crate::clock::Millis;
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

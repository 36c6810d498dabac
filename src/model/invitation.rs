//! Invitations: what somebody without an account is promised, by whom, and the one-use link that proves the address.
//! An invitation carries no right by itself; what it gives is decided again, on the inviter's rights, when it is taken up.

use super::role::{OrgRole, TeamRole};
use super::team::HOME;
use super::{InviteId, OrgId, TeamId, UserId};
use crate::clock::Millis;
use serde::{Deserialize, Serialize};

/// An invitation of an address that no account of the organization has yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Permanent.
    pub id: InviteId,
    /// The organization.
    #[serde(default = "home")]
    pub org: OrgId,
    /// The team that invites; none where the organization does.
    pub team: Option<TeamId>,
    /// The invited address.
    pub email: String,
    /// The role it will give in the organization. A team's invitation gives member.
    #[serde(default = "member")]
    pub org_role: OrgRole,
    /// The teams that an invitation of the organization leads to besides.
    #[serde(default)]
    pub teams: Vec<TeamId>,
    /// The role it will give in each of its teams.
    pub role: TeamRole,
    /// Who invited.
    pub by: UserId,
    /// When.
    pub created_at: Millis,
    /// Hexadecimal SHA-256 of the link's secret; empty where no link was made.
    #[serde(default)]
    pub token: String,
    /// From when on the link is refused; 0 where no link was made.
    #[serde(default)]
    pub expires_at: Millis,
    /// Whether its link went to the address by mail and nobody here saw it, so that opening it proves the address.
    #[serde(default)]
    pub by_mail: bool,
    /// When the link was made last; 0 where none was.
    #[serde(default)]
    pub link_at: Millis,
}

impl Invite {
    /// The teams it leads to.
    pub fn places(&self) -> impl Iterator<Item = TeamId> {
        self.team.into_iter().chain(self.teams.iter().copied())
    }

    /// Whether its link was made and is over at `now`.
    pub fn is_over(&self, now: Millis) -> bool {
        self.expires_at > 0 && self.expires_at <= now
    }
}

fn home() -> OrgId {
    HOME
}

fn member() -> OrgRole {
    OrgRole::Member
}

/// Somebody who wants an account and has to prove an address first. Like an invitation of nobody: it makes an account only
/// when its link is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignUp {
    /// The folded address, one each.
    pub email: String,
    /// The organization that captured its domain.
    pub org: OrgId,
    /// Hexadecimal SHA-256 of the link's secret.
    pub token: String,
    /// When it was asked for last.
    pub asked_at: Millis,
    /// From when on the link is refused.
    pub expires_at: Millis,
}

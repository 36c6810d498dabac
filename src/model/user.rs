//! Users: people and service accounts, their status, their organizations and addresses.

use super::role::{OrgRole, Seat};
use super::{OrgId, TeamId, UserId};
use crate::clock::Millis;
use serde::{Deserialize, Serialize};

/// Whether an account works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Signs in, acts.
    Active,
    /// Kept, listed, without any right: sessions and keys are refused.
    Deactivated,
    /// A tombstone that keeps authorship; names and addresses are free again, nothing brings it back.
    Deleted,
}

impl Status {
    /// The word in code, store, API and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Deactivated => "deactivated",
            Status::Deleted => "deleted",
        }
    }
}

/// Person or machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserKind {
    /// A human being, who may sign in to the console.
    Person,
    /// A service account: acts by key, or by tokens of the company's issuer, and never signs in.
    Service(Service),
    /// The account that a provisioning connection acts as.
    Connection,
}

/// What makes a service account what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The team it belongs to; absent for one of the organization, which reaches every team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// Whom the tokens of the organization's issuers call it, exactly. Such an account has no keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl Service {
    /// One of a team that acts by key.
    pub fn of_team(team: TeamId) -> Self {
        Service { team: Some(team), subject: None }
    }
}

/// An e-mail address of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    /// As entered; compared folded.
    pub address: String,
    /// Whether an administrator or a loop of mail vouches for it.
    #[serde(default)]
    pub verified: bool,
}

/// Belonging to an organization, with the role there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgMembership {
    /// The organization.
    pub org: OrgId,
    /// The role in it.
    pub role: OrgRole,
    /// The Models seat.
    #[serde(default)]
    pub models: Seat,
    /// The Weave access.
    #[serde(default)]
    pub weave: Seat,
    /// Whether it rests: the account stays listed there and has no role, whatever it is elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
}

impl OrgMembership {
    /// Belonging with full seats, as everyone begins.
    pub fn new(org: OrgId, role: OrgRole) -> Self {
        OrgMembership { org, role, models: Seat::Full, weave: Seat::Full, suspended: false }
    }
}

/// A person or a service account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Permanent.
    pub id: UserId,
    /// Person or machine.
    pub kind: UserKind,
    /// Unique over users and teams without regard to case.
    pub username: String,
    /// Full name, or a service account's description; may be empty.
    #[serde(default)]
    pub name: String,
    /// The first one is the primary one. Service accounts have none.
    #[serde(default)]
    pub emails: Vec<Email>,
    /// Whether it works.
    pub status: Status,
    /// Its organizations; the personal namespace is in the first one.
    pub orgs: Vec<OrgMembership>,
    /// The organization in which it acts where its credential says nothing else; the first one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_org: Option<OrgId>,
    /// Where runs without an entity go; the personal namespace when absent. Service accounts always have one.
    #[serde(default)]
    pub default_team: Option<TeamId>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last; 0 where it never was.
    #[serde(default)]
    pub updated_at: Millis,
    /// Counts changes, for conditional updates.
    #[serde(default)]
    pub version: u64,
}

impl User {
    /// Marks a change.
    pub fn touch(&mut self, now: Millis) {
        self.version += 1;
        self.updated_at = now;
    }

    /// The role in `org`, if it belongs to it and is not suspended there.
    pub fn org_role(&self, org: OrgId) -> Option<OrgRole> {
        self.membership(org).filter(|m| !m.suspended).map(|m| m.role)
    }

    /// The belonging to `org`, if any; a suspended one too.
    pub fn membership(&self, org: OrgId) -> Option<&OrgMembership> {
        self.orgs.iter().find(|m| m.org == org)
    }

    /// The organization in which it acts where its credential says nothing else: its choice, else the first where it has a
    /// role, else the first.
    pub fn home_org(&self) -> Option<OrgId> {
        let chosen = self.default_org.filter(|org| self.org_role(*org).is_some());
        chosen.or_else(|| self.orgs.iter().find(|m| !m.suspended).or(self.orgs.first()).map(|m| m.org))
    }

    /// Whether it belongs to an organization besides `org`.
    pub fn belongs_beside(&self, org: OrgId) -> bool {
        self.orgs.iter().any(|m| m.org != org)
    }

    /// How it stands in `org`: as the account does, but a suspended belonging counts as a deactivated account.
    pub fn status_in(&self, org: OrgId) -> Status {
        match self.membership(org) {
            Some(m) if m.suspended && self.status == Status::Active => Status::Deactivated,
            _ => self.status,
        }
    }

    /// The primary e-mail address.
    pub fn email(&self) -> Option<&str> {
        self.emails.first().map(|e| e.address.as_str())
    }

    /// Whether it is a machine.
    pub fn is_service(&self) -> bool {
        self.kind != UserKind::Person
    }

    /// What it is as a service account; nothing for people and for the accounts of connections.
    pub fn service(&self) -> Option<&Service> {
        match &self.kind {
            UserKind::Service(service) => Some(service),
            UserKind::Person | UserKind::Connection => None,
        }
    }

    /// The team it is a service account of.
    pub fn service_team(&self) -> Option<TeamId> {
        self.service().and_then(|s| s.team)
    }

    /// Whether it is a service account of the organization rather than of a team.
    pub fn is_org_service(&self) -> bool {
        self.service().is_some_and(|s| s.team.is_none())
    }

    /// Whether it is an active person with the admin role in `org`: one that keeps the organization governable.
    pub fn is_active_admin(&self, org: OrgId) -> bool {
        self.status == Status::Active && !self.is_service() && self.org_role(org) == Some(OrgRole::Admin)
    }

    /// The full name, or the username where there is none.
    pub fn label(&self) -> &str {
        if self.name.is_empty() { &self.username } else { &self.name }
    }
}

/// A person's password, apart from the user so that nothing that shows users can show it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Password {
    /// Whose.
    pub user: UserId,
    /// PHC string (argon2id).
    pub hash: String,
    /// When it was set.
    pub changed_at: Millis,
}

//! Provisioning by identity providers: named connections, what each of them manages, local accounts that one wants to take
//! over, changes that a fuse holds back, and what the last requests were. Rules are in `ops::connections` and `ops::fuse`.

use super::{Entity, HoldId, OrgId, TeamId, UserId};
use crate::clock::Millis;
use serde::{Deserialize, Serialize};

/// Which dialect of SCIM a connection is answered in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speech {
    /// As each request asks for.
    #[default]
    AsAsked,
    /// Always W&B's.
    Wandb,
    /// Always the RFC's.
    Rfc,
}

impl Speech {
    /// All of them, the default first.
    pub const ALL: [Speech; 3] = [Speech::AsAsked, Speech::Wandb, Speech::Rfc];

    /// The word in forms and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Speech::AsAsked => "as asked",
            Speech::Wandb => "wandb",
            Speech::Rfc => "rfc",
        }
    }

    /// Reads [`Self::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Speech::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// An identity provider that provisions, by a credential of its own. Its id is that of the machine account it acts as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The account.
    pub id: UserId,
    /// The organization.
    pub org: OrgId,
    /// As people call it; unique in the organization without regard to case.
    pub name: String,
    /// The public id of its key.
    pub key: String,
    /// Which dialect it is answered in.
    #[serde(default)]
    pub speech: Speech,
    /// Whether it takes over local accounts without asking.
    #[serde(default)]
    pub adopts: bool,
    /// Who made it.
    pub made_by: UserId,
    /// When.
    pub made_at: Millis,
}

/// The mark that a person or a team is managed by a connection; what has none is local.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Managed {
    /// What is managed.
    pub entity: Entity,
    /// In which organization; a person may be managed in each of several.
    pub org: OrgId,
    /// By which connection.
    pub by: UserId,
    /// Since when.
    pub since_at: Millis,
}

/// A connection's wish to take over a local account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// Which connection.
    pub connection: UserId,
    /// Which account.
    pub user: UserId,
    /// The organization.
    pub org: OrgId,
    /// When it wanted so first.
    pub first_at: Millis,
    /// When it wanted so last.
    pub last_at: Millis,
    /// When somebody refused it; absent while it waits.
    #[serde(default)]
    pub refused_at: Option<Millis>,
}

/// What becomes of held changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Nobody decided yet.
    Waiting,
    /// They are carried out.
    Approved,
    /// They are not, also not when the client asks again.
    Refused,
}

impl HoldState {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            HoldState::Waiting => "waiting",
            HoldState::Approved => "approved",
            HoldState::Refused => "refused",
        }
    }
}

/// Changes that the fuse holds back, decided on together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Which.
    pub id: HoldId,
    /// The organization.
    pub org: OrgId,
    /// Who wanted the first of them.
    pub by: UserId,
    /// When the first came.
    pub opened_at: Millis,
    /// When the last came.
    pub last_at: Millis,
    /// What becomes of them.
    pub state: HoldState,
    /// Who decided, by name.
    #[serde(default)]
    pub decided_by: Option<String>,
    /// When.
    #[serde(default)]
    pub decided_at: Option<Millis>,
    /// How many accounts the fuse had let pass in the window, when it tripped.
    pub passed: u64,
    /// How many people the organization had then.
    pub people: u64,
}

/// Something taken from somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The account is deactivated.
    Deactivate(UserId),
    /// The account is deleted.
    Delete(UserId),
    /// The account leaves a team.
    Leave(TeamId, UserId),
}

impl Loss {
    /// Whose account.
    pub fn user(self) -> UserId {
        match self {
            Loss::Deactivate(user) | Loss::Delete(user) | Loss::Leave(_, user) => user,
        }
    }

    /// Its place in tables: kind, team or zero, account.
    pub fn place(self) -> (u8, u64, UserId) {
        match self {
            Loss::Deactivate(user) => (1, 0, user),
            Loss::Delete(user) => (2, 0, user),
            Loss::Leave(team, user) => (3, team.0, user),
        }
    }
}

/// One loss that is held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLoss {
    /// The organization.
    pub org: OrgId,
    /// What.
    pub loss: Loss,
    /// With which others.
    pub hold: HoldId,
    /// Since when.
    pub at: Millis,
    /// Why it could not be carried out, after it was approved.
    #[serde(default)]
    pub trouble: Option<String>,
}

/// When provisioning last took something from an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastLoss {
    /// The organization.
    pub org: OrgId,
    /// Whose.
    pub user: UserId,
    /// When.
    pub at: Millis,
}

/// How much provisioning took of late, by minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FuseCount {
    /// The organization.
    pub org: OrgId,
    /// Minute and the accounts that lost something in it for the first time in the window.
    pub minutes: Vec<(i64, u64)>,
    /// How many people there were.
    #[serde(default)]
    pub people: u64,
    /// When they were counted.
    #[serde(default)]
    pub counted_at: Millis,
}

/// A request of a provisioning client, as the last ones are kept for people to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The organization.
    pub org: OrgId,
    /// Its place among the last ones; taken again by later requests.
    pub place: u64,
    /// When.
    pub at: Millis,
    /// Who asked.
    pub by: UserId,
    /// The method.
    pub method: String,
    /// The path and query, cut.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// The sentence of a refusal; empty else.
    #[serde(default)]
    pub said: String,
    /// The request's id, by which the audit log knows what it changed.
    pub request: String,
    /// Whether it was a dry run.
    #[serde(default)]
    pub dry_run: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_have_places_of_their_own() {
        let all = [Loss::Deactivate(UserId(7)), Loss::Delete(UserId(7)), Loss::Leave(TeamId(1), UserId(7))];
        let mut places: Vec<_> = all.iter().map(|l| l.place()).collect();
        places.dedup();
        assert_eq!(places.len(), 3);
        assert!(Speech::ALL.into_iter().all(|s| Speech::parse(s.as_str()) == Some(s)));
        assert_eq!(Speech::parse("RFC"), None);
    }
}

//! Audit events: one fact each, written in the transaction of the change it describes. The field names are an API,
//! frozen by a test. Only these typed fields exist, so that a secret has no place to go.

use super::OrgId;
use super::role::Action;
use crate::clock::{DAY, Millis};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// Time-ordered id of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub Ulid);

impl EventId {
    /// The id of an event at `at` with 80 random bits.
    pub fn new(at: Millis, random: u128) -> Self {
        EventId(Ulid::from_parts(u64::try_from(at).unwrap_or(0), random))
    }

    /// The moment in it.
    pub fn at(self) -> Millis {
        Millis::try_from(self.0.timestamp_ms()).unwrap_or(Millis::MAX)
    }

    /// Reads the 26 characters; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        // They have room for 130 bits. The crate drops the two in front, and one event would have four ids (ulid 3.0.0).
        let fits = text.starts_with(|c| matches!(c, '0'..='7'));
        Ulid::from_string(text).ok().filter(|_| fits).map(EventId)
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        EventId::parse(&text).ok_or_else(|| serde::de::Error::custom("not an event id"))
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Done,
    /// The access rules refused it.
    Denied,
    /// A sign-in or another proof of identity failed.
    Failed,
}

impl Outcome {
    /// The word in store, API and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Denied => "denied",
            Outcome::Failed => "failed",
        }
    }
}

/// Someone or something an event names: kind, permanent id, and the name it had then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// `user`, `service`, `team`, `project`, `organization`, `key`, `session`, `setting`, `invite`, `issuer`, `system` or `anonymous`.
    pub kind: String,
    /// The id, printed; empty for `anonymous` and `system`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The name at that time.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl Named {
    /// Kind, id and name together.
    pub fn new(kind: &str, id: impl ToString, name: impl Into<String>) -> Self {
        Named { kind: kind.to_owned(), id: id.to_string(), name: name.into() }
    }

    /// What the indexes go by: kind and id.
    pub fn handle(&self) -> String {
        if self.id.is_empty() { format!("{}/{}", self.kind, super::name::fold(&self.name)) } else { self.id.clone() }
    }
}

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Client address; empty for the shell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// The client's own description, cut to 200 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agent: String,
    /// Request id, as in the log and in `x-request-id`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
}

/// One changed field. Secrets never appear; their fields read "set" and "changed".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The field.
    pub field: String,
    /// Before; absent when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// After; absent when it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// One rule consulted on the way to the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's permanent name.
    pub rule: String,
    /// The sentence.
    pub text: String,
}

/// One audit fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Time-ordered id.
    pub id: EventId,
    /// When.
    pub at: Millis,
    /// The organization it happened in.
    pub org: OrgId,
    /// Who.
    pub actor: Named,
    /// By which credential: `session …`, `key …`, `token …`, `shell`; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub credential: String,
    /// From where.
    #[serde(default)]
    pub origin: Origin,
    /// `object:operation`.
    pub action: String,
    /// On what.
    pub target: Named,
    /// The changed fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Why it was allowed or refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Reason>,
    /// How it ended.
    pub outcome: Outcome,
    /// How many like it this one stands for (refusals are folded per minute).
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u32,
}

impl Event {
    /// What the action is about: `user` of `user:create`.
    pub fn object(&self) -> &str {
        self.action.split(':').next().unwrap_or_default()
    }
}

impl Event {
    /// What the server did of itself in its organization, at its start.
    pub fn by_server(id: EventId, at: Millis, action: &str, target: Named, change: Change) -> Event {
        Event {
            id,
            at,
            org: super::team::HOME,
            actor: Named::new("system", "", "server"),
            credential: String::new(),
            origin: Origin::default(),
            action: action.to_owned(),
            target,
            changes: vec![change],
            chain: vec![],
            outcome: Outcome::Done,
            count: 1,
        }
    }
}

/// How much happened in an organization on one day of UTC, kept beside the log so that a chart costs no walk over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCounts {
    /// The organization.
    pub org: OrgId,
    /// Days since 1970.
    pub day: u64,
    /// Sign-ins.
    #[serde(default)]
    pub sign_ins: u64,
    /// Other things done.
    #[serde(default)]
    pub changes: u64,
    /// Refusals by the access rules.
    #[serde(default)]
    pub denied: u64,
    /// Sign-ins and other proofs of identity that failed.
    #[serde(default)]
    pub failed: u64,
}

impl DayCounts {
    /// A day on which nothing happened yet.
    pub fn new(org: OrgId, day: u64) -> Self {
        DayCounts { org, day, sign_ins: 0, changes: 0, denied: 0, failed: 0 }
    }

    /// The day of a moment.
    pub fn day_of(at: Millis) -> u64 {
        u64::try_from(at.div_euclid(DAY)).unwrap_or(0)
    }

    /// Counts an event, or so many more like it.
    pub fn add(&mut self, event: &Event, more: u64) {
        let into = match event.outcome {
            Outcome::Done if event.action == Action::UserLogin.as_str() => &mut self.sign_ins,
            Outcome::Done => &mut self.changes,
            Outcome::Denied => &mut self.denied,
            Outcome::Failed => &mut self.failed,
        };
        *into = into.saturating_add(more);
    }
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_one(n: &u32) -> bool {
    *n == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_one_id() {
        let id = EventId::new(1_800_000_000_000, 7);
        let text = id.to_string();
        assert_eq!(EventId::parse(&text), Some(id));
        for bad in ["8", "Z", "g"].map(|first| format!("{first}{}", &text[1..])) {
            assert_eq!(EventId::parse(&bad), None, "{bad}");
        }
    }
}

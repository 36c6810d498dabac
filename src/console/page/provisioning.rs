//! Provisioning by identity providers: where they connect, as whom, what is held back, what they want to take over, which
//! teams are theirs, and what they asked last.

use super::frame::Frame;
use super::parts::{Area, Choice, EventLine, Field, Mark, Stamp, Switch};
use askama::Template;

/// One loss that is held back.
#[derive(Debug)]
pub struct LossRow {
    /// Whose account; empty for one that is gone.
    pub username: String,
    /// The full name.
    pub name: String,
    /// What is taken.
    pub what: Mark,
    /// The team that is left; empty for others.
    pub team: String,
    /// Why it could not be carried out; empty where it was not tried.
    pub trouble: String,
}

/// Changes that are held back together.
#[derive(Debug)]
pub struct HoldCard {
    /// Its number, in addresses.
    pub id: u64,
    /// The time of the last one, which an approval names.
    pub seen: i64,
    /// "34 accounts would lose something".
    pub title: String,
    /// What happened before it.
    pub text: String,
    /// Since when.
    pub since: Stamp,
    /// The first few.
    pub rows: Vec<LossRow>,
    /// How many more.
    pub more: usize,
    /// Whether it waits for a decision.
    pub waits: bool,
}

/// A local account that a connection wants.
#[derive(Debug)]
pub struct WishRow {
    /// The connection's number.
    pub connection: u64,
    /// Its name.
    pub connection_name: String,
    /// The account's number.
    pub user: u64,
    /// The account's username.
    pub username: String,
    /// Its full name.
    pub name: String,
    /// What it is in the organization.
    pub role: Mark,
    /// Since when.
    pub first: Stamp,
}

/// One connection.
#[derive(Debug)]
pub struct ConnectionRow {
    /// Its number, in addresses.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The public id of its key.
    pub key: String,
    /// When it was last used.
    pub used: Stamp,
    /// "120 people, 4 teams".
    pub manages: String,
    /// How it is answered.
    pub speech: &'static str,
    /// Whether it takes over local accounts without asking.
    pub adopts: bool,
}

/// A team and who looks after its members.
#[derive(Debug)]
pub struct TeamRow {
    /// The team's name.
    pub team: String,
    /// By whom it is managed, or local.
    pub by: Mark,
    /// The choices, of which one is current.
    pub choices: Vec<Choice>,
}

/// One of the last requests.
#[derive(Debug)]
pub struct RequestRow {
    /// When.
    pub at: Stamp,
    /// Who asked, by name.
    pub by: String,
    /// The method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// The status with its tone.
    pub outcome: Mark,
    /// What was said; empty where it was done.
    pub said: String,
    /// What it changed.
    pub changes: Vec<EventLine>,
    /// How many changes more.
    pub more: usize,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "provisioning.html")]
pub struct Provisioning {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// The address for identity providers.
    pub endpoint: String,
    /// The address for W&B's scripts.
    pub plain_endpoint: String,
    /// A connection's key that is shown once: name and key.
    pub new_key: Option<(String, String)>,
    /// What is held back, and what of it could not be carried out.
    pub holds: Vec<HoldCard>,
    /// Local accounts that connections want.
    pub wishes: Vec<WishRow>,
    /// Whether there are more of them.
    pub more_wishes: bool,
    /// The connections.
    pub connections: Vec<ConnectionRow>,
    /// The form for a new one.
    pub fields: Vec<Field>,
    /// How it is answered.
    pub speeches: Vec<Choice>,
    /// Whether it takes over local accounts.
    pub adopts: Switch,
    /// The teams, the first few.
    pub teams: Vec<TeamRow>,
    /// How many more.
    pub more_teams: usize,
    /// The last requests.
    pub requests: Vec<RequestRow>,
    /// "20 accounts and 10 % of all people within 1h".
    pub bounds: String,
    /// What went wrong.
    pub problem: String,
}

//! API keys: the form that creates one, how one is replaced, and the organization's page about all of them.

use super::account::KeyRow;
use super::frame::Frame;
use super::parts::{Area, Choice, Field, Switch};
use askama::Template;

/// What it takes to create a key.
#[derive(Debug)]
pub struct KeyForm {
    /// Where it posts.
    pub action: String,
    /// The name.
    pub name: Field,
    /// Lifetimes to choose from.
    pub lifetimes: Vec<Choice>,
    /// How far it counts.
    pub reaches: Vec<Choice>,
    /// The one place, and the networks.
    pub narrower: Vec<Field>,
    /// Whether it only reads.
    pub reads_only: Switch,
    /// Whether what narrows it stands open.
    pub open: bool,
}

/// How long a replaced key goes on working: value and words.
pub const OVERLAPS: [(&str, &str); 4] =
    [("24", "Overlap: a day"), ("168", "Overlap: a week"), ("1", "Overlap: an hour"), ("0", "No overlap")];

/// One key that nobody uses.
#[derive(Debug)]
pub struct UnusedRow {
    /// The key.
    pub key: KeyRow,
    /// Whose it is.
    pub owner: String,
    /// Their name.
    pub owner_name: String,
}

/// The organization's keys.
#[derive(Debug, Template)]
#[template(path = "keys.html")]
pub struct Keys {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// Whether there are no new ones.
    pub closed: Switch,
    /// Whether the asker may change that.
    pub can_change: bool,
    /// Keys that nobody uses.
    pub unused: Vec<UnusedRow>,
    /// Where the report goes on; empty at its end.
    pub next: String,
    /// What went wrong.
    pub problem: String,
}

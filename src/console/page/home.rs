//! Home, the search page and the settings page.

use super::account::KeyRow;
use super::draw::Activity;
use super::frame::Frame;
use super::list::List;
use super::parts::{Area, EventLine, Link, Mark};
use super::people::PersonRow;
use super::projects::ProjectRow;
use super::teams::TeamRow;
use crate::console::manual::Hit;
use askama::Template;

/// Something an admin should look at.
#[derive(Debug)]
pub struct Attention {
    /// `warn`, `danger` or empty.
    pub tone: &'static str,
    /// Symbol.
    pub icon: &'static str,
    /// What is the matter.
    pub title: String,
    /// Why it matters and what to do.
    pub text: String,
    /// Where to do it.
    pub action: Link,
}

/// A number with its word.
#[derive(Debug)]
pub struct Figure {
    /// The number, grouped.
    pub number: String,
    /// What is counted.
    pub word: &'static str,
    /// Where they are listed.
    pub href: &'static str,
}

/// Home: for an admin what needs attention and what happened; for everyone their projects, teams and keys.
#[derive(Debug, Template)]
#[template(path = "home.html")]
pub struct Home {
    /// The page's frame.
    pub frame: Frame,
    /// The asker's first name or username.
    pub hello: String,
    /// People, teams, projects: how many.
    pub figures: Vec<Figure>,
    /// For admins.
    pub attention: Vec<Attention>,
    /// For admins.
    pub activity: Activity,
    /// For admins: the latest.
    pub events: Vec<EventLine>,
    /// Projects the asker reaches, the first few.
    pub projects: Vec<ProjectRow>,
    /// The asker's keys.
    pub keys: Vec<KeyRow>,
    /// Installs the client.
    pub install: String,
    /// Signs the client in.
    pub login: String,
}

/// What the search found.
#[derive(Debug, Template)]
#[template(path = "search.html")]
pub struct Search {
    /// The page's frame.
    pub frame: Frame,
    /// What was searched.
    pub q: String,
    /// Pages of the console that are called like it.
    pub places: Vec<Link>,
    /// People found, the first few.
    pub people: Vec<PersonRow>,
    /// Teams found.
    pub teams: Vec<TeamRow>,
    /// Projects found.
    pub projects: Vec<ProjectRow>,
    /// Settings found: key and sentence.
    pub settings: Vec<(&'static str, &'static str)>,
    /// Parts of the manual found.
    pub manual: Vec<Hit>,
}

/// One setting, read only.
#[derive(Debug)]
pub struct SettingRow {
    /// Its key.
    pub key: String,
    /// What it does.
    pub doc: String,
    /// The environment variable that sets it.
    pub env: String,
    /// Its value; "set" for secrets.
    pub value: String,
    /// Where the value comes from.
    pub source: Mark,
    /// What to know before changing it; may be empty.
    pub caution: &'static str,
    /// Whether something else is saved, which the environment hides.
    pub shadowed: bool,
}

/// Every setting with its value and where that comes from.
#[derive(Debug, Template)]
#[template(path = "settings.html")]
pub struct Settings {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// State of the list.
    pub list: List,
    /// The settings.
    pub rows: Vec<SettingRow>,
}

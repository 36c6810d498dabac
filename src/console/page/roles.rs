//! Roles: the catalogue of permissions with what each predefined role holds, the custom roles of the organization, and the
//! form that makes or changes one.

use super::frame::Frame;
use super::list::List;
use super::parts::{Area, Choice, Field, Mark, Stamp};
use askama::Template;

/// One permission of the catalogue.
#[derive(Debug)]
pub struct PermissionRow {
    /// `object:operation`.
    pub name: &'static str,
    /// Its anchor on the page.
    pub anchor: String,
    /// The sentence.
    pub doc: &'static str,
    /// For every column the role's word, or nothing where it does not hold it.
    pub held: Vec<(&'static str, bool)>,
    /// Whether a custom role can hold it.
    pub assignable: bool,
}

/// Permissions that apply at the same level.
#[derive(Debug)]
pub struct Level {
    /// "On teams".
    pub title: &'static str,
    /// One sentence.
    pub text: &'static str,
    /// The roles' words.
    pub columns: Vec<&'static str>,
    /// The permissions.
    pub rows: Vec<PermissionRow>,
}

/// The catalogue.
#[derive(Debug, Template)]
#[template(path = "permissions.html")]
pub struct Permissions {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// State of the list.
    pub list: List,
    /// The levels.
    pub levels: Vec<Level>,
}

/// One custom role in the list.
#[derive(Debug)]
pub struct RoleRow {
    /// Its number, for the address.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// What it inherits from.
    pub inherits: Mark,
    /// How many permissions it adds.
    pub adds: usize,
    /// Who holds it: in teams, in projects.
    pub holders: (usize, usize),
    /// Changed last.
    pub updated: Stamp,
}

/// The custom roles.
#[derive(Debug, Template)]
#[template(path = "roles.html")]
pub struct Roles {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// State of the list.
    pub list: List,
    /// The roles.
    pub rows: Vec<RoleRow>,
    /// Whether the asker may define one.
    pub can_create: bool,
    /// Why not, or why.
    pub why: String,
}

/// A permission as a tick box.
#[derive(Debug)]
pub struct Tick {
    /// `object:operation`.
    pub name: &'static str,
    /// The operation alone.
    pub operation: &'static str,
    /// The sentence.
    pub doc: &'static str,
    /// Whether the base holds it: shown ticked and locked.
    pub inherited: bool,
    /// Whether the role adds it.
    pub own: bool,
    /// The bases that hold it, for the page's script: `member viewer`.
    pub bases: &'static str,
}

/// The permissions of one object.
#[derive(Debug)]
pub struct Group {
    /// "Runs".
    pub title: String,
    /// The permissions.
    pub ticks: Vec<Tick>,
}

/// The form that makes or changes a role.
#[derive(Debug, Template)]
#[template(path = "role.html")]
pub struct RoleForm {
    /// The page's frame.
    pub frame: Frame,
    /// "Define a role", or its name.
    pub title: String,
    /// Its number; none while it does not exist.
    pub id: Option<u64>,
    /// What the form is made from.
    pub seen: Vec<(String, String)>,
    /// Where the form goes.
    pub action: String,
    /// Name and description.
    pub fields: Vec<Field>,
    /// Member or viewer.
    pub bases: Vec<Choice>,
    /// The permissions.
    pub groups: Vec<Group>,
    /// Who holds it: in teams, in projects.
    pub holders: (usize, usize),
    /// Its base's word.
    pub base: String,
    /// Whether the asker may change it.
    pub can_change: bool,
    /// Whether the asker may delete it.
    pub can_delete: bool,
    /// Why, or why not.
    pub why: String,
    /// What went wrong.
    pub problem: String,
}

impl RoleForm {
    /// "12 inherited, 3 own".
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let all = || self.groups.iter().flat_map(|g| &g.ticks);
        (all().filter(|t| t.inherited).count(), all().filter(|t| t.own && !t.inherited).count())
    }
}

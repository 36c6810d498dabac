//! Projects: the list, the form that creates one, and a project with the picture of who reaches it through what.

use super::draw::AccessDrawing;
use super::frame::Frame;
use super::list::List;
use super::parts::{Choice, EventLine, Field, Mark, Stamp, Tab};
use askama::Template;

/// One project in a list.
#[derive(Debug, Clone)]
pub struct ProjectRow {
    /// The team or person it belongs to.
    pub team: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// Who can reach it.
    pub visibility: Mark,
    /// Created.
    pub created: Stamp,
}

/// The list of projects.
#[derive(Debug, Template)]
#[template(path = "projects.html")]
pub struct Projects {
    /// The page's frame.
    pub frame: Frame,
    /// State of the list.
    pub list: List,
    /// The rows of this page.
    pub rows: Vec<ProjectRow>,
    /// Whether the asker can create projects somewhere.
    pub can_create: bool,
}

/// The form that creates a project.
#[derive(Debug, Template)]
#[template(path = "project_new.html")]
pub struct NewProject {
    /// The page's frame.
    pub frame: Frame,
    /// Where it may be made.
    pub owners: Vec<Choice>,
    /// Name and description.
    pub fields: Vec<Field>,
    /// Visibilities to choose from.
    pub visibilities: Vec<Choice>,
    /// Who is in a restricted one from the start.
    pub invited: Field,
    /// What went wrong.
    pub problem: String,
}

/// Who reaches a project, and through what.
#[derive(Debug, Clone)]
pub struct AccessRow {
    /// The unique name.
    pub username: String,
    /// The display name.
    pub name: String,
    /// What they may do.
    pub can: Mark,
    /// The role that counts here.
    pub role: Option<Mark>,
    /// Roles to choose from; empty where it cannot be changed.
    pub roles: Vec<Choice>,
    /// The value of the stored one; the chosen one may be what was typed before a review.
    pub stored: String,
    /// Whether it differs from the team role.
    pub star: bool,
    /// Why it cannot be changed by somebody who may change others; else empty.
    pub locked: &'static str,
    /// Through what.
    pub through: String,
    /// The reasons.
    pub why: String,
    /// Whether the asker may open the account's page.
    pub linked: bool,
    /// Whether an invitation made it, which can be taken back.
    pub invited: bool,
}

/// A project that the asker may know of and not read, with the way in.
#[derive(Debug, Template)]
#[template(path = "project_closed.html")]
pub struct Closed {
    /// The page's frame.
    pub frame: Frame,
    /// The team, as typed.
    pub team: String,
    /// The project, as typed.
    pub name: String,
    /// The rule that closes it.
    pub detail: String,
    /// What to do.
    pub hint: String,
    /// Whether the asker may let themselves in.
    pub can_join: bool,
    /// The whole reason.
    pub why: String,
}

/// A project, one tab of it.
#[derive(Debug, Template)]
#[template(path = "project.html")]
pub struct Project {
    /// The page's frame.
    pub frame: Frame,
    /// The team.
    pub team: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// Who can reach it.
    pub visibility: Mark,
    /// Its meaning in one sentence.
    pub meaning: &'static str,
    /// The reasons the asker reaches it.
    pub why: String,
    /// Created.
    pub created: Stamp,
    /// The owner's username; empty where there is none.
    pub owner: String,
    /// Whether the owner has left the team.
    pub owner_left: bool,
    /// Why the asker may, or may not, give it another owner.
    pub owner_why: String,
    /// Who could own it instead; empty where the asker may not say.
    pub heirs: Vec<Choice>,
    /// Whether a role of the table differs from the team role.
    pub starred: bool,
    /// Why the asker may, or may not, give project roles.
    pub roles_why: String,
    /// The tabs.
    pub tabs: Vec<Tab>,
    /// `overview`, `access` or `settings`.
    pub tab: &'static str,
    /// The line that sends a run here.
    pub snippet: String,
    /// What happened here.
    pub events: Vec<EventLine>,
    /// The picture.
    pub drawing: AccessDrawing,
    /// The table.
    pub access: Vec<AccessRow>,
    /// State of the table.
    pub list: List,
    /// Visibilities to choose from.
    pub visibilities: Vec<Choice>,
    /// Whether one was typed before a review.
    pub typed: bool,
    /// What the form of this tab is made from.
    pub seen: Vec<(String, String)>,
    /// The description, where the asker may change it.
    pub describe: Option<Field>,
    /// Whether the asker may change it.
    pub can_manage: bool,
    /// Why not: address of the reasons.
    pub manage_why: String,
    /// Whether the asker may see who is in the team, and so the table.
    pub knows_team: bool,
    /// Whether the asker may invite people to it.
    pub can_invite: bool,
    /// The form that invites someone.
    pub invite: Field,
    /// People one could invite, for completion.
    pub suggestions: Vec<String>,
    /// What went wrong.
    pub problem: String,
}

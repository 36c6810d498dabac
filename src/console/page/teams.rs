//! Teams: the list, the form that creates one, and a team with its projects, members and settings.

use super::frame::Frame;
use super::list::List;
use super::parts::{Area, Choice, EventLine, Field, Mark, Stamp, Switch, Tab};
use super::projects::ProjectRow;
use super::services::{ServiceForm, ServiceRow};
use askama::Template;

/// One team in a list.
#[derive(Debug, Clone)]
pub struct TeamRow {
    /// The unique name.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// People and service accounts.
    pub members: usize,
    /// How many projects the asker can see, in words.
    pub projects: String,
    /// The asker's own role there, if any.
    pub mine: Option<Mark>,
    /// Created.
    pub created: Stamp,
}

/// The list of teams.
#[derive(Debug, Template)]
#[template(path = "teams.html")]
pub struct Teams {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// State of the list.
    pub list: List,
    /// The rows of this page.
    pub rows: Vec<TeamRow>,
    /// Whether the asker may create teams.
    pub can_create: bool,
    /// Teams that the asker may join: name and description.
    pub open: Vec<(String, String)>,
}

/// The form that creates a team.
#[derive(Debug, Template)]
#[template(path = "team_new.html")]
pub struct NewTeam {
    /// The page's frame.
    pub frame: Frame,
    /// Name, description.
    pub fields: Vec<Field>,
    /// Where it may want its files.
    pub storage: Vec<Choice>,
    /// What went wrong.
    pub problem: String,
}

/// One member of a team.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// The unique name.
    pub username: String,
    /// The display name.
    pub name: String,
    /// The e-mail; empty for service accounts.
    pub email: String,
    /// `admin`, `member`, `viewer` or `service`.
    pub role: Mark,
    /// Roles to choose from; empty where it cannot be changed.
    pub roles: Vec<Choice>,
    /// The value of the stored one; the chosen one may be what was typed before a review.
    pub stored: String,
    /// State.
    pub status: Mark,
    /// Since when.
    pub since: Stamp,
    /// The reasons behind the role.
    pub why: String,
    /// Whether the asker may remove this member.
    pub can_remove: bool,
    /// Whether the asker may open the account's page.
    pub linked: bool,
}

/// One pending invitation.
#[derive(Debug, Clone)]
pub struct InviteRow {
    /// The invitation's id.
    pub id: String,
    /// Who is invited.
    pub email: String,
    /// As what.
    pub role: Mark,
    /// When.
    pub at: Stamp,
    /// By whom; empty where the account is gone.
    pub by: String,
    /// Whether it waits or is over.
    pub state: Mark,
    /// What became of its mail; none where none was sent.
    pub mail: Option<Mark>,
}

/// A team, one tab of it.
#[derive(Debug, Template)]
#[template(path = "team.html")]
pub struct Team {
    /// The page's frame.
    pub frame: Frame,
    /// The unique name.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// The asker's role there.
    pub mine: Option<Mark>,
    /// The reasons behind it.
    pub mine_why: String,
    /// Created.
    pub created: Stamp,
    /// The tabs.
    pub tabs: Vec<Tab>,
    /// `overview`, `projects`, `members`, `service-accounts` or `settings`.
    pub tab: &'static str,
    /// State of the tab's list.
    pub list: List,
    /// Projects the asker can see.
    pub projects: Vec<ProjectRow>,
    /// Members, service accounts apart.
    pub members: Vec<MemberRow>,
    /// Service accounts, on their tab.
    pub services: Vec<ServiceRow>,
    /// What creates one, for those who may.
    pub service_form: Option<ServiceForm>,
    /// Pending invitations.
    pub invites: Vec<InviteRow>,
    /// What happened here.
    pub events: Vec<EventLine>,
    /// Whether the asker may change members and settings.
    pub can_manage: bool,
    /// Whether the asker may delete the team.
    pub can_delete: bool,
    /// Whether the asker may create projects.
    pub can_create_project: bool,
    /// Why the asker may not manage: address of the reasons.
    pub manage_why: String,
    /// The form that adds a member, or a service account, or changes the settings.
    pub fields: Vec<Field>,
    /// Roles to choose from in that form, the one of newcomers chosen.
    pub roles: Vec<Choice>,
    /// Where it wants its files.
    pub storage: &'static str,
    /// Where it may want them.
    pub storage_types: Vec<Choice>,
    /// What the form of the settings is made from.
    pub seen: Vec<(String, String)>,
    /// Its switches.
    pub switches: Vec<Switch>,
    /// People one could add, for completion.
    pub suggestions: Vec<String>,
    /// What went wrong.
    pub problem: String,
    /// A key that is shown once, with the account it belongs to.
    pub new_key: Option<(String, String)>,
    /// The invitation that was just sent.
    pub sent: Option<super::invitations::Sent>,
    /// Whether there is a mail server.
    pub has_mail: bool,
    /// What deleting the team takes along, in words.
    pub loses: Vec<String>,
}

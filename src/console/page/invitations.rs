//! Invitations of the organization: the list with the form, the result with its link, and many at once with a preview.

use super::frame::Frame;
use super::list::List;
use super::parts::{Area, Choice, Field, Mark, Stamp};
use askama::Template;

/// What was just sent, with the link where it may be seen.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Who is invited.
    pub email: String,
    /// The link; empty where it was mailed and is nobody else's to see.
    pub link: String,
    /// Whether a mail is on its way.
    pub mailed: bool,
    /// Until which day the link works.
    pub until: Stamp,
    /// Whether opening it proves the address.
    pub vouched: bool,
}

/// One pending invitation.
#[derive(Debug)]
pub struct Row {
    /// The invitation's id.
    pub id: u64,
    /// Who is invited.
    pub email: String,
    /// The role in the organization; none where a team invites.
    pub role: Option<Mark>,
    /// The teams.
    pub teams: Vec<String>,
    /// The role there; none without teams.
    pub team_role: Option<Mark>,
    /// Who invited; empty where the account is gone.
    pub by: String,
    /// When.
    pub at: Stamp,
    /// Whether it waits or is over.
    pub state: Mark,
    /// What became of its mail; none where none was sent.
    pub mail: Option<Mark>,
    /// What the mail server said; may be empty.
    pub answer: String,
}

/// The list with the form.
#[derive(Debug, Template)]
#[template(path = "invitations.html")]
pub struct Invitations {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// State of the list.
    pub list: List,
    /// The rows of this page.
    pub rows: Vec<Row>,
    /// What was just sent.
    pub sent: Option<Sent>,
    /// Whom.
    pub fields: Vec<Field>,
    /// The roles of the organization.
    pub roles: Vec<Choice>,
    /// Teams to choose from.
    pub teams: Vec<Choice>,
    /// The roles of teams.
    pub team_roles: Vec<Choice>,
    /// Whether there is a mail server.
    pub has_mail: bool,
    /// Whether the box for a mail is ticked.
    pub mail: bool,
    /// Whether people are made by hand here too.
    pub can_invite: bool,
    /// What went wrong.
    pub problem: String,
}

/// One line of a list that is invited at once.
#[derive(Debug)]
pub struct Line {
    /// Its number.
    pub number: usize,
    /// Who.
    pub who: String,
    /// Role and teams in words.
    pub what: String,
    /// What becomes, or became, of it.
    pub mark: Mark,
    /// Why; may be empty.
    pub why: String,
    /// The link, where it may be seen.
    pub link: String,
}

/// Many at once: the form, the preview, and what was done.
#[derive(Debug, Template)]
#[template(path = "invitations_bulk.html")]
pub struct Bulk {
    /// The page's frame.
    pub frame: Frame,
    /// The text as it was pasted.
    pub text: String,
    /// The lines; empty before the preview.
    pub lines: Vec<Line>,
    /// How many would be or were invited or added.
    pub good: usize,
    /// Whether it was done.
    pub done: bool,
    /// Whether there is a mail server.
    pub has_mail: bool,
    /// Whether mails are sent.
    pub mail: bool,
    /// How many lines are taken at most.
    pub most: usize,
    /// What went wrong with the whole.
    pub problem: String,
}

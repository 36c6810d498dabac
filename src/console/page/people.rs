//! People: the list, the form that creates one, and a person with everything they can reach.

use super::account::{KeyRow, SessionRow};
use super::frame::Frame;
use super::keys::KeyForm;
use super::list::List;
use super::parts::{Area, Choice, EventLine, Field, Link, Mark, Stamp, Tab};
use super::services::ServiceFacts;
use askama::Template;

/// One person in a list.
#[derive(Debug, Clone)]
pub struct PersonRow {
    /// The unique name.
    pub username: String,
    /// The display name.
    pub name: String,
    /// The first e-mail.
    pub email: String,
    /// Role in the organization.
    pub role: Mark,
    /// State.
    pub status: Mark,
    /// Models seat and Weave access; service accounts take none.
    pub seats: Option<(Mark, Mark)>,
    /// Their teams.
    pub teams: Vec<String>,
    /// When they were last active.
    pub active: Stamp,
    /// Created.
    pub created: Stamp,
    /// Whether bulk actions may pick this row.
    pub pickable: bool,
}

/// The list of people.
#[derive(Debug, Template)]
#[template(path = "people.html")]
pub struct People {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// State of the list.
    pub list: List,
    /// The rows of this page.
    pub rows: Vec<PersonRow>,
    /// Whether the asker may create people.
    pub can_create: bool,
    /// Whether to offer changing several at once.
    pub can_bulk: bool,
}

/// The form that creates a person.
#[derive(Debug, Template)]
#[template(path = "person_new.html")]
pub struct NewPerson {
    /// The page's frame.
    pub frame: Frame,
    /// E-mail, username, name.
    pub fields: Vec<Field>,
    /// Roles to choose from.
    pub roles: Vec<Choice>,
    /// Teams to put them in at once.
    pub teams: Vec<Choice>,
    /// Their first password.
    pub password: Field,
    /// What went wrong.
    pub problem: String,
}

/// A freshly created person, and what to tell them.
#[derive(Debug, Template)]
#[template(path = "person_created.html")]
pub struct Created {
    /// The page's frame.
    pub frame: Frame,
    /// The unique name.
    pub username: String,
    /// The e-mail.
    pub email: String,
    /// Whether a password was set.
    pub has_password: bool,
    /// Where people sign in.
    pub sign_in: String,
}

/// One thing a person reaches, and through what.
#[derive(Debug, Clone)]
pub struct ReachRow {
    /// The thing.
    pub link: Link,
    /// Symbol: `teams` or `projects`.
    pub icon: &'static str,
    /// What they may do there.
    pub role: Mark,
    /// Through what: "Member of acme", "Visibility is public".
    pub through: String,
    /// The reasons.
    pub why: String,
}

/// A person: facts, reach, sessions, keys, actions.
#[derive(Debug, Template)]
#[template(path = "person.html")]
pub struct Person {
    /// The page's frame.
    pub frame: Frame,
    /// The unique name.
    pub username: String,
    /// The display name.
    pub name: String,
    /// All e-mails, the first one first.
    pub emails: Vec<String>,
    /// Whether nobody proved that the first one is theirs.
    pub is_unproved: bool,
    /// Role in the organization.
    pub role: Mark,
    /// The reasons behind that role.
    pub role_why: String,
    /// State.
    pub status: Mark,
    /// `active`, `deactivated`…
    pub state: String,
    /// Created.
    pub created: Stamp,
    /// Whether this is the asker.
    pub is_me: bool,
    /// Whether it is a service account.
    pub is_service: bool,
    /// For a break-glass account, whether its password alone lets in.
    pub is_bare: Option<bool>,
    /// The tabs.
    pub tabs: Vec<Tab>,
    /// `overview` or `credentials`.
    pub tab: &'static str,
    /// Everything they reach.
    pub reach: Vec<ReachRow>,
    /// Shown when the reach was cut short.
    pub reach_more: usize,
    /// Identities elsewhere; none shown to those who may not see them.
    pub identities: Vec<super::account::IdentityRow>,
    /// For an active admin: whether the password works while people sign in through the company.
    pub break_glass: Option<bool>,
    /// Their sessions; none shown to those who may not see them.
    pub sessions: Vec<SessionRow>,
    /// Their keys.
    pub keys: Vec<KeyRow>,
    /// What they did and what was done to them.
    pub events: Vec<EventLine>,
    /// Whether the asker may change them.
    pub can_manage: bool,
    /// Whether they belong to another organization too, so that suspending and removing are about this one only.
    pub elsewhere: bool,
    /// Whether the asker may change the account itself, and delete it.
    pub can_account: bool,
    /// Which form stands open with what was typed before a review: `role`, `seats` or none.
    pub open: &'static str,
    /// Roles to choose from.
    pub roles: Vec<Choice>,
    /// Models seat and Weave access, as they are; service accounts take none.
    pub seats: Option<(Mark, Mark)>,
    /// The same to choose from.
    pub seat_choices: (Vec<Choice>, Vec<Choice>),
    /// Whether the asker may change them.
    pub can_seat: bool,
    /// What a deactivation takes away, in words.
    pub loses: Vec<String>,
    /// What went wrong.
    pub problem: String,
    /// The line for the shell that sets a lost password.
    pub password_command: String,
    /// The name field.
    pub rename: Field,
    /// What the forms are made from: role, seats, name.
    pub seen: [Vec<(String, String)>; 3],
    /// What it is as a service account.
    pub service: Option<ServiceFacts>,
    /// What creates a key for it, for those who manage it.
    pub key_form: Option<KeyForm>,
    /// A key that is shown once.
    pub new_key: Option<String>,
}

impl Person {
    /// Whether it is a service account that the asker manages.
    fn changes_service(&self) -> bool {
        self.service.as_ref().is_some_and(|service| service.can_change)
    }
}

//! Service accounts: as rows, as the form that creates one, the organization's own page of them, and what a person's page says
//! about one.

use super::frame::Frame;
use super::list::List;
use super::parts::{Area, Choice, Field, Link, Mark, Stamp};
use askama::Template;

/// One service account in a list.
#[derive(Debug, Clone)]
pub struct ServiceRow {
    /// The unique name.
    pub username: String,
    /// What it is for.
    pub name: String,
    /// How it proves who it is.
    pub method: Mark,
    /// What the issuer's tokens call it; empty for one that acts by key.
    pub subject: String,
    /// Where its runs go that name no team.
    pub default_team: String,
    /// How many keys it has.
    pub keys: usize,
    /// When one of them was used last.
    pub used: Stamp,
    /// State.
    pub status: Mark,
    /// Created.
    pub created: Stamp,
}

/// What it takes to create one.
#[derive(Debug)]
pub struct ServiceForm {
    /// Where it posts.
    pub action: String,
    /// What it is for; the default team.
    pub fields: Vec<Field>,
    /// Teams to complete the default from.
    pub teams: Vec<String>,
    /// How it proves who it is; empty where there is one way.
    pub methods: Vec<Choice>,
    /// The subject of a federated one.
    pub subject: Option<Field>,
}

/// What a person's page says of a service account.
#[derive(Debug)]
pub struct ServiceFacts {
    /// How it proves who it is.
    pub method: Mark,
    /// What the issuer's tokens call it; empty for one that acts by key.
    pub subject: String,
    /// Whose it is.
    pub home: Link,
    /// Where its runs go that name no team.
    pub default_team: Option<Field>,
    /// Teams to complete it from.
    pub teams: Vec<String>,
    /// Whether the asker may change and delete it.
    pub can_change: bool,
}

/// The service accounts of the organization.
#[derive(Debug, Template)]
#[template(path = "services.html")]
pub struct Services {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// State of the list.
    pub list: List,
    /// The accounts.
    pub services: Vec<ServiceRow>,
    /// What creates one, for those who may.
    pub form: Option<ServiceForm>,
    /// Why not, else.
    pub why: String,
    /// A key that is shown once, with the account it belongs to.
    pub new_key: Option<(String, String)>,
    /// What went wrong.
    pub problem: String,
}

//! Domains that the organization captures: claimed, proved, with the team that newcomers join.

use super::frame::Frame;
use super::parts::{Area, Choice, Field, Mark, Stamp};
use askama::Template;

/// One claim.
#[derive(Debug)]
pub struct DomainRow {
    /// The domain.
    pub name: String,
    /// Whether it is proved, and how.
    pub state: Mark,
    /// Whether it is proved.
    pub proved: bool,
    /// The name of the DNS record that proves it.
    pub record: String,
    /// What the record must hold.
    pub text: String,
    /// Teams to choose the default one from, the chosen one marked.
    pub teams: Vec<Choice>,
    /// What is wrong with its default team; may be empty.
    pub caution: String,
    /// Since when.
    pub created: Stamp,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "domains.html")]
pub struct Domains {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// The claims.
    pub rows: Vec<DomainRow>,
    /// The domain to claim.
    pub field: Field,
    /// Teams to choose from.
    pub teams: Vec<Choice>,
    /// Whether the asker may say that a domain is ours without a DNS record.
    pub can_confirm: bool,
    /// Whether people sign up by themselves.
    pub open: bool,
    /// Whether there is a mail server.
    pub has_mail: bool,
    /// What went wrong.
    pub problem: String,
}

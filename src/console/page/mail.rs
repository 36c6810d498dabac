//! Outgoing mail: what waits, what was sent, what was refused and why.

use super::frame::Frame;
use super::list::List;
use super::parts::{Area, Mark, Stamp};
use askama::Template;

/// One mail.
#[derive(Debug)]
pub struct MailRow {
    /// Its id.
    pub id: u64,
    /// To whom.
    pub to: String,
    /// About what.
    pub about: &'static str,
    /// How far it came.
    pub state: Mark,
    /// What the mail server said last; may be empty.
    pub answer: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next, or was settled.
    pub at: Stamp,
    /// Since when.
    pub created: Stamp,
    /// Whether it can be tried again by hand.
    pub can_again: bool,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "mail_status.html")]
pub struct Outbox {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// State of the list.
    pub list: List,
    /// The newest mails.
    pub rows: Vec<MailRow>,
    /// Whether there is a mail server.
    pub has_mail: bool,
}

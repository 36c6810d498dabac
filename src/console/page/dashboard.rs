//! The organization at a glance.

use super::draw::Activity;
use super::frame::Frame;
use super::home::Figure;
use super::organization::SeatBar;
use super::parts::{Area, Stamp};
use askama::Template;

/// A person with something in the organization.
#[derive(Debug)]
pub struct Holder {
    /// The unique name.
    pub username: String,
    /// The display name.
    pub name: String,
    /// Their page.
    pub href: String,
}

/// The dashboard.
#[derive(Debug, Template)]
#[template(path = "dashboard.html")]
pub struct Dashboard {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// What there is, in numbers.
    pub figures: Vec<Figure>,
    /// Whether there is one active administrator only.
    pub lonely: bool,
    /// How many changes of a directory wait for a decision.
    pub held: usize,
    /// The seats.
    pub seats: Vec<SeatBar>,
    /// Sign-ins and denials, day by day.
    pub activity: Activity,
    /// Active administrators, the first few.
    pub admins: Vec<Holder>,
    /// Who gets the bills.
    pub payer: Option<Holder>,
    /// When the organization was made.
    pub created: Stamp,
}

//! The organization's own page: name, billing administrator, seats as bars, and what it enforces on every team; and the list of
//! all organizations.

use super::frame::Frame;
use super::parts::{Area, Field, Stamp, Switch};
use askama::Template;

/// One part of a bar.
#[derive(Debug)]
pub struct SeatPart {
    /// "Full".
    pub label: &'static str,
    /// Class of its colour.
    pub class: &'static str,
    /// How many, grouped.
    pub count: String,
    /// Left edge, of 1000.
    pub x: usize,
    /// Width, of 1000.
    pub width: usize,
}

/// The seats of one product.
#[derive(Debug)]
pub struct SeatBar {
    /// Id of the drawing's title.
    pub id: &'static str,
    /// "Models seats".
    pub title: &'static str,
    /// The whole in words.
    pub words: String,
    /// Full, viewer, none.
    pub parts: Vec<SeatPart>,
}

/// The organization.
#[derive(Debug, Template)]
#[template(path = "organization.html")]
pub struct Organization {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// The seats.
    pub seats: Vec<SeatBar>,
    /// Who gets the bills; empty for nobody.
    pub payer: String,
    /// Name and billing administrator.
    pub fields: Vec<Field>,
    /// People to complete.
    pub people: Vec<String>,
    /// What is enforced.
    pub switches: Vec<Switch>,
    /// What the form is made from.
    pub seen: Vec<(String, String)>,
    /// Whether the asker may change it.
    pub can_change: bool,
    /// Why, or why not.
    pub why: String,
    /// What went wrong.
    pub problem: String,
}

/// One organization of the instance.
#[derive(Debug)]
pub struct OrganizationRow {
    /// Its name.
    pub name: String,
    /// How many people belong to it, grouped.
    pub people: String,
    /// How many active administrators it has.
    pub admins: usize,
    /// When it was made.
    pub created: Stamp,
    /// Whether the asker belongs to it.
    pub mine: bool,
    /// Whether the asker is there.
    pub current: bool,
}

/// All organizations of the instance.
#[derive(Debug, Template)]
#[template(path = "organizations.html")]
pub struct Organizations {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// The organizations, the oldest first.
    pub rows: Vec<OrganizationRow>,
    /// What makes another one.
    pub fields: Vec<Field>,
    /// Why none can be made; empty where one can.
    pub refusal: String,
    /// The reasons.
    pub why: String,
}

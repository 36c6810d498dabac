//! The organization's own page: name, billing administrator, seats as bars, and what it enforces on every team.

use super::frame::Frame;
use super::parts::{Area, Field, Switch};
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

//! The step between asking for a change of access and making it: who would gain and who would lose what, where. Shown by
//! every form that gives or takes access; confirming sends the same form again.

use super::frame::Frame;
use super::parts::Link;
use askama::Template;

/// What accounts that are alike gain and lose in places that are alike.
#[derive(Debug)]
pub struct ShiftRow {
    /// Who, the first few.
    pub who: Vec<String>,
    /// How many more.
    pub more_who: usize,
    /// Where, the first few.
    pub places: Vec<Link>,
    /// How many more.
    pub more_places: usize,
    /// What becomes allowed: object and operations.
    pub gains: Vec<(String, String)>,
    /// What is allowed no more.
    pub loses: Vec<(String, String)>,
}

/// The review of one change.
#[derive(Debug, Template)]
#[template(path = "review.html")]
pub struct Review {
    /// The page's frame.
    pub frame: Frame,
    /// What would be changed, as a question.
    pub title: String,
    /// What it means, in one sentence.
    pub text: String,
    /// "2 gain, 1 loses".
    pub summary: String,
    /// The rows, the first few.
    pub rows: Vec<ShiftRow>,
    /// How many rows more.
    pub more: usize,
    /// Whether there was more to look at than was looked at.
    pub cut: bool,
    /// Where the form is sent, again.
    pub action: String,
    /// What it sent.
    pub fields: Vec<(String, String)>,
    /// The word on the button.
    pub button: String,
    /// Whether the button warns.
    pub danger: bool,
    /// Back to the form, with what was typed.
    pub back: String,
}

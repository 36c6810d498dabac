//! What a form shows that was open while somebody else saved.

use super::frame::Frame;
use askama::Template;

/// A field that is not the same for everybody.
#[derive(Debug)]
pub struct ConflictRow {
    /// The field.
    pub label: &'static str,
    /// When the form was opened.
    pub seen: String,
    /// Now.
    pub now: String,
    /// What was typed.
    pub wanted: String,
    /// What saving again stores.
    pub merged: String,
}

/// Old, theirs and yours.
#[derive(Debug, Template)]
#[template(path = "conflict.html")]
pub struct Conflict {
    /// The page's frame.
    pub frame: Frame,
    /// "The settings of fusion".
    pub what: String,
    /// The fields that differ.
    pub rows: Vec<ConflictRow>,
    /// Where the form is sent, again.
    pub action: String,
    /// Both together.
    pub fields: Vec<(String, String)>,
    /// The thing as it is now.
    pub back: String,
}

//! The manual's pages: contents, search, a chapter. What they say is in [`crate::console::manual`].

use super::frame::Frame;
use crate::console::manual::{Chapter, Hit};
use askama::Template;

/// A part of the contents.
#[derive(Debug)]
pub struct Contents {
    /// "Guides".
    pub title: &'static str,
    /// Address, title, whether it is the one that is shown.
    pub chapters: Vec<(String, &'static str, bool)>,
}

/// A page of the manual.
#[derive(Debug, Template)]
#[template(path = "manual.html")]
pub struct Manual {
    /// The frame.
    pub frame: Frame,
    /// What was searched for.
    pub q: String,
    /// What was found.
    pub hits: Vec<Hit>,
    /// The contents.
    pub contents: Vec<Contents>,
    /// The chapter that is shown, if one is.
    pub chapter: Option<&'static Chapter>,
}

//! The pages on which signing in through the company is set up: one form for each method, with what each value comes from.

use super::frame::Frame;
use super::parts::{Area, Choice, Link, Mark, Stamp};
use crate::model::identity::Check;
use askama::Template;

/// How a setting is shown.
#[derive(Debug)]
pub enum Control {
    /// A line of text.
    Text(String),
    /// A secret: whether one is set, and whether one was typed that is not saved. Its text is never shown.
    Secret(bool, bool),
    /// On or off.
    Switch(bool),
    /// One of a few words.
    Select(Vec<Choice>),
}

/// One setting of a form.
#[derive(Debug)]
pub struct Input {
    /// Its key, which is also the field's name.
    pub key: &'static str,
    /// The label above.
    pub label: &'static str,
    /// What it does.
    pub help: String,
    /// What to know before changing it; may be empty.
    pub caution: &'static str,
    /// How it is shown.
    pub control: Control,
    /// Where its value comes from.
    pub source: Mark,
    /// The environment variable that holds it, where one does; it cannot be changed here then.
    pub pinned: String,
    /// Whether something else is saved, which the environment hides.
    pub shadowed: bool,
    /// The environment variable that would set it.
    pub env: &'static str,
}

/// Something to copy into the provider's own form.
#[derive(Debug)]
pub struct Copied {
    /// What it is called there.
    pub label: &'static str,
    /// The text.
    pub text: String,
}

/// What a provider needs that others do not.
#[derive(Debug)]
pub struct Hint {
    /// Its name.
    pub name: &'static str,
    /// What to enter, and where.
    pub text: &'static str,
}

/// What the last background sync did.
#[derive(Debug)]
pub struct SyncLines {
    /// When it ended.
    pub at: Stamp,
    /// What it found and did.
    pub lines: Vec<String>,
    /// Why not everything was done; may be empty.
    pub trouble: String,
}

/// One method of signing in, with its state.
#[derive(Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub text: String,
    /// Whether people sign in with it.
    pub state: Mark,
    /// Where it is set up.
    pub link: Link,
    /// When somebody last came in by it.
    pub succeeded: Stamp,
    /// When somebody last did not.
    pub failed: Stamp,
    /// Why not.
    pub why: String,
}

/// The page of one form.
#[derive(Debug, Template)]
#[template(path = "sign_in_settings.html")]
pub struct SignInSettings {
    /// The page's frame.
    pub frame: Frame,
    /// The pages beside it.
    pub area: Area,
    /// The heading.
    pub title: &'static str,
    /// One sentence about it.
    pub intro: &'static str,
    /// Where the form posts.
    pub action: &'static str,
    /// The methods, on the page that gathers them.
    pub methods: Vec<Method>,
    /// To copy.
    pub copied: Vec<Copied>,
    /// By provider.
    pub hints: Vec<Hint>,
    /// The settings.
    pub inputs: Vec<Input>,
    /// Whether the connection can be tested.
    pub tested: bool,
    /// What the test bench takes: label and help; empty where there is none.
    pub bench: Option<(&'static str, &'static str)>,
    /// Steps of the last test, and what they were of.
    pub checks: Vec<Check>,
    /// What the test bench found that signing in would lead to.
    pub outcome: Vec<String>,
    /// What the last background sync did.
    pub report: Option<SyncLines>,
    /// Why something was not done.
    pub problem: String,
}

//! The audit timeline, one event with its reasons, and "why?": the reason chain of any question.

use super::frame::Frame;
use super::list::List;
use super::parts::{Choice, EventLine, Field, Reason};
use askama::Template;

/// Events of one day.
#[derive(Debug)]
pub struct DayOfEvents {
    /// "Today", "Monday 23 November 2026".
    pub label: String,
    /// Newest first.
    pub events: Vec<EventLine>,
}

/// The timeline.
#[derive(Debug, Template)]
#[template(path = "audit.html")]
pub struct Audit {
    /// The page's frame.
    pub frame: Frame,
    /// State of the list.
    pub list: List,
    /// The days, newest first.
    pub days: Vec<DayOfEvents>,
    /// Address of the following, older page; empty at the end.
    pub older: String,
    /// Address of the newest page; empty when this is it.
    pub newest: String,
}

/// One event on its permanent page.
#[derive(Debug, Template)]
#[template(path = "event.html")]
pub struct EventPage {
    /// The page's frame.
    pub frame: Frame,
    /// The event.
    pub event: EventLine,
    /// Every field of it, in words: name and value.
    pub facts: Vec<(String, String)>,
}

/// A decision with its reasons.
#[derive(Debug)]
pub struct Answer {
    /// "Can ana write runs in acme/fusion?"
    pub question: String,
    /// Whether it is allowed.
    pub allowed: bool,
    /// Whether the asker could learn that the thing exists.
    pub visible: bool,
    /// The reasons.
    pub chain: Vec<Reason>,
    /// The same question for the shell.
    pub command: String,
}

/// "Why?": a question and its answer.
#[derive(Debug, Template)]
#[template(path = "why.html")]
pub struct Why {
    /// The page's frame.
    pub frame: Frame,
    /// Who, and on what.
    pub fields: Vec<Field>,
    /// Every action.
    pub actions: Vec<Choice>,
    /// What went wrong.
    pub problem: String,
    /// The answer, once asked.
    pub answer: Option<Answer>,
}

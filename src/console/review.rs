//! Show, then act: a form that gives or takes access is answered with what it would change before anything is saved, and
//! saved once it comes again with [`SURE`]. The change runs in a dropped transaction (`ops::what_if`); nothing is worked
//! out here but how the lines are put together.

use super::page::frame::Section;
use super::page::parts::Link;
use super::page::review::{Review, ShiftRow};
use super::visit::{Fields, Instance, Visit};
use super::words;
use crate::error::Result;
use crate::model::role::Action;
use crate::ops::Acting;
use crate::ops::what_if::{Scope, Shift};
use actix_web::HttpResponse;
use std::collections::BTreeSet;

/// The field that says that the review was read.
pub const SURE: &str = "reviewed";
/// Lines shown at most.
const ROWS: usize = 60;
/// Names shown in a line at most.
const NAMES: usize = 8;

/// A change that is asked about.
pub struct Question {
    /// Whom and what it can touch.
    pub scope: Scope,
    /// The page's title: "Make fusion restricted?"
    pub title: String,
    /// What it means.
    pub text: String,
    /// The word on the button.
    pub button: String,
    /// Whether the button warns.
    pub danger: bool,
    /// Where the form was sent.
    pub action: String,
    /// Back to the form with what was typed.
    pub back: String,
    /// The side bar's entry.
    pub section: Section,
    /// The way here.
    pub crumbs: Vec<(String, String)>,
}

/// Whether the form came with its review read.
pub fn is_sure(fields: &Fields) -> bool {
    fields.get(SURE) == "yes"
}

/// The fields of an undo: it was reviewed when it was done.
pub fn undo(fields: Vec<(&str, String)>) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    all.push((SURE.to_owned(), "yes".to_owned()));
    all
}

/// `path` with what was typed, for the way back.
pub fn back(path: &str, fields: &Fields) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.rest() {
        query.append_pair(name, value);
    }
    format!("{path}?{}", query.finish())
}

/// The page that shows what `change` would do.
///
/// # Errors
/// Whatever the change is refused with.
pub async fn ask(
    app: &Instance,
    visit: &Visit,
    question: Question,
    fields: &Fields,
    change: impl Fn(&mut Acting) -> Result<()> + Send + 'static,
) -> Result<HttpResponse> {
    let preview = app.preview(&visit.caller, question.scope, change).await?;
    let summary = summary(&preview.shifts, &visit.org_name);
    let mut rows = rows(&preview.shifts, &visit.org_name);
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let mut frame = visit.frame(question.title.clone(), question.section);
    // This page has no address of its own to come back to.
    frame.path.clone_from(&question.back);
    for (label, href) in question.crumbs {
        frame = frame.crumb(label, href);
    }
    visit.html(&Review {
        frame: frame.crumb("Review", ""),
        title: question.title,
        text: question.text,
        summary,
        rows,
        more,
        cut: preview.cut,
        action: question.action,
        fields: fields.rest().cloned().collect(),
        button: question.button,
        danger: question.danger,
        back: question.back,
    })
}

fn summary(shifts: &[Shift], org: &str) -> String {
    let who = |wanted: &dyn Fn(&Shift) -> bool| -> BTreeSet<&str> {
        shifts.iter().filter(|s| wanted(s)).map(|s| s.who.as_str()).collect()
    };
    let count = |names: &BTreeSet<&str>| match (names.contains(""), names.len()) {
        (true, 1) => format!("everyone else in {org}"),
        (true, n) => format!("{} and everyone else in {org}", people(n - 1)),
        (false, n) => people(n),
    };
    let (gain, lose) = (who(&|s| !s.gains.is_empty()), who(&|s| !s.loses.is_empty()));
    match (gain.is_empty(), lose.is_empty()) {
        (true, true) => "Nothing changes".to_owned(),
        (false, true) => format!("Gains: {}", count(&gain)),
        (true, false) => format!("Loses: {}", count(&lose)),
        (false, false) => format!("Gains: {}. Loses: {}", count(&gain), count(&lose)),
    }
}

fn people(n: usize) -> String {
    if n == 1 { "1 account".to_owned() } else { format!("{n} accounts") }
}

/// The lines with those put together that say the same of several people or several places.
fn rows(shifts: &[Shift], org: &str) -> Vec<ShiftRow> {
    struct Group<'a> {
        who: Vec<&'a str>,
        places: Vec<&'a str>,
        gains: &'a [Action],
        loses: &'a [Action],
    }
    let mut in_place: Vec<Group> = vec![];
    for s in shifts {
        let same = in_place.iter_mut().rev().take_while(|g| g.places == [s.place.as_str()]);
        match same.into_iter().find(|g| g.gains == s.gains && g.loses == s.loses) {
            Some(group) => group.who.push(&s.who),
            None => {
                in_place.push(Group { who: vec![&s.who], places: vec![&s.place], gains: &s.gains, loses: &s.loses })
            }
        }
    }
    let mut groups: Vec<Group> = vec![];
    for g in in_place {
        match groups.iter_mut().find(|o| o.who == g.who && o.gains == g.gains && o.loses == g.loses) {
            Some(group) => group.places.extend(g.places),
            None => groups.push(g),
        }
    }
    let name = |who: &&str| if who.is_empty() { format!("Everyone else in {org}") } else { (*who).to_owned() };
    groups
        .iter()
        .map(|g| ShiftRow {
            who: g.who.iter().take(NAMES).map(name).collect(),
            more_who: g.who.len().saturating_sub(NAMES),
            places: g.places.iter().take(NAMES).map(|p| place(p)).collect(),
            more_places: g.places.len().saturating_sub(NAMES),
            gains: grouped(g.gains),
            loses: grouped(g.loses),
        })
        .collect()
}

/// `project acme/fusion` with the page it has.
fn place(label: &str) -> Link {
    let href = match label.split_once(' ') {
        Some(("project", path)) => words::project_path(path),
        Some(("team", name)) => format!("/{name}"),
        _ => String::new(),
    };
    Link { label: label.to_owned(), href }
}

/// Actions by their object: `run` with `create, update`.
fn grouped(actions: &[Action]) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = vec![];
    for action in actions {
        let (object, operation) = action.as_str().split_once(':').unwrap_or((action.as_str(), ""));
        match out.last_mut().filter(|(last, _)| last == object) {
            Some((_, operations)) => operations.push_str(&format!(", {operation}")),
            None => out.push((object.to_owned(), operation.to_owned())),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Action, Shift, rows, summary};

    #[test]
    fn lines_that_say_the_same_are_put_together() {
        let shift = |who: &str, place: &str, gains: &[Action]| Shift {
            who: who.to_owned(),
            place: place.to_owned(),
            gains: gains.to_vec(),
            loses: vec![],
        };
        let both = [Action::RunRead, Action::RunCreate];
        let shifts = [
            shift("", "project a/x", &both[..1]),
            shift("ben", "project a/x", &both),
            shift("cleo", "project a/x", &both),
            shift("ben", "project a/y", &both),
            shift("cleo", "project a/y", &both),
        ];
        let rows = rows(&shifts, "org");
        let of: Vec<_> = rows.iter().map(|r| (r.who.join(" "), r.places.len(), r.gains.len())).collect();
        assert_eq!(of, [("Everyone else in org".to_owned(), 1, 1), ("ben cleo".to_owned(), 2, 1)]);
        assert_eq!(rows[1].gains, [("run".to_owned(), "read, create".to_owned())]);
        assert_eq!(summary(&shifts, "org"), "Gains: 2 accounts and everyone else in org");
    }
}

//! A form that was open while somebody else saved: what it was made from travels with it in hidden fields, the save is refused
//! by `ops::edits`, and the page here shows what was there, what is there now, what was typed, and saves the two together.

use super::page::conflict::{Conflict, ConflictRow};
use super::page::frame::Section;
use super::page::parts::Undo;
use super::review;
use super::visit::{Fields, Instance, Visit};
use crate::error::{Code, Error, Result};
use crate::ops::edits::{self, Drafted, Part, Thing};
use crate::ops::{Acting, Asking};
use actix_web::HttpResponse;
use std::collections::BTreeMap;

/// What the names of the hidden fields begin with.
const SEEN: &str = "seen.";

/// The hidden fields of a form about `thing` that has these `names`. A form that is shown again keeps what it was first made
/// from.
pub fn seen(cx: &Asking, thing: &Thing, names: &[&str], sent: Option<&Fields>) -> Result<Vec<(String, String)>> {
    let kept: Vec<(String, String)> =
        sent.into_iter().flat_map(Fields::rest).filter(|(name, _)| name.starts_with(SEEN)).cloned().collect();
    if !kept.is_empty() {
        return Ok(kept);
    }
    let parts = edits::parts(cx, thing)?;
    Ok(hidden(parts.iter().filter(|part| names.contains(&part.name))))
}

fn hidden<'a>(parts: impl Iterator<Item = &'a Part>) -> Vec<(String, String)> {
    parts.flat_map(|part| told(part.name, &part.values)).collect()
}

/// What a form says of a field that it is made from.
fn told(name: &str, values: &[String]) -> Vec<(String, String)> {
    let field = |value: &str| (format!("{SEEN}{name}"), value.to_owned());
    if values.is_empty() { vec![field("")] } else { values.iter().map(|value| field(value)).collect() }
}

/// A form about a thing, as it was sent.
#[derive(Clone, Debug)]
pub struct Edit {
    thing: Thing,
    draft: Vec<Drafted>,
}

impl Edit {
    /// Reads what a form says of itself.
    pub fn of(thing: Thing, fields: &Fields) -> Edit {
        let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in fields.rest() {
            if let Some(name) = name.strip_prefix(SEEN) {
                seen.entry(name.to_owned()).or_default().push(value.clone());
            }
        }
        let draft = seen.into_iter().map(|(name, seen)| {
            let wanted = edits::plain(fields.all(&name));
            Drafted { name, seen: edits::plain(seen), wanted }
        });
        Edit { draft: draft.collect(), thing }
    }

    /// `change`, refused where it would replace what its form was not made from. For [`crate::app::App::act`] and for reviews.
    pub fn guarding<T, F>(&self, change: F) -> impl Fn(&mut Acting) -> Result<T> + Send + 'static + use<T, F>
    where
        T: 'static,
        F: Fn(&mut Acting) -> Result<T> + Send + 'static,
    {
        let edit = self.clone();
        move |cx| {
            edits::check(cx, &edit.thing, &edit.draft)?;
            change(cx)
        }
    }

    /// The form that puts back what this one was made from; for forms that told it.
    pub fn undo(&self, action: &str, with: &[(&str, &str)]) -> Option<Undo> {
        let changed: Vec<&Drafted> = self.draft.iter().filter(|drafted| drafted.seen != drafted.wanted).collect();
        if changed.is_empty() {
            return None;
        }
        let mut fields: Vec<(&str, String)> = with.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        for drafted in &self.draft {
            fields.extend(drafted.seen.iter().map(|value| (drafted.name.as_str(), value.clone())));
        }
        let mut fields = review::undo(fields);
        // It must not replace what somebody saves before it is pressed.
        fields.extend(self.draft.iter().flat_map(|drafted| told(&drafted.name, &drafted.wanted)));
        Some(Undo { action: action.to_owned(), fields })
    }
}

/// Where a form stands.
pub struct Place {
    /// "Settings of fusion".
    pub what: String,
    /// Where the form is sent.
    pub action: String,
    /// Where the thing is seen as it is now.
    pub back: String,
    /// The side bar's entry.
    pub section: Section,
    /// The way here.
    pub crumbs: Vec<(String, String)>,
}

/// The page about a form that `error` refused, where that was because somebody else saved first.
///
/// # Errors
/// Any other `error`.
pub fn page(
    app: &Instance,
    visit: &Visit,
    edit: &Edit,
    fields: &Fields,
    place: Place,
    error: Error,
) -> Result<HttpResponse> {
    if error.code() != Code::StaleVersion {
        return Err(error);
    }
    let now = app.ask(&visit.caller, |cx| edits::parts(cx, &edit.thing))?;
    let shown = |values: &[String]| match values {
        [] => "nothing".to_owned(),
        [on] if on == "on" => "on".to_owned(),
        values => values.join(", "),
    };
    let rows = edits::differences(&now, &edit.draft);
    // A box is on or off; anything else is something or nothing.
    let is_box = |row: &edits::Difference| {
        let all = [&row.seen, &row.now, &row.wanted];
        all.iter().all(|v| v.is_empty() || v.as_slice() == ["on"])
    };
    let rows = rows.iter().map(|row| {
        let word = |values: &[String]| if is_box(row) && values.is_empty() { "off".to_owned() } else { shown(values) };
        ConflictRow {
            label: row.label,
            seen: word(&row.seen),
            now: word(&row.now),
            wanted: word(&row.wanted),
            merged: word(&row.merged),
        }
    });
    let drafted = |name: &str| edit.draft.iter().any(|drafted| drafted.name == name);
    let others = fields.rest().filter(|(name, _)| !name.starts_with(SEEN) && !drafted(name));
    let mut send: Vec<(String, String)> = others.cloned().collect();
    for part in now.iter().filter(|part| drafted(part.name)) {
        let Some(of) = edit.draft.iter().find(|drafted| drafted.name == part.name) else { continue };
        send.extend(edits::merged(part, of).into_iter().map(|value| (part.name.to_owned(), value)));
    }
    send.extend(hidden(now.iter().filter(|part| drafted(part.name))));
    let mut frame = visit.frame("Somebody else saved first", place.section);
    frame.path.clone_from(&place.back);
    for (label, href) in place.crumbs {
        frame = frame.crumb(label, href);
    }
    let shown = Conflict {
        frame: frame.crumb("Somebody else saved first", ""),
        what: place.what,
        rows: rows.collect(),
        action: place.action,
        fields: send,
        back: place.back,
    };
    visit.again(&shown, &error)
}

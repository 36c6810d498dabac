//! Lists of the runs of a project. The decision is made once, on the project: whoever may read its runs may read each. Sorted by
//! creation a list is a walk along an index; any other order reads all runs of the project, within a bound.

use super::filter::{Field, Filter, Subject, order};
use super::{Seen, lines, seen};
use crate::error::{Code, Error, Result};
use crate::model::role::Action;
use crate::model::run::{Run, Text};
use crate::model::{ProjectId, RunId};
use crate::ops::Cx;
use crate::policy::Resource;
use crate::store::{Cursor, Range, Read, schema};
use serde_json::{Value, json};
use std::cell::OnceCell;

/// The most runs looked at for one list.
const LOOKED_MAX: usize = 50_000;

/// What a list is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which runs.
    pub filter: Filter,
    /// By what they are sorted, and whether the largest comes first. By creation where absent, oldest first.
    pub order: Option<(Field, bool)>,
    /// Runs at most.
    pub limit: usize,
    /// Behind which run: a [`cursor`].
    pub after: Option<Cursor>,
}

/// A page of runs and whether more follow.
#[derive(Debug)]
pub struct Page {
    /// The runs.
    pub items: Vec<Seen>,
    /// Whether more follow.
    pub more: bool,
}

/// Where a list goes on behind a run.
pub fn cursor(run: &Run) -> Cursor {
    Cursor::at(&(run.project, run.created_at, run.id))
}

/// The runs of a project, for those who may read them.
pub fn page<V: Read>(cx: &Cx<V>, project: ProjectId, asked: &Asked) -> Result<Page> {
    let _grant = cx.allow(Action::RunRead, Resource::Project(project))?;
    match &asked.order {
        None | Some((Field::CreatedAt, _)) => by_creation(cx, project, asked),
        Some((field, down)) => by_value(cx, project, asked, field, *down),
    }
}

/// How many runs of a project pass a filter.
pub fn count<V: Read>(cx: &Cx<V>, project: ProjectId, filter: &Filter) -> Result<usize> {
    let _grant = cx.allow(Action::RunRead, Resource::Project(project))?;
    if filter.is_everything() {
        return cx.view().count(&schema::RUNS_OF_PROJECT, Range::prefix(&(project,)), 1_000_000);
    }
    let mut count = 0;
    walk(cx, project, None, false, |candidate| {
        count += usize::from(filter.passes(candidate)?);
        Ok(true)
    })?;
    Ok(count)
}

/// The ids of the runs that pass a filter, at most `limit`.
pub fn ids<V: Read>(cx: &Cx<V>, project: ProjectId, filter: &Filter, limit: usize) -> Result<Vec<RunId>> {
    let asked = Asked { filter: filter.clone(), order: None, limit, after: None };
    Ok(page(cx, project, &asked)?.items.into_iter().map(|seen| seen.run.id).collect())
}

fn by_creation<V: Read>(cx: &Cx<V>, project: ProjectId, asked: &Asked) -> Result<Page> {
    let down = asked.order.as_ref().is_some_and(|(_, down)| *down);
    let (mut items, mut more) = (vec![], false);
    walk(cx, project, asked.after.clone(), down, |candidate| {
        if asked.filter.passes(candidate)? {
            more = items.len() == asked.limit;
            if !more {
                items.push(candidate.seen.clone());
            }
        }
        Ok(!more)
    })?;
    Ok(Page { items, more })
}

fn by_value<V: Read>(cx: &Cx<V>, project: ProjectId, asked: &Asked, field: &Field, down: bool) -> Result<Page> {
    let mut found: Vec<(Option<Value>, Seen)> = vec![];
    walk(cx, project, None, false, |candidate| {
        if asked.filter.passes(candidate)? {
            let key = candidate.values(field)?.into_iter().next().filter(|v| !v.is_null());
            found.push((key, candidate.seen.clone()));
        }
        Ok(true)
    })?;
    // Runs without the value come last, either way; ties stay in the order of creation.
    found.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) => {
            let way = order(field, a, b).unwrap_or_else(|| kind(a).cmp(&kind(b)));
            if down { way.reverse() } else { way }
        }
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => std::cmp::Ordering::Equal,
    });
    let start = match &asked.after {
        Some(after) => found.iter().position(|(_, s)| cursor(&s.run) == *after).map_or(found.len(), |at| at + 1),
        None => 0,
    };
    let more = found.len() > start + asked.limit;
    let items = found.into_iter().skip(start).take(asked.limit).map(|(_, seen)| seen).collect();
    Ok(Page { items, more })
}

/// Values of different kinds sort by kind, so that the order is one.
fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// Looks at the runs of a project in order of creation until `visit` says false.
fn walk<V: Read>(
    cx: &Cx<V>,
    project: ProjectId,
    mut after: Option<Cursor>,
    down: bool,
    mut visit: impl FnMut(&Candidate<'_, V>) -> Result<bool>,
) -> Result<()> {
    let mut looked = 0;
    loop {
        let mut range = Range::prefix(&(project,)).after(after).limit(200);
        if down {
            range = range.desc();
        }
        let page = cx.view().list_by(&schema::RUNS_OF_PROJECT, range)?;
        for run in page.items {
            looked += 1;
            if looked > LOOKED_MAX {
                return Err(Error::new(
                    Code::LimitReached,
                    format!("The project has more than {LOOKED_MAX} runs to look through."),
                )
                .hint("Sort by created_at, and filter by less."));
            }
            let candidate = Candidate { cx, seen: seen(cx, run)?, config: OnceCell::new(), summary: OnceCell::new() };
            if !visit(&candidate)? {
                return Ok(());
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// A run that a filter looks at; its texts are read when they are asked for.
struct Candidate<'a, V> {
    cx: &'a Cx<'a, V>,
    seen: Seen,
    config: OnceCell<Value>,
    summary: OnceCell<Value>,
}

impl<V: Read> Candidate<'_, V> {
    fn text(&self, kind: Text) -> Result<&Value> {
        let cell = if kind == Text::Config { &self.config } else { &self.summary };
        if cell.get().is_none() {
            let text = lines::text(self.cx.view(), self.seen.run.id, kind)?;
            let _ = cell.set(serde_json::from_str(&text).unwrap_or(Value::Null));
        }
        Ok(cell.get().unwrap_or(&Value::Null))
    }
}

impl<V: Read> Subject for Candidate<'_, V> {
    fn values(&self, field: &Field) -> Result<Vec<Value>> {
        let run = &self.seen.run;
        let text = |t: &str| if t.is_empty() { vec![] } else { vec![json!(t)] };
        Ok(match field {
            Field::Name => text(&run.name),
            Field::DisplayName => text(run.label()),
            Field::State => text(self.seen.state.as_str()),
            Field::CreatedAt => text(&crate::clock::rfc3339(run.created_at)),
            Field::HeartbeatAt => text(&crate::clock::rfc3339(self.seen.progress.heartbeat_at)),
            Field::Username => match self.cx.view().get(&schema::USERS, &run.shown_as())? {
                Some(user) => text(&user.username),
                None => vec![],
            },
            Field::Tags => run.tags.iter().map(|t| json!(t)).collect(),
            Field::Group => text(&run.group),
            Field::JobType => text(&run.job_type),
            Field::Notes => text(&run.notes),
            Field::Commit => text(&run.commit),
            Field::Host => text(&run.host),
            Field::Config(path) => descend(self.text(Text::Config)?, path),
            Field::Summary(path) => descend(self.text(Text::Summary)?, path),
        })
    }
}

/// The value at a path. Each configuration value lies under `value`, which clients name or leave out; a key may hold dots.
fn descend(root: &Value, path: &[String]) -> Vec<Value> {
    let Some(map) = root.as_object() else { return vec![] };
    let whole = path.join(".");
    if let Some(found) = map.get(&whole) {
        return vec![unwrapped(found).clone()];
    }
    let Some((first, rest)) = path.split_first() else { return vec![] };
    let Some(mut at) = map.get(first).map(unwrapped) else { return vec![] };
    for (n, step) in rest.iter().enumerate() {
        match at.get(step) {
            Some(next) => at = next,
            None if n == 0 && step == "value" => {}
            None => return vec![],
        }
    }
    vec![at.clone()]
}

fn unwrapped(value: &Value) -> &Value {
    match value.as_object() {
        Some(map) if map.contains_key("value") && map.keys().all(|k| k == "value" || k == "desc") => &map["value"],
        _ => value,
    }
}

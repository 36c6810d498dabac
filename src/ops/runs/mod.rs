//! Runs: what the wandb client submits, and what people do with it. Each use-case asks about the run itself where it exists and
//! about the project where it does not; the rule about one's own runs is the policy's.
//!
//! [`upsert`](upsert::upsert) makes and changes runs, `report` takes what a running one streams, `lines` keeps it, `history`
//! reads it back, `change` stops, deletes and moves, `files` and `tickets` are about files, `list` and `filter` find runs.
//! The bytes of files are on disk (`crate::blobs`); everything else is in the store.

pub mod change;
pub mod files;
pub mod filter;
pub mod history;
mod lines;
pub mod list;
pub mod report;
pub mod tickets;
pub mod upsert;

use super::{Cx, absent, or_absent, projects};
use crate::clock::Millis;
use crate::error::{Code, Error, Result};
use crate::model::project::Project;
use crate::model::role::Action;
use crate::model::run::{Progress, Run, RunState, Stream, Text, Usage};
use crate::model::user::User;
use crate::model::{ProjectId, RunId};
use crate::policy::Resource;
use crate::store::{Read, schema};

/// A run as somebody who may read it sees it now.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What is known from its start.
    pub run: Run,
    /// What changes while it runs.
    pub progress: Progress,
    /// What it does now.
    pub state: RunState,
}

/// A run by entity, project and name as typed, for somebody who may read it. A deleted one counts as absent.
pub fn get<V: Read>(cx: &Cx<V>, entity: &str, project: &str, run: &str) -> Result<Seen> {
    let typed = || format!("{entity}/{project}/{run}");
    let found = projects::must_exist(cx.view(), entity, project)
        .and_then(|p| named(cx.view(), p.id, run)?.filter(|r| r.deleted_at.is_none()).ok_or_else(|| absent("run", "")))
        .map_err(|e| if e.code() == Code::NotFound { absent("run", &typed()) } else { e })?;
    let _grant = or_absent(cx.allow(Action::RunRead, Resource::Run(found.id)), "run", &typed())?;
    seen(cx, found)
}

/// A run of a project by its name, for somebody who may read it.
pub fn in_project<V: Read>(cx: &Cx<V>, project: ProjectId, run: &str) -> Result<Option<Seen>> {
    let Some(found) = named(cx.view(), project, run)?.filter(|r| r.deleted_at.is_none()) else { return Ok(None) };
    let _grant = or_absent(cx.allow(Action::RunRead, Resource::Run(found.id)), "run", run)?;
    seen(cx, found).map(Some)
}

/// The project of a run and the name of its team or person, for somebody who may read the run.
pub fn place<V: Read>(cx: &Cx<V>, run: &Run) -> Result<(Project, String)> {
    let _grant = unnamed(cx.allow(Action::RunRead, Resource::Run(run.id)))?;
    let project = cx.view().get(&schema::PROJECTS, &run.project)?.ok_or_else(no_run)?;
    let entity = projects::entity_name(cx.view(), project.entity)?;
    Ok((project, entity))
}

/// Whom a run is shown as, and whether the asker may see that account's whole record.
pub fn author<V: Read>(cx: &Cx<V>, run: &Run) -> Result<Option<(User, bool)>> {
    let _grant = unnamed(cx.allow(Action::RunRead, Resource::Run(run.id)))?;
    let id = run.shown_as();
    let Some(user) = cx.view().get(&schema::USERS, &id)? else { return Ok(None) };
    let whole = cx.can(Action::UserRead, Resource::User(id))?;
    Ok(Some((user, whole)))
}

/// The account whose credential submitted a run.
pub fn creator<V: Read>(cx: &Cx<V>, run: &Run) -> Result<Option<User>> {
    let _grant = unnamed(cx.allow(Action::RunRead, Resource::Run(run.id)))?;
    cx.view().get(&schema::USERS, &run.creator)
}

/// A text of a run, as JSON: an empty object or list where there is none.
pub fn text<V: Read>(cx: &Cx<V>, run: &Run, kind: Text) -> Result<String> {
    let _grant = unnamed(cx.allow(Action::RunRead, Resource::Run(run.id)))?;
    let found = lines::text(cx.view(), run.id, kind)?;
    Ok(if !found.is_empty() {
        found
    } else if kind == Text::Keys {
        "[]".to_owned()
    } else {
        "{}".to_owned()
    })
}

/// The lines `from..from + limit` of a stream with their numbers.
pub fn stretch<V: Read>(cx: &Cx<V>, run: &Run, stream: Stream, from: u64, limit: usize) -> Result<Vec<(u64, String)>> {
    let _grant = unnamed(cx.allow(Action::RunRead, Resource::Run(run.id)))?;
    let mut out = vec![];
    if limit > 0 {
        lines::walk(cx.view(), run.id, stream, from, |number, line| {
            out.push((number, line.to_owned()));
            Ok(out.len() < limit)
        })?;
    }
    Ok(out)
}

/// The last line of a stream.
pub fn last_line<V: Read>(cx: &Cx<V>, run: &Run, stream: Stream) -> Result<Option<String>> {
    let _grant = unnamed(cx.allow(Action::RunRead, Resource::Run(run.id)))?;
    lines::last(cx.view(), run.id, stream)
}

fn seen<V: Read>(cx: &Cx<V>, run: Run) -> Result<Seen> {
    let progress = progress(cx.view(), run.id, run.created_at)?;
    let state = progress.state_at(cx.now(), cx.settings().runs().crashed_after);
    Ok(Seen { run, progress, state })
}

fn progress(view: &impl Read, run: RunId, created_at: Millis) -> Result<Progress> {
    Ok(view.get(&schema::PROGRESS, &run)?.unwrap_or_else(|| Progress::new(run, RunState::Pending, created_at)))
}

/// A run of a project by its exact name, deleted or not; no check of rights.
fn named(view: &impl Read, project: ProjectId, run: &str) -> Result<Option<Run>> {
    if run.is_empty() || run.len() > crate::model::run::RUN_NAME_MAX {
        return Ok(None);
    }
    view.find(&schema::RUN_BY_NAME, &(project, run.to_owned()))
}

/// A run that is not deleted by id; no check of rights.
fn must_exist(view: &impl Read, id: RunId) -> Result<Run> {
    view.get(&schema::RUNS, &id)?.ok_or_else(no_run)
}

fn no_run() -> Error {
    Error::not_found("There is no such run, or you may not see it.")
}

/// A refusal that does not name what the asker knows by id only.
fn unnamed<T>(result: Result<T>) -> Result<T> {
    result.map_err(|e| if e.kind() == crate::error::Kind::NotFound { no_run() } else { e })
}

/// Counts bytes of a run up and down, within the limits of run and project.
fn charge<V: Read>(cx: &Cx<V>, run: &Run, progress: &mut Progress, before: u64, after: u64) -> Result<Usage> {
    let limits = cx.settings().runs();
    progress.bytes = (progress.bytes + after).saturating_sub(before);
    let fresh = Usage { project: run.project, bytes: 0 };
    let mut usage = cx.view().get(&schema::PROJECT_USAGE, &run.project)?.unwrap_or(fresh);
    usage.bytes = (usage.bytes + after).saturating_sub(before);
    if after > before && progress.bytes > limits.lines {
        return Err(over("The run's history and output", limits.lines, "runs.lines_limit"));
    }
    if after > before && usage.bytes > limits.project {
        return Err(over("The runs of the project", limits.project, "runs.project_limit"));
    }
    Ok(usage)
}

/// Something would go over a limit. Never a status that clients repeat (wandb 0.16.6 repeats 413 for minutes).
fn over(what: &str, limit: u64, setting: &str) -> Error {
    Error::new(Code::LimitReached, format!("{what} would go over the limit of {}.", size(limit)))
        .hint(format!("An administrator can raise it with the setting {setting}."))
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    for (unit, name) in [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

/// A free text of a client, cut to what is kept: clients cannot be asked to shorten the path of a program.
fn cut(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).take(max).collect()
}

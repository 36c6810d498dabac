//! What people do with runs that exist: stop, delete, bring back, move to another project, say that one failed. And what becomes
//! of runs whose project is deleted.

use super::{charge, must_exist, no_run, progress, unnamed};
use crate::error::{Code, Error, Result};
use crate::model::audit::{Named, Outcome, Reason};
use crate::model::project::{Project, Visibility};
use crate::model::role::Action;
use crate::model::run::{Chunk, Progress, Remains, Run, RunFile, RunState, TextPart, Usage};
use crate::model::{ProjectId, RunId};
use crate::ops::{Acting, Grant, changed, or_absent, projects};
use crate::policy::Resource;
use crate::store::{Range, Read, Tx, schema};

/// The most runs moved at once.
pub const MOVED_MAX: usize = 1_000;
/// How many rows a sweep removes at once.
const SWEEP: usize = 500;

/// Asks a run to stop: its client hears it when it reports next. A run that ended stays as it is.
pub fn stop(cx: &mut Acting, id: RunId) -> Result<()> {
    let run = live(cx, id)?;
    let grant = unnamed(cx.allow(Action::RunStop, Resource::Run(id)))?;
    let mut state = progress(cx.view(), id, run.created_at)?;
    if state.stop || !matches!(state.state, RunState::Running | RunState::Pending | RunState::Preempting) {
        return Ok(());
    }
    state.stop = true;
    cx.put(&grant, &schema::PROGRESS, &state)?;
    cx.record(grant, changed("stop", None, Some("asked for")).into_iter().collect())
}

/// Deletes a run: nobody finds it any more until it is brought back. Its id is not used again.
pub fn delete(cx: &mut Acting, id: RunId) -> Result<()> {
    let mut run = live(cx, id)?;
    let grant = unnamed(cx.allow(Action::RunDelete, Resource::Run(id)))?;
    run.deleted_at = Some(cx.now());
    cx.put(&grant, &schema::RUNS, &run)?;
    cx.record(grant, changed("name", Some(&run.name), None).into_iter().collect())
}

/// Brings a deleted run back.
pub fn undelete(cx: &mut Acting, id: RunId) -> Result<Run> {
    let mut run = must_exist(cx.view(), id)?;
    let grant = unnamed(cx.allow(Action::RunUndelete, Resource::Run(id)))?;
    if run.deleted_at.take().is_some() {
        cx.put(&grant, &schema::RUNS, &run)?;
        cx.record(grant, changed("name", None, Some(&run.name)).into_iter().collect())?;
    }
    Ok(run)
}

/// Says that a run waits to be started again, or failed.
pub fn set_state(cx: &mut Acting, id: RunId, to: RunState) -> Result<()> {
    let run = live(cx, id)?;
    let grant = unnamed(cx.allow(Action::RunUpdate, Resource::Run(id)))?;
    let mut state = progress(cx.view(), id, run.created_at)?;
    let from = state.state_at(cx.now(), cx.settings().runs().crashed_after);
    let fits = match to {
        RunState::Pending => {
            matches!(from, RunState::Running | RunState::Failed | RunState::Crashed | RunState::Preempted)
        }
        RunState::Failed => matches!(from, RunState::Pending | RunState::Running),
        _ => false,
    };
    if !fits {
        return Err(Error::invalid(format!("A run that is {} cannot be made {}.", from.as_str(), to.as_str())).hint(
            "A running, failed, crashed or preempted run can be made pending; a pending or running one failed.",
        ));
    }
    state.state = to;
    cx.put(&grant, &schema::PROGRESS, &state)?;
    cx.record(grant, changed("state", Some(from.as_str()), Some(to.as_str())).into_iter().collect())
}

/// Moves runs into another project, all or none. Out of a restricted project nobody moves anything.
///
/// # Errors
/// [`Code::Denied`]; [`Code::NameTaken`] where the target has a run of the same id; [`Code::LimitReached`].
pub fn transfer(cx: &mut Acting, ids: &[RunId], entity: &str, project: &str) -> Result<usize> {
    if ids.len() > MOVED_MAX {
        return Err(Error::new(Code::LimitReached, format!("At most {MOVED_MAX} runs are moved at once.")));
    }
    let typed = format!("{entity}/{project}");
    let target = projects::must_exist(cx.view(), entity, project)?;
    let _into = or_absent(cx.allow(Action::ProjectMoveRunsIn, Resource::Project(target.id)), "project", &typed)?;
    let mut moved = 0;
    for id in ids {
        let run = live(cx, *id)?;
        let grant = unnamed(cx.allow(Action::RunMove, Resource::Run(*id)))?;
        if run.project != target.id {
            move_one(cx, grant, run, &target)?;
            moved += 1;
        }
    }
    Ok(moved)
}

fn move_one(cx: &mut Acting, grant: Grant, mut run: Run, target: &Project) -> Result<()> {
    let source = cx.view().get(&schema::PROJECTS, &run.project)?.ok_or_else(no_run)?;
    if source.visibility == Visibility::Restricted {
        return Err(kept_inside(cx, &run, &source)?);
    }
    if source.org != target.org {
        return Err(Error::invalid("A run cannot move to another organization."));
    }
    if super::named(cx.view(), target.id, &run.name)?.is_some() {
        return Err(Error::new(Code::NameTaken, format!("The target project has a run {} already.", run.name)));
    }
    let state = progress(cx.view(), run.id, run.created_at)?;
    let weight = state.bytes + state.file_bytes;
    if let Some(mut usage) = cx.view().get(&schema::PROJECT_USAGE, &source.id)? {
        usage.bytes = usage.bytes.saturating_sub(weight);
        cx.put(&grant, &schema::PROJECT_USAGE, &usage)?;
    }
    run.project = target.id;
    let mut weighed = Progress { bytes: 0, ..state };
    let usage = charge(cx, &run, &mut weighed, 0, weight)?;
    cx.put(&grant, &schema::PROJECT_USAGE, &usage)?;
    cx.put(&grant, &schema::RUNS, &run)?;
    let path = |cx: &Acting, p: &Project| {
        Ok::<_, Error>(format!("{}/{}", projects::entity_name(cx.view(), p.entity)?, p.name))
    };
    let (from, to) = (path(cx, &source)?, path(cx, target)?);
    cx.record(grant, changed("project", Some(&from), Some(&to)).into_iter().collect())
}

/// The refusal to move a run out of a restricted project, noted for the audit log.
fn kept_inside(cx: &Acting, run: &Run, source: &Project) -> Result<Error> {
    let text = "Runs move into a restricted project, never out of it.";
    let path = format!("{}/{}/{}", projects::entity_name(cx.view(), source.entity)?, source.name, run.name);
    let reason = Reason { rule: "restricted_source".to_owned(), text: text.to_owned() };
    let target = Named::new("run", run.id, path);
    let event = cx.event(source.org, Action::RunMove.as_str(), target, vec![], vec![reason], Outcome::Denied)?;
    *cx.refusal.borrow_mut() = Some(event);
    Ok(Error::denied(format!("Denied: {text}"), true)
        .hint("Whoever should see it can be invited to the project, or the project can be opened to its team first."))
}

/// A run that is not deleted; no check of rights.
fn live(cx: &Acting, id: RunId) -> Result<Run> {
    must_exist(cx.view(), id).and_then(|run| if run.deleted_at.is_some() { Err(no_run()) } else { Ok(run) })
}

/// Takes the runs of a project that is being deleted out of the store's reach: part of that transaction, under its grant. What
/// they reported and their files are swept away afterwards, see [`sweep`].
///
/// # Errors
/// [`Code::TooLarge`] beyond some ten thousand runs.
pub fn erase_of_project(cx: &mut Acting, grant: &Grant, project: ProjectId) -> Result<()> {
    for run in cx.view().all_by(&schema::RUN_BY_NAME, &(project,))? {
        cx.delete(grant, &schema::RUNS, &run.id)?;
        cx.put(grant, &schema::RUN_REMAINS, &Remains { run: run.id })?;
    }
    cx.delete(grant, &schema::PROJECT_USAGE, &project)?;
    Ok(())
}

/// A run whose remains wait to be swept away.
pub fn remains(view: &impl Read) -> Result<Option<RunId>> {
    Ok(view.list(&schema::RUN_REMAINS, Range::all().limit(1))?.items.first().map(|r| r.run))
}

/// Removes some rows of the remains of a run whose files are gone from the disk; says whether that was all.
pub fn sweep(tx: &mut Tx, run: RunId) -> Result<bool> {
    let lines: Vec<Chunk> = tx.list(&schema::RUN_LINES, Range::prefix(&(run,)).limit(SWEEP))?.items;
    for row in &lines {
        tx.delete(&schema::RUN_LINES, &(run, row.stream, row.first, row.part))?;
    }
    let texts: Vec<TextPart> = tx.list(&schema::RUN_TEXTS, Range::prefix(&(run,)).limit(SWEEP))?.items;
    for row in &texts {
        tx.delete(&schema::RUN_TEXTS, &(run, row.kind, row.part))?;
    }
    let files: Vec<RunFile> = tx.list(&schema::RUN_FILES, Range::prefix(&(run,)).limit(SWEEP))?.items;
    for row in &files {
        tx.delete(&schema::RUN_FILES, &(run, row.name.clone()))?;
    }
    if lines.len() < SWEEP && texts.len() < SWEEP && files.len() < SWEEP {
        tx.delete(&schema::PROGRESS, &run)?;
        tx.delete(&schema::RUN_REMAINS, &run)?;
        return Ok(true);
    }
    Ok(false)
}

/// What the runs of a project weigh, for those who may read it.
pub fn usage<V: Read>(cx: &crate::ops::Cx<V>, project: ProjectId) -> Result<u64> {
    let _grant = cx.allow(Action::RunRead, Resource::Project(project))?;
    Ok(cx.view().get(&schema::PROJECT_USAGE, &project)?.map_or(0, |u: Usage| u.bytes))
}

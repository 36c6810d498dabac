//! Making and changing runs: what the client calls UpsertBucket. One that exists is changed by whoever may change it, one that
//! does not is made by whoever may submit to its project, and a project that does not exist by whoever may create it.

use super::{Seen, charge, lines, must_exist, named, over, progress, seen, unnamed};
use crate::error::{Code, Error, Result};
use crate::model::audit::Named;
use crate::model::project::Project;
use crate::model::role::Action;
use crate::model::run::{Progress, Run, RunState, Text, check_run_name};
use crate::model::user::Status;
use crate::model::{Entity, RunId, UserId, name};
use crate::ops::projects::{self, NewProject};
use crate::ops::{Acting, Cx, Grant, absent, changed, or_absent};
use crate::policy::Resource;
use crate::store::{Read, schema};

/// The project of a run that names none, as the client has it.
pub const UNCATEGORIZED: &str = "uncategorized";
/// The longest notes and descriptions, in characters.
const NOTES_MAX: usize = 8_000;
/// The longest names, groups, job types and tags, in characters.
const WORD_MAX: usize = 256;

/// Whom the client says it works for. Heard from service accounts only.
#[derive(Clone, Debug, Default)]
pub struct Claimed {
    /// `X-Wandb-Username`; goes before the address.
    pub username: Option<String>,
    /// `X-Wandb-User-Email`.
    pub email: Option<String>,
}

/// What is asked for. What is absent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Upsert {
    /// The run to change; the names below are then not looked at.
    pub id: Option<RunId>,
    /// The team or person; the asker's default entity when absent.
    pub entity: Option<String>,
    /// The project; [`UNCATEGORIZED`] when absent.
    pub project: Option<String>,
    /// The run id; `fresh` when absent.
    pub name: Option<String>,
    /// A run id nobody has yet.
    pub fresh: String,
    /// The name for people.
    pub display_name: Option<String>,
    /// What people write about it.
    pub notes: Option<String>,
    /// What the script says of itself.
    pub description: Option<String>,
    /// Words to find it by.
    pub tags: Option<Vec<String>>,
    /// What it belongs together with.
    pub group: Option<String>,
    /// Its part in the group.
    pub job_type: Option<String>,
    /// The commit of its source.
    pub commit: Option<String>,
    /// The machine. A client names it when a run begins or goes on.
    pub host: Option<String>,
    /// The program.
    pub program: Option<String>,
    /// What it does.
    pub state: Option<RunState>,
    /// The configuration, a JSON object.
    pub config: Option<String>,
    /// The summary, a JSON object.
    pub summary: Option<String>,
    /// Whom it is for.
    pub claimed: Claimed,
}

/// Makes a run or changes one; says whether it was made.
///
/// # Errors
/// [`Code::Denied`], [`Code::InvalidValue`], [`Code::LimitReached`], [`Code::NameTaken`] where the name is a deleted run's.
pub fn upsert(cx: &mut Acting, asked: &Upsert) -> Result<(Seen, bool)> {
    for (what, text) in [("configuration", &asked.config), ("summary", &asked.summary)] {
        if let Some(text) = text {
            check_text(cx, what, text)?;
        }
    }
    if let Some(id) = asked.id {
        let run = must_exist(cx.view(), id)?;
        let grant = unnamed(cx.allow(Action::RunUpdate, Resource::Run(id)))?;
        if run.deleted_at.is_some() {
            return Err(deleted(&run.name));
        }
        return change(cx, grant, run, asked).map(|seen| (seen, false));
    }
    let name = asked.name.as_deref().filter(|n| !n.is_empty()).unwrap_or(&asked.fresh);
    check_run_name(name)?;
    let (project, typed) = project(cx, asked)?;
    if let Some(run) = named(cx.view(), project.id, name)? {
        let grant = or_absent(cx.allow(Action::RunUpdate, Resource::Run(run.id)), "project", &typed)?;
        if run.deleted_at.is_some() {
            return Err(deleted(name));
        }
        return change(cx, grant, run, asked).map(|seen| (seen, false));
    }
    let grant = or_absent(cx.allow(Action::RunCreate, Resource::Project(project.id)), "project", &typed)?;
    let creator = cx.subject().user().ok_or_else(|| Error::invalid("A run needs an account that submits it."))?;
    let (author, unfit_author) = author(cx, &grant, &project, &asked.claimed)?;
    let mut run = Run {
        id: RunId(cx.tx().next_id(schema::RUN_IDS)?),
        project: project.id,
        name: name.to_owned(),
        creator,
        author,
        unfit_author,
        created_at: cx.now(),
        deleted_at: None,
        display_name: String::new(),
        notes: String::new(),
        description: String::new(),
        tags: vec![],
        group: String::new(),
        job_type: String::new(),
        commit: String::new(),
        host: String::new(),
        program: String::new(),
    };
    describe(cx, &mut run, asked)?;
    cx.put(&grant, &schema::RUNS, &run)?;
    let progress = Progress::new(run.id, asked.state.unwrap_or(RunState::Running), cx.now());
    write(cx, &grant, &run, progress, asked)?;
    let mut changes: Vec<_> = changed("name", None, Some(&run.name)).into_iter().collect();
    if let Some(author) = author {
        let name = cx.view().get(&schema::USERS, &author)?.map(|u| u.username);
        changes.extend(changed("author", None, name.as_deref()));
    }
    let label = format!("{}/{}", path_of(cx, &project)?, run.name);
    cx.record_on(grant, Named::new("run", run.id, label), changes)?;
    seen(cx, run).map(|seen| (seen, true))
}

/// The project asked for, made where it does not exist; and as it was typed.
fn project(cx: &mut Acting, asked: &Upsert) -> Result<(Project, String)> {
    let (entity, entity_name) = projects::entity_or_default(cx, asked.entity.as_deref())?;
    let name = asked.project.as_deref().filter(|p| !p.is_empty()).unwrap_or(UNCATEGORIZED);
    let typed_entity = asked.entity.as_deref().filter(|e| !e.is_empty()).unwrap_or(&entity_name);
    let typed = format!("{typed_entity}/{name}");
    if let Some(found) = find(cx, entity, name)? {
        return Ok((found, typed));
    }
    let new =
        NewProject { entity: Some(typed_entity.to_owned()), name: name.to_owned(), visibility: None, members: vec![] };
    let made = or_absent(projects::create(cx, &new), "team", typed_entity)?;
    Ok((made, typed))
}

/// Whether a run could be submitted to a project that does not exist yet: it is then as good as empty to its asker.
///
/// # Errors
/// What [`upsert`] would say to somebody who may not.
pub fn could_begin<V: Read>(cx: &Cx<V>, entity: Option<&str>, project: &str) -> Result<bool> {
    let (entity, entity_name) = projects::entity_or_default(cx, entity)?;
    if find(cx, entity, project)?.is_some() {
        return Ok(false);
    }
    let _grant = or_absent(cx.allow(Action::ProjectCreate, Resource::Entity(entity)), "team", &entity_name)?;
    Ok(true)
}

fn find<V: Read>(cx: &Cx<V>, entity: Entity, project: &str) -> Result<Option<Project>> {
    if project.len() > 4 * name::NAME_MAX {
        return Ok(None);
    }
    cx.view().find(&schema::PROJECT_BY_NAME, &(entity.number(), name::fold(project)))
}

fn path_of(cx: &Acting, project: &Project) -> Result<String> {
    Ok(format!("{}/{}", projects::entity_name(cx.view(), project.entity)?, project.name))
}

fn deleted(name: &str) -> Error {
    Error::new(Code::NameTaken, format!("The run {name} was deleted, and its id is not used again."))
        .hint("Choose another run id, or bring the run back.")
}

fn change(cx: &mut Acting, grant: Grant, mut run: Run, asked: &Upsert) -> Result<Seen> {
    let before = run.clone();
    describe(cx, &mut run, asked)?;
    if run != before {
        cx.put(&grant, &schema::RUNS, &run)?;
    }
    let mut progress = progress(cx.view(), run.id, run.created_at)?;
    if let Some(state) = asked.state {
        progress.state = state;
        progress.heartbeat_at = cx.now();
    } else if asked.id.is_none() && asked.host.is_some() {
        // The client begins again: the run goes on.
        progress.state = RunState::Running;
        progress.heartbeat_at = cx.now();
        progress.exit_code = None;
        progress.stop = false;
    }
    write(cx, &grant, &run, progress, asked)?;
    let text =
        |r: &Run| [r.display_name.clone(), r.notes.clone(), r.tags.join(", "), r.group.clone(), r.job_type.clone()];
    let changes: Vec<_> = ["display name", "notes", "tags", "group", "job type"]
        .iter()
        .zip(text(&before).iter().zip(&text(&run)))
        .filter_map(|(field, (from, to))| changed(field, Some(from), Some(to)))
        .collect();
    if !changes.is_empty() {
        cx.record(grant, changes)?;
    }
    seen(cx, run)
}

/// Takes over what was asked for into the record.
fn describe(cx: &Acting, run: &mut Run, asked: &Upsert) -> Result<()> {
    let take = |to: &mut String, from: &Option<String>, max: usize| {
        if let Some(text) = from {
            *to = super::cut(text, max);
        }
    };
    take(&mut run.display_name, &asked.display_name, WORD_MAX);
    take(&mut run.notes, &asked.notes, NOTES_MAX);
    take(&mut run.description, &asked.description, NOTES_MAX);
    take(&mut run.group, &asked.group, WORD_MAX);
    take(&mut run.job_type, &asked.job_type, WORD_MAX);
    take(&mut run.commit, &asked.commit, WORD_MAX);
    take(&mut run.host, &asked.host, WORD_MAX);
    take(&mut run.program, &asked.program, WORD_MAX);
    if let Some(tags) = &asked.tags {
        let limit = cx.settings().runs().tags;
        if tags.len() as u64 > limit {
            return Err(Error::new(Code::LimitReached, format!("A run has at most {limit} tags."))
                .hint("An administrator can raise it with the setting runs.tags_limit."));
        }
        if let Some(long) = tags.iter().find(|t| t.chars().count() > WORD_MAX || t.is_empty()) {
            let shown: String = long.chars().take(30).collect();
            return Err(Error::invalid(format!("The tag '{shown}' has not 1 to {WORD_MAX} characters.")));
        }
        run.tags = vec![];
        for tag in tags {
            if !run.tags.contains(tag) {
                run.tags.push(super::cut(tag, WORD_MAX));
            }
        }
        // A record is one row; the notes above leave this much of it.
        if run.tags.iter().map(String::len).sum::<usize>() > 16 * 1024 {
            return Err(Error::new(Code::LimitReached, "The tags of a run have at most 16 KiB together."));
        }
    }
    Ok(())
}

/// Writes the texts asked for, and what follows for the run's weight.
fn write(cx: &mut Acting, grant: &Grant, run: &Run, mut progress: Progress, asked: &Upsert) -> Result<()> {
    for (kind, text) in [(Text::Config, &asked.config), (Text::Summary, &asked.summary)] {
        let Some(text) = text else { continue };
        let (before, after) = lines::put_text(cx.tx(), run.id, kind, text)?;
        let usage = charge(cx, run, &mut progress, before, after)?;
        cx.put(grant, &schema::PROJECT_USAGE, &usage)?;
    }
    cx.put(grant, &schema::PROGRESS, &progress)
}

/// Checks a configuration or summary.
pub(super) fn check_text<V: Read>(cx: &Cx<V>, what: &str, text: &str) -> Result<()> {
    let limit = cx.settings().runs().text.min(super::report::LINE_MOST);
    if text.len() as u64 > limit {
        return Err(over(&format!("The {what}"), limit, "runs.text_limit"));
    }
    lines::check_object(what, text)
}

/// The person a service account submits for: an active member of the project's team. Anybody else has no effect; the audit
/// log says so, and the run, which keeps whom the account named.
fn author(cx: &mut Acting, grant: &Grant, project: &Project, claimed: &Claimed) -> Result<(Option<UserId>, String)> {
    let stated = |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    let none = (None, String::new());
    let Some(typed) = stated(&claimed.username).or_else(|| stated(&claimed.email)) else { return Ok(none) };
    if !cx.asker()?.is_some_and(|asker| asker.is_service()) {
        // People speak for themselves, whatever their client sends.
        return Ok(none);
    }
    let person = crate::ops::users::by_name(cx.view(), &typed)?;
    if let (Some(person), Entity::Team(team)) = (&person, project.entity)
        && person.status == Status::Active
        && !person.is_service()
        && crate::ops::users::must_be_meant(person, &typed).is_ok()
        && cx.view().get(&schema::MEMBERSHIPS, &(team, person.id))?.is_some()
    {
        return Ok((Some(person.id), String::new()));
    }
    let typed: String = typed.chars().filter(|c| !c.is_control()).take(60).collect();
    let text = format!("'{typed}' is no active member of the team, so the run counts as the service account's own.");
    cx.ignore_by(grant, "attribution", text)?;
    Ok((None, typed))
}

/// What an absent run looks like to whoever typed this.
pub(super) fn no_run_of(entity: &str, project: &str, run: &str) -> Error {
    absent("run", &format!("{entity}/{project}/{run}"))
}

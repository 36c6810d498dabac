//! What can be changed about runs, under the names of the wandb client.

use super::mutation::{HEAVY, SuccessPayload};
use super::runs::{Run, from_file_id};
use super::types::{JsonString, claimed, of, shown};
use crate::error::{Error, Result as Outcome};
use crate::model::RunId;
use crate::model::run::RunState;
use crate::ops::runs::upsert::Upsert;
use crate::ops::runs::{change, files, filter::Filter, list};
use crate::ops::{self};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

/// What can be changed about runs.
#[derive(Default)]
pub struct RunChanges;

/// What can be changed about runs.
#[Object]
impl RunChanges {
    /// Submits a run, or changes the one of that name or id. A project that does not exist is made, where the caller may.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn upsert_bucket(&self, cx: &Context<'_>, input: UpsertBucketInput) -> Result<Option<UpsertBucketPayload>> {
        let (app, who) = of(cx);
        let id = input.id.as_deref().filter(|id| !id.is_empty()).map(run_id).transpose().map_err(shown)?;
        let asked = Upsert {
            id,
            entity: input.entity_name,
            project: input.model_name,
            name: input.name,
            fresh: app.fresh_run_name().map_err(shown)?,
            display_name: input.display_name,
            notes: input.notes,
            description: input.description,
            tags: input.tags,
            group: input.group_name,
            job_type: input.job_type,
            commit: input.commit,
            host: input.host,
            program: input.job_program,
            state: input.state.as_deref().map(RunState::parse).transpose().map_err(shown)?,
            config: input.config.map(|c| c.0),
            summary: input.summary_metrics.map(|s| s.0),
            claimed: claimed(cx),
        };
        let (seen, inserted) = app.act(who, move |cx| ops::runs::upsert::upsert(cx, &asked)).await.map_err(shown)?;
        Ok(Some(UpsertBucketPayload {
            bucket: Some(Run(seen)),
            inserted: Some(inserted),
            server_settings: ServerSettings::default(),
        }))
    }

    /// Deletes a run; it can be brought back.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn delete_run(&self, cx: &Context<'_>, input: DeleteRunInput) -> Result<Option<DeleteRunPayload>> {
        let (app, who) = of(cx);
        let id = run_id(&input.id).map_err(shown)?;
        app.act(who, move |cx| change::delete(cx, id)).await.map_err(shown)?;
        Ok(Some(DeleteRunPayload { success: true, client_mutation_id: input.client_mutation_id }))
    }

    /// Brings a deleted run back.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn undelete_run(&self, cx: &Context<'_>, input: RunInput) -> Result<Option<SuccessPayload>> {
        let (app, who) = of(cx);
        let id = run_id(&input.id).map_err(shown)?;
        app.act(who, move |cx| change::undelete(cx, id).map(drop)).await.map_err(shown)?;
        Ok(Some(SuccessPayload { success: true }))
    }

    /// Asks a run to stop; its client hears it when it reports next.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn stop_run(&self, cx: &Context<'_>, input: RunInput) -> Result<Option<SuccessPayload>> {
        let (app, who) = of(cx);
        let id = run_id(&input.id).map_err(shown)?;
        app.act(who, move |cx| change::stop(cx, id)).await.map_err(shown)?;
        Ok(Some(SuccessPayload { success: true }))
    }

    /// Makes a run `pending`, to be started again, or `failed`.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn update_run_state(&self, cx: &Context<'_>, input: UpdateRunStateInput) -> Result<Option<SuccessPayload>> {
        let (app, who) = of(cx);
        let id = run_id(&input.id).map_err(shown)?;
        let state = RunState::parse(&input.state).map_err(shown)?;
        app.act(who, move |cx| change::set_state(cx, id, state)).await.map_err(shown)?;
        Ok(Some(SuccessPayload { success: true }))
    }

    /// Moves runs of a project into another one, all or none. Out of a restricted project nobody moves anything.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn move_runs(&self, cx: &Context<'_>, input: MoveRunsInput) -> Result<Option<MoveRunsPayload>> {
        let (app, who) = of(cx);
        let filter = Filter::parse(&input.filters.0).map_err(shown)?;
        let moved = app
            .act(who, move |cx| {
                let project = ops::projects::get(cx, &input.source_entity_name, &input.source_project_name)?;
                let ids = list::ids(cx, project.id, &filter, change::MOVED_MAX + 1)?;
                change::transfer(cx, &ids, &input.destination_entity_name, &input.destination_project_name)
            })
            .await
            .map_err(shown)?;
        Ok(Some(MoveRunsPayload { success: true, moved: i32::try_from(moved).unwrap_or(i32::MAX) }))
    }

    /// Addresses to which files of a run are sent, as many as were asked for; good for a quarter of an hour.
    #[graphql(complexity = "HEAVY + 5 * child_complexity")]
    async fn create_run_files(
        &self,
        cx: &Context<'_>,
        input: CreateRunFilesInput,
    ) -> Result<Option<CreateRunFilesPayload>> {
        let (app, who) = of(cx);
        let (run, tickets) = app
            .ask(who, |cx| files::offer(cx, &input.entity_name, &input.project_name, &input.run_name, &input.files))
            .map_err(shown)?;
        let files = tickets
            .into_iter()
            .map(|ticket| UploadFile { upload_url: Some(app.ticket_url(&ticket)), name: ticket.name })
            .collect();
        Ok(Some(CreateRunFilesPayload { run_id: ID(run.id.global()), upload_headers: vec![], files }))
    }

    /// Taken and ignored: a file counts as soon as its bytes are there.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn mark_run_files_uploaded(
        &self,
        cx: &Context<'_>,
        input: CreateRunFilesInput,
    ) -> Result<Option<SuccessPayload>> {
        let (app, who) = of(cx);
        app.ask(who, |cx| files::offer(cx, &input.entity_name, &input.project_name, &input.run_name, &[]))
            .map_err(shown)?;
        Ok(Some(SuccessPayload { success: true }))
    }

    /// Deletes files of runs.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn delete_files(&self, cx: &Context<'_>, input: DeleteFilesInput) -> Result<Option<SuccessPayload>> {
        let (app, who) = of(cx);
        let unknown = || shown(Error::not_found("There is no such file, or you may not see it."));
        if input.files.len() > files::NAMES_MAX {
            return Err(shown(Error::invalid("At most 1,000 files are deleted at once.")));
        }
        let which: Option<Vec<(RunId, String)>> = input.files.iter().map(|id| from_file_id(id)).collect();
        let which = which.ok_or_else(unknown)?;
        app.act(who, move |cx| files::delete(cx, &which)).await.map_err(shown)?;
        Ok(Some(SuccessPayload { success: true }))
    }
}

fn run_id(id: &str) -> Outcome<RunId> {
    RunId::from_global(id).ok_or_else(|| Error::not_found("There is no such run, or you may not see it."))
}

/// Of `upsertBucket`. What is absent stays as it is.
#[derive(InputObject)]
pub struct UpsertBucketInput {
    /// The run to change; the names are then not looked at.
    id: Option<String>,
    /// The run id; a random one when absent.
    name: Option<String>,
    /// What it belongs together with.
    group_name: Option<String>,
    /// The project; `uncategorized` when absent.
    model_name: Option<String>,
    /// The team or person; the caller's default entity when absent.
    entity_name: Option<String>,
    /// What the script says of itself.
    description: Option<String>,
    /// The name for people.
    display_name: Option<String>,
    /// What people write about it.
    notes: Option<String>,
    /// The configuration, `{key: {"value": …}}`.
    config: Option<JsonString>,
    /// The commit of its source.
    commit: Option<String>,
    /// The machine.
    host: Option<String>,
    /// Taken and ignored.
    debug: Option<bool>,
    /// The program.
    job_program: Option<String>,
    /// Taken and ignored.
    job_repo: Option<String>,
    /// Its part in the group.
    job_type: Option<String>,
    /// What it does.
    state: Option<String>,
    /// Taken and ignored: sweeps are not kept here.
    sweep: Option<String>,
    /// Words to find it by.
    tags: Option<Vec<String>>,
    /// The summary, a JSON object.
    summary_metrics: Option<JsonString>,
    /// Taken and ignored.
    client_mutation_id: Option<String>,
}

/// Of `upsertBucket`.
#[derive(SimpleObject)]
pub struct UpsertBucketPayload {
    /// The run as it is now.
    bucket: Option<Run>,
    /// Whether it was made by this.
    inserted: Option<bool>,
    /// What the server tells the client's user: nothing.
    server_settings: ServerSettings,
}

/// What the server tells the client's user. wandb 0.16.6 asks for this type by name before it submits a run, and falls when
/// there is none.
#[derive(SimpleObject, Default)]
pub struct ServerSettings {
    /// Always empty.
    server_messages: Vec<ServerMessage>,
}

/// A message for the client's user.
#[derive(SimpleObject)]
pub struct ServerMessage {
    /// The message.
    utf_text: String,
    /// The same.
    plain_text: String,
    /// The same.
    html_text: String,
    /// What it is about.
    message_type: String,
    /// How grave it is.
    message_level: i32,
}

/// Of `deleteRun`.
#[derive(InputObject)]
pub struct DeleteRunInput {
    /// The run's id.
    id: ID,
    /// Taken and ignored: artifacts are not kept here.
    delete_artifacts: Option<bool>,
    /// Given back.
    client_mutation_id: Option<String>,
}

/// Of `deleteRun`.
#[derive(SimpleObject)]
pub struct DeleteRunPayload {
    /// Always true.
    success: bool,
    /// What the client gave.
    client_mutation_id: Option<String>,
}

/// Names a run.
#[derive(InputObject)]
pub struct RunInput {
    /// The run's id.
    id: ID,
}

/// Of `updateRunState`.
#[derive(InputObject)]
pub struct UpdateRunStateInput {
    /// The run's id.
    id: ID,
    /// `pending` or `failed`.
    state: String,
}

/// Of `moveRuns`.
#[derive(InputObject)]
pub struct MoveRunsInput {
    /// Which runs of the source project, as `runs` takes it; `{"name": {"$in": […]}}` names some.
    filters: JsonString,
    /// The team or person of the source project.
    source_entity_name: String,
    /// The source project.
    source_project_name: String,
    /// The team or person of the target project.
    destination_entity_name: String,
    /// The target project.
    destination_project_name: String,
}

/// Of `moveRuns`.
#[derive(SimpleObject)]
pub struct MoveRunsPayload {
    /// Always true.
    success: bool,
    /// How many runs moved.
    moved: i32,
}

/// Of `createRunFiles` and `markRunFilesUploaded`.
#[derive(InputObject)]
pub struct CreateRunFilesInput {
    /// The team or person.
    entity_name: String,
    /// The project.
    project_name: String,
    /// The run id.
    run_name: String,
    /// Paths of the files in the run.
    files: Vec<String>,
}

/// Of `createRunFiles`.
#[derive(SimpleObject)]
pub struct CreateRunFilesPayload {
    /// The run's id.
    #[graphql(name = "runID")]
    run_id: ID,
    /// Headers that go with uploads: none.
    upload_headers: Vec<String>,
    /// As many as were asked for, in that order.
    files: Vec<UploadFile>,
}

/// A file that may be sent.
#[derive(SimpleObject)]
pub struct UploadFile {
    /// Its path in the run.
    name: String,
    /// Where it is sent to.
    upload_url: Option<String>,
}

/// Of `deleteFiles`.
#[derive(InputObject)]
pub struct DeleteFilesInput {
    /// Their ids.
    files: Vec<ID>,
    /// Taken and ignored.
    project_id: Option<i32>,
    /// Taken and ignored.
    client_mutation_id: Option<String>,
}

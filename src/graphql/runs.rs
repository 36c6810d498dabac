//! Runs and their files as the wandb client reads them. Texts that hold JSON are handed on as they were sent.

use super::people::User;
use super::projects::Project;
use super::types::{DateTime, Int64, Json, JsonString, PageInfo, of, page, shown};
use crate::app::App;
use crate::error::{Error, Result as Outcome};
use crate::model::RunId;
use crate::model::role::Action;
use crate::model::run::{RunFile, Stream, Text};
use crate::ops::runs::{self, Seen, files, history, tickets::Ticket};
use crate::ops::{Asking, Caller};
use crate::policy::Resource;
use async_graphql::{Context, ID, Object, Result, SimpleObject, Value};
use base64::Engine as _;

/// A run of a project.
pub struct Run(pub Seen);

impl Run {
    fn ask<T>(&self, cx: &Context<'_>, f: impl FnOnce(&Asking) -> Outcome<T>) -> Result<T> {
        let (app, who) = of(cx);
        app.ask(who, f).map_err(shown)
    }

    fn text(&self, cx: &Context<'_>, kind: Text) -> Result<String> {
        self.ask(cx, |cx| runs::text(cx, &self.0.run, kind))
    }

    fn tail(&self, cx: &Context<'_>, stream: Stream) -> Result<Option<JsonString>> {
        let last = self.ask(cx, |cx| runs::last_line(cx, &self.0.run, stream))?;
        let lines: Vec<String> = last.into_iter().collect();
        serde_json::to_string(&lines).map(|text| Some(JsonString(text))).map_err(|e| shown(Error::internal(e)))
    }
}

fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn bounded(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A run of a project.
#[Object]
impl Run {
    /// base64 of `Run:number`.
    async fn id(&self) -> ID {
        ID(self.0.run.id.global())
    }

    /// The run id, unique in its project.
    async fn name(&self) -> &str {
        &self.0.run.name
    }

    /// The name for people.
    async fn display_name(&self) -> &str {
        self.0.run.label()
    }

    /// What the script says of itself.
    async fn description(&self) -> Option<&str> {
        filled(&self.0.run.description)
    }

    /// What people wrote about it.
    async fn notes(&self) -> Option<&str> {
        filled(&self.0.run.notes)
    }

    /// `pending`, `running`, `finished`, `failed`, `crashed`, `killed`, `preempting` or `preempted`.
    async fn state(&self) -> &str {
        self.0.state.as_str()
    }

    /// Whether somebody asked it to stop.
    async fn stopped(&self) -> bool {
        self.0.progress.stop
    }

    /// What the script ended with.
    async fn exitcode(&self) -> Option<Int64> {
        self.0.progress.exit_code.map(Int64)
    }

    /// The configuration, `{key: {"value": …}}`.
    async fn config(&self, cx: &Context<'_>) -> Result<Option<JsonString>> {
        self.text(cx, Text::Config).map(|text| Some(JsonString(text)))
    }

    /// Some keys of what the client keeps about itself in the configuration.
    async fn wandb_config(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which ones; all where none is named.")] keys: Option<Vec<String>>,
    ) -> Result<Option<JsonString>> {
        let text = self.text(cx, Text::Config)?;
        let mut config: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let mut own = config["_wandb"]["value"].take();
        if let (Some(map), Some(keys)) = (own.as_object_mut(), &keys) {
            map.retain(|key, _| keys.contains(key));
        }
        Ok(own.is_object().then(|| JsonString(own.to_string())))
    }

    /// The last value of each metric, a JSON object.
    async fn summary_metrics(&self, cx: &Context<'_>) -> Result<Option<JsonString>> {
        self.text(cx, Text::Summary).map(|text| Some(JsonString(text)))
    }

    /// The last line of the machine's metrics, a JSON object.
    async fn system_metrics(&self, cx: &Context<'_>) -> Result<Option<JsonString>> {
        let last = self.ask(cx, |cx| runs::last_line(cx, &self.0.run, Stream::Events))?;
        Ok(Some(JsonString(last.unwrap_or_else(|| "{}".to_owned()))))
    }

    /// The metrics of the history and its last step; null before the first row.
    async fn history_keys(&self, cx: &Context<'_>) -> Result<Option<Json>> {
        if self.0.progress.count(Stream::History) == 0 {
            return Ok(None);
        }
        let names: Vec<String> = serde_json::from_str(&self.text(cx, Text::Keys)?).unwrap_or_default();
        let kind = serde_json::json!({ "typeCounts": [{ "type": "number" }] });
        let keys: serde_json::Map<_, _> = names.into_iter().map(|name| (name, kind.clone())).collect();
        json(serde_json::json!({ "keys": keys, "lastStep": self.0.progress.last_step })).map(Some)
    }

    /// Words to find it by.
    async fn tags(&self) -> &[String] {
        &self.0.run.tags
    }

    /// What it belongs together with.
    async fn group(&self) -> Option<&str> {
        filled(&self.0.run.group)
    }

    /// Its part in the group.
    async fn job_type(&self) -> Option<&str> {
        filled(&self.0.run.job_type)
    }

    /// The commit of its source.
    async fn commit(&self) -> Option<&str> {
        filled(&self.0.run.commit)
    }

    /// The machine, as the client says.
    async fn host(&self) -> Option<&str> {
        filled(&self.0.run.host)
    }

    /// Always null: sweeps are not kept here.
    async fn sweep_name(&self) -> Option<&str> {
        None
    }

    /// Whether the asker cannot change it.
    async fn read_only(&self, cx: &Context<'_>) -> Result<bool> {
        self.ask(cx, |cx| cx.can(Action::RunUpdate, Resource::Run(self.0.run.id))).map(|may| !may)
    }

    /// When it was submitted.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.run.created_at)
    }

    /// When it reported last.
    async fn heartbeat_at(&self) -> DateTime {
        DateTime(self.0.progress.heartbeat_at)
    }

    /// When it reported last.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.progress.heartbeat_at)
    }

    /// The number of its project, as text.
    async fn project_id(&self) -> ID {
        ID(self.0.run.project.0.to_string())
    }

    /// The project it is in.
    async fn project(&self, cx: &Context<'_>) -> Result<Option<Project>> {
        let (project, entity) = self.ask(cx, |cx| runs::place(cx, &self.0.run))?;
        Ok(Some(Project::new(project, Some(entity))))
    }

    /// Whom it counts as: the person a service account submitted it for, else the account that submitted it.
    async fn user(&self, cx: &Context<'_>) -> Result<Option<User>> {
        self.ask(cx, |cx| runs::author(cx, &self.0.run)?.map(|found| User::seen(cx, found)).transpose())
    }

    /// How many rows of history it has.
    async fn history_line_count(&self) -> i32 {
        bounded(self.0.progress.count(Stream::History))
    }

    /// How many lines it printed.
    async fn log_line_count(&self) -> i32 {
        bounded(self.0.progress.count(Stream::Console))
    }

    /// How many rows of machine metrics it has.
    async fn events_line_count(&self) -> i32 {
        bounded(self.0.progress.count(Stream::Events))
    }

    /// The last row of history, as a JSON list of texts.
    async fn history_tail(&self, cx: &Context<'_>) -> Result<Option<JsonString>> {
        self.tail(cx, Stream::History)
    }

    /// The last row of machine metrics, as a JSON list of texts.
    async fn events_tail(&self, cx: &Context<'_>) -> Result<Option<JsonString>> {
        self.tail(cx, Stream::Events)
    }

    /// Rows of history: with steps those of the steps, else spread evenly over all.
    #[graphql(complexity = "50")]
    async fn history(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "From this step on.")] min_step: Option<Int64>,
        #[graphql(desc = "Up to the step before this one.")] max_step: Option<Int64>,
        #[graphql(desc = "How many at most; 500 by default, up to 10,000.")] samples: Option<i32>,
    ) -> Result<Vec<JsonString>> {
        let limit = usize::try_from(samples.unwrap_or(500)).unwrap_or(1).clamp(1, 10_000);
        let (run, progress) = (&self.0.run, &self.0.progress);
        let lines = self.ask(cx, |cx| match (&min_step, &max_step) {
            (None, None) => history::sampled(cx, run, progress, Stream::History, limit),
            (min, max) => {
                let (min, max) = (min.as_ref().map_or(0, |s| s.0), max.as_ref().map_or(i64::MAX, |s| s.0));
                history::page(cx, run, min, max, limit)
            }
        })?;
        Ok(lines.into_iter().map(JsonString).collect())
    }

    /// Rows of machine metrics, spread evenly over all.
    #[graphql(complexity = "50")]
    async fn events(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many at most; 500 by default, up to 10,000.")] samples: Option<i32>,
    ) -> Result<Vec<JsonString>> {
        let limit = usize::try_from(samples.unwrap_or(500)).unwrap_or(1).clamp(1, 10_000);
        let lines = self.ask(cx, |cx| history::sampled(cx, &self.0.run, &self.0.progress, Stream::Events, limit))?;
        Ok(lines.into_iter().map(JsonString).collect())
    }

    /// For each specification `{"keys", "samples", "minStep", "maxStep"}` the rows of history that have all its keys, spread evenly.
    #[graphql(complexity = "200")]
    async fn sampled_history(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Up to ten specifications, JSON each.")] specs: Vec<JsonString>,
    ) -> Result<Vec<Json>> {
        if specs.len() > 10 {
            return Err(shown(Error::invalid("At most ten specifications are taken at once.")));
        }
        specs
            .iter()
            .map(|spec| {
                let rows = self.ask(cx, |cx| history::specified(cx, &self.0.run, &spec.0))?;
                json(serde_json::Value::Array(rows.into_iter().map(serde_json::Value::Object).collect()))
            })
            .collect()
    }

    /// Rows of history for clients that read exported files first: there are none, all rows are live.
    #[graphql(complexity = "50 + child_complexity")]
    async fn parquet_history(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Metrics that the live rows have.")] live_keys: Option<Vec<String>>,
    ) -> Result<Option<ParquetHistory>> {
        let mut keys = live_keys.unwrap_or_default();
        if !keys.is_empty() && !keys.iter().any(|key| key == "_step") {
            // The client picks the rows of a page by their step.
            keys.push("_step".to_owned());
        }
        let spec = serde_json::json!({ "keys": keys, "samples": 10_000 }).to_string();
        let rows = self.ask(cx, |cx| history::specified(cx, &self.0.run, &spec))?;
        let live_data = rows.into_iter().map(|row| json(serde_json::Value::Object(row))).collect::<Result<_>>()?;
        Ok(Some(ParquetHistory { parquet_urls: vec![], live_data }))
    }

    /// What it printed, line by line.
    #[graphql(complexity = "50 + 5 * child_complexity")]
    async fn log_lines(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many at most; 1,000 by default, up to 10,000.")] first: Option<i32>,
        #[graphql(desc = "Continues behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Instead: this many from the end.")] last: Option<i32>,
        #[graphql(name = "useImprovedPagination", desc = "Taken and ignored.")] _improved: Option<bool>,
    ) -> Result<LogLineConnection> {
        let bad = || shown(Error::invalid("The cursor is not one that a listing gave."));
        let count = |n: i32| usize::try_from(n).unwrap_or(0).clamp(1, 10_000);
        let total = self.0.progress.count(Stream::Console);
        let limit = last.or(first).map_or(1_000, count);
        let from = match (&last, after.as_deref().filter(|t| !t.is_empty())) {
            (Some(_), _) => total.saturating_sub(limit as u64),
            (None, Some(text)) => text.parse::<u64>().ok().and_then(|n| n.checked_add(1)).ok_or_else(bad)?,
            (None, None) => 0,
        };
        let found = self.ask(cx, |cx| runs::stretch(cx, &self.0.run, Stream::Console, from, limit))?;
        let edges: Vec<LogLineEdge> = found.into_iter().map(|(number, line)| LogLineEdge::new(number, line)).collect();
        let (start, end) = (edges.first().map(|e| e.cursor.as_str()), edges.last().map(|e| e.cursor.as_str()));
        let more = edges.last().is_some_and(|e| e.node.number.0.cast_unsigned() + 1 < total);
        let page_info = PageInfo::new(start, end, more, from > 0);
        Ok(LogLineConnection { page_info, edges })
    }

    /// How many files it has.
    async fn file_count(&self) -> i32 {
        bounded(self.0.progress.files)
    }

    /// Its files by name.
    #[graphql(complexity = "20 + 10 * child_complexity")]
    async fn files(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "These only.")] names: Option<Vec<Option<String>>>,
        #[graphql(desc = "Those that fit; '%' stands for any characters, '_' for one.")] pattern: Option<String>,
        #[graphql(desc = "How many at most; 100 by default, up to 1,000.")] first: Option<i32>,
        #[graphql(desc = "Continues behind this cursor.")] after: Option<String>,
    ) -> Result<FileConnection> {
        let (first, after) = page(first, after.as_deref(), 100).map_err(shown)?;
        let is_later = after.is_some();
        let names: Vec<String> = names.unwrap_or_default().into_iter().flatten().collect();
        let pattern = pattern.as_deref().filter(|p| !p.is_empty());
        let found = self.ask(cx, |cx| files::list(cx, &self.0.run, &names, pattern, first, after))?;
        let edges: Vec<FileEdge> = found
            .items
            .into_iter()
            .map(|file| FileEdge {
                cursor: files::cursor(&file).to_string(),
                node: File { seen: self.0.clone(), file },
            })
            .collect();
        let (start, end) = (edges.first().map(|e| e.cursor.as_str()), edges.last().map(|e| e.cursor.as_str()));
        let page_info = PageInfo::new(start, end, found.next.is_some(), is_later);
        Ok(FileConnection { page_info, edges, upload_headers: vec![] })
    }
}

/// Any JSON as a GraphQL value.
fn json(value: serde_json::Value) -> Result<Json> {
    Value::from_json(value).map(Json).map_err(|e| shown(Error::internal(e)))
}

/// Rows of history for clients that read exported files first.
#[derive(SimpleObject)]
pub struct ParquetHistory {
    /// Always empty.
    parquet_urls: Vec<String>,
    /// The rows.
    live_data: Vec<Json>,
}

/// One page of printed lines.
#[derive(SimpleObject)]
pub struct LogLineConnection {
    /// The lines.
    edges: Vec<LogLineEdge>,
    /// Where the page stands.
    page_info: PageInfo,
}

/// A row of a page of printed lines.
#[derive(SimpleObject)]
pub struct LogLineEdge {
    /// The line.
    node: LogLine,
    /// For `after`.
    cursor: String,
}

/// A printed line.
#[derive(SimpleObject)]
pub struct LogLine {
    /// Its number as text.
    id: ID,
    /// Its number, from 0.
    number: Int64,
    /// When it was printed, as the client says.
    timestamp: Option<String>,
    /// `error` for what was printed to stderr.
    level: Option<String>,
    /// Always empty.
    label: Option<String>,
    /// The line.
    line: String,
}

impl LogLineEdge {
    /// The client puts `ERROR` and a moment before a line.
    fn new(number: u64, text: String) -> Self {
        let (level, rest) = match text.strip_prefix("ERROR ") {
            Some(rest) => (Some("error".to_owned()), rest),
            None => (None, text.as_str()),
        };
        let timed = rest.split_once(' ').filter(|(at, _)| {
            at.len() >= 19 && at.as_bytes().get(10) == Some(&b'T') && at.bytes().take(4).all(|b| b.is_ascii_digit())
        });
        let (timestamp, line) = match timed {
            Some((at, line)) => (Some(at.to_owned()), line.to_owned()),
            None => (None, rest.to_owned()),
        };
        let node = LogLine {
            id: ID(number.to_string()),
            number: Int64(i64::try_from(number).unwrap_or(i64::MAX)),
            timestamp,
            level,
            label: None,
            line,
        };
        LogLineEdge { node, cursor: number.to_string() }
    }
}

/// A file of a run.
pub struct File {
    seen: Seen,
    file: RunFile,
}

/// The id of a file: base64 of `File:run:name`.
pub fn file_id(run: RunId, name: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("File:{}:{name}", run.0))
}

/// Reads [`file_id`] back.
pub fn from_file_id(id: &str) -> Option<(RunId, String)> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(id).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (run, name) = text.strip_prefix("File:")?.split_once(':')?;
    Some((RunId(run.parse().ok()?), name.to_owned()))
}

/// A file of a run.
#[Object]
impl File {
    /// base64 of `File:run:name`.
    async fn id(&self) -> ID {
        ID(file_id(self.file.run, &self.file.name))
    }

    /// Its path in the run.
    async fn name(&self) -> &str {
        &self.file.name
    }

    /// Where it is fetched, or sent to; good for a quarter of an hour.
    async fn url(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Where it is sent to.")] upload: Option<bool>,
    ) -> Result<Option<String>> {
        let (app, who) = of(cx);
        if upload != Some(true) {
            return fetched(app, who, &self.seen, &self.file).map(Some).map_err(shown);
        }
        let (_, tickets) = app
            .ask(who, |cx| {
                let (project, entity) = runs::place(cx, &self.seen.run)?;
                files::offer(cx, &entity, &project.name, &self.seen.run.name, std::slice::from_ref(&self.file.name))
            })
            .map_err(shown)?;
        Ok(tickets.first().map(|t: &Ticket| app.ticket_url(t)))
    }

    /// The same as `url`.
    async fn direct_url(&self, cx: &Context<'_>) -> Result<Option<String>> {
        let (app, who) = of(cx);
        fetched(app, who, &self.seen, &self.file).map(Some).map_err(shown)
    }

    /// How large it is.
    async fn size_bytes(&self) -> Int64 {
        Int64(i64::try_from(self.file.size).unwrap_or(i64::MAX))
    }

    /// Always null: kinds are not guessed.
    async fn mimetype(&self) -> Option<&str> {
        None
    }

    /// When it was sent.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.file.updated_at)
    }

    /// Always null.
    async fn md5(&self) -> Option<&str> {
        None
    }
}

fn fetched(app: &App, who: &Caller, seen: &Seen, file: &RunFile) -> Outcome<String> {
    app.ask(who, |cx| files::fetch(cx, &seen.run, file)).map(|ticket| app.ticket_url(&ticket))
}

/// One page of files.
#[derive(SimpleObject)]
pub struct FileConnection {
    /// The rows.
    edges: Vec<FileEdge>,
    /// Where the page stands.
    page_info: PageInfo,
    /// Headers that go with uploads: none.
    upload_headers: Vec<String>,
}

/// A row of a page of files.
#[derive(SimpleObject)]
pub struct FileEdge {
    /// The file.
    node: File,
    /// For `after`.
    cursor: String,
}

/// One page of runs.
#[derive(SimpleObject)]
pub struct RunConnection {
    /// The rows.
    pub edges: Vec<RunEdge>,
    /// Where the page stands.
    pub page_info: PageInfo,
}

/// A row of a page of runs.
#[derive(SimpleObject)]
pub struct RunEdge {
    /// The run.
    pub node: Run,
    /// For `after`.
    pub cursor: String,
}

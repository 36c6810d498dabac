//! Runs on the wire, as the wandb client sends them: submit, stream, files.

use super::{Client, Reply};
use serde_json::{Value, json};

const UPSERT: &str = "mutation UpsertBucket($id: String, $name: String, $project: String, $entity: String,
    $displayName: String, $notes: String, $tags: [String!], $config: JSONString, $summaryMetrics: JSONString,
    $host: String, $state: String) {
    upsertBucket(input: {id: $id, name: $name, modelName: $project, entityName: $entity, displayName: $displayName,
        notes: $notes, tags: $tags, config: $config, summaryMetrics: $summaryMetrics, host: $host, state: $state}) {
        bucket { id name displayName description config sweepName project { id name entity { id name } } historyLineCount }
        inserted } }";
const READ: &str = "query Run($project: String!, $entity: String!, $name: String!) {
    project(name: $project, entityName: $entity) { run(name: $name) { projectId id name state stopped exitcode tags config
    summaryMetrics historyLineCount logLineCount user { name username } historyKeys heartbeatAt createdAt } } }";
const FILES: &str = "mutation CreateRunFiles($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
    createRunFiles(input: {entityName: $entity, projectName: $project, runName: $run, files: $files}) {
        runID uploadHeaders files { name uploadUrl } } }";

impl Client {
    /// Submits a run, or changes one; `more` goes over the names.
    pub fn upsert_run(&self, entity: &str, project: &str, run: &str, more: Value) -> Reply {
        let mut variables = json!({"entity": entity, "project": project, "name": run});
        variables.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.graphql(UPSERT, variables)
    }

    /// The same with headers.
    pub fn upsert_run_as(&self, entity: &str, project: &str, run: &str, headers: &[(&str, &str)]) -> Reply {
        let body = json!({"query": UPSERT, "variables": {"entity": entity, "project": project, "name": run}});
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.send("POST", "/graphql", &all, Some(body.to_string().as_bytes()))
    }

    /// Submits a run that must be taken: its id.
    pub fn submit_run(&self, entity: &str, project: &str, run: &str) -> String {
        let reply = self.upsert_run(entity, project, run, json!({"host": "h"})).is(200);
        reply.json()["data"]["upsertBucket"]["bucket"]["id"].as_str().unwrap().to_owned()
    }

    /// Reads a run; the reply, whatever it is.
    pub fn run(&self, entity: &str, project: &str, run: &str) -> Reply {
        self.graphql(READ, json!({"entity": entity, "project": project, "name": run}))
    }

    /// A run that must be there.
    pub fn run_data(&self, entity: &str, project: &str, run: &str) -> Value {
        let found = self.run(entity, project, run).is(200).json()["data"]["project"]["run"].clone();
        assert!(found.is_object(), "no run {run}");
        found
    }

    /// Whether this caller reads the run.
    pub fn reads_run(&self, entity: &str, project: &str, run: &str) -> bool {
        let reply = self.run(entity, project, run);
        reply.status == 200 && reply.json()["data"]["project"]["run"].is_object()
    }

    /// Streams a body as it is.
    pub fn stream(&self, entity: &str, project: &str, run: &str, body: &Value) -> Reply {
        self.stream_raw(entity, project, run, body.to_string().as_bytes())
    }

    /// The same, in bytes.
    pub fn stream_raw(&self, entity: &str, project: &str, run: &str, body: &[u8]) -> Reply {
        let path = format!("/files/{entity}/{project}/{run}/file_stream");
        self.send("POST", &path, &[("content-type", "application/json")], Some(body))
    }

    /// Lines of history at an offset.
    pub fn stream_history(&self, entity: &str, project: &str, run: &str, at: i64, rows: &[Value]) -> Reply {
        let content: Vec<String> = rows.iter().map(Value::to_string).collect();
        self.stream(
            entity,
            project,
            run,
            &json!({"files": {"wandb-history.jsonl": {"offset": at, "content": content}}}),
        )
    }

    /// Asks for addresses of files; the reply, whatever it is.
    pub fn ask_files(&self, entity: &str, project: &str, run: &str, files: &[&str]) -> Reply {
        self.graphql(FILES, json!({"entity": entity, "project": project, "run": run, "files": files}))
    }

    /// The path of the address to which a file goes; must be given.
    pub fn file_path(&self, entity: &str, project: &str, run: &str, file: &str) -> String {
        let reply = self.ask_files(entity, project, run, &[file]).is(200).json();
        let url =
            reply["data"]["createRunFiles"]["files"][0]["uploadUrl"].as_str().unwrap_or_else(|| panic!("{reply}"));
        let at = url.find("/files/transfer/").unwrap_or_else(|| panic!("absolute, to this server: {url}"));
        assert!(url.starts_with("http"), "absolute: {url}");
        url[at..].to_owned()
    }

    /// Sends bytes to such a path without a credential.
    pub fn put(&self, path: &str, bytes: &[u8]) -> Reply {
        self.fresh().send("PUT", path, &[], Some(bytes))
    }
}

//! Runs on the wire: who may submit, change, stop, delete and move them, whom they count as, what a stream sent twice leaves, and
//! how limits are said. What the real client makes of it is in `runs_sdk`; hostile input is in `attacks::runs`.

use crate::harness::world::TEAM;
use crate::harness::{Client, PATIENCE, Setup, World};
use serde_json::{Value, json};
use std::time::Instant;

const HISTORY: &str = "query($e: String!, $p: String!, $r: String!, $from: Int64, $to: Int64, $n: Int) {
    project(name: $p, entityName: $e) { run(name: $r) { history(minStep: $from, maxStep: $to, samples: $n) } } }";
const MOVE: &str = "mutation($f: JSONString!, $from: String!, $to: String!) { moveRuns(input: {filters: $f,
    sourceEntityName: \"acme\", sourceProjectName: $from, destinationEntityName: \"acme\", destinationProjectName: $to}) {
    success moved } }";
const STOP: &str = "mutation StopRun($id: ID!) { stopRun(input: {id: $id}) { success } }";
const DELETE: &str = "mutation DeleteRun($id: ID!) { deleteRun(input: {id: $id}) { clientMutationId } }";
const UNDELETE: &str = "mutation($id: ID!) { undeleteRun(input: {id: $id}) { success } }";

fn history(client: &Client, project: &str, run: &str) -> Vec<Value> {
    let data =
        client.data(HISTORY, json!({"e": TEAM, "p": project, "r": run, "from": 0, "to": 1_000_000, "n": 10_000}));
    let rows = data["project"]["run"]["history"].as_array().unwrap();
    rows.iter().map(|row| serde_json::from_str(row.as_str().unwrap()).unwrap()).collect()
}

/// A world with one project of each visibility, each with a run `first` of the team admin.
fn furnished() -> World {
    let world = World::new();
    let ta = &world.team_admin.client;
    for (name, access) in
        [("fusion", "PRIVATE"), ("atlas", "USER_READ"), ("square", "USER_WRITE"), ("vault", "RESTRICTED")]
    {
        ta.upsert_project(TEAM, name, Some(access)).is(200);
        ta.submit_run(TEAM, name, "first");
    }
    world
}

/// How many refusals of an action the audit log tells of.
fn refusals(world: &World, action: &str) -> usize {
    let log = world.admin.client.get("/admin/audit_logs").is(200).body;
    let (action, code) = (format!("\"action\":\"{action}\""), "\"response_code\":403");
    log.lines().filter(|line| line.contains(&action) && line.contains(code)).count()
}

fn submits(client: &Client, project: &str, run: &str) -> bool {
    let reply = client.upsert_run(TEAM, project, run, json!({}));
    match reply.status {
        200 => reply.json()["data"]["upsertBucket"]["inserted"] == true,
        403 | 404 => {
            reply.message();
            false
        }
        _ => panic!("{reply:?}"),
    }
}

#[test]
fn f176_f190_f191_f192_f193_who_reads_and_submits_runs_by_visibility() {
    let world = furnished();
    let cast = [
        ("member", &world.member.client),
        ("viewer", &world.viewer.client),
        ("outsider", &world.outsider.client),
        ("service", &world.service),
        ("admin", &world.admin.client),
    ];
    // Project, then who reads, then who submits.
    for (project, reads, writes) in [
        ("fusion", vec!["member", "viewer", "service"], vec!["member", "service"]),
        ("atlas", vec!["member", "viewer", "outsider", "service", "admin"], vec!["member", "service"]),
        (
            "square",
            vec!["member", "viewer", "outsider", "service", "admin"],
            vec!["member", "outsider", "service", "admin"],
        ),
        ("vault", vec![], vec![]),
    ] {
        for (who, client) in cast {
            assert_eq!(client.reads_run(TEAM, project, "first"), reads.contains(&who), "{who} reads {project}");
            let may = submits(client, project, &format!("of-{who}"));
            assert_eq!(may, writes.contains(&who), "{who} submits to {project}");
            if !may {
                // Nothing was made, and streaming into somebody's run is refused as well.
                assert!(!world.team_admin.client.reads_run(TEAM, project, &format!("of-{who}")));
                let reply = client.stream_history(TEAM, project, "first", 0, &[json!({"x": 1})]);
                assert!(matches!(reply.status, 403 | 404), "{who} streams into {project}: {reply:?}");
            }
        }
        assert!(history(&world.team_admin.client, project, "first").is_empty());
    }
    // An invited member of a restricted project.
    let ta = &world.team_admin.client;
    let id = ta.project(TEAM, "vault").json()["data"]["project"]["id"].clone();
    ta.data(
        "mutation($p: ID!, $u: [ID!]) { createProjectMembers(input: {projectId: $p, userIds: $u}) { success } }",
        json!({"p": id, "u": [world.member.id]}),
    );
    assert!(world.member.client.reads_run(TEAM, "vault", "first"));
    assert!(submits(&world.member.client, "vault", "second"));
}

#[test]
fn a_run_without_names_lands_in_uncategorized_of_the_default_entity() {
    let world = World::new();
    let upsert = "mutation { upsertBucket(input: {}) { inserted bucket { name project { name entity { name } } } } }";
    let made = &world.member.client.data(upsert, json!({}))["upsertBucket"];
    assert_eq!(made["bucket"]["project"], json!({"name": "uncategorized", "entity": {"name": "mia"}}), "{made}");
    assert_eq!(made["bucket"]["name"].as_str().unwrap().len(), 8);
    // F115: a team's service account has no namespace; its team is its default.
    let made = &world.service.data(upsert, json!({}))["upsertBucket"];
    assert_eq!(made["bucket"]["project"]["entity"]["name"], TEAM, "{made}");
    // A project that does not exist is made by whoever may make one.
    let status = |client: &Client| client.upsert_run(TEAM, "fresh", "r1", json!({})).status;
    assert_eq!(status(&world.viewer.client), 403);
    assert_eq!(status(&world.outsider.client), 404);
    assert_eq!(status(&world.member.client), 200);
    assert_eq!(world.team_admin.client.project_names(TEAM), ["fresh", "uncategorized"]);
}

#[test]
fn resuming_asks_what_stands_and_an_empty_answer_is_no_error() {
    let world = furnished();
    let query = "query RunResumeStatus($project: String, $entity: String, $name: String!) {
        model(name: $project, entityName: $entity) { id name entity { id name } bucket(name: $name, missingOk: true) {
        id name summaryMetrics displayName logLineCount historyLineCount eventsLineCount historyTail eventsTail config tags
        notes wandbConfig(keys: [\"t\"]) } } }";
    let mia = &world.member.client;
    let ask = |p: &str, r: &str| mia.data(query, json!({"entity": TEAM, "project": p, "name": r}))["model"].clone();
    assert!(ask("nothing", "first").is_null(), "a project that could be made");
    assert!(ask("fusion", "nothing")["bucket"].is_null());
    mia.stream_history(TEAM, "fusion", "first", 0, &[json!({"_step": 0, "a": 1}), json!({"_step": 1})]).is(200);
    let config = json!({"_wandb": {"value": {"t": {"1": [2]}, "x": 1}}, "a": {"value": 1}}).to_string();
    mia.upsert_run(TEAM, "fusion", "first", json!({ "config": config })).is(200);
    let bucket = &ask("fusion", "first")["bucket"];
    assert_eq!(bucket["historyLineCount"], 2, "{bucket}");
    let tail: Vec<String> = serde_json::from_str(bucket["historyTail"].as_str().unwrap()).unwrap();
    assert_eq!(tail, ["{\"_step\":1}"]);
    assert_eq!(bucket["eventsTail"], "[]");
    assert_eq!(bucket["wandbConfig"], "{\"t\":{\"1\":[2]}}");
    world.outsider.client.refused(404, query, json!({"entity": TEAM, "project": "fusion", "name": "first"}));
    world.outsider.client.refused(404, query, json!({"entity": TEAM, "project": "nothing", "name": "first"}));
}

#[test]
fn f180_runs_stay_with_their_author_when_somebody_leaves_or_is_gone() {
    let world = furnished();
    world.member.client.submit_run(TEAM, "fusion", "mine");
    let ta = &world.team_admin.client;
    let id = ta.member_of(TEAM, "mia").unwrap()["id"].as_str().unwrap().to_owned();
    ta.remove_member(TEAM, &id).is(200);
    assert!(!world.member.client.reads_run(TEAM, "fusion", "mine"));
    assert_eq!(ta.run_data(TEAM, "fusion", "mine")["user"]["username"], "mia");
    let reply = world.member.client.stream_history(TEAM, "fusion", "mine", 0, &[json!({"x": 1})]);
    assert!(matches!(reply.status, 403 | 404), "somebody who left streams no more: {reply:?}");
}

#[test]
fn f116_f117_a_service_account_submits_for_members_and_for_nobody_else() {
    let world = furnished();
    let user = |run: &str| world.team_admin.client.run_data(TEAM, "fusion", run)["user"]["username"].clone();
    let name = ("x-wandb-username", "mia");
    let mail = ("x-wandb-user-email", "Mia@Example.com");
    let service = &world.service;
    service.upsert_run_as(TEAM, "fusion", "by-name", &[name]).is(200);
    assert_eq!(user("by-name"), "mia");
    service.upsert_run_as(TEAM, "fusion", "by-mail", &[("x-wandb-username", ""), mail]).is(200);
    assert_eq!(user("by-mail"), "mia");
    service.upsert_run_as(TEAM, "fusion", "both", &[("x-wandb-username", "tess"), mail]).is(200);
    assert_eq!(user("both"), "tess", "the name goes before the address");
    // F117: no effect, no failure, and the audit log says so, folded as refusals are.
    let strangers = [("outsider", "otto"), ("nobody", "who"), ("inactive", "dora"), ("machine", "service-nightly")];
    for (run, typed) in strangers {
        service.upsert_run_as(TEAM, "fusion", run, &[("x-wandb-username", typed)]).is(200);
        assert_eq!(user(run), "service-nightly", "{typed}");
        assert!(refusals(&world, "run:create") >= 1, "{typed}");
    }
    // A person's client sends these headers too; they mean nothing there.
    world.member.client.upsert_run_as(TEAM, "fusion", "as-tess", &[("x-wandb-username", "tess")]).is(200);
    assert_eq!(user("as-tess"), "mia");
}

#[test]
fn f204_f205_runs_move_into_a_restricted_project_and_never_out() {
    let world = furnished();
    let ta = &world.team_admin.client;
    ta.submit_run(TEAM, "fusion", "mover");
    ta.stream_history(TEAM, "fusion", "mover", 0, &[json!({"_step": 0, "a": 7})]).is(200);
    let which = json!({"name": "mover"}).to_string();
    assert_eq!(ta.data(MOVE, json!({"f": which, "from": "fusion", "to": "vault"}))["moveRuns"]["moved"], 1);
    assert!(!ta.reads_run(TEAM, "fusion", "mover"));
    assert_eq!(history(ta, "vault", "mover")[0]["a"], 7, "its history comes along");
    let sentence = ta.refused(403, MOVE, json!({"f": which, "from": "vault", "to": "fusion"}));
    assert!(sentence.contains("restricted"), "{sentence}");
    assert!(ta.reads_run(TEAM, "vault", "mover"));
    assert_eq!(refusals(&world, "run:move"), 1);
    // Two runs of one id cannot be in one project; nothing moves then.
    ta.submit_run(TEAM, "atlas", "mover");
    ta.submit_run(TEAM, "atlas", "other");
    let sentence = ta.refused(
        400,
        MOVE,
        json!({"f": "{\"name\": {\"$in\": [\"other\", \"mover\"]}}", "from": "atlas", "to": "vault"}),
    );
    assert!(sentence.contains("already"), "{sentence}");
    assert!(ta.reads_run(TEAM, "atlas", "other"));
    // Who may not move somebody's run, or not into there.
    world.viewer.client.refused(403, MOVE, json!({"f": "{}", "from": "atlas", "to": "fusion"}));
    world.outsider.client.refused(404, MOVE, json!({"f": "{}", "from": "atlas", "to": "fusion"}));
}

#[test]
fn f181_own_runs_are_stopped_deleted_and_brought_back_and_others_by_admins_only() {
    let world = furnished();
    let (mia, ta) = (&world.member.client, &world.team_admin.client);
    let (mine, theirs) = (mia.submit_run(TEAM, "fusion", "mine"), ta.submit_run(TEAM, "fusion", "theirs"));
    for mutation in [STOP, DELETE, UNDELETE] {
        let sentence = mia.refused(403, mutation, json!({ "id": theirs }));
        assert!(sentence.contains("Denied"), "{sentence}");
        world.viewer.client.refused(403, mutation, json!({ "id": mine }));
        world.outsider.client.refused(404, mutation, json!({ "id": mine }));
    }
    mia.data(STOP, json!({ "id": mine }));
    mia.data(DELETE, json!({ "id": mine }));
    assert!(!mia.reads_run(TEAM, "fusion", "mine"));
    mia.data(UNDELETE, json!({ "id": mine }));
    assert!(mia.reads_run(TEAM, "fusion", "mine"));
    for mutation in [STOP, DELETE, UNDELETE] {
        ta.data(mutation, json!({ "id": mine }));
    }
    // Submitted for her by a machine, it is her own as well.
    world.service.upsert_run_as(TEAM, "fusion", "for-mia", &[("x-wandb-username", "mia")]).is(200);
    let id = mia.run_data(TEAM, "fusion", "for-mia")["id"].clone();
    mia.data(DELETE, json!({ "id": id }));
}

#[test]
fn a_deleted_run_is_gone_until_it_is_brought_back_and_its_id_is_not_used_again() {
    let world = furnished();
    let ta = &world.team_admin.client;
    let id = ta.submit_run(TEAM, "fusion", "gone");
    ta.stream_history(TEAM, "fusion", "gone", 0, &[json!({"_step": 0})]).is(200);
    ta.data(DELETE, json!({ "id": id }));
    assert!(!ta.reads_run(TEAM, "fusion", "gone"));
    assert_eq!(ta.stream_history(TEAM, "fusion", "gone", 1, &[json!({"_step": 1})]).status, 404);
    let sentence = ta.upsert_run(TEAM, "fusion", "gone", json!({})).is(400).message();
    assert!(sentence.contains("deleted"), "{sentence}");
    ta.data(UNDELETE, json!({ "id": id }));
    assert_eq!(history(ta, "fusion", "gone").len(), 1);
    // A project takes its runs along; the same names begin anew.
    let project = ta.project(TEAM, "fusion").json()["data"]["project"]["id"].clone();
    ta.data("mutation($id: String!) { deleteModel(input: {id: $id}) { success } }", json!({ "id": project }));
    ta.submit_run(TEAM, "fusion", "gone");
    assert!(history(ta, "fusion", "gone").is_empty());
}

#[test]
fn a_stream_sent_twice_leaves_each_line_once() {
    let world = furnished();
    let mia = &world.member.client;
    mia.submit_run(TEAM, "fusion", "r");
    let row = |n: i64| json!({"_step": n, "v": n});
    let send = |at: i64, rows: &[Value]| mia.stream_history(TEAM, "fusion", "r", at, rows).is(200);
    send(0, &[row(0), row(1)]);
    send(0, &[row(0), row(1)]);
    send(2, &[row(2), row(3), row(4)]);
    send(1, &[row(1), json!({"_step": 2, "v": "changed"})]);
    let steps: Vec<i64> = history(mia, "fusion", "r").iter().map(|r| r["_step"].as_i64().unwrap()).collect();
    assert_eq!(steps, [0, 1, 2, 3, 4]);
    assert_eq!(history(mia, "fusion", "r")[2]["v"], "changed");
    let run = mia.run_data(TEAM, "fusion", "r");
    assert_eq!((&run["historyLineCount"], &run["historyKeys"]["lastStep"]), (&json!(5), &json!(4)), "{run}");
    assert!(run["historyKeys"]["keys"]["v"].is_object(), "{run}");
}

#[test]
fn a_run_lives_ends_and_hears_that_it_should_stop() {
    let world = World::with(Setup::default().env("BAILIWICK_RUN_CRASHED_AFTER", "1s"));
    let ta = &world.team_admin.client;
    ta.upsert_project(TEAM, "fusion", None).is(200);
    let id = ta.submit_run(TEAM, "fusion", "r");
    let state = || ta.run_data(TEAM, "fusion", "r")["state"].as_str().unwrap().to_owned();
    assert_eq!(ta.stream(TEAM, "fusion", "r", &json!({})).is(200).json(), json!({}));
    assert_eq!(state(), "running");
    let until = Instant::now() + PATIENCE;
    while state() != "crashed" {
        assert!(Instant::now() < until, "a silent run crashes");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    ta.stream(TEAM, "fusion", "r", &json!({})).is(200);
    assert_eq!(state(), "running", "it lives after all");
    ta.data(STOP, json!({ "id": id }));
    assert_eq!(ta.stream(TEAM, "fusion", "r", &json!({})).is(200).json(), json!({"stopped": true}));
    assert_eq!(ta.run_data(TEAM, "fusion", "r")["stopped"], true);
    ta.stream(TEAM, "fusion", "r", &json!({"complete": true, "exitcode": 1})).is(200);
    assert_eq!(state(), "failed");
    ta.stream(TEAM, "fusion", "r", &json!({"complete": true, "exitcode": 0})).is(200);
    assert_eq!(state(), "finished");
    // Taken up again it runs, and was not asked to stop.
    ta.submit_run(TEAM, "fusion", "r");
    assert_eq!(ta.stream(TEAM, "fusion", "r", &json!({})).is(200).json(), json!({}));
}

#[test]
fn going_over_a_limit_is_said_and_changes_nothing() {
    let world = World::with(
        Setup::default()
            .env("BAILIWICK_RUN_LINES_LIMIT", "4KiB")
            .env("BAILIWICK_RUN_LINE_LIMIT", "1KiB")
            .env("BAILIWICK_RUN_TEXT_LIMIT", "1KiB")
            .env("BAILIWICK_RUN_TAGS_LIMIT", "3")
            .env("BAILIWICK_RUN_FILE_LIMIT", "100")
            .env("BAILIWICK_RUN_FILES_LIMIT", "2")
            .env("BAILIWICK_RUN_PROJECT_LIMIT", "6KiB"),
    );
    let mia = &world.member.client;
    mia.submit_run(TEAM, "fusion", "r");
    let over = |reply: crate::harness::Reply, setting: &str| {
        // 400 is the status that both clients take for final.
        assert_eq!(reply.status, 400, "{reply:?}");
        assert!(reply.body.contains(setting) && reply.body.contains("limit"), "{setting}: {reply:?}");
    };
    over(mia.stream_history(TEAM, "fusion", "r", 0, &[json!({"x": "y".repeat(2000)})]), "runs.line_limit");
    let rows: Vec<Value> = (0..9).map(|n| json!({"_step": n, "x": "y".repeat(500)})).collect();
    over(mia.stream_history(TEAM, "fusion", "r", 0, &rows), "runs.lines_limit");
    assert!(history(mia, "fusion", "r").is_empty());
    let long = json!({"a": {"value": "x".repeat(1200)}}).to_string();
    over(mia.upsert_run(TEAM, "fusion", "r", json!({ "config": long })), "runs.text_limit");
    over(mia.upsert_run(TEAM, "fusion", "r", json!({"tags": ["a", "b", "c", "d"]})), "runs.tags_limit");
    over(mia.ask_files(TEAM, "fusion", "r", &["a", "b", "c"]), "runs.files_limit");
    let path = mia.file_path(TEAM, "fusion", "r", "a");
    over(mia.put(&path, &[7; 101]), "runs.file_limit");
    mia.put(&path, &[7; 100]).is(200);
    // The same file again is not one more.
    mia.put(&path, &[8; 50]).is(200);
    mia.put(&mia.file_path(TEAM, "fusion", "r", "b"), b"x").is(200);
    over(mia.ask_files(TEAM, "fusion", "r", &["c"]), "runs.files_limit");
    mia.stream_history(TEAM, "fusion", "r", 0, &rows[..7]).is(200);
    mia.submit_run(TEAM, "fusion", "s");
    over(mia.stream_history(TEAM, "fusion", "s", 0, &rows[..7]), "runs.project_limit");
    mia.stream_history(TEAM, "fusion", "s", 0, &rows[..2]).is(200);
}

#[test]
fn what_is_not_offered_is_denied_first_and_then_said() {
    let world = furnished();
    let create = "mutation CreateArtifact($input: CreateArtifactInput!) { createArtifact(input: $input) {
        artifact { id state } } }";
    let input = json!({"input": {"entityName": TEAM, "projectName": "fusion", "runName": "first", "digest": "x"}});
    let read = "query ArtifactType($e: String, $p: String, $n: String!) { project(name: $p, entityName: $e) {
        artifactType(name: $n) { name } } }";
    let at = json!({"e": TEAM, "p": "fusion", "n": "t"});
    let sentence = world.member.client.refused(400, create, input.clone());
    assert!(sentence.contains("not kept"), "{sentence}");
    assert!(world.member.client.refused(400, read, at.clone()).contains("not kept"));
    assert!(world.viewer.client.refused(403, create, input.clone()).contains("Denied"));
    assert!(world.viewer.client.refused(400, read, at.clone()).contains("not kept"));
    world.outsider.client.refused(404, create, input.clone());
    world.outsider.client.refused(404, read, at);
    world.anonymous.refused(401, create, input);
    for (field, arguments) in [
        ("upsertView", "input: {entityName: \"acme\", projectName: \"fusion\"}"),
        ("upsertSweep", "input: {entityName: \"acme\", projectName: \"fusion\", config: \"{}\"}"),
        ("notifyScriptableRunAlert", "input: {entityName: \"acme\", projectName: \"fusion\", runName: \"first\"}"),
        ("rewindRun", "input: {entityName: \"acme\", projectName: \"fusion\", runName: \"first\"}"),
    ] {
        let mutation = format!("mutation {{ {field}({arguments}) {{ success }} }}");
        assert!(world.member.client.refused(400, &mutation, json!({})).contains("not kept"), "{field}");
        world.viewer.client.refused(403, &mutation, json!({}));
    }
}

#[test]
fn a_long_history_is_paged_and_sampled() {
    let world = furnished();
    let mia = &world.member.client;
    mia.submit_run(TEAM, "fusion", "long");
    for part in 0..4i64 {
        let rows: Vec<Value> =
            (0..2_500).map(|n| json!({"_step": part * 2_500 + n, "loss": n, "pad": "x".repeat(40)})).collect();
        mia.stream_history(TEAM, "fusion", "long", part * 2_500, &rows).is(200);
    }
    let page = |from: Value, to: Value, n: i64| {
        let data = mia.data(HISTORY, json!({"e": TEAM, "p": "fusion", "r": "long", "from": from, "to": to, "n": n}));
        data["project"]["run"]["history"].as_array().unwrap().len()
    };
    assert_eq!(page(json!(9_000), json!(9_500), 1_000), 500);
    assert_eq!(page(Value::Null, Value::Null, 500), 500);
    let sampled = "query($s: JSONString!) { project(name: \"fusion\", entityName: \"acme\") { run(name: \"long\") {
        sampledHistory(specs: [$s]) } } }";
    let spec = json!({"keys": ["_step", "loss"], "samples": 100, "minStep": 5_000}).to_string();
    let rows = mia.data(sampled, json!({ "s": spec }))["project"]["run"]["sampledHistory"][0].clone();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 100);
    assert!(rows.iter().all(|r| r["_step"].as_i64().unwrap() >= 5_000 && r.get("pad").is_none()), "{rows:?}");
    mia.refused(400, sampled, json!({"s": "{"}));
}

//! Who may do what with runs, row by row of the access model, by what the client itself sends: every submission is held against
//! what `explain` says of it ([`World::agrees`]). What runs then hold is in `runs`, and the decision alone in `visibility`.

use crate::harness::{Client, Person, Reply, Server, Setup, World, world::TEAM};
use serde_json::{Value, json};

const DELETE: &str = "mutation DeleteRun($id: ID!) { deleteRun(input: {id: $id}) { clientMutationId } }";
const STOP: &str = "mutation StopRun($id: ID!) { stopRun(input: {id: $id}) { success } }";

/// A world with one project in which the team admin has a run `first`: the ids of project and run.
fn furnished(access: &str) -> (World, String, String) {
    let world = World::new();
    let project = world.project("p", access);
    let run = world.team_admin.client.submit_run(TEAM, "p", "first");
    (world, project, run)
}

/// How far somebody gets with runs, each step with what the ones before it give.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Reach {
    Nothing,
    Reads,
    /// Runs of their own.
    Submits,
    /// Those of others in the project too; stopping and deleting these is still not among it.
    Changes,
}
use Reach::{Changes, Nothing, Reads, Submits};

/// Reads, submits and changes as expected, as `explain` says.
#[track_caller]
fn reaches(world: &World, who: &Person, reach: Reach) {
    let (reads, submits, changes) = (reach >= Reads, reach >= Submits, reach >= Changes);
    let own = format!("of-{}", who.username);
    // A run that is hidden reads like one that is absent: no error, and nothing there.
    let seen = who.client.reads_run(TEAM, "p", "first");
    assert_eq!((seen, world.may(&who.username, "run:read", "acme/p")), (reads, reads), "{} reads", who.username);
    let reply = who.client.upsert_run(TEAM, "p", &own, json!({}));
    world.agrees(who, "run:create", "acme/p", &reply, submits);
    assert_eq!(world.team_admin.client.reads_run(TEAM, "p", &own), submits, "{} left a run", who.username);
    if submits {
        streamed(&who.client, &own, 0).is(200);
        let path = who.client.file_path(TEAM, "p", &own, "weights.bin");
        who.client.put(&path, b"12345678").is(200);
        assert_eq!(lines(world, &own), 1);
    }
    assert_eq!(world.may(&who.username, "run:update", "acme/p"), changes, "{} changes runs", who.username);
    let (before, status) = (lines(world, "first"), if changes { 200 } else { refusal(reads) });
    streamed(&who.client, "first", before).is(status);
    who.client.ask_files(TEAM, "p", "first", &["weights.bin"]).is(status);
    who.client.upsert_run(TEAM, "p", "first", json!({"notes": "from me"})).is(status);
    assert_eq!(lines(world, "first"), before + i64::from(changes), "{} in another's run", who.username);
    for mutation in [STOP, DELETE] {
        let id = world.team_admin.client.run_data(TEAM, "p", "first")["id"].clone();
        who.client.refused(refusal(reads), mutation, json!({ "id": id }));
    }
}

/// The status of a refusal to somebody who sees the thing or does not.
fn refusal(reads: bool) -> u16 {
    if reads { 403 } else { 404 }
}

/// A line into a run of the project; a refusal says why.
fn streamed(client: &Client, run: &str, at: i64) -> Reply {
    let reply = client.stream_history(TEAM, "p", run, at, &[json!({ "_step": at })]);
    assert!(reply.status == 200 || reply.json()["error"].as_str().is_some_and(|e| e.len() > 8), "{reply:?}");
    reply
}

fn lines(world: &World, run: &str) -> i64 {
    world.team_admin.client.run_data(TEAM, "p", run)["historyLineCount"].as_i64().unwrap()
}

#[test]
fn f176_a_view_only_member_reads_runs_and_submits_changes_and_deletes_nothing() {
    let (world, _, first) = furnished("PRIVATE");
    let (vera, tess) = (&world.viewer, &world.team_admin.client);
    tess.stream_history(TEAM, "p", "first", 0, &[json!({"_step": 0, "loss": 1})]).is(200);
    tess.put(&tess.file_path(TEAM, "p", "first", "a.txt"), b"text").is(200);
    // Reads: the run, what it reported, its files.
    let query = "query { project(name: \"p\", entityName: \"acme\") { runCount run(name: \"first\") {
        history files { edges { node { name sizeBytes } } } } runs { edges { node { name } } } } }";
    let data = &vera.client.data(query, json!({}))["project"];
    assert_eq!(data["runCount"], 1, "{data}");
    assert!(data["run"]["history"][0].as_str().unwrap().contains("loss"), "{data}");
    assert_eq!(data["run"]["files"]["edges"][0]["node"]["name"], "a.txt", "{data}");
    assert_eq!(data["runs"]["edges"][0]["node"]["name"], "first", "{data}");
    // Writes: nothing, by any way.
    let reply = vera.client.upsert_run(TEAM, "p", "mine", json!({}));
    world.agrees(vera, "run:create", "acme/p", &reply, false);
    vera.client.upsert_run(TEAM, "p", "first", json!({"notes": "n"})).is(403).message();
    streamed(&vera.client, "first", 1).is(403);
    vera.client.ask_files(TEAM, "p", "first", &["b.txt"]).is(403).message();
    for mutation in [STOP, DELETE] {
        vera.client.refused(403, mutation, json!({ "id": first }));
    }
    // Reports and artifacts are not kept here; who may not have made one hears that first.
    for (action, mutation) in [
        ("report:create", "mutation { upsertView(input: {entityName: \"acme\", projectName: \"p\"}) { success } }"),
        (
            "artifact:create",
            "mutation { createArtifact(input: {entityName: \"acme\", projectName: \"p\", runName: \"first\",
                digest: \"x\"}) { artifact { id } } }",
        ),
    ] {
        let reply = vera.client.graphql(mutation, json!({}));
        world.agrees(vera, action, "acme/p", &reply, false);
        assert!(world.member.client.refused(400, mutation, json!({})).contains("not kept"), "{action}");
    }
    let run = tess.run_data(TEAM, "p", "first");
    assert_eq!((&run["historyLineCount"], &run["stopped"]), (&json!(1), &json!(false)), "{run}");
    assert!(!tess.reads_run(TEAM, "p", "mine"));
}

#[test]
fn f181_a_submitter_deletes_their_own_run_only_while_they_may_submit() {
    let (world, _, first) = furnished("PRIVATE");
    let (mia, tess) = (&world.member, &world.team_admin.client);
    let (one, two, three) = (
        mia.client.submit_run(TEAM, "p", "one"),
        mia.client.submit_run(TEAM, "p", "two"),
        mia.client.submit_run(TEAM, "p", "three"),
    );
    mia.client.data(DELETE, json!({ "id": one }));
    assert!(!tess.reads_run(TEAM, "p", "one"));
    assert!(mia.client.refused(403, DELETE, json!({ "id": first })).contains("submitted themselves"));
    assert!(tess.reads_run(TEAM, "p", "first"));
    // A member who became view-only keeps the authorship and not the right.
    tess.set_team_role(TEAM, &mia.id, "viewer").is(200);
    mia.client.refused(403, DELETE, json!({ "id": two }));
    streamed(&mia.client, "two", 0).is(403);
    assert_eq!(tess.run_data(TEAM, "p", "two")["user"]["username"], "mia");
    tess.set_team_role(TEAM, &mia.id, "member").is(200);
    mia.client.data(DELETE, json!({ "id": two }));
    // The team's admin deletes anybody's.
    tess.data(DELETE, json!({ "id": three }));
    assert!(!mia.client.reads_run(TEAM, "p", "three"));
    // Of a project whose admin one is not, a run's id opens nothing.
    world.outsider.client.refused(404, DELETE, json!({ "id": first }));
}

#[test]
fn f190_runs_of_an_open_project_are_read_and_submitted_by_everyone() {
    let (world, _, first) = furnished("USER_WRITE");
    for (who, reach) in
        [(&world.member, Changes), (&world.outsider, Submits), (&world.admin, Submits), (&world.viewer, Reads)]
    {
        reaches(&world, who, reach);
    }
    // From outside one's own run is one's own, and nobody else's is.
    let otto = &world.outsider.client;
    let own = otto.run_data(TEAM, "p", "of-otto")["id"].clone();
    otto.data(STOP, json!({ "id": own }));
    otto.refused(403, STOP, json!({ "id": first }));
    otto.refused(403, DELETE, json!({ "id": first }));
    world.member.client.refused(403, DELETE, json!({ "id": own }));
    // Closed to the team it is lost to who was outside; the run stays with its author's name.
    world.team_admin.client.upsert_project(TEAM, "p", Some("PRIVATE")).is(200);
    assert!(!otto.reads_run(TEAM, "p", "of-otto"));
    otto.refused(404, STOP, json!({ "id": own }));
    streamed(otto, "of-otto", 1).is(404);
    assert_eq!(world.team_admin.client.run_data(TEAM, "p", "of-otto")["user"]["username"], "otto");
}

#[test]
fn f191_runs_of_a_public_project_are_read_by_everyone_and_submitted_by_the_team() {
    let (world, ..) = furnished("USER_READ");
    for (who, reach) in
        [(&world.member, Changes), (&world.viewer, Reads), (&world.outsider, Reads), (&world.admin, Reads)]
    {
        reaches(&world, who, reach);
    }
}

#[test]
fn f192_runs_of_a_team_project_are_for_the_team() {
    let (world, ..) = furnished("PRIVATE");
    for (who, reach) in [(&world.member, Changes), (&world.viewer, Reads), (&world.outsider, Nothing)] {
        reaches(&world, who, reach);
    }
    // An organization admin knows of the project and is no member: refused, not hidden.
    let root = &world.admin;
    assert!(!root.client.reads_run(TEAM, "p", "first"));
    let reply = root.client.upsert_run(TEAM, "p", "of-root", json!({}));
    world.agrees(root, "run:create", "acme/p", &reply, false);
}

#[test]
fn f193_runs_of_a_restricted_project_are_for_the_invited() {
    let (world, project, _) = furnished("RESTRICTED");
    for who in [&world.member, &world.viewer, &world.outsider] {
        reaches(&world, who, Nothing);
    }
    let tess = &world.team_admin.client;
    tess.add_to_project(&project, &world.member.id).is(200);
    tess.add_to_project(&project, &world.viewer.id).is(200);
    reaches(&world, &world.member, Changes);
    reaches(&world, &world.viewer, Reads);
    // Taken out again, one's own run is out of reach as well.
    tess.drop_from_project(&project, &world.member.id).is(200);
    let mia = &world.member.client;
    assert!(!mia.reads_run(TEAM, "p", "of-mia"));
    streamed(mia, "of-mia", 1).is(404);
    let reply = mia.upsert_run(TEAM, "p", "again", json!({}));
    world.agrees(&world.member, "run:create", "acme/p", &reply, false);
}

#[test]
fn f301_runs_of_personal_projects_are_read_and_not_written_where_the_switch_says_so() {
    let server = Server::start(Setup::default());
    let (root, mia) = (server.person("root", "admin"), server.person("mia", "member"));
    root.client.create_team(TEAM, Some("mia")).is(200);
    let id = mia.client.submit_run("mia", "diary", "old");
    mia.client.stream_history("mia", "diary", "old", 0, &[json!({"_step": 0, "a": 1})]).is(200);
    let ticket = mia.client.file_path("mia", "diary", "old", "a.txt");
    mia.client.put(&ticket, b"before").is(200);
    let data = server.stop();
    let server = Server::start(Setup::default().data(&data).env("GORILLA_DISABLE_PERSONAL_ENTITY", "true"));
    let (root, mia) = (server.anonymous().key(&root.key), server.anonymous().key(&mia.key));
    let why = |action: &str, resource: &str| {
        let said = root.explained("mia", action, resource);
        assert_eq!(said["allowed"], false, "{said}");
        let last = said["chain"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap().to_owned();
        last.trim_end_matches('.').to_owned()
    };
    // A run into a personal project that is there.
    let reason = why("run:create", "mia/diary");
    let reply = mia.upsert_run("mia", "diary", "new", json!({})).is(403);
    assert!(reply.message().contains(&reason) && reply.message().contains("WANDB_ENTITY"), "{reason}: {reply:?}");
    // Into the run that is there: nothing by any way, a ticket from before the switch included.
    mia.upsert_run("mia", "diary", "old", json!({"notes": "n"})).is(403).message();
    mia.upsert_run("mia", "diary", "old", json!({"id": id})).is(403).message();
    let reply = mia.stream_history("mia", "diary", "old", 1, &[json!({"_step": 1})]).is(403);
    assert!(reply.body.contains("WANDB_ENTITY") || reply.body.contains("personal"), "{reply:?}");
    mia.ask_files("mia", "diary", "old", &["b.txt"]).is(403).message();
    assert_eq!(mia.put(&ticket, b"after").status, 403);
    mia.refused(403, DELETE, json!({ "id": id }));
    // A new personal project, by name and as what `wandb.init()` without any name asks for.
    let reason = why("project:create", "mia");
    for (entity, project) in [("mia", "fresh"), ("", "fresh"), ("", "")] {
        let reply = mia.upsert_run(entity, project, "new", json!({})).is(403);
        assert!(reply.message().contains(&reason), "{reason}: {reply:?}");
    }
    assert_eq!(mia.project_names("mia"), ["diary"]);
    // Reading goes on: the run, its history, its file.
    let run = read_back(&mia);
    assert_eq!((&run["historyLineCount"], &run["notes"]), (&json!(1), &Value::Null), "{run}");
    assert!(run["history"][0].as_str().unwrap().contains("\"a\""), "{run}");
    assert_eq!(run["files"]["edges"][0]["node"]["sizeBytes"], 6, "{run}");
    // The team's projects are as they were.
    mia.submit_run(TEAM, "p", "r");
}

fn read_back(client: &Client) -> Value {
    let query = "query { project(name: \"diary\", entityName: \"mia\") { run(name: \"old\") {
        historyLineCount notes history files { edges { node { name sizeBytes } } } } } }";
    client.data(query, json!({}))["project"]["run"].clone()
}

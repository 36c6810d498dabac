//! Runs by the real wandb SDK, the newest release and an old one, unmodified: from `wandb.init` to `finish`, taken up again,
//! offline and sent later, read and changed through the public API, over HTTP and over TLS with a private authority; and refused.

use crate::harness::issuer::private_authority;
use crate::harness::sdk::{Ran, Sdk};
use crate::harness::world::TEAM;
use crate::harness::{Client, Data, Setup, World};
use serde_json::{Value, json};
use std::path::Path;

const RUN: &str = "query($e: String!, $p: String!, $r: String!) { project(name: $p, entityName: $e) { run(name: $r) {
    id name displayName state exitcode config summaryMetrics tags notes group jobType historyLineCount logLineCount
    user { username } files { edges { node { name sizeBytes } } } logLines { edges { node { line level } } } history
    historyKeys } } }";

/// A run as the wire gives it.
fn read(client: &Client, project: &str, run: &str) -> Value {
    client.data(RUN, json!({"e": TEAM, "p": project, "r": run}))["project"]["run"].clone()
}

fn script(sdk: Sdk, world: &World, key: &str, name: &str, task: &Value) -> Ran {
    sdk.script(&world.server.url, key, name, &[&task.to_string()])
}

/// From the first line to the last, then taken up again, then through the public API.
fn the_whole_life(sdk: Sdk) {
    if !sdk.present() {
        return;
    }
    let world = World::new();
    let mia = &world.member;
    let task = json!({"entity": TEAM, "project": "fusion", "id": "abcd1234", "resume": true});
    let ran = script(sdk, &world, &mia.key, "run.py", &task);
    ran.value("done");
    assert_eq!(ran.value("version"), sdk.version());
    for step in ["init", "save", "save_deep", "finish", "resume", "finish_again", "resume_allow_new", "finish_allowed"]
    {
        ran.value(step);
    }
    assert_eq!(ran.value("path"), &json!([TEAM, "fusion", "abcd1234"]));
    assert_eq!(ran.value("resumed_step"), 6, "it goes on where it stood");
    assert_eq!(ran.value("resumed_config")["lr"], 0.1, "{}", ran.value("resumed_config"));
    assert!(ran.error("resume_never").contains("abcd1234"), "{}", ran.error("resume_never"));
    if sdk == Sdk::Newest {
        assert!(ran.error("resume_must_unknown").contains("unknown1"), "{}", ran.error("resume_must_unknown"));
    }

    let run = read(&mia.client, "fusion", "abcd1234");
    assert_eq!((&run["state"], &run["exitcode"]), (&json!("failed"), &json!(3)), "{run}");
    assert_eq!(run["historyLineCount"], 6, "{run}");
    assert_eq!(run["user"]["username"], "mia");
    assert_eq!(run["displayName"], "first try");
    assert_eq!(run["tags"], json!(["a", "b"]));
    let config: Value = serde_json::from_str(run["config"].as_str().unwrap()).unwrap();
    assert_eq!(config["later"]["value"], true, "{config}");
    let summary: Value = serde_json::from_str(run["summaryMetrics"].as_str().unwrap()).unwrap();
    assert_eq!((&summary["best"], &summary["acc"]), (&json!(42), &json!(99)), "{summary}");
    let steps: Vec<i64> = run["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| serde_json::from_str::<Value>(line.as_str().unwrap()).unwrap()["_step"].as_i64().unwrap())
        .collect();
    assert_eq!(steps, [0, 1, 2, 3, 4, 5]);
    let lines: Vec<&str> =
        run["logLines"]["edges"].as_array().unwrap().iter().map(|e| e["node"]["line"].as_str().unwrap()).collect();
    for line in ["printed by the script", "printed after resuming"] {
        assert!(lines.iter().any(|l| l.contains(line)), "{line} in {lines:?}");
    }
    let files: Vec<&str> =
        run["files"]["edges"].as_array().unwrap().iter().map(|e| e["node"]["name"].as_str().unwrap()).collect();
    for file in ["config.yaml", "note.txt", "sub/deep.txt", "wandb-summary.json", "wandb-metadata.json", "output.log"] {
        assert!(files.contains(&file), "{file} in {files:?}");
    }

    let ran = script(sdk, &world, &mia.key, "runs.py", &task);
    ran.value("done");
    assert_eq!(ran.value("runs"), &json!(["abcd1234", "allowed1"]));
    assert_eq!(ran.value("newest_first"), &json!(["allowed1", "abcd1234"]));
    assert_eq!(ran.value("filtered"), &json!(["abcd1234"]));
    assert_eq!(ran.value("filtered_out"), &json!([]));
    ran.error("filter_wrong");
    let run = ran.value("run");
    assert_eq!((&run["name"], &run["state"]), (&json!("first try"), &json!("failed")), "{run}");
    assert_eq!((&run["user"], &run["notes"], &run["group"]), (&json!("mia"), &json!("a note"), &json!("g1")), "{run}");
    assert_eq!((&run["job_type"], &run["best"], &run["last_step"]), (&json!("train"), &json!(42), &json!(5)), "{run}");
    assert_eq!(run["config"]["deep"], json!({"a": 1}), "{run}");
    assert_eq!(ran.value("history").as_array().unwrap().len(), 6);
    assert_eq!(ran.value("history_keys").as_array().unwrap()[5]["acc"], 99, "{}", ran.value("history_keys"));
    let scanned = ran.value("scan").as_array().unwrap();
    assert_eq!((scanned.len(), &scanned[2]["acc"]), (6, &json!(2)), "{scanned:?}");
    assert_eq!(ran.value("scan_keys").as_array().unwrap().len(), 6);
    assert_eq!(ran.value("files")["note.txt"], 11);
    assert_eq!(ran.value("file"), "hello file\n");
    assert!(ran.value("logs").as_str().unwrap().contains("printed"), "{}", ran.value("logs"));
    assert_eq!(ran.value("uploaded"), "added later");
    assert!(!ran.value("files_after").as_array().unwrap().contains(&json!("added.txt")));
    let updated = ran.value("updated");
    assert_eq!((&updated["name"], &updated["notes"]), (&json!("renamed"), &json!("another note")), "{updated}");
    assert_eq!((&updated["tags"], &updated["best"]), (&json!(["c"]), &json!(43)), "{updated}");
    assert_eq!(updated["config"]["lr"], 0.5, "{updated}");
    ran.value("create");
    if sdk == Sdk::Newest {
        ran.value("stop");
        ran.value("state");
    }
    ran.value("delete");
    ran.error("deleted");
    ran.error("unknown");
}

#[test]
fn f190_newest_sdk_runs_from_init_to_finish_and_reads_it_back() {
    the_whole_life(Sdk::Newest);
}

#[test]
fn f190_old_sdk_runs_from_init_to_finish_and_reads_it_back() {
    the_whole_life(Sdk::Old);
}

/// The path of a script of the suite.
fn path_of(script: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/sdk").join(script).display().to_string()
}

/// F176, F192, F193: a refused `wandb.init` fails in under two seconds (as the script measures it, the start of the interpreter
/// not counted) and nothing is made.
fn refused_at_once(sdk: Sdk) {
    if !sdk.present() {
        return;
    }
    let world = World::new();
    let ta = &world.team_admin.client;
    for (project, access) in [("vault", "RESTRICTED"), ("fusion", "PRIVATE"), ("atlas", "USER_READ")] {
        ta.upsert_project(TEAM, project, Some(access)).is(200);
    }
    for (who, key, project, reason) in [
        ("a view-only member", &world.viewer.key, "fusion", "Denied: vera"),
        ("an uninvited member", &world.member.key, "vault", "There is no project"),
        ("an outsider, public", &world.outsider.key, "atlas", "Denied"),
        ("an outsider, closed", &world.outsider.key, "fusion", "There is no"),
        ("somebody deactivated", &world.deactivated.key, "fusion", "not valid"),
    ] {
        let task = json!({"entity": TEAM, "project": project, "id": "denied01"});
        let ran = script(sdk, &world, key, "run.py", &task);
        let error = ran.error("init");
        let seconds = ran.value("seconds").as_f64().unwrap();
        // The old client starts a second interpreter before it asks; that is its own time.
        let limit = if sdk == Sdk::Newest { 2.0 } else { 10.0 };
        assert!(seconds < limit, "{who}: {seconds} s: {error}");
        if sdk == Sdk::Newest {
            assert!(error.to_lowercase().contains(&reason.to_lowercase()), "{who}: {error}");
        } else {
            // It has words of its own for 401, 403 and 404.
            assert!(!error.contains("timed out"), "{who}: {error}");
        }
        assert!(!ta.reads_run(TEAM, project, "denied01"), "{who}");
    }
}

#[test]
fn f176_f191_f192_f193_newest_sdk_is_refused_at_once_with_the_reason() {
    refused_at_once(Sdk::Newest);
}

#[test]
fn f176_f191_f192_f193_old_sdk_is_refused_at_once() {
    refused_at_once(Sdk::Old);
}

/// A run made without a server is sent later by `wandb sync`.
#[test]
fn an_offline_run_is_sent_later() {
    for sdk in Sdk::BOTH {
        if !sdk.present() {
            return;
        }
        let world = World::new();
        let home = tempfile::tempdir().unwrap();
        let task = json!({"entity": TEAM, "project": "fusion", "id": "offline1"}).to_string();
        let env = [("WANDB_MODE", "offline")];
        let (url, key) = (&world.server.url, &world.member.key);
        let ran = sdk.run_in(url, key, "python", &[&path_of("run.py"), &task], Some(home.path()), &env);
        ran.value("finish");
        assert!(!world.member.client.reads_run(TEAM, "fusion", "offline1"));
        let mut folder = std::fs::read_dir(home.path().join("wandb")).unwrap().map(|e| e.unwrap().path());
        let folder = folder.find(|p| p.file_name().unwrap().to_string_lossy().starts_with("offline-run-")).unwrap();
        let ran = sdk.run(url, key, "python", &["-m", "wandb", "sync", folder.to_str().unwrap()], Some(home.path()));
        assert_eq!(ran.code, 0, "{sdk:?}: {ran:#?}");
        let run = read(&world.member.client, "fusion", "offline1");
        assert_eq!((&run["state"], &run["historyLineCount"]), (&json!("finished"), &json!(5)), "{sdk:?}: {run}");
        assert_eq!(run["user"]["username"], "mia");
        let files = run["files"].to_string();
        assert!(files.contains("note.txt") && files.contains("config.yaml"), "{sdk:?}: {files}");
    }
}

/// An artifact is refused clearly, and the run that tried goes on to its end.
#[test]
fn an_artifact_is_refused_and_the_run_goes_on() {
    for sdk in Sdk::BOTH {
        if !sdk.present() {
            return;
        }
        let world = World::new();
        let task = json!({"entity": TEAM, "project": "fusion", "id": "artful01"});
        let ran = script(sdk, &world, &world.member.key, "artifact.py", &task);
        ran.value("init");
        let error = ran.error("log_artifact");
        assert!(sdk == Sdk::Old || error.contains("not kept"), "{sdk:?}: {error}");
        ran.value("finish");
        assert!(ran.value("seconds").as_f64().unwrap() < 60.0, "{sdk:?}: {ran:#?}");
        let run = read(&world.member.client, "fusion", "artful01");
        assert_eq!((&run["state"], &run["historyLineCount"]), (&json!("finished"), &json!(2)), "{sdk:?}: {run}");
    }
}

/// Over TLS with a certificate of a private authority, named as each client wants it.
#[test]
fn over_tls_with_a_private_authority() {
    for sdk in Sdk::BOTH {
        if !sdk.present() {
            return;
        }
        let data = Data::new();
        let (authority, cert, key) = private_authority();
        let (cert, key) = (data.file("cert.pem", &cert), data.file("key.pem", &key));
        let authority = data.file("authority.pem", &authority);
        let world = World::with(Setup::default().arg("--tls-cert").arg(&cert).arg("--tls-key").arg(&key).data(&data));
        assert!(world.server.url.starts_with("https://"));
        let task = json!({"entity": TEAM, "project": "fusion", "id": "sealed01"}).to_string();
        let env = [("SSL_CERT_FILE", authority.as_str()), ("REQUESTS_CA_BUNDLE", authority.as_str())];
        let args = [&path_of("run.py"), task.as_str()].map(str::to_owned);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ran = sdk.run_in(&world.server.url, &world.member.key, "python", &args, None, &env);
        ran.value("init");
        ran.value("finish");
        let run = read(&world.member.client, "fusion", "sealed01");
        assert_eq!((&run["state"], &run["historyLineCount"]), (&json!("finished"), &json!(5)), "{sdk:?}: {run}");
        assert!(run["files"].to_string().contains("note.txt"), "{sdk:?}: {run}");
    }
}

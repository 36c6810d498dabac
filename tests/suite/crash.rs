//! Power cuts, full disks and read-only directories: what was acknowledged is there, the store is whole, and the
//! server says plainly what it cannot do while it goes on answering what it can.

use crate::harness::{Client, Data, PATIENCE, Server, Setup, cli, root_for};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

const CREATE: &str = "mutation($email: String!) { createUser(input: {email: $email}) { user { id username } } }";
const SEARCH: &str = "query($query: String) { users(query: $query) { edges { node { username } } } }";

fn create_body(name: &str) -> Vec<u8> {
    let variables = json!({"email": format!("{name}@example.com")});
    json!({"query": CREATE, "variables": variables}).to_string().into_bytes()
}

fn found(client: &Client, query: &str) -> BTreeSet<String> {
    let data = client.data(SEARCH, json!({"query": query}));
    let edges = data["users"]["edges"].as_array().unwrap();
    edges.iter().map(|e| e["node"]["username"].as_str().unwrap().to_owned()).collect()
}

/// Fixed: the same places in the storm each time, while the disk makes its own moments.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
/// Stores that a long run storms at once: one alone grows until most of the hour goes into looking through it.
const STORES: usize = 4;

/// So many rounds, spread over [`STORES`].
fn long(rounds: usize, storm: fn(usize, u64)) {
    std::thread::scope(|scope| {
        for store in 0..STORES {
            scope.spawn(move || storm(rounds / STORES, SEED.rotate_left(store as u32)));
        }
    });
}

/// Writers storm, the server dies at a moment nobody chose, and every acknowledged write is there afterwards.
fn storm(rounds: usize, mut seed: u64) {
    const WRITERS: usize = 6;
    let mut data = Data::new();
    let mut key = None;
    for round in 0..rounds {
        let server = Server::start(Setup::default().data(&data).unchecked());
        let key = key.get_or_insert_with(|| server.person("root", "admin").key).clone();
        let stop = Arc::new(AtomicBool::new(false));
        let (acknowledge, acknowledged) = channel();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let client = server.anonymous().key(&key);
                let (acknowledge, stop) = (acknowledge.clone(), Arc::clone(&stop));
                std::thread::spawn(move || {
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let name = format!("r{round}w{writer}n{n}x");
                        let headers = [("content-type", "application/json")];
                        let sent = client.try_send("POST", "/graphql", &headers, Some(&create_body(&name)));
                        match sent {
                            Ok(reply) if reply.status == 200 && reply.json()["errors"].is_null() => {
                                if acknowledge.send(name).is_err() {
                                    return;
                                }
                            }
                            Ok(reply) => panic!("{reply:?}"),
                            Err(_) => return,
                        }
                    }
                })
            })
            .collect();
        drop(acknowledge);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let enough = 1 + usize::try_from(seed >> 33).unwrap() % 60;
        let mut names = BTreeSet::new();
        while names.len() < enough {
            names.insert(acknowledged.recv_timeout(PATIENCE).expect("the writers go on"));
        }
        data = server.kill();
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.join().unwrap();
        }
        names.extend(acknowledged.try_iter());

        cli(data.path(), &["doctor"]).ok();
        let server = Server::start(Setup::default().data(&data).unchecked());
        let present = found(&server.anonymous().key(&key), &format!("r{round}w"));
        let missing: Vec<_> = names.difference(&present).collect();
        assert!(missing.is_empty(), "round {round}: acknowledged and gone: {missing:?}");
        // At most one write of each writer was done without its answer coming through.
        assert!(present.len() <= names.len() + WRITERS, "round {round}: {} of {}", present.len(), names.len());
        server.stop();
    }
    Server::start(Setup::default().data(&data));
}

#[test]
fn every_acknowledged_write_survives_kill_9_in_50_rounds() {
    storm(50, SEED);
}

/// The long run: `SUITE_LONG=1 cargo test --test suite crash::`.
#[test]
fn every_acknowledged_write_survives_kill_9_in_1000_rounds() {
    if std::env::var_os("SUITE_LONG").is_none() {
        println!("skipped: a long run; SUITE_LONG=1 selects it");
        return;
    }
    long(1_000, storm);
}

const SUBMIT: &str = "mutation { upsertBucket(input: {modelName: \"storm\", name: \"%NAME%\"}) { inserted } }";
const HISTORY: &str = "query($run: String!) { project(name: \"storm\", entityName: \"root\") { run(name: $run) {
    historyLineCount logLineCount history(minStep: 0, maxStep: 1000000, samples: 10000) } } }";
/// Lines of history in one batch.
const BATCH: usize = 3;

/// A batch of a run that has `from` lines: history, as much output, and a summary that says how far it is.
fn batch(from: usize) -> Value {
    let rows = from..from + BATCH;
    let history: Vec<String> = rows.clone().map(|n| json!({"_step": n, "value": n * 7}).to_string()).collect();
    let output: Vec<String> = rows.map(|n| format!("line {n}")).collect();
    json!({"files": {
        "wandb-history.jsonl": {"offset": from, "content": history},
        "output.log": {"offset": from, "content": output},
        "wandb-summary.json": {"offset": 0, "content": [json!({"_step": from + BATCH - 1}).to_string()]},
    }})
}

/// Runs report, each line at its place; the server dies; the runs send again what was not acknowledged and go on, as clients do.
/// Every acknowledged line is there exactly once, and a batch is there whole or not at all.
fn stream_storm(rounds: usize, mut seed: u64) {
    const RUNS: usize = 6;
    /// After so many rounds the runs are new ones: a history stays short enough to be read whole.
    const LIVES: usize = 10;
    let mut data = Data::new();
    let mut key = None;
    let mut acknowledged = [0; RUNS];
    for round in 0..rounds {
        let server = Server::start(Setup::default().data(&data).unchecked());
        let key = key.get_or_insert_with(|| server.person("root", "admin").key).clone();
        let client = server.anonymous().key(&key);
        let name = |run: usize| format!("g{}r{run}", round / LIVES);
        if round % LIVES == 0 {
            acknowledged = [0; RUNS];
            for run in 0..RUNS {
                client.data(&SUBMIT.replace("%NAME%", &name(run)), json!({}));
            }
        }
        let (tell, told) = channel();
        let writers: Vec<_> = (0..RUNS)
            .map(|run| {
                let (client, tell, name) = (server.anonymous().key(&key), tell.clone(), name(run));
                let mut next = acknowledged[run];
                std::thread::spawn(move || {
                    let path = format!("/files/root/storm/{name}/file_stream");
                    let headers = [("content-type", "application/json")];
                    // A failed connection is the power cut; anything else must be an acknowledgement.
                    while let Ok(reply) =
                        client.try_send("POST", &path, &headers, Some(batch(next).to_string().as_bytes()))
                    {
                        assert_eq!(reply.status, 200, "{reply:?}");
                        next += BATCH;
                        if tell.send((run, next)).is_err() {
                            return;
                        }
                    }
                })
            })
            .collect();
        drop(tell);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        for _ in 0..1 + usize::try_from(seed >> 33).unwrap() % 60 {
            let (run, lines) = told.recv_timeout(PATIENCE).expect("the runs go on");
            acknowledged[run] = lines;
        }
        data = server.kill();
        for writer in writers {
            writer.join().unwrap();
        }
        for (run, lines) in told.try_iter() {
            acknowledged[run] = lines;
        }

        cli(data.path(), &["doctor"]).ok();
        let server = Server::start(Setup::default().data(&data).unchecked());
        let client = server.anonymous().key(&key);
        for (run, acknowledged) in acknowledged.iter().enumerate() {
            let found = &client.data(HISTORY, json!({"run": name(run)}))["project"]["run"];
            let rows: Vec<Value> = found["history"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| serde_json::from_str(row.as_str().unwrap()).unwrap())
                .collect();
            let what = format!("round {round}, run {run}: {acknowledged} acknowledged, {} there", rows.len());
            // What was acknowledged, and at most the one batch whose answer did not come through.
            assert!([*acknowledged, acknowledged + BATCH].contains(&rows.len()), "{what}");
            for (n, row) in rows.iter().enumerate() {
                assert_eq!((&row["_step"], &row["value"]), (&json!(n), &json!(n * 7)), "{what}");
            }
            let counts = (&found["historyLineCount"], &found["logLineCount"]);
            assert_eq!(counts, (&json!(rows.len()), &json!(rows.len())), "{what}");
        }
        server.stop();
    }
    Server::start(Setup::default().data(&data));
}

#[test]
fn every_acknowledged_line_of_a_run_survives_kill_9_once_in_20_rounds() {
    stream_storm(20, SEED);
}

/// The long run: `SUITE_LONG=1 cargo test --test suite crash::`.
#[test]
fn every_acknowledged_line_of_a_run_survives_kill_9_once_in_500_rounds() {
    if std::env::var_os("SUITE_LONG").is_none() {
        println!("skipped: a long run; SUITE_LONG=1 selects it");
        return;
    }
    long(500, stream_storm);
}

/// A file system of its own in memory; gone with the value.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(data: &Data, size: &str) -> Option<Self> {
        if !root_for("a file system of its own") {
            return None;
        }
        std::fs::create_dir_all(data.path()).unwrap();
        let options = format!("size={size},mode=0700");
        if !run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", data.path().to_str().unwrap()]) {
            println!("skipped: mounting is not allowed here");
            return None;
        }
        Some(Small(data.path().to_owned()))
    }

    fn remount(&self, options: &str) {
        assert!(run("mount", &["-o", &format!("remount,{options}"), self.0.to_str().unwrap()]), "remount {options}");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        run("umount", &["-l", self.0.to_str().unwrap()]);
    }
}

fn run(program: &str, args: &[&str]) -> bool {
    std::process::Command::new(program).args(args).status().is_ok_and(|s| s.success())
}

/// What must hold while nothing can be written, and when it can be again.
fn refuses_writes_and_goes_on(client: &Client, before: &BTreeSet<String>) {
    let reply = client.post_json("/graphql", &json!({"query": CREATE, "variables": {"email": "late@example.com"}}));
    assert_eq!(reply.status, 503, "{reply:?}");
    let sentence = reply.message();
    assert!(sentence.contains("disk") || sentence.contains("read-only") || sentence.contains("written"), "{sentence}");
    assert_eq!(&found(client, "example.com"), before, "reads go on, and nothing half-written shows");
}

#[test]
fn a_full_disk_is_a_clear_refusal_and_passes() {
    let data = Data::new();
    let Some(disk) = Small::mount(&data, "12m") else { return };
    let server = Server::start(Setup::default().data(&data).unchecked());
    let root = server.person("root", "admin");
    // A filler takes nearly all that is left, so that the store itself meets the end.
    let room = rustix::fs::statvfs(data.path()).unwrap();
    let spare = usize::try_from(room.f_bavail * room.f_frsize).unwrap().saturating_sub(64 << 10);
    std::fs::write(data.path().join("filler"), vec![1; spare]).unwrap();
    let mut full = false;
    let mut made = BTreeSet::from(["root".to_owned()]);
    for n in 0..20_000 {
        let name = format!("fill{n}x");
        let headers = [("content-type", "application/json")];
        let reply = root.client.send("POST", "/graphql", &headers, Some(&create_body(&name)));
        if reply.status != 200 {
            full = true;
            break;
        }
        made.insert(name);
    }
    assert!(full, "the disk never filled up");
    refuses_writes_and_goes_on(&root.client, &found(&root.client, "example.com"));
    assert!(
        found(&root.client, "example.com").is_superset(&made) || made.len() > 1000,
        "acknowledged writes are there"
    );
    std::fs::remove_file(data.path().join("filler")).unwrap();
    disk.remount("size=1g");
    // Room again: after at most a restart it writes again.
    let again =
        root.client.post_json("/graphql", &json!({"query": CREATE, "variables": {"email": "after@example.com"}}));
    server.stop();
    cli(data.path(), &["doctor"]).ok();
    let server = Server::start(Setup::default().data(&data));
    let client = server.anonymous().key(&root.key);
    if again.status != 200 {
        println!("note: it needed a restart to write again");
        client.data(CREATE, json!({"email": "after@example.com"}));
    }
    assert!(found(&client, "after").contains("after"));
    drop(server);
}

#[test]
fn a_read_only_directory_is_a_clear_refusal() {
    let data = Data::new();
    let Some(disk) = Small::mount(&data, "1g") else { return };
    let server = Server::start(Setup::default().data(&data).unchecked());
    let root = server.person("root", "admin");
    let before = found(&root.client, "example.com");
    // Open files keep a file system from turning read-only; without them it does, as after a disk error.
    server.stop();
    disk.remount("ro");
    let out = Setup::default().data(&data).refused().failed(1);
    assert!(out.stderr.contains("read-only") || out.stderr.contains("Read-only"), "{out:?}");
    cli(data.path(), &["user", "create", "x@example.com"]).failed(1);
    disk.remount("rw");
    let server = Server::start(Setup::default().data(&data));
    assert_eq!(found(&server.anonymous().key(&root.key), "example.com"), before);
    drop(server);
}

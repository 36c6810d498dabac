//! Power cuts, full disks and read-only directories: what was acknowledged is there, the store is whole, and the
//! server says plainly what it cannot do while it goes on answering what it can.

use crate::harness::{Client, Data, PATIENCE, Server, Setup, cli, root_for};
use serde_json::json;
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

/// Writers storm, the server dies at a moment nobody chose, and every acknowledged write is there afterwards.
fn storm(rounds: usize) {
    const WRITERS: usize = 6;
    let mut data = Data::new();
    let mut key = None;
    // A fixed seed: the same places in the storm each time, while the disk makes its own moments.
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
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
    storm(50);
}

/// The long run: `SUITE_LONG=1 cargo test --test suite crash::`.
#[test]
fn every_acknowledged_write_survives_kill_9_in_1000_rounds() {
    if std::env::var_os("SUITE_LONG").is_none() {
        println!("skipped: a long run; SUITE_LONG=1 selects it");
        return;
    }
    storm(1_000);
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

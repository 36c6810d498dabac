//! Hostile runs: names that would leave a directory, addresses of files used for something else, streams into somebody else's run,
//! oversized and deeply nested bodies, offsets out of range, and claims in headers.

use crate::harness::world::TEAM;
use crate::harness::{Client, World};
use serde_json::{Value, json};
use std::path::Path;

fn world() -> World {
    let world = World::new();
    let ta = &world.team_admin.client;
    for (name, access) in [("fusion", "PRIVATE"), ("square", "USER_WRITE"), ("vault", "RESTRICTED")] {
        ta.upsert_project(TEAM, name, Some(access)).is(200);
        ta.submit_run(TEAM, name, "first");
    }
    world
}

fn count(client: &Client, project: &str, run: &str) -> i64 {
    client.run_data(TEAM, project, run)["historyLineCount"].as_i64().unwrap()
}

/// Every file below a directory, as paths from there.
fn below(dir: &Path) -> Vec<String> {
    let (mut folders, mut out) = (vec![dir.to_owned()], vec![]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                out.push(path.strip_prefix(dir).unwrap().display().to_string());
            }
        }
    }
    out.sort();
    out
}

/// Path traversal: no name of a client becomes a path here, and names that try are refused.
#[test]
fn file_names_that_leave_their_place_are_refused() {
    let world = world();
    let ta = &world.team_admin.client;
    let outside = world.server.data.outside();
    let before = below(outside);
    let deep = "a/".repeat(40) + "b";
    let long = "x".repeat(2000);
    for name in [
        "../escaped",
        "/etc/escaped",
        "a/../../escaped",
        "..",
        ".",
        "",
        "a//b",
        "a\\..\\b",
        "a\u{0}b",
        "a\nb",
        "c:/x",
        deep.as_str(),
        long.as_str(),
    ] {
        let reply = ta.ask_files(TEAM, "fusion", "first", &[name]);
        assert_eq!(reply.status, 400, "{name:?}: {reply:?}");
        reply.message();
    }
    for run in ["..", "a/b", "../x", "", "a%2fb", "x\u{0}"] {
        let reply = ta.upsert_run(TEAM, "fusion", run, json!({}));
        // An empty name is none: the server chooses one.
        assert!(reply.status == 400 || run.is_empty(), "{run:?}: {reply:?}");
    }
    // A decent name is kept under a name of the server's own.
    ta.put(&ta.file_path(TEAM, "fusion", "first", "sub/decent-name.txt"), b"bytes").is(200);
    let now = below(outside);
    assert!(now.iter().all(|p| !p.contains("decent") && !p.contains("escaped")), "{now:?}");
    let added: Vec<_> = now.iter().filter(|p| !before.contains(p) && p.contains("run-files")).collect();
    assert_eq!(added.len(), 1, "{added:?}");
}

/// An address is good for its run, its file, its direction, its account, and for nothing else.
#[test]
fn an_address_of_a_file_is_good_for_nothing_else() {
    let world = world();
    let (ta, mia) = (&world.team_admin.client, &world.member.client);
    let up = mia.file_path(TEAM, "fusion", "first", "a.txt");
    mia.put(&up, b"one").is(200);
    let files =
        "query($n: String!) { project(entityName: \"acme\", name: \"fusion\") { run(name: $n) { files { edges { node {
        name url } } } } } }";
    let listed = mia.data(files, json!({"n": "first"}));
    let url = listed["project"]["run"]["files"]["edges"][0]["node"]["url"].as_str().unwrap();
    let down = &url[url.find("/files/").unwrap()..];
    let fetched = world.anonymous.get(down).is(200);
    assert_eq!(fetched.body, "one");
    assert!(fetched.header("content-disposition").unwrap().starts_with("attachment"), "{fetched:?}");
    assert_eq!(fetched.header("content-type"), Some("application/octet-stream"));
    // The other direction.
    assert_eq!(world.anonymous.get(&up).status, 403);
    assert_eq!(mia.put(down, b"two").status, 403);
    // Tampered with, at both ends and in the middle; no address at all.
    for at in [17, up.len() / 2, up.len() - 20] {
        let mut bytes = up.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let reply = mia.put(&String::from_utf8(bytes).unwrap(), b"two");
        assert_eq!(reply.status, 403, "{at}: {reply:?}");
    }
    for junk in ["/files/transfer/x", "/files/transfer/.", "/files/transfer/a.b"] {
        let reply = mia.put(junk, b"x");
        assert!(matches!(reply.status, 400 | 403), "{junk}: {reply:?}");
    }
    assert_eq!(world.anonymous.get(down).body, "one", "nothing was changed");
    // Its account loses its place: the address is worth nothing at once.
    let id = ta.member_of(TEAM, "mia").unwrap()["id"].as_str().unwrap().to_owned();
    ta.remove_member(TEAM, &id).is(200);
    assert!(matches!(mia.put(&up, b"two").status, 403 | 404));
    assert!(matches!(world.anonymous.get(down).status, 403 | 404));
    // A revoked key takes its addresses along.
    let key = world.server.cli(&["api-key", "create", "tess", "--json"]).json();
    let narrow = world.anonymous.key(key["key"].as_str().unwrap());
    let path = narrow.file_path(TEAM, "fusion", "first", "b.txt");
    narrow.put(&path, b"x").is(200);
    ta.data("mutation($id: String!) { deleteApiKey(input: {id: $id}) { success } }", json!({"id": key["id"]}));
    assert_eq!(narrow.put(&path, b"y").status, 403);
    // A key that only reads gets no address to send to.
    let reader = crate::permissions::read_only(&world, "tess");
    assert_eq!(reader.ask_files(TEAM, "fusion", "first", &["c"]).status, 403);
    // What a project loses with its runs cannot be fetched either.
    let mine = ta.file_path(TEAM, "fusion", "first", "d.txt");
    ta.put(&mine, b"x").is(200);
    let project = ta.project(TEAM, "fusion").json()["data"]["project"]["id"].clone();
    ta.data("mutation($id: String!) { deleteModel(input: {id: $id}) { success } }", json!({ "id": project }));
    assert_eq!(ta.put(&mine, b"x").status, 404);
}

/// An upload cut short leaves no file, and the old one stands.
#[test]
fn an_upload_cut_short_leaves_the_old_file() {
    use std::io::Write;
    let world = world();
    let ta = &world.team_admin.client;
    let path = ta.file_path(TEAM, "fusion", "first", "a.txt");
    ta.put(&path, b"whole").is(200);
    let mut raw = std::net::TcpStream::connect(world.server.address()).unwrap();
    write!(raw, "PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf").unwrap();
    drop(raw);
    let files =
        "{ project(entityName: \"acme\", name: \"fusion\") { run(name: \"first\") { fileCount files { edges { node {
        sizeBytes url } } } } } }";
    let run = ta.data(files, json!({}))["project"]["run"].clone();
    assert_eq!((&run["fileCount"], &run["files"]["edges"][0]["node"]["sizeBytes"]), (&json!(1), &json!(5)), "{run}");
}

/// Streaming into somebody else's run: refused by who one is, and in an open project outsiders touch their own runs only.
#[test]
fn nobody_streams_into_a_run_they_may_not_change() {
    let world = world();
    let row = [json!({"_step": 0})];
    for (who, client) in world.everyone() {
        for project in ["fusion", "square", "vault"] {
            let reply = client.stream_history(TEAM, project, "first", 0, &row);
            let may = matches!(
                (who, project),
                ("team admin", _) | ("member" | "service", "fusion") | ("member" | "service", "square")
            );
            let refused: &[u16] = if matches!(who, "anonymous" | "deactivated") { &[401] } else { &[403, 404] };
            let expected: &[u16] = if may { &[200] } else { refused };
            assert!(expected.contains(&reply.status), "{who} into {project}: {reply:?}");
        }
    }
    let otto = &world.outsider.client;
    otto.submit_run(TEAM, "square", "mine");
    otto.stream_history(TEAM, "square", "mine", 0, &row).is(200);
    assert_eq!(otto.ask_files(TEAM, "square", "first", &["x"]).status, 403);
    assert_eq!(otto.upsert_run(TEAM, "square", "first", json!({"notes": "mine now"})).status, 403);
    // A cookie is no credential here.
    let browser = crate::permissions::browser(&world, &world.member);
    assert_eq!(browser.stream_history(TEAM, "fusion", "first", 1, &row).status, 401);
}

/// Bodies that are too large, nest too deeply or mean nothing change nothing and are told why.
#[test]
fn hostile_streams_are_refused_and_leave_nothing() {
    let world = world();
    let ta = &world.team_admin.client;
    let line = |line: &str| {
        json!({"files": {"wandb-history.jsonl": {"offset": 0, "content": [line]}}}).to_string().into_bytes()
    };
    let bomb = format!("{{\"a\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    let outer = format!("{{\"files\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let at =
        |offset: Value| json!({"files": {"output.log": {"offset": offset, "content": ["x"]}}}).to_string().into_bytes();
    let long = "y".repeat(1_100_000);
    for (what, body) in [
        ("nothing", b"".to_vec()),
        ("no JSON", b"{\"files\":".to_vec()),
        ("a list", b"[]".to_vec()),
        ("bytes", vec![0xFF; 100]),
        ("a line that is no JSON", line("boom")),
        ("a line that is no object", line("[1]")),
        ("a bomb in a line", line(&bomb)),
        ("a bomb around", outer.into_bytes()),
        ("a negative offset", at(json!(-1))),
        ("a huge offset", at(json!(u64::MAX))),
        ("the largest offset", at(json!(i64::MAX))),
        ("an offset far beyond the end", at(json!(1_000_000))),
        ("a fractional offset", at(json!(1.5))),
        ("an offset that is text", at(json!("1"))),
        ("a line over a megabyte", line(&json!({ "x": long }).to_string())),
    ] {
        let reply = ta.stream_raw(TEAM, "fusion", "first", &body);
        assert_eq!(reply.status, 400, "{what}: {reply:?}");
        assert!(!reply.body.is_empty(), "{what}");
        assert_eq!(count(ta, "fusion", "first"), 0, "{what}");
    }
    let reply = ta.stream_raw(TEAM, "fusion", "first", &vec![b' '; 17 << 20]);
    assert!(matches!(reply.status, 400 | 413), "{reply:?}");
    let reply = ta.send(
        "POST",
        "/files/acme/fusion/first/file_stream",
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        Some(b"\x1f\x8b"),
    );
    assert_eq!(reply.status, 400, "{reply:?}");
    // Ten thousand lines ahead is a gap a client can make; the number it then has is told honestly.
    ta.stream_raw(TEAM, "fusion", "first", &at(json!(10_000))).is(200);
    assert_eq!(ta.run_data(TEAM, "fusion", "first")["logLineCount"], 10_001);
    // Many megabytes at once, as the client sends after a long pause, are taken whole.
    let rows: Vec<Value> = (0..60_000).map(|n| json!({"_step": n, "loss": 0.1, "text": "z".repeat(80)})).collect();
    ta.stream_history(TEAM, "fusion", "first", 0, &rows).is(200);
    assert_eq!(count(ta, "fusion", "first"), 60_000);
    for bad in [json!({"config": "[]"}), json!({"config": "{"}), json!({ "summaryMetrics": bomb })] {
        assert_eq!(ta.upsert_run(TEAM, "fusion", "first", bad.clone()).status, 400);
    }
    assert_eq!(ta.upsert_run(TEAM, "fusion", "first", json!({"state": "exploded"})).status, 400);
}

/// Filters are bounded and touch nothing they should not.
#[test]
fn hostile_filters_are_refused() {
    let world = world();
    let query = "query($f: JSONString, $o: String, $n: Int) { project(entityName: \"acme\", name: \"fusion\") {
        runCount(filters: $f) runs(filters: $f, order: $o, first: $n) { edges { node { id } } } } }";
    let ta = &world.team_admin.client;
    let nested = format!("{}{{}}{}", "{\"$and\":[".repeat(2_000), "]}".repeat(2_000));
    let many = json!({"$or": vec![json!({"name": "x"}); 5_000]}).to_string();
    let regex = json!({"name": {"$regex": "(a{1000}){1000}"}}).to_string();
    for filter in [nested.as_str(), &many, &regex, "{\"$where\": \"sleep(1)\"}", "{\"password\": 1}", "[]", "{"] {
        ta.refused(400, query, json!({ "f": filter }));
    }
    ta.refused(400, query, json!({"o": "-secret"}));
    ta.refused(400, query, json!({"n": -1}));
    // A slow expression is none here: matching is linear.
    ta.upsert_run(TEAM, "fusion", "first", json!({"notes": "a".repeat(8_000)})).is(200);
    let began = std::time::Instant::now();
    ta.data(query, json!({"f": json!({"notes": {"$regex": "^(a+)+$x"}}).to_string()}));
    assert!(began.elapsed().as_secs() < 5);
}

/// Claims of a person's own client about whom it works for mean nothing, whoever is named.
#[test]
fn a_person_submits_for_nobody_else() {
    let world = world();
    for header in ["x-wandb-username", "x-wandb-user-email"] {
        let value = if header.ends_with("name") { "tess" } else { "tess@example.com" };
        let run = format!("by-{header}");
        world.member.client.upsert_run_as(TEAM, "fusion", &run, &[(header, value)]).is(200);
        assert_eq!(world.member.client.run_data(TEAM, "fusion", &run)["user"]["username"], "mia");
    }
    let long = "x".repeat(4_000);
    world.service.upsert_run_as(TEAM, "fusion", "long", &[("x-wandb-username", &long)]).is(200);
    assert_eq!(world.member.client.run_data(TEAM, "fusion", "long")["user"]["username"], "service-nightly");
}

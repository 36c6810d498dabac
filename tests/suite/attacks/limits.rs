//! What eats the machine: nesting on a small stack, slow clients, answers that grow, names that are long.

use super::{is_refused, raw, statuses};
use crate::harness::{PATIENCE, Server, Setup, World, world::TEAM};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// Kanidm 1.10.0: nesting without bound was a stack overflow without a credential. With threads of a quarter of the usual
/// stack, the deepest that is let through still fits.
#[test]
fn nesting_is_bounded_before_it_meets_the_stack() {
    let server = Server::start(Setup::default().env("RUST_MIN_STACK", "524288"));
    let root = server.person("root", "admin");
    let wrap = |open: &str, close: &str, n: usize, inner: &str| format!("{}{inner}{}", open.repeat(n), close.repeat(n));
    let chain: String = (0..400).map(|n| format!("fragment f{n} on Query {{ ...f{} }} ", n + 1)).collect();
    let value = |n: usize| wrap("[", "]", n, "1");
    let object = |n: usize| wrap("{a:", "}", n, "1");
    let mut documents: Vec<(String, String)> = vec![];
    for n in [10, 19, 25, 50, 59, 100, 1_000, 10_000] {
        documents.push((format!("selections {n}"), wrap("{ viewer ", "}", n, "{ id }")));
        documents.push((format!("inline fragments {n}"), wrap("{ ... on Query ", "}", n, "{ viewer { id } }")));
        documents.push((format!("list value {n}"), format!("{{ user(userName: {}) {{ id }} }}", value(n))));
        documents.push((format!("object value {n}"), format!("{{ user(userName: {}) {{ id }} }}", object(n))));
        documents
            .push((format!("list type {n}"), format!("query($a: {}) {{ viewer {{ id }} }}", wrap("[", "]", n, "Int"))));
        documents.push((format!("default {n}"), format!("query($a: [Int] = {}) {{ viewer {{ id }} }}", value(n))));
        documents.push((format!("open only {n}"), "{".repeat(n)));
        documents.push((format!("brackets {n}"), "([{".repeat(n / 3)));
        documents.push((format!("directives {n}"), format!("{{ viewer {} {{ id }} }}", "@skip(if: false) ".repeat(n))));
    }
    documents
        .push(("fragment chain".into(), format!("{{ ...f0 }} {chain} fragment f400 on Query {{ viewer {{ id }} }}")));
    for (what, document) in &documents {
        let reply = root.client.graphql(document, json!({}));
        assert!(matches!(reply.status, 200 | 400 | 413), "{what}: {reply:?}");
    }
    for n in [100, 127, 200, 5_000, 200_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = wrap(open, close, n, "1");
            for body in [
                deep.clone(),
                format!("{{\"query\":\"{{ viewer {{ id }} }}\",\"variables\":{{\"a\":{deep}}}}}"),
                format!("{{\"query\":\"{{ viewer {{ id }} }}\",\"extensions\":{deep}}}"),
            ] {
                let kind = [("content-type", "application/json")];
                let reply = root.client.send("POST", "/graphql", &kind, Some(body.as_bytes()));
                assert!(matches!(reply.status, 200 | 400 | 413), "{n}: {reply:?}");
            }
        }
    }
    root.client.data("{ viewer { id } }", json!({}));
}

/// A document that asks for much through few words: aliases, fragments that double, lists in lists.
#[test]
fn a_small_document_cannot_ask_for_everything_many_times() {
    let world = World::new();
    let fields = "id name members { id name email username role } organization { name }";
    let aliases: String = (0..900).map(|n| format!("a{n}: entity(name: \"acme\") {{ {fields} }} ")).collect();
    let doubling: String = (0..24)
        .map(|n| {
            format!(
                "fragment f{n} on Query {{ a{n}: viewer {{ id }} ...f{m} b{n}: viewer {{ id }} ...f{m} }} ",
                m = n + 1
            )
        })
        .collect();
    let lists = "{ users { edges { node { teams { edges { node { members { name } } } } apiKeys { edges { node { id } } } } } } }";
    let deep = "{ viewer { teams { edges { node { members { id } organization { orgEntity { members { id } organization { orgEntity { members { id } } } } } } } } } }";
    let mutations: String = (0..200)
        .map(|n| format!("m{n}: createUser(input: {{email: \"m{n}@example.com\"}}) {{ user {{ id }} }} "))
        .collect();
    let same = format!("{{ viewer {{ {} }} }}", "id ".repeat(7_000));
    let operations: String = (0..1_500).map(|n| format!("query q{n} {{ ...f }} ")).collect();
    let shared = format!("{operations} fragment f on Query {{ viewer {{ {} }} }}", "id ".repeat(1_000));
    let variables: String = (0..1_500).map(|n| format!("$v{n}: Int ")).collect();
    let big = format!("{{ viewer {{ id }} }} # {}", "x".repeat(100_000));
    let from = Instant::now();
    for (what, document) in [
        ("aliases", format!("{{ {aliases} }}")),
        ("doubling fragments", format!("{{ ...f0 }} {doubling} fragment f24 on Query {{ viewer {{ id }} }}")),
        ("lists in lists", lists.to_owned()),
        ("mutations", format!("mutation {{ {mutations} }}")),
        ("long document", big),
    ] {
        let reply = world.admin.client.graphql(&document, json!({}));
        is_refused(what, &reply);
        reply.message();
    }
    for (what, document) in [
        ("lists through lists", deep.to_owned()),
        ("one field many times", same),
        ("many operations on one fragment", shared),
        ("many variables that nobody uses", format!("query({variables}) {{ viewer {{ id }} }}")),
    ] {
        let begun = Instant::now();
        let reply = world.admin.client.graphql(&document, json!({}));
        assert!(matches!(reply.status, 200 | 400), "{what}: {reply:?}");
        assert!(begun.elapsed() < PATIENCE / 3, "{what}: {:?}", begun.elapsed());
    }
    assert!(from.elapsed() < PATIENCE, "refusing is quick");
    let people = world.admin.client.data("{ users { edges { node { username } } } }", json!({}));
    assert!(!people.to_string().contains("\"m0\""), "none of a request that is over its bounds is done");
    // Many variables, and one that is large: taken or refused, never a failure.
    let many: serde_json::Map<String, Value> = (0..20_000).map(|n| (format!("v{n}"), json!(n))).collect();
    assert!(world.member.client.graphql("{ viewer { id } }", Value::Object(many)).status < 500);
    let long = "x".repeat(900_000);
    for document in [
        "query($s: String!) { user(userName: $s) { id } }",
        "query($s: String!) { entity(name: $s) { id } }",
        "query($s: String) { users(query: $s) { edges { node { id } } } }",
        "query($s: String) { models(after: $s) { edges { node { id } } } }",
        "query($s: String) { project(name: $s) { id } }",
    ] {
        let reply = world.admin.client.graphql(document, json!({"s": long}));
        assert!(reply.status < 500, "{document}: {}", reply.status);
        assert!(reply.body.len() < 10_000, "{document}: the answer repeats what was sent");
    }
}

/// Cursors and page sizes are text of strangers: whatever they hold, the answer is a page or a refusal.
#[test]
fn cursors_of_strangers_are_pages_or_refusals() {
    let world = World::new();
    for n in 0..5 {
        world.team_admin.client.upsert_project(TEAM, &format!("p{n}"), None).is(200);
    }
    let page = "query($a: String, $n: Int) { models(entityName: \"acme\", after: $a, first: $n) {
        edges { cursor node { name } } pageInfo { endCursor hasNextPage } } }";
    let first = world.member.client.data(page, json!({"n": 2}));
    let cursor = first["models"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    for after in [
        "",
        "x",
        "%00",
        "AAAA",
        "////",
        "\u{0}",
        "ä",
        &"A".repeat(5_000),
        &cursor[1..],
        &format!("{cursor}AA"),
        &cursor.to_uppercase(),
    ] {
        for n in [-1, 0, 1, 1_000, 1_001, i32::MAX, i32::MIN] {
            for client in [&world.member.client, &world.outsider.client, &world.service] {
                let reply = client.graphql(page, json!({"a": after, "n": n}));
                assert!(matches!(reply.status, 200 | 400 | 404), "{after:?} {n}: {reply:?}");
            }
        }
    }
    // Another list's cursor does not open another list.
    let of_teams = world.admin.client.data("{ teams { edges { cursor } } }", json!({}));
    let foreign = of_teams["teams"]["edges"][0]["cursor"].clone();
    let reply = world.member.client.graphql(page, json!({"a": foreign, "n": 10}));
    assert!(matches!(reply.status, 200 | 400), "{reply:?}");
}

/// Slow-loris: a head that never ends holds nobody else up, and is given up on.
#[test]
fn a_head_that_never_ends_is_given_up_on() {
    let server = Server::plain();
    let mut slow: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut tcp = TcpStream::connect(server.address()).unwrap();
            tcp.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
            tcp.set_read_timeout(Some(PATIENCE)).unwrap();
            tcp
        })
        .collect();
    server.anonymous().get("/ready").is(200);
    for tcp in &mut slow {
        // An answer or an end comes by itself; nothing more is sent.
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).expect("the server gives up first");
        assert!(answer.is_empty() || statuses(&answer) == [408], "{answer}");
    }
    // A connection that only opened is no threat to the others either.
    let idle: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    assert_eq!(statuses(&raw(&server, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 1)), [200]);
    drop(idle);
}

//! What comes in malformed, oversized, deeply nested, wrongly typed or all at once gets a clear 4xx in the surface's
//! own format and changes nothing; the server is as well afterwards as before.

use crate::harness::world::TEAM;
use crate::harness::{Client, PASSWORD, PATIENCE, Reply, Server, Setup, World};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};

const JSON: (&str, &str) = ("content-type", "application/json");
const CREATE: &str = "mutation($email: String!) { createUser(input: {email: $email}) { user { id username email } } }";
const SEARCH: &str = "query($query: String) { users(query: $query) { edges { node { username email name } } } }";

fn people(client: &Client) -> Value {
    client.data(SEARCH, json!({"query": "example.com"}))["users"].clone()
}

/// A 4xx with a non-empty `errors` array, and never a word about our insides.
fn graphql_refusal(what: &str, reply: &Reply) {
    assert!((400..500).contains(&reply.status), "{what}: {reply:?}");
    let body = reply.json();
    let message = body["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("{what}: {reply:?}"));
    assert!(!message.is_empty(), "{what}: {reply:?}");
    for inside in ["panicked", "src/", ".rs:", "redb", "unwrap", "RUST_BACKTRACE"] {
        assert!(!reply.body.contains(inside), "{what}: {reply:?}");
    }
}

#[test]
fn malformed_graphql_is_a_clear_4xx_and_changes_nothing() {
    let server = Server::plain();
    let root = server.person("root", "admin");
    let before = people(&root.client);
    let deep = format!("{{ viewer {{ teams {} }}", "{ edges { node { name ".repeat(500));
    let nested = format!("{}{}", "{ viewer ".repeat(300), "}".repeat(300));
    let lists = format!(
        r#"{{"query":"{{ viewer {{ id }} }}","variables":{{"a":{}{}}}}}"#,
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let aliases: String = (0..5000).map(|n| format!("a{n}: viewer {{ id }} ")).collect();
    let fragments = "query { ...a } fragment a on Query { ...b } fragment b on Query { ...a }";
    let many: String = (0..2000).map(|n| format!("query q{n} {{ viewer {{ id }} }} ")).collect();
    let q = |query: &str| json!({ "query": query }).to_string();
    let bodies: Vec<(&str, String)> = vec![
        ("empty", String::new()),
        ("not JSON", "{".into()),
        ("a string", "\"{ viewer { id } }\"".into()),
        ("a number", "42".into()),
        ("null", "null".into()),
        ("an empty list", "[]".into()),
        ("no query", "{}".into()),
        ("query null", r#"{"query":null}"#.into()),
        ("query a number", r#"{"query":42}"#.into()),
        ("query empty", q("")),
        ("variables a list", r#"{"query":"{ viewer { id } }","variables":[1]}"#.into()),
        ("variables a string", r#"{"query":"{ viewer { id } }","variables":"x"}"#.into()),
        ("operation name a number", r#"{"query":"{ viewer { id } }","operationName":7}"#.into()),
        ("unknown operation name", r#"{"query":"query a { viewer { id } }","operationName":"b"}"#.into()),
        ("broken document", q("{ viewer { id ")),
        ("unknown field", q("{ viewer { id secretColumn } }")),
        ("unknown mutation", q("mutation { dropEverything { ok } }")),
        ("subscription", q("subscription { viewer { id } }")),
        ("missing variable", q(CREATE)),
        ("wrong type", json!({"query": CREATE, "variables": {"email": 42}}).to_string()),
        ("wrong shape", json!({"query": CREATE, "variables": {"email": {"a": "b"}}}).to_string()),
        ("null for required", json!({"query": CREATE, "variables": {"email": null}}).to_string()),
        (
            "a list for one",
            json!({"query": CREATE, "variables": {"email": ["a@example.com", "b@example.com"]}}).to_string(),
        ),
        ("deep and cut off", q(&deep)),
        ("deep", q(&nested)),
        ("nested lists", lists),
        ("thousands of aliases", q(&format!("{{ {aliases} }}"))),
        ("circular fragments", q(fragments)),
        ("several operations, none named", q(&many)),
        ("control characters", q("{ viewer { id\u{0} } }")),
        ("lone surrogate", r#"{"query":"{ viewer { id } } # \ud800"}"#.into()),
        (
            "duplicate arguments",
            q("mutation { createUser(input: {email: \"a@example.com\", email: \"b@example.com\"}) { user { id } } }"),
        ),
    ];
    for (what, body) in &bodies {
        let reply = root.client.send("POST", "/graphql", &[JSON], Some(body.as_bytes()));
        graphql_refusal(what, &reply);
    }
    let invalid_utf8 = [b"{\"query\":\"".as_slice(), &[0xff, 0xfe, 0xc0], b"\"}"].concat();
    graphql_refusal("not UTF-8", &root.client.send("POST", "/graphql", &[JSON], Some(&invalid_utf8)));
    let fine = q("{ viewer { id } }");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/html", "nonsense"] {
        let reply = root.client.send("POST", "/graphql", &[("content-type", kind)], Some(fine.as_bytes()));
        graphql_refusal(kind, &reply);
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        let reply = root.client.send(method, "/graphql", &[JSON], Some(fine.as_bytes()));
        graphql_refusal(method, &reply);
    }
    let by_get =
        "/graphql?query=mutation%7BcreateUser(input%3A%7Bemail%3A%22get%40example.com%22%7D)%7Buser%7Bid%7D%7D%7D";
    assert!((400..500).contains(&root.client.get(by_get).status), "no mutation by GET");
    assert_eq!(people(&root.client), before, "nothing changed");
}

#[test]
fn oversized_bodies_are_refused_before_they_are_read() {
    let server = Server::plain();
    let root = server.person("root", "admin");
    let before = people(&root.client);
    let huge = json!({"query": "{ viewer { id } }", "pad": "x".repeat(20 << 20)}).to_string();
    graphql_refusal("20 MB", &root.client.send("POST", "/graphql", &[JSON], Some(huge.as_bytes())).is(413));
    // Announced only: the answer comes without the body.
    let mut tcp = TcpStream::connect(server.address()).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(tcp, "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n").unwrap();
    write!(tcp, "Content-Length: 99999999999\r\n\r\n").unwrap();
    let mut first = [0; 12];
    tcp.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
    // In chunks without end: answered at the limit, while the client still sends.
    let mut tcp = TcpStream::connect(server.address()).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(tcp, "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n").unwrap();
    write!(tcp, "Transfer-Encoding: chunked\r\n\r\n").unwrap();
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
    for _ in 0..64 {
        tcp.write_all(chunk.as_bytes()).unwrap();
    }
    let mut first = [0; 12];
    tcp.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("username={}&password=x", "a".repeat(3 << 20));
    let reply = server.anonymous().send("POST", "/login", &form, Some(body.as_bytes()));
    assert!((400..500).contains(&reply.status), "{reply:?}");
    assert_eq!(people(&root.client), before);
}

#[test]
fn broken_http_hurts_nobody() {
    let server = Server::plain();
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200_000));
    let header = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(5_000));
    let requests: Vec<&[u8]> = vec![
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"G\0T / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        long.as_bytes(),
        header.as_bytes(),
        many.as_bytes(),
    ];
    for request in requests {
        let mut tcp = TcpStream::connect(server.address()).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = tcp.write_all(request);
        let _ = tcp.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = tcp.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let shown = String::from_utf8_lossy(&request[..request.len().min(60)]);
        assert!(!answer.starts_with("HTTP/1.1 5"), "{shown:?}: {answer}");
    }
    server.anonymous().get("/healthz").is(200);
}

/// Names, addresses and ids that break a rule are refused with the rule; text that only looks odd is taken as text.
#[test]
fn values_that_break_a_rule_are_refused_with_the_rule() {
    let world = World::new();
    let admin = &world.admin.client;
    let before = people(admin);
    let long = format!("{}@example.com", "a".repeat(5_000));
    for email in
        ["", " ", "x", "@", "a@", "@b", "a b@example.com", "a@b@c", "a\nb@example.com", "a\u{0}@example.com", &long]
    {
        graphql_refusal(email, &admin.graphql(CREATE, json!({"email": email})));
    }
    let long = "t".repeat(300);
    for team in ["", " ", "a b", "a/b", "..", ".", "ä", "a\u{0}b", "<script>", "root", "ROOT", "acme", "Acme", &long] {
        graphql_refusal(team, &admin.create_team(team, None));
    }
    // Words that are addresses of our own cannot be teams, or their pages could not be reached.
    for word in
        ["login", "logout", "setup", "graphql", "admin", "assets", "healthz", "metrics", "scim", "console", "authorize"]
    {
        graphql_refusal(word, &admin.create_team(word, None));
    }
    let ta = &world.team_admin.client;
    let long = "p".repeat(300);
    for project in ["", " ", "a/b", "a\u{0}b", "..", &long] {
        graphql_refusal(project, &ta.upsert_project(TEAM, project, None));
    }
    graphql_refusal("access", &ta.upsert_project(TEAM, "fusion", Some("EVERYTHING")));
    for id in [
        "",
        "x",
        "VXNlcjo=",
        "VXNlcjo5OTk5OTk5",
        "VXNlcjotMQ==",
        "VXNlcjoxODQ0Njc0NDA3MzcwOTU1MTYxNg==",
        "RW50aXR5OjE=",
        "1",
    ] {
        graphql_refusal(id, &ta.remove_member(TEAM, id));
    }
    graphql_refusal("unknown team", &admin.team("no-such-team"));
    assert_eq!(people(admin), before);
    assert_eq!(ta.project_names(TEAM), Vec::<String>::new());

    // Markup in a person's name is only a name; the page shows it as text.
    let email = "markup@example.com";
    let name = "<img src=x onerror=alert(1)>";
    world.server.cli(&["user", "create", email, "--name", name]).ok();
    let browser = world.anonymous.fresh();
    browser.sign_in("root", PASSWORD).is(303);
    for path in ["/console/users", "/console/users/markup", "/console/audit"] {
        let page = browser.page(path).is(200);
        assert!(!page.body.contains("<img src=x"), "{path}");
    }
}

#[test]
fn odd_addresses_and_forms_are_clear_4xx() {
    let world = World::new();
    let browser = world.anonymous.fresh();
    browser.sign_in("root", PASSWORD).is(303);
    for path in [
        "/no-such-team",
        "/acme/no-such-project",
        "/console/users/no-such-person",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/../Cargo.toml",
        "/assets/nothing.css",
        "//",
        "/a//b",
        "/console/users?page=-1",
        "/console/users?page=99999999999999999999",
        "/console/audit?before=nonsense",
        "/console/audit?actor=%00",
        "/%00",
        "/console/why?action=nonsense&subject=%00",
    ] {
        let reply = browser.page(path);
        assert!(reply.status < 500, "{path}: {reply:?}");
        assert!(!reply.body.contains("root:x:"), "{path}");
    }
    let reply = browser.page("/no-such-team");
    assert_eq!(reply.status, 404);
    assert!(reply.header("content-type").unwrap().starts_with("text/html"), "{reply:?}");
    // Forms with fields missing, doubled, or too many.
    let form = world.anonymous.fresh().page("/login").body;
    assert!(form.contains("username"));
    for fields in
        [vec![], vec![("username", "root")], vec![("password", "x")], vec![("username", "a"), ("username", "b")]]
    {
        let fields: Vec<(String, String)> = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let reply = world.anonymous.fresh().post_form("/login", &fields);
        assert!((400..500).contains(&reply.status), "{fields:?}: {reply:?}");
    }
    for query in [
        "limit=-1",
        "limit=abc",
        "limit=999999999",
        "startDate=yesterday",
        "numDays=-3",
        "cursor=%00",
        "endDate=2020-99-99",
    ] {
        let reply = world.admin.client.get(&format!("/admin/audit_logs?{query}"));
        assert!((400..500).contains(&reply.status), "{query}: {reply:?}");
        assert!(reply.json()["error"].as_str().is_some_and(|e| e.len() > 8), "{reply:?}");
    }
}

/// The same thing done by many at once happens once.
#[test]
fn f001_a_name_is_given_once_however_many_ask() {
    let server = Server::plain();
    let root = server.person("root", "admin");
    let at_once = |act: &(dyn Fn(&Client) -> Reply + Sync)| -> Vec<Reply> {
        let barrier = Arc::new(Barrier::new(16));
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|_| {
                    let barrier = Arc::clone(&barrier);
                    let client = root.client.clone();
                    scope.spawn(move || {
                        barrier.wait();
                        act(&client)
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        })
    };
    let won = |replies: &[Reply]| replies.iter().filter(|r| r.status == 200).count();
    let replies = at_once(&|client| client.graphql(CREATE, json!({"email": "twin@example.com"})));
    assert_eq!(won(&replies), 1, "{replies:?}");
    replies.iter().filter(|r| r.status != 200).for_each(|r| graphql_refusal("twin", r));
    let replies = at_once(&|client| client.create_team("twins", None));
    assert_eq!(won(&replies), 1, "{replies:?}");
    assert_eq!(people(&root.client)["edges"].as_array().unwrap().len(), 2);
    server.person("mia", "member");
    let replies = at_once(&|client| client.invite("twins", "mia", false));
    assert!(won(&replies) >= 1, "{replies:?}");
    let members = root.client.members("twins");
    assert_eq!(members.iter().filter(|m| m["username"] == "mia").count(), 1, "{members:?}");
}

/// A crowd of half-open and idle connections does not keep others out.
#[test]
fn idle_connections_do_not_keep_others_out() {
    let server = Server::start(Setup::default());
    let crowd: Vec<TcpStream> = (0..300)
        .map(|n| {
            let mut tcp = TcpStream::connect(server.address()).unwrap();
            if n % 2 == 0 {
                tcp.write_all(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{").unwrap();
            }
            tcp
        })
        .collect();
    server.anonymous().get("/ready").is(200);
    drop(crowd);
}

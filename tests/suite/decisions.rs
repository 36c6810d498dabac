//! The decision point for other services, from outside: AuthZEN 1.0 with its own words, what it answers to questions that
//! cannot be read, and that it says what enforcement does. The random worlds are in the crate's own tests
//! (`ops::discover`); forward auth and nginx are in `forward_auth`.

use crate::harness::world::TEAM;
use crate::harness::{Client, Reply, World};
use serde_json::{Value, json};

fn furnish(world: &World) {
    let ta = &world.team_admin.client;
    for (name, access) in
        [("fusion", "PRIVATE"), ("atlas", "USER_READ"), ("square", "USER_WRITE"), ("vault", "RESTRICTED")]
    {
        ta.upsert_project(TEAM, name, Some(access)).is(200);
    }
}

pub fn question(subject: &str, action: &str, kind: &str, id: &str) -> Value {
    json!({
        "subject": {"type": "user", "id": subject},
        "action": {"name": action},
        "resource": {"type": kind, "id": id},
        "options": {"reason_chain": true},
    })
}

fn ask(client: &Client, subject: &str, action: &str, kind: &str, id: &str) -> Value {
    client.post_json("/access/v1/evaluation", &question(subject, action, kind, id)).is(200).json()
}

fn search(client: &Client, what: &str, mut body: Value, limit: u64) -> Vec<Value> {
    let (mut out, mut token) = (vec![], String::new());
    loop {
        body["page"] = json!({"limit": limit, "token": token});
        let reply = client.post_json(&format!("/access/v1/search/{what}"), &body).is(200).json();
        let results = reply["results"].as_array().unwrap();
        assert!(results.len() as u64 <= limit, "{reply}");
        assert_eq!(reply["page"]["count"], results.len());
        out.extend(results.iter().cloned());
        let next = reply["page"]["next_token"].as_str().unwrap().to_owned();
        if next.is_empty() {
            return out;
        }
        assert_ne!(next, token);
        token = next;
    }
}

fn ids(results: &[Value]) -> Vec<String> {
    let mut ids: Vec<String> = results.iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn an_evaluation_says_what_enforcement_does_and_why() {
    let world = World::new();
    furnish(&world);
    let root = &world.admin.client;
    for person in [&world.admin, &world.team_admin, &world.member, &world.viewer, &world.outsider] {
        for project in ["fusion", "atlas", "square", "vault"] {
            let id = format!("{TEAM}/{project}");
            let said = ask(root, &person.username, "project:read", "project", &id);
            assert_eq!(said["decision"], person.client.reads(TEAM, project), "{} {project}: {said}", person.username);
            // The settling sentence, its rule, and the whole chain that ends in it; as `explain` has it.
            let chain = said["context"]["chain"].as_array().unwrap();
            let last = chain.last().unwrap();
            assert_eq!(
                (&last["text"], &last["rule"]),
                (&said["context"]["reason"], &said["context"]["rule"]),
                "{said}"
            );
            let path = format!("/access/v1/explain?subject={}&action=project:read&resource={id}", person.username);
            assert_eq!(root.get(&path).is(200).json()["chain"], said["context"]["chain"]);
            let mut short = question(&person.username, "project:read", "project", &id);
            short.as_object_mut().unwrap().remove("options");
            let short = root.post_json("/access/v1/evaluation", &short).is(200).json();
            assert!(short["context"]["chain"].is_null(), "{short}");
            assert_eq!(
                (&short["decision"], &short["context"]["reason"]),
                (&said["decision"], &said["context"]["reason"])
            );
            // About oneself the decision is the same, and hidden is absent.
            let own = ask(&person.client, &person.username, "project:read", "project", &id);
            assert_eq!(own["decision"], said["decision"]);
            if own != said {
                let absent = ask(&person.client, &person.username, "project:read", "project", "acme/nothing");
                assert_eq!(own["context"]["rule"], "existence");
                assert_eq!(
                    own.to_string().replace(&id, ""),
                    absent.to_string().replace("acme/nothing", ""),
                    "hidden and absent differ"
                );
            }
        }
    }
    // A subject by address and by id; every kind of resource.
    let id = world.member.id.as_str();
    for subject in ["mia", "MIA", "mia@example.com", id] {
        assert_eq!(ask(root, subject, "team:read", "team", TEAM)["decision"], true, "{subject}");
    }
    assert_eq!(ask(root, "root", "user:create", "organization", "")["decision"], true);
    assert_eq!(ask(root, "root", "user:create", "organization", "default")["decision"], true);
    assert_eq!(ask(root, "root", "user:create", "organization", "other")["decision"], false);
    assert_eq!(ask(root, "mia", "user:update", "user", "mia")["decision"], true);
    assert_eq!(ask(root, "mia", "user:update", "user", "root")["decision"], false);
    assert_eq!(ask(root, "mia", "project:create", "team", "mia")["decision"], true, "the own namespace");
    assert_eq!(ask(root, "service-nightly", "run:create", "project", "acme/fusion")["decision"], true);
    // Who is gone, was never there, or is deactivated, may nothing.
    assert_eq!(ask(root, "dora", "project:read", "project", "acme/atlas")["decision"], false);
    assert_eq!(ask(root, "nobody", "project:read", "project", "acme/atlas")["decision"], false);
    assert_eq!(ask(root, "", "project:read", "project", "acme/atlas")["decision"], false);
}

/// CVE-2026-15630 Casdoor, GHSA-fq2p-5p22-8g6j Gitea: who may ask is settled before anything is said.
#[test]
fn others_are_asked_about_only_with_the_permission() {
    let world = World::new();
    furnish(&world);
    let about = |subject: &str| question(subject, "project:read", "project", "acme/atlas");
    for person in [&world.team_admin, &world.member, &world.viewer, &world.outsider] {
        person.client.post_json("/access/v1/evaluation", &about(&person.username)).is(200);
        for subject in ["root", "nobody", "dora", "VXNlcjox"] {
            let reply = person.client.post_json("/access/v1/evaluation", &about(subject)).is(403);
            let absent = person.client.post_json("/access/v1/evaluation", &about("nobody")).is(403);
            assert_eq!(reply.json()["error"], absent.json()["error"], "who exists is not told");
            let many = json!({"evaluations": [about(&person.username), about(subject)]});
            let reply = person.client.post_json("/access/v1/evaluations", &many).is(403);
            assert!(!reply.body.contains("decision\":"), "no part of the answer: {}", reply.body);
            person.client.post_json("/access/v1/search/resource", &about(subject)).is(403);
            person.client.post_json("/access/v1/search/action", &about(subject)).is(403);
        }
        person.client.post_json("/access/v1/search/subject", &about(&person.username)).is(403);
    }
    world.service.post_json("/access/v1/evaluation", &about("mia")).is(403);
    world.deactivated.client.post_json("/access/v1/evaluation", &about("dora")).is(401);
    // The key that only reads may ask, as its owner may: asking changes nothing.
    crate::permissions::read_only(&world, "root").post_json("/access/v1/evaluation", &about("mia")).is(200);
    // A browser's session is no key.
    let browser = crate::permissions::browser(&world, &world.admin);
    browser.post_json("/access/v1/evaluation", &about("mia")).is(401);
}

#[test]
fn many_questions_take_defaults_and_stop_where_they_should() {
    let world = World::new();
    furnish(&world);
    let root = &world.admin.client;
    let resources =
        ["fusion", "vault", "atlas"].map(|p| json!({"resource": {"type": "project", "id": format!("{TEAM}/{p}")}}));
    let mut body = json!({
        "subject": {"type": "user", "id": "mia"},
        "action": {"name": "project:read"},
        "context": {"time": "2026-01-01T00:00:00Z"},
        "evaluations": resources,
    });
    let mut decided = |semantic: Option<&str>| -> Vec<bool> {
        if let Some(semantic) = semantic {
            body["options"] = json!({"evaluations_semantic": semantic, "another_option": 1});
        }
        let said = root.post_json("/access/v1/evaluations", &body).is(200).json();
        assert!(said["decision"].is_null());
        said["evaluations"].as_array().unwrap().iter().map(|e| e["decision"].as_bool().unwrap()).collect()
    };
    assert_eq!(decided(None), [true, false, true]);
    assert_eq!(decided(Some("execute_all")), [true, false, true]);
    assert_eq!(decided(Some("deny_on_first_deny")), [true, false]);
    assert_eq!(decided(Some("permit_on_first_permit")), [true]);
    // An element's own keys go before the common ones; each element is what the single question says.
    body["options"] = json!({"reason_chain": true});
    body["evaluations"] = json!([
        {"resource": {"type": "project", "id": "acme/vault"}, "subject": {"type": "user", "id": "tess"}},
        {"resource": {"type": "team", "id": "acme"}, "action": {"name": "team:read"}},
        question("otto", "run:create", "project", "acme/square"),
        question("otto", "run:create", "project", "acme/fusion"),
        question("nobody", "run:create", "project", "acme/fusion"),
    ]);
    let said = root.post_json("/access/v1/evaluations", &body).is(200).json();
    for (n, single) in [
        question("tess", "project:read", "project", "acme/vault"),
        question("mia", "team:read", "team", "acme"),
        question("otto", "run:create", "project", "acme/square"),
        question("otto", "run:create", "project", "acme/fusion"),
        question("nobody", "run:create", "project", "acme/fusion"),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(said["evaluations"][n], root.post_json("/access/v1/evaluation", single).is(200).json());
    }
    // Without a list it is the single evaluation.
    let single = question("mia", "project:read", "project", "acme/fusion");
    let mut empty = single.clone();
    empty["evaluations"] = json!([]);
    for body in [&single, &empty] {
        assert_eq!(root.post_json("/access/v1/evaluations", body).is(200).json()["decision"], true);
    }
    let thousand: Vec<Value> = (0..1_000).map(|_| json!({})).collect();
    let mut body = single.clone();
    body["evaluations"] = json!(thousand);
    let said = root.post_json("/access/v1/evaluations", &body).is(200).json();
    assert_eq!(said["evaluations"].as_array().unwrap().len(), 1_000);
    body["evaluations"] = json!(vec![json!({}); 1_001]);
    assert!(root.post_json("/access/v1/evaluations", &body).is(400).body.contains("1000"));
}

/// CVE-2021-32637 Authelia: what cannot be read is never answered yes.
#[test]
fn the_decision_point_fails_closed_on_malformed_input() {
    let world = World::new();
    furnish(&world);
    let root = &world.admin.client;
    let good = question("root", "organization:read", "organization", "").to_string();
    let json_type = [("content-type", "application/json")];
    let paths = ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"];
    let post = |path: &str, headers: &[(&str, &str)], body: &[u8]| -> Reply {
        root.send("POST", &format!("/access/v1/{path}"), headers, Some(body))
    };
    for path in paths {
        assert_eq!(post(path, &json_type, good.as_bytes()).status, 200, "{path}");
        assert_eq!(post(path, &[("content-type", "application/json; charset=utf-8")], good.as_bytes()).status, 200);
        for headers in
            [&[][..], &[("content-type", "text/plain")], &[("content-type", "application/x-www-form-urlencoded")]]
        {
            assert_eq!(post(path, headers, good.as_bytes()).status, 400, "{path} {headers:?}");
        }
        assert_eq!(root.get(&format!("/access/v1/{path}")).status, 404 + 1, "{path}");
    }
    let subject = r#""subject":{"type":"user","id":"root"}"#;
    let action = r#""action":{"name":"organization:read"}"#;
    let resource = r#""resource":{"type":"organization","id":""}"#;
    let of = |parts: &[&str]| format!("{{{}}}", parts.join(","));
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let mut bad: Vec<String> =
        ["", " ", "{", "null", "[]", "\"x\"", "1", "{}", "{}{}", "[{\"subject\":1}]"].map(str::to_owned).to_vec();
    bad.extend([
        of(&[action, resource, r#""subject":"root""#]),
        of(&[action, resource, r#""subject":null"#]),
        of(&[action, resource, r#""subject":["user","root"]"#]),
        of(&[action, resource, r#""subject":{"type":"user","id":1}"#]),
        of(&[action, resource, r#""subject":{"type":"user","id":null}"#]),
        of(&[action, resource, r#""subject":{"type":"user","id":["root"]}"#]),
        of(&[action, resource, r#""subject":{"type":"group","id":"root"}"#]),
        of(&[action, resource, r#""subject":{"type":"User","id":"root"}"#]),
        of(&[action, resource, r#""subject":{"id":"root"}"#]),
        of(&[action, resource, r#""subject":{"type":"user","id":"mia","id":"root"}"#]),
        of(&[action, resource, r#""subject":{"type":"user","id":"root","properties":[]}"#]),
        of(&[action, resource, subject, subject]),
        of(&[action, resource, subject, r#""context":[]"#]),
        of(&[action, resource, subject, r#""context":"x""#]),
        of(&[action, resource, subject]) + "x",
    ]);
    for body in &bad {
        for path in ["evaluation", "evaluations"] {
            let reply = post(path, &json_type, body.as_bytes()).is(400);
            assert!(reply.json()["error"].as_str().unwrap().len() > 10, "a sentence: {}", reply.body);
            assert!(!reply.body.contains("decision\":"), "{body}: {}", reply.body);
        }
    }
    for (path, body) in [
        ("evaluation", of(&[subject, resource])),
        ("evaluation", of(&[subject, action])),
        ("evaluation", of(&[subject, resource, r#""action":{"name":"fly"}"#])),
        ("evaluation", of(&[subject, resource, r#""action":{"name":"Organization:Read"}"#])),
        ("evaluation", of(&[subject, resource, r#""action":"organization:read""#])),
        ("evaluation", of(&[subject, action, r#""resource":{"type":"planet","id":""}"#])),
        ("evaluation", of(&[subject, action, r#""resource":{"type":"organization"}"#])),
        ("evaluations", of(&[subject, action, resource, r#""evaluations":{}"#])),
        ("evaluations", of(&[subject, action, resource, r#""evaluations":null"#])),
        ("evaluations", of(&[subject, action, resource, r#""evaluations":[1]"#])),
        ("evaluations", of(&[subject, action, resource, r#""evaluations":[[]]"#])),
        ("evaluations", of(&[subject, action, resource, r#""evaluations":[{"subject":null}]"#])),
        ("evaluations", of(&[subject, action, resource, r#""evaluations":[{}],"options":[]"#])),
        (
            "evaluations",
            of(&[subject, action, resource, r#""evaluations":[{}],"options":{"evaluations_semantic":"any"}"#]),
        ),
        ("evaluations", of(&[subject, action, resource, r#""evaluations":[{}],"options":{"evaluations_semantic":1}"#])),
        ("search/resource", of(&[subject, action, resource, r#""page":{"limit":-1}"#])),
        ("search/resource", of(&[subject, action, resource, r#""page":{"limit":1.5}"#])),
        ("search/resource", of(&[subject, action, resource, r#""page":{"limit":"1"}"#])),
        ("search/resource", of(&[subject, action, resource, r#""page":{"token":"x"}"#])),
        ("search/resource", of(&[subject, action, resource, r#""page":{"token":1}"#])),
        ("search/subject", of(&[r#""subject":{"type":"team"}"#, action, resource])),
        ("search/subject", of(&[subject, action])),
        ("search/action", of(&[subject])),
    ] {
        let reply = post(path, &json_type, body.as_bytes());
        assert_eq!(reply.status, 400, "{path} {body}: {}", reply.body);
    }
    // Which of many is wrong is said, and none is answered.
    let many = of(&[subject, action, &format!("\"evaluations\":[{{{resource}}},{{}}]")]);
    let reply = post("evaluations", &json_type, many.as_bytes()).is(400);
    assert!(reply.body.contains("evaluations[1]") && !reply.body.contains("decision\":"), "{}", reply.body);
    let huge = of(&[subject, action, resource, &format!("\"context\":{{\"a\":\"{}\"}}", "x".repeat(1_100_000))]);
    assert_eq!(post("evaluation", &json_type, huge.as_bytes()).status, 413);
    assert_eq!(post("evaluation", &json_type, b"{\"subject\":\"\xff\xfe\"}").status, 400);
    // What nobody has to understand is ignored, as the specification says.
    let extra = of(&[subject, action, resource, r#""future":[1,{"subject":2}]"#, r#""context":{"a":[null]}"#]);
    // However deep it is: what is ignored is not built.
    let deep = of(&[action, resource, subject, &format!("\"context\":{{\"a\":{deep}}}")]);
    for ignored in [extra, deep] {
        assert_eq!(post("evaluation", &json_type, ignored.as_bytes()).is(200).json()["decision"], true);
    }
    // Texts that are no names are nobody's.
    for odd in ["a\u{0}b", "../acme/fusion", "acme//fusion", "acme/fusion/", "/", "%61cme/fusion", &"x".repeat(5_000)] {
        for (subject, id) in [("root", odd), (odd, "acme/fusion")] {
            assert_eq!(ask(root, subject, "project:read", "project", id)["decision"], false, "{odd:?}");
        }
    }
    let anonymous = world.anonymous.post_json("/access/v1/evaluation", &json!({"subject": 1})).is(401);
    assert!(anonymous.header("www-authenticate").is_some());
}

/// CVE-2023-40579 OpenFGA, CVE-2024-38361 SpiceDB, CVE-2026-14615 Keycloak: a list that holds what a check refuses.
#[test]
fn every_search_result_is_an_evaluation_that_says_yes() {
    let world = World::new();
    furnish(&world);
    let root = &world.admin.client;
    world.member.client.upsert_project("mia", "notes", Some("PRIVATE")).is(200);
    world.outsider.client.upsert_project("otto", "shared", Some("USER_WRITE")).is(200);
    let people = ["root", "tess", "mia", "vera", "otto", "dora", "service-nightly"];
    let projects = ["acme/fusion", "acme/atlas", "acme/square", "acme/vault", "mia/notes", "otto/shared"];
    for action in ["project:read", "run:create", "project:update_visibility", "project:delete"] {
        let allowed = |who: &str, project: &str| ask(root, who, action, "project", project)["decision"] == true;
        for who in people {
            let body = json!({"subject": {"type": "user", "id": who}, "action": {"name": action}, "resource": {"type": "project"}});
            let mut expected: Vec<String> =
                projects.iter().filter(|p| allowed(who, p)).map(|p| (*p).to_owned()).collect();
            expected.sort();
            for limit in [1, 2, 100] {
                assert_eq!(ids(&search(root, "resource", body.clone(), limit)), expected, "{who} {action} {limit}");
            }
        }
        for project in projects {
            let body = json!({"subject": {"type": "user"}, "action": {"name": action}, "resource": {"type": "project", "id": project}});
            let mut expected: Vec<String> =
                people.iter().filter(|w| allowed(w, project)).map(|w| (*w).to_owned()).collect();
            expected.sort();
            for limit in [1, 100] {
                assert_eq!(ids(&search(root, "subject", body.clone(), limit)), expected, "{project} {action} {limit}");
            }
        }
    }
    // What somebody may do here; nothing where the thing is hidden.
    let actions = |client: &Client, who: &str, project: &str, limit| -> Vec<String> {
        let body = json!({"subject": {"type": "user", "id": who}, "resource": {"type": "project", "id": project}});
        let found = search(client, "action", body, limit);
        found.iter().map(|a| a["name"].as_str().unwrap().to_owned()).collect()
    };
    let of_mia = actions(root, "mia", "acme/fusion", 100);
    assert!(of_mia.iter().any(|a| a == "run:create") && !of_mia.iter().any(|a| a == "project:delete"), "{of_mia:?}");
    assert_eq!(of_mia, actions(root, "mia", "acme/fusion", 3));
    assert_eq!(of_mia, actions(&world.member.client, "mia", "acme/fusion", 100));
    for hidden in ["acme/fusion", "acme/nothing"] {
        assert_eq!(actions(&world.outsider.client, "otto", hidden, 100), [] as [&str; 0]);
    }
    // A token is for the search it came from.
    let body = |who: &str| json!({"subject": {"type": "user", "id": who}, "action": {"name": "project:read"}, "resource": {"type": "project"}, "page": {"limit": 1}});
    let first = root.post_json("/access/v1/search/resource", &body("mia")).is(200).json();
    let mut other = body("otto");
    other["page"]["token"] = first["page"]["next_token"].clone();
    root.post_json("/access/v1/search/resource", &other).is(400);
}

#[test]
fn the_metadata_names_the_endpoints_and_a_request_id_comes_back() {
    let world = World::new();
    let metadata = world.anonymous.get("/.well-known/authzen-configuration").is(200);
    assert_eq!(metadata.header("content-type"), Some("application/json"));
    let metadata = metadata.json();
    assert_eq!(metadata["policy_decision_point"], world.server.url);
    let body = question("root", "organization:read", "organization", "");
    for (name, url) in metadata.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint")) {
        let path = url.as_str().unwrap().strip_prefix(&world.server.url).unwrap();
        let send = |client: &Client, body: &Value| {
            let headers = [("content-type", "application/json"), ("x-request-id", "bfe9eb29 \"x\"; a=1")];
            client.send("POST", path, &headers, Some(body.to_string().as_bytes()))
        };
        for reply in [
            send(&world.admin.client, &body).is(200),
            send(&world.admin.client, &json!([])).is(400),
            send(&world.anonymous, &body).is(401),
        ] {
            assert_eq!(reply.header("x-request-id"), Some("bfe9eb29 \"x\"; a=1"), "{name}");
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{name}: a decision is for now");
        }
        let own = world.admin.client.post_json(path, &body).is(200);
        assert!(own.header("x-request-id").unwrap().contains('-'), "without one, ours");
    }
}

//! The audit log: every change and every denial, once, with who, from where and why; as W&B's API gives it and on its
//! page. Readable by instance administrators only.

use crate::harness::world::TEAM;
use crate::harness::{PASSWORD, Server, Setup, World};
use serde_json::{Value, json};

const KEYS: &[&str] = &[
    "action",
    "actor_email",
    "actor_ip",
    "actor_user_id",
    "artifact_asset",
    "artifact_digest",
    "artifact_qualified_name",
    "artifact_sequence_asset",
    "cli_version",
    "entity_asset",
    "entity_name",
    "project_asset",
    "project_name",
    "report_asset",
    "report_name",
    "response_code",
    "timestamp",
    "user_asset",
    "user_email",
];

/// Every entry, newest or oldest first as the server pleases.
fn stream(world: &World) -> Vec<Value> {
    let reply = world.admin.client.get("/admin/audit_logs").is(200);
    reply.body.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

fn actions<'a>(entries: &'a [Value], action: &str) -> Vec<&'a Value> {
    entries.iter().filter(|e| e["action"] == action).collect()
}

#[test]
fn every_change_is_there_in_the_documented_shape() {
    let world = World::new();
    world.team_admin.client.upsert_project(TEAM, "fusion", Some("PRIVATE")).is(200);
    let entries = stream(&world);
    for entry in &entries {
        let keys: Vec<&String> = entry.as_object().unwrap().keys().collect();
        for key in &keys {
            assert!(KEYS.contains(&key.as_str()), "{key} is not one of W&B's: {entry}");
        }
        assert!(entry["action"].as_str().unwrap().contains(':'), "{entry}");
        let at = entry["timestamp"].as_str().unwrap();
        assert!(at.ends_with('Z') && at.len() >= 20, "{entry}");
        assert!(entry["response_code"].is_number(), "{entry}");
    }
    assert_eq!(actions(&entries, "user:create").len(), 6, "six people: {entries:#?}");
    let teams = actions(&entries, "team:create");
    assert_eq!(teams.len(), 1, "{teams:?}");
    assert_eq!((&teams[0]["entity_name"], &teams[0]["actor_email"]), (&json!("acme"), &json!("root@example.com")));
    assert_eq!(teams[0]["actor_ip"], "127.0.0.1");
    let invites = actions(&entries, "team:invite_user");
    assert_eq!(invites.len(), 3, "{invites:?}");
    assert!(invites.iter().all(|e| e["actor_email"] == "tess@example.com" && e["entity_name"] == "acme"));
    assert!(invites.iter().any(|e| e["user_email"] == "mia@example.com"), "{invites:?}");
    assert_eq!(actions(&entries, "team:create_service_account").len(), 1);
    assert_eq!(actions(&entries, "user:deactivate").len(), 1);
    let projects = actions(&entries, "project:create");
    assert_eq!(projects.len(), 1, "{projects:?}");
    assert_eq!((&projects[0]["project_name"], &projects[0]["entity_name"]), (&json!("fusion"), &json!("acme")));
    assert!(!actions(&entries, "user:login").is_empty(), "signing in is there");
}

#[test]
fn every_denial_is_there_once_a_minute_and_nothing_else_changed() {
    let world = World::new();
    let before = stream(&world).len();
    for _ in 0..5 {
        world.member.client.invite(TEAM, "otto", true).is(403);
    }
    world.outsider.client.create_team("mine", None).is(403);
    let entries = stream(&world);
    let denied: Vec<_> = entries.iter().filter(|e| e["response_code"] == 403 || e["response_code"] == 404).collect();
    let mine: Vec<_> = denied.iter().filter(|e| e["actor_email"] == "mia@example.com").collect();
    assert!((1..=2).contains(&mine.len()), "coalesced by the minute: {mine:#?}");
    assert_eq!(mine[0]["action"], "team:invite_user");
    assert!(
        denied.iter().any(|e| e["actor_email"] == "otto@example.com" && e["action"] == "team:create"),
        "{denied:#?}"
    );
    assert!(entries.len() <= before + 4, "nothing else was written");
    // A failed sign-in is there too, without the password.
    world.anonymous.fresh().sign_in("mia", "a-wrong-password-3");
    let reply = world.admin.client.get("/admin/audit_logs").is(200);
    assert!(!reply.body.contains("a-wrong-password-3"));
    let entries = stream(&world);
    let failed = entries.iter().filter(|e| e["action"] == "user:login" && e["response_code"] == 401);
    assert_eq!(failed.count(), 1, "{entries:#?}");
}

#[test]
fn only_instance_admins_read_it() {
    let world = World::new();
    for (who, client) in world.everyone() {
        let reply = client.get("/admin/audit_logs");
        match who {
            "admin" => assert_eq!(reply.status, 200),
            "anonymous" | "deactivated" => assert_eq!(reply.status, 401, "{who}: {reply:?}"),
            _ => {
                assert_eq!(reply.status, 403, "{who}: {reply:?}");
                assert!(!reply.body.contains("root@example.com"), "{who}: {reply:?}");
            }
        }
    }
    let browser = world.anonymous.fresh();
    browser.sign_in("mia", PASSWORD).is(303);
    assert_eq!(browser.page("/console/audit").status, 403);
}

#[test]
fn it_is_given_in_pages_and_without_names_on_request() {
    let world = World::new();
    let client = &world.admin.client;
    let all = stream(&world);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for _ in 0..100 {
        let page = client.get(&format!("/admin/audit_logs?limit=5{cursor}")).is(200).json();
        for key in ["audit_logs", "range_start_time", "range_end_time", "count", "next_cursor"] {
            assert!(page.get(key).is_some(), "{key}: {page}");
        }
        let entries = page["audit_logs"].as_array().unwrap();
        assert_eq!(page["count"], entries.len());
        assert!(entries.len() <= 5);
        seen.extend(entries.iter().cloned());
        match page["next_cursor"].as_str().filter(|c| !c.is_empty()) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(seen.len() >= all.len(), "{} of {}", seen.len(), all.len());
    for entry in &all {
        assert!(seen.contains(entry), "{entry}");
    }
    let bare = client.get("/admin/audit_logs?anonymize=true").is(200).body;
    assert!(!bare.contains("@example.com") && !bare.contains("127.0.0.1"), "{bare}");
    client.get("/admin/audit_logs?limit=20001").is(400);
    client.get("/admin/audit_logs?numDays=1&endDate=2030-01-01").is(400);
}

#[test]
fn the_address_comes_from_a_named_proxy_only() {
    for (trusted, expected) in [(false, "127.0.0.1"), (true, "203.0.113.7")] {
        let mut setup = Setup::default();
        if trusted {
            setup = setup.arg("--behind-proxy").arg("127.0.0.0/8");
        }
        let server = Server::start(setup);
        let root = server.person("root", "admin");
        let body = json!({"query": "mutation { createUser(input: {email: \"x@example.com\"}) { user { id } } }"});
        let headers = [("content-type", "application/json"), ("x-forwarded-for", "198.51.100.1, 203.0.113.7")];
        root.client.send("POST", "/graphql", &headers, Some(body.to_string().as_bytes())).is(200);
        let log = root.client.get("/admin/audit_logs").is(200).body;
        let made = log.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
        let made = made.into_iter().find(|e| e["user_email"] == "x@example.com").unwrap();
        assert_eq!(made["actor_ip"], expected, "{made}");
    }
}

/// The page finds by person, action and outcome, and each event has a permanent link.
#[test]
fn the_page_searches() {
    let world = World::new();
    world.member.client.invite(TEAM, "otto", true).is(403);
    let browser = world.anonymous.fresh();
    browser.sign_in("root", PASSWORD).is(303);
    let page = browser.page("/console/audit").is(200);
    for word in ["tess", "acme", "mia"] {
        assert!(page.text().contains(word), "{word}: {}", page.text());
    }
    let forms = crate::harness::html::forms(&page.body);
    let search = forms.iter().find(|f| f.method != "post").unwrap_or_else(|| panic!("no search among {forms:?}"));
    assert!(!search.names.is_empty(), "{search:?}");
}

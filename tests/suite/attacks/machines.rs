//! Keys and tokens of machines, narrow ones above all: what they are kept from on one surface, they must not get on another.

use crate::harness::{Client, World, world::TEAM};
use crate::permissions::browser;
use serde_json::{Value, json};

const GENERATE: &str =
    "mutation($i: GenerateApiKeyInput) { generateApiKey(input: $i) { apiKey { id name scope networks expiresAt } } }";

/// A key of whoever `client` is, as it is asked for.
fn generate(client: &Client, asked: Value) -> Value {
    client.data(GENERATE, json!({ "i": asked }))["generateApiKey"]["apiKey"].clone()
}

fn key(world: &World, made: &Value) -> Client {
    world.anonymous.key(made["name"].as_str().unwrap_or_else(|| panic!("no key in {made}")))
}

/// CVE-2024-4006 GitLab, CVE-2026-70396 Gitea: the scope of a token was asked on one surface and forgotten on another. Even the
/// key of an administrator reaches nothing outside of its place.
#[test]
fn a_narrow_key_is_narrow_on_every_surface() {
    let world = World::new();
    let root = &world.admin.client;
    let tess = &world.team_admin.client;
    for (team, project) in [(TEAM, "fusion"), (TEAM, "beside"), ("other", "secret")] {
        if team == "other" {
            root.create_team(team, None).is(200);
        }
        let by = if team == "other" { root } else { tess };
        by.upsert_project(team, project, None).is(200);
    }
    root.invite(TEAM, "root", true).is(200);
    root.submit_run("other", "secret", "first");
    for place in ["acme", "acme/fusion"] {
        let narrow = key(&world, &generate(root, json!({ "place": place })));
        assert!(narrow.reads(TEAM, "fusion"), "{place}");
        let beside = place == "acme";
        assert_eq!(narrow.reads(TEAM, "beside"), beside, "{place}");
        narrow.submit_run(TEAM, "fusion", &format!("by-{}", place.len()));
        let refused = |what: &str, reply: crate::harness::Reply| {
            assert!(matches!(reply.status, 401 | 403 | 404), "{place}: {what}: {reply:?}");
        };
        // GraphQL, reading and changing.
        assert!(!narrow.reads("other", "secret"));
        refused("another team's run", narrow.run("other", "secret", "first"));
        for query in [
            "{ users(query: \"m\") { edges { node { username email } } } }",
            "mutation { createUser(input: {email: \"x@example.com\", admin: true}) { user { id } } }",
            "mutation { createTeam(input: {teamName: \"mine\"}) { entity { id } } }",
            "mutation { generateApiKey { apiKey { id } } }",
            "mutation { createInvite(input: {entityName: \"other\", username: \"otto\", admin: true}) { invite { id } } }",
            "mutation { upsertModel(input: {entityName: \"other\", name: \"new\"}) { project { id } } }",
            "mutation { upsertModel(input: {entityName: \"root\", name: \"new\"}) { project { id } } }",
            "mutation { createServiceAccount(input: {entityName: \"other\", description: \"x\"}) { user { id } } }",
        ] {
            refused(query, narrow.graphql(query, json!({})));
        }
        // A machine of its own team would come with a key that reaches further.
        refused("a machine", narrow.create_service_account(TEAM, "x"));
        refused("submitting", narrow.upsert_run("other", "secret", "mine", json!({})));
        // What a running script streams and sends.
        let chunk = json!({"files": {"wandb-history.jsonl": {"offset": 0, "content": ["{\"_step\":0}"]}}});
        refused("a stream", narrow.post_json("/files/other/secret/first/file_stream", &chunk));
        refused("files", narrow.ask_files("other", "secret", "first", &["a"]));
        // SCIM, REST, the decision point, the proxies' door.
        for path in ["/scim/Users", "/scim/v2/Groups", "/scim/v2/Roles", "/admin/audit_logs"] {
            refused(path, narrow.get(path));
        }
        refused("SCIM", narrow.post_json("/scim/Users", &json!({"userName": "x", "emails": [{"value": "x@e.x"}]})));
        for question in ["action=user:create&resource=", "action=project:read&resource=other/secret"] {
            refused(question, narrow.get(&format!("/access/v1/forward-auth?{question}")));
        }
        let about = |action: &str, kind: &str, id: &str| json!({ "subject": {"type": "user", "id": "root"}, "action": {"name": action}, "resource": {"type": kind, "id": id} });
        let searched = narrow.post_json("/access/v1/search/resource", &about("project:read", "project", "")).is(200);
        assert!(searched.body.contains("acme/fusion") && !searched.body.contains("secret"), "{searched:?}");
        assert_eq!(searched.body.contains("beside"), beside, "{searched:?}");
        for question in [about("user:create", "organization", ""), about("project:read", "project", "other/secret")] {
            let answer = narrow.post_json("/access/v1/evaluation", &question).is(200).json();
            assert_eq!(answer["decision"], false, "{answer}");
        }
        refused(
            "everybody",
            narrow.post_json("/access/v1/search/subject", &about("project:read", "project", "acme/fusion")),
        );
        let explained = narrow.get("/access/v1/explain?subject=root&action=project:read&resource=other/secret");
        assert!(explained.status != 200 || explained.json()["allowed"] == false, "{explained:?}");
        // No page takes it.
        assert_eq!(narrow.page("/console/users").status, 303);
    }
}

/// A key that counts in one network until Friday is stolen there, and makes one that counts everywhere for good.
#[test]
fn a_key_makes_no_key_that_is_accepted_elsewhere_or_later() {
    let world = World::new();
    let tess = &world.team_admin.client;
    let ends = "2036-01-01T00:00:00Z";
    let made = generate(tess, json!({"networks": ["127.0.0.0/8"], "expiresAt": ends}));
    let narrow = key(&world, &made);
    for wider in [
        json!({"networks": ["0.0.0.0/0"]}),
        json!({"networks": ["127.0.0.1", "192.0.2.0/24"]}),
        json!({"expiresAt": "2037-01-01T00:00:00Z"}),
    ] {
        narrow.refused(403, GENERATE, json!({ "i": wider }));
    }
    for asked in [json!({}), json!({"networks": ["127.0.0.1"]})] {
        let made = generate(&narrow, asked);
        let networks = made["networks"].as_array().unwrap();
        assert!(networks.len() == 1 && networks[0].as_str().unwrap().starts_with("127.0.0."), "{made}");
        assert!(made["expiresAt"].as_str().is_some_and(|at| at.starts_with("2036-01-01")), "{made}");
    }
    // The first key of a machine as well.
    narrow.create_service_account(TEAM, "made by a narrow key").is(200);
    let page = browser(&world, &world.team_admin);
    let keys = page.page("/console/users/service-made-by-a-narrow-key/credentials").is(200).text();
    assert!(keys.contains("from 127.0.0.0/8"), "{keys}");
}

/// CVE-2026-1529 Keycloak's class, for runs: a machine says for whom it works, in every way a header can be written.
#[test]
fn a_machine_speaks_for_members_of_its_team_only_however_it_writes_their_names() {
    let world = World::new();
    world.team_admin.client.upsert_project(TEAM, "fusion", None).is(200);
    let machine = world.service.data("{ viewer { username } }", json!({}))["viewer"]["username"].clone();
    let machine = machine.as_str().unwrap().to_owned();
    let long = "m".repeat(5_000);
    let id = world.member.id.as_str();
    let mut n = 0;
    let mut whose = |headers: &[(&str, &str)]| {
        n += 1;
        let run = format!("run-{n}");
        world.service.upsert_run_as(TEAM, "fusion", &run, headers).is(200);
        let found = world.team_admin.client.run_data(TEAM, "fusion", &run)["user"]["username"].clone();
        found.as_str().unwrap().to_owned()
    };
    for name in ["mia", "MIA", " mia ", "mia@example.com", "Mia@Example.COM"] {
        assert_eq!(whose(&[("x-wandb-username", name)]), "mia", "{name}");
        assert_eq!(whose(&[("x-wandb-user-email", name)]), "mia", "{name}");
    }
    for name in [
        // Outside of the team, not active, above it, a machine.
        "otto",
        "dora",
        "root",
        "root@example.com",
        &machine,
        "service-nightly",
        "mia,tess",
        "mia;tess",
        "=?utf-8?q?mia?=",
        "m%69a",
        "mia@example.com, tess@example.com",
        "<mia@example.com>",
        "\"mia\"",
        "m\u{ef}a",
        id,
        "*",
        &long,
    ] {
        assert_eq!(whose(&[("x-wandb-username", name)]), machine, "{name}");
        assert_eq!(whose(&[("x-wandb-user-email", name)]), machine, "{name}");
    }
    // The name goes before the address, also where it is nobody's.
    assert_eq!(whose(&[("x-wandb-username", "otto"), ("x-wandb-user-email", "mia@example.com")]), machine);
    // People speak for themselves.
    world.member.client.upsert_run_as(TEAM, "fusion", "own", &[("x-wandb-username", "tess")]).is(200);
    assert_eq!(world.member.client.run_data(TEAM, "fusion", "own")["user"]["username"], "mia");
}

//! Service accounts and keys as people and machines meet them: the pages, the wire, and the real SDK with a machine's key. The
//! rules themselves are settled in process (`src/ops/tests/machines.rs`, `keys.rs`); here one server answers for all surfaces.

use crate::harness::sdk::Sdk;
use crate::harness::world::TEAM;
use crate::harness::{Client, Reply, World};
use crate::permissions::browser;
use serde_json::{Value, json};

const WIDE: &str = "/org/dashboard/service-accounts";

/// The secret that a page shows once.
fn key_of(page: &Reply) -> String {
    let words = page.text();
    let mut found = words.split_whitespace().filter(|w| w.len() == 40 && w.bytes().all(|b| b.is_ascii_alphanumeric()));
    found.next().unwrap_or_else(|| panic!("no key in {words}")).to_owned()
}

fn viewer(client: &Client) -> Value {
    client.data("{ viewer { username email entity accountType } }", json!({}))["viewer"].clone()
}

fn is_dead(client: &Client) {
    assert_eq!(client.graphql("{ viewer { id } }", json!({})).status, 401);
}

struct Stage {
    world: World,
    root: Client,
    tess: Client,
    mia: Client,
}

impl Stage {
    fn new() -> Stage {
        let world = World::new();
        let [root, tess, mia] = [&world.admin, &world.team_admin, &world.member].map(|p| browser(&world, p));
        // A second team, of otto, and a closed project.
        world.admin.client.create_team("other", Some("otto")).is(200);
        world.team_admin.client.upsert_project(TEAM, "fusion", None).is(200);
        world.team_admin.client.upsert_project(TEAM, "vault", Some("RESTRICTED")).is(200);
        Stage { world, root, tess, mia }
    }

    fn client(&self, key: &str) -> Client {
        self.world.anonymous.key(key)
    }
}

#[test]
fn f100_to_f120_service_accounts_on_pages_and_on_the_wire() {
    let stage = Stage::new();
    let Stage { world, root, tess, mia } = &stage;
    accounts_of_the_organization(&stage);
    // F113, F114: the team's own tab is its admins'.
    let tab = format!("/{TEAM}/service-accounts");
    assert_eq!(mia.page(&tab).status, 403);
    assert!(!mia.page(&format!("/{TEAM}")).text().contains("Service accounts"), "no tab that leads to a refusal");
    assert_eq!(browser(world, &world.outsider).page(&tab).status, 404);
    assert_eq!(root.page(&tab).status, 200);
    let made = tess.submit(&tab, "/service-accounts", &[("about", "nightly training"), ("method", "key")]).is(200);
    let machine = stage.client(&key_of(&made));
    let name = viewer(&machine)["username"].as_str().unwrap().to_owned();
    assert_eq!(viewer(&machine)["email"], Value::Null, "else the client hides whom it is for");
    assert!(!tess.page(&tab).text().contains(&key_of(&made)), "shown once");
    // F089: a federated one has a subject and no key.
    let subject = [("about", "pod"), ("method", "federated"), ("subject", "system:serviceaccount:train:runner")];
    assert_eq!(tess.submit(&tab, "/service-accounts", &subject).status, 303);
    let page = tess.page("/console/users/service-pod/credentials").is(200);
    assert!(!page.body.contains("users/service-pod/key\""), "no form for a key");
    let again = tess.submit(&tab, "/service-accounts", &subject);
    assert_eq!(again.status, 409, "{}", again.text());
    assert!(
        tess.submit(&tab, "/service-accounts", &[("about", "x"), ("method", "federated")]).text().contains("subject")
    );

    // F115–F117: without a team it submits to its own, for a member of it and for nobody else.
    let submit = |client: &Client, run: &str, headers: &[(&str, &str)]| {
        client.upsert_run_as("", "fusion", run, headers).is(200).json()["data"]["upsertBucket"]["bucket"].clone()
    };
    let bucket =
        submit(&machine, "for-mia", &[("x-wandb-username", "mia"), ("x-wandb-user-email", "vera@example.com")]);
    assert_eq!(bucket["project"]["entity"]["name"], TEAM, "{bucket}");
    assert_eq!(mia.fresh().key(&world.member.key).run_data(TEAM, "fusion", "for-mia")["user"]["username"], "mia");
    submit(&machine, "for-otto", &[("x-wandb-username", "otto")]);
    assert_eq!(world.member.client.run_data(TEAM, "fusion", "for-otto")["user"]["username"], name);
    let page = mia.page(&format!("/{TEAM}/fusion/runs/for-otto")).is(200).text();
    assert!(page.contains("otto, who was no active member"), "{page}");
    let page = mia.page(&format!("/{TEAM}/fusion/runs/for-mia")).is(200).text();
    assert!(page.contains("through") && page.contains(&name) && !page.contains("no active member"), "{page}");
    let log = root.page("/console/audit").is(200).text();
    assert!(log.contains("'otto' is no active member"), "what was ignored is in the log: {log}");

    // F118: nobody signs in as a machine, whatever is typed.
    assert_ne!(world.anonymous.fresh().sign_in(&name, &key_of(&made)).status, 303);
    // Its keys: another one, narrowed; the successor of the first; its end.
    let keys = format!("/console/users/{name}/credentials");
    assert_eq!(mia.page(&keys).status, 404);
    let narrow = [("name", "one project"), ("place", "acme/fusion"), ("reads_only", "on"), ("networks", "127.0.0.0/8")];
    let narrow = stage.client(&key_of(&tess.submit(&keys, "/key", &narrow).is(200)));
    assert!(narrow.reads(TEAM, "fusion"));
    narrow.upsert_run(TEAM, "fusion", "narrow", json!({})).is(403);
    let shown = tess.page(&keys).text();
    assert!(shown.contains("project acme/fusion, read-only, from 127.0.0.0/8"), "{shown}");
    let elsewhere = stage.client(&key_of(&tess.submit(&keys, "/key", &[("networks", "192.0.2.0/24")]).is(200)));
    assert!(elsewhere.refused(401, "{ viewer { id } }", json!({})).contains("from this address"));
    assert_eq!(tess.submit(&keys, "/key", &[("networks", "nonsense")]).status, 400);
    assert_eq!(tess.submit(&keys, "/key", &[("place", "nowhere")]).status, 404);
    let next = stage.client(&key_of(&tess.submit(&keys, "/replace-key", &[("overlap", "24")]).is(200)));
    assert_eq!(viewer(&next)["username"], name.as_str());
    assert_eq!(viewer(&machine)["username"], name.as_str(), "both work while they overlap");
    // F119: deleted, every key of it is dead at once.
    let page = format!("/console/users/{name}");
    assert_eq!(tess.submit(&page, "/rename", &[("name", "nightly runs")]).status, 303);
    assert_eq!(tess.submit(&page, "/delete", &[("sure", &name)]).status, 303);
    for gone in [&machine, &narrow, &next] {
        is_dead(gone);
    }
    assert!(!tess.page(&tab).text().contains("nightly runs"));
    the_organization_closes_keys(&stage);
}

#[test]
fn f109_f110_f111_f208_a_teams_machine_meets_every_visibility() {
    let Stage { world, tess, .. } = &Stage::new();
    let machine = &world.service;
    // Restricted, in its own team: nothing until an admin of the project lets it in.
    machine.upsert_run(TEAM, "vault", "first", json!({})).is(404);
    assert!(!machine.reads(TEAM, "vault"));
    let let_in = tess.submit(&format!("/{TEAM}/vault/access"), "/members", &[("who", "service-nightly")]);
    assert_eq!(let_in.status, 303, "{}", let_in.text());
    machine.upsert_run(TEAM, "vault", "first", json!({})).is(200);
    // Of another team: what is closed is absent, what is public is read, what is open takes runs.
    let otto = &world.outsider.client;
    for (name, access) in [("kept", "PRIVATE"), ("shut", "RESTRICTED"), ("seen", "USER_READ"), ("square", "USER_WRITE")]
    {
        otto.upsert_project("other", name, Some(access)).is(200);
    }
    for closed in ["kept", "shut"] {
        machine.upsert_run("other", closed, "first", json!({})).is(404);
        assert!(!machine.reads("other", closed), "{closed}");
    }
    assert!(machine.reads("other", "seen"));
    machine.upsert_run("other", "seen", "first", json!({})).is(403);
    machine.upsert_run("other", "square", "first", json!({})).is(200);
}

/// F100, F102, F107, F232, F235: made by an organization admin with a default team; by SCIM they provision, elsewhere not.
fn accounts_of_the_organization(stage: &Stage) {
    let Stage { world, root, tess, mia } = stage;
    for other in [tess, mia] {
        assert_eq!(other.page(WIDE).status, 403);
    }
    assert_eq!(root.submit(WIDE, WIDE, &[("about", "deploy")]).status, 400, "the default team is missing");
    assert_eq!(root.submit(WIDE, WIDE, &[("about", "deploy"), ("team", "nowhere")]).status, 400);
    let made = root.submit(WIDE, WIDE, &[("about", "deploy"), ("team", TEAM)]).is(200);
    let key = key_of(&made);
    let wide = stage.client(&key);
    assert_eq!(viewer(&wide)["entity"], TEAM);
    let teams = wide.data("{ viewer { teams { edges { node { name } } } } }", json!({}));
    assert_eq!(teams["viewer"]["teams"]["edges"].as_array().unwrap().len(), 2, "{teams}");
    wide.submit_run("other", "made", "first");
    wide.upsert_run(TEAM, "vault", "first", json!({})).is(404);
    // F104: until an admin of the project lets it in.
    let access = format!("/{TEAM}/vault/access");
    assert_eq!(
        tess.submit(&access, "/members", &[("who", "service-deploy")]).status,
        303,
        "{}",
        tess.page(&access).text()
    );
    wide.upsert_run(TEAM, "vault", "first", json!({})).is(200);
    for client in [world.anonymous.basic("", &key), world.anonymous.bearer(&key), wide.clone()] {
        client.get("/scim/Users").is(200);
    }
    let new = json!({"userName": "new@example.com", "emails": [{"value": "new@example.com", "primary": true}]});
    wide.post_json("/scim/Users", &new).is(201);
    wide.post_json("/scim/Groups", &json!({"displayName": "fresh"})).is(201);
    wide.submit_run("fresh", "made", "first");
    world.service.get("/scim/Users").is(403);
    let create = "mutation { createUser(input: {email: \"x@example.com\"}) { user { id } } }";
    wide.refused(403, create, json!({}));
    // The default team is what it was given, until it gets another one; then the first may go.
    let page = "/console/users/service-deploy";
    assert_eq!(root.submit(page, "/default-team", &[("team", "other")]).status, 303);
    assert_eq!(viewer(&wide)["entity"], "other");
    assert!(root.page(WIDE).text().contains("service-deploy"));
}

/// The organization's switch, and the report of keys that lie unused.
fn the_organization_closes_keys(stage: &Stage) {
    let Stage { world, root, tess, mia } = stage;
    assert_eq!(tess.page("/console/keys").status, 403);
    assert!(root.page("/console/keys").is(200).text().contains("Every key is in use"));
    assert_eq!(root.submit("/console/keys", "/switch", &[("closed", "on")]).status, 303);
    let refused = mia.submit("/authorize", "/authorize", &[("name", "late")]);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("nobody have another API key"), "{}", refused.text());
    let generate = "mutation { generateApiKey { apiKey { id } } }";
    assert!(world.member.client.refused(403, generate, json!({})).contains("another API key"));
    assert_eq!(viewer(&world.member.client)["username"], "mia", "keys that are there stay");
    assert_eq!(root.submit("/console/keys", "/switch", &[("closed", "off")]).status, 303);
    let made = mia.submit("/authorize", "/authorize", &[("name", "late"), ("reads_only", "on")]).is(200);
    let reads = stage.client(&key_of(&made));
    assert!(reads.reads(TEAM, "fusion"));
    reads.refused(403, generate, json!({}));
    // By GraphQL a key is narrowed in the same words.
    let narrow = "mutation($place: String!) { generateApiKey(input: {description: \"ci\", place: $place,
        networks: [\"127.0.0.1\"]}) { apiKey { name scope networks } } }";
    let made = world.member.client.data(narrow, json!({"place": TEAM}))["generateApiKey"]["apiKey"].clone();
    assert_eq!((&made["scope"], &made["networks"]), (&json!("team"), &json!(["127.0.0.1/32"])));
    stage.client(made["name"].as_str().unwrap()).submit_run(TEAM, "fusion", "by-narrow");
    world.member.client.refused(404, narrow, json!({"place": "nowhere"}));
}

/// The client that people really use, unmodified, with the key of an account of the organization.
#[test]
fn f103_f105_f106_f116_the_sdk_with_a_machines_key() {
    if !Sdk::Newest.present() {
        return;
    }
    let stage = Stage::new();
    let made = stage.root.submit(WIDE, WIDE, &[("about", "deploy"), ("team", TEAM)]).is(200);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/sdk/machine.py");
    let (url, key) = (&stage.world.server.url, key_of(&made));
    let run = |task: Value, env: &[(&str, &str)]| {
        Sdk::Newest.run_in(url, &key, "python", &[script, &task.to_string()], None, env)
    };
    let plain = run(json!({"id": "sdk-default", "team": TEAM, "closed": "vault"}), &[("WANDB_USERNAME", "mia")]);
    plain.value("done");
    assert_eq!(plain.value("viewer"), &json!(["service-deploy", null, [TEAM, "other"]]));
    assert_eq!(plain.value("run"), &json!([TEAM, "train", "sdk-default"]));
    let mail = [("WANDB_ENTITY", "other"), ("WANDB_USER_EMAIL", "otto@example.com")];
    let named = run(json!({"id": "sdk-named"}), &mail);
    assert_eq!(named.value("run"), &json!(["other", "train", "sdk-named"]));
    let foreign = run(json!({"id": "sdk-foreign"}), &[("WANDB_ENTITY", "other"), ("WANDB_USERNAME", "mia")]);
    foreign.value("run");
    // Mia is in one of the two teams, and runs count as hers only there.
    let of =
        |team: &str, run: &str| stage.world.anonymous.key(&key_of(&made)).run_data(team, "train", run)["user"].clone();
    assert_eq!(of(TEAM, "sdk-default")["username"], "mia");
    assert_eq!(of("other", "sdk-named")["username"], "otto");
    assert_eq!(of("other", "sdk-foreign")["username"], "service-deploy");
    // F104, in the client's words.
    assert!(plain.error("closed").contains("acme/vault"), "{}", plain.error("closed"));
}

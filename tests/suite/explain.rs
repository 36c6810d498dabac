//! The decision explains itself, and the explanation is the decision: `bailiwick explain` says for everyone and
//! everything what the API then really does, and its last rule is the one in the audit event and the denial.

use crate::harness::world::TEAM;
use crate::harness::{Client, Reply, World};
use serde_json::Value;

fn explain(world: &World, subject: &str, action: &str, resource: &str) -> Value {
    let out =
        world.server.cli(&["explain", "--subject", subject, "--action", action, "--resource", resource, "--json"]);
    let said = out.json();
    assert!(said["allowed"].is_boolean() && said["visible"].is_boolean(), "{said}");
    let chain = said["chain"].as_array().unwrap();
    assert!(!chain.is_empty(), "no decision without a reason: {said}");
    for step in chain {
        assert!(!step["rule"].as_str().unwrap().is_empty(), "{said}");
        assert!(step["text"].as_str().unwrap().ends_with('.'), "sentences: {said}");
    }
    said
}

/// The status that a decision promises.
fn promised(said: &Value) -> u16 {
    match (said["allowed"].as_bool().unwrap(), said["visible"].as_bool().unwrap()) {
        (true, _) => 200,
        (false, true) => 403,
        (false, false) => 404,
    }
}

type Act = fn(&World, &Client, usize) -> Reply;

fn member_id(world: &World, username: &str) -> String {
    let row = world.admin.client.member_of(TEAM, username).unwrap();
    row["id"].as_str().unwrap().to_owned()
}

/// What can be asked both ways. Each act must be harmless when repeated by the next person.
const ASKED: &[(&str, &str, Act)] = &[
    ("team:read", "acme", |_, client, _| client.team(TEAM)),
    ("team:invite_user", "acme", |world, client, _| client.invite(TEAM, &world.viewer.username, false)),
    ("team:create_service_account", "acme", |_, client, n| client.create_service_account(TEAM, &format!("sa {n}"))),
    ("team:uninvite", "acme", |world, client, n| {
        // Somebody new each time, so that there is somebody to remove.
        let name = format!("guest{n}");
        world.server.person(&name, "member");
        world.team_admin.client.invite(TEAM, &name, false).is(200);
        client.remove_member(TEAM, &member_id(world, &name))
    }),
    ("project:create", "acme", |_, client, n| client.upsert_project(TEAM, &format!("made-{n}"), None)),
    ("project:read", "acme/open", |_, client, _| client.project(TEAM, "open")),
    ("project:read", "acme/public", |_, client, _| client.project(TEAM, "public")),
    ("project:read", "acme/team", |_, client, _| client.project(TEAM, "team")),
    ("project:read", "acme/restricted", |_, client, _| client.project(TEAM, "restricted")),
    ("project:update_visibility", "acme/team", |_, client, _| client.upsert_project(TEAM, "team", Some("PRIVATE"))),
];

#[test]
fn the_explanation_is_what_the_api_then_does() {
    let world = World::new();
    for (name, access) in
        [("open", "USER_WRITE"), ("public", "USER_READ"), ("team", "PRIVATE"), ("restricted", "RESTRICTED")]
    {
        world.team_admin.client.upsert_project(TEAM, name, Some(access)).is(200);
    }
    let people = [&world.admin, &world.team_admin, &world.member, &world.viewer, &world.outsider, &world.deactivated];
    let mut wrong = Vec::new();
    for (n, person) in people.into_iter().enumerate() {
        for (action, resource, act) in ASKED {
            let said = explain(&world, &person.username, action, resource);
            let reply = act(&world, &person.client, n);
            // A dead credential is refused before anything else is asked.
            let expected = if person.username == "dora" { 401 } else { promised(&said) };
            if person.username == "dora" {
                assert_eq!(said["allowed"], false, "{said}");
            }
            // Reading an absent thing may also be `null` without an error, which the client takes as absence.
            if reply.status != expected {
                wrong.push(format!(
                    "{} {action} {resource}: {said} but {} {}",
                    person.username, reply.status, reply.body
                ));
            }
            if matches!(expected, 403) {
                let last = said["chain"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap().to_owned();
                let sentence = reply.message();
                if !sentence.contains(last.trim_end_matches('.')) {
                    wrong
                        .push(format!("{} {action} {resource}: says {sentence:?}, explains {last:?}", person.username));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_last_rule_is_in_the_audit_event_and_on_the_page() {
    let world = World::new();
    world.team_admin.client.upsert_project(TEAM, "secret", Some("RESTRICTED")).is(200);
    let said = explain(&world, "mia", "team:invite_user", "acme");
    assert_eq!(said["allowed"], false);
    let last = said["chain"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap().to_owned();
    world.member.client.invite(TEAM, "otto", false).is(403);
    let browser = world.anonymous.fresh();
    browser.sign_in("root", crate::harness::PASSWORD).is(303);
    let page = browser.page("/console/audit").is(200).text();
    assert!(page.contains(last.trim_end_matches('.')), "{last:?} is on the audit page: {page}");
    let why = browser.page("/console/why?subject=mia&action=team:invite_user&resource=acme").is(200).text();
    for step in said["chain"].as_array().unwrap() {
        assert!(why.contains(step["text"].as_str().unwrap().trim_end_matches('.')), "{step} is on the page: {why}");
    }
}

#[test]
fn explain_refuses_what_does_not_exist() {
    let world = World::new();
    let ask = |subject: &str, action: &str, resource: &str| {
        world.server.cli(&["explain", "--subject", subject, "--action", action, "--resource", resource, "--json"])
    };
    for (subject, action, resource) in [
        ("nobody-here", "team:read", "acme"),
        ("mia", "team:fly", "acme"),
        ("mia", "nonsense", "acme"),
        ("mia", "team:read", "no-such-team"),
        ("mia", "project:read", "acme/no-such-project"),
    ] {
        let out = ask(subject, action, resource);
        assert!(out.code == 1 || out.code == 2, "{subject} {action} {resource}: {out:?}");
        out.failed_with_a_sentence();
    }
    // Without --json it is for people.
    let out = world.server.cli(&["explain", "--subject", "mia", "--action", "team:read", "--resource", "acme"]).ok();
    assert!(out.stdout.contains("mia"), "{out:?}");
}

impl crate::harness::Output {
    fn failed_with_a_sentence(self) {
        let code = self.code;
        self.failed(code);
    }
}

//! The real wandb SDK administers Bailiwick: the newest release and an old one, unmodified, with `wandb.Api` alone.
//! What the client swallows (a refused `create_team`, say) is checked on the wire beside it.

use crate::harness::sdk::{Ran, Sdk};
use crate::harness::{PASSWORD, Server, World, world::TEAM};
use serde_json::json;

fn administer(sdk: Sdk) -> Option<(Server, Ran, String)> {
    if !sdk.present() {
        return None;
    }
    let server = Server::plain();
    let admin = server.person("root", "admin");
    server.person("mia", "member");
    let task = json!({
        "team": "Vision", "project": "fusion", "email": "ana.lopez@example.com", "username": "ana-lopez",
        "admin_email": "boss@example.com", "invitee": "mia", "search": "example.com",
    });
    let ran = sdk.script(&server.url, &admin.key, "administer.py", &[&task.to_string()]);
    ran.value("done");
    assert_eq!(ran.value("version"), sdk.version());
    Some((server, ran, admin.key))
}

fn usernames(members: &serde_json::Value) -> Vec<&str> {
    members.as_array().unwrap().iter().map(|m| m["username"].as_str().unwrap_or("")).collect()
}

/// Everything the main job asks, in one run of each SDK.
fn the_main_job(sdk: Sdk) {
    let Some((server, ran, key)) = administer(sdk) else { return };
    let newest = sdk == Sdk::Newest;

    // F220, F221, F222
    assert_eq!(ran.value("viewer")["username"], "root");
    assert_eq!(ran.value("viewer")["email"], "root@example.com");
    assert_eq!(ran.value("default_entity"), "root");
    assert_eq!(ran.value("create_user")["email"], "ana.lopez@example.com");
    assert_eq!(ran.value("create_user")["username"], "ana-lopez");
    assert_eq!(ran.value("create_user")["admin"], false);
    assert_eq!(ran.value("create_admin")["admin"], true);
    let taken = ran.error("create_again");
    assert!(taken.contains("already") || !newest, "{taken}");
    assert_eq!(ran.value("user_by_email")["username"], "ana-lopez");
    assert_eq!(ran.value("user_by_name")["email"], "ana.lopez@example.com");
    assert!(ran.value("user_unknown").is_null());
    assert_eq!(ran.value("users_unknown"), &json!([]));
    for name in ["root", "mia", "ana-lopez", "boss"] {
        assert!(ran.value("users").as_array().unwrap().contains(&json!(name)), "{}", ran.value("users"));
    }
    assert_eq!(ran.value("teams_of_user"), &json!(["Vision"]));

    // F223, F224: the named user is the team's admin, the caller is not added.
    let members = ran.value("team")["members"].as_array().unwrap();
    assert_eq!(members.len(), 1, "{members:?}");
    assert_eq!((&members[0]["username"], &members[0]["admin"]), (&json!("ana-lopez"), &json!(true)));
    assert!(!ran.error("team_unknown").is_empty());

    // F225: repeated without loss of role; as admin by e-mail.
    assert_eq!(ran.value("invite"), true);
    ran.step("invite_again");
    assert_eq!(ran.value("invite_by_email_as_admin"), true);
    let unknown = ran.step("invite_unknown_user");
    assert!(unknown["value"] == false || unknown["error"].is_string(), "{unknown}");
    let members = ran.value("members");
    assert_eq!(usernames(members).len(), 3, "{members}");
    let find = |name: &str| members.as_array().unwrap().iter().find(|m| m["username"] == name).unwrap();
    assert_eq!(find("mia")["admin"], false);
    assert_eq!(find("boss")["admin"], true);
    assert_eq!(find("boss")["pending"], false);

    // F226, F177: the account comes back with a key that authenticates, once.
    let service = ran.value("service");
    assert_eq!(service["type"], "SERVICE");
    let secret = service["key"].as_str().unwrap_or_else(|| panic!("no key: {service}"));
    assert_eq!(secret.len(), 40);
    let asked = server.anonymous().key(secret).data("{ viewer { id username email } }", json!({}));
    assert!(asked["viewer"]["email"].is_null(), "a service account has no e-mail: {asked}");
    let shown = ran.value("service_key_is_shown_once");
    assert!(shown.as_array().unwrap().iter().all(serde_json::Value::is_null), "{shown}");

    // F227
    assert_eq!(ran.value("delete_member"), true);
    assert!(!usernames(ran.value("members_after")).contains(&"mia"));

    // F007, F008; who makes a team without naming an admin becomes its admin.
    assert_eq!(usernames(ran.value("create_own_team")), ["root"]);
    assert_eq!(ran.value("create_own_team")[0]["admin"], true);
    ran.error("create_project_elsewhere");
    assert!(ran.step("create_project")["error"].is_null());
    assert_eq!(ran.value("projects"), &json!(["fusion", "fusion-2"]));
    assert_eq!(ran.value("project")["name"], "fusion");
    assert_eq!(ran.value("project")["entity"], "Vision-own");
    if newest {
        assert!(!ran.error("project_unknown").is_empty());
    }

    // F311: names are public, the secret is in its maker's hands only.
    let before = ran.value("keys_before").as_array().unwrap();
    assert!(before.iter().all(|name| name.as_str().unwrap() != key), "a name is not the secret");
    if newest {
        let made = ran.value("generate_api_key").as_str().unwrap();
        assert_eq!(made.len(), 40);
        let after = ran.value("keys_after").as_array().unwrap();
        assert_eq!(after.len(), before.len() + 1);
        assert!(after.iter().all(|name| name != made));
        assert_eq!(ran.value("new_key_works"), "root");
        assert_eq!(ran.value("delete_api_key"), true);
        assert!(ran.error("deleted_key_is_dead").contains("verify"), "{}", ran.error("deleted_key_is_dead"));
    } else {
        // The old SDK signs the request with the first key of the list, which it takes for a secret: it cannot work
        // with a server that keeps only hashes. It must fail without a key being made.
        let made = ran.step("generate_api_key");
        assert!(made["value"].is_null(), "{made}");
        assert_eq!(ran.value("keys_after"), ran.value("keys_before"));
    }

    // Each call left its event.
    let admin = server.anonymous().key(&key);
    let log = admin.get("/admin/audit_logs").is(200).body;
    for text in ["ana.lopez@example.com", "boss@example.com", "Vision", "fusion"] {
        assert!(log.contains(text), "the audit log tells of {text}: {log}");
    }
}

#[test]
fn f220_f221_f222_f223_f224_f225_f226_f227_f311_newest_sdk_administers() {
    the_main_job(Sdk::Newest);
}

#[test]
fn f220_f221_f222_f223_f224_f225_f226_f227_old_sdk_administers() {
    the_main_job(Sdk::Old);
}

/// F228, F161, F175: a member and an outsider get nothing, the reason is on the wire, and shown where the client shows.
fn the_same_refused(sdk: Sdk) {
    if !sdk.present() {
        return;
    }
    let world = World::new();
    world.team_admin.client.upsert_project(TEAM, "secret", Some("PRIVATE")).is(200);
    let users = |world: &World| {
        let found = world.admin.client.data(
            "query SearchUsers($query: String) { users(query: $query) { edges { node { username } } } }",
            json!({"query": "example.com"}),
        );
        found["users"]["edges"].as_array().unwrap().len()
    };
    let people = users(&world);
    let members = world.team_admin.client.members(TEAM);
    for (who, person) in [("member", &world.member), ("outsider", &world.outsider)] {
        let task = json!({
            "team": TEAM, "other": format!("{who}-made"), "project": "secret", "me": person.username,
            "me_too": world.outsider.username, "victim": world.viewer.username, "inside": who == "member",
        });
        let ran = sdk.script(&world.server.url, &person.key, "refused.py", &[&task.to_string()]);
        ran.value("done");
        assert_eq!(ran.value("viewer"), &json!(person.username));
        for name in ["create_user", "create_admin", "create_team"] {
            let error = ran.error(name);
            // The newest client shows the server's sentence; the old one says "Permission denied" in its own words.
            if sdk == Sdk::Newest && name != "create_team" {
                assert!(error.contains("admin"), "{who} {name}: {error}");
            }
        }
        assert_ne!(ran.step("user")["value"], json!(world.viewer.email), "{who} reads people");
        let found = &ran.step("users")["value"];
        assert!(found.as_array().is_none_or(|f| f.iter().all(|name| *name == person.username)), "{who} lists: {found}");
        if who == "member" {
            assert_eq!(usernames(ran.value("members")).len(), members.len());
            assert_eq!(ran.value("projects"), &json!(["secret"]));
            for name in ["invite", "create_service_account", "delete_member"] {
                let step = ran.step(name);
                let refused = step["error"].is_string() || step["value"] == false || step["value"].is_null();
                assert!(refused, "{who} {name}: {step}");
            }
        } else {
            for name in ["team", "project", "create_project"] {
                ran.error(name);
            }
            let projects = ran.step("projects");
            assert!(projects["error"].is_string() || projects["value"] == json!([]), "{projects}");
        }
    }
    assert_eq!(users(&world), people, "nobody was made");
    assert_eq!(world.team_admin.client.members(TEAM), members, "the team stands as it was");
    assert_eq!(world.team_admin.client.project_names(TEAM), ["secret"]);
    for team in ["member-made", "outsider-made"] {
        assert_ne!(world.admin.client.team(team).status, 200, "{team}");
    }
}

#[test]
fn f228_f161_f168_f175_newest_sdk_is_refused_for_member_and_outsider() {
    the_same_refused(Sdk::Newest);
}

#[test]
fn f228_f161_f168_f175_old_sdk_is_refused_for_member_and_outsider() {
    the_same_refused(Sdk::Old);
}

/// The reason is on the wire for every refused operation, also those whose error the client swallows.
#[test]
fn f228_the_reason_is_on_the_wire() {
    let world = World::new();
    world.team_admin.client.upsert_project(TEAM, "secret", Some("PRIVATE")).is(200);
    let create = "mutation CreateUserFromAdmin($email: String!, $admin: Boolean) {
        result: createUser(input: {email: $email, admin: $admin}) { user { id name username email admin } } }";
    for (who, client) in [("member", &world.member.client), ("outsider", &world.outsider.client)] {
        let replies = [
            ("createUser", client.graphql(create, json!({"email": "x@example.com", "admin": false}))),
            ("createTeam", client.create_team("mine", None)),
            ("createInvite", client.invite(TEAM, &world.outsider.username, true)),
            ("createServiceAccount", client.create_service_account(TEAM, "x")),
            ("deleteInvite", client.remove_member(TEAM, world.admin.client.members(TEAM)[0]["id"].as_str().unwrap())),
        ];
        for (what, reply) in replies {
            // Hidden things are 404 to those who could not otherwise learn of them.
            let allowed: &[u16] = if who == "member" { &[403] } else { &[403, 404] };
            assert!(allowed.contains(&reply.status), "{who} {what}: {reply:?}");
            let sentence = reply.message();
            assert!(sentence.contains(' '), "{who} {what}: {sentence}");
        }
    }
    for client in [&world.anonymous, &world.deactivated.client] {
        let reply = client.graphql(create, json!({"email": "x@example.com"}));
        assert_eq!(reply.status, 401, "{reply:?}");
        reply.message();
    }
}

#[test]
fn wandb_login_verifies_and_saves_the_key() {
    if !Sdk::Newest.present() {
        return;
    }
    let server = Server::plain();
    let admin = server.person("root", "admin");
    for sdk in Sdk::BOTH {
        let home = tempfile::tempdir().unwrap();
        let host = format!("--host={}", server.url);
        let mut args = vec!["login", "--relogin", host.as_str(), admin.key.as_str()];
        if sdk == Sdk::Newest {
            args.insert(1, "--verify");
        }
        let ran = sdk.run(&server.url, "", "wandb", &args, Some(home.path()));
        assert_eq!(ran.code, 0, "{ran:#?}");
        let netrc = std::fs::read_to_string(home.path().join(".netrc")).unwrap();
        assert!(netrc.contains(&admin.key), "{netrc}");
    }
    // A key that the server does not know is refused with its sentence and not saved.
    let home = tempfile::tempdir().unwrap();
    let unknown = "0123456789".repeat(4);
    let host = format!("--host={}", server.url);
    let args = ["login", "--verify", "--relogin", &host, &unknown];
    let ran = Sdk::Newest.run(&server.url, "", "wandb", &args, Some(home.path()));
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(!std::fs::read_to_string(home.path().join(".netrc")).unwrap_or_default().contains(&unknown));
    let wire = server.anonymous().key(&unknown).refused(401, "{ viewer { id } }", json!({}));
    assert!(ran.stderr.contains(&wire), "{wire} is shown: {}", ran.stderr);
}

/// Whoever sends `Use-Admin-Privileges` has no more rights for it, and signing in by password is no API credential.
#[test]
fn the_clients_claims_give_no_rights() {
    let world = World::new();
    let body = json!({"query": "mutation { createUser(input: {email: \"x@example.com\"}) { user { id } } }"});
    let headers = [
        ("content-type", "application/json"),
        ("use-admin-privileges", "true"),
        ("x-wandb-username", "root"),
        ("x-wandb-user-email", "root@example.com"),
    ];
    let reply = world.member.client.send("POST", "/graphql", &headers, Some(body.to_string().as_bytes()));
    assert_eq!(reply.status, 403, "{reply:?}");
    let reply = world.anonymous.basic("mia", PASSWORD).graphql("{ viewer { id } }", json!({}));
    assert_eq!(reply.status, 401, "a password is not an API key: {reply:?}");
}

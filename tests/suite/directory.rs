//! Organization, people, teams, projects: who can do what to whom, through the API, the shell and the console alike.
//! Also the rule that outranks all others: the last administrator cannot be lost.

use crate::harness::world::TEAM;
use crate::harness::{Client, PASSWORD, Reply, Server, World, html};
use serde_json::{Value, json};
use std::sync::{Arc, Barrier};

const CREATE: &str = "mutation($email: String!, $admin: Boolean) {
    createUser(input: {email: $email, admin: $admin}) { user { id username admin } } }";

fn browser(world: &World, username: &str) -> Client {
    let browser = world.anonymous.fresh();
    browser.sign_in(username, PASSWORD).is(303);
    browser
}

#[test]
fn f004_f005_f170_teams_are_made_and_have_their_page() {
    let world = World::new();
    world.admin.client.create_team("Vision", None).is(200);
    let root = browser(&world, "root");
    for team in [TEAM, "Vision"] {
        let page = root.page(&format!("/{team}")).is(200);
        assert!(page.text().contains(team));
        let data =
            world.admin.client.data("query($n: String!) { entity(name: $n) { name isTeam } }", json!({"n": team}));
        assert_eq!((&data["entity"]["name"], &data["entity"]["isTeam"]), (&json!(team), &json!(true)));
    }
    let teams = root.page("/console/teams").is(200).text();
    assert!(teams.contains("acme") && teams.contains("Vision"), "{teams}");
    // Names find in any case and keep their own.
    let data = world.admin.client.data("query($n: String!) { entity(name: $n) { name } }", json!({"n": "VISION"}));
    assert_eq!(data["entity"]["name"], "Vision");
}

#[test]
fn f160_f161_f168_only_admins_create_teams_and_people() {
    let world = World::new();
    for (who, client) in world.everyone() {
        let made = [
            client.create_team(&format!("team-of-{}", who.replace(' ', "-")), None),
            client.graphql(CREATE, json!({"email": format!("by-{}@example.com", who.replace(' ', "-"))})),
        ];
        let expected = match who {
            "admin" => 200,
            "anonymous" | "deactivated" => 401,
            _ => 403,
        };
        for reply in made {
            assert_eq!(reply.status, expected, "{who}: {reply:?}");
        }
    }
}

#[test]
fn f006_f174_a_team_admin_rules_the_team_and_nothing_else() {
    let world = World::new();
    let tess = &world.team_admin.client;
    tess.invite(TEAM, "otto", false).is(200);
    let row = tess.member_of(TEAM, "otto").unwrap();
    assert_eq!(row["admin"], false);
    tess.remove_member(TEAM, row["id"].as_str().unwrap()).is(200);
    assert!(tess.member_of(TEAM, "otto").is_none());
    tess.create_service_account(TEAM, "another").is(200);
    tess.graphql(CREATE, json!({"email": "x@example.com"})).is(403);
    world.admin.client.create_team("other", None).is(200);
    for reply in [tess.invite("other", "tess", true), tess.create_service_account("other", "x"), tess.team("other")] {
        assert!(matches!(reply.status, 403 | 404), "{reply:?}");
        reply.message();
    }
}

#[test]
fn f175_members_viewers_and_service_accounts_manage_nobody() {
    let world = World::new();
    let mia = world.team_admin.client.member_of(TEAM, "mia").unwrap()["id"].as_str().unwrap().to_owned();
    for (who, client) in world.everyone() {
        let expected: &[u16] = match who {
            "admin" | "team admin" => continue,
            "anonymous" | "deactivated" => &[401],
            "outsider" => &[403, 404],
            _ => &[403],
        };
        for reply in [
            client.invite(TEAM, "otto", false),
            client.invite(TEAM, "otto", true),
            client.remove_member(TEAM, &mia),
            client.create_service_account(TEAM, "mine"),
        ] {
            assert!(expected.contains(&reply.status), "{who}: {reply:?}");
            reply.message();
        }
    }
    assert!(world.team_admin.client.member_of(TEAM, "otto").is_none());
    assert!(world.team_admin.client.member_of(TEAM, "mia").is_some());
}

/// F225's trap from the field: the sole team admin invites themselves as member, and nobody can administer the team.
#[test]
fn f225_inviting_again_never_takes_a_role_away() {
    let world = World::new();
    let tess = &world.team_admin.client;
    let reply = tess.invite(TEAM, "tess", false);
    assert!(reply.status < 500, "{reply:?}");
    assert_eq!(tess.member_of(TEAM, "tess").unwrap()["admin"], true);
    tess.invite(TEAM, "otto", false).is(200);
}

#[test]
fn f177_a_service_account_is_listed_as_one_and_stays_one() {
    let world = World::new();
    let members = world.team_admin.client.members(TEAM);
    let kinds: Vec<_> = members.iter().filter(|m| m["accountType"] == "SERVICE").collect();
    assert_eq!(kinds.len(), 1, "{members:?}");
    let name = kinds[0]["username"].as_str().unwrap();
    // Nobody makes it an admin, and it cannot sign in.
    let reply = world.team_admin.client.invite(TEAM, name, true);
    assert!(reply.status == 200 || (400..500).contains(&reply.status), "{reply:?}");
    let row = world.team_admin.client.member_of(TEAM, name).unwrap();
    assert_eq!((&row["accountType"], &row["admin"]), (&json!("SERVICE"), &json!(false)), "{row}");
    assert!((400..500).contains(&world.anonymous.fresh().sign_in(name, PASSWORD).status));
    // Its key works in its team and nowhere else.
    world.service.upsert_project(TEAM, "by-the-robot", None).is(200);
    world.admin.client.create_team("other", None).is(200);
    let reply = world.service.upsert_project("other", "by-the-robot", None);
    assert!(matches!(reply.status, 403 | 404), "{reply:?}");
    // Removed from the team, its key is dead or at least reaches nothing.
    world.team_admin.client.remove_member(TEAM, row["id"].as_str().unwrap()).is(200);
    let reply = world.service.project(TEAM, "by-the-robot");
    assert!(matches!(reply.status, 401 | 403 | 404), "{reply:?}");
}

#[test]
fn f007_f008_f162_f176_projects_are_made_by_members_and_read_by_viewers() {
    let world = World::new();
    world.member.client.upsert_project(TEAM, "one", None).is(200);
    world.service.upsert_project(TEAM, "two", None).is(200);
    for client in [&world.viewer.client, &world.outsider.client, &world.admin.client] {
        let reply = client.upsert_project(TEAM, "three", None);
        assert!(matches!(reply.status, 403 | 404), "{reply:?}");
        reply.message();
    }
    for client in [&world.member.client, &world.viewer.client, &world.team_admin.client, &world.service] {
        let mut names = client.project_names(TEAM);
        names.sort();
        assert_eq!(names, ["one", "two"]);
    }
    let made = world.member.client.project(TEAM, "one").is(200).json();
    assert_eq!(made["data"]["project"]["entityName"], TEAM);
    assert_eq!(made["data"]["project"]["access"], "PRIVATE");
    // The same name again is the same project, not a second one.
    let again = world.member.client.upsert_project(TEAM, "ONE", None).is(200).json();
    assert_eq!(again["data"]["upsertModel"]["inserted"], false, "{again}");
    assert_eq!(world.member.client.project_names(TEAM).len(), 2);
}

/// Who reads what: the table of visibilities, by persona. The list and the read agree.
#[test]
fn f009_f163_visibility_governs_who_reads() {
    let world = World::new();
    let table = [
        ("USER_WRITE", [true, true, true, true, true, true]),
        ("USER_READ", [true, true, true, true, true, true]),
        ("PRIVATE", [false, true, true, true, false, true]),
        ("RESTRICTED", [false, true, false, false, false, false]),
    ];
    let clients = [
        ("admin", &world.admin.client),
        ("team admin", &world.team_admin.client),
        ("member", &world.member.client),
        ("viewer", &world.viewer.client),
        ("outsider", &world.outsider.client),
        ("service", &world.service),
    ];
    let mut wrong = Vec::new();
    for (access, reads) in table {
        let project = access.to_lowercase().replace('_', "-");
        world.team_admin.client.upsert_project(TEAM, &project, Some(access)).is(200);
        for ((who, client), expected) in clients.iter().zip(reads) {
            if client.reads(TEAM, &project) != expected {
                wrong.push(format!("{who} reads {access}: expected {expected}"));
            }
            let listed = client.graphql(
                "query($e: String) { models(entityName: $e, first: 200) { edges { node { name } } } }",
                json!({"e": TEAM}),
            );
            let listed = listed.status == 200 && listed.body.contains(&format!("\"{project}\""));
            // Open and public projects may be read by whoever knows them without standing in every list.
            if listed && !expected {
                wrong.push(format!("{who} finds {access} in the list"));
            }
        }
        for client in [&world.anonymous, &world.deactivated.client] {
            client.project(TEAM, &project).is(401).message();
        }
    }
    // A change counts at once.
    world.team_admin.client.upsert_project(TEAM, "private", Some("USER_READ")).is(200);
    if !world.outsider.client.reads(TEAM, "private") {
        wrong.push("a project made public is not read at once".to_owned());
    }
    world.team_admin.client.upsert_project(TEAM, "private", Some("PRIVATE")).is(200);
    if world.outsider.client.reads(TEAM, "private") {
        wrong.push("a project made private is still read".to_owned());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn f193_f198_a_restricted_project_is_for_the_invited() {
    let world = World::new();
    let tess = &world.team_admin.client;
    let made = tess.upsert_project(TEAM, "secret", Some("RESTRICTED")).is(200).json();
    let project = made["data"]["upsertModel"]["project"]["id"].as_str().unwrap().to_owned();
    let user = |who: &str| tess.member_of(TEAM, who).unwrap()["id"].as_str().unwrap().to_owned();
    let add = "mutation($p: ID!, $u: [ID!]) { createProjectMembers(input: {projectId: $p, userIds: $u}) { success } }";
    let remove =
        "mutation($p: ID!, $u: [ID!]) { deleteProjectMembers(input: {projectId: $p, userIds: $u}) { success } }";
    let mia = user("mia");
    assert!(!world.member.client.reads(TEAM, "secret"));
    world.member.client.graphql(add, json!({"p": project, "u": [mia]})).is(404);
    tess.data(add, json!({"p": project, "u": [mia]}));
    assert!(world.member.client.reads(TEAM, "secret"));
    assert!(!world.viewer.client.reads(TEAM, "secret"));
    tess.data(remove, json!({"p": project, "u": [mia]}));
    assert!(!world.member.client.reads(TEAM, "secret"));
    // Only members of the team can be invited.
    let found = world
        .admin
        .client
        .data("query($q: String) { users(query: $q) { edges { node { id } } } }", json!({"q": "otto"}));
    let otto = found["users"]["edges"][0]["node"]["id"].clone();
    let reply = tess.graphql(add, json!({"p": project, "u": [otto]}));
    assert!((400..500).contains(&reply.status), "{reply:?}");
    assert!(!world.outsider.client.reads(TEAM, "secret"));
}

/// Teams and people share one space of names, and a name is held whatever its case.
#[test]
fn names_are_unique_without_regard_to_case_across_people_and_teams() {
    let world = World::new();
    let admin = &world.admin.client;
    for name in ["ACME", "Mia", "MIA", "root"] {
        let reply = admin.create_team(name, None);
        assert!((400..500).contains(&reply.status), "{name}: {reply:?}");
        assert_ne!(reply.status, 409, "the client would repeat a 409 for a minute");
        reply.message();
        world.server.cli(&["user", "create", &format!("{name}-2@example.com"), "--username", name]).failed(1);
    }
    world.server.cli(&["user", "create", "second@example.com", "--username", "acme"]).failed(1);
    // A derived name steps aside instead: the local part, then -2.
    let made = admin.data(CREATE, json!({"email": "mia@elsewhere.example"}));
    assert_eq!(made["createUser"]["user"]["username"], "mia-2");
    let made = admin.data(CREATE, json!({"email": "José.O'Neil+ml@elsewhere.example"}));
    let name = made["createUser"]["user"]["username"].as_str().unwrap();
    assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{name}");
}

#[test]
fn f171_f162_an_organization_viewer_becomes_view_only_in_a_team() {
    let world = World::new();
    let reply = world.team_admin.client.invite(TEAM, "vera", true);
    assert!(reply.status < 500, "{reply:?}");
    assert_eq!(world.team_admin.client.member_of(TEAM, "vera").unwrap()["admin"], false);
    let reply = world.viewer.client.upsert_project(TEAM, "by-a-viewer", None);
    assert_eq!(reply.status, 403, "{reply:?}");
}

/// The forms of a page that could take the last administrator away.
fn dangerous(page: &Reply) -> Vec<html::Form> {
    let words = ["deactivate", "delete", "role"];
    html::forms(&page.body).into_iter().filter(|f| words.iter().any(|w| f.action.contains(w))).collect()
}

#[test]
fn the_last_admin_cannot_be_lost_by_any_path() {
    let world = World::new();
    let still_admin = |world: &World| {
        let viewer = world.admin.client.data("{ viewer { admin username deletedAt } }", json!({}));
        assert_eq!(viewer["viewer"]["admin"], true, "{viewer}");
    };
    // Shell, running.
    for role in ["member", "viewer"] {
        let out = world.server.cli(&["user", "set-org-role", "root", role]).failed(1);
        assert!(out.stderr.contains("last"), "{out:?}");
    }
    still_admin(&world);
    // Console: every form on one's own page and on the person's page.
    let root = browser(&world, "root");
    let page = root.page("/console/users/root").is(200);
    for form in dangerous(&page) {
        for role in ["member", "viewer"] {
            let mut fields = form.fields.clone();
            for field in fields.iter_mut().filter(|(name, _)| name.contains("role")) {
                field.1 = role.to_owned();
            }
            let reply = root.post_form(&form.action, &fields);
            assert!(reply.status < 500, "{reply:?}");
            still_admin(&world);
        }
    }
    // A deactivated second admin does not count, an active one does.
    world.server.person("boss", "admin");
    let reply = root.submit("/console/users/boss", "deactivate", &[]);
    assert!(reply.status < 400, "{reply:?}");
    world.server.cli(&["user", "set-org-role", "root", "member"]).failed(1);
    world.server.cli(&["user", "reactivate", "boss"]).ok();
    world.server.cli(&["user", "set-org-role", "root", "member"]).ok();
    world.server.cli(&["user", "set-org-role", "boss", "member"]).failed(1);
    // Shell, stopped.
    let World { server, .. } = world;
    let data = server.stop();
    crate::harness::cli(data.path(), &["user", "set-org-role", "boss", "viewer"]).failed(1);
}

/// Two administrators demote each other at the same moment: one of them stays.
#[test]
fn two_admins_cannot_demote_each_other_at_once() {
    let server = Server::plain();
    server.person("one", "admin");
    server.person("two", "admin");
    for _ in 0..10 {
        let barrier = Arc::new(Barrier::new(2));
        let codes: Vec<i32> = std::thread::scope(|scope| {
            let threads: Vec<_> = ["one", "two"]
                .into_iter()
                .map(|name| {
                    let (barrier, server) = (Arc::clone(&barrier), &server);
                    scope.spawn(move || {
                        barrier.wait();
                        server.cli(&["user", "set-org-role", name, "member"]).code
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(codes.iter().filter(|c| **c == 0).count(), 1, "{codes:?}");
        for name in ["one", "two"] {
            server.cli(&["user", "set-org-role", name, "admin"]).ok();
        }
    }
}

/// F001: nothing of another organization can be reached or guessed; ids that do not exist look alike.
#[test]
fn f001_f228_hidden_and_absent_look_alike() {
    let world = World::new();
    world.team_admin.client.upsert_project(TEAM, "secret", Some("RESTRICTED")).is(200);
    let otto = &world.outsider.client;
    let clean = |reply: Reply, name: &str| (reply.status, reply.message().replace(name, "NAME"));
    assert_eq!(clean(otto.project(TEAM, "secret"), "secret"), clean(otto.project(TEAM, "nothing"), "nothing"));
    assert_eq!(clean(otto.team(TEAM), TEAM), clean(otto.team("nothing"), "nothing"));
    let mia = &world.member.client;
    assert_eq!(clean(mia.project(TEAM, "secret"), "secret"), clean(mia.project(TEAM, "nothing"), "nothing"));
    let listed: Vec<Value> = vec![json!(otto.project_names("otto"))];
    assert_eq!(listed, [json!([])]);
}

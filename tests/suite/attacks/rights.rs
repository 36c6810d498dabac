//! People who want more than they have: team admins, members, viewers, outsiders, the invited, and two admins at once.

use super::is_refused;
use crate::harness::world::deactivate;
use crate::harness::{Client, Person, Reply, Server, World, html, world::TEAM};
use crate::permissions::{browser, mutations, read_only};
use serde_json::{Value, json};
use std::sync::{Arc, Barrier};

/// A second team with an admin of its own and a member, of which the cast sees nothing.
fn closed_team(world: &World) -> (Person, Person) {
    let (boss, ned) = (world.server.person("boris", "member"), world.server.person("ned", "member"));
    world.admin.client.create_team("closed", Some(&boss.username)).is(200);
    boss.client.invite("closed", &ned.username, false).is(200);
    boss.client.upsert_project("closed", "inner", Some("RESTRICTED")).is(200);
    (boss, ned)
}

/// Posts to a page as its own form would, with the token of another page of the same session.
fn post(browser: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    let token = browser.page("/console/account").form("/logout").fields[0].clone();
    // As if the review had been read: the change itself must be refused, not only asking about it.
    let fields = fields.iter().chain(&[("reviewed", "yes")]).map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    browser.post_form(path, &[token].into_iter().chain(fields).collect::<Vec<_>>())
}

fn org_role(world: &World, who: &str) -> Value {
    let found =
        world.admin.client.data("query($u: String!) { user(userName: $u) { orgRole status id } }", json!({"u": who}));
    found["user"].clone()
}

fn team_role(world: &World, who: &str) -> Value {
    let members = world.admin.client.data("{ entity(name: \"acme\") { members { username role } } }", json!({}));
    let members = members["entity"]["members"].as_array().unwrap().clone();
    members.iter().find(|m| m["username"] == who).unwrap_or_else(|| panic!("no {who} in {members:?}"))["role"].clone()
}

/// CVE-2024-1250, CVE-2023-6477 GitLab, CVE-2026-4629 Keycloak: a limited role hands out a larger one.
#[test]
fn nobody_grants_more_than_they_may() {
    let world = World::new();
    closed_team(&world);
    let before: Vec<Value> = ["tess", "mia", "vera", "otto"].iter().map(|w| org_role(&world, w)).collect();
    for person in [&world.team_admin, &world.member, &world.viewer, &world.outsider] {
        let (api, page, who) = (&person.client, browser(&world, person), &person.username);
        for role in ["admin", "member"] {
            for target in ["tess", "mia", "vera", "otto", "root"] {
                is_refused(who, &post(&page, &format!("/console/users/{target}/role"), &[("role", role)]));
            }
        }
        is_refused(
            who,
            &api.graphql(
                "mutation { createUser(input: {email: \"new@example.com\", admin: true}) { user { id } } }",
                json!({}),
            ),
        );
        is_refused(who, &post(&page, "/console/users/new", &[("email", "new@example.com"), ("role", "admin")]));
        is_refused(who, &post(&page, "/console/settings/organization", &[("org", "mine")]));
        is_refused(who, &api.create_team("mine", Some(who)));
        is_refused(who, &api.invite("closed", who, true));
        is_refused(who, &post(&page, "/closed/members", &[("who", who), ("role", "admin")]));
        is_refused(who, &post(&page, "/acme/members/vera/role", &[("role", "service")]));
        for target in ["root", "boris"] {
            for what in ["deactivate", "delete", "rename", "revoke-key", "end-session"] {
                let fields = [("sure", target), ("name", "x"), ("key", &world.admin.key[..10]), ("session", "x")];
                is_refused(who, &post(&page, &format!("/console/users/{target}/{what}"), &fields));
            }
        }
    }
    // Within a team: only its admin hands out its roles.
    for person in [&world.member, &world.viewer, &world.outsider] {
        let page = browser(&world, person);
        is_refused("role", &post(&page, &format!("/acme/members/{}/role", person.username), &[("role", "admin")]));
        is_refused("invite", &person.client.invite(TEAM, &person.username, true));
    }
    is_refused("machine", &world.service.invite(TEAM, "otto", true));
    is_refused("machine", &world.service.graphql("mutation { generateApiKey { apiKey { name } } }", json!({})));
    is_refused("machine", &world.service.create_service_account(TEAM, "another"));
    let after: Vec<Value> = ["tess", "mia", "vera", "otto"].iter().map(|w| org_role(&world, w)).collect();
    assert_eq!(before, after);
    assert_eq!(
        world.admin.client.data("{ users(query: \"new@example.com\") { edges { node { id } } } }", json!({}))["users"]
            ["edges"],
        json!([])
    );
}

/// The cap of the organization role viewer, whatever a team says.
#[test]
fn a_viewer_of_the_organization_writes_nowhere() {
    let world = World::new();
    let root = &world.admin.client;
    is_refused("first admin of a team", &root.create_team("views", Some("vera")));
    world.server.person("vito", "viewer");
    world.team_admin.client.invite(TEAM, "vito", true).is(200);
    assert_eq!(team_role(&world, "vito"), "viewer");
    world.team_admin.client.upsert_project(TEAM, "square", Some("USER_WRITE")).is(200);
    // A team admin who becomes a viewer of the organization loses every write at once, reads stay.
    world.server.cli(&["user", "set-org-role", "tess", "viewer"]).ok();
    let tess = &world.team_admin.client;
    is_refused("invite", &tess.invite(TEAM, "otto", false));
    is_refused("service", &tess.create_service_account(TEAM, "late"));
    is_refused("project", &tess.upsert_project(TEAM, "late", None));
    is_refused("visibility", &tess.upsert_project(TEAM, "square", Some("PRIVATE")));
    is_refused("own", &tess.upsert_project("tess", "late", None));
    let service = tess.member_of(TEAM, "service-nightly").unwrap();
    let keys =
        tess.graphql("query { user(userName: \"service-nightly\") { apiKeys { edges { node { id } } } } }", json!({}));
    is_refused("its machine's keys", &keys);
    is_refused("machine", &tess.remove_member(TEAM, service["id"].as_str().unwrap()));
    assert!(tess.reads(TEAM, "square"));
}

/// CVE-2025-9486 GitLab: a pending membership had the rights of its role. CVE-2025-2938: and kept them when the inviter fell.
#[test]
fn an_invitation_carries_no_rights_until_it_is_taken_up_and_none_of_a_fallen_inviter() {
    let world = World::new();
    let tess = &world.team_admin.client;
    let invite = "mutation($m: String) { createInvite(input: {entityName: \"acme\", email: $m, admin: true}) { invite { id pending } } }";
    for email in ["early@example.com", "late@example.com", "back@example.com"] {
        assert_eq!(tess.data(invite, json!({"m": email}))["createInvite"]["invite"]["pending"], true);
        let reply = world.anonymous.fresh().sign_in(email, crate::harness::PASSWORD);
        is_refused("no account yet", &reply);
    }
    // Not even the invited address is anybody: it is in no list of people and cannot be named as one.
    assert_eq!(
        world.admin.client.data("{ users(query: \"early@example.com\") { edges { node { id } } } }", json!({}))["users"]
            ["edges"],
        json!([])
    );
    is_refused("team of the invited", &world.admin.client.create_team("hers", Some("early@example.com")));
    // Taken up while the inviter may: exactly the role shown.
    let early = world.server.person("early", "member");
    assert_eq!(team_role(&world, "early"), "admin");
    // Withdrawn, it gives nothing.
    let row = tess.members(TEAM).into_iter().find(|m| m["email"] == "back@example.com").unwrap();
    tess.remove_member(TEAM, row["id"].as_str().unwrap()).is(200);
    world.server.person("back", "member");
    assert!(tess.member_of(TEAM, "back").is_none());
    // The inviter is deactivated before the other comes.
    deactivate(&world.admin, &world.team_admin);
    let late = world.server.person("late", "member");
    assert!(early.client.member_of(TEAM, "late").is_none());
    is_refused("late", &late.client.team(TEAM));
    // And comes back: the invitation is spent, not waiting.
    world.server.cli(&["user", "reactivate", "tess"]).ok();
    is_refused("late", &late.client.team(TEAM));
    assert!(early.client.members(TEAM).iter().all(|m| m["pending"] == false));
}

/// CVE-2026-22640 Grafana: a lower admin deletes the higher one.
#[test]
fn a_team_admin_cannot_touch_an_instance_admin_beyond_the_team() {
    let world = World::new();
    world.team_admin.client.invite(TEAM, "root", false).is(200);
    let tess = browser(&world, &world.team_admin);
    let root = browser(&world, &world.admin);
    for (what, fields) in [
        ("deactivate", vec![]),
        ("delete", vec![("sure", "root")]),
        ("role", vec![("role", "viewer")]),
        ("rename", vec![("name", "fallen")]),
        ("revoke-key", vec![("key", &world.admin.key[..10])]),
    ] {
        is_refused(what, &post(&tess, &format!("/console/users/root/{what}"), &fields));
    }
    for page in ["", "/credentials"] {
        assert_eq!(tess.page(&format!("/console/users/root{page}")).status, 404);
    }
    let bulk = [("pick", "root"), ("what", "deactivate"), ("action", "deactivate"), ("do", "deactivate")];
    is_refused("bulk", &post(&tess, "/console/users/bulk", &bulk));
    let delete = "mutation($id: String!) { deleteApiKey(input: {id: $id}) { success } }";
    is_refused("key", &world.team_admin.client.graphql(delete, json!({"id": &world.admin.key[..10]})));
    // Out of the team is all: every other power stays.
    let row = world.team_admin.client.member_of(TEAM, "root").unwrap();
    world.team_admin.client.remove_member(TEAM, row["id"].as_str().unwrap()).is(200);
    assert!(super::signed_in(&root));
    assert_eq!(org_role(&world, "root")["orgRole"], "admin");
    world.admin.client.team(TEAM).is(200);
}

/// CVE-2026-15630 Casdoor, CVE-2026-4636 Keycloak: rights checked on one object, the deed done to another.
#[test]
fn the_object_that_was_authorised_is_the_object_acted_on() {
    let world = World::new();
    let (boris, ned) = closed_team(&world);
    let tess = &world.team_admin.client;
    tess.upsert_project(TEAM, "fusion", None).is(200);
    let inner = boris.client.project("closed", "inner").json()["data"]["project"]["id"].clone();
    let invite =
        "mutation { createInvite(input: {entityName: \"closed\", email: \"new@example.com\"}) { invite { id } } }";
    let waiting = boris.client.data(invite, json!({}))["createInvite"]["invite"]["id"].clone();
    let state = || {
        let project = boris.client.project("closed", "inner").json();
        (boris.client.members("closed"), project["data"]["project"].clone())
    };
    let before = state();
    // A foreign id beside one's own name.
    let upsert = "mutation($id: String) { upsertModel(input: {id: $id, entityName: \"acme\", name: \"fusion\", access: \"USER_WRITE\"}) { project { id } } }";
    tess.refused(404, upsert, json!({"id": inner}));
    tess.refused(404, "mutation($id: String!) { deleteModel(input: {id: $id}) { success } }", json!({"id": inner}));
    for field in ["createProjectMembers", "deleteProjectMembers"] {
        let add =
            format!("mutation($p: ID!, $u: [ID!]) {{ {field}(input: {{projectId: $p, userIds: $u}}) {{ success }} }}");
        tess.refused(404, &add, json!({"p": inner, "u": [world.team_admin.id]}));
        tess.refused(404, &add, json!({"p": inner, "u": [boris.id]}));
    }
    // Members and invitations of another team under one's own team's name.
    for id in [json!(ned.id), json!(boris.id), waiting] {
        is_refused("foreign row", &tess.remove_member(TEAM, id.as_str().unwrap()));
        is_refused("foreign team", &tess.remove_member("closed", id.as_str().unwrap()));
    }
    let page = browser(&world, &world.team_admin);
    for path in
        ["/acme/members/ned/remove", "/closed/members/ned/remove", "/acme/members/ned/role", "/closed/inner/visibility"]
    {
        is_refused(path, &post(&page, path, &[("role", "admin"), ("visibility", "open")]));
    }
    for id in 0..5 {
        // One's own team in the address, the other team's invitation in its end: refused with the reason, which is a redirect.
        let reply = post(&page, &format!("/acme/members/invitations/{id}/withdraw"), &[]);
        assert!(matches!(reply.status, 303 | 404), "{reply:?}");
    }
    // One's own page, somebody else's key and session.
    let key = boris.key[..10].to_owned();
    let reply = post(&page, "/console/account/revoke-key", &[("key", &key)]);
    assert!(matches!(reply.status, 303 | 404), "{reply:?}");
    let other = browser(&world, &ned);
    let second = world.anonymous.fresh();
    second.sign_in("ned", crate::harness::PASSWORD).is(303);
    let handles: Vec<String> = html::forms(&second.page("/console/account").body)
        .into_iter()
        .flat_map(|f| f.fields)
        .filter_map(|(n, v)| (n == "session").then_some(v))
        .collect();
    for handle in &handles {
        post(&page, "/console/account/end-session", &[("session", handle)]);
        is_refused("session", &post(&page, "/console/users/ned/end-session", &[("session", handle)]));
    }
    assert!(!handles.is_empty() && super::signed_in(&other));
    boris.client.team("closed").is(200);
    assert_eq!(before, state());
}

/// CVE-2026-27946: a field that only others may set, set by oneself.
#[test]
fn nobody_sets_protected_fields_of_their_own() {
    let world = World::new();
    let before =
        world.admin.client.data("{ user(userName: \"mia\") { id email orgRole status username admin } }", json!({}));
    let mia = browser(&world, &world.member);
    let more = [
        ("name", "Mia"),
        ("role", "admin"),
        ("orgRole", "admin"),
        ("admin", "true"),
        ("email", "root@example.com"),
        ("username", "root2"),
        ("verified", "true"),
        ("status", "active"),
        ("id", "1"),
    ];
    assert_eq!(post(&mia, "/console/users/mia/rename", &more).status, 303);
    is_refused("role", &post(&mia, "/console/users/mia/role", &more));
    post(&mia, "/console/account/password", &more);
    let user = "{ user(userName: \"mia\") { id email orgRole status username admin } }";
    assert_eq!(before, world.admin.client.data(user, json!({})));
    for input in ["admin: true", "scope: \"full\"", "userId: \"VXNlcjox\"", "name: \"x\"", "owner: \"root\""] {
        let query = format!("mutation {{ generateApiKey(input: {{{input}}}) {{ apiKey {{ id }} }} }}");
        is_refused(input, &world.member.client.graphql(&query, json!({})));
    }
}

/// CVE-2026-55670 Zitadel: an id that comes back brings its rights along.
#[test]
fn a_name_that_is_given_again_brings_nothing_along() {
    let world = World::new();
    let root = browser(&world, &world.admin);
    let id = |who: &str| org_role(&world, who)["id"].clone();
    let old = (id("mia"), world.member.client.project_names("mia"));
    let key = world.member.key.clone();
    let session = browser(&world, &world.member);
    assert_eq!(post(&root, "/console/users/mia/delete", &[("sure", "mia")]).status, 303);
    assert!(!super::signed_in(&session));
    let mia = world.server.person("mia", "member");
    assert_ne!(id("mia"), old.0);
    assert_eq!(world.anonymous.key(&key).graphql("{ viewer { id } }", json!({})).status, 401);
    assert!(!super::signed_in(&session), "the dead session is not the namesake's");
    is_refused("team", &mia.client.team(TEAM));
    is_refused("password", &world.anonymous.fresh().sign_in("mia", crate::harness::PASSWORD));
    // Projects and teams: the id in old links is nobody's.
    let tess = &world.team_admin.client;
    let make =
        || tess.upsert_project(TEAM, "again", None).is(200).json()["data"]["upsertModel"]["project"]["id"].clone();
    let delete = "mutation($id: String!) { deleteModel(input: {id: $id}) { success } }";
    let first = make();
    tess.data(delete, json!({"id": first}));
    assert_ne!(make(), first);
    tess.refused(404, delete, json!({"id": first}));
    // A namesake of a deleted team is another team.
    world.admin.client.create_team("brief", None).is(200);
    let team = world.admin.client.team("brief").json()["data"]["entity"]["id"].clone();
    world.admin.client.invite("brief", "otto", true).is(200);
    assert_eq!(post(&root, "/brief/settings/delete", &[("sure", "brief")]).status, 303);
    world.admin.client.create_team("brief", None).is(200);
    assert_ne!(world.admin.client.team("brief").json()["data"]["entity"]["id"], team);
    is_refused("otto", &world.outsider.client.team("brief"));
}

/// CVE-2024-4006 GitLab (scope ignored in one surface): a key that only reads, of the mightiest account, on everything that
/// can be changed.
#[test]
fn a_read_only_key_changes_nothing() {
    let world = World::new();
    let operations = mutations(&world, "reader");
    let keys = [read_only(&world, "root"), read_only(&world, "tess"), read_only(&world, "mia")];
    let state = || {
        (
            world.admin.client.members(TEAM),
            world
                .admin
                .client
                .data("{ users { edges { node { username } } } teams { edges { node { name } } } }", json!({})),
        )
    };
    let before = state();
    for key in &keys {
        key.data("{ viewer { id } serverInfo { __typename } }", json!({}));
        for asked in &operations {
            let reply = key.graphql(asked.query, asked.variables.clone());
            assert!(matches!(reply.status, 403 | 404), "{} {}: {reply:?}", asked.field, asked.about);
        }
    }
    let first = keys[0].graphql(operations[0].query, operations[0].variables.clone());
    assert!(first.message().contains("read"), "the reason is the key: {first:?}");
    // Nor does it help a page along.
    for path in ["/console/users/mia/deactivate", "/acme/settings/delete", "/logout", "/authorize"] {
        let reply = keys[0].post_form(path, &[]);
        assert!(reply.header("location").is_some_and(|to| to.starts_with("/login")), "{path}: {reply:?}");
    }
    assert_eq!(before, state());
}

/// Two admins take each other's role away in the same moment, through their browsers: one stays.
#[test]
fn two_admins_with_browsers_cannot_bring_each_other_down() {
    let server = Server::plain();
    let pair = [server.person_with_password("one", "admin"), server.person_with_password("two", "admin")];
    let deeds = [("role", "member"), ("deactivate", ""), ("delete", "")];
    for (what, role) in deeds {
        let browsers: Vec<Client> = pair
            .iter()
            .map(|p| {
                let browser = server.anonymous();
                browser.sign_in(&p.username, crate::harness::PASSWORD).is(303);
                browser
            })
            .collect();
        let tokens: Vec<_> =
            browsers.iter().map(|b| b.page("/console/account").form("/logout").fields[0].clone()).collect();
        let barrier = Arc::new(Barrier::new(2));
        let replies: Vec<Reply> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2)
                .map(|n| {
                    let (barrier, browser, token) = (Arc::clone(&barrier), browsers[n].clone(), tokens[n].clone());
                    let victim = pair[1 - n].username.clone();
                    scope.spawn(move || {
                        let sure = [("sure".into(), victim.clone()), ("reviewed".into(), "yes".into())];
                        let fields = [vec![token, ("role".into(), role.into())], sure.to_vec()].concat();
                        barrier.wait();
                        browser.post_form(&format!("/console/users/{victim}/{what}"), &fields)
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let done = replies.iter().filter(|r| r.status == 303 && r.header("location") != Some("/login")).count();
        assert_eq!(done, 1, "{what}: {replies:?}");
        if what != "delete" {
            let alive = pair
                .iter()
                .filter(|p| p.client.graphql("{ users { edges { node { id } } } }", json!({})).status == 200);
            assert_eq!(alive.count(), 1, "{what}");
            for person in &pair {
                server.cli(&["user", "reactivate", &person.username]);
                server.cli(&["user", "set-org-role", &person.username, "admin"]).ok();
            }
        }
    }
}

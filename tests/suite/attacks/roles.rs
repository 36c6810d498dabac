//! People who want more than they have, by way of roles: giving, minting, editing or keeping one that holds what they lack.

use super::is_refused;
use crate::harness::access::{made_id, role_id};
use crate::harness::{Client, Person, World, world::TEAM};
use crate::permissions::read_only;
use serde_json::{Value, json};

/// The roles of everybody in the team, as its members see them.
fn roles(world: &World) -> Value {
    let query = "{ entity(name: \"acme\") { members { username email role } } }";
    world.team_admin.client.data(query, json!({}))["entity"]["members"].clone()
}

/// Every way of giving `target` the role `role` in the team or in a project.
fn give(client: &Client, target: &Person, project: &str, role: &str) -> Vec<(&'static str, crate::harness::Reply)> {
    vec![
        ("team role", client.set_team_role(TEAM, &target.id, role)),
        ("project role", client.set_project_role(project, &target.id, role)),
    ]
}

/// CVE-2024-1250, CVE-2023-6477, CVE-2026-104661 GitLab, CVE-2026-4629, CVE-2026-9795 Keycloak: a limited role gives, mints or
/// keeps for itself a larger one.
#[test]
fn nobody_gives_a_role_that_holds_what_they_lack() {
    let world = World::new();
    let root = &world.admin.client;
    root.create_role("Steward", "member", &["team:update_member", "team:invite_user", "team:uninvite"]).is(200);
    root.create_role("Deleter", "member", &["project:delete"]).is(200);
    root.create_role("Recruiter", "viewer", &["team:invite_user"]).is(200);
    let p = world.project("p", "PRIVATE");
    let steward = world.teammate("stella", "Steward");
    let recruiter = world.teammate("rick", "Recruiter");
    let target = world.teammate("nora", "member");
    world.team_admin.client.update_team(TEAM, json!({"membersInvite": true})).is(200);
    let lead = world.teammate("pia", "member");
    let hers = made_id(&lead.client.upsert_project(TEAM, "hers", None));
    let before = roles(&world);
    for (who, person) in
        [("custom role", &steward), ("recruiter", &recruiter), ("member", &world.member), ("owner", &lead)]
    {
        for role in ["admin", "Deleter"] {
            for project in [&p, &hers] {
                for aim in [&target, person] {
                    for (how, reply) in give(&person.client, aim, project, role) {
                        is_refused(&format!("{who} gives {role} as {how}"), &reply);
                    }
                }
            }
            world.server.person(&format!("new-{}-{}", person.username, role.to_lowercase()), "member");
            let new = format!("new-{}-{}", person.username, role.to_lowercase());
            is_refused(who, &person.client.invite_as(TEAM, &new, role));
            let query = "mutation($m: String, $r: String) {
                createInvite(input: {entityName: \"acme\", email: $m, role: $r}) { invite { role } } }";
            let address = format!("waits-{new}@example.com");
            is_refused(who, &person.client.graphql(query, json!({"m": address, "r": role})));
        }
        // Nor is a key to more made by way of a machine, an owner or a definition.
        is_refused(who, &person.client.create_service_account(TEAM, "mine"));
        is_refused(who, &person.client.set_owner(&p, &person.id));
        is_refused(who, &person.client.create_role("Mine", "member", &["project:delete"]));
    }
    for role in ["admin", "Deleter", "member", "Recruiter"] {
        is_refused("service", &world.service.set_team_role(TEAM, &target.id, role));
        is_refused("service", &world.service.set_project_role(&p, &target.id, role));
        is_refused("service", &world.service.invite_as(TEAM, "otto", role));
    }
    // Whoever is above is not brought down either.
    for role in ["viewer", "member"] {
        is_refused("steward over admin", &steward.client.set_team_role(TEAM, &world.team_admin.id, role));
    }
    is_refused("steward over admin", &steward.client.remove_member(TEAM, &world.team_admin.id));
    // A recruiter who reads only recruits readers only.
    world.server.person("rhea", "member");
    is_refused("recruiter", &recruiter.client.invite_as(TEAM, "rhea", "member"));
    assert_eq!(roles(&world), before, "nothing of all this left a trace");
    // What they hold, they give.
    recruiter.client.invite_as(TEAM, "rhea", "viewer").is(200);
    steward.client.set_team_role(TEAM, &target.id, "viewer").is(200);
    steward.client.set_team_role(TEAM, &target.id, "Steward").is(200);
    world.member.client.invite_as(TEAM, "otto", "member").is(200);
    lead.client.set_project_role(&hers, &world.member.id, "viewer").is(200);
}

/// The refusal is the decision, and names the permission that is lacking.
#[test]
fn the_refusal_to_give_says_what_is_lacking() {
    let world = World::new();
    world.admin.client.create_role("Steward", "member", &["team:update_member"]).is(200);
    let steward = world.teammate("stella", "Steward");
    let sentence = steward.client.set_team_role(TEAM, &world.member.id, "admin").is(403).message();
    assert!(sentence.contains("does not hold"), "{sentence}");
    // The bare right they have: to give less.
    assert!(world.may("stella", "team:update_member", TEAM));
}

/// Owning a project is holding four permissions: who may choose the owner and lacks one of them makes nobody owner.
#[test]
fn an_owner_is_made_only_by_who_holds_what_owners_hold() {
    let world = World::new();
    let p = world.project("p", "PRIVATE");
    let role = role_id(&world.admin.client.create_role("Notary", "member", &["project:update_owner"]));
    let notary = world.teammate("nick", "Notary");
    for target in [&notary, &world.member] {
        let sentence = notary.client.set_owner(&p, &target.id).is(403).message();
        assert!(sentence.contains("project:update"), "{sentence}");
    }
    let reply = notary.client.upsert_project(TEAM, "p", Some("USER_WRITE"));
    world.agrees(&notary, "project:update_visibility", "acme/p", &reply, false);
    let rest = ["project:update", "project:update_visibility", "project:update_member"];
    world.admin.client.update_role(&role, json!({ "addPermissions": rest })).is(200);
    notary.client.set_owner(&p, &world.member.id).is(200);
}

/// A project admin is one in that project: not in the team, not in another project, and gives no more than that.
#[test]
fn a_project_admin_gives_no_more_than_the_project_holds() {
    let world = World::new();
    let (p, q) = (world.project("p", "PRIVATE"), world.project("q", "PRIVATE"));
    world.admin.client.create_role("Deleter", "member", &["project:delete"]).is(200);
    world.admin.client.create_role("Boss", "member", &["team:update_member", "team:update"]).is(200);
    let (mia, target) = (&world.member, world.teammate("nora", "member"));
    world.team_admin.client.set_project_role(&p, &mia.id, "admin").is(200);
    for role in ["admin", "Deleter", "viewer"] {
        is_refused("elsewhere", &mia.client.set_project_role(&q, &target.id, role));
        is_refused("team", &mia.client.set_team_role(TEAM, &target.id, role));
        is_refused("team", &mia.client.set_team_role(TEAM, &mia.id, role));
        is_refused("invite", &mia.client.invite_as(TEAM, "otto", role));
        is_refused("stranger", &mia.client.set_project_role(&p, &world.outsider.id, role));
    }
    for role in ["Deleter", "admin", "viewer"] {
        mia.client.set_project_role(&p, &target.id, role).is(200);
    }
    // A role whose own permissions are the team's works in a project as far as the project goes, and opens no team.
    mia.client.set_project_role(&p, &target.id, "Boss").is(200);
    let reply = target.client.update_team(TEAM, json!({"description": "mine"}));
    world.agrees(&target, "team:update", TEAM, &reply, false);
    let reply = target.client.set_team_role(TEAM, &target.id, "admin");
    world.agrees(&target, "team:update_member", TEAM, &reply, false);
}

/// CVE-2025-2938 GitLab and the like: what a role holds is what counts, at the next request after it was edited.
#[test]
fn a_role_that_is_edited_counts_for_its_holders_at_the_next_request() {
    let world = World::new();
    world.project("p", "PRIVATE");
    let q = world.project("q", "PRIVATE");
    let role = role_id(&world.admin.client.create_role("Curator", "member", &["project:update"]));
    let cara = world.teammate("cara", "Curator");
    world.team_admin.client.set_project_role(&q, &world.member.id, "Curator").is(200);
    let holders = [(&cara, "p"), (&world.member, "q")];
    let check = |action: &str, may: bool| {
        for (who, project) in holders {
            let resource = format!("{TEAM}/{project}");
            let reply = match action {
                "project:update" => who.client.describe(TEAM, project, "x"),
                // To what it is: what counts is whether they might.
                _ => who.client.upsert_project(TEAM, project, Some("PRIVATE")),
            };
            world.agrees(who, action, &resource, &reply, may);
        }
    };
    check("project:update", true);
    check("project:update_visibility", false);
    world.admin.client.update_role(&role, json!({"addPermissions": ["project:update_visibility"]})).is(200);
    check("project:update_visibility", true);
    world
        .admin
        .client
        .update_role(&role, json!({"removePermissions": ["project:update_visibility", "project:update"]}))
        .is(200);
    check("project:update_visibility", false);
    check("project:update", false);
    // Its base becomes view-only: nothing is written any more.
    world.admin.client.update_role(&role, json!({"inheritedFrom": "viewer"})).is(200);
    let reply = cara.client.upsert_project(TEAM, "new", None);
    world.agrees(&cara, "project:create", TEAM, &reply, false);
    // A new name is a name: whoever holds it holds it still.
    world.admin.client.update_role(&role, json!({"name": "Keeper", "addPermissions": ["project:update"]})).is(200);
    check("project:update", true);
    world.team_admin.client.set_team_role(TEAM, &cara.id, "Curator").is(400).message();
}

/// Deleting a role gives its holders what it inherited from in the same transaction: there is no moment without a role, and
/// its id and its name bring nothing back.
#[test]
fn deleting_a_role_leaves_its_holders_the_one_it_inherited_from() {
    let world = World::new();
    let p = world.project("p", "PRIVATE");
    for base in ["member", "viewer"] {
        let add: &[&str] = &["project:update", "team:update_member"];
        let role = role_id(&world.admin.client.create_role("Curator", base, add));
        let holder = world.teammate(&format!("holder-{base}"), "Curator");
        let inside = world.teammate(&format!("inside-{base}"), "member");
        world.team_admin.client.set_project_role(&p, &inside.id, "Curator").is(200);
        let query = "mutation($m: String) { createInvite(input: {entityName: \"acme\", email: $m, role: \"Curator\"}) {
            invite { role } } }";
        world.team_admin.client.data(query, json!({"m": format!("late-{base}@example.com")}));
        let edit = |who: &Person, may: bool| {
            let reply = who.client.describe(TEAM, "p", base);
            world.agrees(who, "project:update", "acme/p", &reply, may);
        };
        edit(&holder, true);
        edit(&inside, true);
        world.admin.client.delete_role(&role).is(200);
        edit(&holder, false);
        edit(&inside, false);
        let late = world.server.person(&format!("late-{base}"), "member");
        for who in [&holder, &late] {
            let row = roles(&world).as_array().unwrap().iter().find(|m| m["username"] == *who.username).cloned();
            assert_eq!(row.unwrap()["role"], base, "{}", who.username);
            let reply = who.client.upsert_project(TEAM, &format!("by-{}", who.username), None);
            world.agrees(who, "project:create", TEAM, &reply, base == "member");
        }
        let row = world.team_admin.client.project_member(TEAM, "p", &inside.username).unwrap();
        assert_eq!((&row["role"]["name"], &row["differs"]), (&json!(base), &json!(base != "member")));
        // What equals the team role now follows it, also where it was set while the team role was another.
        let followed = world.teammate(&format!("followed-{base}"), "member");
        let again = role_id(&world.admin.client.create_role("Passing", base, add));
        let q = world.project(&format!("q-{base}"), "PRIVATE");
        world.team_admin.client.set_team_role(TEAM, &followed.id, "Passing").is(200);
        world.team_admin.client.set_project_role(&q, &followed.id, base).is(200);
        world.admin.client.delete_role(&again).is(200);
        world.team_admin.client.set_team_role(TEAM, &followed.id, "admin").is(200);
        let row = world.team_admin.client.project_member(TEAM, &format!("q-{base}"), &followed.username).unwrap();
        assert_eq!((&row["role"]["name"], &row["differs"]), (&json!("admin"), &json!(false)));
        // A namesake is another role.
        let again = role_id(&world.admin.client.create_role("Curator", base, &["project:update"]));
        assert_ne!(again, role);
        edit(&holder, false);
        edit(&inside, false);
        world.admin.client.delete_role(&role).is(404).message();
        world.admin.client.delete_role(&again).is(200);
    }
}

/// CVE-2025-9486 GitLab: a pending membership has no right, whatever role it promises, and approval gives what was shown.
#[test]
fn a_promised_role_is_no_role_until_it_is_taken_up() {
    let world = World::new();
    world.admin.client.create_role("Steward", "member", &["team:update_member", "team:invite_user"]).is(200);
    world.admin.client.create_role("Deleter", "member", &["project:delete"]).is(200);
    let steward = world.teammate("stella", "Steward");
    let invite = |client: &Client, name: &str, role: &str| {
        let query = "mutation($m: String, $r: String) {
            createInvite(input: {entityName: \"acme\", email: $m, role: $r}) { invite { role } } }";
        client.graphql(query, json!({"m": format!("{name}@example.com"), "r": role}))
    };
    for (name, role) in [("ann", "Steward"), ("bob", "member"), ("cid", "Steward")] {
        invite(&steward.client, name, role).is(200);
    }
    // The inviter loses the right to give it, or loses everything: what they promised is void at that moment.
    let ann = world.server.person("ann", "member");
    let reply = ann.client.team(TEAM);
    world.agrees(&ann, "team:read", TEAM, &reply, true);
    world.team_admin.client.set_team_role(TEAM, &steward.id, "member").is(200);
    let bob = world.server.person("bob", "member");
    let reply = bob.client.team(TEAM);
    world.agrees(&bob, "team:read", TEAM, &reply, false);
    // Promised, then the role grew: the promise is judged by what the role holds when it is taken up.
    world.team_admin.client.set_team_role(TEAM, &steward.id, "Steward").is(200);
    let roles = world.admin.client.data("{ organization(name: \"default\") { roles { id name } } }", json!({}));
    let of = roles["organization"]["roles"].as_array().unwrap().iter().find(|r| r["name"] == "Steward").unwrap()["id"]
        .clone();
    invite(&steward.client, "dan", "Steward").is(200);
    world.team_admin.client.set_team_role(TEAM, &steward.id, "Deleter").is(200);
    world.admin.client.update_role(&of, json!({"addPermissions": ["project:delete", "team:update"]})).is(200);
    for name in ["cid", "dan"] {
        let person = world.server.person(name, "member");
        let reply = person.client.team(TEAM);
        world.agrees(&person, "team:read", TEAM, &reply, false);
    }
}

/// CVE-2026-15630 Casdoor, CVE-2026-4636 Keycloak: the thing that was authorised is the thing that is changed. An id of
/// another team's project, of a person outside, of another kind, never reaches what it names.
#[test]
fn ids_of_other_things_reach_nothing() {
    let world = World::new();
    let boss = world.server.person("boris", "member");
    world.admin.client.create_team("closed", Some("boris")).is(200);
    let inner = made_id(&boss.client.upsert_project("closed", "inner", Some("RESTRICTED")));
    let p = world.project("p", "RESTRICTED");
    let tess = &world.team_admin.client;
    for (what, reply) in [
        ("role", tess.set_project_role(&inner, &world.member.id, "viewer")),
        ("role of boris", tess.set_project_role(&inner, &boss.id, "viewer")),
        ("owner", tess.set_owner(&inner, &world.team_admin.id)),
        ("add", tess.add_to_project(&inner, &world.team_admin.id)),
        ("join", tess.join_project("closed", "inner")),
        ("team role", tess.set_team_role("closed", &boss.id, "viewer")),
        ("self", tess.set_team_role("closed", &world.team_admin.id, "admin")),
        ("update", tess.update_team("closed", json!({"membersInvite": true}))),
        ("join team", tess.join_team("closed", "member")),
    ] {
        assert_eq!(reply.status, 404, "{what}: {reply:?}");
        let sentence = reply.message();
        assert!(!sentence.contains("boris") && !sentence.contains("inner/"), "{what}: {sentence}");
    }
    // The project's id where the person's belongs, and the other way about.
    for (project, user) in [(&world.member.id, &world.member.id), (&p, &p), (&p, &inner), (&p, &"-1".to_owned())] {
        let reply = tess.set_project_role(project, user, "viewer");
        assert!((400..500).contains(&reply.status), "{reply:?}");
    }
    boss.client.project("closed", "inner").is(200);
    assert_eq!(boss.client.members("closed").len(), 1);
}

/// CVE-2026-70396 Gitea and CVE-2024-4006 GitLab: a narrow key of a mighty account gives no role and turns no switch.
#[test]
fn a_read_only_key_gives_no_role() {
    let world = World::new();
    let p = world.project("p", "PRIVATE");
    let role = role_id(&world.admin.client.create_role("Curator", "member", &[]));
    let keys = [read_only(&world, "root"), read_only(&world, "tess")];
    for key in &keys {
        for reply in [
            key.create_role("Mine", "member", &[]),
            key.update_role(&role, json!({"name": "Mine"})),
            key.delete_role(&role),
            key.set_team_role(TEAM, &world.member.id, "viewer"),
            key.set_project_role(&p, &world.member.id, "viewer"),
            key.set_owner(&p, &world.member.id),
            key.update_team(TEAM, json!({"membersInvite": true})),
            key.update_org(json!({"adminsInvite": true})),
            key.set_seats("mia", Some("none"), None),
        ] {
            assert!(matches!(reply.status, 403 | 404), "{reply:?}");
        }
        key.data("{ permissions { name } organization(name: \"default\") { roles { name } } }", json!({}));
    }
}

/// CVE-2026-14615 Keycloak: what is nested is filtered for the one who asks, element by element.
#[test]
fn nested_lists_show_nothing_that_a_direct_question_hides() {
    let world = World::new();
    let vault = world.project("vault", "RESTRICTED");
    world.project("show", "USER_READ");
    world.team_admin.client.add_to_project(&vault, &world.member.id).is(200);
    let query = "{ viewer { reaches { projects { name } } teams { edges { node { members { username } } } } }
        models(entityName: \"acme\") { edges { node { name members { username } user { email } } } } }";
    for (who, sees) in [(&world.member, true), (&world.viewer, false), (&world.outsider, false)] {
        let reply = who.client.graphql(query, json!({})).is(200);
        assert_eq!(reply.body.contains("vault"), sees, "{}: {reply:?}", who.username);
    }
    let reply = world.outsider.client.graphql(query, json!({})).is(200);
    for name in ["tess", "mia", "nightly"] {
        let shown = reply.json()["data"].to_string();
        assert!(!shown.contains(&format!("{name}@")), "{name}: {reply:?}");
    }
}

/// A switch that gives everybody a right is turned on only by who has it; an invitation is taken back only by who could give
/// it.
#[test]
fn a_team_setting_and_an_invitation_give_and_take_no_more_than_one_has() {
    let world = World::new();
    let role = role_id(&world.admin.client.create_role("Janitor", "member", &["team:update", "team:uninvite"]));
    let janitor = world.teammate("jan", "Janitor");
    let reply = janitor.client.update_team(TEAM, json!({"description": "clean"}));
    world.agrees(&janitor, "team:update", TEAM, &reply, true);
    let reply = janitor.client.update_team(TEAM, json!({"description": "mine", "membersInvite": true}));
    assert!(reply.clone().is(403).message().contains("team:invite_user"), "{reply:?}");
    let reply = janitor.client.invite(TEAM, "otto", false);
    world.agrees(&janitor, "team:invite_user", TEAM, &reply, false);
    let invite = |name: &str, role: &str| {
        let query = "mutation($m: String, $r: String) {
            createInvite(input: {entityName: \"acme\", email: $m, role: $r}) { invite { id } } }";
        let made = world.team_admin.client.data(query, json!({"m": format!("{name}@example.com"), "r": role}));
        made["createInvite"]["invite"]["id"].as_str().unwrap().to_owned()
    };
    let (boss, hand) = (invite("boss", "admin"), invite("hand", "member"));
    janitor.client.remove_member(TEAM, &boss).is(403).message();
    janitor.client.remove_member(TEAM, &hand).is(200);
    let pending: Vec<Value> =
        roles(&world).as_array().unwrap().iter().filter(|m| m["username"].is_null()).cloned().collect();
    assert_eq!(pending.len(), 1, "{pending:?}");
    // With the right itself the switch can be turned, and whoever may turns it off again.
    world.admin.client.update_role(&role, json!({"addPermissions": ["team:invite_user"]})).is(200);
    janitor.client.update_team(TEAM, json!({"membersInvite": true})).is(200);
    world.admin.client.update_role(&role, json!({"removePermissions": ["team:invite_user"]})).is(200);
    janitor.client.update_team(TEAM, json!({"membersInvite": false})).is(200);
}

//! Switches: members may invite (the team's, under the organization's), no personal projects, organization admins kept out
//! of teams. Each call is held against what `explain` says of it ([`World::agrees`]).

use crate::harness::{Client, Person, Server, Setup, World, world::TEAM};
use serde_json::{Value, json};

#[test]
fn f182_members_invite_where_the_team_lets_them_and_the_organization_does_not_forbid_it() {
    let world = World::new();
    let (tess, mia) = (&world.team_admin.client, &world.member);
    let mut n = 0;
    let mut invite = |who: &Person, may: bool| {
        n += 1;
        let guest = format!("guest{n}");
        world.server.person(&guest, "member");
        let reply = who.client.invite(TEAM, &guest, false);
        world.agrees(who, "team:invite_user", TEAM, &reply, may);
        assert_eq!(tess.member_of(TEAM, &guest).is_some(), may);
    };
    invite(mia, false);
    tess.update_team(TEAM, json!({"membersInvite": true})).is(200);
    invite(mia, true);
    for who in [&world.viewer, &world.outsider] {
        invite(who, false);
    }
    world.service.invite(TEAM, "otto", false).is(403).message();
    world.admin.client.update_org(json!({"adminsInvite": true})).is(200);
    invite(mia, false);
    for who in [&world.team_admin, &world.admin] {
        invite(who, true);
    }
    // The team's own switch stays as it was, and counts again.
    world.admin.client.update_org(json!({"adminsInvite": false})).is(200);
    invite(mia, true);
    tess.update_team(TEAM, json!({"membersInvite": false})).is(200);
    invite(mia, false);
    // Inviting is all that it gives.
    tess.update_team(TEAM, json!({"membersInvite": true})).is(200);
    let reply = mia.client.remove_member(TEAM, &world.viewer.id);
    world.agrees(mia, "team:uninvite", TEAM, &reply, false);
    let reply = mia.client.set_team_role(TEAM, &world.viewer.id, "viewer");
    world.agrees(mia, "team:update_member", TEAM, &reply, false);
}

/// An invitation that a member made waits without any right, and is void if they may not invite any more when it is taken.
#[test]
fn f182_an_invitation_is_worth_what_its_inviter_is_when_it_is_taken_up() {
    let world = World::new();
    let tess = &world.team_admin.client;
    tess.update_team(TEAM, json!({"membersInvite": true})).is(200);
    let query =
        "mutation($m: String) { createInvite(input: {entityName: \"acme\", email: $m}) { invite { pending } } }";
    for name in ["ann", "bob"] {
        world.member.client.data(query, json!({"m": format!("{name}@example.com")}));
    }
    let ann = world.server.person("ann", "member");
    let reply = ann.client.team(TEAM);
    world.agrees(&ann, "team:read", TEAM, &reply, true);
    tess.update_team(TEAM, json!({"membersInvite": false})).is(200);
    let bob = world.server.person("bob", "member");
    let reply = bob.client.team(TEAM);
    world.agrees(&bob, "team:read", TEAM, &reply, false);
}

fn upsert(client: &Client, entity: Option<&str>, name: &str) -> crate::harness::Reply {
    let query =
        "mutation($e: String, $n: String) { upsertModel(input: {entityName: $e, name: $n}) { project { id } } }";
    client.graphql(query, json!({"e": entity, "n": name}))
}

#[test]
fn f300_personal_projects_are_not_made_where_the_switch_says_so() {
    let world = World::with(Setup::default().env("GORILLA_DISABLE_PERSONAL_ENTITY", "true"));
    let mia = &world.member;
    for entity in [Some("mia"), None] {
        let reply = upsert(&mia.client, entity, "diary");
        world.agrees(mia, "project:create", "mia", &reply, false);
        // What the person does next: name a team, as WANDB_ENTITY does.
        assert!(reply.message().contains("WANDB_ENTITY"), "{reply:?}");
    }
    assert_eq!(mia.client.project_names("mia"), Vec::<String>::new());
    upsert(&mia.client, Some(TEAM), "diary").is(200);
    // Admins are people too.
    let reply = upsert(&world.admin.client, None, "diary");
    world.agrees(&world.admin, "project:create", "root", &reply, false);
}

#[test]
fn f301_existing_personal_projects_are_read_and_not_written() {
    let server = Server::start(Setup::default());
    let (root, mia) = (server.person("root", "admin"), server.person("mia", "member"));
    let made = upsert(&mia.client, None, "diary").is(200).json();
    let id = made["data"]["upsertModel"]["project"]["id"].clone();
    mia.client.describe("mia", "diary", "before").is(200);
    let data = server.stop();
    let server = Server::start(Setup::default().data(&data).env("GORILLA_DISABLE_PERSONAL_ENTITY", "true"));
    let (root, mia) = (server.anonymous().key(&root.key), server.anonymous().key(&mia.key));
    let delete = "mutation($id: String!) { deleteModel(input: {id: $id}) { success } }";
    for (action, reply) in [
        ("project:update", mia.describe("mia", "diary", "after")),
        ("project:update_visibility", mia.upsert_project("mia", "diary", Some("USER_READ"))),
        ("project:delete", mia.graphql(delete, json!({ "id": id }))),
    ] {
        assert_eq!(reply.status, 403, "{reply:?}");
        let said = root.explained("mia", action, "mia/diary");
        assert_eq!(said["allowed"], false, "{said}");
        let last = said["chain"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap().to_owned();
        assert!(reply.message().contains(last.trim_end_matches('.')), "{reply:?} {said}");
    }
    for action in ["run:create", "run:update", "artifact:create", "weave:create"] {
        assert_eq!(root.explained("mia", action, "mia/diary")["allowed"], false, "{action}");
    }
    for action in ["project:read", "run:read"] {
        assert_eq!(root.explained("mia", action, "mia/diary")["allowed"], true, "{action}");
    }
    assert!(mia.reads("mia", "diary"));
    assert_eq!(mia.project_names("mia"), ["diary"]);
}

/// Every way by which an organization admin gets into a team, and what stays theirs.
#[test]
fn f302_organization_admins_stay_out_of_teams_where_the_switch_says_so() {
    let world = World::with(Setup::default().env("GORILLA_DISABLE_ADMIN_TEAM_ACCESS", "true"));
    let root = &world.admin;
    world.project("p", "PRIVATE");
    for role in ["admin", "member", "viewer"] {
        for reply in [
            root.client.join_team(TEAM, role),
            root.client.invite_as(TEAM, "root", role),
            root.client.invite_as(TEAM, "root@example.com", role),
        ] {
            world.agrees(root, "team:join", TEAM, &reply, false);
        }
    }
    assert!(world.team_admin.client.member_of(TEAM, "root").is_none());
    let reply = root.client.upsert_project(TEAM, "p", Some("USER_READ"));
    world.agrees(root, "project:update_visibility", "acme/p", &reply, false);
    let reply = root.client.create_service_account(TEAM, "mine");
    world.agrees(root, "team:create_service_account", TEAM, &reply, false);
    world.reads(root, "p", false);
    // Managing others is what remains.
    let reply = root.client.invite(TEAM, "otto", false);
    world.agrees(root, "team:invite_user", TEAM, &reply, true);
    let reply = root.client.set_team_role(TEAM, &world.outsider.id, "viewer");
    world.agrees(root, "team:update_member", TEAM, &reply, true);
    let reply = root.client.remove_member(TEAM, &world.outsider.id);
    world.agrees(root, "team:uninvite", TEAM, &reply, true);
    // Who is let in by the team is in, with the role that the team gave, and does not raise it.
    world.team_admin.client.invite_as(TEAM, "root", "viewer").is(200);
    world.reads(root, "p", true);
    root.client.set_team_role(TEAM, &root.id, "admin").is(403).message();
    let reply = root.client.describe(TEAM, "p", "mine");
    world.agrees(root, "project:update", "acme/p", &reply, false);
    // Their own teams are theirs.
    root.client.create_team("own", None).is(200);
    root.client.upsert_project("own", "p", None).is(200);
}

#[test]
fn f303_by_default_an_organization_admin_joins_and_that_is_audited() {
    let world = World::new();
    world.project("p", "PRIVATE");
    let root = &world.admin;
    world.reads(root, "p", false);
    assert!(world.may("root", "team:join", TEAM));
    let joined = root.client.join_team(TEAM, "member").is(200).json();
    assert_eq!(joined["data"]["joinTeam"]["role"], "member");
    world.reads(root, "p", true);
    let log = root.client.get("/admin/audit_logs").is(200).body;
    assert!(log.contains("team:join") || log.to_lowercase().contains("join"), "{log}");
    for who in [&world.outsider, &world.member] {
        assert!(!world.may(&who.username, "team:join", TEAM));
    }
    let reply = world.outsider.client.join_team(TEAM, "viewer");
    world.agrees(&world.outsider, "team:join", TEAM, &reply, false);
    // Joining again, in whatever role, changes nothing: the role is kept.
    let again: Value = root.client.join_team(TEAM, "admin").is(200).json();
    assert_eq!(again["data"]["joinTeam"]["role"], "member", "{again}");
}

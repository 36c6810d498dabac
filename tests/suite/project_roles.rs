//! Project roles: given in team and restricted projects, following the team role while equal, frozen once different, gone
//! with the person. Each call is held against what `explain` says of it ([`World::agrees`]).

use crate::harness::{Person, World, world::TEAM};
use serde_json::{Value, json};

/// The role that counts in a project and whether it is starred, as the project's own list shows it.
fn role(world: &World, project: &str, who: &Person) -> (String, bool) {
    let row = world.team_admin.client.project_member(TEAM, project, &who.username);
    let row = row.unwrap_or_else(|| panic!("{} is not in {project}", who.username));
    (row["role"]["name"].as_str().unwrap().to_owned(), row["differs"] == true)
}

fn is(role: &str, differs: bool) -> (String, bool) {
    (role.to_owned(), differs)
}

#[test]
fn f209_f212_a_project_admin_rules_that_project_at_the_next_request_and_no_other() {
    let world = World::new();
    let p = world.project("p", "PRIVATE");
    world.project("q", "PRIVATE");
    let mia = &world.member;
    let widen = |project: &str| mia.client.upsert_project(TEAM, project, Some("USER_READ"));
    world.agrees(mia, "project:update_visibility", "acme/p", &widen("p"), false);
    let given = world.team_admin.client.set_project_role(&p, &mia.id, "admin");
    world.agrees(&world.team_admin, "project:update_member", "acme/p", &given, true);
    assert_eq!(given.json()["data"]["updateProjectMember"], json!({"success": true, "differs": true}));
    let reply = mia.client.describe(TEAM, "p", "hers");
    world.agrees(mia, "project:update", "acme/p", &reply, true);
    for action in ["project:update_member", "project:delete", "run:delete", "project:update_visibility"] {
        assert!(world.may("mia", action, "acme/p"), "{action}");
        assert!(!world.may("mia", action, "acme/q"), "{action} elsewhere");
    }
    world.agrees(mia, "project:update_visibility", "acme/q", &widen("q"), false);
    let reply = mia.client.update_team(TEAM, json!({"description": "hers"}));
    world.agrees(mia, "team:update", TEAM, &reply, false);
    // Taken again as quickly.
    world.team_admin.client.set_project_role(&p, &mia.id, "inherit").is(200);
    world.agrees(mia, "project:update_visibility", "acme/p", &widen("p"), false);
    assert_eq!(role(&world, "p", mia), is("member", false));
    world.team_admin.client.set_project_role(&p, &mia.id, "admin").is(200);
    let reply = mia.client.upsert_project(TEAM, "p", Some("RESTRICTED"));
    assert_eq!(reply.status, 200, "{reply:?}");
    // In there the role holds as well.
    world.reads(mia, "p", true);
    assert_eq!(role(&world, "p", mia), is("admin", true));
}

#[test]
fn f210_project_roles_are_for_team_and_restricted_projects() {
    let world = World::new();
    let tess = &world.team_admin.client;
    for access in ["USER_WRITE", "USER_READ"] {
        let id = world.project(&access.to_lowercase().replace('_', "-"), access);
        tess.set_project_role(&id, &world.member.id, "admin").is(400).message();
    }
    for access in ["PRIVATE", "RESTRICTED"] {
        let id = world.project(&access.to_lowercase(), access);
        if access == "RESTRICTED" {
            tess.set_project_role(&id, &world.member.id, "admin").is(400).message();
            tess.add_to_project(&id, &world.member.id).is(200);
        }
        tess.set_project_role(&id, &world.member.id, "admin").is(200);
        assert_eq!(role(&world, &access.to_lowercase(), &world.member), is("admin", true));
    }
    let own = world.member.client.upsert_project("mia", "diary", None).is(200).json();
    let own = own["data"]["upsertModel"]["project"]["id"].as_str().unwrap().to_owned();
    world.member.client.set_project_role(&own, &world.member.id, "viewer").is(400).message();
    let reply = tess.set_project_role(&own, &world.member.id, "viewer");
    assert_eq!(reply.status, 404, "{reply:?}");
}

#[test]
fn f211_a_custom_role_works_in_its_project_and_nowhere_else() {
    let world = World::new();
    let p = world.project("p", "PRIVATE");
    world.project("q", "PRIVATE");
    world.admin.client.create_role("Curator", "member", &["project:update"]).is(200);
    let mia = &world.member;
    world.team_admin.client.set_project_role(&p, &mia.id, "curator").is(400).message();
    world.team_admin.client.set_project_role(&p, &mia.id, "Curator").is(200);
    assert_eq!(role(&world, "p", mia), is("Curator", true));
    let reply = mia.client.describe(TEAM, "p", "hers");
    world.agrees(mia, "project:update", "acme/p", &reply, true);
    let reply = mia.client.describe(TEAM, "q", "hers");
    world.agrees(mia, "project:update", "acme/q", &reply, false);
    let reply = mia.client.upsert_project(TEAM, "p", Some("USER_READ"));
    world.agrees(mia, "project:update_visibility", "acme/p", &reply, false);
    let roles = world
        .admin
        .client
        .data("{ organization(name: \"default\") { roles { holders { teams projects } } } }", json!({}));
    assert_eq!(roles["organization"]["roles"][0]["holders"], json!({"teams": 0, "projects": 1}));
}

#[test]
fn f213_f214_a_role_that_differs_is_marked_and_one_that_does_not_is_not() {
    let world = World::new();
    let p = world.project("p", "PRIVATE");
    let mia = &world.member;
    assert_eq!(role(&world, "p", mia), is("member", false));
    assert_eq!(role(&world, "p", &world.team_admin), is("admin", false));
    for (given, differs) in
        [("viewer", true), ("Admin", true), ("member", false), ("view-only", true), ("inherit", false)]
    {
        world.team_admin.client.set_project_role(&p, &mia.id, given).is(200);
        assert_eq!(role(&world, "p", mia).1, differs, "{given}");
    }
    assert_eq!(role(&world, "p", mia), is("member", false));
    world.team_admin.client.set_project_role(&p, &mia.id, "owner").is(400).message();
}

#[test]
fn f215_c81_view_only_people_viewers_and_machines_keep_what_they_have() {
    let world = World::new();
    let p = world.project("p", "PRIVATE");
    let ben = world.teammate("ben", "viewer");
    let service = world.team_admin.client.members(TEAM).into_iter().find(|m| m["accountType"] == "SERVICE").unwrap();
    for id in [&ben.id, &world.viewer.id, service["id"].as_str().unwrap()] {
        for given in ["admin", "member"] {
            world.team_admin.client.set_project_role(&p, id, given).is(400).message();
        }
    }
    for who in [&ben, &world.viewer] {
        assert_eq!(role(&world, "p", who), is("viewer", false));
        let reply = who.client.describe(TEAM, "p", "mine");
        world.agrees(who, "project:update", "acme/p", &reply, false);
    }
}

#[test]
fn f216_c80_a_role_equal_to_the_team_role_follows_it() {
    let world = World::new();
    let p = world.project("p", "PRIVATE");
    let (tess, mia) = (&world.team_admin.client, &world.member);
    // Set to what it is: that is no override.
    tess.set_project_role(&p, &mia.id, "member").is(200);
    for (team, may) in [("admin", true), ("viewer", false), ("member", false)] {
        tess.set_team_role(TEAM, &mia.id, team).is(200);
        assert_eq!(role(&world, "p", mia), is(team, false));
        let reply = mia.client.describe(TEAM, "p", team);
        world.agrees(mia, "project:update", "acme/p", &reply, may);
    }
    // A different one that the team role comes to equal follows from there on.
    tess.set_project_role(&p, &mia.id, "admin").is(200);
    tess.set_team_role(TEAM, &mia.id, "admin").is(200);
    assert_eq!(role(&world, "p", mia), is("admin", false));
    tess.set_team_role(TEAM, &mia.id, "member").is(200);
    assert_eq!(role(&world, "p", mia), is("member", false));
}

#[test]
fn f217_a_different_role_stays_when_the_team_role_changes() {
    let world = World::new();
    let p = world.project("p", "PRIVATE");
    let (tess, mia) = (&world.team_admin.client, &world.member);
    tess.set_project_role(&p, &mia.id, "viewer").is(200);
    tess.set_team_role(TEAM, &mia.id, "admin").is(200);
    assert_eq!(role(&world, "p", mia), is("viewer", true));
    let reply = mia.client.describe(TEAM, "p", "no");
    world.agrees(mia, "project:update", "acme/p", &reply, false);
    tess.set_project_role(&p, &mia.id, "member").is(200);
    tess.set_team_role(TEAM, &mia.id, "viewer").is(200);
    // View-only in the team reads only, everywhere; the project role is there again when the team role allows it.
    let reply = mia.client.describe(TEAM, "p", "no");
    world.agrees(mia, "project:update", "acme/p", &reply, false);
    assert!(!world.may("mia", "run:create", "acme/p"));
    tess.set_team_role(TEAM, &mia.id, "admin").is(200);
    assert_eq!(role(&world, "p", mia), is("member", true));
    assert!(world.may("mia", "run:create", "acme/p"));
}

#[test]
fn f218_whoever_is_added_again_starts_from_the_team_role() {
    let world = World::new();
    let p = world.project("p", "RESTRICTED");
    let (tess, mia) = (&world.team_admin.client, &world.member);
    let edits = |may: bool| {
        let reply = mia.client.describe(TEAM, "p", "hers");
        world.agrees(mia, "project:update", "acme/p", &reply, may);
    };
    tess.add_to_project(&p, &mia.id).is(200);
    tess.set_project_role(&p, &mia.id, "admin").is(200);
    edits(true);
    tess.drop_from_project(&p, &mia.id).is(200);
    world.reads(mia, "p", false);
    tess.add_to_project(&p, &mia.id).is(200);
    assert_eq!(role(&world, "p", mia), is("member", false));
    edits(false);
    // The same for who leaves the team and comes back, in team projects too.
    tess.set_project_role(&p, &mia.id, "admin").is(200);
    let q = world.project("q", "PRIVATE");
    tess.set_project_role(&q, &mia.id, "admin").is(200);
    tess.remove_member(TEAM, &mia.id).is(200);
    tess.invite(TEAM, "mia", false).is(200);
    world.reads(mia, "p", false);
    assert_eq!(role(&world, "q", mia), is("member", false));
}

/// C82: kept while restricted and back, ignored while others can reach the project.
#[test]
fn c82_a_project_role_outlives_a_change_of_scope() {
    let world = World::new();
    let p = world.project("p", "RESTRICTED");
    let (tess, mia) = (&world.team_admin.client, &world.member);
    tess.add_to_project(&p, &mia.id).is(200);
    tess.set_project_role(&p, &mia.id, "admin").is(200);
    for (access, counts) in
        [("PRIVATE", true), ("USER_READ", false), ("USER_WRITE", false), ("PRIVATE", true), ("RESTRICTED", true)]
    {
        tess.upsert_project(TEAM, "p", Some(access)).is(200);
        let reply = mia.client.describe(TEAM, "p", access);
        world.agrees(mia, "project:update", "acme/p", &reply, counts);
    }
    let listed: Vec<Value> = tess.project_member(TEAM, "p", "mia").into_iter().collect();
    assert_eq!((&listed[0]["role"]["name"], &listed[0]["differs"]), (&json!("admin"), &json!(true)));
}

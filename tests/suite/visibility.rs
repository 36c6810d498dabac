//! Projects and who reaches them: the four scopes, who sets them, invitations to restricted projects, owners.
//! Each call is held against what `explain` says of it ([`World::agrees`]).

use crate::harness::access::made_id;
use crate::harness::{Person, World, world::TEAM};
use serde_json::{Value, json};

const ACCESS: [(&str, &str); 4] =
    [("USER_WRITE", "open"), ("USER_READ", "public"), ("PRIVATE", "team"), ("RESTRICTED", "restricted")];

/// Whether somebody may submit runs, as the decision and as the project's own `readOnly` say.
#[track_caller]
fn submits(world: &World, who: &Person, project: &str, expected: bool) {
    let resource = format!("{TEAM}/{project}");
    assert_eq!(world.may(&who.username, "run:create", &resource), expected, "{} submits to {project}", who.username);
    let query = "query($e: String, $p: String) { project(entityName: $e, name: $p) { readOnly } }";
    let read = who.client.graphql(query, json!({"e": TEAM, "p": project}));
    if read.status == 200 {
        assert_eq!(read.json()["data"]["project"]["readOnly"], !expected, "{} in {project}", who.username);
    } else {
        assert!(!expected, "{read:?}");
    }
}

#[test]
fn f009_a_change_of_scope_flips_what_a_stranger_reads() {
    let world = World::new();
    world.project("p", "PRIVATE");
    for (access, outsider, member) in [
        ("USER_READ", true, true),
        ("PRIVATE", false, true),
        ("USER_WRITE", true, true),
        ("RESTRICTED", false, false),
        ("PRIVATE", false, true),
    ] {
        world.team_admin.client.upsert_project(TEAM, "p", Some(access)).is(200);
        world.reads(&world.outsider, "p", outsider);
        world.reads(&world.member, "p", member);
    }
}

#[test]
fn f190_open_is_read_and_written_by_everyone() {
    let world = World::new();
    world.project("p", "USER_WRITE");
    for who in [&world.outsider, &world.member, &world.admin, &world.team_admin] {
        world.reads(who, "p", true);
        submits(&world, who, "p", true);
    }
    // A viewer of the organization writes nowhere; nobody from outside changes the project itself.
    world.reads(&world.viewer, "p", true);
    submits(&world, &world.viewer, "p", false);
    for action in ["project:update", "project:delete", "run:delete", "run:update"] {
        assert!(!world.may("otto", action, "acme/p"), "{action}");
    }
    let reply = world.outsider.client.describe(TEAM, "p", "mine now");
    world.agrees(&world.outsider, "project:update", "acme/p", &reply, false);
}

#[test]
fn f191_public_is_read_by_everyone_and_written_by_the_team() {
    let world = World::new();
    world.project("p", "USER_READ");
    for (who, writes) in
        [(&world.outsider, false), (&world.admin, false), (&world.member, true), (&world.viewer, false)]
    {
        world.reads(who, "p", true);
        submits(&world, who, "p", writes);
    }
}

#[test]
fn f192_team_is_for_the_team() {
    let world = World::new();
    world.project("p", "PRIVATE");
    for (who, reads, writes) in [
        (&world.outsider, false, false),
        (&world.admin, false, false),
        (&world.member, true, true),
        (&world.viewer, true, false),
    ] {
        world.reads(who, "p", reads);
        submits(&world, who, "p", writes);
    }
}

#[test]
fn f193_restricted_is_for_the_invited() {
    let world = World::new();
    let id = world.project("p", "RESTRICTED");
    for who in [&world.member, &world.viewer, &world.outsider, &world.admin] {
        world.reads(who, "p", false);
        submits(&world, who, "p", false);
    }
    world.team_admin.client.add_to_project(&id, &world.member.id).is(200);
    world.reads(&world.member, "p", true);
    submits(&world, &world.member, "p", true);
    world.reads(&world.viewer, "p", false);
}

#[test]
fn f194_owner_team_admin_and_organization_admin_set_the_scope_and_nobody_else() {
    let world = World::new();
    let owner = world.teammate("olga", "member");
    owner.client.upsert_project(TEAM, "p", None).is(200);
    for (who, may) in [
        (&world.member, false),
        (&world.viewer, false),
        (&world.outsider, false),
        (&owner, true),
        (&world.team_admin, true),
        (&world.admin, true),
    ] {
        for access in ["USER_READ", "PRIVATE"] {
            let reply = who.client.upsert_project(TEAM, "p", Some(access));
            // To an outsider the project of the team is not there, and neither is the team: it cannot be made either.
            world.agrees(who, "project:update_visibility", "acme/p", &reply, may);
        }
    }
    assert!(!world.may("service-nightly", "project:update_visibility", "acme/p"));
    world.service.upsert_project(TEAM, "p", Some("USER_READ")).is(403);
}

#[test]
fn f195_each_scope_can_be_chosen_at_creation_by_either_word() {
    let world = World::new();
    for (access, word) in ACCESS {
        for typed in [access, word] {
            let name = format!("by-{}", typed.to_lowercase().replace('_', "-"));
            let made = world.member.client.upsert_project(TEAM, &name, Some(typed)).is(200).json();
            assert_eq!(made["data"]["upsertModel"]["project"]["access"], access);
            let read = world.member.client.project(TEAM, &name).is(200).json();
            assert_eq!(read["data"]["project"]["access"], access, "its maker is in it, also where it is restricted");
        }
    }
    world.member.client.upsert_project(TEAM, "odd", Some("everybody")).is(400).message();
    assert!(!world.member.client.reads(TEAM, "odd"));
}

#[test]
fn f196_an_edit_of_the_scope_is_stored_and_in_force_at_once() {
    let world = World::new();
    world.project("p", "PRIVATE");
    for (access, _) in &ACCESS[..3] {
        world.team_admin.client.upsert_project(TEAM, "p", Some(access)).is(200);
        let read = world.member.client.project(TEAM, "p").is(200).json();
        assert_eq!(&read["data"]["project"]["access"], access);
        world.reads(&world.outsider, "p", *access != "PRIVATE");
    }
}

#[test]
fn f197_people_are_invited_when_a_restricted_project_is_made() {
    let world = World::new();
    let create = "mutation($i: UpsertModelInput!) { upsertModel(input: $i) { project { id } } }";
    let input = |access: &str, users: Value| json!({"i": {"entityName": TEAM, "name": "p", "access": access, "userIds": users}});
    let tess = &world.team_admin.client;
    // Nothing half-made is left: a stranger among the invited, a project that is not restricted.
    tess.refused(400, create, input("RESTRICTED", json!([world.member.id, world.outsider.id])));
    tess.refused(400, create, input("PRIVATE", json!([world.member.id])));
    assert!(!tess.reads(TEAM, "p"));
    tess.data(create, input("RESTRICTED", json!([world.member.id])));
    world.reads(&world.member, "p", true);
    world.reads(&world.viewer, "p", false);
    world.reads(&world.team_admin, "p", true);
    // Later it takes createProjectMembers.
    tess.refused(400, create, input("RESTRICTED", json!([world.viewer.id])));
    world.reads(&world.viewer, "p", false);
}

#[test]
fn f198_only_members_of_the_team_are_invited_and_ids_tell_no_names() {
    let world = World::new();
    let id = world.project("p", "RESTRICTED");
    for who in [&world.outsider, &world.admin] {
        let sentence = world.team_admin.client.add_to_project(&id, &who.id).is(400).message();
        assert!(!sentence.contains(&who.username), "an id does not tell whose it is: {sentence}");
        world.reads(who, "p", false);
    }
    let otto = &world.outsider.id;
    for reply in [
        world.team_admin.client.set_project_role(&id, otto, "member"),
        world.team_admin.client.set_owner(&id, otto),
        world.team_admin.client.set_team_role(TEAM, otto, "viewer"),
        world.team_admin.client.remove_member(TEAM, otto),
    ] {
        let sentence = reply.message();
        assert!((400..500).contains(&reply.status) && !sentence.contains("otto"), "{reply:?}");
    }
}

#[test]
fn f199_adding_gives_access_and_removing_takes_it() {
    let world = World::new();
    let id = world.project("p", "RESTRICTED");
    let tess = &world.team_admin.client;
    for _ in 0..2 {
        tess.add_to_project(&id, &world.member.id).is(200);
        world.reads(&world.member, "p", true);
        // The list of the invited is the people who read it.
        assert!(tess.project_member(TEAM, "p", "mia").is_some());
        let reached = tess.data(
            "{ project(entityName: \"acme\", name: \"p\") { reachedBy {
            user { username } invited reads through teamRole } } }",
            json!({}),
        );
        for row in reached["project"]["reachedBy"].as_array().unwrap() {
            let name = row["user"]["username"].as_str().unwrap();
            assert_eq!(row["reads"], world.may(name, "project:read", "acme/p"), "{row}");
        }
        tess.drop_from_project(&id, &world.member.id).is(200);
        world.reads(&world.member, "p", false);
        assert!(tess.project_member(TEAM, "p", "mia").is_none());
    }
    // Whoever is in it, without a role that chooses members, adds and removes nobody.
    tess.add_to_project(&id, &world.member.id).is(200);
    let reply = world.member.client.add_to_project(&id, &world.viewer.id);
    world.agrees(&world.member, "project:update_member", "acme/p", &reply, false);
    let reply = world.member.client.drop_from_project(&id, &world.team_admin.id);
    world.agrees(&world.member, "project:update_member", "acme/p", &reply, false);
}

#[test]
fn f200_a_team_that_keeps_its_future_projects_private_has_no_new_open_or_public_ones() {
    let world = World::new();
    world.project("before", "USER_READ");
    world.project("plain", "PRIVATE");
    let (tess, root) = (&world.team_admin.client, &world.admin.client);
    let private = |on: bool| tess.update_team(TEAM, json!({ "privateProjects": on })).is(200).json();
    let enforced = |on: bool| root.update_org(json!({ "privateProjects": on })).is(200).json();
    // By the team's switch, and by the organization's, which goes over it.
    for switches in [(true, false), (false, true), (true, true)] {
        private(switches.0);
        enforced(switches.1);
        let said = tess.data("{ entity(name: \"acme\") { privateOnly privateProjects } }", json!({}));
        assert_eq!(said["entity"], json!({"privateOnly": true, "privateProjects": switches.0}));
        for client in [tess, root] {
            for access in ["USER_WRITE", "USER_READ"] {
                client.upsert_project(TEAM, "plain", Some(access)).is(400).message();
            }
        }
        for access in ["USER_WRITE", "USER_READ"] {
            tess.upsert_project(TEAM, "new", Some(access)).is(400).message();
        }
        assert!(!tess.reads(TEAM, "new"));
        for (n, access) in ["PRIVATE", "RESTRICTED"].into_iter().enumerate() {
            tess.upsert_project(TEAM, &format!("ok-{}-{}-{n}", switches.0, switches.1), Some(access)).is(200);
        }
        world.reads(&world.outsider, "before", true);
        world.reads(&world.outsider, "plain", false);
    }
    private(false);
    enforced(false);
    tess.upsert_project(TEAM, "plain", Some("USER_WRITE")).is(200);
    world.reads(&world.outsider, "plain", true);
    // Only those who may turn the switches.
    let reply = world.member.client.update_team(TEAM, json!({"privateProjects": true}));
    world.agrees(&world.member, "team:update", TEAM, &reply, false);
    let reply = world.team_admin.client.update_org(json!({"privateProjects": true}));
    world.agrees(&world.team_admin, "organization:update", "", &reply, false);
}

#[test]
fn f201_f202_team_to_restricted_drops_everybody_and_back_brings_them_all() {
    let world = World::new();
    let id = made_id(&world.member.client.upsert_project(TEAM, "p", None));
    let other = world.teammate("nora", "member");
    let tess = &world.team_admin.client;
    tess.upsert_project(TEAM, "p", Some("RESTRICTED")).is(200);
    // Whoever restricts it and its owner stay; the others are out, unless invited.
    for (who, reads) in [(&world.team_admin, true), (&world.member, true), (&other, false), (&world.viewer, false)] {
        world.reads(who, "p", reads);
    }
    world.service.project(TEAM, "p").is(404);
    tess.add_to_project(&id, &other.id).is(200);
    world.reads(&other, "p", true);
    tess.upsert_project(TEAM, "p", Some("PRIVATE")).is(200);
    for who in [&world.team_admin, &world.member, &other, &world.viewer] {
        world.reads(who, "p", true);
    }
    world.service.project(TEAM, "p").is(200);
    world.reads(&world.outsider, "p", false);
}

#[test]
fn f203_a_team_admin_joins_a_restricted_project_by_one_audited_call() {
    let world = World::new();
    world.member.client.upsert_project(TEAM, "p", Some("RESTRICTED")).is(200);
    world.reads(&world.team_admin, "p", false);
    for (who, may) in
        [(&world.viewer, false), (&world.outsider, false), (&world.admin, false), (&world.team_admin, true)]
    {
        assert_eq!(world.may(&who.username, "project:join", "acme/p"), may, "{}", who.username);
        let reply = who.client.join_project(TEAM, "p");
        assert_eq!(reply.status == 200, may, "{}: {reply:?}", who.username);
        world.reads(who, "p", may);
    }
    let log = world.admin.client.get("/admin/audit_logs").is(200).body;
    assert!(log.contains("project:join") || log.to_lowercase().contains("join"), "{log}");
    // There is nothing to join twice, nor where nothing is closed.
    world.team_admin.client.join_project(TEAM, "p").is(403).message();
    world.project("q", "PRIVATE");
    world.team_admin.client.join_project(TEAM, "q").is(403).message();
}

#[test]
fn f206_restricted_becomes_team_and_nothing_else() {
    let world = World::new();
    world.project("p", "RESTRICTED");
    for client in [&world.team_admin.client, &world.admin.client] {
        for access in ["USER_WRITE", "USER_READ"] {
            client.upsert_project(TEAM, "p", Some(access)).is(400).message();
        }
    }
    world.reads(&world.outsider, "p", false);
    // By way of team, where widening is judged on its own.
    world.team_admin.client.upsert_project(TEAM, "p", Some("PRIVATE")).is(200);
    world.team_admin.client.upsert_project(TEAM, "p", Some("USER_READ")).is(200);
    world.reads(&world.outsider, "p", true);
}

#[test]
fn f207_a_team_admin_gives_a_project_whose_owner_left_another_one() {
    let world = World::new();
    let (owner, next) = (world.teammate("olga", "member"), world.teammate("nora", "member"));
    let id = made_id(&owner.client.upsert_project(TEAM, "p", None));
    let tess = &world.team_admin.client;
    let owned = || {
        let query = "{ project(entityName: \"acme\", name: \"p\") { user { username } ownerInTeam } }";
        tess.data(query, json!({}))["project"].clone()
    };
    assert_eq!(owned(), json!({"user": {"username": "olga"}, "ownerInTeam": true}));
    for (who, may) in [(&world.member, false), (&world.viewer, false), (&world.outsider, false), (&world.admin, false)]
    {
        let reply = who.client.set_owner(&id, &who.id);
        world.agrees(who, "project:update_owner", "acme/p", &reply, may);
    }
    tess.remove_member(TEAM, &owner.id).is(200);
    assert_eq!(owned(), json!({"user": {"username": "olga"}, "ownerInTeam": false}));
    // Whoever left is no owner any more: not of this, and not where they could not reach it anyway.
    let reply = owner.client.upsert_project(TEAM, "p", Some("USER_READ"));
    world.agrees(&owner, "project:update_visibility", "acme/p", &reply, false);
    for id_ in [&world.outsider.id, &owner.id] {
        tess.set_owner(&id, id_).is(400).message();
    }
    let before = next.client.upsert_project(TEAM, "p", Some("USER_READ"));
    world.agrees(&next, "project:update_visibility", "acme/p", &before, false);
    let reply = tess.set_owner(&id, &next.id);
    world.agrees(&world.team_admin, "project:update_owner", "acme/p", &reply, true);
    assert_eq!(owned(), json!({"user": {"username": "nora"}, "ownerInTeam": true}));
    let after = next.client.upsert_project(TEAM, "p", Some("USER_READ"));
    world.agrees(&next, "project:update_visibility", "acme/p", &after, true);
    let edited = next.client.describe(TEAM, "p", "hers now");
    world.agrees(&next, "project:update", "acme/p", &edited, true);
}

/// The page of what one person reaches is the list of what they then read, with everybody seeing only what they may know.
#[test]
fn what_somebody_reaches_is_what_they_read() {
    let world = World::new();
    let vault = world.project("vault", "RESTRICTED");
    for (name, access) in [("lab", "PRIVATE"), ("show", "USER_READ"), ("shut", "RESTRICTED")] {
        world.project(name, access);
    }
    world.team_admin.client.add_to_project(&vault, &world.member.id).is(200);
    let query = "query($u: String!) { user(userName: $u) { reaches { openBesides projects {
        entityName name access submits through } } } }";
    for (who, expected) in [(&world.member, vec!["lab", "show", "vault"]), (&world.viewer, vec!["lab", "show"])] {
        for asker in [who, &world.admin] {
            let reaches = asker.client.data(query, json!({"u": who.username}))["user"]["reaches"].clone();
            let rows = reaches["projects"].as_array().unwrap();
            let mut names: Vec<&str> = rows.iter().map(|r| r["name"].as_str().unwrap()).collect();
            names.sort_unstable();
            assert_eq!(names, expected, "{} as {} sees it", who.username, asker.username);
            for row in rows {
                let name = row["name"].as_str().unwrap();
                world.reads(who, name, true);
                submits(&world, who, name, row["submits"] == true);
            }
        }
        let others = world.team_admin.client.graphql(query, json!({"u": who.username}));
        assert_eq!(others.status, 404, "a team admin opens nobody's page: {others:?}");
    }
    let reaches = world.outsider.client.data(query, json!({"u": "otto"}))["user"]["reaches"].clone();
    assert_eq!(reaches, json!({"openBesides": 1, "projects": []}));
    let by = "{ project(entityName: \"acme\", name: \"vault\") { reachedBy { user { username email } } } }";
    for who in [&world.viewer, &world.outsider] {
        who.client.refused(404, by, json!({}));
    }
    // One project, one person at a time: whole lists of it are too heavy.
    for heavy in [
        "{ models(entityName: \"acme\") { edges { node { reachedBy { through } } } } }",
        "{ users { edges { node { reaches { openBesides } } } } }",
    ] {
        world.admin.client.refused(400, heavy, json!({}));
    }
    // A stranger reads a public project and learns nothing of the team behind it.
    let by = "{ project(entityName: \"acme\", name: \"show\") { name reachedBy { user { username } } } }";
    let reply = world.outsider.client.graphql(by, json!({}));
    assert!(reply.status == 404 && !reply.body.contains("tess"), "{reply:?}");
}

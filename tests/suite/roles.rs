//! Organization roles, team roles and custom roles: what each holds, who gives them to whom, and that a change counts at the
//! next request. Each call is held against what `explain` says of it ([`World::agrees`]).

use crate::harness::access::{made_id, role_id};
use crate::harness::{Person, World, world::TEAM};
use serde_json::{Value, json};

/// Custom roles as the organization lists them.
fn listed(who: &Person) -> Vec<Value> {
    let data = who.client.data(
        "{ organization(name: \"default\") { roles { id name description inheritedFrom permissions { name isInherited }
            holders { teams projects } } } }",
        json!({}),
    );
    data["organization"]["roles"].as_array().unwrap().clone()
}

fn permission(role: &Value, name: &str) -> Option<bool> {
    let all = role["permissions"].as_array().unwrap();
    all.iter().find(|p| p["name"] == name).map(|p| p["isInherited"].as_bool().unwrap())
}

#[test]
fn f162_a_viewer_of_the_organization_reads_and_never_writes() {
    let world = World::new();
    let id = world.project("p", "PRIVATE");
    let vault = world.project("vault", "RESTRICTED");
    world.team_admin.client.add_to_project(&vault, &world.viewer.id).is(200);
    let vera = &world.viewer;
    world.reads(vera, "p", true);
    world.reads(vera, "vault", true);
    let client = &vera.client;
    for (action, resource, reply) in [
        ("project:create", TEAM, client.upsert_project(TEAM, "mine", None)),
        ("project:update", "acme/p", client.describe(TEAM, "p", "mine")),
        ("project:update_visibility", "acme/p", client.upsert_project(TEAM, "p", Some("USER_WRITE"))),
        ("project:update_member", "acme/vault", client.add_to_project(&vault, &world.member.id)),
        ("project:update_owner", "acme/p", client.set_owner(&id, &vera.id)),
        ("team:update", TEAM, client.update_team(TEAM, json!({"description": "mine"}))),
        ("team:update_member", TEAM, client.set_team_role(TEAM, &vera.id, "admin")),
        ("team:create", "", client.create_team("mine", None)),
    ] {
        world.agrees(vera, action, resource, &reply, false);
    }
    // Everything that writes, whatever the object.
    let catalogue = world.admin.client.data("{ permissions { name level writes } }", json!({}));
    let mut asked = 0;
    for permission in catalogue["permissions"].as_array().unwrap() {
        if permission["level"] != "project" {
            continue;
        }
        let name = permission["name"].as_str().unwrap();
        let writes = permission["writes"] == true;
        let may = world.may("vera", name, "acme/p");
        assert!(!(writes && may), "{name}");
        asked += 1;
    }
    assert!(asked > 40, "{asked}");
}

#[test]
fn f163_a_viewer_sees_only_the_own_teams() {
    let world = World::new();
    let boss = world.server.person("boris", "member");
    world.admin.client.create_team("closed", Some("boris")).is(200);
    boss.client.upsert_project("closed", "inner", None).is(200);
    let reply = world.viewer.client.project("closed", "inner");
    world.agrees(&world.viewer, "project:read", "closed/inner", &reply, false);
    let reply = world.viewer.client.team("closed");
    world.agrees(&world.viewer, "team:read", "closed", &reply, false);
    let reply = world.viewer.client.team(TEAM);
    world.agrees(&world.viewer, "team:read", TEAM, &reply, true);
}

#[test]
fn f173_a_changed_team_role_counts_at_the_next_request() {
    let world = World::new();
    let (tess, mia) = (&world.team_admin.client, &world.member);
    let made = mia.client.upsert_project(TEAM, "one", None);
    world.agrees(mia, "project:create", TEAM, &made, true);
    // Nobody but those who may.
    for who in [&world.member, &world.viewer, &world.outsider] {
        let reply = who.client.set_team_role(TEAM, &mia.id, "admin");
        world.agrees(who, "team:update_member", TEAM, &reply, false);
    }
    for (role, writes, manages) in
        [("view-only", false, false), ("ADMIN", true, true), ("viewer", false, false), ("Member", true, false)]
    {
        tess.set_team_role(TEAM, &mia.id, role).is(200);
        let reply = mia.client.upsert_project(TEAM, &format!("as-{}", role.to_lowercase()), None);
        world.agrees(mia, "project:create", TEAM, &reply, writes);
        world.reads(mia, "one", true);
        let reply = mia.client.update_team(TEAM, json!({"description": role}));
        world.agrees(mia, "team:update", TEAM, &reply, manages);
    }
    // The organization admin does it too, and a machine stays one.
    world.admin.client.set_team_role(TEAM, &mia.id, "viewer").is(200);
    let service = tess.members(TEAM).into_iter().find(|m| m["accountType"] == "SERVICE").unwrap();
    for role in ["admin", "member", "viewer"] {
        tess.set_team_role(TEAM, service["id"].as_str().unwrap(), role).is(400).message();
    }
    for role in ["owner", "service", "", "no such role"] {
        tess.set_team_role(TEAM, &mia.id, role).is(400).message();
    }
    assert_eq!(tess.member_of(TEAM, "mia").unwrap()["admin"], false);
}

#[test]
fn f176_view_only_makes_and_changes_nothing() {
    let world = World::new();
    world.project("p", "PRIVATE");
    let ben = world.teammate("ben", "viewer");
    world.reads(&ben, "p", true);
    let reply = ben.client.upsert_project(TEAM, "mine", None);
    world.agrees(&ben, "project:create", TEAM, &reply, false);
    let reply = ben.client.describe(TEAM, "p", "mine");
    world.agrees(&ben, "project:update", "acme/p", &reply, false);
    for action in ["run:create", "report:create", "artifact:create", "run:update", "weave:create", "sweep:create"] {
        assert!(!world.may("ben", action, "acme/p"), "{action}");
        assert!(world.may("mia", action, "acme/p"), "{action}");
    }
    for action in ["run:read", "report:read", "artifact:read", "weave:read", "report:comment"] {
        assert!(world.may("ben", action, "acme/p"), "{action}");
    }
}

#[test]
fn f178_a_team_admin_gives_a_custom_role_and_its_permission_is_there() {
    let world = World::new();
    let id = made_id(&world.team_admin.client.upsert_project(TEAM, "p", None));
    let role = role_id(&world.admin.client.create_role("Curator", "viewer", &["project:update", "run:create"]));
    let ben = world.teammate("ben", "viewer");
    let describe = |text: &str| ben.client.describe(TEAM, "p", text);
    world.agrees(&ben, "project:update", "acme/p", &describe("no"), false);
    // By the exact name; the predefined ones are read in any case, these are not.
    for wrong in ["curator", "CURATOR", "Curator "] {
        world.team_admin.client.set_team_role(TEAM, &ben.id, wrong).is(400).message();
    }
    let reply = world.team_admin.client.set_team_role(TEAM, &ben.id, "Curator").is(200).json();
    assert_eq!(reply["data"]["updateTeamMember"]["role"], "Curator");
    world.agrees(&ben, "project:update", "acme/p", &describe("yes"), true);
    world.reads(&ben, "p", true);
    let chain = world.admin.client.explained("ben", "project:update", "acme/p");
    assert!(
        chain["chain"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap().contains("Curator"),
        "{chain}"
    );
    // What it does not add it does not have.
    let reply = ben.client.upsert_project(TEAM, "p", Some("USER_READ"));
    world.agrees(&ben, "project:update_visibility", "acme/p", &reply, false);
    let reply = ben.client.set_owner(&id, &ben.id);
    world.agrees(&ben, "project:update_owner", "acme/p", &reply, false);
    // Shown as what it is, in the team and in its definition; also on an invitation.
    let row = |who: &str| {
        let data = world
            .team_admin
            .client
            .data("{ entity(name: \"acme\") { members { username email role pending } } }", json!({}));
        let rows = data["entity"]["members"].as_array().unwrap().clone();
        rows.into_iter().find(|m| m["username"] == who || m["email"] == who).unwrap()
    };
    assert_eq!(row("ben")["role"], "Curator");
    let query = "mutation($m: String) { createInvite(input: {entityName: \"acme\", email: $m, role: \"Curator\"}) {
        invite { role pending } } }";
    let invited = world.team_admin.client.data(query, json!({"m": "zoe@example.com"}));
    assert_eq!(invited["createInvite"]["invite"], json!({"role": "Curator", "pending": true}));
    assert_eq!(row("zoe@example.com")["role"], "Curator");
    let zoe = world.server.person("zoe", "member");
    assert_eq!((row("zoe")["role"].clone(), row("zoe")["pending"].clone()), (json!("Curator"), json!(false)));
    let reply = zoe.client.describe(TEAM, "p", "zoe's");
    world.agrees(&zoe, "project:update", "acme/p", &reply, true);
    let defined = listed(&world.member);
    assert_eq!(defined[0]["holders"], json!({"teams": 2, "projects": 0}));
    assert_eq!(defined[0]["id"], role);
    assert_eq!(permission(&defined[0], "project:update"), Some(false));
    assert_eq!(permission(&defined[0], "project:read"), Some(true));
    assert_eq!(permission(&defined[0], "run:delete"), None);
}

#[test]
fn f179_only_organization_admins_define_roles() {
    let world = World::new();
    let made = world.admin.client.create_role("Curator", "member", &["project:update"]);
    world.agrees(&world.admin, "role:create", "", &made, true);
    let role = role_id(&made);
    for who in [&world.team_admin, &world.member, &world.viewer, &world.outsider] {
        for (action, reply) in [
            ("role:create", who.client.create_role("Mine", "member", &["project:delete"])),
            ("role:update", who.client.update_role(&role, json!({"addPermissions": ["project:delete"]}))),
            ("role:delete", who.client.delete_role(&role)),
        ] {
            world.agrees(who, action, "", &reply, false);
        }
        // To give them, one must see them.
        assert_eq!(listed(who).len(), 1);
        assert!(who.client.data("{ permissions { name } }", json!({}))["permissions"].as_array().unwrap().len() > 80);
    }
    for reply in
        [world.service.create_role("Mine", "member", &[]), world.service.update_role(&role, json!({"name": "Mine"}))]
    {
        assert_eq!(reply.status, 403, "{reply:?}");
    }
    assert_eq!(listed(&world.admin)[0]["name"], "Curator");
    assert_eq!(permission(&listed(&world.admin)[0], "project:delete"), None);
}

/// What cannot be a role: a base that is not member or viewer, a name that means another role, permissions that belong to
/// the organization, that do not exist, or that are inherited and should go.
#[test]
fn f179_a_role_that_makes_no_sense_is_refused_and_changes_nothing() {
    let world = World::new();
    let root = &world.admin.client;
    for base in ["admin", "service", "Curator", ""] {
        root.create_role("Odd", base, &[]).is(400).message();
    }
    for name in ["", "   ", "admin", "Member", "VIEW-ONLY", "service", "Administrator", &"x".repeat(200), "a\u{0}b"] {
        root.create_role(name, "viewer", &[]).is(400).message();
    }
    for permission in ["user:create", "role:update", "project:fly", "project:READ", "", "setting:update", "team:delete"]
    {
        root.create_role("Odd", "viewer", &[permission]).is(400).message();
    }
    let role = role_id(&root.create_role("Curator", "member", &["project:update"]));
    root.create_role("CURATOR", "viewer", &[]).is(400).message();
    root.update_role(&role, json!({"inheritedFrom": "admin"})).is(400).message();
    let sentence = root.update_role(&role, json!({"removePermissions": ["run:create"]})).is(400).message();
    assert!(sentence.contains("inherited"), "{sentence}");
    root.update_role(&role, json!({"addPermissions": ["run:delete", "org:own"]})).is(400).message();
    for id in ["", "nonsense", "Um9sZTo5OTk=", "Um9sZTow"] {
        root.update_role(&json!(id), json!({"name": "x"})).is(404).message();
        root.delete_role(&json!(id)).is(404).message();
    }
    let after = listed(&world.admin);
    assert_eq!(after.len(), 1);
    assert_eq!((permission(&after[0], "project:update"), permission(&after[0], "run:delete")), (Some(false), None));
    // The base may change; what the role adds by itself stays, and shows as its own again where the base shrinks.
    root.update_role(&role, json!({"addPermissions": ["run:create"]})).is(200);
    assert_eq!(permission(&listed(&world.admin)[0], "run:create"), Some(true));
    root.update_role(&role, json!({"inheritedFrom": "viewer"})).is(200);
    assert_eq!(permission(&listed(&world.admin)[0], "run:create"), Some(false));
}

/// F181's rule, as far as it shows without a run: a member's right to delete is over the own runs only, an admin's over all.
#[test]
fn f181_a_member_deletes_own_runs_only() {
    let world = World::new();
    world.project("p", "PRIVATE");
    for action in ["run:delete", "run:stop", "run:move"] {
        let said = world.admin.client.explained("mia", action, "acme/p");
        assert_eq!((&said["allowed"], &said["visible"]), (&json!(false), &json!(true)), "{said}");
        assert_eq!(said["chain"].as_array().unwrap().last().unwrap()["rule"], "own_run", "{said}");
        assert!(world.may("tess", action, "acme/p"));
        assert!(!world.may("vera", action, "acme/p"));
    }
}

/// C94, C39: whoever is a viewer of the organization holds no writing role of a team, custom ones included.
#[test]
fn c94_a_viewer_of_the_organization_is_given_no_writing_role() {
    let world = World::new();
    world.admin.client.create_role("Curator", "viewer", &["project:update"]).is(200);
    world.admin.client.create_role("Reader", "viewer", &[]).is(200);
    let victor = world.server.person("victor", "viewer");
    for client in [&world.team_admin.client, &world.admin.client] {
        for role in ["admin", "member", "Curator"] {
            client.set_team_role(TEAM, &world.viewer.id, role).is(400).message();
        }
        client.set_team_role(TEAM, &world.viewer.id, "viewer").is(200);
    }
    for role in ["admin", "member", "Curator"] {
        let reply = world.team_admin.client.invite_as(TEAM, "victor", role);
        assert!(matches!(reply.status, 200 | 400), "{reply:?}");
    }
    world.project("p", "PRIVATE");
    for who in [&world.viewer, &victor] {
        let reply = who.client.describe(TEAM, "p", "mine");
        world.agrees(who, "project:update", "acme/p", &reply, false);
        let data = world.admin.client.data("{ entity(name: \"acme\") { members { username role } } }", json!({}));
        let row =
            data["entity"]["members"].as_array().unwrap().iter().find(|m| m["username"] == *who.username).cloned();
        assert!(row.is_none_or(|m| m["role"] == "viewer"), "{data}");
    }
    // Nor by making a team or owning a project.
    world.admin.client.create_team("hers", Some("vera")).is(400).message();
    let owned = made_id(&world.team_admin.client.upsert_project(TEAM, "owned", None));
    let reply = world.team_admin.client.set_owner(&owned, &world.viewer.id);
    assert!(matches!(reply.status, 200 | 400), "{reply:?}");
    let reply = world.viewer.client.describe(TEAM, "owned", "mine");
    world.agrees(&world.viewer, "project:update", "acme/owned", &reply, false);
    // Somebody who becomes a viewer later keeps the word and loses the right, at once; and gets it back.
    let mia = &world.member;
    for (org_role, may) in [("viewer", false), ("member", true)] {
        world.server.cli(&["user", "set-org-role", "mia", org_role]).ok();
        let reply = mia.client.upsert_project(TEAM, &format!("as-{org_role}"), None);
        world.agrees(mia, "project:create", TEAM, &reply, may);
    }
    // An organization admin may hold a custom role.
    world.admin.client.join_team(TEAM, "Curator").is(200);
    let reply = world.admin.client.describe(TEAM, "p", "root's");
    world.agrees(&world.admin, "project:update", "acme/p", &reply, true);
}

/// C38: a custom role is no organization role.
#[test]
fn c38_a_custom_role_is_no_organization_role() {
    let world = World::new();
    world.admin.client.create_role("Curator", "member", &[]).is(200);
    world.server.cli(&["user", "set-org-role", "mia", "Curator"]).failed(2);
    let query = "mutation { createUser(input: {email: \"n@example.com\", orgRole: \"Curator\"}) { user { id } } }";
    world.admin.client.refused(400, query, json!({}));
}

/// The catalogue says of every permission what the decision then does: by predefined team role, over a team's project.
#[test]
fn the_catalogue_is_what_is_decided() {
    let world = World::new();
    world.project("p", "PRIVATE");
    let ben = world.teammate("ben", "viewer");
    let all = world
        .member
        .client
        .data("{ permissions { name doc level writes assignable organizationRoles teamRoles } }", json!({}));
    for permission in all["permissions"].as_array().unwrap() {
        let name = permission["name"].as_str().unwrap();
        assert!(permission["doc"].as_str().unwrap().ends_with('.'), "{permission}");
        let resource = match permission["level"].as_str().unwrap() {
            // Joining needs something closed.
            "project" if name != "project:join" => "acme/p",
            "team" => TEAM,
            "organization" => "",
            _ => continue,
        };
        let holds = |list: &str, role: &str| permission[list].as_array().unwrap().contains(&json!(role));
        for (who, org, team) in
            [("tess", "member", "admin"), ("mia", "member", "member"), (&ben.username, "member", "viewer")]
        {
            let expected = holds("organizationRoles", org) || holds("teamRoles", team);
            // The maker owns p; owners may more.
            assert_eq!(world.may(who, name, resource), expected, "{who} {permission}");
        }
    }
}

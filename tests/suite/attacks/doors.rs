//! An organization admin whom a switch keeps out of teams (GORILLA_DISABLE_ADMIN_TEAM_ACCESS), trying every door.

use super::is_refused;
use crate::harness::access::role_id;
use crate::harness::{Reply, Setup, World, world::TEAM};
use crate::permissions::browser;
use serde_json::json;

/// GORILLA_DISABLE_ADMIN_TEAM_ACCESS: every door of an organization admin into a team they are not in, and into more than
/// the team gave them.
#[test]
fn an_admin_whom_the_switch_keeps_out_finds_no_door() {
    let world = World::with(Setup::default().env("GORILLA_DISABLE_ADMIN_TEAM_ACCESS", "true"));
    let root = &world.admin;
    let id = world.project("p", "PRIVATE");
    let page = browser(&world, root);
    let service = world.team_admin.client.members(TEAM).into_iter().find(|m| m["accountType"] == "SERVICE").unwrap();
    let machine = service["username"].as_str().unwrap();
    let post = |path: &str, fields: &[(&str, &str)]| {
        let token = page.page("/console/account").form("/logout").fields[0].clone();
        let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        page.post_form(path, &[token].into_iter().chain(fields).collect::<Vec<_>>())
    };
    let group = format!("/Groups/{}", root.client.scim_get("/Groups")["Resources"][0]["id"].as_str().unwrap());
    let knock = |what: &str| {
        for role in ["admin", "member", "viewer"] {
            is_refused(what, &root.client.join_team(TEAM, role));
            is_refused(what, &root.client.invite_as(TEAM, "ROOT", role));
            is_refused(what, &root.client.invite_as(TEAM, "root@example.com", role));
            is_refused(what, &post("/acme/members", &[("who", "root"), ("role", role)]));
        }
        // Provisioning is no way in either: by id and by address, added, as the whole list, among others, in a bulk request.
        let others: Vec<&String> = [&world.member, &world.team_admin].iter().map(|p| &p.id).collect();
        for own in [root.id.as_str(), "root@example.com"] {
            let own = json!([{"value": others[0]}, {"value": others[1]}, {"value": own}]);
            let add = json!([{"op": "add", "path": "members", "value": own}]);
            is_refused(what, &root.client.scim_patch(&group, add.clone()));
            is_refused(what, &root.client.scim("PUT", &group, &json!({"displayName": TEAM, "members": own})));
            let bulk = json!({"Operations": [{"method": "PATCH", "path": group, "data": {"Operations": add}}]});
            let reply = root.client.scim("POST", "/Bulk", &bulk).is(200).json();
            assert_eq!(reply["Operations"][0]["status"], "403", "{what}: {reply}");
        }
        let role = json!([{"op": "replace", "path": "teamRoles", "value": [{"teamName": TEAM, "roleName": "admin"}]}]);
        is_refused(what, &root.client.scim_patch(&format!("/Users/{}", root.id), role));
        is_refused(what, &root.client.create_service_account(TEAM, "door"));
        is_refused(what, &post("/acme/service-accounts", &[("description", "door")]));
        for access in ["USER_WRITE", "USER_READ", "RESTRICTED"] {
            is_refused(what, &root.client.upsert_project(TEAM, "p", Some(access)));
        }
        is_refused(what, &post("/acme/p/visibility", &[("visibility", "open")]));
        is_refused(what, &root.client.join_project(TEAM, "p"));
        is_refused(what, &root.client.set_owner(&id, &root.id));
        is_refused(what, &root.client.add_to_project(&id, &root.id));
        is_refused(what, &post(&format!("/console/users/{machine}/new-key"), &[("name", "door")]));
        is_refused(what, &post(&format!("/console/users/{machine}/key"), &[("name", "door")]));
        assert!(!world.may("root", "user:create_api_key", &format!("user:{machine}")), "a key of the team's machine");
        world.reads(root, "p", false);
    };
    knock("from outside");
    // A second try after the organization lets everybody invite, and after the admin runs the team's switches.
    root.client.update_org(json!({"adminsInvite": false})).is(200);
    let _ = root.client.update_team(TEAM, json!({"membersInvite": true}));
    knock("with members inviting");
    // Let in as view-only: what the team gave is what there is.
    world.team_admin.client.invite_as(TEAM, "root", "viewer").is(200);
    world.reads(root, "p", true);
    for role in ["admin", "member"] {
        is_refused("raise", &root.client.set_team_role(TEAM, &root.id, role));
        is_refused("raise", &kept(&world, root.client.invite_as(TEAM, "root", role), "viewer"));
    }
    is_refused("write", &root.client.describe(TEAM, "p", "mine"));
    is_refused("service", &root.client.create_service_account(TEAM, "door"));
    is_refused("visibility", &root.client.upsert_project(TEAM, "p", Some("USER_WRITE")));
}

/// The same admin holds a custom role that the team gave; a role that the organization widens is a door as well.
#[test]
fn an_admin_whom_the_switch_keeps_out_does_not_widen_their_own_role() {
    let world = World::with(Setup::default().env("GORILLA_DISABLE_ADMIN_TEAM_ACCESS", "true"));
    let root = &world.admin;
    let p = world.project("p", "PRIVATE");
    let role = role_id(&root.client.create_role("Guest", "viewer", &[]));
    world.team_admin.client.invite_as(TEAM, "root", "Guest").is(200);
    for change in [
        json!({"addPermissions": ["project:update"]}),
        json!({"permissions": ["project:update", "team:update_member"]}),
        json!({"inheritedFrom": "member"}),
    ] {
        is_refused("team role", &root.client.update_role(&role, change));
    }
    let reply = root.client.describe(TEAM, "p", "mine");
    world.agrees(root, "project:update", "acme/p", &reply, false);
    // In a project just as well.
    world.team_admin.client.set_team_role(TEAM, &root.id, "member").is(200);
    world.team_admin.client.set_project_role(&p, &root.id, "Guest").is(200);
    is_refused("project role", &root.client.update_role(&role, json!({"addPermissions": ["project:update"]})));
    // What takes away, and what is nobody's own, stays an admin's business.
    root.client.update_role(&role, json!({"name": "Visitor"})).is(200);
    let other = role_id(&root.client.create_role("Other", "viewer", &[]));
    root.client.update_role(&other, json!({"addPermissions": ["project:update"]})).is(200);
}

/// Inviting somebody who is in the team already succeeds and keeps the role: counted as refused.
fn kept(world: &World, mut reply: Reply, role: &str) -> Reply {
    let query = "{ entity(name: \"acme\") { members { username role } } }";
    let members = world.team_admin.client.data(query, json!({}))["entity"]["members"].clone();
    let kept = members.as_array().unwrap().iter().any(|m| m["username"] == "root" && m["role"] == role);
    assert!(kept, "{reply:?}");
    if reply.status == 200 {
        reply.status = 403;
    }
    reply
}

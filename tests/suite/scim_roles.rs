//! `/scim/Roles`: custom roles read, listed, made, changed and deleted in both dialects (rows F270 to F284). What a role gives is
//! asked of the decision itself, for somebody who holds it.

use crate::harness::scim::{id_of, texts};
use crate::harness::{Client, World, world::TEAM};
use serde_json::{Value, json};

const ROLE: &str = "urn:ietf:params:scim:schemas:core:2.0:Role";

fn make(client: &Client, name: &str, from: &str, permissions: &[&str]) -> Value {
    let permissions: Vec<Value> = permissions.iter().map(|p| json!({ "name": p })).collect();
    let body =
        json!({"schemas": [ROLE], "name": name, "description": "d", "permissions": permissions, "inheritedFrom": from});
    client.scim("POST", "/Roles", &body).is(201).json()
}

/// A permission of a role: whether it is inherited, `None` where it is not there.
fn inherited(role: &Value, name: &str) -> Option<bool> {
    let all = role["permissions"].as_array().unwrap();
    all.iter().find(|p| p["name"] == name).map(|p| p["isInherited"].as_bool().unwrap())
}

/// What a role adds.
fn own(role: &Value) -> Vec<String> {
    let all = role["permissions"].as_array().unwrap();
    all.iter().filter(|p| p["isInherited"] == false).map(|p| p["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn f270_to_f274_f283_f284_roles_are_defined_and_shown() {
    let world = World::new();
    let admin = &world.admin.client;
    let made = make(admin, "Sample Role", "member", &["project:update", "artifact:read"]);
    let id = id_of(&made);
    // F272, F270, F284: what it adds and what it inherits; W&B's shape has no schema.
    assert_eq!(inherited(&made, "project:update"), Some(false));
    assert_eq!(inherited(&made, "artifact:read"), Some(true), "what both have is inherited");
    assert_eq!(inherited(&made, "project:delete"), None);
    assert_eq!(
        (&made["schemas"], &made["inheritedFrom"], &made["description"]),
        (&json!([""]), &json!("member"), &json!("d"))
    );
    assert_eq!(made["organizationID"], "T3JnYW5pemF0aW9uOjE=");
    assert_eq!(
        (&made["meta"]["location"], &made["meta"]["resourceType"]),
        (&json!(format!("Roles/{id}")), &json!("Role"))
    );
    assert_eq!(admin.scim_get(&format!("/Roles/{id}")), made);
    let seen = admin.scim_get(&format!("/v2/Roles/{id}"));
    assert_eq!((&seen["schemas"], &seen["permissions"]), (&json!([ROLE]), &made["permissions"]));
    // F271
    let viewers = make(admin, "Another", "viewer", &[]);
    let list = admin.scim_get("/Roles");
    assert_eq!(
        (&list["itemsPerPage"], &list["startIndex"], &list["totalResults"]),
        (&json!(9999), &json!(1), &json!(2))
    );
    assert_eq!(list["Resources"], json!([made, viewers]));
    let list = admin.scim_get("/v2/Roles?count=1&startIndex=2");
    assert_eq!((&list["itemsPerPage"], &list["startIndex"], &list["totalResults"]), (&json!(1), &json!(2), &json!(2)));
    let (total, found) =
        admin.scim_list("Roles", &[("filter", "permissions[name eq \"project:update\" and isInherited eq false]")]);
    assert_eq!((total, texts(&found, "name")), (1, vec!["Sample Role".to_owned()]));
    assert_eq!(admin.scim_list("Roles", &[("filter", "inheritedFrom eq \"VIEWER\"")]).0, 1);
    assert_eq!(texts(&admin.scim_list("Roles", &[("sortBy", "name")]).1, "name"), ["Another", "Sample Role"]);
    let part = admin.scim_get(&format!("/Roles/{id}?attributes=name"));
    assert_eq!(part, json!({"schemas": [""], "id": id, "name": "Sample Role"}));
    // F273, F274, F283 and what else is refused; nothing of it is made.
    for (change, status, kind) in [
        (json!({"inheritedFrom": "admin"}), 400, "invalidValue"),
        (json!({"inheritedFrom": null}), 400, "invalidValue"),
        (json!({"inheritedFrom": 5}), 400, "invalidValue"),
        (json!({"name": null}), 400, "invalidValue"),
        (json!({"name": ""}), 400, "invalidValue"),
        (json!({"name": "Admin"}), 400, "invalidValue"),
        (json!({"name": "view-only"}), 400, "invalidValue"),
        (json!({"name": "sample role"}), 409, "uniqueness"),
        (json!({"permissions": [{"name": "foo"}]}), 400, "invalidValue"),
        (json!({"permissions": [{"name": "run:Delete"}]}), 400, "invalidValue"),
        (json!({"permissions": [{"name": "user:create"}]}), 400, "invalidValue"),
        (json!({"permissions": [{}]}), 400, "invalidValue"),
        (json!({"permissions": [1]}), 400, "invalidValue"),
    ] {
        let mut body = json!({"name": "New", "inheritedFrom": "member", "permissions": [{"name": "run:delete"}]});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        admin.scim("POST", "/Roles", &body).scim_error(status, Some(kind));
    }
    assert_eq!(admin.scim_list("Roles", &[]).0, 2);
    for absent in ["x", "Um9sZTo5OQ==", world.member.id.as_str()] {
        for method in ["GET", "DELETE"] {
            admin.scim(method, &format!("/Roles/{absent}"), &Value::Null).scim_error(404, None);
        }
        admin.scim("PUT", &format!("/Roles/{absent}"), &json!({"name": "x"})).scim_error(404, None);
    }
    // The catalogue names what a role can hold.
    let catalogue = admin.scim_get("/Permissions");
    let listed = catalogue["Resources"].as_array().unwrap();
    let row = |name: &str| listed.iter().find(|p| p["name"] == name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(row("project:read")["roles"], json!(["admin", "member", "viewer"]));
    assert_eq!((&row("run:delete")["assignable"], &row("user:create")["assignable"]), (&json!(true), &json!(false)));
    // Only administrators of the organization.
    for who in [&world.team_admin, &world.member] {
        who.client.scim("GET", "/Roles", &Value::Null).scim_error(403, None);
        who.client.scim("DELETE", &format!("/Roles/{id}"), &Value::Null).scim_error(403, None);
    }
}

#[test]
fn f275_to_f282_a_change_of_a_role_counts_at_once_for_its_holders() {
    let world = World::new();
    let admin = &world.admin.client;
    world.project("p", "PRIVATE");
    let id = id_of(&make(admin, "Sampler", "member", &[]));
    admin
        .scim_patch(
            &format!("/Users/{}", world.member.id),
            json!([
        {"op": "replace", "path": "teamRoles", "value": [{"teamName": TEAM, "roleName": "Sampler"}]}]),
        )
        .is(200);
    let path = format!("/Roles/{id}");
    let may = |action: &str| world.may("mia", action, "acme/p");
    assert!(!may("project:update") && !may("run:delete") && may("run:create"));

    // F276, F278: both spellings of the list; repeated once.
    let value = json!([{"name": "project:update"}, {"name": "run:delete"}, {"name": "run:delete"}]);
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "operations": [{"op": "add", "path": "permissions", "value": value}]});
    let role = admin.scim("PATCH", &path, &body).is(200).json();
    assert_eq!(own(&role), ["project:update", "run:delete"]);
    assert!(may("project:update") && may("run:delete"));
    // F277 in its three forms; what is inherited stays, what is not there is no mistake.
    let patch = |operations: Value| admin.scim_patch(&path, operations);
    let role =
        patch(json!([{"op": "Remove", "path": "permissions", "value": [{"name": "run:delete"}]}])).is(200).json();
    assert_eq!(own(&role), ["project:update"]);
    assert!(may("project:update") && !may("run:delete"));
    patch(json!([{"op": "remove", "path": "permissions", "value": [{"name": "run:delete"}]}])).is(200);
    patch(json!([{"op": "remove", "path": "permissions[name eq \"project:update\"]"}])).is(200);
    assert!(!may("project:update"));
    patch(
        json!([{"op": "replace", "path": "permissions", "value": [{"name": "run:stop"}, {"name": "project:delete"}]}]),
    )
    .is(200);
    let mut adds = own(&admin.scim_get(&path));
    adds.sort();
    assert_eq!(adds, ["project:delete", "run:stop"]);
    assert!(may("project:delete"));
    patch(json!([{"op": "remove", "path": "permissions"}])).is(200);
    assert!(!may("project:delete"));
    // Each operation sees what the one before it did.
    let both = json!([{"op": "add", "path": "permissions", "value": [{"name": "run:delete"}]},
        {"op": "remove", "path": "permissions[name eq \"run:delete\"]"}]);
    assert_eq!(own(&patch(both).is(200).json()), Vec::<String>::new());
    let before = admin.scim_get(&path);
    for (wrong, kind) in [
        (json!({"op": "remove", "path": "permissions", "value": [{"name": "artifact:read"}]}), "mutability"),
        (json!({"op": "remove", "path": "permissions[name eq \"artifact:read\"]"}), "mutability"),
        (json!({"op": "add", "path": "permissions", "value": [{"name": "foo"}]}), "invalidValue"),
        (json!({"op": "add", "path": "permissions", "value": [{"name": "user:create"}]}), "invalidValue"),
        (json!({"op": "add", "path": "permissions", "value": 5}), "invalidValue"),
        (json!({"op": "add", "path": "permissions[name eq \"x\"]", "value": {"name": "run:stop"}}), "mutability"),
        (json!({"op": "grow", "path": "permissions", "value": []}), "invalidSyntax"),
        // F279
        (json!({"op": "replace", "path": "name", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "nothing", "value": "x"}), "invalidPath"),
        (json!({"op": "add", "value": {"description": "x"}}), "invalidPath"),
    ] {
        let all = json!([{"op": "add", "path": "permissions", "value": [{"name": "run:delete"}]}, wrong]);
        patch(all).scim_error(400, Some(kind));
        assert_eq!(admin.scim_get(&path), before);
    }

    // F280, F281, F282: metadata alone, another base, the whole.
    patch(
        json!([{"op": "add", "path": "permissions", "value": [{"name": "run:delete"}, {"name": "artifact:create"}]}]),
    )
    .is(200);
    let put = |body: Value| admin.scim("PUT", &path, &body);
    let role = put(json!({"schemas": [ROLE], "name": "Renamed", "description": "new", "inheritedFrom": "member"}))
        .is(200)
        .json();
    assert_eq!((&role["name"], &role["description"]), (&json!("Renamed"), &json!("new")));
    assert!(may("run:delete"));
    assert_eq!(inherited(&role, "artifact:create"), Some(true));
    let role = put(json!({"name": "Renamed", "description": "new", "inheritedFrom": "viewer"})).is(200).json();
    assert_eq!(inherited(&role, "artifact:create"), Some(false), "what the base lost shows again");
    assert_eq!(inherited(&role, "project:create"), None);
    assert!(may("run:delete") && may("artifact:create") && !may("run:create"));
    // What was read can be written back as it is.
    assert_eq!(put(role.clone()).is(200).json()["permissions"], role["permissions"]);
    let role = put(json!({"name": "Renamed", "inheritedFrom": "viewer", "permissions": [{"name": "run:stop"}]}))
        .is(200)
        .json();
    assert_eq!((own(&role), &role["description"]), (vec!["run:stop".to_owned()], &json!("new")));
    assert!(!may("run:delete") && may("run:stop"));
    put(json!({"name": "Renamed", "inheritedFrom": "admin"})).scim_error(400, Some("invalidValue"));
    make(admin, "Other", "viewer", &[]);
    put(json!({"name": "OTHER"})).scim_error(409, Some("uniqueness"));
    put(json!({"name": "Member"})).scim_error(400, Some("invalidValue"));

    // The client's own id, and no description, in the RFC's dialect.
    let rfc = format!("/v2{path}");
    let both = json!([{"op": "add", "value": {"externalId": "1"}}, {"op": "remove", "path": "description"}]);
    let role = admin.scim_patch(&rfc, both).is(200).json();
    assert_eq!((&role["externalId"], role.get("description")), (&json!("1"), None));
    assert_eq!(admin.scim_list("Roles", &[("filter", "externalId eq \"1\"")]).0, 1);
    assert_eq!(admin.scim_get(&path)["description"], "");
    admin.scim_patch(&rfc, json!([{"op": "remove", "path": "externalId"}])).is(200);
    assert!(admin.scim_get(&rfc).get("externalId").is_none());
    // F285: versions. The RFC's dialect patches all that can be written.
    let version = admin.scim("GET", &rfc, &Value::Null).header("etag").unwrap().to_owned();
    let reply = admin.scim_patch(
        &rfc,
        json!([{"op": "replace", "value": {"name": "Third", "description": "x", "inheritedFrom": "member"}}]),
    );
    assert_eq!(reply.clone().is(200).json()["name"], "Third");
    assert_ne!(reply.header("etag").unwrap(), version);
    admin.send("DELETE", &format!("/scim{path}"), &[("if-match", &version)], None).scim_error(412, None);

    // F275: holders fall back to what it inherits from.
    assert_eq!(admin.scim("DELETE", &path, &Value::Null).is(204).body, "");
    admin.scim("GET", &path, &Value::Null).scim_error(404, None);
    let user = admin.scim_get(&format!("/Users/{}", world.member.id));
    assert_eq!(user["teamRoles"], json!([{"teamName": TEAM, "roleName": "member"}]));
    assert!(may("run:create") && !may("run:delete"));
}

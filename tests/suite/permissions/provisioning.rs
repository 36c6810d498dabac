//! What can be changed through SCIM: one row of the grid each.

use crate::harness::access::role_id;
use crate::harness::{Client, Reply, World};
use serde_json::{Value, json};

/// One change.
pub struct Write {
    pub label: &'static str,
    method: &'static str,
    path: String,
    body: Value,
}

impl Write {
    pub fn ask(&self, who: &Client) -> Reply {
        let headers = [("content-type", "application/scim+json")];
        who.send(self.method, &self.path, &headers, Some(self.body.to_string().as_bytes()))
    }
}

fn write(label: &'static str, method: &'static str, path: &str, body: Value) -> Write {
    Write { label, method, path: path.to_owned(), body }
}

/// What can be changed, with people of its own for the one who asks, named after `who`.
pub fn writes(world: &World, who: &str) -> Vec<Write> {
    let person = world.server.person(&format!("provisioned-{who}"), "member");
    let path = format!("/scim/v2/Users/{}", person.id);
    let root = &world.admin.client;
    let team = root.create_team(&format!("group-{who}"), None).is(200).json();
    let entity = team["data"]["createTeam"]["entity"]["id"].as_str().unwrap().to_owned();
    let group = format!("/scim/v2/Groups/{entity}");
    let made = role_id(&root.create_role(&format!("provisioned-{who}"), "viewer", &[]));
    let role = format!("/scim/v2/Roles/{}", made.as_str().unwrap());
    let members = json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": person.id}]}]});
    let more = json!({"Operations": [{"op": "add", "path": "permissions", "value": [{"name": "run:create"}]}]});
    let new_role = json!({"name": format!("new-{who}"), "inheritedFrom": "viewer", "permissions": []});
    let same_role = json!({"name": format!("provisioned-{who}"), "inheritedFrom": "member"});
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "PATCH", "path": format!("/Users/{}", person.id), "data": {"Operations": [
            {"op": "add", "path": "title", "value": "T"}]}}]});
    let new = json!({"userName": format!("new-{who}"), "emails": [{"value": format!("new-{who}@example.com")}]});
    let same = json!({"userName": person.username, "displayName": "P"});
    let patch = |value: Value| json!({"Operations": [{"op": "replace", "value": value}]});
    vec![
        write("POST /scim/v2/Users", "POST", "/scim/v2/Users", new),
        write("POST /scim/v2/Users/.search", "POST", "/scim/v2/Users/.search", json!({"count": 1})),
        write("PUT /scim/v2/Users/{id}", "PUT", &path, same),
        write("PATCH /scim/v2/Users/{id} title", "PATCH", &path, patch(json!({"title": "T"}))),
        write("PATCH /scim/v2/Users/{id} role", "PATCH", &path, patch(json!({"organizationRole": "viewer"}))),
        write("PATCH /scim/v2/Users/{id} active", "PATCH", &path, patch(json!({"active": false}))),
        write("PATCH /scim/v2/Groups/{id} members", "PATCH", &group, members),
        write("PUT /scim/v2/Groups/{id}", "PUT", &group, json!({"displayName": format!("group-{who}"), "members": []})),
        write("POST /scim/v2/Groups", "POST", "/scim/v2/Groups", json!({"displayName": format!("grown-{who}")})),
        write("POST /scim/v2/Groups/.search", "POST", "/scim/v2/Groups/.search", json!({"count": 0})),
        write("DELETE /scim/v2/Groups/{id}", "DELETE", &group, json!({})),
        write("POST /scim/v2/Roles", "POST", "/scim/v2/Roles", new_role),
        write("POST /scim/v2/Roles/.search", "POST", "/scim/v2/Roles/.search", json!({"count": 0})),
        write("PATCH /scim/v2/Roles/{id}", "PATCH", &role, more),
        write("PUT /scim/v2/Roles/{id}", "PUT", &role, same_role),
        write("DELETE /scim/v2/Roles/{id}", "DELETE", &role, json!({})),
        write("POST /scim/v2/Bulk", "POST", "/scim/v2/Bulk", bulk),
        write("POST /scim/v2/.search", "POST", "/scim/v2/.search", json!({"count": 0})),
        write("DELETE /scim/v2/Users/{id}", "DELETE", &path, json!({})),
        write("PATCH /scim/v2/Me title", "PATCH", "/scim/v2/Me", patch(json!({"title": "T"}))),
    ]
}

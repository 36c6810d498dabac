//! A user as JSON: the RFC's shape, in which filters, projections and patches work, and W&B's shape made from it.

use super::{Asked, Dialect};
use crate::clock::rfc3339;
use crate::model::user::Status;
use crate::ops::provision::Person;
use serde_json::{Map, Value, json};

/// The core schema of users.
pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The enterprise extension (RFC 7643 §4.3).
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// W&B's attributes, which its own dialect has at top level.
pub(super) const WANDB: &str = "urn:ietf:params:scim:schemas:extension:wandb:2.0:User";

/// The RFC's shape.
pub(super) fn rfc(asked: &Asked, person: &Person) -> Value {
    let user = &person.user;
    let id = user.id.global();
    let mut out: Map<String, Value> = person.profile.details.clone();
    let mut schemas = vec![json!(USER), json!(WANDB)];
    if out.contains_key(ENTERPRISE) {
        schemas.insert(1, json!(ENTERPRISE));
    }
    out.insert("schemas".into(), Value::Array(schemas));
    out.insert("userName".into(), json!(person.user_name()));
    out.insert("active".into(), json!(user.status == Status::Active));
    if let Some(external_id) = &person.profile.external_id {
        out.insert("externalId".into(), json!(external_id));
    }
    if !user.name.is_empty() {
        out.insert("displayName".into(), json!(user.name));
    }
    if let Some(email) = user.email() {
        out.insert("emails".into(), json!([{ "value": email, "type": "work", "primary": true }]));
    }
    let groups: Vec<Value> = person
        .teams
        .iter()
        .map(|t| json!({ "value": t.id.global(), "display": t.name, "type": "direct", "$ref": format!("{}/Groups/{}", asked.base, t.id.global()) }))
        .collect();
    if !groups.is_empty() {
        out.insert("groups".into(), Value::Array(groups));
    }
    let roles: Vec<Value> = person.teams.iter().map(|t| json!({ "teamName": t.name, "roleName": t.role })).collect();
    out.insert(
        WANDB.into(),
        json!({
            "organizationRole": person.role.as_str(),
            "teamRoles": roles,
            "modelsSeat": person.models.as_str(),
            "weaveRole": person.weave.as_str(),
            "lastActiveAt": person.last_active_at.map(rfc3339),
        }),
    );
    out.insert(
        "meta".into(),
        json!({
            "resourceType": "User",
            "created": rfc3339(user.created_at),
            "lastModified": rfc3339(person.updated_at),
            "location": asked.location("Users", &id),
            "version": format!("W/\"{}\"", person.version()),
        }),
    );
    out.insert("id".into(), Value::String(id));
    Value::Object(out)
}

/// The shape of the dialect, made from the RFC's, also where a projection has taken parts away.
pub(super) fn shaped(dialect: Dialect, resource: Value) -> Value {
    let (Dialect::Wandb, Value::Object(mut out)) = (dialect, resource.clone()) else { return resource };
    if let Some(Value::Object(own)) = out.remove(WANDB) {
        out.extend(own);
    }
    if out.contains_key("schemas") {
        out.insert("schemas".into(), json!([USER]));
    }
    if let Some(email) = out.get("emails").and_then(|e| e.get(0)) {
        let (value, primary) = (email["value"].clone(), email["primary"].clone());
        out.insert("emails".into(), json!({ "Value": value, "Display": "", "Type": "", "Primary": primary }));
    }
    Value::Object(out)
}

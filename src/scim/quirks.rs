//! What real clients send beside the RFC, each with its client, the date it was looked up and a source. This is the one place
//! where a deviation is taken; the parsers call these functions by name, so that removing one is removing its calls.

use serde_json::Value;

/// Entra ID writes `Add`, `Replace`, `Remove` (langwatch/langwatch #6972; seen 2026-11).
pub fn operation(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// Entra ID without its compliance flag writes booleans as `"True"` and `"False"` (scimmyjs/scimmy #86, ssoready/ssoready
/// PR 167; seen 2026-11). Only for attributes that are booleans.
pub fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(on) => Some(*on),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The RFC puts a colon between a schema's URN and the attribute; some clients put a dot (MicrosoftDocs/azure-docs on the
/// enterprise extension; seen 2026-11).
pub fn after_urn(rest: &str) -> Option<&str> {
    rest.strip_prefix([':', '.']).filter(|rest| !rest.is_empty())
}

/// Entra ID sends a complex attribute that has a `value` as plain text: `manager: "id"` (apache/directory-scimple PR 1244; seen
/// 2026-11). Gives the value of an element in either form.
pub fn value_of(element: &Value) -> Option<&str> {
    match element {
        Value::String(text) => Some(text),
        Value::Object(fields) => {
            fields.iter().find(|(k, _)| k.eq_ignore_ascii_case("value")).and_then(|(_, v)| v.as_str())
        }
        _ => None,
    }
}

/// Entra ID asks `emails[type eq "work"].value eq "x"`, a part behind a filter on values, which the RFC's grammar has in paths
/// only (Microsoft's "Develop a SCIM endpoint", section /Users, which demands it of servers; seen 2026-11). It asks for one value
/// of which both hold. Gives what stands behind the dot.
pub fn behind_values(rest: &str) -> Option<&str> {
    rest.strip_prefix('.')
}

/// A multi-valued attribute with one element that is not in a list (Entra ID and JumpCloud write it so; RFC 7644 §3.5.2.1 allows
/// it for `add`; seen 2026-11).
pub fn elements(value: Value) -> Vec<Value> {
    match value {
        Value::Null => vec![],
        Value::Array(items) => items,
        one => vec![one],
    }
}

/// Clients that replace a group whole leave `members` out once nobody is left: the SCIM extension for Keycloak (mitodl/keycloak-scim,
/// `GroupAdapter.toSCIM`) and authentik where PATCH is not offered (`clients/groups.py`, `to_schema`; both seen 2026-11). RFC 7644
/// §3.5.1 reads it so too. Were the people kept, the last one would never lose the team, and the client be told it did.
pub fn replaced_without_members() -> Value {
    Value::Array(vec![])
}

/// Okta names a group's own id, and some clients its schemas, in the value of an operation without path:
/// `{"op":"replace","value":{"id":"…","displayName":"…"}}` (Okta's SCIM 2.0 reference, "Update a specific group name"; seen
/// 2026-11); scim2-client repeats `schemas` inside an extension (scim2-models 0.12; seen 2026-11). Keys that repeat what the server gave and that nobody can change; `id` is compared by whoever knows it.
pub fn repeats_what_it_read(key: &str) -> bool {
    key.eq_ignore_ascii_case("schemas") || key.eq_ignore_ascii_case("meta")
}

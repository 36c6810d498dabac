//! A user as JSON: what clients may write ([`sheet`]), the RFC's whole shape made from it ([`rfc`]), in which filters and
//! projections work, and W&B's shape made from that ([`shaped`]).

use super::schema::{ENTERPRISE_URN, USER_URN, WANDB_URN};
use super::sheet::Sheet;
use super::{Asked, Dialect};
use crate::clock::rfc3339;
use crate::ops::provision::Person;
use serde_json::{Map, Value, json};

/// What an address is for where nothing is said: identity providers look for `emails[type eq "work"]`.
pub(super) const EMAIL_TYPE: &str = "work";

/// What clients may write of a person, as it is.
pub(super) fn sheet(person: &Person) -> Sheet {
    let mut out = person.profile.details.clone();
    let about = out.remove("emails");
    if let Some(address) = person.user.email() {
        let mut email = Map::from_iter([("type".to_owned(), json!(EMAIL_TYPE))]);
        if let Some(Value::Object(about)) = about {
            email.extend(about);
        }
        email.insert("value".to_owned(), json!(address));
        // The only one counts, whatever is said; what was said is given back (a false that came back true reads as a lost write).
        email.entry("primary").or_insert(json!(true));
        out.insert("emails".to_owned(), json!([email]));
    }
    out.insert("userName".to_owned(), json!(person.user_name()));
    out.insert("active".to_owned(), json!(person.is_active()));
    if !person.profile.name_derived && !person.user.name.is_empty() {
        out.insert("displayName".to_owned(), json!(person.user.name));
    }
    if let Some(external_id) = &person.profile.external_id {
        out.insert("externalId".to_owned(), json!(external_id));
    }
    let own = json!({
        "organizationRole": person.role.as_str(),
        "modelsSeat": person.models.as_str(),
        "weaveRole": person.weave.as_str(),
    });
    out.insert(WANDB_URN.to_owned(), own);
    out
}

/// The name to show, made from the parts of a name where nothing else is given.
pub(super) fn name_from_parts(sheet: &Sheet) -> String {
    let part = |name: &str| sheet.get("name").and_then(|n| n[name].as_str()).map(str::trim).unwrap_or_default();
    let made = match part("formatted") {
        "" => format!("{} {}", part("givenName"), part("familyName")).trim().to_owned(),
        formatted => formatted.to_owned(),
    };
    // One line of bounded length, as a name to show is; what was sent is kept as it is besides.
    made.chars().map(|c| if c.is_control() { ' ' } else { c }).take(crate::model::name::TEXT_MAX).collect()
}

/// The whole of it in the RFC's shape.
pub(super) fn rfc(asked: &Asked, person: &Person) -> Value {
    let id = person.user.id.global();
    let mut out = sheet(person);
    let mut schemas = vec![USER_URN, WANDB_URN];
    if out.contains_key(ENTERPRISE_URN) {
        schemas.insert(1, ENTERPRISE_URN);
    }
    out.insert("schemas".to_owned(), json!(schemas));
    if asked.dialect == Dialect::Wandb {
        out.insert("displayName".to_owned(), json!(person.user.label()));
    }
    let (mut groups, mut roles) = (vec![], vec![]);
    for team in &person.teams {
        let value = team.id.global();
        let place = format!("{}/Groups/{value}", asked.base);
        groups.push(json!({ "value": value, "display": team.display_name, "type": "direct", "$ref": place }));
        roles.push(json!({ "teamName": team.name, "roleName": team.role }));
    }
    out.insert("groups".to_owned(), Value::Array(groups));
    if let Some(Value::Object(own)) = out.get_mut(WANDB_URN) {
        own.insert("teamRoles".to_owned(), Value::Array(roles));
        if person.user.is_service() {
            let kind = if person.user.is_org_service() { "ORG_SERVICE" } else { "SERVICE" };
            own.insert("accountType".to_owned(), json!(kind));
        }
        own.insert("daysActive".to_owned(), json!(person.days_active));
        own.insert("lastActiveAt".to_owned(), json!(person.last_active_at.map(rfc3339)));
    }
    let meta = json!({
        "resourceType": "User",
        "created": rfc3339(person.user.created_at),
        "lastModified": rfc3339(person.updated_at),
        "location": asked.location("Users", &id),
        "version": format!("W/\"{}\"", person.version()),
    });
    out.insert("meta".to_owned(), meta);
    out.insert("id".to_owned(), Value::String(id));
    Value::Object(out)
}

/// The shape of the dialect, also where a projection took parts away.
pub(super) fn shaped(dialect: Dialect, resource: Value) -> Value {
    let Value::Object(mut out) = resource else { return resource };
    if dialect == Dialect::Rfc {
        if let Some(Value::Object(own)) = out.get_mut(WANDB_URN) {
            // Nothing to tell is left out (RFC 7643 §2.5); filters have seen it, so that `daysActive eq 0` finds people.
            own.retain(|_, value| !matches!(value, Value::Null) && *value != json!([]) && *value != json!(0));
        }
        return Value::Object(out);
    }
    if let Some(Value::Object(own)) = out.remove(WANDB_URN) {
        out.extend(own);
    }
    if out.contains_key("schemas") {
        out.insert("schemas".to_owned(), json!([USER_URN]));
    }
    if let Some(email) = out.get("emails").map(|all| &all[0]) {
        // As the documents show it: one object, capitals, and both texts empty.
        let shown = json!({ "Value": email["value"], "Display": "", "Type": "", "Primary": true });
        out.insert("emails".to_owned(), shown);
    }
    if let Some(Value::Array(groups)) = out.get_mut("groups") {
        for group in groups {
            *group = json!({ "value": group["value"] });
        }
    }
    Value::Object(out)
}

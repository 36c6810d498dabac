//! Which attributes an answer holds: `attributes` and `excludedAttributes` (RFC 7644 §3.9), over answers in either dialect. Asked
//! before a resource is put together, so that what nobody wants is never read.

use super::path::Attr;
use super::schema::{Attribute, Kind, Returned};
use crate::error::{Code, Error, Result};
use serde_json::{Map, Value};

/// The most names in one list.
const NAMES_MAX: usize = 100;

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Projection {
    only: Option<Vec<Attr>>,
    without: Vec<Attr>,
    unasked: bool,
}

impl Projection {
    /// From the two lists as query parameters have them, separated by commas.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] where both are given, or a name is none.
    pub fn parse(only: Option<&str>, without: Option<&str>) -> Result<Self> {
        let names = |list: &str| list.split(',').map(str::to_owned).collect::<Vec<_>>();
        Projection::of(only.map(names), without.map(names))
    }

    /// The same from lists.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of(only: Option<Vec<String>>, without: Option<Vec<String>>) -> Result<Self> {
        let only = only.map(read).transpose()?.filter(|names| !names.is_empty());
        let without = without.map(read).transpose()?.unwrap_or_default();
        if only.is_some() && !without.is_empty() {
            return Err(Error::new(
                Code::InvalidValue,
                "'attributes' and 'excludedAttributes' exclude each other; give one of them.",
            ));
        }
        Ok(Projection { only, without, unasked: false })
    }

    /// The same, giving what is returned on request without being asked, where `unasked`.
    pub fn giving(self, unasked: bool) -> Self {
        Projection { unasked, ..self }
    }

    /// Whether anything was asked for or left out.
    pub fn is_all(&self) -> bool {
        self.only.is_none() && self.without.is_empty()
    }

    /// Whether an answer may hold anything of the attribute with this canonical name.
    pub fn wants(&self, name: &str) -> bool {
        match &self.only {
            Some(only) => only.iter().any(|a| a.is(name) || a.name.is_empty()),
            None => !self.without.iter().any(|a| a.is(name) && a.sub.is_none()),
        }
    }

    /// Takes from an answer what was not asked for. What is returned always stays.
    pub fn apply(&self, kind: &Kind, answer: &mut Value) {
        if self.is_all() && (self.unasked || !kind.has_parts_on_request()) {
            return;
        }
        let Value::Object(fields) = answer else { return };
        fields.retain(|key, value| match kind.extensions.iter().find(|e| e.id == key) {
            Some(extension) => {
                let Value::Object(inner) = value else { return false };
                self.thin(kind, Some(extension.id), inner);
                !inner.is_empty()
            }
            None => self.keeps(kind, None, key, value),
        });
    }

    fn thin(&self, kind: &Kind, urn: Option<&str>, fields: &mut Map<String, Value>) {
        fields.retain(|key, value| self.keeps(kind, urn, key, value));
    }

    /// Whether `key` stays; parts of its value that were not asked for go.
    fn keeps(&self, kind: &Kind, urn: Option<&str>, key: &str, value: &mut Value) -> bool {
        let Some(found) = kind.find(urn, key) else { return self.only.is_none() };
        if found.attribute.returned == Returned::Always {
            return true;
        }
        let home = found.extension.map(|e| e.id);
        let meant = |attr: &&Attr| match attr.name.is_empty() {
            true => attr.urn == Some(home.unwrap_or(kind.schema.id)),
            false => {
                attr.is(found.attribute.name)
                    && kind.find(attr.urn, &attr.name).is_some_and(|f| f.extension.map(|e| e.id) == home)
            }
        };
        match &self.only {
            Some(only) => {
                let asked: Vec<&Attr> = only.iter().filter(meant).collect();
                if asked.is_empty() {
                    return false;
                }
                let named = |part: &str| asked.iter().any(|a| is_part(a, part));
                match asked.iter().all(|a| a.sub.is_some()) {
                    true => parts(value, named),
                    false => parts(value, |part| named(part) || self.gives(found.attribute, part)),
                }
                true
            }
            None => {
                let left: Vec<&Attr> = self.without.iter().filter(meant).collect();
                if left.iter().any(|a| a.sub.is_none()) {
                    return false;
                }
                parts(value, |part| self.gives(found.attribute, part) && !left.iter().any(|a| is_part(a, part)));
                true
            }
        }
    }

    /// Whether a part is in answers to those who do not name it.
    fn gives(&self, attribute: &Attribute, part: &str) -> bool {
        self.unasked || attribute.part(part).is_none_or(|part| part.returned != Returned::Request)
    }
}

fn is_part(attr: &Attr, part: &str) -> bool {
    attr.sub.as_deref().is_some_and(|sub| sub.eq_ignore_ascii_case(part))
}

/// Keeps the named parts of a value or of each of its elements.
fn parts(value: &mut Value, keep: impl Fn(&str) -> bool + Copy) {
    match value {
        Value::Object(fields) => fields.retain(|key, _| keep(key)),
        Value::Array(items) => items.iter_mut().for_each(|item| parts(item, keep)),
        _ => {}
    }
}

fn read(names: Vec<String>) -> Result<Vec<Attr>> {
    if names.len() > NAMES_MAX {
        return Err(Error::invalid(format!("A list of attributes has at most {NAMES_MAX} names.")));
    }
    let names = names.iter().map(|n| n.trim()).filter(|n| !n.is_empty());
    names.map(|n| Attr::read(n).map_err(|why| Error::invalid(format!("In the list of attributes, {why}.")))).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::schema::{ENTERPRISE_URN, GROUP, USER, USER_URN, WANDB_URN};
    use super::*;
    use serde_json::json;

    fn user() -> Value {
        json!({
            "schemas": [USER_URN], "id": "1", "userName": "x",
            "name": {"familyName": "F", "givenName": "G"},
            "emails": [{"value": "a", "type": "work"}],
            "meta": {"resourceType": "User"},
            WANDB_URN: {"organizationRole": "admin", "modelsSeat": "full"},
            ENTERPRISE_URN: {"department": "ML"},
        })
    }

    fn only(names: &str) -> Value {
        let mut user = user();
        Projection::parse(Some(names), None).unwrap().apply(&USER, &mut user);
        user
    }

    fn without(names: &str) -> Value {
        let mut user = user();
        Projection::parse(None, Some(names)).unwrap().apply(&USER, &mut user);
        user
    }

    #[test]
    fn only_what_was_asked_for_and_what_is_always_there() {
        let base = json!({"schemas": [USER_URN], "id": "1"});
        let with = |key: &str, value: Value| {
            let mut base = base.clone();
            base[key] = value;
            base
        };
        assert_eq!(only("USERNAME"), with("userName", json!("x")));
        assert_eq!(only("name.familyName"), with("name", json!({"familyName": "F"})));
        assert_eq!(only("emails.Value, nothing"), with("emails", json!([{"value": "a"}])));
        assert_eq!(only("organizationRole"), with(WANDB_URN, json!({"organizationRole": "admin"})));
        assert_eq!(only(&format!("{WANDB_URN}:modelsSeat")), with(WANDB_URN, json!({"modelsSeat": "full"})));
        assert_eq!(only(ENTERPRISE_URN), with(ENTERPRISE_URN, json!({"department": "ML"})));
        assert_eq!(only("nothing"), base);
        assert_eq!(only(""), user());
    }

    #[test]
    fn all_but_what_was_left_out() {
        let left = without("emails,name.givenName,meta,id,organizationRole");
        assert_eq!(left["name"], json!({"familyName": "F"}));
        assert!(left.get("emails").is_none() && left.get("meta").is_none());
        assert_eq!(left["id"], "1", "what is returned always stays");
        assert_eq!(left[WANDB_URN], json!({"modelsSeat": "full"}));
        assert!(without(ENTERPRISE_URN).get(ENTERPRISE_URN).is_none());
    }

    #[test]
    fn what_is_returned_on_request_is_asked_for_by_name_unless_the_dialect_gives_it() {
        let seen = |projection: Projection| {
            let mut group = json!({"id": "1", "displayName": "t", "members": [{"value": "2", "display": "x"}]});
            projection.apply(&GROUP, &mut group);
            group["members"].clone()
        };
        let (bare, whole) = (json!([{"value": "2"}]), json!([{"value": "2", "display": "x"}]));
        let p = |only| Projection::parse(only, None).unwrap();
        assert_eq!(seen(p(None)), bare);
        assert_eq!(seen(p(Some("members"))), bare);
        assert_eq!(seen(p(Some("members,members.Display"))), whole);
        assert_eq!(seen(p(Some("members.display"))), json!([{"display": "x"}]));
        assert_eq!(seen(Projection::parse(None, Some("displayName")).unwrap()), bare);
        assert_eq!(seen(p(None).giving(true)), whole);
        assert_eq!(seen(p(Some("members")).giving(true)), whole);
    }

    #[test]
    fn wanting_is_known_before_anything_is_read() {
        let p = |only, without| Projection::parse(only, without).unwrap();
        assert!(p(None, None).wants("members"));
        assert!(!p(None, Some("MEMBERS")).wants("members"));
        assert!(p(None, Some("members.display")).wants("members"));
        assert!(!p(Some("displayName"), None).wants("members"));
        assert!(p(Some("members.value"), None).wants("members"));
        assert!(Projection::parse(Some("a"), Some("b")).is_err());
        assert!(Projection::parse(Some("a b"), None).is_err());
    }
}

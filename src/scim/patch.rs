//! The body of PATCH (RFC 7644 §3.5.2) as a list of operations that each have a path: one without a path is taken apart into one
//! per attribute of its value. What an operation does to a resource is not known here. Clients' deviations are in `quirks.rs`.

use super::path::{Attr, Path, shown};
use super::quirks;
use super::schema::{Mutability, PATCH_URN, SCHEMAS};
use crate::error::{Code, Error, Result};
use serde_json::{Map, Value};

/// The most operations of one request, also after those without a path are taken apart.
pub const OPERATIONS_MAX: usize = 1_000;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Adds values; on an attribute with one value it replaces.
    Add,
    /// Replaces.
    Replace,
    /// Takes away.
    Remove,
}

/// One operation. Its path names an attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// What is done.
    pub verb: Verb,
    /// To what.
    pub path: Path,
    /// With what; a `remove` may have none.
    pub value: Option<Value>,
}

fn unreadable(why: impl Into<String>) -> Error {
    Error::new(Code::InvalidSyntax, why.into())
}

/// Reads the operations, in order.
///
/// # Errors
/// [`Code::InvalidSyntax`] for a wrong shape or an unknown `op`, [`Code::InvalidPath`], [`Code::InvalidFilter`],
/// [`Code::NoTarget`] for a `remove` that names nothing, [`Code::InvalidValue`] for a value that is missing.
pub fn parse(body: &Value) -> Result<Vec<Operation>> {
    let Value::Object(body) = body else { return Err(unreadable("A PATCH body is a JSON object.")) };
    if let Some(schemas) = field(body, "schemas")? {
        let names = schemas.as_array().ok_or_else(|| unreadable("'schemas' is a list."))?;
        let is_patch = |v: &Value| v.as_str().is_some_and(|s| s.eq_ignore_ascii_case(PATCH_URN));
        if !names.is_empty() && !names.iter().any(is_patch) {
            return Err(unreadable(format!("A PATCH body is of the schema {PATCH_URN}.")));
        }
    }
    let Some(Value::Array(operations)) = field(body, "operations")? else {
        return Err(unreadable("A PATCH body has a list of 'Operations'."));
    };
    if operations.is_empty() {
        return Err(unreadable("The list of 'Operations' is empty."));
    }
    let mut out = vec![];
    for operation in operations {
        let Value::Object(operation) = operation else { return Err(unreadable("Each of 'Operations' is an object.")) };
        read(operation, &mut out)?;
        if out.len() > OPERATIONS_MAX {
            return Err(unreadable(format!("A request has at most {OPERATIONS_MAX} operations.")));
        }
    }
    Ok(out)
}

/// The value of a key in any case; `null` is none.
///
/// # Errors
/// [`Code::InvalidSyntax`] where two keys differ in case only.
pub(super) fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Value>> {
    let mut found = object.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let first = found.next();
    if found.next().is_some() {
        return Err(unreadable(format!("'{name}' stands twice.")));
    }
    Ok(first.filter(|v| !v.is_null()))
}

fn read(operation: &Map<String, Value>, out: &mut Vec<Operation>) -> Result<()> {
    let verb = match field(operation, "op")? {
        Some(Value::String(op)) => match quirks::operation(op).as_str() {
            "add" => Verb::Add,
            "replace" => Verb::Replace,
            "remove" => Verb::Remove,
            _ => {
                return Err(unreadable(format!("'{}' is no operation; there are add, replace and remove.", shown(op))));
            }
        },
        _ => return Err(unreadable("Each operation has an 'op': add, replace or remove.")),
    };
    let value = field(operation, "value")?.cloned();
    let path = match field(operation, "path")? {
        None => None,
        Some(Value::String(path)) if path.trim().is_empty() => None,
        Some(Value::String(path)) => Some(Path::parse(path)?),
        Some(_) => return Err(unreadable("A 'path' is text.")),
    };
    match path {
        Some(path) if path.attr.name.is_empty() => below(verb, &path.attr, value, out),
        Some(path) => {
            // An explicit null is a value that takes away (RFC 7643 §2.5); nothing at all is a mistake.
            let is_null = operation.iter().any(|(k, v)| k.eq_ignore_ascii_case("value") && v.is_null());
            if verb != Verb::Remove && value.is_none() && !is_null {
                return Err(Error::invalid(format!("The operation on '{}' has no value.", shown(&path.to_string()))));
            }
            let verb = if value.is_none() && verb == Verb::Replace { Verb::Remove } else { verb };
            if verb == Verb::Add && value.is_none() {
                return Ok(());
            }
            out.push(Operation { verb, path, value });
            Ok(())
        }
        None => match value {
            Some(Value::Object(fields)) => {
                for (key, value) in fields {
                    if quirks::repeats_what_it_read(&key) {
                        continue;
                    }
                    let path = Path::parse(&key)?;
                    match path.attr.name.is_empty() {
                        true => below(verb, &path.attr, Some(value), out)?,
                        false => push(verb, path, value, out),
                    }
                }
                Ok(())
            }
            None if verb == Verb::Remove => Err(Error::new(Code::NoTarget, "A 'remove' needs a 'path'.")),
            _ => Err(Error::invalid("An operation without a 'path' has an object of attributes as its value.")),
        },
    }
}

/// An operation on a whole extension, as operations on its attributes.
fn below(verb: Verb, schema: &Attr, value: Option<Value>, out: &mut Vec<Operation>) -> Result<()> {
    let at = |name: &str| Path::parse(&format!("{}:{name}", schema.urn.unwrap_or_default()));
    match value {
        Some(Value::Object(fields)) => {
            for (name, value) in fields {
                if !quirks::repeats_what_it_read(&name) {
                    push(verb, at(&name)?, value, out);
                }
            }
            Ok(())
        }
        None if verb != Verb::Add => {
            let known = SCHEMAS.iter().filter(|s| Some(s.id) == schema.urn).flat_map(|s| s.attributes);
            for attribute in known.filter(|a| a.mutability == Mutability::ReadWrite) {
                out.push(Operation { verb: Verb::Remove, path: at(attribute.name)?, value: None });
            }
            Ok(())
        }
        _ => Err(Error::invalid("The value of a schema is an object of its attributes.")),
    }
}

/// Adds an operation; a null value takes away.
fn push(verb: Verb, path: Path, value: Value, out: &mut Vec<Operation>) {
    match (verb, value) {
        (Verb::Add, Value::Null) => {}
        (_, Value::Null) => out.push(Operation { verb: Verb::Remove, path, value: None }),
        (verb, value) => out.push(Operation { verb, path, value: Some(value) }),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::schema::{ENTERPRISE_URN, WANDB_URN};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(operations: Value) -> Result<Vec<String>> {
        let body = json!({"schemas": [PATCH_URN], "Operations": operations});
        let said = |o: Operation| {
            let value = o.value.map_or_else(|| "-".to_owned(), |v| v.to_string());
            format!("{:?} {} {value}", o.verb, o.path)
        };
        Ok(parse(&body)?.into_iter().map(said).collect())
    }

    #[test]
    fn both_shapes_of_deactivation_are_one_operation() {
        let expected = ["Replace active false"];
        assert_eq!(read(json!([{"op": "replace", "value": {"active": false}}])).unwrap(), expected);
        assert_eq!(read(json!([{"op": "Replace", "path": "active", "value": false}])).unwrap(), expected);
        assert_eq!(read(json!([{"OP": "REPLACE", "Path": "", "VALUE": {"active": false}}])).unwrap(), expected);
    }

    #[test]
    fn a_value_without_path_is_taken_apart_down_to_extensions() {
        let operations = json!([{"op": "add", "value": {
            "schemas": ["x"],
            "name.givenName": "A",
            "emails[type eq \"work\"].value": "a@b.c",
            ENTERPRISE_URN: {"department": "ML"},
            format!("{WANDB_URN}:organizationRole"): "admin",
            "title": null,
        }}]);
        let mut found = read(operations).unwrap();
        found.sort();
        let department = format!("Add {ENTERPRISE_URN}:department \"ML\"");
        let role = format!("Add {WANDB_URN}:organizationRole \"admin\"");
        assert_eq!(
            found,
            ["Add emails[type eq \"work\"].value \"a@b.c\"", "Add name.givenName \"A\"", &department, &role,]
        );
    }

    #[test]
    fn removes_name_what_they_take() {
        let entra = json!([{"op": "Remove", "path": "members", "value": [{"value": "1"}]}]);
        assert_eq!(read(entra).unwrap(), ["Remove members [{\"value\":\"1\"}]"]);
        assert_eq!(read(json!([{"op": "remove", "path": "members"}])).unwrap(), ["Remove members -"]);
        assert_eq!(read(json!([{"op": "replace", "path": "title", "value": null}])).unwrap(), ["Remove title -"]);
        assert_eq!(read(json!([{"op": "remove", "path": ENTERPRISE_URN}])).unwrap().len(), 6);
        assert_eq!(read(json!([{"op": "remove"}])).unwrap_err().code(), Code::NoTarget);
    }

    #[test]
    fn what_is_no_patch_is_refused_with_the_scim_type_of_the_rfc() {
        for (operations, code) in [
            (json!([]), Code::InvalidSyntax),
            (json!({}), Code::InvalidSyntax),
            (json!([1]), Code::InvalidSyntax),
            (json!([{}]), Code::InvalidSyntax),
            (json!([{"op": "move", "path": "a", "value": 1}]), Code::InvalidSyntax),
            (json!([{"op": 1}]), Code::InvalidSyntax),
            (json!([{"op": "add", "Op": "remove", "path": "a", "value": 1}]), Code::InvalidSyntax),
            (json!([{"op": "add", "path": 5, "value": 1}]), Code::InvalidSyntax),
            (json!([{"op": "add", "path": "a[", "value": 1}]), Code::InvalidFilter),
            (json!([{"op": "add", "path": "a b", "value": 1}]), Code::InvalidPath),
            (json!([{"op": "add", "path": "a"}]), Code::InvalidValue),
            (json!([{"op": "add", "value": [1]}]), Code::InvalidValue),
            (json!([{"op": "add"}]), Code::InvalidValue),
            (json!([{"op": "add", "path": ENTERPRISE_URN, "value": "x"}]), Code::InvalidValue),
            (json!([{"op": "add", "value": {"a b": 1}}]), Code::InvalidPath),
        ] {
            assert_eq!(read(operations.clone()).unwrap_err().code(), code, "{operations}");
        }
        let many = vec![json!({"op": "add", "path": "a", "value": 1}); OPERATIONS_MAX + 1];
        assert!(read(json!(many)).is_err());
        for body in
            [json!(null), json!([]), json!({}), json!({"schemas": ["x"], "Operations": []}), json!({"schemas": 1})]
        {
            assert_eq!(parse(&body).unwrap_err().code(), Code::InvalidSyntax, "{body}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            prop_oneof![
                Just("add"),
                Just("remove"),
                Just("members[value eq \"x\"]"),
                Just(ENTERPRISE_URN),
                Just("a.b")
            ]
            .prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let key = prop_oneof![Just("op"), Just("Path"), Just("value"), Just("title"), Just(WANDB_URN)];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_body_brings_it_down_and_every_operation_has_a_path(operations in prop::collection::vec(value(), 0..4)) {
            if let Ok(found) = parse(&json!({"Operations": operations})) {
                prop_assert!(found.iter().all(|o| !o.path.attr.name.is_empty()));
                prop_assert!(found.iter().all(|o| o.verb == Verb::Remove || o.value.is_some()));
            }
        }
    }
}

//! Bodies of PATCH as strangers write them: a list of operations that each name an attribute, or a refusal with one of the RFC's
//! words; never a panic, never an operation that does nothing.
#![no_main]

use arbitrary::Arbitrary;
use bailiwick::error::Code;
use bailiwick::scim::patch::{self, OPERATIONS_MAX, Verb};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

#[derive(Arbitrary, Debug)]
enum Asked<'a> {
    /// Any JSON.
    Raw(&'a [u8]),
    /// Operations in something like their shape.
    Shaped(Vec<Operation<'a>>),
}

#[derive(Arbitrary, Debug)]
struct Operation<'a> {
    op: u8,
    path: Option<&'a str>,
    value: Option<Part<'a>>,
    upper: bool,
}

#[derive(Arbitrary, Debug)]
enum Part<'a> {
    Null,
    Bool(bool),
    Number(i64),
    Text(&'a str),
    List(Vec<Part<'a>>),
    Object(Vec<(u8, &'a str, Part<'a>)>),
}

const OPS: &[&str] = &["add", "replace", "remove", "Add", "REMOVE", "move", ""];
const KEYS: &[&str] = &[
    "members",
    "active",
    "name.familyName",
    "emails[type eq \"work\"].value",
    "urn:ietf:params:scim:schemas:extension:wandb:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "schemas",
    "value",
];

fn value(part: &Part) -> Value {
    match part {
        Part::Null => Value::Null,
        Part::Bool(on) => (*on).into(),
        Part::Number(n) => (*n).into(),
        Part::Text(text) => (*text).into(),
        Part::List(items) => items.iter().map(value).collect(),
        Part::Object(fields) => {
            let key = |n: u8, text: &str| KEYS.get(usize::from(n) % 12).map_or_else(|| text.to_owned(), |k| (*k).to_owned());
            Value::Object(fields.iter().map(|(n, text, part)| (key(*n, text), value(part))).collect())
        }
    }
}

fuzz_target!(|asked: Asked| {
    let body = match &asked {
        Asked::Raw(bytes) => match serde_json::from_slice(bytes) {
            Ok(body) => body,
            Err(_) => return,
        },
        Asked::Shaped(operations) => {
            let one = |o: &Operation| {
                let mut out = Map::new();
                out.insert(if o.upper { "OP" } else { "op" }.to_owned(), json!(OPS[usize::from(o.op) % OPS.len()]));
                out.extend(o.path.map(|path| ("path".to_owned(), json!(path))));
                out.extend(o.value.as_ref().map(|v| ("value".to_owned(), value(v))));
                Value::Object(out)
            };
            json!({"Operations": operations.iter().map(one).collect::<Vec<_>>()})
        }
    };
    match patch::parse(&body) {
        Ok(operations) => {
            assert!(operations.len() <= OPERATIONS_MAX + 8);
            for operation in operations {
                assert!(!operation.path.attr.name.is_empty(), "an operation on nothing");
                assert!(operation.verb == Verb::Remove || operation.value.is_some(), "an operation with nothing");
                assert!(operation.value.as_ref().is_none_or(|v| !v.is_null()));
            }
        }
        Err(error) => assert!(
            matches!(
                error.code(),
                Code::InvalidSyntax | Code::InvalidPath | Code::InvalidFilter | Code::InvalidValue | Code::NoTarget
            ),
            "{error:?}"
        ),
    }
});

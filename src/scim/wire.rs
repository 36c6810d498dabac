//! Reading what clients send: JSON of bounded depth, no name twice in one object without regard to case, and look-ups by a name
//! in any case (RFC 7643 §2.1). What the values mean is said elsewhere.

use crate::error::{Code, Error, Result};
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// The deepest nesting that any message needs, and some.
const DEPTH_MAX: usize = 32;

/// The error for what is not the message that is expected.
pub(super) fn unreadable(why: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::InvalidSyntax, why)
}

/// The JSON of a body.
///
/// # Errors
/// [`Code::InvalidSyntax`].
pub(super) fn parse(body: &[u8]) -> Result<Value> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::new(Code::InvalidSyntax, "The request has no body.").hint("Send a JSON object."));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = Strict(DEPTH_MAX).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|e| Error::new(Code::InvalidSyntax, format!("The body is not JSON as it is expected: {e}.")))
}

/// The same where it has to be an object.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>> {
    match parse(body)? {
        Value::Object(map) => Ok(map),
        _ => Err(Error::new(Code::InvalidSyntax, "The body has to be a JSON object.")),
    }
}

/// The member of this name, in any case; null counts as absent (RFC 7643 §2.5).
pub(super) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let exact = object.get(name);
    exact
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v))
        .filter(|v| !v.is_null())
}

/// Reads any JSON value, with this much depth left.
struct Strict(usize);

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> std::result::Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl Strict {
    fn inner<E: serde::de::Error>(&self) -> std::result::Result<Strict, E> {
        self.0.checked_sub(1).map(Strict).ok_or_else(|| E::custom("it is nested too deeply"))
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(value.into())
    }
    fn visit_string<E>(self, value: String) -> std::result::Result<Value, E> {
        Ok(Value::String(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Value, A::Error> {
        let mut out = vec![];
        while let Some(value) = items.next_element_seed(self.inner()?)? {
            out.push(value);
        }
        Ok(Value::Array(out))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<Value, A::Error> {
        let (mut out, mut seen) = (Map::new(), HashSet::new());
        while let Some(key) = members.next_key::<String>()? {
            if !seen.insert(key.to_ascii_lowercase()) {
                let key: String = key.chars().filter(|c| !c.is_control()).take(60).collect();
                return Err(A::Error::custom(format!("'{key}' stands twice in one object")));
            }
            let value = members.next_value_seed(self.inner()?)?;
            out.insert(key, value);
        }
        Ok(Value::Object(out))
    }
}

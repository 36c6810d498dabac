//! Reading a JSON Web Token (RFC 7519) in its compact form, strictly: what two readers could understand differently is
//! refused. Three parts, base64url without padding, objects without repeated names, claims of their one right type. Nothing
//! is proved here: signatures are checked in [`super::keys`], claims by whoever asked for the token.

use crate::clock::{Millis, SECOND};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// The longest token looked at, in bytes.
pub const TOKEN_MAX: usize = 64 * 1024;
/// The largest time in a claim, in seconds: the end of the year 9999.
const TIME_MAX: u64 = 253_402_300_799;

/// A token as it was read. Nothing in it is proved.
pub struct Token<'a> {
    /// The signature's algorithm, as the header names it.
    pub alg: String,
    /// The id of the key, where the header names one.
    pub kid: Option<String>,
    /// The type, where the header names one.
    pub typ: Option<String>,
    /// What it claims.
    pub claims: Claims,
    /// The bytes that are signed.
    pub signed: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
}

/// What a token claims.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims(pub Map<String, Value>);

impl<'a> Token<'a> {
    /// Reads a token; the text says what is wrong with it and holds nothing of it but names of members.
    pub fn read(text: &'a str) -> Result<Self, String> {
        if text.len() > TOKEN_MAX {
            return Err(format!("The token is longer than {} KiB.", TOKEN_MAX / 1024));
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            let encrypted = if parts.len() == 5 { " It may be an encrypted one, which is not supported." } else { "" };
            return Err(format!("The token has {} parts instead of three.{encrypted}", parts.len()));
        };
        let bytes = |part: &str, what: &str| {
            URL_SAFE_NO_PAD.decode(part).map_err(|_| format!("The token's {what} is not base64url."))
        };
        let (head, claims) =
            (object(&bytes(header, "header")?, "header")?, object(&bytes(claims, "payload")?, "payload")?);
        let signed = &text[..header.len() + 1 + parts[1].len()];
        let signature = bytes(signature, "signature")?;
        let text_of = |name: &str| match head.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("The header's '{name}' is not a text.")),
        };
        if head.contains_key("crit") {
            // RFC 7515 §4.1.11: whoever does not understand every one of them must refuse.
            return Err("The header demands extensions ('crit') that are not known here.".into());
        }
        let alg = text_of("alg")?.ok_or("The header names no algorithm ('alg').")?;
        Ok(Token { alg, kid: text_of("kid")?, typ: text_of("typ")?, claims: Claims(claims), signed, signature })
    }
}

impl Claims {
    /// A claim that is a text, if it is there.
    pub fn text(&self, name: &str) -> Result<Option<&str>, String> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("The claim '{name}' is {}, not a text.", kind(other))),
        }
    }

    /// A claim that must be there as a text with something in it.
    pub fn need_text(&self, name: &str) -> Result<&str, String> {
        match self.text(name)? {
            Some("") => Err(format!("The claim '{name}' is empty.")),
            Some(text) => Ok(text),
            None => Err(format!("The token has no claim '{name}'.")),
        }
    }

    /// A claim that is a moment, if it is there: whole seconds since 1970, not before and not absurdly far.
    pub fn time(&self, name: &str) -> Result<Option<Millis>, String> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_u64().filter(|s| *s <= TIME_MAX);
        let seconds = seconds.and_then(|s| i64::try_from(s).ok());
        let seconds = seconds.ok_or_else(|| match value {
            Value::Number(_) => format!("The claim '{name}' is not a moment in whole seconds since 1970."),
            other => format!("The claim '{name}' is {}, not a number.", kind(other)),
        })?;
        Ok(Some(seconds * SECOND))
    }

    /// The audiences: one text, or a list of texts.
    pub fn audiences(&self) -> Result<Vec<&str>, String> {
        match self.0.get("aud") {
            None => Err("The token has no claim 'aud'.".into()),
            Some(Value::String(one)) => Ok(vec![one]),
            Some(Value::Array(several)) => several
                .iter()
                .map(|one| one.as_str().ok_or_else(|| format!("The claim 'aud' lists {}, not a text.", kind(one))))
                .collect(),
            Some(other) => Err(format!("The claim 'aud' is {}, neither a text nor a list.", kind(other))),
        }
    }
}

/// What a value is, for a sentence.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A JSON object in which no name stands twice, at any depth.
pub fn object(json: &[u8], what: &str) -> Result<Map<String, Value>, String> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = Strict.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => Err(format!("The {what} is {}, not a JSON object.", kind(&other))),
        Err(error) if error.to_string().starts_with(TWICE) => Err(format!("A name stands twice in the {what}.")),
        Err(_) => Err(format!("The {what} is not JSON.")),
    }
}

const TWICE: &str = "a name stands twice";

/// Builds a [`Value`] and refuses repeated names, of which other readers take the first or the last.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut out = vec![];
        while let Some(value) = seq.next_element_seed(Strict)? {
            out.push(value);
        }
        Ok(Value::Array(out))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Strict)?;
            if out.insert(name, value).is_some() {
                return Err(A::Error::custom(TWICE));
            }
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims), "AAAA")
    }

    fn claims(json: &str) -> Claims {
        Claims(object(json.as_bytes(), "payload").unwrap())
    }

    #[test]
    fn a_plain_token_is_read_and_its_signed_bytes_are_the_first_two_parts() {
        let text = token(r#"{"alg":"RS256","kid":"a","jku":"https://evil.example"}"#, r#"{"sub":"x"}"#);
        let read = Token::read(&text).unwrap();
        assert_eq!((read.alg.as_str(), read.kid.as_deref(), read.typ), ("RS256", Some("a"), None));
        assert_eq!(format!("{}.AAAA", read.signed), text);
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_refused() {
        let good = r#"{"alg":"RS256"}"#;
        for (header, payload, why) in [
            (r#"{"alg":"RS256","alg":"none"}"#, "{}", "twice"),
            (good, r#"{"sub":"a","sub":"b"}"#, "twice"),
            (good, r#"{"a":{"b":1,"b":2}}"#, "twice"),
            (good, r#"{"a":[{"b":1,"b":2}]}"#, "twice"),
            (good, "[]", "not a JSON object"),
            (good, r#"{"sub":"a"} x"#, "not JSON"),
            (good, "{'a':1}", "not JSON"),
            (r#"{"alg":"RS256","crit":["exp"]}"#, "{}", "crit"),
            (r#"{"alg":1}"#, "{}", "not a text"),
            (r#"{"kid":"a"}"#, "{}", "names no algorithm"),
            (r#"{"alg":"RS256","kid":7}"#, "{}", "not a text"),
        ] {
            let refused = Token::read(&token(header, payload)).err().unwrap();
            assert!(refused.contains(why), "{header} {payload}: {refused}");
        }
        for text in ["", "a.b", "a.b.c.d", "!.!.!", "e30=.e30=.AAAA", "e30.e30.A", " e30.e30.AAAA"] {
            assert!(Token::read(text).is_err(), "{text}");
        }
        assert!(Token::read(&"a".repeat(TOKEN_MAX + 1)).is_err());
        assert!(Token::read("a.b.c.d.e").err().unwrap().contains("encrypted"));
    }

    #[test]
    fn a_wrong_typed_time_is_never_an_absent_one() {
        assert_eq!(claims(r#"{"exp":1700000000}"#).time("exp"), Ok(Some(1_700_000_000_000)));
        assert_eq!(claims("{}").time("exp"), Ok(None));
        for bad in
            ["\"1700000000\"", "-1", "1.5", "1e3", "253402300800", "18446744073709551616", "null", "true", "[1]", "{}"]
        {
            assert!(claims(&format!(r#"{{"exp":{bad}}}"#)).time("exp").is_err(), "{bad}");
        }
    }

    #[test]
    fn audiences_are_a_text_or_a_list_of_texts() {
        assert_eq!(claims(r#"{"aud":"a"}"#).audiences(), Ok(vec!["a"]));
        assert_eq!(claims(r#"{"aud":["a","b"]}"#).audiences(), Ok(vec!["a", "b"]));
        assert_eq!(claims(r#"{"aud":[]}"#).audiences(), Ok(vec![]));
        for bad in ["{}", r#"{"aud":1}"#, r#"{"aud":["a",1]}"#, r#"{"aud":{"a":1}}"#, r#"{"aud":null}"#] {
            assert!(claims(bad).audiences().is_err(), "{bad}");
        }
    }
}

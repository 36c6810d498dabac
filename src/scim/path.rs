//! Names of attributes as clients write them: `name`, `name.familyName`, `urn:…:User:manager.displayName`, and the paths of
//! PATCH (RFC 7644 §3.5.2) with a filter: `emails[type eq "work"].value`. A schema's URN is matched as a whole, the longest
//! first, since it has dots and colons of its own. What a name means for a kind of resource: [`Attr::resolve`].

use super::filter::{self, Filter};
use super::quirks;
use super::schema::{Attribute, Found, Kind, SCHEMAS};
use crate::error::{Code, Error, Result};
use serde_json::Value;
use std::fmt;

/// The longest path taken, in bytes.
pub const PATH_MAX: usize = 1_024;

/// A name as written: schema, attribute, sub-attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attr {
    /// The URN of the schema, canonical, where one was written.
    pub urn: Option<&'static str>,
    /// The attribute; empty where the path is a schema's URN alone.
    pub name: String,
    /// The sub-attribute.
    pub sub: Option<String>,
}

/// What a name means.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The attribute and its schema.
    pub found: Found,
    /// The part of it that is meant; none for the whole.
    pub part: Option<&'static Attribute>,
}

impl Target {
    /// The attribute or the part whose values are meant.
    pub fn leaf(&self) -> &'static Attribute {
        self.part.unwrap_or(self.found.attribute)
    }

    /// Whether clients may change it, by what is announced.
    pub fn is_read_only(&self) -> bool {
        let read_only = |a: &Attribute| a.mutability == super::schema::Mutability::ReadOnly;
        read_only(self.found.attribute) || self.part.is_some_and(read_only)
    }

    /// Its values in a resource of the RFC's shape; those of all elements where there can be several.
    pub fn values<'v>(&self, resource: &'v Value) -> Vec<&'v Value> {
        let base = match self.found.extension {
            Some(extension) => &resource[extension.id],
            None => resource,
        };
        let whole = each(&base[self.found.attribute.name]);
        match self.part {
            Some(part) => whole.into_iter().flat_map(|v| each(&v[part.name])).collect(),
            None => whole,
        }
    }
}

/// The elements of an array, a single value, or nothing for `null`.
pub fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => vec![],
        Value::Array(items) => items.iter().filter(|v| !v.is_null()).collect(),
        one => vec![one],
    }
}

impl Attr {
    /// Reads a name; the schema's URN alone is one too.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (urn, rest) = split_urn(text)?;
        if rest.is_empty() && urn.is_some() {
            return Ok(Attr { urn, name: String::new(), sub: None });
        }
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        for part in [Some(name), sub].into_iter().flatten() {
            if !is_name(part) {
                return Err(format!("'{}' is not the name of an attribute", shown(text)));
            }
        }
        Ok(Attr { urn, name: name.to_owned(), sub: sub.map(str::to_owned) })
    }

    /// What it means for `kind`; `None` where there is no such attribute.
    pub fn resolve(&self, kind: &Kind) -> Option<Target> {
        let found = kind.find(self.urn, &self.name)?;
        let part = match &self.sub {
            Some(sub) => Some(found.attribute.part(sub)?),
            None => None,
        };
        Some(Target { found, part })
    }

    /// Whether it is this attribute, in any case, whatever part of it.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl fmt::Display for Attr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = self.urn {
            f.write_str(urn)?;
            if !self.name.is_empty() {
                f.write_str(":")?;
            }
        }
        f.write_str(&self.name)?;
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// Takes a known schema's URN off the front; the rest begins with the attribute.
fn split_urn(text: &str) -> Result<(Option<&'static str>, &str), String> {
    if !text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:")) {
        return Ok((None, text));
    }
    let begins = |urn: &str| text.get(..urn.len()).is_some_and(|head| head.eq_ignore_ascii_case(urn));
    let mut known: Vec<&'static str> = SCHEMAS.iter().map(|s| s.id).filter(|urn| begins(urn)).collect();
    known.sort_unstable_by_key(|urn| std::cmp::Reverse(urn.len()));
    for urn in known {
        let rest = &text[urn.len()..];
        if rest.is_empty() {
            return Ok((Some(urn), rest));
        }
        if let Some(rest) = quirks::after_urn(rest) {
            return Ok((Some(urn), rest));
        }
    }
    Err(format!("'{}' belongs to no schema of this server", shown(text)))
}

/// `ATTRNAME` of RFC 7644 §3.4.2.2, and `$ref`.
pub(super) fn is_name(text: &str) -> bool {
    let text = text.strip_prefix('$').unwrap_or(text);
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// What a client wrote, short enough for an answer.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Where a PATCH operation points.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The attribute.
    pub attr: Attr,
    /// Which of its values.
    pub filter: Option<Filter>,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// [`Code::InvalidPath`], or [`Code::InvalidFilter`] for what stands in brackets.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > PATH_MAX {
            return Err(Error::new(Code::InvalidPath, format!("The path is longer than {PATH_MAX} characters.")));
        }
        let text = text.trim();
        let wrong = |why: String| Error::new(Code::InvalidPath, format!("The path cannot be read: {why}."));
        let Some(open) = text.find('[') else {
            return Ok(Path { attr: Attr::read(text).map_err(wrong)?, filter: None });
        };
        let mut attr = Attr::read(&text[..open]).map_err(wrong)?;
        if attr.sub.is_some() || attr.name.is_empty() {
            return Err(wrong(format!("'{}' cannot have a filter", shown(&text[..open]))));
        }
        let (inner, rest) = filter::in_brackets(&text[open + 1..])?;
        attr.sub = match rest.strip_prefix('.') {
            Some(sub) if is_name(sub) => Some(sub.to_owned()),
            None if rest.is_empty() => None,
            _ => return Err(wrong(format!("'{}' follows the filter", shown(rest)))),
        };
        Ok(Path { attr, filter: Some(inner) })
    }

    /// What it means for `kind`.
    ///
    /// # Errors
    /// [`Code::InvalidPath`] where there is no such attribute, or a filter on one that has a single value.
    pub fn resolve(&self, kind: &Kind) -> Result<Target> {
        let target = self.attr.resolve(kind).ok_or_else(|| {
            Error::new(
                Code::InvalidPath,
                format!("{} has no attribute '{}'.", kind.name, shown(&self.attr.to_string())),
            )
        })?;
        if self.filter.is_some() && !target.found.attribute.multi {
            let name = target.found.attribute.name;
            return Err(Error::new(
                Code::InvalidPath,
                format!("'{name}' has one value; a filter has nothing to choose."),
            ));
        }
        Ok(target)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.filter {
            None => write!(f, "{}", self.attr),
            Some(filter) => {
                write!(f, "{}[{filter}]", Attr { sub: None, ..self.attr.clone() })?;
                self.attr.sub.as_ref().map_or(Ok(()), |sub| write!(f, ".{sub}"))
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::schema::{ENTERPRISE_URN, GROUP, USER, USER_URN, WANDB_URN};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parsed(text: &str) -> (Option<&'static str>, String, Option<String>, bool) {
        let path = Path::parse(text).unwrap();
        (path.attr.urn, path.attr.name, path.attr.sub, path.filter.is_some())
    }

    #[test]
    fn a_urn_is_matched_whole_and_the_rest_is_the_attribute() {
        let manager = format!("{ENTERPRISE_URN}:manager");
        assert_eq!(parsed(&manager), (Some(ENTERPRISE_URN), "manager".into(), None, false));
        let name = format!("{}:manager.displayName", ENTERPRISE_URN.to_lowercase());
        assert_eq!(parsed(&name), (Some(ENTERPRISE_URN), "manager".into(), Some("displayName".into()), false));
        assert_eq!(parsed(ENTERPRISE_URN), (Some(ENTERPRISE_URN), String::new(), None, false));
        let emails = format!("{USER_URN}:emails[type eq \"work\"].value");
        assert_eq!(parsed(&emails), (Some(USER_URN), "emails".into(), Some("value".into()), true));
        assert_eq!(parsed("name.familyName"), (None, "name".into(), Some("familyName".into()), false));
        assert_eq!(parsed("members[value eq \"a]b\"]"), (None, "members".into(), None, true));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for bad in [
            "",
            " ",
            ".",
            "a.",
            ".a",
            "a.b.c",
            "1a",
            "a b",
            "a[",
            "a[]",
            "a[b]",
            "a[b eq 1",
            "a[b eq 1]c",
            "a[b eq 1].",
            "a.b[c eq 1]",
            "[a eq 1]",
            "urn:unknown:a",
            "urn:ietf:params:scim:schemas:core:2.0:Users",
            "ä",
            "a:b",
            "members[value eq \"x\"].a.b",
            "a[b[c eq 1]]",
        ] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
        assert!(Path::parse(&"a".repeat(PATH_MAX + 1)).is_err());
        assert_eq!(Path::parse("nonsense").unwrap().resolve(&USER).unwrap_err().code(), Code::InvalidPath);
        assert_eq!(Path::parse("userName[a eq 1]").unwrap().resolve(&USER).unwrap_err().code(), Code::InvalidPath);
        assert_eq!(Path::parse("members.nonsense").unwrap().resolve(&GROUP).unwrap_err().code(), Code::InvalidPath);
    }

    #[test]
    fn values_are_found_where_the_rfc_puts_them() {
        let resource = json!({
            "emails": [{"value": "a"}, {"value": "b"}, {"type": "work"}],
            "userName": "x",
            WANDB_URN: {"organizationRole": "admin"},
        });
        let values = |path: &str| {
            let target = Path::parse(path).unwrap().resolve(&USER).unwrap();
            target.values(&resource).into_iter().cloned().collect::<Vec<_>>()
        };
        assert_eq!(values("emails.value"), [json!("a"), json!("b")]);
        assert_eq!(values("USERNAME"), [json!("x")]);
        assert_eq!(values("organizationrole"), [json!("admin")]);
        assert_eq!(values(&format!("{WANDB_URN}:organizationRole")), [json!("admin")]);
        assert!(values("title").is_empty());
    }

    proptest! {
        #[test]
        fn no_text_brings_it_down_and_what_is_read_is_written_the_same(text in "\\PC{0,60}|(urn:ietf:params:scim:schemas:core:2.0:User:)?[a-c.:\\[\\] eq\"1]{0,20}") {
            if let Ok(path) = Path::parse(&text) {
                prop_assert_eq!(Path::parse(&path.to_string()).unwrap(), path);
            }
        }
    }
}

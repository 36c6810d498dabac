//! Search filters (RFC 4515), built from parts that cannot be confused: a value is always escaped, an attribute is always a
//! name. Nothing else makes a filter, except an administrator's own text, which is read and bounded before it is used. Filter
//! escaping is not DN escaping: see `dn`.

use std::borrow::Cow;
use std::fmt::Write;

/// Longest filter an administrator gives, in bytes.
const LONGEST: usize = 4 * 1024;
/// Deepest nesting of it.
const DEEPEST: usize = 16;
/// The rule that follows membership through groups, of Active Directory.
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// The name of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attribute(Cow<'static, str>);

impl Attribute {
    /// A name that stands in the code.
    pub const fn known(name: &'static str) -> Attribute {
        Attribute(Cow::Borrowed(name))
    }

    /// A name of letters, digits and `-` that begins with a letter, or a dotted number.
    pub fn parse(text: &str) -> Option<Attribute> {
        let numeric = text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && text.split('.').all(|n| !n.is_empty())
            && text.contains('.');
        let word = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        ((numeric || word) && text.len() <= 128).then(|| Attribute(Cow::Owned(text.to_owned())))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A filter that is well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// Entries whose attribute has this value.
    pub fn equals(attribute: &Attribute, value: &[u8]) -> Filter {
        Filter(format!("({}={})", attribute.0, escaped(value)))
    }

    /// Entries that have the attribute.
    pub fn present(attribute: &Attribute) -> Filter {
        Filter(format!("({}=*)", attribute.0))
    }

    /// Entries whose attribute names this one, or an entry that does, and so on: Active Directory alone knows how.
    pub fn in_chain(attribute: &Attribute, dn: &str) -> Filter {
        Filter(format!("({}:{IN_CHAIN}:={})", attribute.0, escaped(dn.as_bytes())))
    }

    /// Entries of this object class.
    pub fn class(name: &'static str) -> Filter {
        Filter(format!("(objectClass={name})"))
    }

    /// Entries that fit every one.
    pub fn all(of: Vec<Filter>) -> Filter {
        joined('&', of)
    }

    /// Entries that fit at least one.
    pub fn any(of: Vec<Filter>) -> Filter {
        joined('|', of)
    }

    /// An administrator's filter; none for a blank one.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Option<Filter>, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > LONGEST {
            return Err(format!("The filter has more than {LONGEST} bytes."));
        }
        let mut depth = 0_usize;
        for byte in text.bytes() {
            match byte {
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                0 => return Err("The filter has a character NUL.".to_owned()),
                _ => {}
            }
            if depth > DEEPEST {
                return Err(format!("The filter is nested more than {DEEPEST} deep."));
            }
        }
        let whole = if text.starts_with('(') { text.to_owned() } else { format!("({text})") };
        match ldap3::parse_filter(&whole) {
            Ok(_) => Ok(Some(Filter(whole))),
            Err(()) => Err("The filter cannot be read. One looks like this: (objectClass=person)".to_owned()),
        }
    }

    /// The filter as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn joined(by: char, of: Vec<Filter>) -> Filter {
    let mut parts = of.into_iter();
    match (parts.next(), parts.next()) {
        (Some(one), None) => one,
        (Some(first), Some(second)) => {
            let rest: String = parts.map(|f| f.0).collect();
            Filter(format!("({by}{}{}{rest})", first.0, second.0))
        }
        // Nothing to choose from: no entry fits either way.
        (None, _) => Filter("(!(objectClass=*))".to_owned()),
    }
}

/// A value with everything but plain text as `\xx`.
fn escaped(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value {
        match byte {
            b'*' | b'(' | b')' | b'\\' | 0..=31 | 127.. => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\{byte:02x}");
            }
            _ => out.push(char::from(*byte)),
        }
    }
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn attribute(name: &str) -> Attribute {
        Attribute::parse(name).unwrap()
    }

    #[test]
    fn a_value_can_never_become_a_filter() {
        for (value, sent) in [
            ("*", "(uid=\\2a)"),
            (")(uid=*", "(uid=\\29\\28uid=\\2a)"),
            ("a\0b", "(uid=a\\00b)"),
            ("back\\slash", "(uid=back\\5cslash)"),
            ("téstè", "(uid=t\\c3\\a9st\\c3\\a8)"),
            ("alice@example.test", "(uid=alice@example.test)"),
        ] {
            let filter = Filter::equals(&attribute("uid"), value.as_bytes());
            assert_eq!(filter.as_str(), sent);
            assert!(ldap3::parse_filter(filter.as_str()).is_ok(), "{sent}");
        }
    }

    #[test]
    fn names_in_filters_keep_their_dn_escapes_beneath() {
        let sent = Filter::equals(&attribute("member"), "CN=Ops (EU)\\, all,DC=x".as_bytes());
        assert_eq!(sent.as_str(), "(member=CN=Ops \\28EU\\29\\5c, all,DC=x)");
        let chain = Filter::in_chain(&attribute("member"), "CN=a (b),DC=x");
        assert_eq!(chain.as_str(), "(member:1.2.840.113556.1.4.1941:=CN=a \\28b\\29,DC=x)");
        assert!(ldap3::parse_filter(chain.as_str()).is_ok());
    }

    #[test]
    fn filters_are_joined() {
        let one = Filter::present(&attribute("uid"));
        let two = Filter::class("person");
        assert_eq!(Filter::any(vec![one.clone()]), one);
        assert_eq!(Filter::all(vec![one.clone(), two.clone()]).as_str(), "(&(uid=*)(objectClass=person))");
        let three = Filter::any(vec![one.clone(), two, one]);
        assert_eq!(three.as_str(), "(|(uid=*)(objectClass=person)(uid=*))");
        assert!(ldap3::parse_filter(Filter::any(vec![]).as_str()).is_ok());
    }

    #[test]
    fn attributes_are_names() {
        for name in ["uid", "sAMAccountName", "2.5.4.3", "x-y"] {
            assert!(Attribute::parse(name).is_some(), "{name}");
        }
        for name in ["", "uid=", "uid)(", "a b", "1", "1..2", "*", "member;range=0-1", "é"] {
            assert!(Attribute::parse(name).is_none(), "{name}");
        }
    }

    #[test]
    fn an_administrators_filter_is_read_and_bounded() {
        assert_eq!(Filter::parse("  ").unwrap(), None);
        assert_eq!(Filter::parse("objectClass=person").unwrap().unwrap().as_str(), "(objectClass=person)");
        assert!(Filter::parse("(&(objectClass=person)(!(st=gone)))").unwrap().is_some());
        for wrong in ["(", "(a", "(&(a=b)", "a=b)", "((a=b))x", "nonsense", "(a=\\zz)"] {
            assert!(Filter::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Filter::parse(&"(!".repeat(20)).is_err());
        assert!(Filter::parse(&format!("(a={})", "b".repeat(LONGEST))).is_err());
    }
}

//! Distinguished names (RFC 4514): read to be compared and to find the common name in them, never written to be sent. What a
//! directory is asked for carries the text that the directory itself or the administrator gave, byte for byte: a name put
//! together again, or escaped as filters are, is another name. Spaces around separators are let pass (facts C3).

use unicode_normalization::UnicodeNormalization;

/// Longest name read, in bytes.
const LONGEST: usize = 8 * 1024;
/// Most parts of a name.
const PARTS: usize = 128;

/// A distinguished name that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dn {
    parts: Vec<Vec<Pair>>,
}

/// A name in the one form in which equal names are equal texts. It is for comparing only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnKey(String);

impl DnKey {
    /// The key of a name as a directory gave it; a name that cannot be read is equal to its own spelling only.
    pub fn of(text: &str) -> DnKey {
        match Dn::parse(text) {
            Some(dn) => dn.key(),
            None => DnKey(text.to_owned()),
        }
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Dn {
    /// Reads a name; none where it breaks the grammar.
    pub fn parse(text: &str) -> Option<Dn> {
        if text.len() > LONGEST {
            return None;
        }
        let mut rest = text.trim_matches(' ').as_bytes();
        let mut parts = vec![];
        if rest.is_empty() {
            return Some(Dn { parts });
        }
        let mut part = vec![];
        loop {
            let (pair, after) = pair(rest)?;
            part.push(pair);
            match after.split_first() {
                Some((b'+', more)) => rest = more,
                Some((b',' | b';', more)) => {
                    parts.push(std::mem::take(&mut part));
                    rest = more;
                }
                Some(_) => return None,
                None => {
                    parts.push(part);
                    return Some(Dn { parts });
                }
            }
            if parts.len() + part.len() > PARTS {
                return None;
            }
        }
    }

    /// The value of the first part, where that is of this type.
    pub fn first(&self, kind: &str) -> Option<String> {
        let (_, value) = self.parts.first()?.iter().find(|(k, _)| k == kind)?;
        String::from_utf8(value.clone()).ok().filter(|v| !v.is_empty())
    }

    /// The types and values of the first parts, for a warning about something else in a name's place.
    pub fn is_only_of(&self, kinds: &[&str]) -> bool {
        !self.parts.is_empty() && self.parts.iter().flatten().all(|(kind, _)| kinds.contains(&kind.as_str()))
    }

    /// The form in which equal names are equal: types in lower case, values folded and with single spaces, everything special
    /// escaped one way, the pairs of a part in order.
    pub fn key(&self) -> DnKey {
        let parts = self.parts.iter().map(|part| {
            let mut pairs: Vec<String> =
                part.iter().map(|(kind, value)| format!("{kind}={}", canonical(value))).collect();
            pairs.sort();
            pairs.join("+")
        });
        DnKey(parts.collect::<Vec<_>>().join(","))
    }
}

/// A type and its value.
type Pair = (String, Vec<u8>);

/// One `type=value` and what follows it.
fn pair(text: &[u8]) -> Option<(Pair, &[u8])> {
    let equals = text.iter().position(|b| *b == b'=')?;
    let kind = std::str::from_utf8(text.get(..equals)?).ok()?.trim_matches(' ').to_ascii_lowercase();
    let kind = kind.strip_prefix("oid.").unwrap_or(&kind).to_owned();
    let begins = kind.bytes().next()?.is_ascii_alphanumeric();
    if !begins || !kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') {
        return None;
    }
    let mut rest = text.get(equals + 1..)?;
    while let Some((b' ', more)) = rest.split_first() {
        rest = more;
    }
    let (value, rest) = match rest.first() {
        Some(b'#') => hexadecimal(&rest[1..])?,
        Some(b'"') => quoted(&rest[1..])?,
        _ => plain(rest)?,
    };
    Some(((kind, value), rest))
}

/// A value with escapes, to the next separator; spaces at its end that are not escaped do not count.
fn plain(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut value, mut kept) = (vec![], 0);
    while let Some((&byte, more)) = rest.split_first() {
        match byte {
            b',' | b';' | b'+' => break,
            b'"' | b'<' | b'>' | 0 => return None,
            b'\\' => {
                let (escaped, more) = escape(more)?;
                value.push(escaped);
                (kept, rest) = (value.len(), more);
            }
            _ => {
                value.push(byte);
                if byte != b' ' {
                    kept = value.len();
                }
                rest = more;
            }
        }
    }
    value.truncate(kept);
    Some((value, rest))
}

/// A value in quotation marks, as older programs write it.
fn quoted(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = vec![];
    loop {
        let (&byte, more) = rest.split_first()?;
        match byte {
            b'"' => return Some((value, after_spaces(more))),
            b'\\' => {
                let (escaped, more) = escape(more)?;
                value.push(escaped);
                rest = more;
            }
            0 => return None,
            _ => {
                value.push(byte);
                rest = more;
            }
        }
    }
}

/// A value as the hexadecimal digits of its encoding.
fn hexadecimal(rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let digits = rest.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if digits == 0 || digits % 2 != 0 {
        return None;
    }
    let (hex, rest) = rest.split_at(digits);
    // Kept as it was written: it is the encoding of a value, not a value.
    let mut value = b"#".to_vec();
    value.extend(hex.to_ascii_lowercase());
    Some((value, after_spaces(rest)))
}

fn after_spaces(mut rest: &[u8]) -> &[u8] {
    while let Some((b' ', more)) = rest.split_first() {
        rest = more;
    }
    rest
}

/// What stands behind a backslash: one special character, or two hexadecimal digits.
fn escape(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (&first, more) = rest.split_first()?;
    if b" \"#+,;<=>\\".contains(&first) {
        return Some((first, more));
    }
    let (&second, more) = more.split_first()?;
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some((digit(first)? * 16 + digit(second)?, more))
}

/// A value folded and escaped one way: every byte but letters, digits and a few harmless ones as `\xx`. Text has single spaces
/// and none at its ends; what is no text is kept as it is, its spaces escaped.
fn canonical(value: &[u8]) -> String {
    let (folded, is_text) = match std::str::from_utf8(value) {
        Ok(text) => {
            let text: String = text.nfkc().collect::<String>().to_lowercase().nfkc().collect();
            (text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").into_bytes(), true)
        }
        Err(_) => (value.to_vec(), false),
    };
    let mut out = String::with_capacity(folded.len());
    for byte in folded {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'@' => out.push(char::from(byte)),
            b' ' if is_text => out.push(' '),
            _ => out.push_str(&format!("\\{byte:02x}")),
        }
    }
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) {
        assert_eq!(DnKey::of(a), DnKey::of(b), "{a} and {b}");
        assert!(Dn::parse(a).is_some() && Dn::parse(b).is_some(), "{a} and {b}");
    }

    #[test]
    fn equal_names_have_equal_keys_however_they_are_spelled() {
        same("CN=Doe\\, John,OU=People,DC=example,DC=test", "cn=doe\\2C john, ou=people; dc=Example , dc=TEST");
        same("CN=téstè,DC=x", "cn=t\\C3\\A9st\\c3\\a8,dc=x");
        same("cn=\"Doe, John\",dc=x", "cn=Doe\\, John,dc=x");
        same("cn=a+uid=b,dc=x", "UID=b + CN=a,dc=x");
        same("OID.2.5.4.3=a", "2.5.4.3=a");
        same("cn=two  words,dc=x", "cn=Two words,dc=x");
        assert_ne!(DnKey::of("cn=a,dc=x"), DnKey::of("cn=a\\,dc\\=x"));
        let bytes = DnKey::of("cn=\\aA\\ ,dc=x");
        assert_eq!(
            (bytes.as_str(), DnKey::of(bytes.as_str())),
            ("cn=\\aa\\20,dc=x", bytes.clone()),
            "no text, but a value"
        );
        assert_ne!(DnKey::of("cn=a+uid=b,dc=x"), DnKey::of("cn=a,uid=b,dc=x"));
    }

    #[test]
    fn what_is_no_name_is_not_read_as_one() {
        for text in [
            "alice",
            "cn",
            "=a",
            "cn=a,",
            "cn=a,,dc=x",
            "cn=a\\",
            "cn=a\\g0",
            "cn=#1",
            "cn=\"a",
            "cn=a<b",
            "c n=a",
            "cn=a\0",
        ] {
            assert!(Dn::parse(text).is_none(), "{text:?}");
        }
        assert!(Dn::parse(&format!("cn={}", "a".repeat(LONGEST))).is_none());
        assert!(Dn::parse(&"cn=a,".repeat(200)).is_none());
        assert_eq!(DnKey::of("not a name").as_str(), "not a name");
    }

    #[test]
    fn the_common_name_is_found_with_its_escapes_undone() {
        let dn = Dn::parse("CN=Ops \\(EU\\) \\+ \\C3\\A9quipe,OU=Groups,DC=example,DC=test");
        assert!(dn.is_none(), "parentheses are not escaped in names");
        let dn = Dn::parse("CN=Ops (EU) \\+ \\C3\\A9quipe,OU=Groups,DC=example,DC=test").unwrap();
        assert_eq!(dn.first("cn").unwrap(), "Ops (EU) + équipe");
        assert_eq!(dn.first("ou"), None);
        assert!(Dn::parse("email=mail,group=gidNumber").unwrap().is_only_of(&["email", "group"]));
        assert!(!dn.is_only_of(&["cn", "ou"]));
    }
}

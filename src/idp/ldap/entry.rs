//! One entry as a directory sent it. Values are bytes: whether an attribute is text is for whoever asks, since the ids of
//! Active Directory are not. Nothing here trusts the answer's form.

use ldap3::asn1::{PL, StructureTag};
use std::collections::HashMap;

/// Longest text taken from an attribute, in bytes.
const LONGEST: usize = 8 * 1024;

/// An entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its distinguished name, byte for byte.
    pub dn: String,
    /// Values by attribute in lower case, with options such as `;range=…`.
    values: HashMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// Reads a search result entry; none where it is not one.
    pub fn read(tag: StructureTag) -> Option<Entry> {
        let PL::C(parts) = tag.payload else { return None };
        let mut parts = parts.into_iter();
        let dn = String::from_utf8(primitive(parts.next()?)?).ok()?;
        let mut values: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
        let PL::C(attributes) = parts.next()?.payload else { return None };
        for attribute in attributes {
            let PL::C(pair) = attribute.payload else { return None };
            let mut pair = pair.into_iter();
            let name = String::from_utf8(primitive(pair.next()?)?).ok()?.to_ascii_lowercase();
            let PL::C(set) = pair.next()?.payload else { return None };
            let read = set.into_iter().map(primitive).collect::<Option<Vec<_>>>()?;
            values.entry(name).or_default().extend(read);
        }
        Some(Entry { dn, values })
    }

    /// Every value of an attribute.
    pub fn bytes(&self, attribute: &str) -> &[Vec<u8>] {
        self.values.get(&attribute.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// Every value of an attribute that is text.
    pub fn texts<'a>(&'a self, attribute: &str) -> impl Iterator<Item = &'a str> {
        self.bytes(attribute).iter().filter_map(|value| {
            let text = std::str::from_utf8(value).ok()?.trim();
            (!text.is_empty() && text.len() <= LONGEST && !text.contains('\0')).then_some(text)
        })
    }

    /// The first value of an attribute that is text.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.texts(attribute).next()
    }

    /// The part of an attribute that Active Directory sends where it has more values than it sends at once: the values, and the
    /// number of the next, absent at the end (`member;range=0-1499`, `member;range=1500-*`).
    pub fn part(&self, attribute: &str) -> Option<(&[Vec<u8>], Option<usize>)> {
        let begins = format!("{};range=", attribute.to_ascii_lowercase());
        let (range, values) = self.values.iter().find_map(|(k, v)| Some((k.strip_prefix(&begins)?, v)))?;
        let (_, last) = range.split_once('-')?;
        let next = if last == "*" { None } else { Some(last.parse::<usize>().ok()?.checked_add(1)?) };
        Some((values.as_slice(), next))
    }

    /// An entry of these values, for tests.
    #[cfg(test)]
    pub fn of(dn: &str, values: &[(&str, &[&[u8]])]) -> Entry {
        let mut entry = Entry { dn: dn.to_owned(), ..Entry::default() };
        for (name, of) in values {
            entry.values.insert(name.to_ascii_lowercase(), of.iter().map(|v| v.to_vec()).collect());
        }
        entry
    }
}

fn primitive(tag: StructureTag) -> Option<Vec<u8>> {
    match tag.payload {
        PL::P(value) => Some(value),
        PL::C(_) => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_long_attributes_are_told_from_whole_ones() {
        let entry = Entry::of("cn=g", &[("member;range=0-1499", &[b"cn=a"]), ("memberOf", &[])]);
        let (values, next) = entry.part("member").unwrap();
        assert_eq!((values.len(), next), (1, Some(1500)));
        let last = Entry::of("cn=g", &[("member;Range=1500-*", &[b"cn=b"])]);
        assert_eq!(last.part("member").unwrap().1, None);
        assert!(Entry::of("cn=g", &[("member", &[b"cn=a"])]).part("member").is_none());
    }

    #[test]
    fn what_is_not_an_entry_is_refused() {
        let (class, id) = (ldap3::asn1::TagClass::Universal, 4);
        let text = |value: &[u8]| StructureTag { class, id, payload: PL::P(value.to_vec()) };
        let list = |parts| StructureTag { class, id, payload: PL::C(parts) };
        let fine =
            list(vec![text(b"cn=a"), list(vec![list(vec![text(b"CN"), list(vec![text(b"a"), text(&[0xff])])])])]);
        let entry = Entry::read(fine).unwrap();
        assert_eq!((entry.text("cn"), entry.bytes("cn").len()), (Some("a"), 2));
        for wrong in [
            text(b"cn=a"),
            list(vec![]),
            list(vec![text(&[0xff]), list(vec![])]),
            list(vec![text(b"cn=a"), text(b"")]),
            list(vec![text(b"cn=a"), list(vec![list(vec![text(b"cn")])])]),
            list(vec![text(b"cn=a"), list(vec![list(vec![text(b"cn"), list(vec![list(vec![])])])])]),
        ] {
            assert!(Entry::read(wrong).is_none());
        }
    }
}

//! What meets a directory: values in filters, distinguished names, an administrator's own filter, and messages. A value never
//! becomes a filter, a name's key is the name of itself, and no message makes the reader leave its bounds.
#![no_main]

use bailiwick::idp::ldap::{Attribute, Dn, DnKey, Filter, ber};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &str)| {
    let (bytes, text) = input;
    let filter = Filter::equals(&Attribute::known("uid"), bytes);
    let sent = filter.as_str();
    // One filter, whatever the value: brackets and stars of its own are escaped, and so is everything unreadable.
    assert_eq!((sent.matches('(').count(), sent.matches(')').count(), sent.matches('*').count()), (1, 1, 0));
    assert!(sent.bytes().all(|b| (b' '..127).contains(&b)));
    if !bytes.is_empty() && sent.len() <= 4_096 {
        assert_eq!(Filter::parse(sent).unwrap(), Some(filter.clone()), "{sent}");
    }
    if let Ok(Some(own)) = Filter::parse(text) {
        assert!(own.as_str().starts_with('('));
        let both = Filter::all(vec![Filter::class("person"), own]);
        assert!(both.as_str().starts_with("(&(objectClass=person)("));
    }
    let key = DnKey::of(text);
    if Dn::parse(text).is_some() {
        assert_eq!(DnKey::of(key.as_str()), key, "{text}");
    } else {
        assert_eq!(key.as_str(), text);
    }
    if ber::is_sound(bytes) {
        assert!(ber::element(bytes).is_some_and(|(_, content, rest)| rest.is_empty() && content.len() < bytes.len()));
        if ber::is_answer(bytes) {
            assert_eq!(bytes[0], 0x30);
        }
    }
    ber::extended_answer(bytes);
    ber::cookie(bytes);
});

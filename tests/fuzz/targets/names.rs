//! Names, addresses and texts: what a check lets through keeps its promises, and what is derived passes its check.
#![no_main]

use bailiwick::model::name;
use bailiwick::ops::passwords;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let folded = name::fold(text);
    assert_eq!(name::fold(&folded), folded, "folding twice is folding once");
    assert_eq!(name::fold(&format!(" {text}\t")), folded, "blanks around a name do not count");
    assert_eq!(name::fold(&text.to_ascii_uppercase()), folded, "case does not count");
    let derived = name::derive_username(text);
    name::check_entity_name("user", &derived).unwrap();
    // The caller appends a number where the name is taken.
    name::check_entity_name("user", &format!("{derived}-999999")).unwrap();
    if name::check_entity_name("team", text).is_ok() {
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_eq!(folded.len(), text.len());
        assert!(!text.is_empty() && text.len() <= name::NAME_MAX && !name::RESERVED.contains(&folded.as_str()));
    }
    if name::check_project_name(text).is_ok() {
        assert!(!text.contains(['/', '\\', '%', '?', '#']) && !text.trim_matches('.').is_empty());
        assert!(!folded.is_empty() && text.chars().count() <= name::NAME_MAX);
    }
    if let Ok(address) = name::check_email(text) {
        assert!(address.len() <= name::EMAIL_MAX && !address.chars().any(|c| c.is_control() || c.is_whitespace()));
        assert_eq!(address.matches('@').count(), 1);
        assert_eq!(name::check_email(&address).unwrap(), address);
        assert!(name::fold(&address).contains('@'));
    }
    if let Ok(kept) = name::check_text("name", text, name::TEXT_MAX) {
        assert!(kept.chars().count() <= name::TEXT_MAX && !kept.chars().any(char::is_control));
        assert_eq!(name::check_text("name", &kept, name::TEXT_MAX).unwrap(), kept);
    }
    if passwords::check_new(text, &["root", "root@example.com"]).is_ok() {
        assert!(text.len() <= passwords::PASSWORD_MAX && !text.contains('\0'));
        assert!(passwords::check_new(text, &["root", text]).is_err(), "a password that is one's own name");
    }
});

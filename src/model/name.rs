//! Names: how they are validated, folded for comparison, and derived from an e-mail address.
//! One global namespace holds users and teams; folding is the only notion of "the same name".

use crate::error::{Error, Result};
use unicode_normalization::UnicodeNormalization;

/// The longest name of a user, team or project, in characters.
pub const NAME_MAX: usize = 128;
/// The longest e-mail address, in bytes (RFC 5321 §4.5.3.1.3).
pub const EMAIL_MAX: usize = 254;
/// The longest free text a person may enter for a full name or a key's name, in characters.
pub const TEXT_MAX: usize = 200;

/// How many words of a full name and of a search count.
const WORDS_MAX: usize = 12;

/// First parts of paths that belong to the server; no user or team may be named so, since a team lives at `/<team>`.
pub const RESERVED: &[&str] = &[
    "access",
    "account-settings",
    "admin",
    "api",
    "assets",
    "authorize",
    "console",
    "favicon",
    "files",
    "graphql",
    "healthz",
    "help",
    "home",
    "invite",
    "login",
    "logout",
    "metrics",
    "oidc",
    "org",
    "ready",
    "robots",
    "scim",
    "sdk",
    "search",
    "settings",
    "setup",
    "signup",
    "static",
    "storage",
    "system-admin",
];

/// Names that would hide a page of a team at `/<team>/<page>`.
const RESERVED_PROJECTS: &[&str] = &["members", "overview", "projects", "service-accounts", "settings"];

/// The form in which names and addresses are compared: NFKC, lower case, no surrounding white space.
pub fn fold(text: &str) -> String {
    let text = text.trim();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Composed once more: a capital J with a caron is two characters, the small one is a letter of its own.
    text.nfkc().flat_map(char::to_lowercase).nfkc().collect::<String>().trim().to_owned()
}

/// The folded words of what somebody searches for. A search begins with what names begin with, so marks in front go.
pub fn search_words(text: &str) -> Vec<String> {
    let bare =
        |word: &str| word.trim_start_matches(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).to_owned();
    fold(text).split_whitespace().map(bare).filter(|word| !word.is_empty()).take(WORDS_MAX).collect()
}

/// The folded words of a full name by which it is searched: what stands between blanks, and behind each hyphen.
pub fn words(full_name: &str) -> Vec<String> {
    let mut words = search_words(full_name);
    let parts: Vec<String> = words
        .iter()
        .flat_map(|word| word.match_indices('-').map(|(at, _)| word[at + 1..].to_owned()))
        .filter(|part| !part.is_empty())
        .take(WORDS_MAX)
        .collect();
    words.extend(parts);
    words
}

/// Checks the name of a user or a team: letters, digits, `_` and `-`, at most [`NAME_MAX`], not [`RESERVED`].
/// `what` is the word for it in the message.
pub fn check_entity_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(format!("A {what} needs a name.")));
    }
    if name.len() > NAME_MAX {
        return Err(Error::invalid(format!("The {what} name is longer than {NAME_MAX} characters.")));
    }
    if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '_' || *c == '-')) {
        let bad: String = bad.escape_debug().collect();
        return Err(Error::invalid(format!("The {what} name holds '{bad}'. Use letters, digits, '_' and '-' only.")));
    }
    if RESERVED.contains(&fold(name).as_str()) {
        return Err(Error::invalid(format!("'{name}' is a path of this server. Choose another {what} name.")));
    }
    Ok(())
}

/// Checks a project's name: 1 to [`NAME_MAX`] characters, none of `/ \ # ? % :`, no control characters, not only dots.
pub fn check_project_name(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.trim() != name {
        return Err(Error::invalid("A project needs a name without blanks around it."));
    }
    if name.chars().count() > NAME_MAX {
        return Err(Error::invalid(format!("The project name is longer than {NAME_MAX} characters.")));
    }
    if let Some(bad) = name.chars().find(|c| c.is_control() || "/\\#?%:".contains(*c)) {
        let bad: String = bad.escape_debug().collect();
        return Err(Error::invalid(format!("The project name holds '{bad}', which has a meaning in addresses.")));
    }
    if name.chars().all(|c| c == '.') || RESERVED_PROJECTS.contains(&fold(name).as_str()) {
        return Err(Error::invalid(format!("'{name}' is a page of this server. Choose another project name.")));
    }
    Ok(())
}

/// Checks an e-mail address for the shape `local@domain`; delivery is the only real test. Gives it trimmed.
pub fn check_email(address: &str) -> Result<String> {
    let address = address.trim();
    let shape = address.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.is_empty()
            && !domain.starts_with(['.', '-'])
            && !domain.ends_with(['.', '-'])
            && domain.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-')
            && !local.contains(['@', '<', '>', '"', ',', ';', ':', '\\', '(', ')', '[', ']'])
    });
    if !shape || address.len() > EMAIL_MAX || address.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Error::invalid("That is not an e-mail address. It should look like name@example.com."));
    }
    Ok(address.to_owned())
}

/// Checks a free text (full name, key name, description): at most `max` characters, no control characters. Gives it trimmed.
pub fn check_text(what: &str, text: &str, max: usize) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > max {
        return Err(Error::invalid(format!("The {what} is longer than {max} characters.")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(format!("The {what} holds a control character.")));
    }
    Ok(text.to_owned())
}

/// The username derived from an e-mail address or a display name: its local part, other characters turned to `-`.
/// The caller appends `-2`, `-3` … where it is taken. Never empty, never reserved.
pub fn derive_username(from: &str) -> String {
    derive("user", from.split('@').next().unwrap_or_default())
}

/// The same for a team, from the whole of a display name.
pub fn derive_team_name(from: &str) -> String {
    derive("team", from)
}

/// Legal characters of `local`, behind `kind` where nothing or a reserved name is left.
fn derive(kind: &str, local: &str) -> String {
    let mut name = String::with_capacity(local.len());
    for c in local.nfkc() {
        if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
            name.push(c);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_matches('-');
    let name: String = name.chars().take(NAME_MAX - 8).collect();
    if name.is_empty() || RESERVED.contains(&fold(&name).as_str()) {
        format!("{kind}-{name}").trim_end_matches('-').to_owned()
    } else {
        name
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn entity_names_are_letters_digits_underscore_dash() {
        for good in ["a", "Ana_1-x", "0"] {
            check_entity_name("user", good).unwrap();
        }
        for bad in ["", "a b", "ä", "a/b", "LOGIN", "graphql", "a\u{0}"] {
            assert!(check_entity_name("user", bad).is_err(), "{bad:?}");
        }
        assert!(check_entity_name("user", &"a".repeat(129)).is_err());
    }

    #[test]
    fn project_names_keep_out_of_the_path_grammar() {
        check_project_name("My first project.v2").unwrap();
        for bad in ["", " ", "a/b", "..", "50%", "service-accounts", "a\nb", " a"] {
            assert!(check_project_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn emails_have_a_local_part_and_a_domain() {
        assert_eq!(check_email(" ana@example.com ").unwrap(), "ana@example.com");
        for bad in ["", "ana", "@x", "a@", "a b@x.de", "a@b@c.de", "a@.de", "<a>@x.de"] {
            assert!(check_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn folding_knows_letters_that_only_their_small_form_has() {
        assert_eq!(fold("J\u{30c}"), fold("\u{1f0}"));
        let marks: Vec<char> = ('\u{300}'..='\u{36f}').collect();
        for capital in ('\0'..=char::MAX).filter(|c| !c.to_lowercase().eq([*c])) {
            for mark in &marks {
                let folded = fold(&String::from_iter([capital, *mark]));
                assert_eq!(fold(&folded), folded, "{capital:?} {mark:?}");
            }
        }
    }

    #[test]
    fn usernames_derive_from_the_local_part() {
        assert_eq!(derive_username("ana.maria+ml@example.com"), "ana-maria-ml");
        assert_eq!(derive_username("ü@example.com"), "user");
        assert_eq!(derive_username("admin@example.com"), "user-admin");
        assert_eq!(derive_team_name("ML Platform @ Berlin"), "ML-Platform-Berlin");
        assert_eq!(derive_team_name("研究"), "team");
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(s in "\\PC{0,40}") {
            prop_assert_eq!(fold(&fold(&s)), fold(&s));
        }

        #[test]
        fn a_derived_username_is_always_legal(s in "\\PC{0,200}") {
            prop_assert!(check_entity_name("user", &derive_username(&s)).is_ok());
            prop_assert!(check_entity_name("team", &derive_team_name(&s)).is_ok());
        }
    }
}

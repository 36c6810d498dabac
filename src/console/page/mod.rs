//! What the console's pages show: plain data that the askama templates render, one struct per template.
//! Nothing here asks the store or decides anything; the handlers beside this folder fill these structs from what
//! the use-cases returned, already filtered by policy. Next: `frame` and `parts` (what every page shares), `list`
//! (the one list pattern), then a file per area.

pub mod account;
pub mod arrive;
pub mod audit;
pub mod conflict;
pub mod dashboard;
pub mod domains;
pub mod draw;
pub mod entry;
pub mod factors;
pub mod frame;
pub mod home;
pub mod invitations;
pub mod issuers;
pub mod keys;
pub mod list;
pub mod mail;
pub mod manual;
pub mod organization;
pub mod parts;
pub mod people;
pub mod projects;
pub mod provisioning;
pub mod review;
pub mod roles;
pub mod runs;
pub mod services;
pub mod sign_in_settings;
pub mod teams;

/// Up to two letters for the avatar of a person or team: the first of the first two words, else the first two.
#[must_use]
pub fn initials(name: &str) -> String {
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let letters: String = match words.as_slice() {
        [] => "?".to_owned(),
        [one] => one.chars().take(2).collect(),
        [first, second, ..] => first.chars().take(1).chain(second.chars().take(1)).collect(),
    };
    letters.to_uppercase()
}

/// The stylesheet's class for a name's colour: the same name has the same colour on every page and machine (FNV-1a).
#[must_use]
pub fn colour(name: &str) -> &'static str {
    const CLASSES: [&str; 8] = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"];
    let hash = name
        .to_lowercase()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // Short names differ in few bits; this spreads them (the finalizer of SplitMix64).
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    CLASSES[(hash >> 61) as usize]
}

#[cfg(test)]
mod tests {
    use super::{colour, initials};

    #[test]
    fn initials_of_names() {
        assert_eq!(initials("Ana Lind"), "AL");
        assert_eq!(initials("vision-research-eu"), "VR");
        assert_eq!(initials("ana"), "AN");
        assert_eq!(initials("--"), "?");
        assert_eq!(initials("élan"), "ÉL");
    }

    #[test]
    fn a_name_keeps_its_colour() {
        assert_eq!(colour("Ana"), colour("ana"));
    }
}

//! The parts that need no directory: who may be asked for what before any call, and what is made of an entry.

use super::entry::Entry;
use super::*;
use crate::model::identity::ExternalGroup;

/// A configuration whose directory answers nobody.
fn config() -> Config {
    Config {
        login: true,
        address: "ldap://127.0.0.1:1".into(),
        base_dn: "dc=example,dc=test".into(),
        bind_dn: None,
        bind_password: None,
        email_attribute: "mail".into(),
        group_attribute: "gidNumber".into(),
        tls: false,
        allow_list: vec![],
        group_sync: false,
        group_map: vec![],
        ca_file: None,
        user_filter: None,
        nested: Nested::Auto,
        sync_every: 0,
    }
}

#[tokio::test]
async fn an_empty_or_nul_password_is_refused_before_the_directory_is_called() {
    for password in ["", "a\0b", "\0", &"x".repeat(5_000)] {
        let refused = sign_in(&config(), "alice", password).await.unwrap_err();
        assert!(matches!(refused, Refusal::Unproven(_)), "{password:?}: {refused:?}");
    }
    for name in ["", "   ", "a\0b", "a\nb", &"x".repeat(5_000)] {
        assert!(matches!(sign_in(&config(), name, "pw").await.unwrap_err(), Refusal::Unproven(_)), "{name:?}");
    }
    // With both in order the call is made, and fails.
    let Refusal::Down(trouble) = sign_in(&config(), "alice", "pw").await.unwrap_err() else {
        panic!("nobody is there")
    };
    assert_eq!(trouble.step, "Connect to 127.0.0.1:1");
}

#[tokio::test]
async fn the_step_that_failed_is_the_last_one() {
    let steps = check(&config()).await;
    assert_eq!(steps.iter().map(|s| s.passed).collect::<Vec<_>>(), [true, false], "{steps:?}");
    let never = Config { address: "ldap://169.254.169.254".into(), ..config() };
    let steps = check(&never).await;
    assert!(steps.len() == 1 && steps[0].detail.contains("never called"), "{steps:?}");
    let (steps, nobody) = look_up(&config(), "alice").await;
    assert!(nobody.is_none() && !steps.last().unwrap().passed);
}

fn group(names: &[&str]) -> ExternalGroup {
    ExternalGroup { names: names.iter().map(|n| (*n).to_owned()).collect(), through: "member".into() }
}

#[test]
fn the_allow_list_matches_names_numbers_and_dns_and_never_guesses() {
    let with = |list: &[&str]| Config { allow_list: list.iter().map(|n| (*n).to_owned()).collect(), ..config() };
    let mine = ExternalGroups::Complete(vec![group(&["ML Team", "20001", "CN=ML Team,OU=Groups,DC=example,DC=test"])]);
    for list in [&[][..], &["ml team"], &["other", "20001"], &["cn=ml team, ou=groups, dc=Example,dc=test"], &[" "]] {
        assert!(allowed(&with(list), &mine).is_ok(), "{list:?}");
    }
    for list in [&["ml"][..], &["2000"], &["cn=ml,ou=groups,dc=example,dc=test"], &["*"]] {
        assert!(allowed(&with(list), &mine).is_err(), "{list:?}");
    }
    let unknown = ExternalGroups::Unknown("Why.".into());
    assert!(allowed(&with(&[]), &unknown).is_ok());
    assert!(allowed(&with(&["ml team"]), &unknown).unwrap_err().contains("Why."));
    assert!(allowed(&with(&["ml team"]), &ExternalGroups::Complete(vec![])).is_err());
}

#[test]
fn ids_of_active_directory_are_written_as_people_write_them() {
    let bytes: Vec<u8> = (0..16).collect();
    let entry = Entry::of("CN=a,DC=x", &[("objectGUID", &[&bytes]), ("sAMAccountName", &[b"a"])]);
    assert_eq!(person::subject(&entry), "03020100-0504-0706-0809-0a0b0c0d0e0f");
    let entry = Entry::of("uid=a,dc=x", &[("entryUUID", &[b"AB-cd"])]);
    assert_eq!(person::subject(&entry), "ab-cd");
    assert_eq!(person::subject(&Entry::of("UID=A, dc=x", &[])), "uid=a,dc=x");
}

#[test]
fn the_primary_group_of_active_directory_is_the_same_id_with_another_end() {
    let sid: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 0x51, 4, 0, 0];
    let entry = Entry::of("CN=a,DC=x", &[("objectSid", &[sid]), ("primaryGroupID", &[b"513"])]);
    assert_eq!(groups::primary_group(&entry).unwrap(), [1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 2, 0, 0]);
    for wrong in [&sid[..12], &[], &[1, 0, 0, 0, 0, 0, 0, 5]] {
        let entry = Entry::of("CN=a,DC=x", &[("objectSid", &[wrong]), ("primaryGroupID", &[b"513"])]);
        assert!(groups::primary_group(&entry).is_none(), "{wrong:?}");
    }
}

#[test]
fn machines_and_switched_off_accounts_are_told_from_people() {
    let machine = Entry::of("CN=PC1,DC=x", &[("objectClass", &[b"person", b"Computer"])]);
    assert!(!person::is_person(&machine));
    assert!(!person::is_person(&Entry::of("CN=Ops,DC=x", &[("objectClass", &[b"top", b"group"])])));
    let off = Entry::of("CN=a,DC=x", &[("userAccountControl", &[b"514"])]);
    assert!(person::is_disabled(&off) && person::is_person(&off));
    assert!(!person::is_disabled(&Entry::of("CN=a,DC=x", &[("userAccountControl", &[b"512"])])));
    assert!(person::is_disabled(&Entry::of("uid=a", &[("nsAccountLock", &[b"TRUE"])])));
}

#[test]
fn groups_that_a_person_names_are_read_by_any_attribute() {
    let by = |attribute: &str| Config { group_attribute: attribute.into(), ..config() };
    let entry = Entry::of(
        "uid=a",
        &[("memberOf", &[b"cn=x,dc=y"]), ("departmentNumber", &[b"42", b"CN=Ops\\, EU,DC=y"]), ("gidNumber", &[b"7"])],
    );
    let (dns, loose) = (vec![("cn=x,dc=y", "memberOf")], vec![]);
    assert_eq!(groups::said_by_person(&by("gidNumber"), &entry), (dns.clone(), loose.clone()));
    assert_eq!(groups::said_by_person(&by("memberOf"), &entry), (dns.clone(), loose));
    let config = by("departmentNumber");
    let (all, loose) = groups::said_by_person(&config, &entry);
    assert_eq!((all.len(), loose), (2, vec![("42", "departmentNumber")]));
    assert_eq!(groups::named(all[1].0, "x").names, ["Ops, EU", "CN=Ops\\, EU,DC=y"]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_value_becomes_a_filter(value: Vec<u8>) {
        let filter = Filter::equals(&Attribute::known("uid"), &value);
        let sent = filter.as_str();
        let count = |c: char| sent.matches(c).count();
        proptest::prop_assert_eq!((count('('), count(')'), count('*')), (1, 1, 0));
        proptest::prop_assert!(sent.bytes().all(|b| (b' '..127).contains(&b)));
        if !value.is_empty() {
            proptest::prop_assert_eq!(Filter::parse(sent), Ok(Some(filter.clone())));
        }
    }

    #[test]
    fn a_key_is_the_key_of_itself(value in "\\PC{0,20}", other in "[a-zA-Z ,+\\\\\"=#;<>é]{0,20}") {
        for text in [value.clone(), format!("cn={value}"), format!("cn={other},dc=x"), other.clone()] {
            let key = DnKey::of(&text);
            proptest::prop_assert_eq!(&DnKey::of(key.as_str()), &key, "{}", text);
        }
    }

    #[test]
    fn what_is_sound_the_library_reads(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..60), shaped: bool) {
        if shaped && bytes.len() > 2 {
            (bytes[0], bytes[1]) = (0x30, u8::try_from(bytes.len() - 2).unwrap());
        }
        if ber::is_sound(&bytes) {
            let (rest, _) = ldap3::asn1::parse_tag(&bytes).unwrap();
            proptest::prop_assert!(rest.is_empty());
        }
        ber::is_answer(&bytes);
        ber::extended_answer(&bytes);
        ber::cookie(&bytes);
    }
}

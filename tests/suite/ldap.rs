//! Signing in with the company's directory, against a real OpenLDAP: the documented variables, encryption, groups in every
//! form, the sync at sign-in and in the background, and what an administrator sees when a step fails.

use crate::harness::slapd::{BINDER, Manners, SUFFIX, Slapd, group, usual};
use crate::harness::{PASSWORD, PATIENCE, Person, Reply, Server};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Signs in from a new browser: the reply to the form.
pub fn enters(server: &Server, name: &str, password: &str) -> Reply {
    server.anonymous().sign_in(name, password)
}

/// The account of this name, if there is one.
pub fn account(admin: &Person, name: &str) -> Option<Value> {
    let (_, found) = admin.client.scim_list("Users", &[("filter", &format!("userName eq \"{name}\""))]);
    found.into_iter().next()
}

/// Whether the account is active.
pub fn active(admin: &Person, name: &str) -> bool {
    account(admin, name).unwrap_or_else(|| panic!("no account {name}"))["active"] == true
}

/// The texts of the last events about signing in, as their pages show them.
pub fn last_events(server: &Server) -> String {
    let page = server.anonymous();
    page.sign_in("root", PASSWORD).is(303);
    let list = page.page("/console/audit").is(200).body;
    let mut links: Vec<&str> =
        list.split("href=\"/console/audit/").skip(1).filter_map(|l| l.split('"').next()).collect();
    links.dedup();
    assert!(!links.is_empty(), "{list}");
    links
        .iter()
        .take(8)
        .map(|id| page.page(&format!("/console/audit/{id}")).is(200).text())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The person's teams, of those named.
fn teams<'a>(admin: &Person, name: &str, of: &[&'a str]) -> Vec<&'a str> {
    of.iter().copied().filter(|team| admin.client.member_of(team, name).is_some()).collect()
}

#[test]
fn f010_f011_f020_f021_f022_f026_people_sign_in_anonymously_looked_up_and_wrong_passwords_make_nobody() {
    let Some(slapd) = Slapd::start(Manners::default()) else { return };
    let (server, admin) = slapd.server(slapd.setup());
    let wrong = enters(&server, "alice", "bobpw").is(401);
    let unknown = enters(&server, "nobody", "bobpw").is(401);
    assert_eq!(wrong.text().replace("alice", ""), unknown.text().replace("nobody", ""), "the same words for both");
    enters(&server, "alice", "").is(401);
    assert!(account(&admin, "alice").is_none());
    let browser = server.anonymous();
    browser.sign_in("alice", "alicepw").is(303);
    assert!(!browser.cookies().is_empty());
    browser.page("/").is(200);
    let alice = account(&admin, "alice").unwrap();
    assert!(alice.to_string().contains("alice@example.test"), "{alice}");
    assert!(alice.to_string().contains("Alice Example"), "{alice}");
    // F020: nobody's name in the bind that looked her up, her own in the one that proved her.
    slapd.line_with("BIND dn=\"\" method=128");
    slapd.line_with("BIND dn=\"uid=alice,ou=people,dc=example,dc=test\" mech=SIMPLE");
    // By the address, and in other letters: the same account.
    enters(&server, "ALICE@example.test", "alicepw").is(303);
    assert_eq!(admin.client.scim_list("Users", &[("filter", "emails.value co \"example.test\"")]).0, 1);
    let events = last_events(&server);
    assert!(events.contains("invalid credentials"), "{events}");
    // No password of anybody's is anywhere.
    assert!(!events.contains("alicepw") && !server.log().contains("alicepw") && !server.log().contains("bobpw"));
}

#[test]
fn f016_f025_a_directory_that_is_only_configured_lets_nobody_in() {
    let Some(slapd) = Slapd::start(Manners::default()) else { return };
    for (word, on) in [("False", false), ("0", false), ("true", true)] {
        let (server, _) = slapd.server(slapd.setup().env("LOCAL_LDAP_LOGIN", word));
        assert_eq!(enters(&server, "alice", "alicepw").status, if on { 303 } else { 401 }, "{word}");
        enters(&server, "root", PASSWORD).is(303);
    }
}

#[test]
fn f018_without_a_base_dn_it_does_not_start() {
    let setup = crate::harness::Setup::default()
        .env("LOCAL_LDAP_ADDRESS", "ldap://127.0.0.1:1")
        .env("LOCAL_LDAP_LOGIN", "true");
    let out = setup.refused().failed(1);
    assert!(out.stderr.contains("LOCAL_LDAP_BASE_DN"), "{out:?}");
}

#[test]
fn f017_f023_encryption_by_either_scheme_and_never_to_a_stranger() {
    let Some(slapd) = Slapd::start(Manners { tls_only: true, ..Manners::default() }) else { return };
    let (tls, ca) = (slapd.tls_url(), slapd.ca_file());
    let (server, _) = slapd.server(slapd.setup().env("LOCAL_LDAP_ADDRESS", &tls).env("BAILIWICK_LDAP_CA_FILE", &ca));
    enters(&server, "alice", "alicepw").is(303);
    drop(server);
    let (server, _) =
        slapd.server(slapd.setup().env("LOCAL_LDAP_TLS_ENABLE", "true").env("BAILIWICK_LDAP_CA_FILE", &ca));
    enters(&server, "alice", "alicepw").is(303);
    drop(server);
    for (key, value) in [("LOCAL_LDAP_ADDRESS", tls.as_str()), ("LOCAL_LDAP_TLS_ENABLE", "true")] {
        let (server, admin) = slapd.server(slapd.setup().env(key, value));
        let refused = enters(&server, "alice", "alicepw").is(503);
        assert!(refused.text().contains("directory cannot be asked"), "{}", refused.text());
        assert!(account(&admin, "alice").is_none());
        let events = last_events(&server);
        assert!(events.contains("Check the certificate") && events.contains("CA certificate"), "{events}");
    }
    let (server, _) = slapd.server(slapd.setup());
    enters(&server, "alice", "alicepw").is(503);
    assert!(last_events(&server).contains("wants an encrypted connection"));
}

#[test]
fn f019_a_closed_directory_takes_the_service_account_and_a_wrong_one_is_named() {
    let Some(slapd) = Slapd::start(Manners { closed: true, ..Manners::default() }) else { return };
    let bind =
        |dn: &str, password: &str| slapd.setup().env("LOCAL_LDAP_BIND_DN", dn).env("LOCAL_LDAP_BIND_PW", password);
    // With blanks after the commas, as the documents write it.
    let (server, _) = slapd.server(bind("cn=binder, dc=example, dc=test", BINDER.1));
    enters(&server, "alice", "alicepw").is(303);
    enters(&server, "alice", "wrong").is(401);
    assert!(!server.log().contains(BINDER.1));
    let listed = server.cli(&["settings", "list", "--json"]).ok().stdout;
    assert!(listed.contains("LOCAL_LDAP_BIND_PW") && !listed.contains(BINDER.1), "{listed}");
    drop(server);
    let (server, _) = slapd.server(bind(BINDER.0, "not-it"));
    enters(&server, "alice", "alicepw").is(503);
    let events = last_events(&server);
    assert!(events.contains("Sign in as cn=binder") && events.contains("do not fit together"), "{events}");
    drop(server);
    let (server, _) = slapd.server(slapd.setup());
    enters(&server, "alice", "alicepw").is(503);
    let events = last_events(&server);
    assert!(events.contains("Sign in anonymously"), "{events}");
}

#[test]
fn f024_only_members_of_allowed_groups_enter_after_nesting() {
    let Some(slapd) = Slapd::start(Manners::default()) else { return };
    let list = |groups: &str| slapd.setup().env("LOCAL_LDAP_GROUP_ALLOW_LIST", groups);
    for groups in ["Company", "cn=science, ou=groups, dc=example,dc=test;cn=x,dc=y", "[\"research (eu)\"]"] {
        let (server, admin) = slapd.server(list(groups));
        enters(&server, "alice", "alicepw").is(303);
        let refused = enters(&server, "carol", "carolpw").is(403);
        assert!(refused.text().contains("none of the groups"), "{groups}: {}", refused.text());
        assert!(account(&admin, "carol").is_none(), "{groups}");
    }
    let (server, _) = slapd.server(list("20002"));
    enters(&server, "bob", "bobpw").is(303);
    enters(&server, "alice", "alicepw").is(403);
}

#[test]
fn f296_teams_follow_groups_of_every_form_at_sign_in() {
    let Some(slapd) = Slapd::start(Manners::default()) else { return };
    let (server, admin) = slapd.server(
        slapd.setup().env("GORILLA_LDAP_GROUP_SYNC", "true").env("BAILIWICK_LDAP_GROUP_MAP", "research (eu)=research"),
    );
    let all = ["staff", "oncall", "research", "science", "company", "other"];
    for team in all {
        admin.client.create_team(team, None).is(200);
    }
    enters(&server, "bob", "bobpw").is(303);
    // By number, by bare name, by entry, and twice nested through a group with brackets in its name.
    assert_eq!(teams(&admin, "bob", &all), ["staff", "oncall", "research", "science", "company"]);
    admin.client.invite("other", "bob", false).is(200);
    slapd.set(&format!("cn=oncall,ou=groups,{SUFFIX}"), "delete", "memberUid", "bob");
    let research = format!("cn=research (eu),ou=groups,{SUFFIX}");
    slapd.set(&research, "delete", "member", &format!("uid=bob,ou=people,{SUFFIX}"));
    enters(&server, "bob", "bobpw").is(303);
    // A complete answer about one person counts both ways, also out of a team somebody else added him to.
    assert_eq!(teams(&admin, "bob", &all), ["staff"]);
    let events = last_events(&server);
    assert!(events.contains("company sign-in"), "who did it is in the log: {events}");
}

#[test]
fn f296_memberships_stay_where_groups_cannot_be_read() {
    let Some(mut slapd) = Slapd::start(Manners::default()) else { return };
    let (server, admin) = slapd.server(slapd.setup().env("GORILLA_LDAP_GROUP_SYNC", "true"));
    admin.client.create_team("science", None).is(200);
    enters(&server, "alice", "alicepw").is(303);
    assert_eq!(teams(&admin, "alice", &["science"]), ["science"]);
    let hidden = vec![format!("dn.subtree=\"ou=groups,{SUFFIX}\""), "attrs=memberOf".to_owned()];
    slapd.behave(&Manners { hidden, ..Manners::default() });
    enters(&server, "alice", "alicepw").is(303);
    assert_eq!(teams(&admin, "alice", &["science"]), ["science"]);
}

#[test]
fn f296_the_background_sync_follows_and_never_takes_what_only_seems_gone() {
    let Some(mut slapd) = Slapd::start(Manners::default()) else { return };
    let (server, admin) =
        slapd.server(slapd.setup().env("GORILLA_LDAP_GROUP_SYNC", "true").env("BAILIWICK_LDAP_SYNC_EVERY", "1s"));
    for team in ["science", "oncall"] {
        admin.client.create_team(team, None).is(200);
    }
    for (name, password) in
        [("alice", "alicepw"), ("bob", "bobpw"), ("carol", "carolpw"), ("jdoe", "jdoepw"), ("teste", "testepw")]
    {
        enters(&server, name, password).is(303);
    }
    // Without anybody signing in: in, out, and another name.
    slapd.set(&format!("cn=oncall,ou=groups,{SUFFIX}"), "add", "memberUid", "carol");
    slapd.set(&format!("cn=oncall,ou=groups,{SUFFIX}"), "delete", "memberUid", "bob");
    slapd.set(&format!("uid=carol,ou=people,{SUFFIX}"), "replace", "displayName", "Carol Renamed");
    until("carol is on call and bob is not", || {
        let found = account(&admin, "carol").unwrap().to_string().contains("Carol Renamed");
        found && teams(&admin, "carol", &["oncall"]).len() == 1 && teams(&admin, "bob", &["oncall"]).is_empty()
    });
    // The directory decides, also over what somebody did by hand.
    admin.client.create_team("byhand", None).is(200);
    admin.client.invite("byhand", "alice", false).is(200);
    until("alice is out again", || teams(&admin, "alice", &["byhand"]).is_empty());
    // Nothing to be seen, an answer that breaks off, no answer: each a sync of its own, and nobody loses anything.
    let manners = |hidden: &[String], at_most| Manners { hidden: hidden.to_vec(), at_most, ..Manners::default() };
    let people = format!("dn.subtree=\"ou=people,{SUFFIX}\"");
    let groups = [format!("dn.subtree=\"ou=groups,{SUFFIX}\""), "attrs=memberOf".to_owned()];
    for (what, manners, told) in [
        ("no people", manners(&[people], None), "no people at all"),
        ("an answer cut short", manners(&[], Some(3)), "size limit exceeded"),
        ("no groups", manners(&groups, None), ""),
    ] {
        slapd.behave(&manners);
        if told.is_empty() {
            let before = server.log().matches("synced with the directory").count();
            until("two more syncs", || server.log().matches("synced with the directory").count() > before + 1);
        } else {
            server.line_with(told);
        }
        for name in ["alice", "bob", "carol", "jdoe"] {
            assert!(active(&admin, name), "{what}: {name}");
        }
        assert_eq!(teams(&admin, "alice", &["science"]), ["science"], "{what}");
    }
    slapd.stop();
    server.line_with("Connect to 127.0.0.1");
    assert!(active(&admin, "alice") && teams(&admin, "alice", &["science"]).len() == 1);
    slapd.behave(&Manners::default());
    // Really gone, twice in a row: out.
    slapd.delete(&format!("uid=carol,ou=people,{SUFFIX}"));
    until("carol is deactivated", || !active(&admin, "carol"));
    assert!(active(&admin, "alice") && active(&admin, "root"));
    // Most of them at once: a mistake in the directory rather than so many leavers.
    for dn in ["uid=alice", "uid=bob", "cn=Doe\\, John"] {
        slapd.delete(&format!("{dn},ou=people,{SUFFIX}"));
    }
    server.line_with("nobody was deactivated");
    for name in ["alice", "bob", "jdoe"] {
        assert!(active(&admin, name), "{name}");
    }
}

#[test]
fn f296_what_a_sync_takes_from_many_waits_for_an_administrator() {
    let Some(slapd) = Slapd::start(Manners::default()) else { return };
    let (server, admin) = slapd.server(
        slapd
            .setup()
            .env("GORILLA_LDAP_GROUP_SYNC", "true")
            .env("BAILIWICK_LDAP_SYNC_EVERY", "1s")
            .env("BAILIWICK_PROVISIONING_FUSE_ACCOUNTS", "3"),
    );
    let names: Vec<String> = (0..8).map(|n| format!("worker{n}")).collect();
    let dns: Vec<String> = names.iter().map(|n| format!("uid={n},ou=people,{SUFFIX}")).collect();
    slapd.change("ldapadd", &names.iter().map(|n| usual(n)).collect::<String>());
    slapd.change("ldapadd", &group("crew", &dns.iter().map(String::as_str).collect::<Vec<_>>()));
    admin.client.create_team("crew", None).is(200);
    for name in &names {
        enters(&server, name, &format!("{name}pw")).is(303);
    }
    assert_eq!(admin.client.members("crew").iter().filter(|m| m["username"] != "root").count(), 8);
    slapd.change(
        "ldapmodify",
        &format!("dn: cn=crew,ou=groups,{SUFFIX}\nchangetype: modify\nreplace: member\nmember: {}\n", dns[0]),
    );
    let page = server.anonymous();
    page.sign_in("root", PASSWORD).is(303);
    let waiting = || {
        let text = page.page("/console/provisioning").is(200).text();
        names[1..].iter().filter(|name| text.contains(name.as_str())).count()
    };
    until("all seven wait", || waiting() == 7);
    let crew = || admin.client.members("crew").iter().filter(|m| m["username"] != "root").count();
    assert_eq!(crew(), 8, "above the bound nobody is taken out before somebody looked");
    // The next syncs want the same, and wait for the same decision.
    let before = server.log().matches("synced with the directory").count();
    until("two more syncs", || server.log().matches("synced with the directory").count() > before + 1);
    assert_eq!((crew(), waiting()), (8, 7));
}

#[test]
fn a_directory_that_is_down_keeps_nobody_else_waiting() {
    let Some(mut slapd) = Slapd::start(Manners::default()) else { return };
    let (server, _) = slapd.server(slapd.setup());
    slapd.stop();
    let refused = enters(&server, "alice", "alicepw").is(503);
    assert!(refused.text().contains("Try again"), "{}", refused.text());
    enters(&server, "root", PASSWORD).is(303);
    assert!(last_events(&server).contains("Connect to 127.0.0.1"));
}

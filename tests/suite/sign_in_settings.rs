//! Setting up the company's sign-in: in the console alone, by the environment alone, and both; the test before it counts,
//! the bench, the mark of break-glass, and the way back in when everything else is closed.

use crate::harness::provider::{Forger, query};
use crate::harness::slapd::{BINDER, Manners, SUFFIX, Slapd};
use crate::harness::{Client, Data, PASSWORD, Server, Setup, browser};
use serde_json::json;

const LDAP: &str = "/console/settings/ldap";
const OIDC: &str = "/console/settings/oidc";
const GENERAL: &str = "/console/settings/sign-in";

fn admin_of(server: &Server) -> Client {
    server.person_with_password("root", "admin");
    let browser = server.anonymous();
    browser.sign_in("root", PASSWORD).is(303);
    browser
}

fn save<'a>(client: &Client, page: &'a str, mut fill: Vec<(&'a str, &'a str)>) -> crate::harness::Reply {
    fill.push(("do", "save"));
    client.submit(page, page, &fill)
}

#[test]
fn f012_f015_f016_f052_f053_a_directory_is_set_up_tested_and_switched_on_in_the_console() {
    let Some(slapd) = Slapd::start(Manners { closed: true, ..Manners::default() }) else { return };
    let server = Server::plain();
    let root = admin_of(&server);
    // The documents' other page leads to the same settings.
    assert_eq!(root.page("/system-admin").is(303).header("location"), Some(GENERAL));
    // F015: a dead address shows the step that failed, and nothing is kept.
    let dead = [("ldap.address", "ldap://127.0.0.1:1"), ("ldap.base_dn", SUFFIX), ("ldap.login", "on")];
    let refused = save(&root, LDAP, dead.to_vec()).is(400).text();
    assert!(refused.contains("127.0.0.1:1") && refused.contains("Nothing was saved"), "{refused}");
    assert!(!root.page(LDAP).is(200).body.contains("127.0.0.1:1"));
    let url = slapd.url();
    let good = [
        ("ldap.address", url.as_str()),
        ("ldap.base_dn", SUFFIX),
        ("ldap.bind_dn", BINDER.0),
        ("ldap.bind_password", BINDER.1),
        ("ldap.attributes", "email=mail, group=gidNumber"),
    ];
    let mut wrong = good;
    wrong[3].1 = "not the password";
    let refused = save(&root, LDAP, wrong.to_vec()).is(400).text();
    assert!(refused.contains("Failed:"), "{refused}");
    // A test writes nothing.
    let mut tested = good.to_vec();
    tested.push(("do", "test"));
    let found = root.submit(LDAP, LDAP, &tested).is(200).text();
    assert!(found.contains("Passed:") && !found.contains("Failed:"), "{found}");
    assert!(root.page(LDAP).text().contains("(not set)"));
    // F016: configured and not yet switched on.
    save(&root, LDAP, good.to_vec()).is(303);
    server.anonymous().sign_in("alice", "alicepw").is(401);
    let page = root.page(LDAP).is(200);
    assert!(page.text().contains("(set; leave empty to keep it)") && !page.body.contains(BINDER.1), "{}", page.body);
    // The bench says what would happen, and it does not.
    let bench = root.submit(LDAP, LDAP, &[("sample", "alice"), ("do", "bench")]).is(200).text();
    assert!(bench.contains("The account alice is made"), "{bench}");
    assert!(root.page("/console/users/alice").status == 404);
    // On: the password that was saved is still there.
    save(&root, LDAP, vec![("ldap.login", "on")]).is(303);
    server.anonymous().sign_in("alice", "alicepw").is(303);
    root.page("/console/users/alice").is(200);
    let methods = root.page(GENERAL).is(200).text();
    assert!(methods.contains(&url) && methods.contains("Administrators marked break-glass only"), "{methods}");
    // GHSA-c25h-c27q-5qpv: another address gets nothing of the stored password, also not in a test.
    let other = Slapd::start(Manners { closed: true, ..Manners::default() }).unwrap();
    let moved = other.url();
    let probed = root.submit(LDAP, LDAP, &[("ldap.address", &moved), ("do", "test")]).is(200).text();
    assert!(probed.contains("Failed:"), "{probed}");
    assert!(!other.log().contains("BIND dn=\"cn=binder"), "{}", other.log());
    // F014: nobody but an administrator.
    let mia = server.person_with_password("mia", "member");
    let member = server.anonymous();
    assert!(member.sign_in("mia", PASSWORD).status == 401, "passwords are for break-glass administrators now");
    drop(mia);
    let alice = server.anonymous();
    alice.sign_in("alice", "alicepw").is(303);
    for page in [LDAP, OIDC, GENERAL] {
        assert!([403, 404].contains(&alice.page(page).status), "{page}");
        let csrf = alice.page("/console/account").form("/logout");
        let mut fields = csrf.fields.clone();
        fields.push(("ldap.address".to_owned(), "ldap://evil.example".to_owned()));
        assert!([403, 404].contains(&alice.post_form(page, &fields).status), "{page}");
    }
}

#[test]
fn f051_f052_f054_f058_f059_a_provider_is_set_up_tested_and_switched_on_in_the_console() {
    let forger = Forger::start();
    let server = Server::plain();
    let root = admin_of(&server);
    let issuer = forger.issuer.clone();
    let good = [
        ("oidc.enabled", "true"),
        ("oidc.issuer", issuer.as_str()),
        ("oidc.client_id", "us"),
        ("oidc.method", "pkce"),
        ("oidc.client_secret", "canary-secret"),
    ];
    // F058: there is no SAML, and the page says so.
    for path in ["/saml", "/saml/acs", "/saml/metadata", "/oidc/saml"] {
        let reply = root.page(path);
        assert_eq!(reply.status, 404, "{path}: {reply:?}");
    }
    assert!(root.page(GENERAL).is(200).text().contains("SAML is not supported"));
    // On this machine only where an administrator says so.
    let refused = save(&root, OIDC, good.to_vec()).is(400).text();
    assert!(refused.contains("Nothing was saved"), "{refused}");
    save(&root, GENERAL, vec![("sso.allow_loopback_issuers", "on")]).is(303);
    save(&root, OIDC, good.to_vec()).is(303);
    let page = root.page(OIDC).is(200);
    assert!(!page.body.contains("canary-secret") && page.text().contains("(set; leave empty to keep it)"));
    assert!(page.body.contains(&format!("{}/oidc/callback", server.url)));
    // F059: the page of sign-in leads to the provider, with what was saved.
    let browser = server.anonymous();
    let to = browser.page("/login").is(303).header("location").unwrap().to_owned();
    let there = browser.page(&to);
    let address = there.header("location").unwrap_or_else(|| panic!("{there:?}")).to_owned();
    assert!(address.starts_with(&format!("{issuer}/authorize?")), "{address}");
    assert_eq!(query(&address).get("code_challenge_method").map(String::as_str), Some("S256"));
    assert_eq!(query(&address).get("redirect_uri"), Some(&format!("{}/oidc/callback", server.url)));
    browser.page("/login?local=1").is(200);
    // The bench: a good token with what it would lead to, a wrong one with the check that failed; nobody is made.
    let tried = |token: &str| root.submit(OIDC, OIDC, &[("sample", token), ("do", "bench")]).is(200).text();
    let found = tried(&forger.id_token("n", &json!({})));
    assert!(found.contains("The account eve is made") && !found.contains("Failed:"), "{found}");
    let found = tried(&forger.id_token("n", &json!({ "aud": "somebody else" })));
    assert!(found.contains("Failed:") && !found.contains("is made"), "{found}");
    assert_eq!(root.page("/console/users/eve").status, 404);
    // Another issuer does not get the stored secret, and a saved one gives way to the environment (F054).
    let data = server.stop();
    let other = Forger::at("/realms/r");
    let server = Server::start(
        Setup::default()
            .data(&data)
            .env("OIDC_ISSUER", &other.issuer)
            .env("OIDC_CLIENT_ID", "us")
            .env("BAILIWICK_ALLOW_LOOPBACK_ISSUERS", "true"),
    );
    let there = server.anonymous().page("/oidc/login");
    let address = there.header("location").unwrap_or_else(|| panic!("{there:?}")).to_owned();
    assert!(!address.starts_with(&issuer), "{address}");
}

#[test]
fn f013_f054_what_the_environment_sets_is_locked_shown_and_wins() {
    let Some(slapd) = Slapd::start(Manners::default()) else { return };
    let (server, _) = slapd.server(slapd.setup());
    let root = server.anonymous();
    root.sign_in("root", PASSWORD).is(303);
    let page = root.page(LDAP).is(200);
    assert!(page.text().contains("LOCAL_LDAP_ADDRESS") && page.text().contains("set by"), "{}", page.text());
    let form = page.form(LDAP);
    assert!(form.names.contains(&"ldap.address".to_owned()));
    assert!(page.body.contains("name=\"ldap.address\" type=\"text\" value=\"ldap://"));
    // A field that is locked is not taken, whatever is sent; the others are.
    save(&root, LDAP, vec![("ldap.address", "ldap://127.0.0.1:1"), ("ldap.group_map", "staff=people")]).is(303);
    server.anonymous().sign_in("alice", "alicepw").is(303);
    assert!(root.page(LDAP).body.contains("value=\"staff=people\""));
    let listed = server.cli(&["settings", "list", "--json"]).json();
    let rows = listed.as_array().unwrap();
    let of = |key: &str| rows.iter().find(|r| r["key"] == key).unwrap_or_else(|| panic!("{key}: {listed}"));
    assert_eq!(of("ldap.address")["source"], "env");
    assert_eq!(of("ldap.group_map")["source"], "saved");
}

#[test]
fn f055_f056_f057_the_way_back_in() {
    let data = Data::new();
    let oidc = |setup: Setup| {
        setup.env("OIDC_ISSUER", "https://idp.invalid").env("OIDC_CLIENT_ID", "c").env("OIDC_AUTH_METHOD", "pkce")
    };
    let server = Server::start(oidc(Setup::default()).data(&data));
    server.person_with_password("root", "admin");
    let data = server.stop();
    let server = Server::start(oidc(Setup::default()).data(&data).env("LOCAL_RESTORE", "true"));
    let line = server.line_with("temporary password");
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let password = told["temporary_password"].as_str().unwrap().to_owned();
    assert_eq!(told["user"], "root");
    // F056: the company's door is closed, and the page of sign-in does not lead there.
    assert!(![200, 302, 303].contains(&server.anonymous().page("/oidc/login").status));
    server.anonymous().page("/login").is(200);
    let browser = server.anonymous();
    browser.sign_in("root", &password).is(303);
    assert!(browser.page("/").is(200).text().contains("The way back in is open"));
    assert!(browser.page("/console/users").is(200).text().contains("root"));
    server.anonymous().sign_in("root", &password).is(401);
    // The ordinary password goes on working.
    server.anonymous().sign_in("root", PASSWORD).is(303);
    let data = server.stop();
    // F057, with one that was never used.
    let server = Server::start(oidc(Setup::default()).data(&data).env("LOCAL_RESTORE", "true"));
    let told: serde_json::Value = serde_json::from_str(&server.line_with("temporary password")).unwrap();
    let unused = told["temporary_password"].as_str().unwrap().to_owned();
    assert_ne!(unused, password);
    let data = server.stop();
    let server = Server::start(oidc(Setup::default()).data(&data));
    server.anonymous().sign_in("root", &unused).is(401);
    let log = server.log();
    assert!(!log.contains(&unused));
}

#[test]
fn the_break_glass_mark_is_set_and_taken_on_the_persons_page() {
    let server = Server::start(Setup::default().env("OIDC_ISSUER", "https://idp.invalid").env("OIDC_CLIENT_ID", "c"));
    server.person_with_password("root", "admin");
    server.person_with_password("second", "admin");
    let root = server.anonymous();
    root.sign_in("root", PASSWORD).is(303);
    let act = "/console/users/second/break-glass";
    root.submit("/console/users/second", act, &[]).is(303);
    server.anonymous().sign_in("second", PASSWORD).is(401);
    root.submit("/console/users/second", act, &[]).is(303);
    server.anonymous().sign_in("second", PASSWORD).is(303);
}

#[test]
fn the_pages_of_settings_are_sound_wide_and_narrow_light_and_dark() {
    if !browser::present() {
        return;
    }
    let Some(slapd) = Slapd::start(Manners::default()) else { return };
    let (server, _) = slapd.server(slapd.setup());
    server.anonymous().sign_in("alice", "alicepw").is(303);
    server.anonymous().sign_in("alice", "wrong").is(401);
    let report = browser::run(
        "pages.mjs",
        &json!({
            "url": server.url, "user": "root", "password": PASSWORD,
            "pages": [GENERAL, OIDC, LDAP, "/console/users/alice/credentials", "/console/users/root"],
            "themes": ["light", "dark"], "widths": [1280, 390], "scripts": [true],
        }),
    );
    let wrong = crate::console::judge(&report);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

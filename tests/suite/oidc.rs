//! Signing in by the company's OpenID provider, with a real one (npm oidc-provider): flows, claims, teams, accounts, keys that
//! change, signing out on both sides. What forged and broken answers do is in `oidc_attacks`.

use crate::harness::browser;
use crate::harness::provider::{Answer, Forger, Provider, query, sso};
use crate::harness::{Client, PASSWORD, Person, Server};
use serde_json::{Value, json};

const SECRET: &str = "the-secret/of+this client";

/// People at the provider.
fn people() -> Value {
    json!({
        "alice": { "email": "alice@corp.example", "email_verified": true, "name": "Alice A.", "preferred_username": "alice_a", "groups": ["fusion", "nowhere"] },
        "bob": { "email": "bob@corp.example", "email_verified": true, "name": "Bob", "preferred_username": "b ob", "groups": [] },
    })
}

/// A server that signs people in at a real provider, with an administrator who has a password.
fn ready(provider: &Provider, client: &str, method: &str, env: &[(&str, &str)]) -> (Server, Person) {
    let secret = [("confidential", SECRET), ("posting", "another-secret"), ("implicit", "x")];
    let setup = secret
        .iter()
        .filter(|(name, _)| *name == client)
        .fold(sso(&provider.issuer, client, method), |s, (_, v)| s.env("OIDC_SECRET", v));
    let server = Server::start(env.iter().fold(setup, |setup, (key, value)| setup.env(key, value)));
    let root = server.person_with_password("root", "admin");
    provider.serve(&server, json!({ "users": people() }));
    (server, root)
}

/// The account with an address, as SCIM tells it.
fn account(root: &Person, email: &str) -> Option<Value> {
    let (_, all) = root.client.scim_list("Users", &[]);
    all.into_iter().find(|user| user["emails"][0]["value"] == email)
}

fn username(root: &Person, email: &str) -> String {
    let user = account(root, email).unwrap_or_else(|| panic!("no account for {email}"));
    user["userName"].as_str().unwrap_or_else(|| panic!("{user}")).to_owned()
}

fn is_signed_in(browser: &Client) -> bool {
    browser.page("/console/account").status == 200
}

/// Signs in there and asserts that the server opened a session.
fn comes(provider: &Provider, server: &Server, login: &str) -> Client {
    let browser = server.anonymous();
    let back = provider.sign_in(server, &browser, login);
    assert_eq!((back.status, back.header("location")), (303, Some("/console/account")), "{back:?}");
    assert!(is_signed_in(&browser));
    browser
}

/// Signs in there and asserts that the server refused, with this in its words.
fn refused(provider: &Provider, server: &Server, login: &str, word: &str) -> String {
    let browser = server.anonymous();
    let back = provider.sign_in(server, &browser, login);
    assert!((400..500).contains(&back.status), "{back:?}");
    assert!(!is_signed_in(&browser));
    let text = back.text();
    assert!(text.contains(word), "{word:?} in {text}");
    text
}

#[test]
fn f030_f032_f039_f043_f145_f146_code_with_pkce_signs_in_and_makes_a_member() {
    let Some(provider) = Provider::start() else { return };
    let (server, root) = ready(&provider, "confidential", "pkce", &[]);
    let begun = server.anonymous().page("/oidc/login").is(303);
    let url = begun.header("location").unwrap();
    assert!(url.starts_with(&provider.issuer), "{url}");
    let asked = query(url);
    let of = |name: &str| asked.get(name).map(String::as_str);
    assert_eq!((of("response_type"), of("code_challenge_method")), (Some("code"), Some("S256")));
    assert_eq!(of("redirect_uri"), Some(format!("{}/oidc/callback", server.url).as_str()));
    assert_eq!(of("scope"), Some("openid profile email"));
    assert!(asked["state"].len() >= 43 && asked["nonce"].len() >= 43 && !url.contains("secret"));
    let cookie = begun.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "on plain loopback: {cookie}");
    assert_eq!(account(&root, "alice@corp.example"), None);
    comes(&provider, &server, "alice");
    let alice = account(&root, "alice@corp.example").unwrap();
    let role = &alice["urn:ietf:params:scim:schemas:extension:wandb:2.0:User"]["organizationRole"];
    assert_eq!(role, "member", "{alice}");
    // Once more is the same account.
    let (before, _) = root.client.scim_list("Users", &[]);
    comes(&provider, &server, "alice");
    assert_eq!(root.client.scim_list("Users", &[]).0, before);
}

#[test]
fn f047_f049_clients_prove_themselves_as_the_provider_wants_or_not_at_all() {
    let Some(provider) = Provider::start() else { return };
    for client in ["posting", "public"] {
        let auth = if client == "posting" { "client_secret_post" } else { "auto" };
        let (server, _) = ready(&provider, client, "pkce", &[("BAILIWICK_OIDC_CLIENT_AUTH", auth)]);
        comes(&provider, &server, "alice");
        let shown = server.cli(&["settings", "list", "--json"]).ok().stdout;
        assert!(!shown.contains("another-secret"), "{shown}");
    }
    let (server, _) = ready(&provider, "confidential", "pkce", &[("OIDC_SECRET", "wrong")]);
    refused(&provider, &server, "alice", "not set up correctly");
    let browser = server.anonymous();
    assert_eq!(browser.post_form("/login", &form("root", PASSWORD)).status, 303);
    let audit = browser.page("/console/audit").text();
    let log = server.log();
    assert!(log.contains("invalid_client"), "{log}");
    assert!(!log.contains("wrong") && !audit.contains("wrong"), "no secret: {log}");
}

fn form(username: &str, password: &str) -> Vec<(String, String)> {
    vec![("username".into(), username.into()), ("password".into(), password.into())]
}

#[test]
fn f031_f035_implicit_by_form_post_needs_neither_code_nor_access_token() {
    let Some(provider) = Provider::start() else { return };
    let (server, root) = ready(&provider, "implicit", "implicit", &[]);
    let begun = server.anonymous().page("/oidc/login").is(303);
    let asked = query(begun.header("location").unwrap());
    let of = |name: &str| asked.get(name).map(String::as_str);
    assert_eq!((of("response_type"), of("response_mode")), (Some("id_token"), Some("form_post")));
    assert!(asked["nonce"].len() >= 43);
    comes(&provider, &server, "alice");
    assert!(account(&root, "alice@corp.example").is_some());
}

#[test]
fn claims_that_are_told_only_at_the_user_info_endpoint_are_read_there() {
    let Some(provider) = Provider::start() else { return };
    let (server, root) = ready(&provider, "confidential", "pkce", &[]);
    provider.serve(&server, json!({ "users": people(), "claimsOnlyInUserInfo": true }));
    comes(&provider, &server, "alice");
    assert!(account(&root, "alice@corp.example").is_some());
}

#[test]
fn f292_f293_f295_teams_follow_the_groups_claim_both_ways_and_no_team_is_made() {
    let Some(provider) = Provider::start() else { return };
    let (server, root) = ready(&provider, "confidential", "pkce", &[("GORILLA_ENABLE_SSO_GROUP_CLAIMS", "true")]);
    for team in ["fusion", "tokamak"] {
        root.client.create_team(team, Some("root")).is(200);
    }
    comes(&provider, &server, "alice");
    let alice = username(&root, "alice@corp.example");
    assert!(root.client.member_of("fusion", &alice).is_some());
    assert!(root.client.team("nowhere").json()["data"]["entity"].is_null(), "no team is made");
    let mut users = people();
    users["alice"]["groups"] = json!(["tokamak"]);
    provider.serve(&server, json!({ "users": users }));
    comes(&provider, &server, "alice");
    assert!(root.client.member_of("fusion", &alice).is_none());
    assert!(root.client.member_of("tokamak", &alice).is_some());
    // Without the claim nobody knows, and nothing changes.
    users["alice"].as_object_mut().unwrap().remove("groups");
    provider.serve(&server, json!({ "users": users }));
    comes(&provider, &server, "alice");
    assert!(root.client.member_of("tokamak", &alice).is_some());
    users["alice"]["groups"] = json!([]);
    provider.serve(&server, json!({ "users": users }));
    comes(&provider, &server, "alice");
    assert!(root.client.member_of("tokamak", &alice).is_none(), "an empty list is an answer");
    let log = root.client.get("/admin/audit_logs").is(200).body;
    assert!(log.lines().any(|line| line.contains("team:uninvite") && line.contains("fusion")), "{log}");
}

#[test]
fn f294_without_the_setting_the_claim_is_ignored() {
    let Some(provider) = Provider::start() else { return };
    let (server, root) = ready(&provider, "confidential", "pkce", &[]);
    root.client.create_team("fusion", Some("root")).is(200);
    comes(&provider, &server, "alice");
    assert!(root.client.member_of("fusion", &username(&root, "alice@corp.example")).is_none());
}

#[test]
fn f298_f299_f297_names_follow_the_identifier_claims_and_bad_ones_are_refused_by_name() {
    let Some(provider) = Provider::start() else { return };
    let env = [("GORILLA_USE_IDENTIFIER_CLAIMS", "true"), ("GORILLA_OIDC_CUSTOM_SCOPES", "extra")];
    let (server, root) = ready(&provider, "confidential", "pkce", &env);
    let begun = server.anonymous().page("/oidc/login").is(303);
    assert_eq!(query(begun.header("location").unwrap())["scope"], "openid profile email extra");
    comes(&provider, &server, "alice");
    let alice = account(&root, "alice@corp.example").unwrap();
    assert_eq!(alice["userName"], "alice_a", "{alice}");
    assert!(alice.to_string().contains("Alice A."), "{alice}");
    refused(&provider, &server, "bob", "b ob");
    assert_eq!(account(&root, "bob@corp.example"), None);
}

#[test]
fn f148_f149_f290_without_provisioning_only_known_people_come_in() {
    let Some(provider) = Provider::start() else { return };
    let (server, root) = ready(&provider, "confidential", "pkce", &[("DISABLE_SSO_PROVISIONING", "true")]);
    refused(&provider, &server, "alice", "no account");
    assert_eq!(account(&root, "alice@corp.example"), None);
    let email = "alice@corp.example";
    server.cli(&["user", "create", email, "--username", "known"]).ok();
    comes(&provider, &server, "alice");
    assert_eq!(username(&root, email), "known");
}

#[test]
fn keys_of_the_provider_may_change_between_two_sign_ins() {
    let Some(provider) = Provider::start() else { return };
    let (server, _) = ready(&provider, "confidential", "pkce", &[]);
    comes(&provider, &server, "alice");
    provider.serve(&server, json!({ "users": people(), "key": 2 }));
    comes(&provider, &server, "alice");
}

#[test]
fn f041_signing_out_leads_through_the_provider_and_back() {
    let Some(provider) = Provider::start() else { return };
    let (server, _) = ready(&provider, "confidential", "pkce", &[]);
    let browser = comes(&provider, &server, "alice");
    let out = browser.page("/logout").is(303);
    let url = out.header("location").unwrap();
    assert!(url.starts_with(&format!("{}/session/end", provider.issuer)), "{url}");
    let asked = query(url);
    assert_eq!(
        (asked["post_logout_redirect_uri"].as_str(), asked["client_id"].as_str()),
        (server.url.as_str(), "confidential")
    );
    assert!(browser.cookie("bailiwick").is_none() && !is_signed_in(&browser));
    // Once more there is nothing to sign out of.
    let again = browser.page("/logout").is(303);
    assert_eq!(again.header("location"), Some("/login?signed-out=yes"));
    let page = browser.page("/login?signed-out=yes").is(200);
    assert!(
        page.text().contains("You are signed out") && page.body.contains("href=\"/oidc/login\""),
        "{}",
        page.text()
    );
    // A link on another site asks first, and the session goes on.
    let browser = comes(&provider, &server, "alice");
    let asked = browser.send("GET", "/logout", &[("sec-fetch-site", "cross-site")], None).is(200);
    assert!(asked.text().contains("Sign out?"), "{}", asked.text());
    assert!(is_signed_in(&browser));
    let fields = asked.form("/logout").fields;
    let left = browser.post_form("/logout", &fields).is(200);
    assert!(left.body.contains("http-equiv=\"refresh\"") && left.body.contains("/session/end"), "{}", left.body);
    assert!(!is_signed_in(&browser));
}

#[test]
fn the_provider_ends_sessions_by_its_back_channel() {
    let Some(provider) = Provider::start() else { return };
    let (server, _) = ready(&provider, "confidential", "pkce", &[]);
    // Signed in by one browser, which then signs out at the provider.
    let (browser, there) = (server.anonymous(), Client::new(&provider.issuer));
    let begun = browser.page("/oidc/login").is(303);
    let start = begun.header("location").unwrap().to_owned();
    provider.walk(&server, &browser, &there, &start, "alice").is(303);
    assert!(is_signed_in(&browser));
    let page = there.page("/session/end").is(200);
    let mut fields = page.form("/session/end").fields;
    fields.push(("logout".into(), "yes".into()));
    let out = there.post_form("/session/end/confirm", &fields);
    assert!(out.status < 400, "{out:?}");
    assert!(!is_signed_in(&browser), "the provider waits for our answer, so the session has ended by now");
}

#[test]
fn f059_f054_the_login_page_leads_to_the_provider_and_local_passwords_are_for_break_glass() {
    let Some(provider) = Provider::start() else { return };
    let (server, _) = ready(&provider, "confidential", "pkce", &[]);
    let browser = server.anonymous();
    let led = browser.page("/login?next=%2Fconsole%2Faccount").is(303);
    assert_eq!(led.header("location"), Some("/oidc/login?next=%2Fconsole%2Faccount"));
    let page = browser.page("/login?local=1").is(200);
    assert!(page.form("/login").names.contains(&"password".to_owned()));
    assert_eq!(browser.post_form("/login", &form("root", PASSWORD)).status, 303, "an administrator made by the shell");
    server.person_with_password("mia", "member");
    assert_eq!(server.anonymous().post_form("/login", &form("mia", PASSWORD)).status, 401);
}

#[test]
fn f045_f046_f047_f048_issuers_with_and_without_path_and_slash() {
    for (path, configured) in [
        ("", ""),
        ("/", "/"),
        ("/", ""),
        ("/us-east-1_Ab3", "/us-east-1_Ab3"),
        ("/0f1e-tenant/v2.0", "/0f1e-tenant/v2.0"),
        ("/realms/R", "/realms/R"),
    ] {
        let forger = Forger::at(path);
        let base = forger.issuer.strip_suffix(path).unwrap().to_owned();
        let server = Server::start(sso(&format!("{base}{configured}"), "us", "pkce"));
        server.person_with_password("root", "admin");
        let browser = server.anonymous();
        let begun = browser.page("/oidc/login").is(303);
        let asked = query(begun.header("location").unwrap());
        let answer = json!({ "id_token": forger.id_token(&asked["nonce"], &json!({})) });
        forger.tell("/token", Answer::Text(200, answer.to_string()));
        let back = browser.page(&format!("/oidc/callback?code=c&state={}", asked["state"]));
        assert_eq!(back.status, 303, "{path:?} {configured:?}: {back:?}");
        // Discovery is one request, however many sign in.
        server.anonymous().page("/oidc/login").is(303);
        let place = format!("{}/.well-known/openid-configuration", path.trim_end_matches('/'));
        assert_eq!(forger.asked(&place).len(), 1, "F044");
    }
}

#[test]
fn f050_f056_the_method_and_the_way_back_in_are_switched_by_environment() {
    let refused = sso("https://idp.example.com", "us", "saml").refused().failed(1);
    assert!(refused.stderr.contains("pkce"), "{}", refused.stderr);
    let forger = Forger::start();
    let server = Server::start(sso(&forger.issuer, "us", "pkce"));
    server.person_with_password("root", "admin");
    server.anonymous().page("/oidc/login").is(303);
    let data = server.stop();
    let server = Server::start(sso(&forger.issuer, "us", "pkce").data(&data).env("LOCAL_RESTORE", "true"));
    let closed = server.anonymous().page("/oidc/login").is(403);
    assert!(closed.text().contains("LOCAL_RESTORE"), "{}", closed.text());
    server.anonymous().page("/login").is(200);
    let data = server.stop();
    let server = Server::start(sso(&forger.issuer, "us", "pkce").data(&data));
    server.anonymous().page("/oidc/login").is(303);
}

#[test]
fn f030_before_the_first_administrator_nobody_comes_in_by_the_provider() {
    let forger = Forger::start();
    let server = Server::start(sso(&forger.issuer, "us", "pkce"));
    let closed = server.anonymous().page("/oidc/login");
    assert!(closed.status == 403 && closed.text().contains("setup link"), "{closed:?}");
}

#[test]
fn f040_implicit_over_plain_http_from_elsewhere_is_refused_with_the_reason() {
    let forger = Forger::start();
    for (method, status) in [("implicit", 400), ("pkce", 303)] {
        let setup = sso(&forger.issuer, "us", method)
            .arg("--base-url")
            .arg("http://console.example")
            .arg("--behind-proxy")
            .arg("127.0.0.1/32");
        let server = Server::start(setup);
        server.person("root", "admin");
        // Where it really listens: the name is for other people's browsers.
        let line: Value = serde_json::from_str(&server.line_with("\"listen\":")).unwrap();
        let here = line["listen"].as_str().unwrap();
        let begun = Client::new(&format!("http://{here}")).page("/oidc/login").is(status);
        if status == 303 {
            assert_eq!(
                query(begun.header("location").unwrap())["redirect_uri"],
                "http://console.example/oidc/callback"
            );
        } else {
            server.line_with("needs https");
        }
    }
}

#[test]
fn over_tls_the_cookie_travels_with_the_form_from_the_providers_site() {
    let forger = Forger::start();
    let server = Server::start(sso(&forger.issuer, "us", "implicit").arg("--tls-self-signed"));
    server.person("root", "admin");
    let begun = server.anonymous().page("/oidc/login").is(303);
    let cookie = begun.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-bailiwick-sso="), "{cookie}");
    // An hour: form_post after ten minutes at the provider's page, with a second factor, works.
    for part in ["SameSite=None", "Secure", "HttpOnly", "Path=/", "Max-Age=3600"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert_eq!(query(begun.header("location").unwrap())["redirect_uri"], format!("{}/oidc/callback", server.url));
}

#[test]
fn f030_a_person_with_chromium_signs_in_and_out_again() {
    if !browser::present() {
        return;
    }
    let Some(provider) = Provider::start() else { return };
    let (server, _) = ready(&provider, "confidential", "pkce", &[]);
    let answer = browser::run("company.mjs", &json!({ "url": server.url, "login": "alice" }));
    assert!(answer["atProvider"].as_str().unwrap().starts_with(&provider.issuer), "{answer}");
    assert!(answer["signedIn"].as_str().unwrap().contains("alice@corp.example"), "{answer}");
    assert!(answer["atSignOut"].as_str().unwrap().starts_with(&provider.issuer), "{answer}");
    assert!(answer["after"].as_str().unwrap().starts_with(&server.url), "{answer}");
    let left: Vec<&str> = answer["left"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(!left.contains(&"bailiwick"), "{answer}");
    assert_eq!(answer["problems"], json!([]), "the content policy is kept: {answer}");
}

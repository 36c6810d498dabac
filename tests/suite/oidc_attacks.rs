//! What forged tokens, replayed and foreign returns, and providers that answer badly lead to: nobody is signed in, nothing is
//! made, the person gets a sentence, the administrator finds the step that failed. Named after the lessons they keep.

use crate::harness::provider::{Answer, Forger, now, query, sso};
use crate::harness::{Client, PASSWORD, Person, Reply, Server};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};

struct Stage {
    forger: Forger,
    server: Server,
    root: Person,
}

impl Stage {
    fn new(method: &str, env: &[(&str, &str)]) -> Self {
        let forger = Forger::start();
        let setup = env.iter().fold(sso(&forger.issuer, "us", method), |setup, (key, value)| setup.env(key, value));
        let server = Server::start(setup);
        let root = server.person_with_password("root", "admin");
        Stage { forger, server, root }
    }

    /// A browser that began to sign in, and what it was sent with.
    fn begun(&self) -> (Client, HashMap<String, String>) {
        let browser = self.server.anonymous();
        let begun = browser.page("/oidc/login").is(303);
        let asked = query(begun.header("location").unwrap());
        (browser, asked)
    }

    /// Comes back with a code for which the provider gives this token.
    fn returns_with(&self, browser: &Client, state: &str, id_token: &str) -> Reply {
        self.forger.tell("/token", Answer::Text(200, json!({ "id_token": id_token, "access_token": "a" }).to_string()));
        browser.page(&format!("/oidc/callback?code=c&state={state}"))
    }

    /// Comes back with a token of these claims.
    fn claims(&self, changes: &Value) -> (Client, Reply) {
        let (browser, asked) = self.begun();
        let reply = self.returns_with(&browser, &asked["state"], &self.forger.id_token(&asked["nonce"], changes));
        (browser, reply)
    }

    fn accounts(&self) -> u64 {
        self.root.client.scim_list("Users", &[]).0
    }

    /// What the newest failed sign-in of the audit log's page says.
    fn audited(&self) -> String {
        let browser = self.server.anonymous();
        let form = [("username".to_owned(), "root".to_owned()), ("password".to_owned(), PASSWORD.to_owned())];
        assert_eq!(browser.post_form("/login", &form).status, 303);
        let list = browser.page("/console/audit?kind=failed").is(200);
        let all = crate::harness::html::elements(&list.body, "a");
        let first = all.iter().filter_map(|a| a.get("href")).find(|h| h.starts_with("/console/audit/")).cloned();
        browser.page(&first.unwrap_or_else(|| panic!("no event in {}", list.text()))).is(200).text()
    }
}

/// Refused with a sentence, and without a session.
#[track_caller]
fn refused(browser: &Client, reply: &Reply, what: &str) {
    assert!((400..500).contains(&reply.status), "{what}: {reply:?}");
    assert!(reply.text().contains("You are not signed in"), "{what}: {}", reply.text());
    assert!(reply.body.contains("href=\"/oidc/login\""), "{what}: there is a way on");
    assert!(browser.cookie("bailiwick").is_none(), "{what}");
}

#[test]
fn f034_f036_f037_f038_forged_tokens_sign_nobody_in() {
    let stage = Stage::new("pkce", &[]);
    let before = stage.accounts();
    for (what, changes) in [
        ("wrong audience", json!({ "aud": "them" })),
        ("several audiences without azp", json!({ "aud": ["us", "them"] })),
        ("given to another", json!({ "azp": "them" })),
        ("expired", json!({ "exp": now() - 120 })),
        ("no end", json!({ "exp": "absent" })),
        ("an end that is a text", json!({ "exp": (now() + 300).to_string() })),
        ("a negative end", json!({ "exp": -1 })),
        ("an end beyond all time", json!({ "exp": 1e18 })),
        ("an end with a fraction", json!({ "exp": now() as f64 + 300.5 })),
        ("from the future", json!({ "iat": now() + 3_600 })),
        ("valid later", json!({ "nbf": now() + 3_600 })),
        ("a beginning that is an object", json!({ "nbf": {} })),
        ("another issuer", json!({ "iss": "https://evil.example" })),
        ("the issuer with a slash", json!({ "iss": format!("{}/", stage.forger.issuer) })),
        ("another nonce", json!({ "nonce": "x" })),
        ("no nonce", json!({ "nonce": "absent" })),
        ("no subject", json!({ "sub": "absent" })),
        ("a subject that is a number", json!({ "sub": 1 })),
        ("an address that is a list", json!({ "email": ["root@example.com"] })),
        ("another access token's hash", json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" })),
    ] {
        let (browser, reply) = stage.claims(&changes);
        refused(&browser, &reply, what);
    }
    let (browser, asked) = stage.begun();
    let claims = stage.forger.claims(&asked["nonce"], &json!({}));
    let unsigned = |alg: &str| {
        let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        format!("{}.{}.", part(json!({ "alg": alg })), part(claims.clone()))
    };
    // By another's key: the same id, the same claims, and the key in the header for good measure.
    let thief = Forger::start();
    let header = json!({ "alg": "ES256", "kid": "a", "jwk": thief.jwk("a"), "jku": format!("{}/keys", thief.issuer) });
    for (what, token) in [
        ("unsigned", unsigned("none")),
        ("unsigned in capitals", unsigned("NONE")),
        ("signed by another key", thief.sign(&header, &claims)),
        ("the public key as a secret", format!("{}AAAA", unsigned("HS256"))),
        ("an access token", stage.forger.sign(&json!({ "alg": "ES256", "kid": "a", "typ": "at+jwt" }), &claims)),
        (
            "a header that demands the unknown",
            stage.forger.sign(&json!({ "alg": "ES256", "kid": "a", "crit": ["b64"] }), &claims),
        ),
        ("no token", "x".to_owned()),
        ("a long one", "a".repeat(200_000)),
    ] {
        let (browser, _) = (browser.clone(), ());
        let begun = browser.page("/oidc/login").is(303);
        let state = query(begun.header("location").unwrap())["state"].clone();
        let reply = stage.returns_with(&browser, &state, &token);
        refused(&browser, &reply, what);
    }
    assert!(thief.asked("/keys").is_empty(), "keys come from the configured issuer alone");
    assert_eq!(stage.accounts(), before, "nobody was made");
    let (browser, reply) = stage.claims(&json!({}));
    assert_eq!(reply.status, 303, "and the good one works: {reply:?}");
    assert!(browser.cookie("bailiwick").is_some());
}

#[test]
fn f033_replayed_foreign_and_missing_states_begin_again_politely() {
    let stage = Stage::new("pkce", &[]);
    let (browser, asked) = stage.begun();
    let token = stage.forger.id_token(&asked["nonce"], &json!({}));
    for path in [
        "/oidc/callback",
        "/oidc/callback?code=c",
        "/oidc/callback?code=c&state=",
        "/oidc/callback?code=c&state=foreign",
    ] {
        let reply = browser.page(path).is(400);
        refused(&browser, &reply, path);
    }
    let long = browser.page(&format!("/oidc/callback?code=c&state={}", "s".repeat(5_000))).is(400);
    refused(&browser, &long, "long");
    // Another browser, with its own cookie and without one: the attacker's return in the victim's hands.
    let (other, _) = stage.begun();
    for victim in [other, stage.server.anonymous()] {
        let reply = stage.returns_with(&victim, &asked["state"], &token);
        assert_eq!(reply.status, 400);
        refused(&victim, &reply, "another browser");
    }
    assert!(stage.forger.asked("/token").is_empty(), "no code is redeemed for a state that fits nobody");
    assert_eq!(stage.returns_with(&browser, &asked["state"], &token).status, 303, "its own browser is not hindered");
    let replayed = stage.server.anonymous();
    replayed.set_cookie("bailiwick-sso", &browser.cookie("bailiwick-sso").unwrap());
    let reply = stage.returns_with(&replayed, &asked["state"], &token).is(400);
    refused(&replayed, &reply, "replayed");
}

#[test]
fn two_tabs_sign_in_side_by_side_and_a_token_of_one_does_not_fit_the_other() {
    let stage = Stage::new("pkce", &[]);
    let (browser, first) = stage.begun();
    let begun = browser.page("/oidc/login").is(303);
    let second = query(begun.header("location").unwrap());
    let crossed = stage.returns_with(&browser, &first["state"], &stage.forger.id_token(&second["nonce"], &json!({})));
    refused(&browser, &crossed, "the other tab's token");
    let reply = stage.returns_with(&browser, &second["state"], &stage.forger.id_token(&second["nonce"], &json!({})));
    assert_eq!(reply.status, 303, "{reply:?}");
}

#[test]
fn implicit_returns_carry_their_token_in_the_form_alone() {
    let stage = Stage::new("implicit", &[]);
    let send = |browser: &Client, fields: &[(&str, &str)]| {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", "https://idp.example"),
            ("sec-fetch-site", "cross-site"),
        ];
        browser.send("POST", "/oidc/callback", &headers, Some(body.as_bytes()))
    };
    let (browser, asked) = stage.begun();
    let reply = send(&browser, &[("state", &asked["state"]), ("code", "c")]);
    refused(&browser, &reply, "a code where a token was asked for");
    let (browser, asked) = stage.begun();
    let foreign = stage.forger.id_token("of another sign-in", &json!({}));
    let reply = send(&browser, &[("state", &asked["state"]), ("id_token", &foreign)]);
    refused(&browser, &reply, "another nonce");
    let (browser, asked) = stage.begun();
    let token = stage.forger.id_token(&asked["nonce"], &json!({}));
    let reply = send(&browser, &[("state", &asked["state"]), ("id_token", &token)]);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/")), "{reply:?}");
}

#[test]
fn the_issuer_in_the_return_must_be_the_providers_own() {
    let stage = Stage::new("pkce", &[]);
    let (browser, asked) = stage.begun();
    let reply = browser.page(&format!("/oidc/callback?code=c&state={}&iss=https%3A%2F%2Fevil.example", asked["state"]));
    refused(&browser, &reply, "mixed up");
}

#[test]
fn after_signing_in_people_stay_on_this_server() {
    let stage = Stage::new("pkce", &[]);
    for next in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/%0d%0aset-cookie:x=y",
        "javascript:alert(1)",
        "evil",
    ] {
        let browser = stage.server.anonymous();
        let encoded: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let begun = browser.page(&format!("/oidc/login?next={encoded}")).is(303);
        let asked = query(begun.header("location").unwrap());
        let reply = stage.returns_with(&browser, &asked["state"], &stage.forger.id_token(&asked["nonce"], &json!({})));
        let to = reply.header("location").unwrap_or_else(|| panic!("{next}: {reply:?}"));
        assert!(
            to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.contains("evil.example")
                || to.starts_with("/%0d"),
            "{next}: {to}"
        );
        assert!(reply.header("x").is_none());
    }
}

#[test]
fn somebody_elses_address_and_a_moved_subject_are_no_way_into_an_account() {
    let stage = Stage::new("pkce", &[("BAILIWICK_SSO_LINK_BY_EMAIL", "true")]);
    stage.server.person_with_password("mia", "member");
    for (what, changes) in [
        ("an administrator's address", json!({ "email": "root@example.com" })),
        ("an unverified address", json!({ "email": "mia@example.com", "email_verified": false })),
        ("an address nobody vouches for", json!({ "email": "mia@example.com", "email_verified": "absent" })),
    ] {
        let (browser, reply) = stage.claims(&changes);
        refused(&browser, &reply, what);
    }
    let before = stage.accounts();
    let (_, reply) = stage.claims(&json!({}));
    assert_eq!(reply.status, 303);
    // The same person under another address stays the same; another subject with the old address is somebody else.
    let (_, reply) = stage.claims(&json!({ "email": "moved@example.com" }));
    assert_eq!((reply.status, stage.accounts()), (303, before + 1), "{reply:?}");
    let (_, reply) = stage.claims(&json!({ "sub": "sub-2" }));
    assert_eq!((reply.status, stage.accounts()), (303, before + 2), "{reply:?}");
}

#[test]
fn more_groups_than_fit_are_never_read_as_none() {
    let stage = Stage::new("pkce", &[("GORILLA_ENABLE_SSO_GROUP_CLAIMS", "true")]);
    stage.root.client.create_team("fusion", Some("root")).is(200);
    let (_, reply) = stage.claims(&json!({ "groups": ["fusion"] }));
    assert_eq!(reply.status, 303);
    let (_, all) = stage.root.client.scim_list("Users", &[]);
    let eve = all.iter().find(|u| u["emails"][0]["value"] == "eve@example.com").unwrap();
    let eve = eve["userName"].as_str().unwrap().to_owned();
    for changes in [
        json!({ "_claim_names": { "groups": "src1" }, "_claim_sources": { "src1": { "endpoint": "https://graph.example" } } }),
        json!({ "hasgroups": true }),
        json!({ "groups": "other" }),
        json!({ "groups": ["other", 7] }),
        json!({}),
    ] {
        let (_, reply) = stage.claims(&changes);
        assert_eq!(reply.status, 303, "{changes}: {reply:?}");
        assert!(stage.root.client.member_of("fusion", &eve).is_some(), "{changes}");
    }
    let (_, reply) = stage.claims(&json!({ "groups": [] }));
    assert_eq!(reply.status, 303);
    assert!(stage.root.client.member_of("fusion", &eve).is_none(), "but a complete answer counts");
}

#[test]
fn a_provider_that_answers_badly_costs_its_own_sign_ins_alone() {
    let stage = Stage::new("pkce", &[]);
    for (what, answer) in [
        ("a redirect", Answer::Redirect("http://127.0.0.1:1/".into())),
        ("too much", Answer::Huge(3 << 20)),
        ("no JSON", Answer::Text(200, "<html>".into())),
        ("an error", Answer::Text(500, String::new())),
        ("a refusal", Answer::Text(400, json!({ "error": "invalid_grant" }).to_string())),
        ("no ID token", Answer::Text(200, json!({ "access_token": "a", "token_type": "Bearer" }).to_string())),
    ] {
        let (browser, asked) = stage.begun();
        stage.forger.tell("/token", answer);
        let reply = browser.page(&format!("/oidc/callback?code=c&state={}", asked["state"]));
        assert!(reply.status >= 400 && reply.text().contains("You are not signed in"), "{what}: {reply:?}");
    }
    // Hanging and dripping: bounded, and meanwhile everybody else is served at once.
    for answer in [Answer::Hang, Answer::Drip] {
        stage.forger.tell("/token", answer);
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let (browser, asked) = stage.begun();
                std::thread::spawn(move || browser.page(&format!("/oidc/callback?code=c&state={}", asked["state"])))
            })
            .collect();
        let began = Instant::now();
        while waiting.iter().any(|one| !one.is_finished()) {
            let asked = Instant::now();
            stage.server.anonymous().page("/login?local=1").is(200);
            assert!(asked.elapsed() < Duration::from_secs(2), "others wait: {:?}", asked.elapsed());
            assert!(began.elapsed() < Duration::from_secs(20), "a hanging provider is given up");
            std::thread::yield_now();
        }
        for one in waiting {
            assert_eq!(one.join().unwrap().status, 503);
        }
    }
}

#[test]
fn the_administrator_finds_the_step_that_failed_and_no_secret() {
    let stage = Stage::new("pkce", &[("OIDC_SECRET", "canary-secret-of-the-client")]);
    let (browser, reply) = stage.claims(&json!({ "iat": now() + 95, "exp": now() + 900 }));
    refused(&browser, &reply, "a clock that is off");
    assert!(!reply.text().contains("95 s"), "particulars are for administrators: {}", reply.text());
    let audit = stage.audited();
    assert!(audit.contains("in the future by this server's clock") && audit.contains("60 s"), "{audit}");
    let log = stage.server.log();
    for secret in ["canary-secret-of-the-client", "eyJ"] {
        assert!(!log.contains(secret) && !audit.contains(secret), "{secret}");
    }
    assert_eq!(stage.forger.asked("/token").len(), 1);
}

#[test]
fn back_channel_tokens_are_checked_and_count_once() {
    let stage = Stage::new("pkce", &[]);
    let (browser, reply) = stage.claims(&json!({ "sid": "s-1" }));
    assert_eq!(reply.status, 303);
    let header = json!({ "alg": "ES256", "kid": "a", "typ": "logout+jwt" });
    let good = json!({
        "iss": stage.forger.issuer, "aud": "us", "iat": now(), "exp": now() + 120, "jti": "j-1", "sid": "s-1",
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    let send = |token: &str| {
        let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        stage.server.anonymous().send("POST", "/oidc/backchannel-logout", &headers, Some(body.as_bytes()))
    };
    let signed_in = || browser.page("/console/account").status == 200;
    for (name, value) in [
        ("aud", json!("them")),
        ("iss", json!("https://evil.example")),
        ("exp", json!(now() - 300)),
        ("nonce", json!("n")),
        ("events", json!({})),
        ("jti", Value::Null),
        ("sid", json!(7)),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        let reply = send(&stage.forger.sign(&header, &bad));
        assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some("invalid_request")), "{name}: {reply:?}");
        assert!(signed_in(), "{name}");
    }
    for token in ["", "x", &stage.forger.id_token("n", &json!({ "sid": "s-1" })), &Forger::start().sign(&header, &good)]
    {
        assert_eq!(send(token).status, 400);
        assert!(signed_in());
    }
    let token = stage.forger.sign(&header, &good);
    let reply = send(&token).is(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(!signed_in());
    // The same token does not end the next session of that name.
    let (again, reply) = stage.claims(&json!({ "sid": "s-1" }));
    assert_eq!(reply.status, 303);
    assert_eq!(send(&token).status, 400);
    assert_eq!(again.page("/console/account").status, 200);
}

#[test]
fn f042_the_front_channel_ends_the_session_that_the_provider_names_and_no_other() {
    let stage = Stage::new("pkce", &[]);
    let (named, reply) = stage.claims(&json!({ "sid": "s-1" }));
    assert_eq!(reply.status, 303);
    let (other, reply) = stage.claims(&json!({ "sub": "sub-2", "sid": "s-2", "email": "zoe@example.com" }));
    assert_eq!(reply.status, 303);
    let issuer: String = url::form_urlencoded::byte_serialize(stage.forger.issuer.as_bytes()).collect();
    // In a frame of the provider's page: no cookie travels.
    let frame = |query: &str| {
        stage.server.anonymous().send("GET", &format!("/logout?{query}"), &[("sec-fetch-site", "cross-site")], None)
    };
    for query in ["iss=https%3A%2F%2Fevil.example&sid=s-1", &format!("iss={issuer}&sid=s-9"), &format!("iss={issuer}")]
    {
        assert!(frame(query).status < 400);
        assert_eq!(named.page("/console/account").status, 200, "{query}");
    }
    assert!(frame(&format!("iss={issuer}&sid=s-1")).status < 400);
    assert_eq!(named.page("/console/account").status, 303);
    assert_eq!(other.page("/console/account").status, 200);
}

#[test]
fn a_deactivated_person_does_not_come_in_by_the_provider() {
    let stage = Stage::new("pkce", &[]);
    let (browser, reply) = stage.claims(&json!({}));
    assert_eq!(reply.status, 303);
    let (_, all) = stage.root.client.scim_list("Users", &[]);
    let eve = all.iter().find(|u| u["emails"][0]["value"] == "eve@example.com").unwrap();
    let path = format!("/v2/Users/{}", eve["id"].as_str().unwrap());
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    stage.root.client.scim_patch(&path, off).is(200);
    assert_eq!(browser.page("/console/account").status, 303, "the session ended");
    let (browser, reply) = stage.claims(&json!({}));
    refused(&browser, &reply, "deactivated");
}

//! Every check of an ID token, one broken claim at a time, against a server that publishes the keys.

use super::*;
use crate::idp::oidc::begin::begin;
use crate::idp::oidc::bench::{check as test_connection, examine};
use crate::idp::oidc::prove::{Returned, prove};
use crate::idp::oidc::sign_out::order;
use crate::idp::oidc::{ClientAuth, Method};
use crate::idp::tests::{Server, Signer, key_set, loopback};
use serde_json::{Value, json};

const NOW: Millis = 1_700_000_000_000;

struct Provider {
    server: Server,
    signer: Signer,
    issuers: Issuers,
    config: Config,
}

impl Provider {
    fn start() -> Self {
        let (server, signer) = (Server::start(), Signer::new("a"));
        let issuer = server.url.clone();
        let document = json!({
            "issuer": issuer, "jwks_uri": format!("{issuer}/keys"),
            "authorization_endpoint": format!("{issuer}/auth?tenant=1"), "token_endpoint": format!("{issuer}/token"),
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
        });
        server.tell("/.well-known/openid-configuration", 200, document.to_string());
        server.tell("/keys", 200, key_set(&[&signer]));
        let config = Config {
            issuer,
            client_id: "us".into(),
            client_secret: Some("hush".into()),
            method: Method::Pkce,
            client_auth: ClientAuth::Auto,
            scopes: vec!["offline_access".into(), "email".into()],
            leeway: 60_000,
            base_url: "https://here.example".into(),
            rules: loopback(),
        };
        Provider { server, signer, issuers: Issuers::default(), config }
    }

    fn claims(&self) -> Value {
        json!({ "iss": self.config.issuer, "aud": "us", "sub": "42", "nonce": "n", "iat": NOW / 1000, "exp": NOW / 1000 + 300 })
    }

    fn with(&self, changes: Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            match value.as_str() {
                Some("absent") => drop(claims.as_object_mut().unwrap().remove(name)),
                _ => claims[name.as_str()] = value.clone(),
            }
        }
        claims
    }

    /// The step at which a token is refused; empty for one that is believed.
    async fn step(&self, text: &str, access_token: Option<&str>) -> &'static str {
        let metadata = self
            .issuers
            .discovery
            .of(&self.issuers.fetcher, &self.config.rules, &self.config.issuer, NOW)
            .await
            .unwrap();
        let expected = Expected { nonce: Some("n"), access_token };
        let mut trail = Trail::default();
        match check(&self.issuers, &self.config, &metadata, text, expected, NOW, &mut trail).await {
            Ok(_) => "",
            Err(refusal) => {
                assert!(!trail.0.last().unwrap().passed, "the step that failed is the last one shown");
                refusal.step
            }
        }
    }
}

#[tokio::test]
async fn each_claim_is_checked_and_a_wrong_typed_one_is_never_an_absent_one() {
    let provider = Provider::start();
    let now = NOW / 1000;
    for (changes, step) in [
        (json!({}), ""),
        (json!({ "aud": ["us"] }), ""),
        (json!({ "aud": ["us", "them"], "azp": "us" }), ""),
        (json!({ "exp": now - 59 }), ""),
        (json!({ "iat": now + 59, "nbf": now + 59 }), ""),
        (json!({ "iss": format!("{}/", provider.config.issuer) }), "iss"),
        (json!({ "iss": "https://evil.example" }), "iss"),
        (json!({ "iss": "absent" }), "iss"),
        (json!({ "iss": [provider.config.issuer] }), "iss"),
        (json!({ "aud": "them" }), "aud"),
        (json!({ "aud": "absent" }), "aud"),
        (json!({ "aud": [] }), "aud"),
        (json!({ "aud": "" }), "aud"),
        (json!({ "aud": ["us", "them"] }), "aud"),
        (json!({ "aud": ["us", "them"], "azp": "them" }), "aud"),
        (json!({ "azp": "them" }), "aud"),
        (json!({ "azp": 7 }), "aud"),
        (json!({ "aud": { "us": true } }), "aud"),
        (json!({ "exp": now - 61 }), "exp"),
        (json!({ "exp": "absent" }), "exp"),
        (json!({ "exp": format!("{}", now + 300) }), "exp"),
        (json!({ "exp": -1 }), "exp"),
        (json!({ "exp": 1e300 }), "exp"),
        (json!({ "exp": u64::MAX }), "exp"),
        (json!({ "exp": now as f64 + 300.5 }), "exp"),
        (json!({ "exp": null }), "exp"),
        (json!({ "iat": now + 61 }), "exp"),
        (json!({ "iat": "absent" }), "exp"),
        (json!({ "iat": true }), "exp"),
        (json!({ "nbf": now + 61 }), "exp"),
        (json!({ "nbf": "soon" }), "exp"),
        (json!({ "nonce": "other" }), "nonce"),
        (json!({ "nonce": "absent" }), "nonce"),
        (json!({ "nonce": "" }), "nonce"),
        (json!({ "nonce": ["n"] }), "nonce"),
        (json!({ "sub": "absent" }), "sub"),
        (json!({ "sub": "" }), "sub"),
        (json!({ "sub": 42 }), "sub"),
        (json!({ "sub": "x".repeat(256) }), "sub"),
        (json!({ "sub": "a\u{0}b" }), "sub"),
        (json!({ "at_hash": 7 }), "at_hash"),
        (json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), "at_hash"),
        // ES256 over "access": the left half of its SHA-256.
        (json!({ "at_hash": URL_SAFE_NO_PAD.encode(&crypto::sha256(b"access")[..16]) }), ""),
    ] {
        let text = provider.signer.sign(&provider.with(changes.clone()));
        assert_eq!(provider.step(&text, Some("access")).await, step, "{changes}");
    }
}

#[tokio::test]
async fn tokens_by_others_of_other_kinds_and_without_signature_are_refused() {
    let provider = Provider::start();
    let (claims, other) = (provider.claims(), Signer::new("a"));
    assert_eq!(provider.step(&other.sign(&claims), None).await, "signature");
    assert_eq!(provider.step(&Signer::new("b").sign(&claims), None).await, "signature");
    for typ in ["at+jwt", "application/at+jwt", "logout+jwt", "AT+JWT"] {
        let header = json!({ "alg": "ES256", "kid": "a", "typ": typ });
        assert_eq!(provider.step(&provider.signer.sign_with(&header, &claims), None).await, "token", "{typ}");
    }
    let unsigned = json!({ "alg": "none" });
    assert_eq!(provider.step(&provider.signer.sign_with(&unsigned, &claims), None).await, "signature");
    let unlisted = json!({ "alg": "EdDSA", "kid": "a" });
    assert_eq!(provider.step(&provider.signer.sign_with(&unlisted, &claims), None).await, "signature");
    assert_eq!(provider.step("not a token", None).await, "token");
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_with_its_difference() {
    let provider = Provider::start();
    let text = provider.signer.sign(&provider.with(json!({ "iat": NOW / 1000 + 95, "exp": NOW / 1000 + 300 })));
    let (steps, who) = examine(&provider.issuers, &provider.config, &text, NOW).await;
    assert_eq!(who, None);
    let last = steps.last().unwrap();
    assert!(last.detail.contains("95 s in the future") && last.detail.contains("60 s"), "{}", last.detail);
}

#[tokio::test]
async fn the_request_carries_what_ties_the_return_to_it() {
    let mut provider = Provider::start();
    let random = crate::crypto::Random::seeded(1);
    let begun = begin(&provider.issuers, &provider.config, &random, NOW).await.unwrap();
    let url = url::Url::parse(&begun.url).unwrap();
    let query: std::collections::HashMap<String, String> = url.query_pairs().into_owned().collect();
    let of = |name: &str| query.get(name).map(String::as_str);
    assert_eq!(of("tenant"), Some("1"), "the endpoint is used as given");
    assert_eq!((of("response_type"), of("response_mode")), (Some("code"), None));
    assert_eq!(of("scope"), Some("openid profile email offline_access"));
    assert_eq!(of("redirect_uri"), Some("https://here.example/oidc/callback"));
    assert_eq!((of("state"), of("nonce")), (Some(begun.state.as_str()), Some(begun.nonce.as_str())));
    let challenge = URL_SAFE_NO_PAD.encode(crypto::sha256(begun.verifier.unwrap().as_bytes()));
    assert_eq!((of("code_challenge_method"), of("code_challenge")), (Some("S256"), Some(challenge.as_str())));
    assert!(!begun.url.contains("hush"));
    provider.config.method = Method::Implicit;
    let begun = begin(&provider.issuers, &provider.config, &random, NOW).await.unwrap();
    assert!(begun.url.contains("response_type=id_token&") && begun.url.contains("response_mode=form_post"));
    assert!(begun.verifier.is_none() && !begun.url.contains("code_challenge"));
}

#[tokio::test]
async fn a_code_is_redeemed_for_an_id_token_without_any_access_token() {
    let provider = Provider::start();
    let clock = crate::clock::Clock::fixed(NOW);
    let back = || Returned::Code("c".into(), "v".into());
    let answer = json!({ "id_token": provider.signer.sign(&provider.claims()) });
    provider.server.tell("/token", 200, answer.to_string());
    let proof = prove(&provider.issuers, &provider.config, back(), "n", &clock).await.unwrap();
    assert_eq!(proof.identity.subject, "42");
    for (status, body, step) in [
        (200, "{}".to_owned(), "token_endpoint"),
        (200, "<html>".to_owned(), "token_endpoint"),
        (400, json!({ "error": "invalid_grant", "error_description": "used" }).to_string(), "token_endpoint"),
        (401, json!({ "error": "invalid_client" }).to_string(), "token_endpoint"),
        (302, String::new(), "token_endpoint"),
        (500, String::new(), "token_endpoint"),
    ] {
        provider.server.tell("/token", status, body.clone());
        let refusal = prove(&provider.issuers, &provider.config, back(), "n", &clock).await.err().unwrap();
        assert_eq!(refusal.step, step, "{status} {body}");
        assert!(!refusal.to_string().contains("hush"), "{refusal}");
    }
    assert_eq!(provider.server.times_asked("/elsewhere"), 0, "no redirect is followed");
}

#[tokio::test]
async fn discovery_tries_the_misspelt_place_only_where_the_right_one_is_empty() {
    let provider = Provider::start();
    let (right, wrong) = ("/.well-known/openid-configuration", "/.well-known/oidc-configuration");
    let document = provider.server.answers.lock().get(right).unwrap().1.clone();
    provider.server.tell(wrong, 200, document.clone());
    let found = || async {
        let fresh = Issuers::default();
        let found = fresh.discovery.of(&fresh.fetcher, &provider.config.rules, &provider.config.issuer, NOW).await;
        found.map(|m| m.found_at.clone()).map_err(|r| r.detail)
    };
    assert!(found().await.unwrap().ends_with(right));
    for status in [404, 410] {
        provider.server.tell(right, status, "");
        assert!(found().await.unwrap().ends_with(wrong), "{status}");
    }
    for status in [400, 403, 500, 503, 302] {
        provider.server.tell(right, status, "");
        assert!(found().await.is_err(), "{status}");
    }
    provider.server.tell(right, 404, "");
    provider.server.tell(wrong, 404, "");
    assert!(found().await.unwrap_err().contains("Check the issuer"));
}

#[tokio::test]
async fn a_logout_token_orders_once_and_no_id_token_does() {
    let provider = Provider::start();
    let good = json!({
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} }, "jti": "j", "nonce": "absent", "sid": "s",
    });
    for (changes, step) in [
        (json!({}), ""),
        (json!({ "sub": "absent" }), ""),
        (json!({ "sid": "absent" }), ""),
        (json!({ "exp": "absent" }), ""),
        (json!({ "nonce": "n" }), "nonce"),
        (json!({ "events": "absent" }), "events"),
        (json!({ "events": {} }), "events"),
        (json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": 1 } }), "events"),
        (json!({ "jti": "absent" }), "jti"),
        (json!({ "sub": "absent", "sid": "absent" }), "sub"),
        (json!({ "sid": 7 }), "sid"),
        (json!({ "aud": "them" }), "aud"),
        (json!({ "iss": "https://evil.example" }), "iss"),
        (json!({ "exp": NOW / 1000 - 61 }), "exp"),
        (json!({ "exp": "absent", "iat": NOW / 1000 - 300 }), "exp"),
        (json!({ "iat": "absent" }), "exp"),
    ] {
        let mut all = good.clone();
        changes.as_object().unwrap().iter().for_each(|(name, value)| all[name.as_str()] = value.clone());
        let text = provider.signer.sign(&provider.with(all));
        let found = order(&provider.issuers, &provider.config, &text, NOW).await;
        assert_eq!(found.as_ref().map_or_else(|r| r.step, |_| ""), step, "{changes}");
    }
    let id_token = provider.signer.sign(&provider.claims());
    assert!(order(&provider.issuers, &provider.config, &id_token, NOW).await.is_err());
}

#[tokio::test]
async fn the_test_of_a_connection_shows_each_step_up_to_the_one_that_fails() {
    let mut provider = Provider::start();
    let steps = test_connection(&provider.issuers, &provider.config).await;
    assert!(steps.iter().all(|step| step.passed) && steps.len() == 5, "{steps:?}");
    provider.server.tell("/keys", 503, "busy");
    let steps = test_connection(&provider.issuers, &provider.config).await;
    assert_eq!((steps.len(), steps[3].passed), (4, false), "{steps:?}");
    provider.config.issuer = "http://127.0.0.1:1".into();
    let steps = test_connection(&provider.issuers, &provider.config).await;
    assert!(steps.len() == 1 && steps[0].detail.contains("refuses connections"), "{steps:?}");
}

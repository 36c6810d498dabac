//! Signatures of every kind that is believed, the refusal of every other, and when keys are fetched.

use super::*;
use crate::idp::Issuers;
use crate::idp::tests::{Server, Signer, key_set, loopback};
use serde_json::json;

/// A 2048-bit RSA key made for this test and thrown away, and tokens that it signed.
const N: &str = "uq8SP-5RPFDblWGz12E5tJlibnMRanSO4RBi8Wgr5np7hzVmKwsLegP205I3f0O6dkG5rg70ejeRq7_PChE_dcivVgp5a8T7izwbbNB6_wcn4TMkK5HY8omvD6iUojy-FTu6D2J06gVjE2i7c_nwiJmIb4E8iA9otIQVAzhrBj8vx9gtAQBgI2Z3vD-D_vfPAyw7KcpBBPMeXtYv63SfaDXStEDlvSyctMzvPP615rwUS_rll9Ez16DNDmDbhvzjnOccVnDNbthWGQMPp38F9t3ApVVstj3PhiUXoAgvBlSkJ-SIV_kd2vyNyIhbKrk6h7Pj411DtmxmCLqeADmeHw";
const RSA: [&str; 3] = [
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InIifQ.eyJzdWIiOiAibWlhIn0.QkDqX521IllrJ6mY4LkWgdjy_003MLsdDF3h__2SS_T7Xg8kRxMoMdqvDQlkg9JXCX-TEfL92RpOlsQYsYBXvKwPZyYU6qqKbnJvUEJjzAB02JvnVUBnxvNTm0mkMhhrnoPDKn7C7uOb57GG7VaQ_gTW6PesHR-sG6rWXVEYB1wr-S6SAUXW0P4bieHEWj_tO3Y7NKmybdMu7p5B5MXfOTORk8Xl2Wie6ef4w3Y0fTpNw3mmyl0clgCM4qoV85a4E2psctnm9nJG6Cyi_N4eOxWDpWxDwpACGA12ezTbvOFDVQqLViZUltFgjvcqxGvxE4Qo5q_2qRqohtChKQzYuw",
    "eyJhbGciOiJQUzI1NiIsImtpZCI6InIifQ.eyJzdWIiOiAibWlhIn0.dVXWuNJUhVnfgsC8hJfgLmkd54o4IDEKKxa7t5xyWna0UnVsGWKCGYS1qPGNTUmMk2XnWIOEJLqCFyy-9EYYAFxrWkSD2fcZhj9V7WvK-jqSzsmoLs17e9sKCyRtp1VkCz_Nq-r2971EXomfl7GRv7raRcsH6Ir1UyV5t4hvpO1T_3yPW1C6zkc4hbge-uDXsC0HX8UJE2tecUDqipDnFd8LmpWHqMTiSfQMYl7EeFatu-yVOV3XD5SCVzks11HmqAcU9W4c6zFygoJ1Zd2LmLTVFmDFxs_gVehUtyxQZwSJKkFkNFlaTpYz-btrJNExegaI57RQrZaAsPzNWCLimg",
    "eyJhbGciOiJSUzUxMiIsImtpZCI6InIifQ.eyJzdWIiOiAibWlhIn0.rhIXQfkOE-8alRwLf1ibWK97OFMHIvYMvYrivH1IMGrmEqWnwEdcolKkPjqxH-OH7BdrOvAFrnoof9ybaLlbloQYagXjRaVHva-vPRn3ODuSxi98Y0NS7QNOAl9e2qka1hErof4kmDnABodlqS2D_YWof856FQYXZ_DdIfSFCkoHeTE2B8fT3c6Ysrrx7yLYGInd8hO9dF-MTmEI5VkZh0d0KHHo5PjUiSwMm-KcEuLQoUafT_eXGc_3cX0KMBZJmE_8WVaXqrd8E65S25dqU6s5zpCHQm3OBdGJB0O5t5Nk4LE8sj8Qv7F_5Oyc9gZWy-0XP09P0cIf3UYawuGieg",
];

fn rsa(more: &[(&str, &str)]) -> Keys {
    let mut key = json!({ "kty": "RSA", "n": N, "e": "AQAB", "kid": "r" });
    more.iter().for_each(|(name, value)| key[*name] = (*value).into());
    Keys::read(json!({ "keys": [key] }).to_string().as_bytes()).unwrap()
}

fn set(json: Value) -> Result<Keys, String> {
    Keys::read(json.to_string().as_bytes())
}

fn bent(token: &str) -> String {
    let at = token.rfind('.').unwrap() + 10;
    let other = if &token[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

#[test]
fn tokens_of_each_algorithm_fit_their_key_and_no_bent_one_does() {
    for text in RSA {
        let token = Token::read(text).unwrap();
        assert_eq!(rsa(&[]).check(&token, &[]), Ok(()), "{}", token.alg);
        let bent = bent(text);
        assert!(matches!(rsa(&[]).check(&Token::read(&bent).unwrap(), &[]), Err(Doubt::Signature(_))));
    }
    let signer = Signer::new("e");
    let (text, keys) = (signer.sign(&json!({})), set(json!({ "keys": [signer.jwk()] })).unwrap());
    assert_eq!(keys.check(&Token::read(&text).unwrap(), &[]), Ok(()));
    let key = crate::crypto::signing::SigningKey::from_seed(&[9; 32]).unwrap();
    let (text, keys) = (key.sign(&json!({ "sub": "x" })).unwrap(), set(key.jwks()).unwrap());
    assert_eq!(keys.check(&Token::read(&text).unwrap(), &[]), Ok(()));
    assert!(keys.check(&Token::read(&bent(&text)).unwrap(), &[]).is_err());
}

#[test]
fn an_algorithm_is_believed_only_with_a_key_of_its_kind_and_where_it_is_announced() {
    let rs256 = Token::read(RSA[0]).unwrap();
    for only in ["PS256", "RS512"] {
        assert!(matches!(rsa(&[("alg", only)]).check(&rs256, &[]), Err(Doubt::UnknownKey(_))), "{only}");
    }
    assert_eq!(rsa(&[("alg", "RS256")]).check(&rs256, &["RS256".into()]), Ok(()));
    assert!(matches!(rsa(&[]).check(&rs256, &["PS256".into()]), Err(Doubt::Algorithm(_))));
    // The classic confusions: unsigned, and the public key taken for a shared secret.
    for alg in ["none", "None", "NONE", "HS256", "HS512", "", "RS1", "ES256K", "rs256", "RSA-OAEP"] {
        let head = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "kid": "r" }).to_string());
        for signature in ["", "AAAA", &URL_SAFE_NO_PAD.encode(crate::crypto::mac(N.as_bytes(), b"x"))] {
            let text = format!("{head}.e30.{signature}");
            let refused = rsa(&[]).check(&Token::read(&text).unwrap(), &[]);
            assert!(matches!(refused, Err(Doubt::Algorithm(_))), "{alg}: {refused:?}");
            let announced = rsa(&[]).check(&Token::read(&text).unwrap(), &[alg.to_owned()]);
            assert!(announced.is_err(), "even where the provider announces {alg}");
        }
    }
}

#[test]
fn keys_in_the_header_are_not_looked_at() {
    let (own, foreign) = (Signer::new("a"), Signer::new("a"));
    let keys = set(json!({ "keys": [own.jwk()] })).unwrap();
    let header = json!({ "alg": "ES256", "kid": "a", "jwk": foreign.jwk(), "jku": "https://evil.example/keys", "x5u": "https://evil.example/x" });
    let text = foreign.sign_with(&header, &json!({}));
    assert!(matches!(keys.check(&Token::read(&text).unwrap(), &[]), Err(Doubt::Signature(_))));
}

#[test]
fn only_sets_with_a_key_for_signatures_are_valid() {
    let signer = Signer::new("a");
    for bad in [
        json!([]),
        json!({}),
        json!({ "keys": [] }),
        json!({ "keys": {} }),
        json!({ "error": "busy" }),
        json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }),
        json!({ "keys": [{ "kty": "RSA", "use": "enc", "n": N, "e": "AQAB" }] }),
        json!({ "keys": [{ "kty": "RSA", "alg": "HS256", "n": N, "e": "AQAB" }] }),
        json!({ "keys": [{ "kty": "RSA", "key_ops": ["encrypt"], "n": N, "e": "AQAB" }] }),
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }] }),
        json!({ "keys": ["x", 7] }),
    ] {
        assert!(set(bad.clone()).is_err(), "{bad}");
    }
    let mixed =
        json!({ "keys": [{ "kty": "oct" }, { "kty": "EC", "crv": "secp256k1" }, signer.jwk(), { "kty": "new" }] });
    assert_eq!(set(mixed).unwrap().count(), 1, "unknown kinds are passed over");
    assert!(Keys::read(b"<html>busy</html>").is_err());
}

/// Whether a token by `signer` is believed at `now`.
async fn believed(issuers: &Issuers, server: &Server, signer: &Signer, now: Millis) -> bool {
    let text = signer.sign(&json!({ "sub": "x" }));
    let url = format!("{}/keys", server.url);
    let token = Token::read(&text).unwrap();
    issuers.keys.check(&issuers.fetcher, &loopback(), (&url, &[]), &token, now).await.is_ok()
}

#[tokio::test]
async fn a_new_key_is_fetched_once_and_a_vanished_one_is_not_believed_any_more() {
    let (server, issuers, a, b) = (Server::start(), Issuers::default(), Signer::new("a"), Signer::new("b"));
    server.tell("/keys", 200, key_set(&[&a]));
    assert!(believed(&issuers, &server, &a, 0).await);
    assert!(believed(&issuers, &server, &a, MINUTE).await);
    assert_eq!(server.times_asked("/keys"), 1, "a fresh set is used again");
    server.tell("/keys", 200, key_set(&[&b]));
    assert!(believed(&issuers, &server, &b, 2 * MINUTE).await, "an unknown id causes a fetch");
    assert_eq!(server.times_asked("/keys"), 2);
    assert!(!believed(&issuers, &server, &a, 2 * MINUTE).await, "what the provider took back is not believed");
    // By time alone, too.
    server.tell("/keys", 200, key_set(&[&a]));
    assert!(believed(&issuers, &server, &a, 2 * MINUTE + FRESH).await);
}

#[tokio::test]
async fn another_key_under_the_same_id_is_found() {
    let (server, issuers, old, new) = (Server::start(), Issuers::default(), Signer::new("a"), Signer::new("a"));
    server.tell("/keys", 200, key_set(&[&old]));
    assert!(believed(&issuers, &server, &old, 0).await);
    server.tell("/keys", 200, key_set(&[&new]));
    assert!(believed(&issuers, &server, &new, MINUTE).await);
    assert!(!believed(&issuers, &server, &old, MINUTE).await);
}

#[tokio::test]
async fn foreign_tokens_cannot_make_the_server_ask_without_end() {
    let (server, issuers, own, foreign) = (Server::start(), Issuers::default(), Signer::new("a"), Signer::new("x"));
    server.tell("/keys", 200, key_set(&[&own]));
    for n in 0..50 {
        assert!(!believed(&issuers, &server, &foreign, HOUR + n * 10).await);
    }
    let asked = server.times_asked("/keys");
    assert_eq!(asked, 1 + OUT_OF_TURN as usize, "one for the set, and few out of turn");
    assert!(believed(&issuers, &server, &own, HOUR + 1_000).await, "the right ones are believed meanwhile");
}

#[tokio::test]
async fn an_outage_keeps_the_last_good_keys_for_a_day_and_no_error_page_is_kept() {
    let (server, issuers, a) = (Server::start(), Issuers::default(), Signer::new("a"));
    server.tell("/keys", 503, "busy");
    assert!(!believed(&issuers, &server, &a, 0).await);
    server.tell("/keys", 200, key_set(&[&a]));
    assert!(!believed(&issuers, &server, &a, PAUSE - 1).await, "a provider in trouble is not asked at every token");
    assert!(believed(&issuers, &server, &a, PAUSE).await);
    for (status, body) in [(503, "busy"), (200, "<html>busy</html>"), (200, "{\"keys\":[]}"), (302, "")] {
        server.tell("/keys", status, body);
        let later = PAUSE + 2 * FRESH;
        assert!(believed(&issuers, &server, &a, later).await, "{status} {body}");
    }
    assert!(!believed(&issuers, &server, &a, PAUSE + LAST_GOOD + 1).await, "not for ever");
}

//! What meets a token endpoint's answer or a browser's return: tokens, key sets, documents. Nothing makes the readers leave
//! their bounds, a token that was read is the one that was signed, and no key set believes an unsigned one.
#![no_main]

use bailiwick::idp::discovery::Metadata;
use bailiwick::idp::fetch::{Rules, check_url};
use bailiwick::idp::jwt::Token;
use bailiwick::idp::keys::{Alg, Keys};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8], &str)| {
    let (text, json, url) = input;
    let keys = Keys::read(json);
    if let Ok(token) = Token::read(text) {
        let (signed, _) = text.rsplit_once('.').unwrap();
        assert_eq!(token.signed, signed);
        for name in ["exp", "iat", "nbf"] {
            if let Ok(Some(at)) = token.claims.time(name) {
                assert!((0..=253_402_300_799_000).contains(&at));
                assert!(token.claims.0[name].is_u64(), "a moment is a whole number");
            }
        }
        if let Ok(audiences) = token.claims.audiences() {
            assert!(token.claims.0["aud"].is_array() || audiences.len() == 1);
        }
        if let Ok(keys) = &keys {
            let believed = keys.check(&token, &[]).is_ok();
            assert!(!believed || Alg::named(&token.alg).is_some(), "{}", token.alg);
            assert!(!believed || !token.signature.is_empty());
        }
    }
    let rules = Rules::default();
    if let Ok(found) = check_url(&rules, url) {
        assert_eq!(found.scheme(), "https");
    }
    if let Ok(metadata) = Metadata::read(&rules, url, "", json) {
        assert_eq!(metadata.issuer.trim_end_matches('/'), url.trim_end_matches('/'));
    }
});

//! Whatever stands in Authorization and Cookie headers: no panic, nobody gets in but by the one key there is, and it makes
//! no difference whether a secret comes as Basic or as Bearer.
#![no_main]

use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderValue, USER_AGENT};
use actix_web::test::TestRequest;
use arbitrary::Arbitrary;
use bailiwick::app::App;
use bailiwick::error::Code;
use bailiwick::http::auth;
use bailiwick_fuzz::{WORLD, fresh};
use base64::Engine as _;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

// Authentication only reads, so one instance serves every run.
static APP: LazyLock<App> = LazyLock::new(fresh);

#[derive(Arbitrary, Debug)]
enum Asked<'a> {
    /// Header lines of any kind.
    Lines { authorization: Vec<&'a [u8]>, cookie: &'a [u8], agent: &'a [u8] },
    /// The right key, changed at one place, with some user name and a scheme in some case.
    Key { user: &'a str, at: u8, cut: u8, insert: &'a str, upper: u16 },
}

/// Whether a request with this header is the administrator's; a refusal must be the one of bad credentials.
fn admitted(header: &str) -> Option<bool> {
    let value = HeaderValue::from_str(header).ok()?;
    let request = TestRequest::default().append_header((AUTHORIZATION, value)).to_http_request();
    Some(match auth::by_key(&APP, &request) {
        Ok(who) => {
            assert_eq!(who.subject.user(), WORLD.admin().subject.user(), "somebody else's rights");
            true
        }
        Err(error) => {
            assert_eq!(error.code(), Code::Unauthenticated, "{error:?}");
            false
        }
    })
}

fn in_case(word: &str, upper: u16) -> String {
    let letter = |(n, c): (usize, char)| if upper >> (n % 16) & 1 == 1 { c.to_ascii_uppercase() } else { c };
    word.chars().enumerate().map(letter).collect()
}

fuzz_target!(|asked: Asked| match asked {
    Asked::Lines { authorization, cookie, agent } => {
        let mut request = TestRequest::default();
        for line in authorization.iter().take(3) {
            let Ok(value) = HeaderValue::from_bytes(line) else { return };
            request = request.append_header((AUTHORIZATION, value));
        }
        for (name, line) in [(COOKIE, cookie), (USER_AGENT, agent)] {
            let Ok(value) = HeaderValue::from_bytes(line) else { return };
            request = request.append_header((name, value));
        }
        let request = request.to_http_request();
        let refusal = auth::by_key(&APP, &request).expect_err("opened the door");
        assert_eq!(refusal.code(), Code::Unauthenticated, "{refusal:?}");
        assert!(auth::by_cookie(&APP, &request).expect("an answer").is_none(), "{cookie:?} opened the door");
        assert!(auth::origin(&request).agent.chars().count() <= 200);
    }
    Asked::Key { user, at, cut, insert, upper } => {
        let key = &WORLD.key;
        let at = usize::from(at) % (key.len() + 1);
        let end = (at + usize::from(cut) % 4).min(key.len());
        let secret = format!("{}{insert}{}", &key[..at], &key[end..]);
        let pair = format!("{user}:{secret}");
        let password = pair.split_once(':').map(|(_, password)| password);
        let encoded = base64::engine::general_purpose::STANDARD.encode(&pair);
        let basic = admitted(&format!("{} {encoded}", in_case("basic", upper)));
        let fits = encoded.len() < 8_000 && password == Some(key);
        assert_eq!(basic, Some(fits), "{pair:?}");
        if let Some(bearer) = admitted(&format!("{} {secret}", in_case("bearer", upper))) {
            assert_eq!(bearer, secret.is_ascii() && secret.trim() == key, "{secret:?}");
        }
    }
});

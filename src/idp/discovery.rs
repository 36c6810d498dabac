//! Discovery of an issuer (OpenID Connect Discovery 1.0): its metadata, kept for [`FRESH`] and through an outage. The document
//! is asked for at `/.well-known/openid-configuration`, and only where the server has none there at the misspelt
//! `oidc-configuration` that older documents name. The issuer in it must be the configured one, byte for byte but for one
//! trailing slash; tokens are later compared with the provider's own spelling.

use super::fetch::{Answer, Fetcher, Rules, check_url};
use super::jwt::object;
use super::refusal::{Proven, Refusal, excerpt};
use crate::clock::{HOUR, Millis, SECOND};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// How long metadata is used before it is fetched again.
const FRESH: Millis = HOUR;
/// How long it stays in use while the provider gives no other.
const LAST_GOOD: Millis = 24 * HOUR;
/// How long after a failed fetch the next one may come.
const PAUSE: Millis = 5 * SECOND;
/// Issuers whose metadata are kept.
const ISSUERS_MAX: usize = 256;
/// Where the document is, best first.
const PLACES: [&str; 2] = ["/.well-known/openid-configuration", "/.well-known/oidc-configuration"];

/// What an issuer says about itself, as far as anybody here asks. Addresses are as given, and were checked to be allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The issuer in its own spelling.
    pub issuer: String,
    /// Where its keys are.
    pub keys: String,
    /// Where people sign in.
    pub authorization: Option<String>,
    /// Where codes are redeemed.
    pub token: Option<String>,
    /// Where claims are told that the ID token leaves out.
    pub user_info: Option<String>,
    /// Where people sign out.
    pub end_session: Option<String>,
    /// Algorithms of its ID tokens; empty where it lists none.
    pub algorithms: Vec<String>,
    /// How clients authenticate at the token endpoint; empty where it lists none.
    pub client_auth: Vec<String>,
    /// Whether its answers to the browser name the issuer (RFC 9207).
    pub names_issuer: bool,
    /// Where the document was.
    pub found_at: String,
}

impl Metadata {
    /// Reads the document that was found at `found_at` for the configured `issuer`.
    pub fn read(rules: &Rules, issuer: &str, found_at: &str, json: &[u8]) -> Result<Metadata, String> {
        let document = object(json, "document")?;
        let need = |name: &str| text(&document, name)?.ok_or_else(|| format!("The document names no '{name}'."));
        let own = need("issuer")?;
        if trimmed(&own) != trimmed(issuer) {
            return Err(format!(
                "The provider calls itself '{}', which is not the configured issuer '{}'.",
                excerpt(&own, 120),
                excerpt(issuer, 120)
            ));
        }
        let address = |name: &str| -> Result<Option<String>, String> {
            let Some(url) = text(&document, name)? else { return Ok(None) };
            check_url(rules, &url).map_err(|why| format!("The document's '{name}' cannot be used: {why}"))?;
            Ok(Some(url))
        };
        Ok(Metadata {
            keys: address("jwks_uri")?.ok_or("The document names no 'jwks_uri'.")?,
            authorization: address("authorization_endpoint")?,
            token: address("token_endpoint")?,
            user_info: address("userinfo_endpoint")?,
            end_session: address("end_session_endpoint")?,
            algorithms: texts(&document, "id_token_signing_alg_values_supported"),
            client_auth: texts(&document, "token_endpoint_auth_methods_supported"),
            names_issuer: document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
            issuer: own,
            found_at: found_at.to_owned(),
        })
    }
}

fn trimmed(issuer: &str) -> &str {
    issuer.strip_suffix('/').unwrap_or(issuer)
}

fn text(document: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("The document's '{name}' is not a text.")),
    }
}

fn texts(document: &Map<String, Value>, name: &str) -> Vec<String> {
    let listed = document.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    listed.iter().take(50).filter_map(Value::as_str).map(str::to_owned).collect()
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    found: Option<Arc<Metadata>>,
    good_at: Millis,
    failed: Option<(Millis, Refusal)>,
}

/// The metadata of issuers, by issuer and rules.
#[derive(Default)]
pub struct Discovery(Mutex<HashMap<(String, Rules), Arc<Slot>>>);

impl Discovery {
    /// The metadata of `issuer`, fetched where it is due.
    pub async fn of(&self, fetcher: &Fetcher, rules: &Rules, issuer: &str, now: Millis) -> Proven<Arc<Metadata>> {
        let slot = self.slot(rules, issuer);
        if let Some(settled) = slot.settled(now) {
            return settled;
        }
        let _turn = slot.turn.lock().await;
        if let Some(settled) = slot.settled(now) {
            return settled;
        }
        let fetched = fetch(fetcher, rules, issuer).await;
        slot.keep(fetched, now)
    }

    fn slot(&self, rules: &Rules, issuer: &str) -> Arc<Slot> {
        let mut slots = self.0.lock();
        let key = (issuer.to_owned(), rules.clone());
        if slots.len() >= ISSUERS_MAX && !slots.contains_key(&key) {
            slots.clear();
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

impl Slot {
    /// What can be said without fetching.
    fn settled(&self, now: Millis) -> Option<Proven<Arc<Metadata>>> {
        let state = self.state.lock();
        if let Some(found) = state.found.as_ref().filter(|_| (state.good_at..state.good_at + FRESH).contains(&now)) {
            return Some(Ok(Arc::clone(found)));
        }
        let (_, refusal) = state.failed.as_ref().filter(|(at, _)| (*at..*at + PAUSE).contains(&now))?;
        Some(state.last_good(refusal.clone(), now))
    }

    fn keep(&self, fetched: Proven<Metadata>, now: Millis) -> Proven<Arc<Metadata>> {
        let mut state = self.state.lock();
        match fetched {
            Ok(metadata) => {
                let found = Arc::new(metadata);
                (state.found, state.good_at, state.failed) = (Some(Arc::clone(&found)), now, None);
                Ok(found)
            }
            Err(refusal) => {
                tracing::warn!("an identity provider cannot be discovered: {}", refusal.detail);
                state.failed = Some((now, refusal.clone()));
                state.last_good(refusal, now)
            }
        }
    }
}

impl State {
    fn last_good(&self, refusal: Refusal, now: Millis) -> Proven<Arc<Metadata>> {
        match &self.found {
            Some(found) if now < self.good_at + LAST_GOOD => Ok(Arc::clone(found)),
            _ => Err(refusal),
        }
    }
}

/// Fetches and reads the document, past every cache.
pub async fn fetch(fetcher: &Fetcher, rules: &Rules, issuer: &str) -> Proven<Metadata> {
    let settings = |why: String| Refusal::settings("discovery", why);
    if issuer.contains('?') || issuer.contains('#') {
        return Err(settings("The issuer must be an address without '?' and '#'.".into()));
    }
    check_url(rules, issuer).map_err(|why| settings(why.text))?;
    let mut missing = String::new();
    for place in PLACES {
        let url = format!("{}{place}", trimmed(issuer));
        let answer = fetcher.get(rules, &url).await.map_err(|why| why.at("discovery"))?;
        match answer {
            Answer { status: 200, body } => {
                return Metadata::read(rules, issuer, &url, &body).map_err(settings);
            }
            Answer { status: status @ (404 | 410), .. } => missing = format!("{url} answers {status}"),
            Answer { status, .. } if status >= 500 || status == 429 => {
                return Err(Refusal::unreachable("discovery", format!("{url} answers {status}.")));
            }
            Answer { status, .. } => return Err(settings(format!("{url} answers {status}."))),
        }
    }
    Err(settings(format!("No document about the issuer is found: {missing}. Check the issuer's address.")))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(issuer: &str, document: Value) -> Result<Metadata, String> {
        Metadata::read(&Rules::default(), issuer, "", document.to_string().as_bytes())
    }

    fn document(issuer: &str) -> Value {
        serde_json::json!({ "issuer": issuer, "jwks_uri": "https://idp.example.com/odd/place?of=keys" })
    }

    #[test]
    fn the_issuer_is_compared_byte_for_byte_but_for_one_slash_at_the_end() {
        for (configured, own) in [
            ("https://idp.example.com", "https://idp.example.com"),
            ("https://idp.example.com", "https://idp.example.com/"),
            ("https://idp.example.com/", "https://idp.example.com/"),
            ("https://idp.example.com/", "https://idp.example.com"),
            ("https://idp.example.com/realms/R", "https://idp.example.com/realms/R"),
        ] {
            assert_eq!(read(configured, document(own)).unwrap().issuer, own, "its own spelling is kept");
        }
        for (configured, own) in [
            ("https://idp.example.com", "https://IDP.example.com"),
            ("https://idp.example.com", "https://idp.example.com//"),
            ("https://idp.example.com", "https://idp.example.com:443"),
            ("https://idp.example.com/a", "https://idp.example.com/b"),
            ("https://login.example.com/common/v2.0", "https://login.example.com/{tenantid}/v2.0"),
        ] {
            assert!(read(configured, document(own)).unwrap_err().contains("not the configured issuer"), "{own}");
        }
    }

    #[test]
    fn endpoints_are_used_as_given_and_never_lead_where_nothing_is_called() {
        assert_eq!(
            read("https://idp.example.com", document("https://idp.example.com")).unwrap().keys,
            "https://idp.example.com/odd/place?of=keys"
        );
        for (name, bad) in [
            ("jwks_uri", "http://idp.example.com/keys"),
            ("token_endpoint", "https://169.254.169.254/token"),
            ("token_endpoint", "https://127.0.0.1/token"),
            ("authorization_endpoint", "javascript:alert(1)"),
            ("end_session_endpoint", "//evil.example"),
        ] {
            let mut document = document("https://idp.example.com");
            document[name] = bad.into();
            assert!(read("https://idp.example.com", document).unwrap_err().contains(name), "{name}");
        }
        let mut without = document("https://idp.example.com");
        without["jwks_uri"] = 7.into();
        assert!(read("https://idp.example.com", without).is_err());
        assert!(Metadata::read(&Rules::default(), "https://a", "", b"<html>").is_err());
    }
}

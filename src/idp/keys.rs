//! The keys of an issuer and the check of a signature with them. A key set is fetched when it is first needed, again after
//! [`FRESH`], and out of turn when a token names a key that is not in it or does not fit the one it names: providers change
//! keys at any time. A set that was fetched replaces the one before, so that a key the provider took back is not believed any
//! more; while the provider is away the last set stays in use, for [`LAST_GOOD`]. Only valid sets are kept.
//!
//! ## Why `ring` and not the checks of the JWT libraries
//! One check serves sign-in and token exchange, whatever library builds their messages; `ring` does it in a tenth of the time
//! and without the RSA code that has an open advisory. Keys come from the configured issuer alone: what a token's header says
//! about keys (`jku`, `x5u`, `jwk`) is not looked at.

use super::fetch::{Fetcher, NoAnswer, Rules};
use super::jwt::{Token, object};
use super::refusal::{Proven, Refusal};
use crate::clock::{HOUR, MINUTE, Millis, SECOND};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// How long a key set is used before it is fetched again.
pub const FRESH: Millis = 10 * MINUTE;
/// How long the last set stays in use while the provider gives no other.
pub const LAST_GOOD: Millis = 24 * HOUR;
/// How long after a failed fetch the next one may come.
const PAUSE: Millis = 5 * SECOND;
/// Fetches out of turn that may follow each other, and how often one more is granted.
const OUT_OF_TURN: Millis = 3;
const GRANT: Millis = 20 * SECOND;
/// Keys looked at in one set.
const KEYS_MAX: usize = 100;
/// Issuers whose keys are kept.
const SETS_MAX: usize = 256;

/// A signature algorithm that is believed: asymmetric ones only (RFC 7518 §3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum Alg {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Alg {
    /// Every algorithm that is believed.
    pub const ALL: [Alg; 9] =
        [Alg::RS256, Alg::RS384, Alg::RS512, Alg::PS256, Alg::PS384, Alg::PS512, Alg::ES256, Alg::ES384, Alg::EdDSA];

    /// The algorithm of this name; `none` and the symmetric ones have none here.
    pub fn named(name: &str) -> Option<Alg> {
        Alg::ALL.into_iter().find(|alg| alg.name() == name)
    }

    /// The name in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Alg::RS256 => "RS256",
            Alg::RS384 => "RS384",
            Alg::RS512 => "RS512",
            Alg::PS256 => "PS256",
            Alg::PS384 => "PS384",
            Alg::PS512 => "PS512",
            Alg::ES256 => "ES256",
            Alg::ES384 => "ES384",
            Alg::EdDSA => "EdDSA",
        }
    }
}

enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

struct Key {
    kid: Option<String>,
    /// The one algorithm it is for, where the set says so.
    alg: Option<Alg>,
    material: Material,
}

impl Key {
    fn read(jwk: &Map<String, Value>) -> Option<Key> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
        if text("use").is_some_and(|u| u != "sig") {
            return None;
        }
        if let Some(ops) = jwk.get("key_ops").and_then(Value::as_array) {
            ops.iter().find(|op| op.as_str() == Some("verify"))?;
        }
        let point = |len: usize| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            (x.len() == len && y.len() == len).then(|| [&[4], x.as_slice(), &y].concat())
        };
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => Material::Rsa { n: bytes("n")?, e: bytes("e")? },
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x").filter(|x| x.len() == 32)?),
            _ => return None,
        };
        let alg = match text("alg") {
            None => None,
            // A key for something else, such as encryption.
            Some(name) => Some(Alg::named(name)?),
        };
        Some(Key { kid: text("kid").map(str::to_owned), alg, material })
    }

    fn serves(&self, alg: Alg) -> bool {
        let kind = match self.material {
            Material::Rsa { .. } => {
                matches!(alg, Alg::RS256 | Alg::RS384 | Alg::RS512 | Alg::PS256 | Alg::PS384 | Alg::PS512)
            }
            Material::P256(_) => alg == Alg::ES256,
            Material::P384(_) => alg == Alg::ES384,
            Material::Ed25519(_) => alg == Alg::EdDSA,
        };
        kind && self.alg.is_none_or(|only| only == alg)
    }

    fn fits(&self, alg: Alg, signed: &[u8], signed_as: &[u8]) -> bool {
        let (n, e) = match &self.material {
            Material::Rsa { n, e } => (n, e),
            Material::P256(point) => {
                let key = UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
                return key.verify(signed, signed_as).is_ok();
            }
            Material::P384(point) => {
                let key = UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point);
                return key.verify(signed, signed_as).is_ok();
            }
            Material::Ed25519(x) => {
                return UnparsedPublicKey::new(&signature::ED25519, x).verify(signed, signed_as).is_ok();
            }
        };
        let how = match alg {
            Alg::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Alg::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Alg::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Alg::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
            Alg::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
            Alg::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
            Alg::ES256 | Alg::ES384 | Alg::EdDSA => return false,
        };
        // A leading zero is no part of the number, but some write it.
        let number =
            |bytes: &'_ [u8]| bytes.iter().position(|b| *b != 0).map(|at| bytes[at..].to_vec()).unwrap_or_default();
        RsaPublicKeyComponents { n: number(n), e: number(e) }.verify(how, signed, signed_as).is_ok()
    }
}

/// A key set that can check signatures.
pub struct Keys(Vec<Key>);

/// Why a signature is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The set has no key of the token's id and algorithm; another set may.
    UnknownKey(String),
    /// A key is there and the signature is not by it; the provider may have given its id to another.
    Signature(String),
    /// No set can help.
    Algorithm(String),
}

impl Doubt {
    /// The sentence.
    pub fn text(self) -> String {
        match self {
            Doubt::UnknownKey(text) | Doubt::Signature(text) | Doubt::Algorithm(text) => text,
        }
    }
}

impl Keys {
    /// Reads a key set (RFC 7517 §5). Keys of unknown kinds are passed over; a set without any key for signatures is not valid.
    pub fn read(json: &[u8]) -> Result<Keys, String> {
        let set = object(json, "key set")?;
        let listed = set.get("keys").and_then(Value::as_array).ok_or("The key set has no list 'keys'.")?;
        let keys: Vec<Key> = listed.iter().take(KEYS_MAX).filter_map(Value::as_object).filter_map(Key::read).collect();
        if keys.is_empty() {
            return Err("The key set holds no key for checking signatures (RSA, P-256, P-384 or Ed25519).".into());
        }
        Ok(Keys(keys))
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Checks the signature of `token`. `announced` are the algorithms that the provider's metadata lists; empty where it lists
    /// none.
    pub fn check(&self, token: &Token, announced: &[String]) -> Result<(), Doubt> {
        let shown = super::refusal::excerpt(&token.alg, 20);
        let alg = Alg::named(&token.alg).ok_or_else(|| {
            Doubt::Algorithm(format!(
                "The token is signed by '{shown}'; unsigned tokens and those signed with a shared secret are not believed."
            ))
        })?;
        if !announced.is_empty() && !announced.contains(&token.alg) {
            return Err(Doubt::Algorithm(format!(
                "The token is signed by '{shown}', which the provider's metadata does not list."
            )));
        }
        let named = |key: &&Key| token.kid.is_none() || token.kid == key.kid;
        let mut candidates = self.0.iter().filter(named).filter(|key| key.serves(alg)).peekable();
        if candidates.peek().is_none() {
            let kid = token
                .kid
                .as_deref()
                .map_or("no id".into(), |kid| format!("the id '{}'", super::refusal::excerpt(kid, 60)));
            return Err(Doubt::UnknownKey(format!("The provider publishes no key of {kid} for {shown}.")));
        }
        match candidates.any(|key| key.fits(alg, token.signed.as_bytes(), &token.signature)) {
            true => Ok(()),
            false => Err(Doubt::Signature("The signature is not by the key that the provider publishes.".into())),
        }
    }
}

#[derive(Default)]
struct State {
    keys: Option<Arc<Keys>>,
    good_at: Millis,
    tried_at: Option<Millis>,
    trouble: Option<NoAnswer>,
    /// The moment up to which fetches out of turn are used up.
    spent_until: Millis,
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    /// Held while fetching, so that many tokens at once cause one fetch.
    turn: tokio::sync::Mutex<()>,
}

/// The key sets of issuers: by the address they come from and how it is asked, and those that were pasted, by their text.
#[derive(Default)]
pub struct KeyCache {
    fetched: Mutex<HashMap<(String, Rules), Arc<Slot>>>,
    pasted: Mutex<HashMap<String, Arc<Keys>>>,
}

impl KeyCache {
    /// Checks the signature of `token` with the keys at `url`.
    pub async fn check(
        &self,
        fetcher: &Fetcher,
        rules: &Rules,
        (url, announced): (&str, &[String]),
        token: &Token<'_>,
        now: Millis,
    ) -> Proven<()> {
        let slot = self.slot(rules, url);
        let keys = slot.current(fetcher, rules, url, now).await?;
        let doubt = match keys.check(token, announced) {
            Ok(()) => return Ok(()),
            Err(doubt @ Doubt::Algorithm(_)) => return Err(Refusal::proof("signature", doubt.text())),
            Err(doubt) => doubt,
        };
        let refused = |doubt: Doubt| Refusal::proof("signature", doubt.text());
        match slot.out_of_turn(fetcher, rules, url, &keys, now).await {
            Some(newer) => newer.check(token, announced).map_err(refused),
            None => Err(refused(doubt)),
        }
    }

    /// The keys at `url`, for a test of the connection.
    pub async fn keys(&self, fetcher: &Fetcher, rules: &Rules, url: &str, now: Millis) -> Proven<Arc<Keys>> {
        self.slot(rules, url).current(fetcher, rules, url, now).await
    }

    /// The keys of a set that was pasted; read once, since every token of its issuer needs them.
    ///
    /// # Errors
    /// As [`Keys::read`].
    pub fn pasted(&self, text: &str) -> Result<Arc<Keys>, String> {
        if let Some(known) = self.pasted.lock().get(text) {
            return Ok(Arc::clone(known));
        }
        let keys = Arc::new(Keys::read(text.as_bytes())?);
        let mut sets = self.pasted.lock();
        if sets.len() >= SETS_MAX {
            sets.clear();
        }
        sets.insert(text.to_owned(), Arc::clone(&keys));
        Ok(keys)
    }

    fn slot(&self, rules: &Rules, url: &str) -> Arc<Slot> {
        let (mut slots, key) = (self.fetched.lock(), (url.to_owned(), rules.clone()));
        if slots.len() >= SETS_MAX && !slots.contains_key(&key) {
            slots.clear();
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

impl Slot {
    /// The set in use at `now`, fetched where it is due.
    async fn current(&self, fetcher: &Fetcher, rules: &Rules, url: &str, now: Millis) -> Proven<Arc<Keys>> {
        if let Some(settled) = self.settled(now) {
            return settled;
        }
        let _turn = self.turn.lock().await;
        // Whoever had the turn before may have fetched.
        if let Some(settled) = self.settled(now) {
            return settled;
        }
        let fetched = fetch(fetcher, rules, url).await;
        self.keep(fetched, now);
        self.usable(now)
    }

    /// What can be said without fetching.
    fn settled(&self, now: Millis) -> Option<Proven<Arc<Keys>>> {
        let state = self.state.lock();
        let fresh = state.keys.is_some() && (state.good_at..state.good_at + FRESH).contains(&now);
        let pausing = state.tried_at.is_some_and(|at| (at..at + PAUSE).contains(&now));
        drop(state);
        (fresh || pausing).then(|| self.usable(now))
    }

    fn usable(&self, now: Millis) -> Proven<Arc<Keys>> {
        let state = self.state.lock();
        match &state.keys {
            Some(keys) if now < state.good_at + LAST_GOOD => Ok(Arc::clone(keys)),
            _ => {
                let why = state.trouble.clone().unwrap_or_else(|| NoAnswer::passing("They were not fetched yet."));
                Err(NoAnswer { text: format!("The provider's keys cannot be had. {why}"), ..why }.at("keys"))
            }
        }
    }

    fn keep(&self, fetched: Result<Keys, NoAnswer>, now: Millis) {
        let mut state = self.state.lock();
        match fetched {
            Ok(keys) => {
                (state.keys, state.good_at, state.tried_at, state.trouble) = (Some(Arc::new(keys)), now, None, None);
            }
            Err(why) => {
                tracing::warn!("an identity provider's keys cannot be had: {why}");
                (state.tried_at, state.trouble) = (Some(now), Some(why));
            }
        }
    }

    /// Fetches because `seen` did not do, as long as that was not asked for too often.
    async fn out_of_turn(
        &self,
        fetcher: &Fetcher,
        rules: &Rules,
        url: &str,
        seen: &Arc<Keys>,
        now: Millis,
    ) -> Option<Arc<Keys>> {
        let _turn = self.turn.lock().await;
        {
            let mut state = self.state.lock();
            if let Some(newer) = state.keys.as_ref().filter(|keys| !Arc::ptr_eq(keys, seen)) {
                return Some(Arc::clone(newer));
            }
            let from = state.spent_until.max(now - OUT_OF_TURN * GRANT);
            if from + GRANT > now || state.tried_at.is_some_and(|at| (at..at + PAUSE).contains(&now)) {
                return None;
            }
            state.spent_until = from + GRANT;
        }
        let fetched = fetch(fetcher, rules, url).await;
        self.keep(fetched, now);
        self.state.lock().keys.clone().filter(|keys| !Arc::ptr_eq(keys, seen))
    }
}

async fn fetch(fetcher: &Fetcher, rules: &Rules, url: &str) -> Result<Keys, NoAnswer> {
    let answer = fetcher.get(rules, url).await?;
    match answer.status {
        200 => Keys::read(&answer.body).map_err(NoAnswer::lasting),
        status => {
            let lasts = status < 500 && status != 429;
            Err(NoAnswer { text: format!("The address of the keys answers {status}."), lasts })
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests;

//! The checks of a token that is exchanged for an access token (RFC 7523 §3), each a step that can be shown: of what kind it
//! is, by whose key, for how long. Whom the issuer is trusted by, what the token is for and whom it speaks of is decided by the
//! caller. Every claim that is there must be of its right type: one that cannot be read is never an absent one.

use super::Issuers;
use super::fetch::Rules;
use super::jwt::{Claims, Token};
use super::keys::Keys;
use super::refusal::{Proven, Refusal, excerpt};
use super::trail::Trail;
use super::{discovery, keys};
use crate::clock::{Millis, SECOND};

/// The longest subject or token id taken, in bytes.
const ID_MAX: usize = 512;

/// What a token is held against.
#[derive(Clone, Copy)]
pub struct Trust<'a> {
    /// The issuer as it was entered.
    pub url: &'a str,
    /// How it is asked.
    pub rules: &'a Rules,
    /// Its keys, where they were pasted.
    pub pasted: Option<&'a Keys>,
    /// The algorithms that are believed.
    pub algorithms: &'a [String],
    /// How far clocks may differ.
    pub leeway: Millis,
    /// How old a token may be.
    pub age_max: Millis,
}

/// Reads a token and who says that they issued it; nothing of that is proved.
pub fn read<'a>(text: &'a str, trail: &mut Trail) -> Proven<(Token<'a>, String)> {
    let read = Token::read(text).and_then(|token| kind(&token).map(|()| token));
    let said = |token: &Token| format!("Signed by {}.", excerpt(&token.alg, 20));
    trail.step("token", "Read the token", read.as_ref().map(said).map_err(Clone::clone))?;
    let token = read.map_err(|why| Refusal::proof("token", why))?;
    let iss = token.claims.need_text("iss").map(str::to_owned);
    match iss {
        Ok(iss) if iss.len() <= ID_MAX => Ok((token, iss)),
        Ok(_) => Err(stop(trail, "iss", "The issuer (iss)", "The claim 'iss' is too long.".into())),
        Err(why) => Err(stop(trail, "iss", "The issuer (iss)", why)),
    }
}

/// Notes the step that failed and gives it as the refusal.
pub fn stop(trail: &mut Trail, step: &'static str, name: &str, why: String) -> Refusal {
    let refusal = Refusal::proof(step, why);
    let _ = trail.outcome(name, Err(refusal.clone()));
    refusal
}

/// Tokens that order something are no proof of who somebody is (RFC 8417 §2.2, Back-Channel Logout 1.0 §2.4).
fn kind(token: &Token) -> Result<(), String> {
    let typ = token.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
    let orders = ["logout+jwt", "secevent+jwt"].iter().any(|kind| typ.ends_with(kind));
    match orders || token.claims.0.contains_key("events") {
        true => Err("The token reports an event, such as a sign-out; it does not say who somebody is.".into()),
        false => Ok(()),
    }
}

/// Checks algorithm, issuer, signature and times of a token by the issuer that is trusted so.
pub async fn check(
    issuers: &Issuers,
    trust: &Trust<'_>,
    token: &Token<'_>,
    now: Millis,
    trail: &mut Trail,
) -> Proven<()> {
    trail.step("alg", "The algorithm (alg)", algorithm(trust, token))?;
    let iss = token.claims.need_text("iss").map_err(|why| Refusal::proof("iss", why))?;
    if let Some(pasted) = trust.pasted {
        trail.step("iss", "The issuer's spelling", spelled(iss, trust.url))?;
        let doubt = pasted.check(token, &[]).map_err(|doubt| Refusal::proof("signature", doubt.text()));
        trail.outcome("The signature", doubt.map(|()| "It is by a key that was pasted for the issuer.".to_owned()))?;
    } else {
        let found = issuers.discovery.of(&issuers.fetcher, trust.rules, trust.url, now).await;
        let said =
            |m: &std::sync::Arc<discovery::Metadata>| format!("It calls itself '{}', at {}.", m.issuer, m.found_at);
        trail.outcome("Discover the issuer", found.as_ref().map(said).map_err(Clone::clone))?;
        let metadata = found?;
        trail.step("iss", "The issuer's spelling", spelled(iss, &metadata.issuer))?;
        let keys = (metadata.keys.as_str(), &[][..]);
        let outcome = issuers.keys.check(&issuers.fetcher, trust.rules, keys, token, now).await;
        trail.outcome("The signature", outcome.map(|()| "It is by a key that the issuer publishes.".to_owned()))?;
    }
    trail.step("exp", "The times (exp, nbf, iat)", times(&token.claims, now, trust.leeway, trust.age_max))
}

fn algorithm(trust: &Trust, token: &Token) -> Result<String, String> {
    let shown = excerpt(&token.alg, 20);
    match trust.algorithms.contains(&token.alg) && keys::Alg::named(&token.alg).is_some() {
        true => Ok(format!("{shown}.")),
        false => Err(format!(
            "The token is signed by '{shown}'; tokens of this issuer are believed with {} only.",
            trust.algorithms.join(", ")
        )),
    }
}

/// Byte for byte: another spelling is another issuer.
fn spelled(iss: &str, own: &str) -> Result<String, String> {
    match iss == own {
        true => Ok(format!("'{}'.", excerpt(iss, 120))),
        false => Err(format!(
            "The token spells its issuer '{}', the issuer itself '{}'.",
            excerpt(iss, 120),
            excerpt(own, 120)
        )),
    }
}

/// The times, each with the leeway; the sentence names the measured difference of the clocks.
fn times(claims: &Claims, now: Millis, leeway: Millis, age_max: Millis) -> Result<String, String> {
    let (exp, nbf, iat) = (claims.time("exp")?, claims.time("nbf")?, claims.time("iat")?);
    let exp = exp.ok_or("The token has no claim 'exp'.")?;
    let seconds = |millis: Millis| millis / SECOND;
    let clocks = format!("by this server's clock; clocks may differ by {} s.", seconds(leeway));
    if now >= exp + leeway {
        return Err(format!("The token ended {} s ago {clocks}", seconds(now - exp)));
    }
    if let Some(nbf) = nbf.filter(|nbf| *nbf > now + leeway) {
        return Err(format!("The token is valid only in {} s (nbf) {clocks}", seconds(nbf - now)));
    }
    match iat {
        Some(iat) if iat > now + leeway => {
            Err(format!("The token was issued {} s in the future (iat) {clocks}", seconds(iat - now)))
        }
        Some(iat) if now > iat + age_max + leeway => Err(format!(
            "The token was issued {} s ago; tokens of this issuer are believed for {} s.",
            seconds(now - iat),
            seconds(age_max)
        )),
        Some(iat) => Ok(format!("Issued {} s ago, ends in {} s.", seconds(now - iat), seconds(exp - now))),
        None if exp > now + age_max + leeway => Err(format!(
            "The token does not say when it was issued (iat) and ends in {} s; tokens of this issuer are believed for {} s.",
            seconds(exp - now),
            seconds(age_max)
        )),
        None => Ok(format!("Ends in {} s.", seconds(exp - now))),
    }
}

/// Whom the token speaks of, as its issuer names them.
pub fn subject(claims: &Claims) -> Result<String, String> {
    id(claims, "sub")?.ok_or_else(|| "The token has no claim 'sub'.".to_owned())
}

/// The token's own id, where it has one.
pub fn token_id(claims: &Claims) -> Result<Option<String>, String> {
    id(claims, "jti")
}

fn id(claims: &Claims, name: &str) -> Result<Option<String>, String> {
    match claims.text(name)? {
        Some("") => Err(format!("The claim '{name}' is empty.")),
        Some(text) if text.len() > ID_MAX || text.chars().any(char::is_control) => {
            Err(format!("The claim '{name}' is longer than {ID_MAX} bytes or holds control characters."))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

/// The address that the issuer vouches for: only with `email_verified` true.
pub fn verified_address(claims: &Claims) -> Result<Option<String>, String> {
    let verified = claims.0.get("email_verified") == Some(&serde_json::Value::Bool(true));
    Ok(claims.text("email")?.filter(|text| verified && text.len() <= ID_MAX).map(str::to_owned))
}

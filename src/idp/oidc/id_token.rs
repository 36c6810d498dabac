//! The checks of an ID token (OpenID Connect Core §3.1.3.7, §3.2.2.11), each a step that can be shown. Every claim that is
//! there must be of its right type: one that cannot be read is never an absent one.

use super::Config;
use crate::clock::{Millis, SECOND};
use crate::crypto;
use crate::idp::Issuers;
use crate::idp::discovery::Metadata;
use crate::idp::jwt::{Claims, Token};
use crate::idp::keys::Alg;
use crate::idp::refusal::{Proven, Refusal, excerpt};
use crate::idp::trail::Trail;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The longest subject taken: what the standard allows (Core §2).
const SUBJECT_MAX: usize = 255;

/// What an ID token must fit besides the connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    /// The nonce that was sent; none where no request preceded, on the test bench.
    pub nonce: Option<&'a str>,
    /// The access token that came with it.
    pub access_token: Option<&'a str>,
}

/// Checks an ID token and gives its claims.
pub async fn check(
    issuers: &Issuers,
    config: &Config,
    metadata: &Metadata,
    text: &str,
    expected: Expected<'_>,
    now: Millis,
    trail: &mut Trail,
) -> Proven<Claims> {
    let read = Token::read(text).and_then(|token| kind(&token).map(|()| token));
    let token = match read {
        Ok(token) => token,
        Err(why) => return Err(trail.step("token", "Read the token", Err(why)).err().unwrap_or_else(unread)),
    };
    trail.step("token", "Read the token", Ok(format!("Signed by {}.", excerpt(&token.alg, 20))))?;
    let claims = &token.claims;
    trail.step("iss", "The issuer (iss)", issuer(claims, metadata))?;
    trail.step("aud", "The audience (aud, azp)", audience(claims, &config.client_id))?;
    let signature =
        issuers.keys.check(&issuers.fetcher, &config.rules, (&metadata.keys, &metadata.algorithms), &token, now).await;
    trail.outcome("The signature", signature.map(|()| "It is by a key that the provider publishes.".to_owned()))?;
    trail.step("exp", "The times (exp, iat, nbf)", times(claims, now, config.leeway, true))?;
    if let Some(sent) = expected.nonce {
        trail.step("nonce", "The nonce", nonce(claims, sent))?;
    }
    trail.step("sub", "The subject (sub)", subject(claims))?;
    if let Some(access_token) = expected.access_token {
        trail.step("at_hash", "The access token's hash (at_hash)", at_hash(claims, &token.alg, access_token))?;
    }
    Ok(token.claims)
}

fn unread() -> Refusal {
    Refusal::proof("token", "The token cannot be read.")
}

/// Tokens for other purposes say so in their type (RFC 8725 §3.11).
fn kind(token: &Token) -> Result<(), String> {
    match token.typ.as_deref().map(|typ| typ.to_ascii_lowercase()) {
        Some(typ) if typ.ends_with("at+jwt") || typ.ends_with("logout+jwt") => {
            Err("The token is an access or logout token, not an ID token.".into())
        }
        _ => Ok(()),
    }
}

/// The issuer, byte for byte as the provider's metadata spell it.
pub(super) fn issuer(claims: &Claims, metadata: &Metadata) -> Result<String, String> {
    let iss = claims.need_text("iss")?;
    match iss == metadata.issuer {
        true => Ok(format!("'{}'.", excerpt(iss, 120))),
        false => Err(format!(
            "The token is by the issuer '{}', the provider calls itself '{}'.",
            excerpt(iss, 120),
            excerpt(&metadata.issuer, 120)
        )),
    }
}

/// The audience is us, and where there are several, the token was given to us (Core §3.1.3.7, 3–5).
pub(super) fn audience(claims: &Claims, client_id: &str) -> Result<String, String> {
    let audiences = claims.audiences()?;
    if !audiences.contains(&client_id) {
        let first = audiences.first().copied().unwrap_or_default();
        return Err(format!("The token is for '{}', not for the client ID '{client_id}'.", excerpt(first, 120)));
    }
    match claims.text("azp")? {
        Some(azp) if azp != client_id => {
            Err(format!("The token was given to '{}' (azp), not to the client ID '{client_id}'.", excerpt(azp, 120)))
        }
        None if audiences.iter().any(|one| *one != client_id) => {
            Err("The token is for several audiences and does not say which it was given to (azp).".into())
        }
        _ => Ok(format!("'{client_id}'.")),
    }
}

/// The times, each with the leeway; the sentence names the measured difference of the clocks.
pub(super) fn times(claims: &Claims, now: Millis, leeway: Millis, needs_end: bool) -> Result<String, String> {
    let (exp, iat, nbf) = (claims.time("exp")?, claims.time("iat")?, claims.time("nbf")?);
    let iat = iat.ok_or("The token has no claim 'iat'.")?;
    let seconds = |millis: Millis| millis / SECOND;
    let clocks = format!(
        "more than the {} s that clocks may differ; compare this server's clock with the provider's.",
        seconds(leeway)
    );
    if iat > now + leeway {
        return Err(format!(
            "The token was issued {} s in the future by this server's clock, {clocks}",
            seconds(iat - now)
        ));
    }
    if let Some(nbf) = nbf.filter(|nbf| *nbf > now + leeway) {
        return Err(format!("The token is valid only in {} s by this server's clock, {clocks}", seconds(nbf - now)));
    }
    match exp {
        None if needs_end => Err("The token has no claim 'exp'.".into()),
        Some(exp) if now >= exp + leeway => Err(format!(
            "The token ended {} s ago by this server's clock and was issued {} s ago; clocks may differ by {} s.",
            seconds(now - exp),
            seconds(now - iat),
            seconds(leeway)
        )),
        _ => Ok(format!("Issued {} s ago by this server's clock.", seconds(now - iat))),
    }
}

fn nonce(claims: &Claims, sent: &str) -> Result<String, String> {
    match crypto::same(claims.need_text("nonce")?.as_bytes(), sent.as_bytes()) {
        true => Ok("It is the one that was sent.".into()),
        false => Err("The token's nonce is not the one that was sent; it belongs to another sign-in.".into()),
    }
}

fn subject(claims: &Claims) -> Result<String, String> {
    let sub = claims.need_text("sub")?;
    if sub.len() > SUBJECT_MAX || sub.chars().any(char::is_control) {
        return Err(format!("The claim 'sub' is longer than {SUBJECT_MAX} bytes or holds control characters."));
    }
    Ok(format!("'{}'.", excerpt(sub, 120)))
}

/// Core §3.1.3.6: the left half of the access token's hash, by the hash of the signature's algorithm.
fn at_hash(claims: &Claims, alg: &str, access_token: &str) -> Result<String, String> {
    let Some(stated) = claims.text("at_hash")? else { return Ok("The token names none.".into()) };
    let how = match Alg::named(alg) {
        Some(Alg::RS256 | Alg::PS256 | Alg::ES256) => &ring::digest::SHA256,
        Some(Alg::RS384 | Alg::PS384 | Alg::ES384) => &ring::digest::SHA384,
        Some(Alg::RS512 | Alg::PS512 | Alg::EdDSA) => &ring::digest::SHA512,
        None => return Err("The algorithm has no hash.".into()),
    };
    let digest = ring::digest::digest(how, access_token.as_bytes());
    let half = URL_SAFE_NO_PAD.encode(&digest.as_ref()[..digest.as_ref().len() / 2]);
    match crypto::same(half.as_bytes(), stated.as_bytes()) {
        true => Ok("It fits.".into()),
        false => Err("The access token is not the one that the ID token was issued with (at_hash).".into()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests;

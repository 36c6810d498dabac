//! Signing out at the provider (OpenID Connect RP-Initiated Logout 1.0), and what its own sign-out tells us (Back-Channel
//! Logout 1.0). Which sessions end is decided by the caller.

use super::Config;
use super::id_token::{audience, issuer, times};
use crate::clock::Millis;
use crate::idp::Issuers;
use crate::idp::jwt::Token;
use crate::idp::refusal::{Proven, Refusal};
use crate::model::identity::oidc_connection;
use serde_json::Value;
use url::Url;

/// The event that makes a token a logout token.
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The longest id taken.
const ID_MAX: usize = 512;

/// Where a person signs out at the provider and comes back to `back` from; none where the provider offers nothing or does
/// not answer, since nobody's sign-out here waits for that.
pub async fn address(
    issuers: &Issuers,
    config: &Config,
    id_token: Option<&str>,
    back: &str,
    now: Millis,
) -> Option<String> {
    let metadata = issuers.discovery.of(&issuers.fetcher, &config.rules, &config.issuer, now).await.ok()?;
    let mut url = Url::parse(metadata.end_session.as_deref()?).ok()?;
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", &config.client_id).append_pair("post_logout_redirect_uri", back);
        if let Some(token) = id_token {
            query.append_pair("id_token_hint", token);
        }
    }
    Some(url.into())
}

/// What a logout token orders: the end of one session there, or of all of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The connection.
    pub connection: String,
    /// Whose sessions.
    pub subject: Option<String>,
    /// Which session.
    pub session: Option<String>,
    /// The token's own id, which counts once.
    pub token: String,
    /// From when on the token is refused anyway.
    pub until: Millis,
}

/// Checks a logout token (Back-Channel Logout 1.0 §2.6).
pub async fn order(issuers: &Issuers, config: &Config, text: &str, now: Millis) -> Proven<Order> {
    let metadata = issuers.discovery.of(&issuers.fetcher, &config.rules, &config.issuer, now).await?;
    let wrong = |step: &'static str| move |why: String| Refusal::proof(step, why);
    let token = Token::read(text).map_err(wrong("logout_token"))?;
    let typ = token.typ.as_deref().unwrap_or("JWT");
    if !["JWT", "logout+jwt", "application/logout+jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known)) {
        return Err(Refusal::proof("logout_token", "The token is of another type than a logout token."));
    }
    let claims = &token.claims;
    issuer(claims, &metadata).map_err(wrong("iss"))?;
    audience(claims, &config.client_id).map_err(wrong("aud"))?;
    let keys = (metadata.keys.as_str(), metadata.algorithms.as_slice());
    issuers.keys.check(&issuers.fetcher, &config.rules, keys, &token, now).await?;
    // The end came into the standard late, and some still leave it out; then the time of issue bounds it.
    times(claims, now, config.leeway, false).map_err(wrong("exp"))?;
    let issued = claims.time("iat").map_err(wrong("iat"))?.unwrap_or(now);
    let until = claims.time("exp").map_err(wrong("exp"))?.unwrap_or(issued + 2 * crate::clock::MINUTE);
    if now >= until + config.leeway {
        return Err(Refusal::proof("exp", "The logout token is too old."));
    }
    let event = claims.0.get("events").and_then(Value::as_object).and_then(|events| events.get(LOGOUT));
    if !event.is_some_and(Value::is_object) {
        return Err(Refusal::proof("events", "The token does not say that it orders a sign-out."));
    }
    if claims.0.contains_key("nonce") {
        return Err(Refusal::proof("nonce", "A logout token must have no nonce; this one may be an ID token."));
    }
    let id = |name: &'static str| {
        let text = claims.text(name).map_err(wrong(name))?.filter(|text| !text.is_empty());
        match text {
            Some(text) if text.len() > ID_MAX => Err(Refusal::proof(name, format!("The claim '{name}' is too long."))),
            text => Ok(text.map(str::to_owned)),
        }
    };
    let (subject, session) = (id("sub")?, id("sid")?);
    if subject.is_none() && session.is_none() {
        return Err(Refusal::proof("sub", "The logout token names neither a person (sub) nor a session (sid)."));
    }
    let token = id("jti")?.ok_or_else(|| Refusal::proof("jti", "The logout token has no id (jti)."))?;
    // The leeway of the clocks is part of how long it could be used again.
    Ok(Order { connection: oidc_connection(&config.issuer), subject, session, token, until: until + config.leeway })
}

//! The connection and a pasted ID token, step by step, for an administrator. Nothing is written, the client's secret is not
//! sent anywhere, and no step shows more of a token than the claims that it is about.

use super::id_token::Expected;
use super::{Config, Method, claims, id_token};
use crate::clock::Millis;
use crate::idp::Issuers;
use crate::idp::discovery::{self, Metadata};
use crate::idp::keys::{Alg, Keys};
use crate::idp::refusal::{Proven, Refusal};
use crate::idp::trail::Trail;
use crate::model::identity::{Check, ExternalGroups, ExternalIdentity};

/// Tests the connection: discovery, the endpoints that the flow needs, the keys. Past every cache.
pub async fn check(issuers: &Issuers, config: &Config) -> Vec<Check> {
    let mut trail = Trail::default();
    // What went wrong is the last step.
    let _ = walk(issuers, config, &mut trail).await;
    trail.0
}

async fn walk(issuers: &Issuers, config: &Config, trail: &mut Trail) -> Proven<()> {
    let found = discovery::fetch(&issuers.fetcher, &config.rules, &config.issuer).await;
    let said = |m: &Metadata| format!("Found at {}. The provider calls itself '{}'.", m.found_at, m.issuer);
    trail.outcome("Discover the provider", found.as_ref().map(said).map_err(Clone::clone))?;
    let metadata = found?;
    trail.step("endpoints", "Endpoints", endpoints(config, &metadata))?;
    trail.step("algorithms", "Signature algorithms", algorithms(&metadata))?;
    let keys = match issuers.fetcher.get(&config.rules, &metadata.keys).await {
        Err(why) => Err(why.at("keys")),
        Ok(answer) if answer.status != 200 => {
            Err(Refusal::unreachable("keys", format!("{} answers {}.", metadata.keys, answer.status)))
        }
        Ok(answer) => Keys::read(&answer.body).map_err(|why| Refusal::settings("keys", why)),
    };
    let count = keys.map(|keys| format!("{} for checking signatures, at {}.", keys.count(), metadata.keys));
    trail.outcome("Fetch its keys", count)?;
    let back =
        format!("The provider must know {} as a redirect address of '{}'.", config.redirect_uri(), config.client_id);
    trail.step("client", "This server's addresses there", Ok(back))
}

fn endpoints(config: &Config, metadata: &Metadata) -> Result<String, String> {
    if metadata.authorization.is_none() {
        return Err("The provider names no 'authorization_endpoint', so nobody can sign in there.".into());
    }
    if config.method == Method::Pkce && metadata.token.is_none() {
        return Err("The provider names no 'token_endpoint', so no code can be redeemed.".into());
    }
    let out = match &metadata.end_session {
        Some(_) => "Signing out here signs out there too.",
        None => "It offers no sign-out ('end_session_endpoint'), so its own session outlives ours.",
    };
    Ok(format!("All that the flow needs. {out}"))
}

fn algorithms(metadata: &Metadata) -> Result<String, String> {
    if metadata.algorithms.is_empty() {
        return Ok("The provider lists none; every asymmetric one that fits its keys is believed.".into());
    }
    let known: Vec<&str> = metadata.algorithms.iter().filter_map(|name| Alg::named(name)).map(Alg::name).collect();
    match known.is_empty() {
        true => {
            Err(format!("The provider signs by {} only, none of which is believed.", metadata.algorithms.join(", ")))
        }
        false => Ok(format!("{}.", known.join(", "))),
    }
}

/// Reads a pasted ID token: every check but the nonce, which belongs to a sign-in, and whom it speaks of.
pub async fn examine(
    issuers: &Issuers,
    config: &Config,
    text: &str,
    now: Millis,
) -> (Vec<Check>, Option<ExternalIdentity>) {
    let mut trail = Trail::default();
    let identity = read(issuers, config, text.trim(), now, &mut trail).await.ok();
    (trail.0, identity)
}

async fn read(
    issuers: &Issuers,
    config: &Config,
    text: &str,
    now: Millis,
    trail: &mut Trail,
) -> Proven<ExternalIdentity> {
    let found = issuers.discovery.of(&issuers.fetcher, &config.rules, &config.issuer, now).await;
    let said = found.as_ref().map(|m| format!("It calls itself '{}'.", m.issuer)).map_err(Clone::clone);
    trail.outcome("Discover the provider", said)?;
    let metadata = found?;
    let claims = id_token::check(issuers, config, &metadata, text, Expected::default(), now, trail).await?;
    let identity = claims::identity(config, &claims);
    let said = identity.as_ref().map(describe).map_err(Clone::clone);
    trail.outcome("Who it is", said)?;
    identity
}

fn describe(who: &ExternalIdentity) -> String {
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let groups = match &who.groups {
        ExternalGroups::Unknown(why) => format!("Groups are not known: {why}."),
        ExternalGroups::Complete(all) if all.is_empty() => "In no group.".to_owned(),
        ExternalGroups::Complete(all) => {
            let names: Vec<&str> = all.iter().filter_map(|g| g.names.first()).map(String::as_str).collect();
            format!("In the groups {}.", names.join(", "))
        }
    };
    let verified = match who.email_verified {
        Some(true) => "verified",
        Some(false) => "not verified",
        None => "not said whether verified",
    };
    format!(
        "Subject '{}', username {}, name {}, e-mail {} ({verified}). {groups}",
        who.subject,
        or(&who.username),
        or(&who.name),
        or(&who.email)
    )
}

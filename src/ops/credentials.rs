//! API keys: issue, replace, list, revoke; and [`resolve`], which turns what a client presents into a [`Subject`]. How a key is
//! narrowed, and which are not used any more: `key_care.rs`.

use super::{Acting, Cx, Grant, changed, or_absent};
use crate::clock::{DAY, Millis};
use crate::crypto::{self, Random};
use crate::error::{Code, Error, Result};
use crate::model::UserId;
use crate::model::audit::Named;
use crate::model::credential::{ApiKey, KEY_ID_LEN, KEY_LEN, KeyScope, KeyUse, key_id};
use crate::model::federation::AccessToken;
use crate::model::name;
use crate::model::role::Action;
use crate::model::user::{Status, User, UserKind};
use crate::policy::{Actor, Credential, Resource, Subject};
use crate::store::{Read, schema};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// The most keys one account may have.
pub const KEYS_MAX: usize = 50;

/// A fresh secret, drawn before the transaction so that a re-run stores the same one. Shown to its owner once.
#[derive(Clone)]
pub struct FreshKey(String);

impl FreshKey {
    /// Forty random letters and digits.
    pub fn draw(random: &Random) -> Result<Self> {
        Ok(FreshKey(random.letters(KEY_LEN)?))
    }

    /// The forty characters, for the one answer that shows them.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for FreshKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FreshKey(secret)")
    }
}

/// What its owner says of a new key.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// A name; may be empty.
    pub name: String,
    /// From when on it is refused.
    pub expires_at: Option<Millis>,
    /// What it may be used for.
    pub scope: KeyScope,
    /// From where alone it is accepted; from everywhere when empty.
    pub networks: Vec<IpNet>,
}

/// A key and its last use, for lists.
#[derive(Clone, Debug)]
pub struct ListedKey {
    /// The key.
    pub key: ApiKey,
    /// When and from where it was used last; noted about once a minute.
    pub last: Option<KeyUse>,
}

/// Issues a key to `owner` (a username or address): people to themselves, team admins to their service accounts, the shell
/// to anybody. It reaches no further than the credential it is made with, nor opens what is closed to its maker.
///
/// # Errors
/// [`Code::Denied`], [`Code::InvalidValue`], [`Code::NotFound`].
pub fn issue(cx: &mut Acting, owner: &str, new: &NewKey, fresh: &FreshKey) -> Result<ApiKey> {
    let user = super::users::by_name(cx.view(), owner)?.ok_or_else(|| super::absent("user", owner))?;
    let grant = or_absent(cx.allow(Action::ApiKeyCreate, Resource::User(user.id)), "user", owner)?;
    if user.status != Status::Active {
        return Err(Error::invalid(format!("{} is {} and cannot use a key.", user.username, user.status.as_str())));
    }
    let new = super::key_care::narrowed_like_own(cx, new)?;
    super::key_care::opens_nothing_closed(cx, &user)?;
    store(cx, grant, &user, &new, fresh)
}

pub(super) fn store(cx: &mut Acting, grant: Grant, user: &User, new: &NewKey, fresh: &FreshKey) -> Result<ApiKey> {
    super::key_care::check(cx.view(), user, new)?;
    let key_name = name::check_text("key name", &new.name, name::TEXT_MAX)?;
    if new.expires_at.is_some_and(|end| end <= cx.now()) {
        return Err(Error::invalid("The key would have expired already. Choose a later end."));
    }
    if of_user(cx.view(), user.id)?.len() >= KEYS_MAX {
        return Err(Error::new(Code::AlreadyDone, format!("{} has {KEYS_MAX} keys already.", user.username))
            .hint("Revoke one that is not used any more."));
    }
    let id = fresh.0[..KEY_ID_LEN].to_owned();
    if cx.view().get(&schema::API_KEYS, &id)?.is_some() {
        return Err(Error::internal("two keys drew the same public id"));
    }
    let key = ApiKey {
        id,
        owner: user.id,
        name: key_name,
        hash: crypto::hashed(&fresh.0),
        scope: new.scope,
        created_at: cx.now(),
        expires_at: new.expires_at,
        networks: new.networks.clone(),
    };
    cx.put(&grant, &schema::API_KEYS, &key)?;
    let expires = key.expires_at.map(crate::clock::rfc3339);
    let networks = super::key_care::networks_text(&key.networks);
    let scope = super::key_care::scope_text(cx.view(), key.scope)?;
    let changes = [
        changed("owner", None, Some(&user.username)),
        changed("name", None, Some(&key.name)),
        changed("scope", None, Some(&scope)),
        changed("networks", None, Some(&networks).filter(|n| !n.is_empty()).map(String::as_str)),
        changed("expires", None, expires.as_deref()),
    ];
    cx.record_on(grant, Named::new("key", &key.id, key.name.clone()), changes.into_iter().flatten().collect())?;
    Ok(key)
}

/// The longest time for which a replaced key goes on working beside its successor.
pub const OVERLAP_MAX: Millis = 30 * DAY;

/// Issues a successor of a key, alike in name, scope, networks and lifetime, and gives the old one its end in `overlap`: a
/// script is moved to the new one without a gap. Without an overlap the old one is gone at once.
///
/// # Errors
/// As [`issue`] and [`revoke`]; [`Code::InvalidValue`] for a key that has expired.
pub fn replace(cx: &mut Acting, id: &str, overlap: Millis, fresh: &FreshKey) -> Result<ApiKey> {
    let old = cx.view().get(&schema::API_KEYS, &id.to_owned())?.ok_or_else(no_key)?;
    let may = cx.allow(Action::ApiKeyDelete, Resource::User(old.owner)).map_err(unnamed)?;
    let user = cx.view().get(&schema::USERS, &old.owner)?.ok_or_else(no_key)?;
    if old.is_expired(cx.now()) {
        return Err(Error::invalid("The key has expired. Create a new one and revoke this one."));
    }
    if user.kind == UserKind::Connection {
        return Err(Error::invalid("This key belongs to a provisioning connection.")
            .hint("Give the connection a new key on the page Provisioning."));
    }
    let new = NewKey {
        name: old.name.clone(),
        expires_at: old.expires_at.map(|end| cx.now() + (end - old.created_at)),
        scope: old.scope,
        networks: old.networks.clone(),
    };
    let key = issue(cx, &user.username, &new, fresh)?;
    let end = cx.now() + overlap.clamp(0, OVERLAP_MAX);
    if overlap <= 0 {
        revoke(cx, id)?;
        return Ok(key);
    }
    let was = old.expires_at;
    let end = was.map_or(end, |was| was.min(end));
    let closing = ApiKey { expires_at: Some(end), ..old };
    cx.put(&may, &schema::API_KEYS, &closing)?;
    let (was, end) = (was.map(crate::clock::rfc3339), crate::clock::rfc3339(end));
    let changes = [changed("replaced by", None, Some(&key.id)), changed("expires", was.as_deref(), Some(&end))];
    cx.record_on(may, Named::new("key", &closing.id, closing.name.clone()), changes.into_iter().flatten().collect())?;
    Ok(key)
}

/// The keys of a user, oldest first, without secrets.
pub fn list<V: Read>(cx: &Cx<V>, owner: UserId) -> Result<Vec<ListedKey>> {
    let _grant = cx.allow(Action::ApiKeyRead, Resource::User(owner))?;
    of_user(cx.view(), owner)?
        .into_iter()
        .map(|key| Ok(ListedKey { last: cx.view().get(&schema::KEY_USES, &key.id)?, key }))
        .collect()
}

/// Revokes a key by its public id; the next request with it is refused.
pub fn revoke(cx: &mut Acting, id: &str) -> Result<()> {
    let key = cx.view().get(&schema::API_KEYS, &id.to_owned())?.ok_or_else(no_key)?;
    let grant = cx.allow(Action::ApiKeyDelete, Resource::User(key.owner)).map_err(unnamed)?;
    cx.delete(&grant, &schema::API_KEYS, &key.id)?;
    cx.tx().delete(&schema::KEY_USES, &key.id)?;
    cx.record_on(
        grant,
        Named::new("key", &key.id, key.name.clone()),
        changed("name", Some(&key.name), None).into_iter().collect(),
    )
}

fn no_key() -> Error {
    Error::not_found("There is no such API key, or you may not see it.")
}

/// A refusal that does not name whose key it is.
fn unnamed(error: Error) -> Error {
    if error.kind() == crate::error::Kind::NotFound { no_key() } else { error }
}

/// Who presents this key, or this access token, at `now` from `ip`.
///
/// # Errors
/// [`Code::Unauthenticated`], for a key with one sentence for every cause: unknown, expired, revoked, or the owner not active; another
/// where all is well but the place.
pub fn resolve(view: &impl Read, presented: &str, now: Millis, ip: IpAddr) -> Result<Subject> {
    resolve_owner(view, presented, now, ip).map(|(subject, _)| subject)
}

/// [`resolve`] with the owner's row, where the use-case that follows on the same view wants it too.
pub fn resolve_owner(view: &impl Read, presented: &str, now: Millis, ip: IpAddr) -> Result<(Subject, Arc<User>)> {
    if AccessToken::could_be(presented) {
        return super::federation::resolve(view, presented, now);
    }
    let id = key_id(presented).ok_or_else(refused)?;
    let key = view.shared(&schema::API_KEYS, &id.to_owned())?.ok_or_else(refused)?;
    if !key.fits(presented) || key.is_expired(now) {
        return Err(refused());
    }
    let owner = view.shared(&schema::USERS, &key.owner)?.filter(|user| user.status == Status::Active);
    let owner = owner.ok_or_else(refused)?;
    if !key.fits_network(ip) {
        return Err(Error::new(Code::Unauthenticated, "The API key is not accepted from this address.")
            .hint("Use it from the networks it was made for, or ask whoever made it for another one."));
    }
    let subject = Subject { actor: Actor::User(key.owner), credential: Credential::Key(key.id.clone(), key.scope) };
    Ok((subject, owner))
}

/// A key that is good in everything but the place it comes from, with its owner: somebody may have stolen it.
pub(crate) fn stray(
    view: &impl Read,
    presented: &str,
    now: Millis,
    ip: IpAddr,
) -> Result<Option<(Arc<ApiKey>, Arc<User>)>> {
    let Some(id) = key_id(presented) else { return Ok(None) };
    let Some(key) = view.shared(&schema::API_KEYS, &id.to_owned())? else { return Ok(None) };
    if key.fits_network(ip) || !key.fits(presented) || key.is_expired(now) {
        return Ok(None);
    }
    Ok(view.shared(&schema::USERS, &key.owner)?.map(|owner| (key, owner)))
}

fn refused() -> Error {
    Error::new(
        Code::Unauthenticated,
        "The API key is not valid: unknown, expired or revoked, or its owner is not active.",
    )
    .hint("Create a new key on your account page, or ask an organization admin.")
}

/// All keys of a user; no check of rights.
pub(super) fn of_user(view: &impl Read, user: UserId) -> Result<Vec<ApiKey>> {
    view.all_by(&schema::KEYS_OF_USER, &(user,))
}

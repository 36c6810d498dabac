//! API keys: issue, list, revoke; and [`resolve`], which turns what a client presents into a [`Subject`].

use super::{Acting, Cx, Grant, changed, or_absent};
use crate::clock::Millis;
use crate::crypto::{self, Random};
use crate::error::{Code, Error, Result};
use crate::model::UserId;
use crate::model::audit::Named;
use crate::model::credential::{ApiKey, KEY_ID_LEN, KEY_LEN, KeyScope, KeyUse, key_id};
use crate::model::name;
use crate::model::role::Action;
use crate::model::user::{Status, User};
use crate::policy::{Actor, Credential, Resource, Subject};
use crate::store::{Read, schema};
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
/// to anybody.
pub fn issue(cx: &mut Acting, owner: &str, new: &NewKey, fresh: &FreshKey) -> Result<ApiKey> {
    let user = super::users::by_name(cx.view(), owner)?.ok_or_else(|| super::absent("user", owner))?;
    let grant = or_absent(cx.allow(Action::ApiKeyCreate, Resource::User(user.id)), "user", owner)?;
    if user.status != Status::Active {
        return Err(Error::invalid(format!("{} is {} and cannot use a key.", user.username, user.status.as_str())));
    }
    store(cx, grant, &user, new, fresh)
}

pub(super) fn store(cx: &mut Acting, grant: Grant, user: &User, new: &NewKey, fresh: &FreshKey) -> Result<ApiKey> {
    if user.service().is_some_and(|s| s.subject.is_some()) {
        return Err(Error::invalid(format!(
            "{} acts by tokens of the company's issuer and has no API keys.",
            user.username
        )));
    }
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
        hash: crypto::hex(&crypto::sha256(fresh.0.as_bytes())),
        scope: new.scope,
        created_at: cx.now(),
        expires_at: new.expires_at,
    };
    cx.put(&grant, &schema::API_KEYS, &key)?;
    let expires = key.expires_at.map(crate::clock::rfc3339);
    let changes = [
        changed("owner", None, Some(&user.username)),
        changed("name", None, Some(&key.name)),
        changed("scope", None, Some(key.scope.as_str())),
        changed("expires", None, expires.as_deref()),
    ];
    cx.record_on(grant, Named::new("key", &key.id, key.name.clone()), changes.into_iter().flatten().collect())?;
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
    let missing = || Error::not_found("There is no such API key, or you may not see it.");
    let key = cx.view().get(&schema::API_KEYS, &id.to_owned())?.ok_or_else(missing)?;
    let grant = cx
        .allow(Action::ApiKeyDelete, Resource::User(key.owner))
        .map_err(|e| if e.kind() == crate::error::Kind::NotFound { missing() } else { e })?;
    cx.delete(&grant, &schema::API_KEYS, &key.id)?;
    cx.tx().delete(&schema::KEY_USES, &key.id)?;
    cx.record_on(
        grant,
        Named::new("key", &key.id, key.name.clone()),
        changed("name", Some(&key.name), None).into_iter().collect(),
    )
}

/// Who presents this key at `now`.
///
/// # Errors
/// [`Code::Unauthenticated`], with one sentence for every cause: unknown, expired, revoked, or the owner not active.
pub fn resolve(view: &impl Read, presented: &str, now: Millis) -> Result<Subject> {
    resolve_owner(view, presented, now).map(|(subject, _)| subject)
}

/// [`resolve`] with the owner's row, where the use-case that follows on the same view wants it too.
pub fn resolve_owner(view: &impl Read, presented: &str, now: Millis) -> Result<(Subject, Arc<User>)> {
    let id = key_id(presented).ok_or_else(refused)?;
    let key = view.shared(&schema::API_KEYS, &id.to_owned())?.ok_or_else(refused)?;
    if !key.fits(presented) || key.is_expired(now) {
        return Err(refused());
    }
    let owner = view.shared(&schema::USERS, &key.owner)?.filter(|user| user.status == Status::Active);
    let subject = Subject { actor: Actor::User(key.owner), credential: Credential::Key(key.id.clone(), key.scope) };
    Ok((subject, owner.ok_or_else(refused)?))
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

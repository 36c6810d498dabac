//! Second factors: a person's passkeys, app for one-time codes and recovery codes. They are the person's own: nobody else
//! sees or makes them, and only the shell removes another's. That a code works once is decided here, in the transaction;
//! what is proved by network and arithmetic beforehand is in [`crate::app`].

use super::{Acting, Cx, Grant, changed, or_absent};
use crate::clock::Millis;
use crate::crypto::{self, codes};
use crate::error::{Code, Error, Result};
use crate::model::UserId;
use crate::model::audit::Change;
use crate::model::factor::{CodeApp, PASSKEYS_MAX, Passkey, RecoveryCodes};
use crate::model::role::Action;
use crate::model::team::HOME;
use crate::model::user::User;
use crate::policy::Resource;
use crate::store::{Range, Read, Tx, schema};

/// Administrators looked at for those without a second factor.
const ADMINS: usize = 100;

/// What a person has.
#[derive(Clone, Debug, Default)]
pub struct Factors {
    /// Passkeys, oldest first.
    pub passkeys: Vec<Passkey>,
    /// The app for one-time codes.
    pub app: Option<CodeApp>,
    /// How many recovery codes are left.
    pub recovery: usize,
    /// Whether there is a local password beside them.
    pub password: bool,
}

impl Factors {
    /// Whether there is one: the password alone is then not enough. Recovery codes by themselves are none.
    pub fn any(&self) -> bool {
        !self.passkeys.is_empty() || self.app.is_some()
    }
}

/// Everything of one account; no check of rights.
pub(crate) fn of(view: &impl Read, user: UserId) -> Result<Factors> {
    Ok(Factors {
        passkeys: view.all_by(&schema::PASSKEYS_OF_USER, &(user,))?,
        app: view.get(&schema::CODE_APPS, &user)?,
        recovery: view.get(&schema::RECOVERY_CODES, &user)?.map_or(0, |r| r.hashes.len()),
        password: view.get(&schema::PASSWORDS, &user)?.is_some(),
    })
}

/// The passkey of this id with the one it belongs to; no check of rights.
pub(crate) fn passkey(view: &impl Read, id: &str) -> Result<Option<(Passkey, User)>> {
    let Some(found) = view.get(&schema::PASSKEYS, &id.to_owned())? else { return Ok(None) };
    Ok(view.get(&schema::USERS, &found.user)?.map(|user| (found, user)))
}

/// The asker's own.
pub fn mine<V: Read>(cx: &Cx<V>) -> Result<Factors> {
    let me = super::users::oneself(cx)?.id;
    let _grant = cx.allow(Action::UserSetFactor, Resource::User(me))?;
    of(cx.view(), me)
}

/// Whether a break-glass account is guarded by its password alone, for whoever may see its sessions; `None` for an account
/// that is none.
pub fn is_bare<V: Read>(cx: &Cx<V>, user: UserId) -> Result<Option<bool>> {
    if !super::break_glass::shown(cx, user)? {
        return Ok(None);
    }
    let factors = of(cx.view(), user)?;
    Ok(Some(factors.password && !factors.any()))
}

/// Usernames of the active administrators who count as break-glass and whom a password alone lets in, for whoever may list
/// people. As in [`super::break_glass::allowed`], each counts where none with a password is marked.
pub fn bare<V: Read>(cx: &Cx<V>) -> Result<Vec<String>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    if org != HOME {
        // Break-glass is for administrators of the instance.
        return Ok(vec![]);
    }
    let (mut marked, mut others) = (vec![], vec![]);
    for admin in cx.view().list_by(&schema::ADMINS_OF_ORG, Range::all().under(&(org,)).limit(ADMINS))?.items {
        let factors = of(cx.view(), admin.id)?;
        if factors.password {
            let is_marked = super::break_glass::is_marked(cx.view(), admin.id)?;
            if is_marked { &mut marked } else { &mut others }.push((admin.username, factors.any()));
        }
    }
    let count = if marked.is_empty() { others } else { marked };
    Ok(count.into_iter().filter(|(_, guarded)| !guarded).map(|(name, _)| name).collect())
}

fn own(cx: &Acting) -> Result<(UserId, Grant)> {
    let me = super::users::oneself(cx)?.id;
    Ok((me, cx.allow(Action::UserSetFactor, Resource::User(me))?))
}

/// Adds a passkey of the asker. `recovery` are hashes of fresh recovery codes, kept where there are none: gives whether they
/// were.
///
/// # Errors
/// [`Code::AlreadyDone`] for a passkey that is known, [`Code::LimitReached`].
pub fn add_passkey(cx: &mut Acting, passkey: &Passkey, recovery: &[String]) -> Result<bool> {
    let (me, grant) = own(cx)?;
    if passkey.user != me {
        return Err(Error::denied("A passkey is added by its owner.", true));
    }
    if cx.view().get(&schema::PASSKEYS, &passkey.id)?.is_some() {
        return Err(Error::new(Code::AlreadyDone, "This passkey is known already."));
    }
    if of(cx.view(), me)?.passkeys.len() >= PASSKEYS_MAX {
        return Err(Error::new(Code::LimitReached, format!("An account has at most {PASSKEYS_MAX} passkeys."))
            .hint("Remove one that nobody uses."));
    }
    cx.put(&grant, &schema::PASSKEYS, passkey)?;
    finish(cx, grant, me, recovery, changed("passkey", None, Some(&passkey.name)))
}

/// Sets the asker's app for one-time codes; one that was there gives way.
pub fn set_app(cx: &mut Acting, app: &CodeApp, recovery: &[String]) -> Result<bool> {
    let (me, grant) = own(cx)?;
    if app.user != me {
        return Err(Error::denied("An app for codes is added by its owner.", true));
    }
    let had = cx.view().get(&schema::CODE_APPS, &me)?.is_some();
    cx.put(&grant, &schema::CODE_APPS, app)?;
    let change = changed("one-time codes", had.then_some("set"), Some(if had { "set anew" } else { "set" }));
    finish(cx, grant, me, recovery, change)
}

fn finish(cx: &mut Acting, grant: Grant, me: UserId, hashes: &[String], change: Option<Change>) -> Result<bool> {
    let fresh = cx.view().get(&schema::RECOVERY_CODES, &me)?.is_none_or(|r| r.hashes.is_empty());
    if fresh {
        let codes = RecoveryCodes { user: me, hashes: hashes.to_vec(), created_at: cx.now() };
        cx.put(&grant, &schema::RECOVERY_CODES, &codes)?;
    }
    cx.record(grant, change.into_iter().collect())?;
    Ok(fresh)
}

/// Gives the asker other recovery codes; the old ones are void.
///
/// # Errors
/// [`Code::InvalidValue`] without a factor that they could stand in for.
pub fn renew_recovery(cx: &mut Acting, hashes: &[String]) -> Result<()> {
    let (me, grant) = own(cx)?;
    if !of(cx.view(), me)?.any() {
        return Err(Error::invalid("Recovery codes stand in for a passkey or an app, and you have neither."));
    }
    let codes = RecoveryCodes { user: me, hashes: hashes.to_vec(), created_at: cx.now() };
    cx.put(&grant, &schema::RECOVERY_CODES, &codes)?;
    cx.record(grant, changed("recovery codes", Some("set"), Some("set anew")).into_iter().collect())
}

/// Removes the asker's passkey of this id, or the app where it is `None`. Recovery codes go with the last of them.
///
/// # Errors
/// [`Code::NotFound`].
pub fn remove(cx: &mut Acting, passkey: Option<&str>) -> Result<()> {
    let (me, grant) = own(cx)?;
    let factors = of(cx.view(), me)?;
    let gone = || Error::not_found("There is no such passkey or app; it may have been removed already.");
    let change = match passkey {
        Some(id) => {
            let found = factors.passkeys.iter().find(|p| p.id == id).ok_or_else(gone)?;
            cx.delete(&grant, &schema::PASSKEYS, &found.id)?;
            changed("passkey", Some(&found.name), None)
        }
        None => {
            cx.delete(&grant, &schema::CODE_APPS, &me)?.ok_or_else(gone)?;
            changed("one-time codes", Some("set"), None)
        }
    };
    if !of(cx.view(), me)?.any() {
        cx.delete(&grant, &schema::RECOVERY_CODES, &me)?;
    }
    cx.record(grant, change.into_iter().collect())
}

/// Removes every factor of an account, from the shell: its password alone lets in again.
pub fn reset(cx: &mut Acting, typed: &str) -> Result<User> {
    let user = super::users::by_name(cx.view(), typed)?.ok_or_else(|| super::absent("user", typed))?;
    let grant = or_absent(cx.allow(Action::UserSetFactor, Resource::User(user.id)), "user", typed)?;
    if erase(cx, &grant, user.id)? {
        cx.record(grant, changed("second factors", Some("set"), Some("removed")).into_iter().collect())?;
    }
    Ok(user)
}

/// Takes all factors from an account; gives whether there were any.
pub(super) fn erase(cx: &mut Acting, grant: &Grant, user: UserId) -> Result<bool> {
    let factors = of(cx.view(), user)?;
    for passkey in &factors.passkeys {
        cx.delete(grant, &schema::PASSKEYS, &passkey.id)?;
    }
    cx.delete(grant, &schema::CODE_APPS, &user)?;
    cx.delete(grant, &schema::RECOVERY_CODES, &user)?;
    Ok(factors.any() || factors.recovery > 0)
}

/// Uses the code of `step` up. Gives whether it was the first of that step, and of every later one.
pub fn use_step(tx: &mut Tx, user: UserId, step: u64, now: Millis) -> Result<bool> {
    let Some(mut app) = tx.get(&schema::CODE_APPS, &user)? else { return Ok(false) };
    if step <= app.last_step {
        return Ok(false);
    }
    (app.last_step, app.last_at) = (step, Some(now));
    tx.put(&schema::CODE_APPS, &app)?;
    Ok(true)
}

/// Uses a recovery code up. Gives whether it was one that was left.
pub fn use_recovery(tx: &mut Tx, user: UserId, typed: &str) -> Result<bool> {
    let Some(mut codes) = tx.get(&schema::RECOVERY_CODES, &user)? else { return Ok(false) };
    let (hash, before) = (codes::recovery_hash(typed), codes.hashes.len());
    codes.hashes.retain(|kept| !crypto::same(kept.as_bytes(), hash.as_bytes()));
    if codes.hashes.len() == before {
        return Ok(false);
    }
    tx.put(&schema::RECOVERY_CODES, &codes)?;
    Ok(true)
}

/// Notes the use of a passkey. Gives whether it still is as it was when its signature was checked: of two answers with the
/// same counter, one counts.
pub fn use_passkey(tx: &mut Tx, seen: &Passkey, state: [u8; 7], now: Millis) -> Result<bool> {
    let Some(mut passkey) = tx.get(&schema::PASSKEYS, &seen.id)? else { return Ok(false) };
    if passkey.user != seen.user || passkey.state != seen.state {
        return Ok(false);
    }
    (passkey.state, passkey.last_at) = (state, Some(now));
    tx.put(&schema::PASSKEYS, &passkey)?;
    Ok(true)
}

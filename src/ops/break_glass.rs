//! Ways in that do not need the company: passwords of administrators marked break-glass, and the temporary password of
//! `LOCAL_RESTORE`. While people sign in through the company, other passwords are refused ([`allowed`]); where no active
//! administrator with a password is marked, each of them counts as marked, so that nobody is locked out by switching it on.

use super::{Acting, Cx, Grant, or_absent, switched, user_named};
use crate::clock::{HOUR, Millis};
use crate::config::settings::Settings;
use crate::crypto;
use crate::error::{Code, Error, Result};
use crate::model::UserId;
use crate::model::audit::{Change, Event, EventId};
use crate::model::identity::BreakGlass;
use crate::model::role::Action;
use crate::model::session::Restore;
use crate::model::team::HOME;
use crate::model::user::User;
use crate::policy::{Actor, Process, Resource};
use crate::store::{Range, Read, Tx, schema};

/// How long a temporary password works.
pub const RESTORE_VALID: Millis = HOUR;

/// Marks an administrator as break-glass, or takes the mark away.
///
/// # Errors
/// [`Code::InvalidValue`] for somebody who is no active administrator, [`Code::NotFound`], [`Code::Denied`].
pub fn set(cx: &mut Acting, typed: &str, on: bool) -> Result<User> {
    let user = super::users::by_name(cx.view(), typed)?.ok_or_else(|| super::absent("user", typed))?;
    let grant = or_absent(cx.allow(Action::UserUpdateRole, Resource::User(user.id)), "user", typed)?;
    // It is a way into the account, wherever that belongs, and the instance's.
    let _whole = cx.allow(Action::UserUpdate, Resource::User(user.id))?;
    if on && !user.is_active_admin(HOME) {
        return Err(Error::invalid("Only an active administrator of the instance can be marked break-glass."));
    }
    let before = is_marked(cx.view(), user.id)?;
    if before == on {
        return Ok(user);
    }
    if on {
        cx.put(&grant, &schema::BREAK_GLASS, &BreakGlass { user: user.id, since_at: cx.now() })?;
    } else {
        cx.delete(&grant, &schema::BREAK_GLASS, &user.id)?;
    }
    cx.record(grant, switched("break-glass", before, on).into_iter().collect())?;
    Ok(user)
}

/// An administrator who is given a password by the shell or by the setup link is marked: those are the ways back in.
pub(super) fn begin(cx: &mut Acting, grant: &Grant, user: &User) -> Result<()> {
    let by_owner = matches!(cx.subject().actor, Actor::Process(Process::Shell | Process::Setup));
    if by_owner && user.is_active_admin(HOME) && !is_marked(cx.view(), user.id)? {
        cx.put(grant, &schema::BREAK_GLASS, &BreakGlass { user: user.id, since_at: cx.now() })?;
    }
    Ok(())
}

/// Whether a user is marked; no check of rights.
pub fn is_marked(view: &impl Read, user: UserId) -> Result<bool> {
    Ok(view.get(&schema::BREAK_GLASS, &user)?.is_some())
}

/// The mark, for whoever may see the account's sessions.
pub fn shown<V: Read>(cx: &Cx<V>, user: UserId) -> Result<bool> {
    let _grant = cx.allow(Action::SessionRead, Resource::User(user))?;
    is_marked(cx.view(), user)
}

/// Whether the password of `user` works while people sign in through the company.
pub fn allowed(view: &impl Read, settings: &Settings, user: &User) -> Result<bool> {
    if settings.sign_in().break_glass_disabled || !user.is_active_admin(HOME) {
        return Ok(false);
    }
    if is_marked(view, user.id)? {
        return Ok(true);
    }
    for mark in view.list(&schema::BREAK_GLASS, Range::all())?.items {
        let holder = view.get(&schema::USERS, &mark.user)?;
        if holder.is_some_and(|h| h.is_active_admin(HOME)) && view.get(&schema::PASSWORDS, &mark.user)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the temporary password work for an administrator, or voids the last one; gives the username.
pub fn restore(tx: &mut Tx, open: bool, password: &str, now: Millis, entropy: u128) -> Result<Option<String>> {
    if !open {
        tx.delete(&schema::RESTORES, &1)?;
        return Ok(None);
    }
    let admins = tx.list_by(&schema::ADMINS_OF_ORG, Range::all().under(&(HOME,)))?.items;
    let mut chosen = admins.first().cloned();
    for admin in &admins {
        if is_marked(&*tx, admin.id)? {
            chosen = Some(admin.clone());
            break;
        }
    }
    let Some(user) = chosen else {
        return Err(Error::new(Code::SetupRequired, "LOCAL_RESTORE is set, and there is no administrator yet.")
            .hint("Use the setup link instead."));
    };
    let hash = crypto::hashed(password);
    tx.put(&schema::RESTORES, &Restore { hash, user: user.id, expires_at: now + RESTORE_VALID })?;
    let (target, change) =
        (user_named(&user), Change { field: "temporary password".to_owned(), from: None, to: Some("set".to_owned()) });
    let event = Event::by_server(EventId::new(now, entropy), now, Action::UserSetPassword.as_str(), target, change);
    super::audit::keep(tx, &event)?;
    tx.note_event();
    Ok(Some(user.username))
}

/// Whether `password` is the temporary one of `user`.
pub fn restores(view: &impl Read, user: UserId, password: &str, now: Millis) -> Result<bool> {
    let hash = crypto::hashed(password);
    Ok(view
        .get(&schema::RESTORES, &1)?
        .is_some_and(|r| r.user == user && now < r.expires_at && crypto::same(hash.as_bytes(), r.hash.as_bytes())))
}

/// Uses the temporary password up: of two who send it at once, one gets in.
///
/// # Errors
/// [`Code::SignInFailed`] where it is used already.
pub fn use_up(tx: &mut Tx, user: UserId, password: &str, now: Millis) -> Result<()> {
    if !restores(&*tx, user, password, now)? {
        return Err(Error::new(Code::SignInFailed, "The temporary password was used already.")
            .hint("Restart the server with LOCAL_RESTORE=true for a new one."));
    }
    tx.delete(&schema::RESTORES, &1).map(drop)
}

//! Browser sessions: opening one after a proof of identity, resolving the cookie, listing and ending them; the one-use setup
//! code. Proofs that take time (password hashing) happen before, in [`crate::app::App::sign_in`].

use super::{Acting, Cx, or_absent};
use crate::clock::Millis;
use crate::crypto::{self, Random};
use crate::error::{Code, Error, Result};
use crate::model::UserId;
use crate::model::audit::Named;
use crate::model::role::Action;
use crate::model::session::{Session, SessionIdentity, SessionUse, SetupCode};
use crate::model::user::{Status, User};
use crate::policy::{Actor, Credential, Resource, Subject};
use crate::store::{Read, Tx, schema};

/// Fresh secrets of a session, drawn before the transaction so that a re-run stores the same ones.
#[derive(Clone)]
pub struct FreshSession {
    token: String,
    csrf: String,
}

impl FreshSession {
    /// 43 random letters and digits for the cookie, as many for forms: 256 bits each.
    pub fn draw(random: &Random) -> Result<Self> {
        Ok(FreshSession { token: random.letters(43)?, csrf: random.letters(43)? })
    }

    /// The cookie's value.
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl std::fmt::Debug for FreshSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FreshSession(secret)")
    }
}

/// A session and its last use, for lists.
#[derive(Clone, Debug)]
pub struct ListedSession {
    /// The session.
    pub session: Session,
    /// When and from where it was used last; noted about once a minute.
    pub last: Option<SessionUse>,
}

/// Opens a session for `user`, whose identity the caller has just proven by `method`. The policy is asked once more, in
/// this transaction, whether that user may sign in.
pub fn open(
    cx: &mut Acting,
    user: UserId,
    method: &str,
    identity: Option<SessionIdentity>,
    fresh: &FreshSession,
) -> Result<Session> {
    let grant = cx.allow(Action::UserLogin, Resource::User(user))?;
    let session = Session {
        id: crypto::hashed(&fresh.token),
        user,
        method: method.to_owned(),
        identity,
        created_at: cx.now(),
        expires_at: cx.now().saturating_add(cx.settings().session_length()),
        ip: cx.caller().origin.ip.clone(),
        agent: cx.caller().origin.agent.clone(),
        csrf: fresh.csrf.clone(),
        org: None,
    };
    cx.tx().put(&schema::SESSIONS, &session)?;
    cx.record(grant, super::changed("method", None, Some(method)).into_iter().collect())?;
    Ok(session)
}

/// Who holds the cookie `token` at `now`, with the session.
///
/// # Errors
/// [`Code::Unauthenticated`] when it is unknown, over, or its user is not active.
pub fn resolve(view: &impl Read, token: &str, now: Millis) -> Result<(Subject, Session)> {
    let refused = || Error::new(Code::Unauthenticated, "Your session is over.").hint("Sign in again.");
    if token.len() > 64 {
        return Err(refused());
    }
    let session =
        view.get(&schema::SESSIONS, &crypto::hashed(token))?.filter(|s| now < s.expires_at).ok_or_else(refused)?;
    let user = view.shared(&schema::USERS, &session.user)?.filter(|user| user.status == Status::Active);
    let user = user.ok_or_else(refused)?;
    // Where the person has no role any more, the session goes on in the default organization.
    let org = session.org.filter(|org| user.org_role(*org).is_some());
    let credential = Credential::Session(session.handle().to_owned(), org);
    Ok((Subject { actor: Actor::User(session.user), credential }, session))
}

/// A user's sessions that are not over, oldest first.
pub fn list<V: Read>(cx: &Cx<V>, user: UserId) -> Result<Vec<ListedSession>> {
    let _grant = cx.allow(Action::SessionRead, Resource::User(user))?;
    of_user(cx.view(), user)?
        .into_iter()
        .filter(|s| cx.now() < s.expires_at)
        .map(|session| Ok(ListedSession { last: cx.view().get(&schema::SESSION_USES, &session.id)?, session }))
        .collect()
}

/// Ends one session of a user, by its handle; ending the own one is signing out.
pub fn revoke(cx: &mut Acting, owner: &str, handle: &str) -> Result<()> {
    let user = super::users::by_name(cx.view(), owner)?.ok_or_else(|| super::absent("user", owner))?;
    let grant = or_absent(cx.allow(Action::SessionRevoke, Resource::User(user.id)), "user", owner)?;
    let session = of_user(cx.view(), user.id)?
        .into_iter()
        .find(|s| s.handle() == handle)
        .ok_or_else(|| Error::not_found("There is no such session; it may have ended already."))?;
    remove(cx.tx(), &session.id)?;
    cx.record_on(grant, Named::new("session", session.handle(), user.username), vec![])
}

/// Ends the session the asker came with.
pub fn sign_out(cx: &mut Acting) -> Result<()> {
    let (Some(user), Credential::Session(handle, _)) = (cx.subject().user(), cx.subject().credential.clone()) else {
        return Ok(());
    };
    let Some(user) = cx.view().get(&schema::USERS, &user)? else { return Ok(()) };
    revoke(cx, &user.username, &handle)
}

/// Removes what is over at `now`, at most a page of it; gives how many.
pub fn sweep(tx: &mut Tx, now: Millis) -> Result<usize> {
    let over = tx.list_by(&schema::SESSIONS_BY_END, crate::store::Range::all().until(&(now,)))?.items;
    for session in &over {
        remove(tx, &session.id)?;
    }
    Ok(over.len())
}

/// All session rows of a user; no check of rights.
pub(super) fn of_user(view: &impl Read, user: UserId) -> Result<Vec<Session>> {
    view.all_by(&schema::SESSIONS_OF_USER, &(user,))
}

pub(super) fn remove(tx: &mut Tx, id: &str) -> Result<()> {
    tx.delete(&schema::SESSIONS, &id.to_owned())?;
    tx.delete(&schema::SESSION_USES, &id.to_owned())?;
    tx.delete(&schema::SIGN_OUT_HINTS, &id.to_owned())?;
    Ok(())
}

/// How long a setup link is valid.
pub const SETUP_VALID: Millis = crate::clock::HOUR;

/// Replaces the setup code, as long as there is no user. Gives whether it did.
pub fn renew_setup(tx: &mut Tx, code: &str, now: Millis) -> Result<bool> {
    if has_users(&*tx)? {
        tx.delete(&schema::SETUP_CODES, &1)?;
        return Ok(false);
    }
    let hash = crypto::hashed(code);
    tx.put(&schema::SETUP_CODES, &SetupCode { hash, expires_at: now + SETUP_VALID })?;
    Ok(true)
}

/// Whether `code` would be accepted at `now`; looking does not use it up.
pub fn check_setup(view: &impl Read, code: &str, now: Millis) -> Result<()> {
    let void = || {
        Error::new(Code::SetupVoid, "This setup link is used, expired, or void because a user exists.")
            .hint("Restart the server for a new link, or create the first user from the shell: bailiwick user create.")
    };
    if has_users(view)? {
        return Err(void());
    }
    let stored = view.get(&schema::SETUP_CODES, &1)?.ok_or_else(void)?;
    let hash = crypto::hashed(code);
    if now >= stored.expires_at || !crypto::same(hash.as_bytes(), stored.hash.as_bytes()) {
        return Err(void());
    }
    Ok(())
}

/// Uses the setup code up and makes the first administrator, in one transaction. The caller acts as
/// [`crate::policy::Process::Setup`].
pub fn set_up(cx: &mut Acting, code: &str, new: &super::users::NewUser) -> Result<User> {
    check_setup(cx.view(), code, cx.now())?;
    cx.tx().delete(&schema::SETUP_CODES, &1)?;
    super::users::create(cx, new)
}

/// Whether any user exists or existed; the first one voids the setup link for good.
pub fn has_users(view: &impl Read) -> Result<bool> {
    view.count(&schema::USERS, crate::store::Range::all(), 1).map(|n| n > 0)
}

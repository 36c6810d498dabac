//! What is kept between sending somebody to the company's provider and their return, each used once; and the end of sessions
//! because the provider says so. Whether a return proves anything is decided in `idp`, what it leads to in [`super::sso`].

use super::{Acting, sessions};
use crate::clock::{HOUR, Millis};
use crate::crypto;
use crate::error::{Code, Error, Result};
use crate::model::audit::{Change, Named};
use crate::model::role::Action;
use crate::model::session::{Session, SignIn, SignOutHint, UsedToken};
use crate::policy::{Actor, Credential, Resource, Subject};
use crate::store::{Range, Read, Tx, schema};

/// How long somebody may take at the provider.
pub const VALID: Millis = HOUR;
/// Sign-ins that are kept; a newer one takes the place of the oldest. One address begins few enough that those of others stay
/// for half an hour, see [`super::throttle`].
pub const KEPT: u64 = 20_000;
/// The longest ID token kept for the sign-out: it has to fit into an address.
const HINT_MAX: usize = 6_000;

/// Keeps a sign-in that was begun; its place is given here.
pub fn begin(tx: &mut Tx, begun: &SignIn) -> Result<()> {
    let place = tx.next_id(schema::SIGN_IN_IDS)? % KEPT;
    tx.put(&schema::SIGN_INS, &SignIn { place, ..begun.clone() })
}

/// Takes the sign-in of a return, so that no other return finds it: only for the browser that began it, and in time.
pub fn take(tx: &mut Tx, state: &str, browser: &str, now: Millis) -> Result<Option<SignIn>> {
    let Some(found) = tx.find(&schema::SIGN_IN_BY_STATE, &crypto::hashed(state))? else { return Ok(None) };
    if !crypto::same(found.browser.as_bytes(), crypto::hashed(browser).as_bytes()) {
        return Ok(None);
    }
    tx.delete(&schema::SIGN_INS, &found.place)?;
    Ok(Some(found).filter(|found| now < found.expires_at))
}

/// Keeps what a session's sign-out at the provider needs.
pub fn keep_hint(tx: &mut Tx, session: &Session, id_token: &str) -> Result<()> {
    if id_token.len() > HINT_MAX {
        return Ok(());
    }
    let hint = SignOutHint { session: session.id.clone(), id_token: id_token.to_owned() };
    tx.put(&schema::SIGN_OUT_HINTS, &hint)
}

/// The ID token of a session, where it was kept.
pub fn hint(view: &impl Read, session: &Session) -> Result<Option<String>> {
    Ok(view.get(&schema::SIGN_OUT_HINTS, &session.id)?.map(|hint| hint.id_token))
}

/// The owner of the session that a sign-in shall be linked to, as long as it lasts.
pub fn owner(view: &impl Read, session: &str, now: Millis) -> Result<Subject> {
    let over = || Error::new(Code::Unauthenticated, "Your session ended meanwhile.").hint("Sign in and try again.");
    let session = view.get(&schema::SESSIONS, &session.to_owned())?.filter(|s| now < s.expires_at).ok_or_else(over)?;
    if !super::users::is_active(view, session.user)? {
        return Err(over());
    }
    let credential = Credential::Session(session.handle().to_owned(), session.org);
    Ok(Subject { actor: Actor::User(session.user), credential })
}

/// Whose sessions the provider ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The connection.
    pub connection: String,
    /// The person there.
    pub subject: Option<String>,
    /// The session there.
    pub session: Option<String>,
}

/// Ends sessions because the provider says so; gives how many. `once` is the token that says it, by its id, and until when it
/// could be used again.
///
/// # Errors
/// [`Code::AlreadyDone`] for a token that was used.
pub fn end(cx: &mut Acting, ended: &Ended, once: Option<(&str, Millis)>) -> Result<usize> {
    if let Some((token, until)) = once {
        let id = crypto::hashed(&format!("logout {} {token}", ended.connection));
        if cx.view().get(&schema::USED_TOKENS, &id)?.is_some() {
            return Err(Error::new(Code::AlreadyDone, "This logout token was used already."));
        }
        cx.tx().put(&schema::USED_TOKENS, &UsedToken { id, expires_at: until })?;
    }
    let place = match (&ended.session, &ended.subject) {
        (Some(sid), _) => format!("sid {sid}"),
        (None, Some(sub)) => format!("sub {sub}"),
        (None, None) => return Ok(0),
    };
    let found = cx.view().all_by(&schema::SESSIONS_OF_IDENTITY, &(ended.connection.clone(), place))?;
    let same = |s: &&Session| {
        let subject = s.identity.as_ref().map(|i| i.subject.as_str());
        ended.subject.as_deref().is_none_or(|wanted| subject == Some(wanted))
    };
    let mut count = 0;
    for session in found.iter().filter(same) {
        let Some(user) = cx.view().get(&schema::USERS, &session.user)? else { continue };
        let grant = cx.allow(Action::SessionRevoke, Resource::User(user.id))?;
        sessions::remove(cx.tx(), &session.id)?;
        let why = Change { field: "ended by".into(), from: None, to: Some("the company's identity provider".into()) };
        cx.record_on(grant, Named::new("session", session.handle(), user.username), vec![why])?;
        count += 1;
    }
    Ok(count)
}

/// Removes what is over at `now`, at most a page of each.
pub fn sweep(tx: &mut Tx, now: Millis) -> Result<()> {
    for over in tx.list_by(&schema::SIGN_INS_BY_END, Range::all().until(&(now,)))?.items {
        tx.delete(&schema::SIGN_INS, &over.place)?;
    }
    for over in tx.list_by(&schema::USED_TOKENS_BY_END, Range::all().until(&(now,)))?.items {
        tx.delete(&schema::USED_TOKENS, &over.id)?;
    }
    Ok(())
}

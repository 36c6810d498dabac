//! The second step of signing in, and signing in by passkey alone: what crosses the line between memory (challenges, half
//! sign-ins), arithmetic, and the transactions of [`crate::ops::factors`]. Next: `enrolment` for how factors are added.
//!
//! What is begun lives in memory, bounded and for five minutes, in a map per purpose, so that nothing begun for one purpose
//! can be ended as another. A half sign-in gives no right but to present the second factor.

use super::enrolment::{NewApp, NewPasskey};
use super::passkeys::{Answer, Party, Proving, not_here};
use super::sign_in_failed;
use crate::app::App;
use crate::clock::{MINUTE, Millis};
use crate::crypto::{self, codes};
use crate::error::{Code, Error, Result};
use crate::model::UserId;
use crate::model::factor::CodeApp;
use crate::model::session::Session;
use crate::model::user::{Status, User};
use crate::ops::passwords::PASSWORD_MAX;
use crate::ops::sessions::FreshSession;
use crate::ops::{self, Caller};
use crate::store::{Read, schema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;

/// How long what was begun waits for its end.
pub const PATIENCE: Millis = 5 * MINUTE;
/// Wrong codes that end a half sign-in or an enrolment.
pub(super) const TRIES: u8 = 5;
/// Most that is begun for one purpose; beyond it the oldest is forgotten.
const BEGUN: usize = 10_000;
/// How long a sign-in counts as a proof for somebody who has no password.
const RECENT: Millis = 10 * MINUTE;

/// What a password alone came to.
#[derive(Debug)]
pub enum SignedIn {
    /// A session.
    Open(FreshSession, Box<Session>),
    /// A half sign-in: this token of it is for the browser that typed the password.
    Half(String),
}

impl SignedIn {
    /// The session of whoever has no second factor.
    ///
    /// # Errors
    /// [`Code::SignInFailed`] where the second factor is wanted.
    pub fn open(self) -> Result<(FreshSession, Session)> {
        match self {
            SignedIn::Open(fresh, session) => Ok((fresh, *session)),
            SignedIn::Half(_) => Err(Error::new(Code::SignInFailed, "A second factor is wanted.")),
        }
    }
}

/// What can be shown at the second step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// A passkey.
    pub passkey: bool,
    /// A code of the app.
    pub code: bool,
    /// A recovery code.
    pub recovery: bool,
}

/// A sign-in whose password fits.
struct Half {
    user: UserId,
    /// How the first step was done.
    first: &'static str,
    began_at: Millis,
    failures: u8,
    challenge: Option<Proving>,
}

/// What was begun for one purpose, by the hash of its token.
pub(super) struct Begun<T>(Mutex<HashMap<String, (Millis, T)>>);

impl<T> Default for Begun<T> {
    fn default() -> Self {
        Begun(Mutex::default())
    }
}

impl<T> Begun<T> {
    pub(super) fn begin(&self, token: &str, now: Millis, what: T) {
        let mut begun = self.0.lock();
        if begun.len() >= BEGUN {
            let mut ends: Vec<_> = begun.values().map(|(end, _)| *end).collect();
            let (_, middle, _) = ends.select_nth_unstable(BEGUN / 2);
            let oldest = (*middle).max(now);
            begun.retain(|_, (end, _)| *end > oldest);
        }
        begun.insert(crypto::hashed(token), (now + PATIENCE, what));
    }

    /// What was begun with this token, once.
    pub(super) fn take(&self, token: &str, now: Millis) -> Option<T> {
        self.0.lock().remove(&crypto::hashed(token)).filter(|(end, _)| now < *end).map(|(_, what)| what)
    }

    /// Looks at it, or changes it, where it is.
    pub(super) fn with<R>(&self, token: &str, now: Millis, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut begun = self.0.lock();
        begun.get_mut(&crypto::hashed(token)).filter(|(end, _)| now < *end).map(|(_, what)| f(what))
    }
}

/// Everything begun, and where passkeys are valid.
#[derive(Default)]
pub(in crate::app) struct Counter {
    party: Option<Party>,
    halves: Begun<Half>,
    proofs: Begun<Proving>,
    pub(super) passkeys: Begun<NewPasskey>,
    pub(super) apps: Begun<NewApp>,
}

impl Counter {
    pub(in crate::app) fn new(base_url: &str) -> Self {
        Counter { party: Party::of(base_url), ..Counter::default() }
    }
}

fn over() -> Error {
    Error::new(Code::SignInFailed, "The sign-in took too long, or was ended after wrong codes.")
        .hint("Begin again with the password.")
}

impl App {
    /// Whether browsers offer passkeys at this server's address.
    pub fn has_passkeys(&self) -> bool {
        self.counter.party.is_some()
    }

    pub(super) fn party(&self) -> Result<&Party> {
        self.counter.party.as_ref().ok_or_else(not_here)
    }

    /// A half sign-in for `user`, whose password fits; `None` where there is no second factor and it is enough.
    pub(super) fn half_way(&self, user: &User, first: &'static str) -> Result<Option<String>> {
        if !self.store.read(|view| ops::factors::of(view, user.id))?.any() {
            return Ok(None);
        }
        let (token, now) = (self.random.letters(43)?, self.clock.now());
        let half = Half { user: user.id, first, began_at: now, failures: 0, challenge: None };
        self.counter.halves.begin(&token, now, half);
        Ok(Some(token))
    }

    /// What the browser that holds `token` may show.
    ///
    /// # Errors
    /// [`Code::SignInFailed`] where there is no such half sign-in any more.
    pub fn second_step(&self, token: &str) -> Result<Offered> {
        let user = self.counter.halves.with(token, self.clock.now(), |half| half.user).ok_or_else(over)?;
        let has = self.store.read(|view| ops::factors::of(view, user))?;
        let passkey = self.has_passkeys() && !has.passkeys.is_empty();
        Ok(Offered { passkey, code: has.app.is_some(), recovery: has.recovery > 0 })
    }

    /// Ends a half sign-in by a code of the app or a recovery code.
    ///
    /// # Errors
    /// [`Code::SignInFailed`], [`Code::TooManyAttempts`].
    pub async fn sign_in_by_code(&self, token: &str, typed: &str, who: &Caller) -> Result<(FreshSession, Session)> {
        let now = self.clock.now();
        let (id, first, began_at) =
            self.counter.halves.with(token, now, |h| (h.user, h.first, h.began_at)).ok_or_else(over)?;
        self.throttle.check_second(id, now)?;
        let user = self.still_welcome(id, began_at)?;
        let by = match user {
            Some(_) if self.use_code(id, typed).await? => Some("code"),
            Some(_) if self.use_recovery(id, typed).await? => Some("recovery"),
            _ => None,
        };
        let (Some(user), Some(by)) = (user.as_ref(), by) else {
            self.throttle.failed_second(id, now);
            let failures = self.counter.halves.with(token, now, |half| {
                half.failures += 1;
                half.failures
            });
            if failures.is_some_and(|n| n >= TRIES) {
                self.counter.halves.take(token, now);
            }
            self.note(Some(self.failed_sign_in(user.as_ref(), ("second factor", "The code does not fit."), who)));
            sign_in_failed();
            return Err(Error::new(Code::SignInFailed, "The code does not fit, or was used already.")
                .hint("Wait for the next code, or use a recovery code."));
        };
        // Whoever takes it first gets in; a second answer of the same half finds nothing.
        self.counter.halves.take(token, now).ok_or_else(over)?;
        self.throttle.succeeded_second(id);
        self.open_session(user, &format!("{first}+{by}"), None, who).await.map_err(as_failure)
    }

    /// Starts a proof by passkey. With the token of a half sign-in it is for that alone; without one, a token for the browser
    /// comes with it, and the passkey is to be the whole sign-in.
    pub fn ask_for_passkey(&self, half: Option<&str>) -> Result<(String, Option<String>)> {
        let (asked, state) = self.party()?.ask()?;
        let now = self.clock.now();
        if let Some(token) = half {
            self.counter.halves.with(token, now, |half| half.challenge = Some(state)).ok_or_else(over)?;
            return Ok((asked, None));
        }
        let token = self.random.letters(43)?;
        self.counter.proofs.begin(&token, now, state);
        Ok((asked, Some(token)))
    }

    /// Ends a half sign-in by a passkey.
    ///
    /// # Errors
    /// [`Code::SignInFailed`].
    pub async fn second_by_passkey(&self, token: &str, answer: &str, who: &Caller) -> Result<(FreshSession, Session)> {
        let now = self.clock.now();
        let begun = self.counter.halves.with(token, now, |h| (h.user, h.first, h.began_at, h.challenge.take()));
        let (id, first, began_at, challenge) = begun.ok_or_else(over)?;
        let challenge = challenge.ok_or_else(over)?;
        self.still_welcome(id, began_at)?.ok_or_else(over)?;
        let user = self.prove_passkey(challenge, answer, Some(id), who).await?;
        self.counter.halves.take(token, now).ok_or_else(over)?;
        self.throttle.succeeded_second(id);
        self.open_session(&user, &format!("{first}+passkey"), None, who).await.map_err(as_failure)
    }

    /// Signs in by a passkey alone: whoever holds it has proved to it who they are.
    ///
    /// # Errors
    /// [`Code::SignInFailed`].
    pub async fn sign_in_by_passkey(&self, token: &str, answer: &str, who: &Caller) -> Result<(FreshSession, Session)> {
        let challenge = self.counter.proofs.take(token, self.clock.now()).ok_or_else(over)?;
        let user = self.prove_passkey(challenge, answer, None, who).await?;
        let opened = self.open_session(&user, "passkey", None, who).await.map_err(as_failure)?;
        crate::meter::count(crate::meter::Meter::SignIns);
        Ok(opened)
    }

    /// The account whose passkey gave `answer`; of `expected` alone where that is named.
    async fn prove_passkey(
        &self,
        challenge: Proving,
        answer: &str,
        expected: Option<UserId>,
        who: &Caller,
    ) -> Result<User> {
        let refused = |user: Option<&User>, cause: &str| -> Result<User> {
            self.note(Some(self.failed_sign_in(user, ("passkey", cause), who)));
            sign_in_failed();
            Err(Error::new(Code::SignInFailed, "The passkey was not accepted.")
                .hint("Use one that you added under My account here, or sign in with the password."))
        };
        let answer = match Answer::read(answer) {
            Ok(answer) => answer,
            Err(why) => return refused(None, &format!("The answer cannot be read: {why}.")),
        };
        let found = self.store.read(|view| ops::factors::passkey(view, &answer.passkey()))?;
        let Some((passkey, user)) = found else { return refused(None, "Nobody here has this passkey.") };
        if expected.is_some_and(|id| id != user.id) {
            return refused(Some(&user), "It is not a passkey of the account whose password was typed.");
        }
        let state = match self.party()?.proved(challenge, &answer, &passkey) {
            Ok(state) => state,
            Err(why) => return refused(Some(&user), &format!("The check of the answer failed: {why}.")),
        };
        if user.status != Status::Active {
            return refused(Some(&user), "The user is not active.");
        }
        let settings = self.settings.current();
        if settings.is_sso_on() && !self.store.read(|view| ops::break_glass::allowed(view, &settings, &user))? {
            return refused(
                Some(&user),
                "While people sign in through the company, passkeys are for break-glass administrators.",
            );
        }
        let now = self.clock.now();
        if !self.store.write(move |tx| ops::factors::use_passkey(tx, &passkey, state, now)).await? {
            return refused(Some(&user), "The passkey was used by somebody else at the same moment, or is removed.");
        }
        Ok(user)
    }

    /// The account of a half sign-in, unless it was deactivated or given another password meanwhile, or may not sign in here
    /// any more.
    fn still_welcome(&self, id: UserId, began_at: Millis) -> Result<Option<User>> {
        let settings = self.settings.current();
        self.store.read(|view| {
            let Some(user) = view.get(&schema::USERS, &id)? else { return Ok(None) };
            let kept = view.get(&schema::PASSWORDS, &id)?.is_some_and(|p| p.changed_at <= began_at);
            let allowed = !settings.is_sso_on() || ops::break_glass::allowed(view, &settings, &user)?;
            Ok(Some(user).filter(|u| u.status == Status::Active && kept && allowed))
        })
    }

    async fn use_code(&self, user: UserId, typed: &str) -> Result<bool> {
        let now = self.clock.now();
        let Some(app) = self.store.read(|view| ops::factors::of(view, user))?.app else { return Ok(false) };
        let Some(step) = codes::step_of(&self.open_secret(&app)?, typed, now)? else { return Ok(false) };
        self.store.write(move |tx| ops::factors::use_step(tx, user, step, now)).await
    }

    async fn use_recovery(&self, user: UserId, typed: &str) -> Result<bool> {
        let typed = typed.to_owned();
        self.store.write(move |tx| ops::factors::use_recovery(tx, user, &typed)).await
    }

    fn open_secret(&self, app: &CodeApp) -> Result<Vec<u8>> {
        let sealed = STANDARD.decode(&app.sealed).map_err(|_| Error::internal("a sealed secret is damaged"))?;
        self.sealer.open(&purpose(app.user), &sealed)
    }

    /// Proves that whoever sits before the session is its person: by the present password, a code of the app or a recovery
    /// code; somebody without a password, by having signed in within ten minutes.
    ///
    /// # Errors
    /// [`Code::InvalidValue`], [`Code::TooManyAttempts`].
    pub async fn prove_oneself(
        &self,
        who: &Caller,
        session: &Session,
        typed: &str,
        ip: Option<IpAddr>,
    ) -> Result<User> {
        let me = self.ask(who, |cx| ops::users::me(cx))?;
        let now = self.clock.now();
        self.throttle.check(&me.username, ip, now)?;
        self.throttle.check_second(me.id, now)?;
        let hash = self.store.read(|view| Ok(view.get(&schema::PASSWORDS, &me.id)?.map(|p| p.hash)))?;
        if hash.is_none() && typed.is_empty() {
            if now - session.created_at < RECENT {
                return Ok(me);
            }
            return Err(Error::invalid("You have no password here, so a fresh sign-in is your proof.")
                .hint("Sign out and in again, and do this within ten minutes."));
        }
        if typed.len() <= PASSWORD_MAX && !typed.contains('\0') {
            let fits = self.hasher.verify(typed.to_owned(), hash).await?;
            if fits || self.use_code(me.id, typed).await? || self.use_recovery(me.id, typed).await? {
                return Ok(me);
            }
        }
        self.throttle.failed(&me.username, ip, now);
        self.throttle.failed_second(me.id, now);
        Err(Error::invalid("The present password does not fit."))
    }
}

pub(super) fn purpose(user: UserId) -> String {
    format!("one-time codes of user {}", user.0)
}

/// What the policy refuses at the last step reads like any other failed sign-in.
fn as_failure(error: Error) -> Error {
    use crate::error::Kind;
    if matches!(error.kind(), Kind::Denied | Kind::NotFound) { sign_in_failed() } else { error }
}

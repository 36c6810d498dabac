//! Signing in: what crosses the line between proofs (hashing, the network, authenticators) and the transactions. Here the
//! password, the session it opens, the setup code and the way back in; the rooms below have the other proofs: `company` the
//! OpenID provider, `directory` LDAP, `factors` the second step and passkeys, `enrolment` how those are added. What a proof
//! leads to is [`crate::ops::sso`]'s and [`crate::ops::sessions`]'.

pub mod company;
mod directory;
mod enrolment;
mod factors;
mod passkeys;
#[cfg(test)]
mod tests;

pub(super) use directory::Desk;
pub use enrolment::ForApp;
pub(super) use factors::Counter;
pub use factors::{Offered, PATIENCE as SECOND_STEP, SignedIn};

use super::App;
use crate::error::{Code, Error, Kind, Result};
use crate::meter::{self, Meter};
use crate::model::audit::{Event, Named};
use crate::model::identity::ExternalIdentity;
use crate::model::session::{Session, SessionIdentity};
use crate::model::team::HOME;
use crate::model::user::{Status, User};
use crate::ops::passwords::PASSWORD_MAX;
use crate::ops::sessions::FreshSession;
use crate::ops::sso::Arrival;
use crate::ops::users::NewUser;
use crate::ops::{self, Caller};
use crate::policy::{Actor, Credential, Process, Subject};
use crate::store::{Read, schema};
use std::net::IpAddr;

impl App {
    /// Who holds this session cookie, with the session.
    pub fn by_session(&self, token: &str, ip: IpAddr) -> Result<(Subject, Session)> {
        let now = self.clock.now();
        let (subject, session) = self.store.read(|view| ops::sessions::resolve(view, token, now))?;
        self.uses.session(&session.id, now, ip);
        Ok((subject, session))
    }

    /// Proves a password and opens a session, or the second step for whoever has a second factor. The refusal is the same, and
    /// costs the same, whatever the cause: unknown name, no password, wrong one, or an account that is not active; the audit
    /// event says which.
    ///
    /// # Errors
    /// [`Code::SignInFailed`], [`Code::TooManyAttempts`], [`Code::Busy`], [`Code::SetupRequired`].
    pub async fn sign_in(
        &self,
        typed_name: &str,
        password: &str,
        who: &Caller,
        ip: Option<IpAddr>,
    ) -> Result<SignedIn> {
        let (now, typed) = (self.clock.now(), typed_name);
        self.throttle.check(typed, ip, now)?;
        if password.is_empty() || password.len() > PASSWORD_MAX || password.contains('\0') {
            self.throttle.failed(typed, ip, now);
            return Err(sign_in_failed());
        }
        let (user, hash) = self.store.read(|view| {
            if !ops::sessions::has_users(view)? {
                return Err(Error::new(Code::SetupRequired, "There is no user yet.")
                    .hint("Open the setup link that the server printed at its start, or create the first user from the shell."));
            }
            let user = ops::users::by_name(view, typed)?;
            let hash = match &user {
                Some(user) => view.get(&schema::PASSWORDS, &user.id)?.map(|p| p.hash),
                None => None,
            };
            Ok((user, hash))
        })?;
        if let Some(user) = &user
            && self.store.read(|view| ops::break_glass::restores(view, user.id, password, now))?
        {
            let (id, typed) = (user.id, password.to_owned());
            self.store.write(move |tx| ops::break_glass::use_up(tx, id, &typed, now)).await?;
            self.throttle.succeeded(typed_name, ip);
            let (fresh, session) = self.open_session(user, "restore", None, who).await?;
            return Ok(SignedIn::Open(fresh, Box::new(session)));
        }
        let has_password = hash.is_some();
        let fits = self.hasher.verify(password.to_owned(), hash).await?;
        let settings = self.settings.current();
        let (allowed, method) = match &user {
            Some(user) if settings.is_sso_on() => {
                (self.store.read(|view| ops::break_glass::allowed(view, &settings, user))?, "break-glass")
            }
            _ => (true, "password"),
        };
        let cause = match &user {
            None => Some("There is no such user."),
            Some(_) if !has_password => Some("The user has no password."),
            Some(_) if !fits => Some("The password does not fit."),
            Some(user) if user.status != Status::Active => Some("The user is not active."),
            Some(_) if !allowed => {
                Some("While people sign in through the company, passwords are for break-glass administrators.")
            }
            Some(_) => None,
        };
        let (Some(user), None) = (&user, cause) else {
            // The local password first, though it is rarely the one: whoever needs it gets in while the directory is down, and
            // it is not sent there.
            if settings.ldap().login {
                let (fresh, session) = self.sign_in_by_directory(typed, password, user.as_ref(), who, ip).await?;
                return Ok(SignedIn::Open(fresh, Box::new(session)));
            }
            self.throttle.failed(typed, ip, now);
            self.note(Some(self.failed_sign_in(user.as_ref(), ("password", cause.unwrap_or_default()), who)));
            return Err(sign_in_failed());
        };
        if let Some(token) = self.half_way(user, method)? {
            self.throttle.succeeded(typed, ip);
            return Ok(SignedIn::Half(token));
        }
        let (fresh, session) = self.open_session(user, method, None, who).await.map_err(|e| match e.kind() {
            Kind::Denied | Kind::NotFound => sign_in_failed(),
            _ => e,
        })?;
        meter::count(Meter::SignIns);
        self.throttle.succeeded(typed, ip);
        Ok(SignedIn::Open(fresh, Box::new(session)))
    }

    /// Makes the first administrator by the setup code, and signs them in.
    pub async fn set_up(
        &self,
        code: &str,
        mut new: NewUser,
        password: &str,
        who: &Caller,
    ) -> Result<(FreshSession, Session)> {
        self.check_setup(code)?;
        new.role = Some(crate::model::role::OrgRole::Admin);
        new.password_hash = Some(self.new_password(password, &[&new.email, &new.name]).await?);
        let as_setup = Caller { subject: Subject::process(Process::Setup), origin: who.origin.clone() };
        let code = code.to_owned();
        let user = self.act(&as_setup, move |cx| ops::sessions::set_up(cx, &code, &new)).await?;
        self.open_session(&user, "setup", None, who).await
    }

    /// A session for somebody whose identity is proven.
    pub(super) async fn open_session(
        &self,
        user: &User,
        method: &str,
        identity: Option<SessionIdentity>,
        who: &Caller,
    ) -> Result<(FreshSession, Session)> {
        let fresh = FreshSession::draw(&self.random)?;
        let proven = Caller {
            subject: Subject { actor: Actor::User(user.id), credential: Credential::None },
            origin: who.origin.clone(),
        };
        let (id, method, secrets) = (user.id, method.to_owned(), fresh.clone());
        let session =
            self.act(&proven, move |cx| ops::sessions::open(cx, id, &method, identity.clone(), &secrets)).await?;
        meter::count(Meter::SessionsOpened);
        Ok((fresh, session))
    }

    /// Opens a session for somebody whom the company's provider or directory just proved to be `identity`. The account and its
    /// teams follow first, in a transaction of their own, so that the session's event names the person.
    ///
    /// # Errors
    /// [`Code::SetupRequired`], [`Code::Denied`] with what to do, noted in the audit log.
    pub async fn sign_in_by(
        &self,
        identity: ExternalIdentity,
        method: &'static str,
        who: &Caller,
    ) -> Result<(FreshSession, Session)> {
        let company = Caller { subject: Subject::process(Process::Company), origin: who.origin.clone() };
        let session = SessionIdentity {
            connection: identity.connection.clone(),
            subject: identity.subject.clone(),
            session: identity.session.clone(),
        };
        let arrival = self.act(&company, move |cx| ops::sso::arrive(cx, &identity)).await?;
        let opened = self.open_session(&arrival.user, method, Some(session), who).await?;
        meter::count(Meter::SignIns);
        Ok(opened)
    }

    /// What signing in as `identity` would lead to: the same code in a transaction that is then dropped. For those who may
    /// change settings.
    pub async fn rehearse_sign_in(&self, who: &Caller, identity: ExternalIdentity) -> Result<Arrival> {
        self.ask(who, |cx| ops::settings::may_save(cx))?;
        let company = Caller { subject: Subject::process(Process::Company), origin: who.origin.clone() };
        self.rehearse(&company, move |cx| ops::sso::arrive(cx, &identity)).await
    }

    /// Opens the way back in where the environment asks for it, and closes it where it does not: gives the username and a
    /// temporary password, which works once and for an hour. `None` where the flag is not set.
    ///
    /// # Errors
    /// [`Code::SetupRequired`] while there is no administrator.
    pub fn restore(&self) -> Result<Option<(String, String)>> {
        let password = self.random.letters(24)?;
        let (now, entropy, kept) = (self.clock.now(), self.entropy(), password.clone());
        let open = self.settings.current().sign_in().restore;
        let user = self.store.write_blocking(move |tx| ops::break_glass::restore(tx, open, &kept, now, entropy))?;
        Ok(user.map(|user| (user, password)))
    }

    /// Whether `code` would make the first administrator; looking does not use it up.
    ///
    /// # Errors
    /// [`Code::SetupVoid`].
    pub fn check_setup(&self, code: &str) -> Result<()> {
        let now = self.clock.now();
        self.store.read(|view| ops::sessions::check_setup(view, code, now))
    }

    /// Whether any user exists or existed: until then nobody can sign in.
    pub fn has_users(&self) -> Result<bool> {
        self.store.read(|view| ops::sessions::has_users(view))
    }

    /// The PHC string of a new password that passes the rules; `own` are the person's names, which must not make it.
    pub async fn new_password(&self, password: &str, own: &[&str]) -> Result<String> {
        ops::passwords::check_new(password, own)?;
        self.hasher.hash(password.to_owned()).await
    }

    /// Changes the asker's own password after proving the present one; other sessions end.
    pub async fn change_password(&self, who: &Caller, present: &str, new: &str, ip: Option<IpAddr>) -> Result<()> {
        let me = self.ask(who, |cx| ops::users::me(cx))?;
        self.throttle.check(&me.username, ip, self.clock.now())?;
        let hash = self.store.read(|view| Ok(view.get(&schema::PASSWORDS, &me.id)?.map(|p| p.hash)))?;
        if present.len() > PASSWORD_MAX || !self.hasher.verify(present.to_owned(), hash).await? {
            self.throttle.failed(&me.username, ip, self.clock.now());
            return Err(Error::invalid("The present password does not fit."));
        }
        let hash = self.new_password(new, &[&me.username, &me.name, me.email().unwrap_or_default()]).await?;
        let keep = match &who.subject.credential {
            Credential::Session(handle, _) => Some(handle.clone()),
            _ => None,
        };
        self.act(who, move |cx| ops::users::set_password(cx, &me.username, &hash, keep.as_deref())).await
    }

    fn failed_sign_in(&self, user: Option<&User>, reason: (&str, &str), who: &Caller) -> Event {
        let org = user.and_then(User::home_org).unwrap_or(HOME);
        // What an unknown person typed may be a password in the wrong field: it is not kept.
        let target = user.map_or_else(|| Named::new("user", "", ""), ops::user_named);
        self.failure(org, "user:login", target, reason, &who.origin)
    }

    /// A setup code for this start, or `None` when a user exists.
    pub fn renew_setup(&self) -> Result<Option<String>> {
        let code = self.random.letters(43)?;
        let (now, stored) = (self.clock.now(), code.clone());
        let renewed = self.store.write_blocking(move |tx| ops::sessions::renew_setup(tx, &stored, now))?;
        Ok(renewed.then_some(code))
    }
}

fn sign_in_failed() -> Error {
    meter::count(Meter::SignInsFailed);
    Error::new(Code::SignInFailed, "User name and password do not fit together, or the account is not active.")
        .hint("Check both. An organization admin can see the reason in the audit log.")
}

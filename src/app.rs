//! The running instance: the store and everything in memory beside it. [`App::ask`] and [`App::act`] are the only doors from
//! a surface to a use-case; they draw the time and the event ids, and write refusals to the audit log afterwards.
//! Sign-in lives here too, since it crosses the line between the async world (hashing) and the transactions.

pub mod company;

use crate::blobs::Blobs;
use crate::clock::{Clock, MINUTE, Millis};
use crate::config::env::Env as Environment;
use crate::config::settings::{LiveSettings, Settings};
use crate::crypto::signing::SigningKey;
use crate::crypto::{Random, Sealer};
use crate::error::{Code, Error, Kind, Result};
use crate::meter::{self, Meter};
use crate::model::audit::{Event, EventId, Named, Origin, Outcome, Reason};
use crate::model::identity::ExternalIdentity;
use crate::model::session::{Session, SessionIdentity};
use crate::model::team::HOME;
use crate::model::user::{Status, User};
use crate::model::{HoldId, OrgId};
use crate::ops::credentials::FreshKey;
use crate::ops::denials::Denials;
use crate::ops::passwords::{Hasher, PASSWORD_MAX};
use crate::ops::requests::Requests;
use crate::ops::runs::tickets::{Ticket, Way};
use crate::ops::sessions::FreshSession;
use crate::ops::settings::Changes;
use crate::ops::sso::Arrival;
use crate::ops::throttle::Throttle;
use crate::ops::users::NewUser;
use crate::ops::uses::Uses;
use crate::ops::what_if::{Preview, Scope};
use crate::ops::{self, Acting, Asking, Caller, Cx, Env};
use crate::policy::{Actor, Credential, Process, Subject};
use crate::store::{Range, Read, Snapshot, Store, schema};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

mod directory;
mod enrolment;
mod factors;
pub mod federation;
mod passkeys;
mod people;
#[cfg(test)]
mod tests;

pub use enrolment::ForApp;
pub use factors::{Offered, PATIENCE as SECOND_STEP, SignedIn};

/// One instance.
pub struct App {
    /// What is kept.
    pub store: Store,
    /// The present.
    pub clock: Clock,
    /// The random source.
    pub random: Random,
    /// The settings in force.
    pub settings: LiveSettings,
    /// The password hashing threads.
    pub hasher: Hasher,
    /// The origin used in links, without a trailing slash.
    pub base_url: String,
    /// What signs assertions about who was let in.
    pub assertions: SigningKey,
    environment: Environment,
    calls: AtomicU32,
    /// A random number of this start.
    boot: u32,
    throttle: Throttle,
    denials: Denials,
    uses: Uses,
    /// What provisioning clients asked of late.
    pub requests: Requests,
    reveals: Mutex<HashMap<(String, crate::model::UserId), (FreshKey, Millis)>>,
    ticket_key: [u8; 32],
    desk: directory::Desk,
    counter: factors::Counter,
    sealer: Sealer,
    /// What is known of other people's issuers.
    issuers: crate::idp::Issuers,
    /// Brakes on mail that strangers have sent.
    sign_ups: Throttle,
    /// Rings when something is put into the outbox.
    bell: tokio::sync::Notify,
}

/// What the instance is made from.
pub struct Parts {
    /// What is kept, open.
    pub store: Store,
    /// The environment, for settings.
    pub environment: Environment,
    /// The origin used in links.
    pub base_url: String,
    /// The key with which secrets at rest are sealed.
    pub sealing_key: [u8; 32],
    /// Name of the first organization, for a first start.
    pub org: String,
    /// The present.
    pub clock: Clock,
    /// The random source.
    pub random: Random,
    /// Password hashing threads.
    pub hashing_threads: usize,
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
impl App {
    /// An instance for unit tests: an empty store in memory, repeatable randomness, these environment variables.
    pub fn for_tests(clock: Clock, environment: &[(&str, &str)]) -> App {
        App::start(Parts {
            store: Store::in_memory(&schema::SCHEMA).unwrap(),
            environment: Environment::of(environment),
            sealing_key: [7; 32],
            base_url: "http://127.0.0.1".into(),
            org: "default".into(),
            clock,
            random: Random::seeded(1),
            hashing_threads: 1,
        })
        .unwrap()
    }
}

/// How long the key of a service account just made can be shown to its maker.
const REVEAL: Millis = MINUTE;

/// How many approved losses share a commit.
const AT_ONCE: usize = 64;

impl App {
    /// Starts the instance: makes the first organization in an empty store, reads the saved settings.
    pub fn start(parts: Parts) -> Result<App> {
        let (now, entropy) = (parts.clock.now(), 0);
        let boot = u32::from_be_bytes(parts.random.bytes::<4>()?);
        let org = parts.org;
        parts.store.write_blocking(move |tx| ops::bootstrap::first_start(tx, &org, now, entropy))?;
        let sealer = Sealer::new(&parts.sealing_key)?;
        let saved = parts.store.read(|view| ops::settings::saved(view, &sealer))?;
        let settings = Settings::resolve(&parts.environment, &saved)?;
        let assertions = ops::secrets::assertion_key(&parts.store, &sealer, &parts.random, now)?;
        let ticket_key = ops::secrets::ticket_key(&parts.store, &sealer, &parts.random, now)?;
        Ok(App {
            assertions,
            hasher: Hasher::start(parts.hashing_threads, parts.random.clone())?,
            settings: LiveSettings::new(settings),
            store: parts.store,
            clock: parts.clock,
            random: parts.random,
            environment: parts.environment,
            calls: AtomicU32::new(1),
            boot,
            throttle: Throttle::default(),
            denials: Denials::default(),
            uses: Uses::default(),
            requests: Requests::default(),
            reveals: Mutex::default(),
            ticket_key,
            desk: directory::Desk::default(),
            counter: factors::Counter::new(&parts.base_url),
            base_url: parts.base_url,
            sealer,
            issuers: crate::idp::Issuers::default(),
            sign_ups: Throttle::default(),
            bell: tokio::sync::Notify::new(),
        })
    }

    fn env(&self) -> Env {
        Env { now: self.clock.now(), settings: self.settings.current(), entropy: self.entropy() }
    }

    /// 32 bits of a count, 32 random ones of this start, and 16 for the events of one use-case: unique without asking the
    /// operating system at every request.
    fn entropy(&self) -> u128 {
        let count = self.calls.fetch_add(1, Ordering::Relaxed);
        (u128::from(count) << 48) | (u128::from(self.boot) << 16)
    }

    /// A reading use-case over one snapshot, on the calling thread.
    pub fn ask<T>(&self, who: &Caller, f: impl FnOnce(&Asking) -> Result<T>) -> Result<T> {
        let env = self.env();
        self.store.read(|view| {
            let cx = Cx::new(view, who, &env);
            let outcome = f(&cx);
            if outcome.is_err() {
                self.note(cx.take_refusal());
            }
            outcome
        })
    }

    /// A reading use-case by whoever presents this API key: key, account and use-case see one snapshot, and the account is
    /// read once. `origin` is written out only for the event of a refusal.
    ///
    /// # Errors
    /// [`Code::Unauthenticated`] before `f` runs, else its own.
    pub fn ask_by_key<T>(
        &self,
        presented: &str,
        ip: IpAddr,
        origin: impl FnOnce() -> Origin,
        f: impl FnOnce(&Asking) -> Result<T>,
    ) -> Result<T> {
        let env = self.env();
        self.store.read(|view| {
            let (subject, owner) = ops::credentials::resolve_owner(view, presented, env.now, ip)
                .inspect_err(|_| self.note_stray(view, presented, ip))?;
            self.used_key(&subject, env.now, ip);
            let who = Caller { subject, origin: Origin::default() };
            let cx = Cx::known(view, &who, &env, owner);
            let outcome = f(&cx);
            if outcome.is_err() {
                self.note(cx.take_refusal().map(|event| Event { origin: origin(), ..event }));
            }
            outcome
        })
    }

    /// A writing use-case in one transaction. When it resolves with `Ok`, the change and its event are on disk.
    pub async fn act<T: Send + 'static>(
        &self,
        who: &Caller,
        f: impl Fn(&mut Acting) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (env, who, refused) = (self.env(), who.clone(), Arc::new(Mutex::new(None)));
        let (refusal, due) = (Arc::clone(&refused), Arc::new(Mutex::new(None)));
        let (now, after) = (env.now, Arc::clone(&due));
        let outcome = self
            .store
            .write(move |tx| {
                let mut cx = Cx::new(tx, &who, &env);
                let outcome = f(&mut cx);
                *refusal.lock() = if outcome.is_err() { cx.take_refusal() } else { cx.take_ignored() };
                *after.lock() = if outcome.is_err() { cx.aftermath.take() } else { None };
                outcome
            })
            .await;
        let noted = refused.lock().take();
        self.note(noted);
        let due = due.lock().take();
        if let Some(due) = due {
            // Before the answer: who is told that a change is held back finds it held back.
            self.store.write(move |tx| ops::keep_aftermath(tx, &due, now)).await?;
        }
        outcome
    }

    /// What `f` would do and give: the same code in a transaction that is then dropped. A refusal is audited as if it had been
    /// tried.
    pub async fn rehearse<T: Send + 'static>(
        &self,
        who: &Caller,
        f: impl Fn(&mut Acting) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let found = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&found);
        let dropped = self
            .act(who, move |cx| {
                let would = f(cx);
                // Nothing was really wanted, so nothing waits for a decision.
                cx.aftermath = None;
                let would = would?;
                cx.take_refusal();
                *keep.lock() = Some(would);
                Err::<(), _>(Error::internal("a rehearsal is always dropped"))
            })
            .await;
        let found = found.lock().take();
        match (found, dropped) {
            (Some(would), _) => Ok(would),
            (None, Err(refused)) => Err(refused),
            (None, Ok(())) => Err(Error::internal("a rehearsal was not dropped")),
        }
    }

    /// What `change` would give and take in `scope`: it runs in a transaction that is then dropped. A refusal of the change is
    /// audited as if it had been tried.
    pub async fn preview(
        &self,
        who: &Caller,
        scope: Scope,
        change: impl Fn(&mut Acting) -> Result<()> + Send + 'static,
    ) -> Result<Preview> {
        self.rehearse(who, move |cx| ops::what_if::compare(cx, scope, &change)).await
    }

    /// Approves what the fuse holds back and carries it out, each loss by itself: one that cannot be done says why and stops no
    /// other. Gives how many were done and how many were not.
    pub async fn approve_held(&self, who: &Caller, id: HoldId, seen: Millis) -> Result<(usize, usize)> {
        self.act(who, move |cx| ops::fuse::decide(cx, id, true, seen).map(drop)).await?;
        let (mut done, mut left, mut cursor) = (0, 0, None);
        loop {
            let range = Range::all().after(cursor.take()).limit(AT_ONCE);
            let page = self.ask(who, |cx| ops::fuse::losses(cx, id, range))?;
            let each = page.items.into_iter().map(|held| async move {
                let (tried, noted) = (held.clone(), held);
                match self.act(who, move |cx| ops::fuse::carry_out(cx, &tried)).await {
                    Ok(()) => Ok(true),
                    Err(why) => {
                        let why = why.detail().to_owned();
                        self.act(who, move |cx| ops::fuse::trouble(cx, &noted, &why)).await.map(|()| false)
                    }
                }
            });
            for outcome in futures_util::future::join_all(each).await {
                if outcome? { done += 1 } else { left += 1 }
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok((done, left)),
            }
        }
    }

    /// Waits until everything noted so far is in the store; asked before the audit log is read.
    pub async fn settle(&self) -> Result<()> {
        self.requests.flush(&self.store);
        self.store.write(|_| Ok(())).await
    }

    fn note(&self, event: Option<Event>) {
        if let Some(event) = event {
            self.denials.note(&self.store, event);
        }
    }

    /// The settings as `changes` would make them, for those who may save them; nothing is written.
    pub fn would_be(&self, who: &Caller, changes: Changes) -> Result<Settings> {
        self.ask(who, |cx| {
            ops::settings::may_save(cx)?;
            let saved = ops::settings::saved(cx.view(), &self.sealer)?;
            ops::settings::would_be(cx.settings(), &self.environment, &saved, changes).map(|(settings, _)| settings)
        })
    }

    /// Saves settings and puts them in force.
    ///
    /// # Errors
    /// [`Code::SettingPinned`], [`Code::InvalidValue`], [`Code::Denied`].
    pub async fn save_settings(&self, who: &Caller, changes: Changes) -> Result<()> {
        let kept = self.ask(who, |cx| {
            ops::settings::may_save(cx)?;
            let saved = ops::settings::saved(cx.view(), &self.sealer)?;
            ops::settings::would_be(cx.settings(), &self.environment, &saved, changes).map(|(_, changes)| changes)
        })?;
        let kept = ops::settings::seal(&self.sealer, &self.random, kept)?;
        self.act(who, move |cx| ops::settings::save(cx, &kept)).await?;
        let saved = self.store.read(|view| ops::settings::saved(view, &self.sealer))?;
        self.settings.replace(Settings::resolve(&self.environment, &saved)?);
        Ok(())
    }

    /// Who presents this API key, from where.
    pub fn by_key(&self, presented: &str, ip: IpAddr) -> Result<Subject> {
        let now = self.clock.now();
        let subject = self.store.read(|view| {
            ops::credentials::resolve(view, presented, now, ip).inspect_err(|_| self.note_stray(view, presented, ip))
        })?;
        self.used_key(&subject, now, ip);
        Ok(subject)
    }

    /// Notes in the audit log that a key came from where it must not come from, if that is why it was refused.
    fn note_stray(&self, view: &Snapshot, presented: &str, ip: IpAddr) {
        let now = self.clock.now();
        let Ok(Some((key, owner))) = ops::credentials::stray(view, presented, now, ip) else { return };
        let text = format!("The key is accepted from its own networks only, and {ip} is in none of them.");
        let org = owner.orgs.first().map_or(HOME, |m| m.org);
        let origin = Origin { ip: ip.to_string(), ..Origin::default() };
        let failed = self.failure(org, "api_key:use", ops::user_named(&owner), ("key_networks", &text), &origin);
        self.note(Some(Event { credential: format!("key {}", key.id), ..failed }));
    }

    /// Whom a request for provisioning acts as; see [`ops::service_accounts::provisioner`].
    pub fn provisioner(&self, subject: Subject) -> Result<Subject> {
        self.store.read(|view| ops::service_accounts::provisioner(view, subject))
    }

    fn used_key(&self, subject: &Subject, now: Millis, ip: IpAddr) {
        match (&subject.credential, subject.actor) {
            (Credential::Key(id, _), _) => self.uses.key(id, now, ip),
            (Credential::Token { .. }, Actor::User(id)) => self.uses.account(id, now, ip),
            _ => {}
        }
    }

    /// Who holds this session cookie, with the session.
    pub fn by_session(&self, token: &str, ip: IpAddr) -> Result<(Subject, Session)> {
        let now = self.clock.now();
        let (subject, session) = self.store.read(|view| ops::sessions::resolve(view, token, now))?;
        self.uses.session(&session.id, now, ip);
        Ok((subject, session))
    }

    /// Proves a password and opens a session, or the second step for whoever has a second factor. The refusal is the same, and costs the same, whatever the cause: unknown name,
    /// no password, wrong one, or an account that is not active; the audit event says which.
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
    async fn open_session(
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
            Credential::Session(handle) => Some(handle.clone()),
            _ => None,
        };
        self.act(who, move |cx| ops::users::set_password(cx, &me.username, &hash, keep.as_deref())).await
    }

    fn failed_sign_in(&self, user: Option<&User>, reason: (&str, &str), who: &Caller) -> Event {
        let org = user.and_then(|u| u.orgs.first()).map_or(HOME, |m| m.org);
        // What an unknown person typed may be a password in the wrong field: it is not kept.
        let target = user.map_or_else(|| Named::new("user", "", ""), ops::user_named);
        self.failure(org, "user:login", target, reason, &who.origin)
    }

    /// The event of a proof that failed now, with the rule that it failed by and what that means: nobody known did it.
    fn failure(&self, org: OrgId, action: &str, target: Named, (rule, text): (&str, &str), origin: &Origin) -> Event {
        let now = self.clock.now();
        Event {
            id: EventId::new(now, self.entropy()),
            at: now,
            org,
            actor: Named::new("anonymous", "", ""),
            credential: String::new(),
            origin: origin.clone(),
            action: action.to_owned(),
            target,
            changes: vec![],
            chain: vec![Reason { rule: rule.to_owned(), text: text.to_owned() }],
            outcome: Outcome::Failed,
            count: 1,
        }
    }

    /// A setup code for this start, or `None` when a user exists.
    pub fn renew_setup(&self) -> Result<Option<String>> {
        let code = self.random.letters(43)?;
        let (now, stored) = (self.clock.now(), code.clone());
        let renewed = self.store.write_blocking(move |tx| ops::sessions::renew_setup(tx, &stored, now))?;
        Ok(renewed.then_some(code))
    }

    /// Keeps the key of a service account that `who` just made, for the one look the wandb client takes.
    pub fn keep_for_reveal(&self, who: &Caller, service: crate::model::UserId, key: FreshKey) {
        let now = self.clock.now();
        let mut reveals = self.reveals.lock();
        reveals.retain(|_, (_, until)| *until > now);
        if reveals.len() < 1_000 {
            reveals.insert((who.subject.credential.label(), service), (key, now + REVEAL));
        }
    }

    /// The key of a service account, once, to the credential that made it within the last minute.
    pub fn reveal(&self, who: &Caller, service: crate::model::UserId) -> Option<FreshKey> {
        let now = self.clock.now();
        let label = who.subject.credential.label();
        if label.is_empty() {
            return None;
        }
        self.reveals.lock().remove(&(label, service)).filter(|(_, until)| *until > now).map(|(key, _)| key)
    }

    /// The address at which the bearer of a ticket sends or fetches a file's bytes.
    pub fn ticket_url(&self, ticket: &Ticket) -> String {
        format!("{}/files/transfer/{}", self.base_url, ticket.seal(&self.ticket_key))
    }

    /// The ticket in such an address with its account as the caller, as long as both are good.
    ///
    /// # Errors
    /// [`Code::Denied`].
    pub fn by_ticket(&self, text: &str, way: Way, origin: Origin) -> Result<(Ticket, Caller)> {
        let now = self.clock.now();
        let ticket = Ticket::open(text, &self.ticket_key, way, now)?;
        if !self.store.read(|view| ops::runs::files::still_good(view, &ticket, now))? {
            return Err(Error::denied("The API key that this file address was asked for with is revoked.", true));
        }
        let subject = Subject { actor: Actor::User(ticket.user), credential: Credential::None };
        Ok((ticket, Caller { subject, origin }))
    }

    /// A short random run id, as clients make them.
    pub fn fresh_run_name(&self) -> Result<String> {
        Ok(self.random.letters(8)?.to_ascii_lowercase())
    }

    /// Sweeps away some of what is left of deleted projects' runs and of replaced files; says whether more may be left.
    pub async fn sweep_runs(&self, blobs: &Arc<Blobs>) -> Result<bool> {
        let (gone, run) =
            self.store.read(|view| Ok((ops::runs::files::remains(view)?, ops::runs::change::remains(view)?)))?;
        if gone.is_empty() && run.is_none() {
            return Ok(false);
        }
        let (on_disk, bytes) = (Arc::clone(blobs), gone.clone());
        let removed = tokio::task::spawn_blocking(move || {
            bytes.iter().try_for_each(|b| on_disk.remove(b.run.0, &b.blob))?;
            run.map_or(Ok(()), |run| on_disk.remove_run(run.0))
        });
        removed.await.map_err(Error::internal)??;
        self.store
            .write(move |tx| {
                ops::runs::files::forget(tx, &gone)?;
                run.map_or(Ok(true), |run| ops::runs::change::sweep(tx, run)).map(drop)
            })
            .await?;
        Ok(true)
    }

    /// Housekeeping, every few seconds: last uses, counts of refusals, sessions that are over.
    pub fn tick(&self) {
        let now = self.clock.now();
        self.denials.flush(&self.store, now, false);
        self.uses.flush(&self.store);
        self.requests.flush(&self.store);
        self.store.submit(move |tx| ops::sessions::sweep(tx, now).map(drop));
        self.store.submit(move |tx| ops::sign_ins::sweep(tx, now));
        self.store.submit(move |tx| {
            ops::sign_up::sweep(tx, now)?;
            ops::outbox::sweep(tx, now)
        });
    }

    /// The last housekeeping, then the store drains.
    pub fn stop(&self) {
        self.denials.flush(&self.store, self.clock.now(), true);
        self.uses.flush(&self.store);
        self.requests.flush(&self.store);
        self.store.shutdown();
    }
}

fn sign_in_failed() -> Error {
    meter::count(Meter::SignInsFailed);
    Error::new(Code::SignInFailed, "User name and password do not fit together, or the account is not active.")
        .hint("Check both. An organization admin can see the reason in the audit log.")
}

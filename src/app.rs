//! The running instance: the store and everything in memory beside it. [`App::ask`] and [`App::act`] are the only doors from
//! a surface to a use-case; they draw the time and the event ids, and write refusals to the audit log afterwards.
//! What crosses the line between the network or the hashing threads and the transactions has a room each: `sign_in`,
//! `federation` (tokens of other issuers), `people` (invitations and mail).

use crate::blobs::Blobs;
use crate::clock::{Clock, MINUTE, Millis};
use crate::config::env::Env as Environment;
use crate::config::settings::{LiveSettings, Settings};
use crate::crypto::signing::SigningKey;
use crate::crypto::{Random, Sealer};
use crate::error::{Error, Result};
use crate::model::audit::{Event, EventId, Named, Origin, Outcome, Reason};
use crate::model::team::HOME;
use crate::model::{HoldId, OrgId};
use crate::ops::credentials::FreshKey;
use crate::ops::denials::Denials;
use crate::ops::passwords::Hasher;
use crate::ops::requests::Requests;
use crate::ops::runs::tickets::{Ticket, Way};
use crate::ops::settings::Changes;
use crate::ops::throttle::Throttle;
use crate::ops::uses::Uses;
use crate::ops::what_if::{Preview, Scope};
use crate::ops::{self, Acting, Asking, Caller, Cx, Env};
use crate::policy::{Actor, Credential, Subject};
use crate::store::{Range, Snapshot, Store};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub mod federation;
mod people;
pub mod sign_in;

pub use sign_in::{ForApp, Offered, SECOND_STEP, SignedIn};

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
    /// Whether the instance may have several organizations.
    pub several_orgs: bool,
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
    desk: sign_in::Desk,
    counter: sign_in::Counter,
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
    /// Whether there may be more of them.
    pub several_orgs: bool,
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
            store: Store::in_memory(&crate::store::schema::SCHEMA).unwrap(),
            environment: Environment::of(environment),
            sealing_key: [7; 32],
            base_url: "http://127.0.0.1".into(),
            org: "default".into(),
            several_orgs: true,
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
            several_orgs: parts.several_orgs,
            ticket_key,
            desk: sign_in::Desk::default(),
            counter: sign_in::Counter::new(&parts.base_url),
            base_url: parts.base_url,
            sealer,
            issuers: crate::idp::Issuers::default(),
            sign_ups: Throttle::default(),
            bell: tokio::sync::Notify::new(),
        })
    }

    fn env(&self) -> Env {
        Env {
            now: self.clock.now(),
            settings: self.settings.current(),
            several_orgs: self.several_orgs,
            entropy: self.entropy(),
        }
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
    /// [`crate::error::Code::Unauthenticated`] before `f` runs, else its own.
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
    /// [`crate::error::Code::SettingPinned`], [`crate::error::Code::InvalidValue`], [`crate::error::Code::Denied`].
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
        let org = owner.home_org().unwrap_or(HOME);
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
    /// [`crate::error::Code::Denied`].
    pub fn by_ticket(&self, text: &str, way: Way, origin: Origin) -> Result<(Ticket, Caller)> {
        let now = self.clock.now();
        let ticket = Ticket::open(text, &self.ticket_key, way, now)?;
        let ip = origin.ip.parse().ok();
        if !self.store.read(|view| ops::runs::files::still_good(view, &ticket, now, ip))? {
            return Err(Error::denied(
                "The API key that this file address was asked for with is revoked, or not accepted from here.",
                true,
            ));
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

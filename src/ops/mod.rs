//! Use-cases: one public function per thing a person can do. Each takes a [`Cx`], asks the policy through [`Cx::allow`],
//! writes with the [`Grant`] it gets, and records the audit event with it; the surfaces only translate.
//!
//! - A [`Cx`] can read and ask. Over a snapshot ([`Asking`]) that is all it can.
//! - A [`Grant`] is a positive decision about one action on one resource, and the only thing with which an [`Acting`] can
//!   write an audited table. [`Acting::record`] consumes it into the event; a transaction that wrote without an event fails.
//! - A refusal is noted in the [`Cx`]; [`crate::app::App`] writes it to the audit log after the transaction is rolled back.
//!
//! Closures over a [`Cx`] are synchronous and may run again: network, hashing and randomness for secrets happen outside.

pub mod admit;
pub mod audit;
pub mod bootstrap;
pub mod break_glass;
pub mod connections;
pub mod credentials;
pub mod denials;
pub mod discover;
pub mod domains;
pub mod edits;
pub mod evaluate;
pub mod explain;
pub mod factors;
pub mod federation;
pub mod fuse;
pub mod invitations;
pub mod issuers;
pub mod key_care;
pub mod lists;
pub mod lookup;
pub mod membership;
pub mod orgs;
pub mod outbox;
pub mod paging;
pub mod passwords;
pub mod people;
pub mod project_members;
pub mod projects;
pub mod provision;
pub mod provision_teams;
pub mod reach;
pub mod requests;
pub mod roles;
mod roster;
pub mod runs;
pub mod secrets;
pub mod service_accounts;
pub mod sessions;
pub mod settings;
pub mod sign_ins;
pub mod sign_up;
pub mod sso;
pub mod teams;
pub mod throttle;
pub mod users;
pub mod uses;
pub mod what_if;

#[cfg(test)]
mod tests;

use crate::clock::Millis;
use crate::config::settings::Settings;
use crate::error::{Code, Error, Result};
use crate::meter::{self, Meter};
use crate::model::OrgId;
use crate::model::audit::{Change, Event, EventId, Named, Origin, Outcome, Reason};
use crate::model::role::Action;
use crate::model::team::HOME;
use crate::model::user::User;
use crate::policy::{
    Actor, Credential, Decision, Facts, Held, Resource, Step, Subject, Switches, What, Who, decide, decide_giving,
    facts,
};
use crate::store::{Read, Snapshot, Tx, schema};
use crate::store::{Record, Table};
use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;

/// Who asks, and from where. Made by `http/auth.rs`, the control socket, or a job.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub subject: Subject,
    /// From where.
    pub origin: Origin,
}

impl Caller {
    /// A part of the server, from nowhere in particular.
    pub fn process(process: crate::policy::Process) -> Self {
        Caller { subject: Subject::process(process), origin: Origin::default() }
    }
}

/// What a use-case needs beside the store, fixed for the length of one call, so that a re-run gives the same result.
#[derive(Clone, Debug)]
pub struct Env {
    /// The present.
    pub now: Millis,
    /// The settings in force.
    pub settings: Arc<Settings>,
    /// Whether the instance may have several organizations.
    pub several_orgs: bool,
    /// 80 bits from which event ids are counted: what begins later has more of them, so that events of one millisecond stand
    /// in order.
    pub entropy: u128,
}

/// A reading use-case's context.
pub type Asking<'a> = Cx<'a, &'a Snapshot>;
/// A writing use-case's context.
pub type Acting<'a> = Cx<'a, &'a mut Tx>;

/// What a use-case holds: the view it reads, who asks, and the surroundings.
pub struct Cx<'a, V> {
    view: V,
    caller: &'a Caller,
    env: &'a Env,
    /// The asker's row once it was read; forgotten whenever something is written.
    asker: OnceCell<Option<Arc<User>>>,
    refusal: RefCell<Option<Event>>,
    /// What was ignored in a change that is done all the same.
    ignored: RefCell<Option<Event>>,
    events: Cell<u32>,
    /// What is due once the transaction is dropped.
    pub(crate) aftermath: Option<Aftermath>,
}

/// What a refused change leaves behind for people to decide on; [`crate::app::App::act`] keeps it.
#[derive(Clone, Debug)]
pub(crate) enum Aftermath {
    /// The fuse stopped it.
    Stopped(fuse::Stopped),
    /// A connection wants a local account.
    Wanted(crate::model::provisioning::Adoption),
}

/// A positive decision about one action on one resource: the only thing that can write. It keeps the facts, so that the
/// chain's sentences are made only for an event that is written: reads, which grant far more often, never need them.
#[derive(Debug)]
#[must_use = "a grant that is not recorded leaves a change without its event"]
pub struct Grant {
    decision: Decision,
    facts: Facts,
}

impl Grant {
    /// The organization it is about.
    pub(crate) fn org(&self) -> OrgId {
        self.facts.org
    }
}

impl<'a, V: Read> Cx<'a, V> {
    /// A context over `view`.
    pub fn new(view: V, caller: &'a Caller, env: &'a Env) -> Self {
        Cx {
            view,
            caller,
            env,
            asker: OnceCell::new(),
            refusal: RefCell::new(None),
            ignored: RefCell::new(None),
            events: Cell::new(0),
            aftermath: None,
        }
    }

    /// The same where the asker's row, as `view` has it, was just read.
    pub fn known(view: V, caller: &'a Caller, env: &'a Env, asker: Arc<User>) -> Self {
        Cx { asker: OnceCell::from(Some(asker)), ..Cx::new(view, caller, env) }
    }

    /// The present.
    pub fn now(&self) -> Millis {
        self.env.now
    }

    /// Who asks.
    pub fn subject(&self) -> &Subject {
        &self.caller.subject
    }

    /// Who asks, from where.
    pub fn caller(&self) -> &Caller {
        self.caller
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.env.settings
    }

    /// The organization the asker acts in ([`facts::acting_in`]); the instance's for its own parts.
    pub fn org(&self) -> Result<OrgId> {
        Ok(facts::acting_in(&self.view, self.subject(), self.asker()?)?.unwrap_or(HOME))
    }

    /// The organization in which `user` is changed: the one in which the asker acts; for the shell, the user's own.
    pub(crate) fn org_for(&self, user: &User) -> Result<OrgId> {
        match self.subject().user() {
            Some(_) => self.org(),
            None => Ok(user.home_org().unwrap_or(HOME)),
        }
    }

    /// The asker's own row; `None` for the server's own parts, for nobody known, and where the row is gone.
    pub(crate) fn asker(&self) -> Result<Option<&User>> {
        if self.asker.get().is_none() {
            let row = match self.subject().user() {
                Some(id) => self.view.shared(&schema::USERS, &id)?,
                None => None,
            };
            let _ = self.asker.set(row);
        }
        Ok(self.asker.get().and_then(Option::as_deref))
    }

    /// Reads for the modules of `ops`.
    pub(crate) fn view(&self) -> &V {
        &self.view
    }

    /// The decision on `action` about `resource` with the facts it was made on; changes and notes nothing.
    pub fn decide(&self, action: Action, resource: Resource) -> Result<(Decision, Facts)> {
        let facts = self.facts(self.subject(), resource)?;
        Ok((decide(&facts, action), facts))
    }

    /// The facts about another subject, for explaining.
    pub(crate) fn facts(&self, subject: &Subject, resource: Resource) -> Result<Facts> {
        let switches = self.switches();
        if subject.actor == self.subject().actor {
            let asker = self.asker()?;
            let here = facts::acting_in(&self.view, subject, asker)?;
            return facts::about(&self.view, subject, (asker, here), resource, switches);
        }
        facts::load(&self.view, subject, resource, switches)
    }

    /// The facts about an account whose row is at hand, by no credential in particular, seen from where the asker acts.
    pub(crate) fn facts_of(&self, user: &User, resource: Resource) -> Result<Facts> {
        let subject = Subject { actor: Actor::User(user.id), credential: Credential::None };
        let here = self.org_for(user)?;
        facts::about(&self.view, &subject, (Some(user), Some(here)), resource, self.switches())
    }

    fn switches(&self) -> Switches {
        let settings = &self.env.settings;
        Switches {
            members_may_create_teams: settings.members_may_create_teams(),
            personal_entities: !settings.personal_entities_disabled(),
            admin_team_access: !settings.admin_team_access_disabled(),
            team_services: !settings.team_services_disabled(),
            several_orgs: self.env.several_orgs,
        }
    }

    /// Whether the asker may; for filtering lists and drawing pages. A resource that is gone is refused.
    pub fn can(&self, action: Action, resource: Resource) -> Result<bool> {
        match self.decide(action, resource) {
            Ok((decision, _)) => Ok(decision.allowed()),
            Err(e) if e.code() == Code::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The grant for `action` on `resource`, or the refusal with the rule that settled it.
    ///
    /// # Errors
    /// [`Code::Denied`], shown or hidden as the policy says; the refusal is noted for the audit log.
    pub fn allow(&self, action: Action, resource: Resource) -> Result<Grant> {
        let (decision, facts) = self.decide(action, resource)?;
        self.settle(decision, facts)
    }

    /// [`Self::allow`] where the action gives somebody the role `given`: nobody gives a permission they lack there.
    ///
    /// # Errors
    /// As [`Self::allow`].
    pub fn allow_giving(&self, action: Action, resource: Resource, given: &Held) -> Result<Grant> {
        let facts = self.facts(self.subject(), resource)?;
        self.settle(decide_giving(&facts, action, given), facts)
    }

    /// Turns a decision into a grant or a noted refusal.
    fn settle(&self, decision: Decision, facts: Facts) -> Result<Grant> {
        meter::count(if decision.allowed() { Meter::DecisionsAllowed } else { Meter::DecisionsDenied });
        if decision.allowed() {
            return Ok(Grant { decision, facts });
        }
        let (target, chain) = (named(&facts.what), decision.reasons(&facts));
        *self.refusal.borrow_mut() =
            Some(self.event(facts.org, decision.action().as_str(), target, vec![], chain, Outcome::Denied)?);
        if matches!(facts.who, Who::Anonymous) {
            return Err(Error::new(Code::Unauthenticated, "You are not signed in.")
                .hint("Sign in, or send an API key as the Basic password or as a Bearer token."));
        }
        if !decision.visible() {
            return Err(Error::denied("There is no such thing, or you may not see it.", false));
        }
        let mut error = Error::denied(format!("Denied: {}", decision.last(&facts)), true);
        // The action alone may be allowed where this role cannot be given, so there is no question to explain then.
        if !matches!(decision.steps().last(), Some(Step::CannotGive(_))) {
            error = error.asked(decision.action().as_str(), question(&facts.what));
        }
        Err(match decision.next_step(&facts) {
            Some(hint) => error.hint(hint),
            None => error,
        })
    }

    /// An event by the asker, now.
    fn event(
        &self,
        org: OrgId,
        action: &str,
        target: Named,
        changes: Vec<Change>,
        chain: Vec<Reason>,
        outcome: Outcome,
    ) -> Result<Event> {
        let n = self.events.get();
        self.events.set(n + 1);
        Ok(Event {
            id: EventId::new(self.env.now, self.env.entropy.wrapping_add(u128::from(n))),
            at: self.env.now,
            org,
            actor: self.actor()?,
            credential: self.subject().credential.label(),
            origin: self.caller.origin.clone(),
            action: action.to_owned(),
            target,
            changes,
            chain,
            outcome,
            count: 1,
        })
    }

    fn actor(&self) -> Result<Named> {
        Ok(match self.subject().actor {
            Actor::Anonymous => Named::new("anonymous", "", ""),
            Actor::Process(process) => Named::new("system", "", process.as_str()),
            Actor::User(id) => match self.asker()? {
                Some(user) => user_named(user),
                None => Named::new("user", id, ""),
            },
        })
    }

    /// What was ignored, for the audit log.
    pub(crate) fn take_ignored(&self) -> Option<Event> {
        self.ignored.borrow_mut().take()
    }

    /// The refusal noted last, for the audit log.
    pub(crate) fn take_refusal(&self) -> Option<Event> {
        self.refusal.borrow_mut().take()
    }
}

/// Keeps what a refused change left behind.
pub(crate) fn keep_aftermath(tx: &mut Tx, due: &Aftermath, now: Millis) -> Result<()> {
    match due {
        Aftermath::Stopped(stopped) => fuse::hold(tx, stopped, now),
        Aftermath::Wanted(adoption) => connections::want(tx, adoption),
    }
}

impl Acting<'_> {
    /// Notes a refusal that is not the policy's, with its rule, for the audit log.
    pub(crate) fn refuse_by(&self, org: OrgId, action: Action, target: Named, rule: &str, text: &str) -> Result<()> {
        let chain = vec![Reason { rule: rule.to_owned(), text: text.to_owned() }];
        *self.refusal.borrow_mut() = Some(self.event(org, action.as_str(), target, vec![], chain, Outcome::Denied)?);
        Ok(())
    }

    /// Notes for the audit log that something about `grant`'s resource was asked for and is ignored, with the rule. It is folded
    /// as refusals are, and written when the change is done.
    pub(crate) fn ignore_by(&self, grant: &Grant, rule: &str, text: String) -> Result<()> {
        let chain = vec![Reason { rule: rule.to_owned(), text }];
        let (facts, action) = (&grant.facts, grant.decision.action().as_str());
        let event = self.event(facts.org, action, named(&facts.what), vec![], chain, Outcome::Denied)?;
        *self.ignored.borrow_mut() = Some(event);
        Ok(())
    }

    /// Writes a row under a grant.
    pub(crate) fn put<R: Record>(&mut self, _grant: &Grant, table: &Table<R>, value: &R) -> Result<()> {
        self.asker.take();
        self.view.put(table, value)
    }

    /// Removes a row under a grant; gives what was there.
    pub(crate) fn delete<R: Record>(&mut self, _grant: &Grant, table: &Table<R>, key: &R::Key) -> Result<Option<R>> {
        self.asker.take();
        self.view.delete(table, key)
    }

    /// The transaction, for rows that need no grant (sessions, uses) and for sequences.
    pub(crate) fn tx(&mut self) -> &mut Tx {
        self.asker.take();
        self.view
    }

    /// Writes the event of a change and uses the grant up.
    pub(crate) fn record(&mut self, grant: Grant, changes: Vec<Change>) -> Result<()> {
        let target = named(&grant.facts.what);
        self.record_on(grant, target, changes)
    }

    /// The same, where the target is what the change made rather than what was asked about.
    pub(crate) fn record_on(&mut self, grant: Grant, target: Named, changes: Vec<Change>) -> Result<()> {
        let Grant { decision, facts } = grant;
        let chain = decision.reasons(&facts);
        let event = self.event(facts.org, decision.action().as_str(), target, changes, chain, Outcome::Done)?;
        self.write_event(&event)
    }

    fn write_event(&mut self, event: &Event) -> Result<()> {
        audit::keep(self.view, event)?;
        self.view.note_event();
        Ok(())
    }
}

/// A field that changed, or nothing where it did not.
pub(crate) fn changed(field: &str, from: Option<&str>, to: Option<&str>) -> Option<Change> {
    (from != to).then(|| Change { field: field.to_owned(), from: from.map(str::to_owned), to: to.map(str::to_owned) })
}

/// The same for a switch.
pub(crate) fn switched(field: &str, from: bool, to: bool) -> Option<Change> {
    let word = |on: bool| Some(if on { "on" } else { "off" });
    changed(field, word(from), word(to))
}

/// Kind, id and name of a user for events.
pub(crate) fn user_named(user: &crate::model::user::User) -> Named {
    Named::new(if user.is_service() { "service" } else { "user" }, user.id, user.username.clone())
}

/// What a decision was asked about, as `explain` reads it.
fn question(what: &What) -> String {
    match what {
        What::Org { .. } => String::new(),
        What::User { username, .. } => format!("user:{username}"),
        What::Team { name, .. } | What::Namespace { name, .. } => name.clone(),
        What::Project { name, entity_name, .. } => format!("{entity_name}/{name}"),
    }
}

fn named(what: &What) -> Named {
    match what {
        What::Org { id, name } => Named::new("organization", id, name.clone()),
        What::User { id, username, is_service, .. } => {
            Named::new(if *is_service { "service" } else { "user" }, id, username.clone())
        }
        What::Team { id, name, .. } => Named::new("team", id, name.clone()),
        What::Namespace { owner, name } => Named::new("user", owner, name.clone()),
        What::Project { name, entity_name, inside: Some(run), .. } => {
            Named::new("run", run.id, format!("{entity_name}/{name}/{}", run.name))
        }
        What::Project { id, name, entity_name, inside: None, .. } => {
            Named::new("project", id, format!("{entity_name}/{name}"))
        }
    }
}

/// What an absent or hidden thing looks like, the same for both, naming only what the asker typed.
pub(crate) fn absent(kind: &str, typed: &str) -> Error {
    let typed: String = typed.chars().take(60).filter(|c| !c.is_control()).collect();
    Error::not_found(format!("There is no {kind} '{typed}', or you may not see it."))
}

/// Makes a hidden refusal say what absence would say about what was typed.
pub(crate) fn or_absent<T>(result: Result<T>, kind: &str, typed: &str) -> Result<T> {
    result.map_err(|e| if e.kind() == crate::error::Kind::NotFound { absent(kind, typed) } else { e })
}

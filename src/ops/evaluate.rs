//! Questions of other services: may this subject do that there? Many questions share one [`Evaluator`], which looks every
//! subject, resource and set of facts up once; what decides is [`decide`], as everywhere. `explain.rs` asks through the same
//! functions, `discover.rs` searches with them.
//!
//! About oneself everyone may ask, about others it takes `decision:evaluate`. Somebody who asks about themselves learns
//! nothing of what is hidden from them: it gets the answer that an absent thing gets; and hears what they may by the credential
//! they ask with, so that a narrow key finds out nothing of what lies outside of it. People and things of another organization
//! than the asker's are absent.

use super::{Cx, absent};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::model::audit::Reason;
use crate::model::name::{self, fold};
use crate::model::role::Action;
use crate::model::user::{Status, User};
use crate::model::{Entity, UserId};
use crate::policy::{Decision, Facts, Resource, decide};
use crate::store::{Read, schema};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// The longest name of a resource that is looked at, in bytes; longer ones name nothing.
const ID_MAX: usize = 8 * name::NAME_MAX;

/// What kind of thing a question names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The asker's organization, by its name or by nothing.
    Organization,
    /// A team by its name, or a person's own namespace by the username.
    Team,
    /// A project as `TEAM/PROJECT`.
    Project,
    /// A person or a service account, named like a subject.
    User,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Organization, Kind::Team, Kind::Project, Kind::User];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Organization => "organization",
            Kind::Team => "team",
            Kind::Project => "project",
            Kind::User => "user",
        }
    }

    /// Reads the word, exactly.
    pub fn parse(text: &str) -> Result<Self> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Error::invalid("A resource's type is organization, team, project or user."))
    }
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// Username, address or global id of the one it is about.
    pub subject: &'q str,
    /// What they would do.
    pub action: Action,
    /// The kind of thing to which.
    pub kind: Kind,
    /// Its name.
    pub id: &'q str,
}

/// What the decision is, and why, as far as the asker may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether.
    pub decision: bool,
    /// The permanent name of the rule that settled it.
    pub rule: &'static str,
    /// Its sentence.
    pub reason: String,
    /// Every rule consulted, where it was asked for; empty where nothing may be said.
    pub chain: Vec<Reason>,
}

impl Answer {
    /// The answer about what is absent, and about what is hidden.
    fn closed(kind: &str, typed: &str) -> Answer {
        let reason = absent(kind, typed).detail().to_owned();
        Answer { decision: false, rule: "existence", reason, chain: vec![] }
    }
}

/// Answers the questions of one request over one snapshot. Everything it keeps is keyed by the whole of what it was looked
/// up by, and dies with the request.
pub struct Evaluator<'a, 'c, 'q, V> {
    cx: &'a Cx<'c, V>,
    granted: bool,
    subjects: HashMap<&'q str, Option<Arc<User>>>,
    entities: HashMap<&'q str, Option<Entity>>,
    resources: HashMap<(Kind, &'q str), Option<Resource>>,
    facts: HashMap<(UserId, Resource), Option<Facts>>,
}

impl<'a, 'c, 'q, V: Read> Evaluator<'a, 'c, 'q, V> {
    /// Nothing looked up yet.
    pub fn new(cx: &'a Cx<'c, V>) -> Self {
        Evaluator {
            cx,
            granted: false,
            subjects: HashMap::new(),
            entities: HashMap::new(),
            resources: HashMap::new(),
            facts: HashMap::new(),
        }
    }

    /// The answer to one question, with the whole chain where `with_chain` says so.
    ///
    /// # Errors
    /// [`crate::error::Code::Denied`] when the asker may not ask about the subject, the store's own errors.
    pub fn ask(&mut self, asked: Question<'q>, with_chain: bool) -> Result<Answer> {
        let cx = self.cx;
        if !self.subjects.contains_key(asked.subject) {
            let found = subject(cx, asked.subject, &mut self.granted)?;
            self.subjects.insert(asked.subject, found);
        }
        let Some(Some(user)) = self.subjects.get(asked.subject) else {
            return Ok(Answer::closed("user", asked.subject));
        };
        let resource = match self.resources.get(&(asked.kind, asked.id)) {
            Some(known) => *known,
            None => {
                let found = resource(cx, asked.kind, asked.id, &mut self.entities)?;
                self.resources.insert((asked.kind, asked.id), found);
                found
            }
        };
        let Some(resource) = resource else { return Ok(Answer::closed("resource", asked.id)) };
        let key = (user.id, resource);
        if let Entry::Vacant(place) = self.facts.entry(key) {
            place.insert(facts(cx, user, resource)?);
        }
        let facts = self.facts.get(&key).and_then(Option::as_ref);
        Ok(answer(cx, asked, user, facts, with_chain))
    }
}

/// The answer to the one question of a request: what [`Evaluator::ask`] gives, with nothing kept for others.
///
/// # Errors
/// As there.
pub fn ask<V: Read>(cx: &Cx<V>, asked: Question, with_chain: bool) -> Result<Answer> {
    let Some(user) = subject(cx, asked.subject, &mut false)? else {
        return Ok(Answer::closed("user", asked.subject));
    };
    let facts = match resource(cx, asked.kind, asked.id, &mut HashMap::new())? {
        Some(resource) => facts(cx, &user, resource)?,
        None => None,
    };
    Ok(answer(cx, asked, &user, facts.as_ref(), with_chain))
}

fn answer<V: Read>(cx: &Cx<V>, asked: Question, user: &User, facts: Option<&Facts>, with_chain: bool) -> Answer {
    let Some(facts) = facts else { return Answer::closed("resource", asked.id) };
    let decision = decide(facts, asked.action);
    if !may_know(cx, user, &decision) {
        return Answer::closed("resource", asked.id);
    }
    Answer {
        decision: decision.allowed(),
        rule: decision.steps().last().map(|step| step.rule()).unwrap_or_default(),
        reason: decision.last(facts),
        chain: if with_chain { decision.reasons(facts) } else { vec![] },
    }
}

/// The account of this name, for somebody who may ask about it; `None` where there is none that the asker could know.
/// `granted` remembers that the asker may ask about others.
pub(super) fn subject<V: Read>(cx: &Cx<V>, typed: &str, granted: &mut bool) -> Result<Option<Arc<User>>> {
    let user = account(cx.view(), typed)?;
    if user.as_ref().is_some_and(|user| is_asker(cx, user)) {
        return Ok(user);
    }
    if !*granted {
        // Asked before anything is said about who exists.
        let _grant = cx.allow(Action::DecisionEvaluate, Resource::Org(cx.org()?))?;
        *granted = true;
    }
    let org = cx.org()?;
    Ok(user.filter(|u| cx.subject().user().is_none() || u.orgs.is_empty() || u.membership(org).is_some()))
}

/// A living account by username, address or global id. A text that is one account's name and another one's id names nobody:
/// whichever were chosen, somebody could pass for somebody else.
fn account(view: &impl Read, typed: &str) -> Result<Option<Arc<User>>> {
    let named = super::users::known_as(view, typed)?;
    let numbered = match UserId::from_global(typed).filter(|id| id.global() == typed) {
        Some(id) => view.shared(&schema::USERS, &id)?.filter(|u| u.status != Status::Deleted),
        None => None,
    };
    Ok(match (named, numbered) {
        (Some(named), Some(numbered)) if named.id != numbered.id => None,
        (named, numbered) => named.or(numbered),
    })
}

/// What `id` names, if anything; who may know of it is asked later. `entities` keeps what was found before.
pub(super) fn resource<'q, V: Read>(
    cx: &Cx<V>,
    kind: Kind,
    id: &'q str,
    entities: &mut HashMap<&'q str, Option<Entity>>,
) -> Result<Option<Resource>> {
    if id.len() > ID_MAX {
        return Ok(None);
    }
    let mut entity = |name: &'q str| -> Result<Option<Entity>> {
        if let Some(known) = entities.get(name) {
            return Ok(*known);
        }
        let found = super::projects::entity_by_name(cx.view(), name)?.map(|(entity, _)| entity);
        entities.insert(name, found);
        Ok(found)
    };
    Ok(match kind {
        Kind::Organization => {
            let org = cx.org()?;
            let own = id.is_empty() || fold(id) == fold(&super::settings::org_name(cx.view(), org)?);
            own.then_some(Resource::Org(org))
        }
        Kind::Team => entity(id)?.map(Resource::Entity),
        Kind::User => account(cx.view(), id)?.map(|user| Resource::User(user.id)),
        Kind::Project => {
            let Some((team, project)) = id.split_once('/') else { return Ok(None) };
            let Some(entity) = entity(team)? else { return Ok(None) };
            let found = cx.view().find_shared(&schema::PROJECT_BY_NAME, &(entity.number(), fold(project)))?;
            found.map(|project| Resource::Project(project.id))
        }
    })
}

/// The facts about `user` and `resource`; `None` where the resource is gone, or of an organization that is not the asker's.
pub(super) fn facts<V: Read>(cx: &Cx<V>, user: &User, resource: Resource) -> Result<Option<Facts>> {
    // Who asks about themselves hears what they may by this very credential, as the code that enforces has it.
    let seen = if is_asker(cx, user) { cx.facts(cx.subject(), resource) } else { cx.facts_of(user, resource) };
    let facts = match seen {
        Ok(facts) => facts,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let near = is_asker(cx, user) || cx.subject().user().is_none() || facts.org == cx.org()?;
    Ok(near.then_some(facts))
}

/// Whether the asker may be told `decision` about `user`: about oneself nothing of what is hidden.
pub(super) fn may_know<V: Read>(cx: &Cx<V>, user: &User, decision: &Decision) -> bool {
    decision.visible() || !is_asker(cx, user)
}

fn is_asker<V: Read>(cx: &Cx<V>, user: &User) -> bool {
    cx.subject().user() == Some(user.id)
}

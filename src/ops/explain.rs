//! "Why?": the decision about anybody, with its whole reason chain, computed by the very code that enforces. About oneself
//! everyone may ask; about others it takes `decision:evaluate`.

use super::{Cx, absent, evaluate, or_absent};
use crate::error::{Error, Result};
use crate::model::Entity;
use crate::model::audit::Reason;
use crate::model::role::{Action, Level};
use crate::policy::{Resource, decide};
use crate::store::Read;
use serde::Serialize;

/// A decision as people and scripts read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether.
    pub allowed: bool,
    /// Whether the subject may know that the resource exists.
    pub visible: bool,
    /// The rules consulted; the last one settled it.
    pub chain: Vec<Reason>,
}

/// The decision about `subject` (username, address or global id) doing `action` on `resource`: `TEAM`, `TEAM/PROJECT`, `user:NAME`, or
/// nothing or the organization's name for the organization.
pub fn explain<V: Read>(cx: &Cx<V>, subject: &str, action: &str, resource: &str) -> Result<Explanation> {
    let action = Action::parse(action)?;
    let user = evaluate::subject(cx, subject, &mut false)?.ok_or_else(|| absent("user", subject))?;
    // Whatever was looked for, and wherever it was missed: absent and hidden read alike.
    let missing = || absent("resource", resource);
    let found = or_absent(resolve(cx, action, resource), "resource", resource)?;
    let facts = evaluate::facts(cx, &user, found)?.ok_or_else(missing)?;
    let decision = decide(&facts, action);
    if !evaluate::may_know(cx, &user, &decision) {
        return Err(missing());
    }
    Ok(Explanation { allowed: decision.allowed(), visible: decision.visible(), chain: decision.reasons(&facts) })
}

/// What a resource as typed names; no check of rights.
pub(super) fn resolve<V: Read>(cx: &Cx<V>, action: Action, typed: &str) -> Result<Resource> {
    let typed = typed.trim().trim_matches('/');
    if let Some(name) = typed.strip_prefix("user:") {
        let user = super::users::by_name(cx.view(), name)?.ok_or_else(|| absent("user", name))?;
        return Ok(Resource::User(user.id));
    }
    if let Some((entity, project)) = typed.split_once('/') {
        return super::projects::must_exist(cx.view(), entity, project).map(|p| Resource::Project(p.id));
    }
    let org = cx.org()?;
    let org_name = super::settings::org_name(cx.view(), org)?;
    if typed.is_empty()
        || (action.level() == Level::Org && crate::model::name::fold(typed) == crate::model::name::fold(&org_name))
    {
        return Ok(Resource::Org(org));
    }
    if action.level() == Level::Org {
        // Said before anything is looked up, or it would tell which names exist.
        return Err(Error::invalid(format!(
            "{} applies to the organization; leave the resource out.",
            action.as_str()
        )));
    }
    let (entity, _) = super::projects::entity_by_name(cx.view(), typed)?.ok_or_else(|| absent("resource", typed))?;
    Ok(match (action.level(), entity) {
        (Level::User, Entity::Person(id)) => Resource::User(id),
        _ => Resource::Entity(entity),
    })
}

/// For a page that draws a button: whether the asker may, and if not the sentence why, by the same code.
pub fn why_not<V: Read>(cx: &Cx<V>, action: Action, resource: Resource) -> Result<Option<String>> {
    let (decision, facts) = or_absent(cx.decide(action, resource), "resource", "")?;
    Ok((!decision.allowed()).then(|| decision.last(&facts)))
}

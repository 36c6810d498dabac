//! Searches for other services: which things may this subject do that to, who may do it here, what may they do here. A
//! search walks the places where an answer can be (the subject's own namespace, teams and invitations, what is open to
//! everyone; a resource's members and the organization's admins) and asks the decision about each candidate, so it gives
//! what [`super::evaluate`] would say yes to. Its cost grows with those places and not with the instance.
//!
//! Which places there are is chosen by the catalogue: where an organization role holds the action, all of the organization.
//! One call looks at a bounded number of candidates; a page may therefore be short, or empty, and still not be the last.

use super::Cx;
use super::evaluate::{self, Evaluator, Kind, Question};
use crate::crypto;
use crate::error::{Code, Error, Result};
use crate::model::project::Visibility;
use crate::model::role::{Action, OrgRole};
use crate::model::user::{Status, User};
use crate::model::{Entity, OrgId, ProjectId, TeamId, UserId};
use crate::policy::{Resource, What, decide};
use crate::store::{Cursor, Listed, MAX_PAGE, Range, Read, schema};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::{BTreeSet, HashMap};

/// Results of a page that is not asked for by size.
pub const LIMIT_USUAL: usize = 100;
/// The most results of one page.
pub const LIMIT_MAX: usize = 1_000;
/// The most candidates that one call looks at.
const LOOK_MAX: usize = 5_000;

/// Which part of the results is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page<'q> {
    /// How many at most.
    pub limit: usize,
    /// Where the page before ended; empty for the first one.
    pub token: &'q str,
}

/// A part of the results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// The results.
    pub items: Vec<T>,
    /// Where to go on; absent at the end.
    pub next: Option<String>,
}

impl<T> Found<T> {
    fn nothing() -> Self {
        Found { items: vec![], next: None }
    }
}

/// The resources of `kind` on which `subject` may do `action`, by name.
pub fn resources<V: Read>(cx: &Cx<V>, subject: &str, action: Action, kind: Kind, page: Page) -> Result<Found<String>> {
    let question = ["resource", subject, action.as_str(), kind.as_str()];
    let start = Place::read(cx, &question, page.token)?;
    let Some(user) = evaluate::subject(cx, subject, &mut false)? else { return Ok(Found::nothing()) };
    let own = cx.org()?;
    let org = if user.org_role(own).is_some() { Some(own) } else { user.home_org() };
    let (Some(org), true) = (org, user.status == Status::Active) else { return Ok(Found::nothing()) };
    let everywhere = !user.is_service() && user.org_role(org).is_some_and(|role| action.org_roles().contains(&role));
    // An account of the organization works in every team.
    let all_teams = everywhere || user.is_org_service();
    let teams: BTreeSet<TeamId> = super::teams::of_user(cx.view(), user.id)?.into_iter().map(|m| m.team).collect();
    let within = |entity: Entity| match entity {
        Entity::Team(team) => all_teams || teams.contains(&team),
        Entity::Person(owner) => owner == user.id,
    };
    let mut walks = vec![];
    match kind {
        Kind::Organization => walks.push(Walk::Organization(org)),
        Kind::Team => {
            walks.push(Walk::Namespace(user.id));
            if all_teams { walks.push(Walk::TeamsOf(org)) } else { walks.extend(teams.iter().copied().map(Walk::Team)) }
        }
        Kind::Project if all_teams => walks.push(Walk::Projects),
        Kind::Project => {
            walks.push(Walk::ProjectsOf(Entity::Person(user.id)));
            walks.extend(teams.iter().map(|team| Walk::ProjectsOf(Entity::Team(*team))));
            walks.push(Walk::Invitations(user.id));
            if action.is_public_reading() || action.is_open_submitting() {
                walks.push(Walk::OpenTo(org));
            }
        }
        // An organization admin manages people and machines; others only themselves and the machines of their teams.
        Kind::User if user.org_role(org) == Some(OrgRole::Admin) => walks.push(Walk::Everyone),
        Kind::User => {
            walks.push(Walk::Account(user.id));
            walks.extend(teams.iter().copied().map(Walk::ServicesOf));
        }
    }
    let list = |walk: Walk, range: Range| -> Result<Listed<Option<Resource>>> {
        let view = cx.view();
        let project = |id: ProjectId| Resource::Project(id);
        Ok(match walk {
            Walk::Organization(org) => one(Resource::Org(org)),
            Walk::Namespace(id) => one(Resource::Entity(Entity::Person(id))),
            Walk::Team(id) => one(Resource::Entity(Entity::Team(id))),
            Walk::Account(id) => one(Resource::User(id)),
            Walk::TeamsOf(org) => each(view.list_by(&schema::TEAMS_OF_ORG, range.under(&(org,)))?, |team| {
                Some(Resource::Entity(Entity::Team(team.id)))
            }),
            Walk::Projects => each(view.list(&schema::PROJECTS, range)?, |p| Some(project(p.id))),
            Walk::ProjectsOf(entity) => each(super::projects::rows(view, entity, range)?, |p| Some(project(p.id))),
            Walk::Invitations(id) => {
                let mut out = vec![];
                let page = view.list_by(&schema::PROJECTS_OF_USER, range.under(&(id,)))?;
                for invited in page.items {
                    let found = view.get(&schema::PROJECTS, &invited.project)?;
                    out.push(found.filter(|p| !within(p.entity)).map(|p| project(p.id)));
                }
                Listed { items: out, next: page.next }
            }
            Walk::OpenTo(org) => {
                let page = view.list_by(&schema::OPEN_PROJECTS, range.under(&(org,)))?;
                let mut out = vec![];
                for p in page.items {
                    // Those were looked at in an earlier walk.
                    let seen = within(p.entity) || view.get(&schema::PROJECT_MEMBERS, &(p.id, user.id))?.is_some();
                    out.push((!seen).then_some(project(p.id)));
                }
                Listed { items: out, next: page.next }
            }
            Walk::Everyone => each(view.list(&schema::USERS, range)?, |u| lives(&u).then_some(Resource::User(u.id))),
            Walk::ServicesOf(team) => each(view.list_by(&schema::SERVICES_OF_TEAM, range.under(&(team,)))?, |u| {
                (u.id != user.id).then_some(Resource::User(u.id))
            }),
            Walk::MembersOf(_) | Walk::InvitedTo(_) | Walk::AdminsOf(_) | Walk::MachinesOf(_) => {
                Listed { items: vec![], next: None }
            }
        })
    };
    walks.sort_unstable();
    let found = walk(&walks, start, page.limit, list, |_, resource| {
        let Some(facts) = evaluate::facts(cx, &user, resource)? else { return Ok(None) };
        Ok(decide(&facts, action).allowed().then(|| id_of(&facts.what)))
    })?;
    Ok(Found { items: found.0, next: found.1.map(|place| place.token(cx, &question)) })
}

/// The accounts that may do `action` on the resource, by username. Asking about everybody takes `decision:evaluate`.
pub fn subjects<V: Read>(cx: &Cx<V>, action: Action, kind: Kind, id: &str, page: Page) -> Result<Found<String>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::DecisionEvaluate, Resource::Org(org))?;
    let question = ["subject", action.as_str(), kind.as_str(), id];
    let start = Place::read(cx, &question, page.token)?;
    let view = cx.view();
    let Some(resource) = evaluate::resource(cx, kind, id, &mut HashMap::new())? else { return Ok(Found::nothing()) };
    let (mut team, mut project, mut itself) = (None, None, None);
    let mut open = false;
    match resource {
        // Members may be allowed to create teams, whatever their role holds.
        Resource::Org(_) => open = action == Action::TeamCreate,
        Resource::User(id) => {
            itself = Some(id);
            team = view.get(&schema::USERS, &id)?.and_then(|u| u.service_team());
        }
        // Runs have no name in a question.
        Resource::Run(_) => return Ok(Found::nothing()),
        Resource::Entity(Entity::Team(id)) => team = Some(id),
        Resource::Entity(Entity::Person(id)) => itself = Some(id),
        Resource::Project(id) => {
            let Some(found) = view.get(&schema::PROJECTS, &id)? else { return Ok(Found::nothing()) };
            match found.entity {
                Entity::Team(id) => team = Some(id),
                Entity::Person(id) => itself = Some(id),
            }
            project = Some(id);
            open = match found.visibility {
                Visibility::Open => action.is_public_reading() || action.is_open_submitting(),
                Visibility::Public => action.is_public_reading(),
                Visibility::Team | Visibility::Restricted => false,
            };
        }
    }
    open |= action.org_roles().iter().any(|role| *role != OrgRole::Admin);
    let mut walks = vec![];
    if open {
        walks.push(Walk::Everyone);
    } else {
        walks.extend(itself.map(Walk::Account));
        walks.extend(team.map(Walk::MembersOf));
        walks.extend(project.map(Walk::InvitedTo));
        walks.push(Walk::AdminsOf(org));
        walks.extend(team.map(|_| Walk::MachinesOf(org)));
    }
    walks.sort_unstable();
    let get = |id: UserId| view.get(&schema::USERS, &id);
    let list = |walk: Walk, range: Range| -> Result<Listed<Option<User>>> {
        Ok(match walk {
            Walk::Everyone => each(view.list(&schema::USERS, range)?, Some),
            Walk::Account(id) => Listed { items: vec![get(id)?], next: None },
            Walk::AdminsOf(org) => each(view.list_by(&schema::ADMINS_OF_ORG, range.under(&(org,)))?, Some),
            Walk::MachinesOf(org) => each(view.list_by(&schema::SERVICES_OF_ORG, range.under(&(org,)))?, Some),
            Walk::MembersOf(team) => {
                let page = view.list(&schema::MEMBERSHIPS, range.under(&(team,)))?;
                let users = page.items.iter().map(|m| get(m.user)).collect::<Result<_>>()?;
                Listed { items: users, next: page.next }
            }
            Walk::InvitedTo(project) => {
                let page = view.list(&schema::PROJECT_MEMBERS, range.under(&(project,)))?;
                let users = page.items.iter().map(|m| get(m.user)).collect::<Result<_>>()?;
                Listed { items: users, next: page.next }
            }
            _ => Listed { items: vec![], next: None },
        })
    };
    let found = walk(&walks, start, page.limit, list, |walk, user: User| {
        // Whoever stands in an earlier walk was looked at there.
        let before = |earlier: Walk| earlier < walk && walks.contains(&earlier);
        let in_team = match team {
            Some(team) if before(Walk::MembersOf(team)) => view.get(&schema::MEMBERSHIPS, &(team, user.id))?.is_some(),
            _ => false,
        };
        let invited = match project {
            Some(id) if before(Walk::InvitedTo(id)) => view.get(&schema::PROJECT_MEMBERS, &(id, user.id))?.is_some(),
            _ => false,
        };
        let seen = in_team || invited || (itself == Some(user.id) && before(Walk::Account(user.id)));
        if seen || !lives(&user) || user.membership(org).is_none() {
            return Ok(None);
        }
        let Some(facts) = evaluate::facts(cx, &user, resource)? else { return Ok(None) };
        Ok(decide(&facts, action).allowed().then_some(user.username))
    })?;
    Ok(Found { items: found.0, next: found.1.map(|place| place.token(cx, &question)) })
}

/// What `subject` may do on the resource, in the catalogue's order.
pub fn actions<V: Read>(cx: &Cx<V>, subject: &str, kind: Kind, id: &str, page: Page) -> Result<Found<Action>> {
    let question = ["action", subject, kind.as_str(), id];
    let start = Place::read(cx, &question, page.token)?.map_or(0, |place| place.code.1);
    let mut evaluator = Evaluator::new(cx);
    let mut items = vec![];
    for (n, action) in (0..).zip(Action::ALL.iter().copied()).skip_while(|(n, _)| *n < start) {
        if evaluator.ask(Question { subject, action, kind, id }, false)?.decision {
            if items.len() == page.limit {
                let next = Some(Place { code: (0, n), after: None }.token(cx, &question));
                return Ok(Found { items, next });
            }
            items.push(action);
        }
    }
    Ok(Found { items, next: None })
}

/// A place where candidates are. The order is the order of the results, and permanent for as long as a token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Walk {
    Organization(OrgId),
    Namespace(UserId),
    Account(UserId),
    Team(TeamId),
    TeamsOf(OrgId),
    Projects,
    ProjectsOf(Entity),
    Invitations(UserId),
    OpenTo(OrgId),
    Everyone,
    ServicesOf(TeamId),
    MembersOf(TeamId),
    InvitedTo(ProjectId),
    AdminsOf(OrgId),
    MachinesOf(OrgId),
}

impl Walk {
    /// A kind and a number that name it in a token.
    fn code(self) -> (u8, u64) {
        match self {
            Walk::Organization(id) => (1, id.0),
            Walk::Namespace(id) => (2, id.0),
            Walk::Account(id) => (3, id.0),
            Walk::Team(id) => (4, id.0),
            Walk::TeamsOf(id) => (5, id.0),
            Walk::Projects => (6, 0),
            Walk::ProjectsOf(Entity::Team(id)) => (7, id.0),
            Walk::ProjectsOf(Entity::Person(id)) => (8, id.0),
            Walk::Invitations(id) => (9, id.0),
            Walk::OpenTo(id) => (10, id.0),
            Walk::Everyone => (11, 0),
            Walk::ServicesOf(id) => (12, id.0),
            Walk::MembersOf(id) => (13, id.0),
            Walk::InvitedTo(id) => (14, id.0),
            Walk::AdminsOf(id) => (15, id.0),
            Walk::MachinesOf(id) => (16, id.0),
        }
    }
}

/// Where a search stands: in which walk, and behind what.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    code: (u8, u64),
    after: Option<Cursor>,
}

impl Place {
    /// The place that a token names; a token of another question, or of another asker, is refused.
    fn read<V: Read>(cx: &Cx<V>, question: &[&str], token: &str) -> Result<Option<Place>> {
        if token.is_empty() {
            return Ok(None);
        }
        let refused = || {
            Error::new(Code::InvalidValue, "The page token does not belong to this search.")
                .hint("Repeat the search without a token, and change nothing but the token from page to page.")
        };
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let text = String::from_utf8(bytes).map_err(|_| refused())?;
        let [mark, kind, number, after] =
            text.split('.').collect::<Vec<_>>().try_into().map_err(|_: Vec<&str>| refused())?;
        if mark != mark_of(cx, question) {
            return Err(refused());
        }
        let code = (kind.parse().map_err(|_| refused())?, number.parse().map_err(|_| refused())?);
        let after = if after.is_empty() { None } else { Some(after.parse().map_err(|_| refused())?) };
        Ok(Some(Place { code, after }))
    }

    /// The token that names it.
    fn token<V: Read>(&self, cx: &Cx<V>, question: &[&str]) -> String {
        let after = self.after.as_ref().map(ToString::to_string).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(format!("{}.{}.{}.{after}", mark_of(cx, question), self.code.0, self.code.1))
    }
}

/// What a token carries of the question and the asker.
fn mark_of<V: Read>(cx: &Cx<V>, question: &[&str]) -> String {
    let asker = cx.subject().user().map(|id| id.to_string()).unwrap_or_default();
    let whole: Vec<String> =
        question.iter().chain([&asker.as_str()]).map(|part| format!("{}:{part}", part.len())).collect();
    crypto::hex(&crypto::sha256(whole.concat().as_bytes())[..8])
}

/// Walks on from `start` until `limit` results are found or enough was looked at; gives where it stopped before the end.
fn walk<T>(
    walks: &[Walk],
    start: Option<Place>,
    limit: usize,
    list: impl Fn(Walk, Range) -> Result<Listed<Option<T>>>,
    judge: impl Fn(Walk, T) -> Result<Option<String>>,
) -> Result<(Vec<String>, Option<Place>)> {
    let (mut at, mut after) = match start {
        None => (0, None),
        // A walk that is gone since (a team left) is passed over: what follows it goes on.
        Some(place) => match walks.iter().position(|walk| walk.code() >= place.code) {
            None => return Ok((vec![], None)),
            Some(at) if walks[at].code() == place.code => (at, place.after),
            Some(at) => (at, None),
        },
    };
    let (mut items, mut left) = (vec![], LOOK_MAX);
    while let Some(current) = walks.get(at) {
        let room = limit.saturating_sub(items.len()).min(left).min(MAX_PAGE);
        if room == 0 {
            return Ok((items, Some(Place { code: current.code(), after })));
        }
        let page = list(*current, Range::all().limit(room).after(after.take()))?;
        left = left.saturating_sub(page.items.len() + 1);
        for candidate in page.items.into_iter().flatten() {
            items.extend(judge(*current, candidate)?);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => at += 1,
        }
    }
    Ok((items, None))
}

fn one<T>(item: T) -> Listed<Option<T>> {
    Listed { items: vec![Some(item)], next: None }
}

/// A page of rows as candidates; a row that is none still counts as looked at.
fn each<T, U>(page: Listed<T>, f: impl Fn(T) -> Option<U>) -> Listed<Option<U>> {
    Listed { items: page.items.into_iter().map(f).collect(), next: page.next }
}

fn lives(user: &User) -> bool {
    user.status != Status::Deleted
}

/// The name by which a question names the thing.
fn id_of(what: &What) -> String {
    match what {
        What::Org { name, .. } | What::Team { name, .. } | What::Namespace { name, .. } => name.clone(),
        What::User { username, .. } => username.clone(),
        What::Project { entity_name, name, .. } => format!("{entity_name}/{name}"),
    }
}

#[cfg(test)]
mod tests;

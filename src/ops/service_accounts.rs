//! Service accounts: machines that act by API key, or by tokens of the company's issuer. Those of a team are made by whoever
//! manages the team and work there; those of the organization by its admins, and they reach every team. What they may do
//! decides the policy; that a team's accounts also stand in its list of members is kept here.

use super::{Acting, Cx, absent, changed, or_absent, teams, user_named};
use crate::error::{Code, Error, Result};
use crate::model::credential::{KeyPlace, KeyScope};
use crate::model::name;
use crate::model::role::{Action, OrgRole, TeamRole};
use crate::model::team::{Membership, Team};
use crate::model::user::{OrgMembership, Service, Status, User, UserKind};
use crate::model::{Entity, OrgId, TeamId, UserId};
use crate::policy::{Credential, Held, Resource, Subject};
use crate::store::{Range, Read, schema};
use std::sync::Arc;

/// The longest subject, in bytes: longer than OpenID Connect allows (255), since not every issuer keeps to it.
pub const SUBJECT_MAX: usize = 512;

/// What somebody says of a new service account.
#[derive(Clone, Debug, Default)]
pub struct NewService {
    /// What it is for, in a few words; the username is made from it.
    pub name: String,
    /// Whom tokens of the organization's issuers call it, exactly; it then has no keys. Accounts of a team only.
    pub subject: Option<String>,
}

/// Creates a service account of a team, with its default there. Its first key is issued by the caller.
///
/// # Errors
/// [`Code::NameTaken`] where an account of the organization has the subject, [`Code::InvalidValue`], [`Code::Denied`].
pub fn create_in_team(cx: &mut Acting, typed: &str, new: &NewService) -> Result<User> {
    let team = teams::must_exist(cx.view(), typed)?;
    let resource = Resource::Entity(Entity::Team(team.id));
    let _may = or_absent(cx.allow(Action::TeamCreateService, resource), "team", typed)?;
    let grant = cx.allow_giving(Action::TeamCreateService, resource, &Held::of(TeamRole::Service))?;
    let subject = new.subject.as_deref().map(|subject| check_subject(cx.view(), team.org, subject)).transpose()?;
    let kind = Service { team: Some(team.id), subject };
    let user = account(cx, &team, &new.name, kind)?;
    cx.put(&grant, &schema::USERS, &user)?;
    let membership = Membership { team: team.id, user: user.id, role: TeamRole::Service, since_at: cx.now() };
    cx.put(&grant, &schema::MEMBERSHIPS, &membership)?;
    let changes = [
        changed("username", None, Some(&user.username)),
        changed("name", None, Some(&user.name)),
        changed("team", None, Some(&team.name)),
        changed("subject", None, user.service().and_then(|s| s.subject.as_deref())),
    ];
    cx.record_on(grant, user_named(&user), changes.into_iter().flatten().collect())?;
    Ok(user)
}

/// Creates a service account of the asker's organization. Its runs go to `default_team` where they name no team.
///
/// # Errors
/// [`Code::InvalidValue`] without a default team or with one that does not exist, [`Code::Denied`].
pub fn create_in_org(cx: &mut Acting, default_team: &str, new: &NewService) -> Result<User> {
    let org = cx.org()?;
    let grant = cx.allow(Action::ServiceCreate, Resource::Org(org))?;
    if new.subject.is_some() {
        return Err(Error::invalid("Federated service accounts belong to a team.")
            .hint("Create it on the page of its team, or let this one act by API key."));
    }
    let team = default_team_of(cx, org, default_team)?;
    let user = account(cx, &team, &new.name, Service::default())?;
    cx.put(&grant, &schema::USERS, &user)?;
    let changes = [
        changed("username", None, Some(&user.username)),
        changed("name", None, Some(&user.name)),
        changed("default team", None, Some(&team.name)),
    ];
    cx.record_on(grant, user_named(&user), changes.into_iter().flatten().collect())?;
    Ok(user)
}

/// Gives a service account of the organization another default team.
///
/// # Errors
/// [`Code::InvalidValue`] for a team that does not exist and for an account of a team, which keeps its own;
/// [`Code::NotFound`], [`Code::Denied`].
pub fn set_default_team(cx: &mut Acting, typed: &str, team: &str) -> Result<User> {
    let mut user = must_exist(cx.view(), typed)?;
    let grant = or_absent(cx.allow(Action::UserUpdate, Resource::User(user.id)), "service account", typed)?;
    if !user.is_org_service() {
        return Err(Error::invalid("The runs of a team's service account go to its team."));
    }
    let team = default_team_of(cx, grant.org(), team)?;
    let was = match user.default_team {
        Some(id) => cx.view().get(&schema::TEAMS, &id)?.map(|t| t.name),
        None => None,
    };
    if user.default_team == Some(team.id) {
        return Ok(user);
    }
    user.default_team = Some(team.id);
    user.touch(cx.now());
    cx.put(&grant, &schema::USERS, &user)?;
    cx.record(grant, changed("default team", was.as_deref(), Some(&team.name)).into_iter().collect())?;
    Ok(user)
}

/// Renames a service account: what it is for, as people read it. Its username stays, since scripts and runs name it.
pub fn rename(cx: &mut Acting, typed: &str, name: &str) -> Result<User> {
    let user = must_exist(cx.view(), typed)?;
    if name.trim().is_empty() {
        // Asked first, so that nobody learns more than the rights say.
        let _may = or_absent(cx.allow(Action::UserUpdate, Resource::User(user.id)), "service account", typed)?;
        return Err(Error::invalid("A service account needs a description."));
    }
    let change = super::users::UserChange { name: Some(name.to_owned()), ..Default::default() };
    super::users::update(cx, &user.username, &change)
}

/// Deletes a service account with its keys, at once; what it submitted stays.
pub fn delete(cx: &mut Acting, typed: &str) -> Result<()> {
    let user = must_exist(cx.view(), typed)?;
    match user.service_team() {
        None => super::users::delete(cx, &user.username),
        Some(team) => {
            let team = cx.view().get(&schema::TEAMS, &team)?.ok_or_else(|| absent("service account", typed))?;
            or_absent(teams::take_out(cx, &team.name, &user.username), "service account", typed)
        }
    }
}

/// How many service accounts the asker's organization itself has, as counted all along.
pub fn count_of_org<V: Read>(cx: &Cx<V>) -> Result<usize> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    cx.view().count(&schema::SERVICES_OF_ORG, Range::all().under(&(org,)), usize::MAX)
}

/// Somebody who provisions as `subject`: an account of the organization whose key is not narrowed does, as the documents say,
/// with what a connection may and nothing else. Everybody else stays who they are.
pub fn provisioner(view: &impl Read, subject: Subject) -> Result<Subject> {
    let (Some(id), Credential::Key(key, scope)) = (subject.user(), &subject.credential) else { return Ok(subject) };
    let whole = matches!(scope, KeyScope::Full | KeyScope::Within { place: KeyPlace::Org(_), reads_only: false });
    if whole && view.shared(&schema::USERS, &id)?.is_some_and(|user| user.is_org_service()) {
        let credential = Credential::Key(key.clone(), KeyScope::Provisioning);
        return Ok(Subject { credential, ..subject });
    }
    Ok(subject)
}

fn must_exist(view: &impl Read, typed: &str) -> Result<User> {
    super::users::by_name(view, typed)?
        .filter(|user| user.service().is_some())
        .ok_or_else(|| absent("service account", typed))
}

/// The team of `org` that was typed as a default.
fn default_team_of(cx: &Acting, org: OrgId, typed: &str) -> Result<Team> {
    if typed.trim().is_empty() {
        return Err(Error::invalid("A service account of the organization needs a default team.")
            .hint("Its runs go there when they name no team."));
    }
    teams::by_name(cx.view(), typed)?
        .filter(|t| t.org == org)
        .ok_or_else(|| Error::invalid("There is no such team to be the default."))
}

/// The row of a new account.
fn account(cx: &mut Acting, team: &Team, typed: &str, kind: Service) -> Result<User> {
    let description = name::check_text("description", typed, name::TEXT_MAX)?;
    if description.is_empty() {
        return Err(Error::invalid("A service account needs a description."));
    }
    // A display name without an address: nothing before an '@' may be cut off.
    let mut base = format!("service-{}", name::derive_username(&description.replace('@', "-")));
    // Room for the number where the name is taken; it is ASCII by now.
    base.truncate(name::NAME_MAX - 8);
    Ok(User {
        id: UserId(cx.tx().next_id(schema::ENTITY_IDS)?),
        kind: UserKind::Service(kind),
        username: super::users::free_username(cx.view(), &base)?,
        name: description,
        emails: vec![],
        status: Status::Active,
        orgs: vec![OrgMembership::new(team.org, OrgRole::Member)],
        default_org: None,
        default_team: Some(team.id),
        created_at: cx.now(),
        updated_at: 0,
        version: 1,
    })
}

/// Checks a subject that nobody has: any text, compared as it stands.
fn check_subject(view: &impl Read, org: OrgId, subject: &str) -> Result<String> {
    if subject.is_empty() {
        return Err(Error::invalid("A federated service account needs a subject.")
            .hint("It is what the issuer's tokens have as 'sub', exactly."));
    }
    if subject.len() > SUBJECT_MAX || subject.chars().any(char::is_control) {
        return Err(Error::invalid(format!("A subject has at most {SUBJECT_MAX} bytes and no control characters.")));
    }
    if by_subject(view, org, subject)?.is_some() {
        return Err(Error::new(Code::NameTaken, "Another service account of the organization has this subject.")
            .hint("A token names one account: choose another subject, or delete the other account."));
    }
    Ok(subject.to_owned())
}

/// The living service account of `org` that tokens call `subject`, byte for byte; no check of rights.
pub fn by_subject(view: &impl Read, org: OrgId, subject: &str) -> Result<Option<Arc<User>>> {
    if subject.is_empty() || subject.len() > SUBJECT_MAX {
        return Ok(None);
    }
    view.find_shared(&schema::SERVICE_BY_SUBJECT, &(org, subject.to_owned()))
}

/// The service accounts of an organization itself, from the oldest to the newest; no check of rights.
pub(super) fn rows(view: &impl Read, org: OrgId) -> Result<Vec<User>> {
    view.all_by(&schema::SERVICES_OF_ORG, &(org,))
}

/// Everybody who works in a team: its members, and the accounts of its organization as if they were.
pub(super) fn at_work(view: &impl Read, team: TeamId, org: OrgId) -> Result<Vec<Membership>> {
    let mut all = teams::rows(view, team)?;
    let machines = rows(view, org)?;
    all.extend(machines.iter().map(|account| Membership {
        team,
        user: account.id,
        role: TeamRole::Service,
        since_at: account.created_at,
    }));
    Ok(all)
}

/// A service account of the organization whose runs go to `team` where they name none.
pub(super) fn leaning_on(view: &impl Read, team: &Team) -> Result<Option<User>> {
    Ok(rows(view, team.org)?.into_iter().find(|account| account.default_team == Some(team.id)))
}

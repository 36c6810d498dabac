//! The directory as provisioning sees it: people with their profile and teams, read and changed by typed facts. SCIM drives it,
//! and so can any other source that says who there is.
//!
//! Every change goes through [`apply`], whatever kind of thing it is about: it is all or nothing, each fact records its own
//! event, and what was taken from people is told in a [`Toll`], which is held against the bounds of a sync before anything is
//! kept. The facts themselves are written by the use-cases that people have too; no rule is here a second time.

mod people;

pub use people::{Key, OfTeam, Person, count, find, people, person};

use super::service_accounts::NewService;
use super::{Acting, Cx, Grant, absent, changed, users};
use crate::error::{Code, Error, Kind, Result};
use crate::model::audit::Change as Field;
use crate::model::name;
use crate::model::profile::Profile;
use crate::model::provisioning::Loss;
use crate::model::role::{Action, OrgRole, Seat};
use crate::model::user::{Status, User};
use crate::model::{Entity, OrgId, TeamId, UserId};
use crate::policy::Resource;
use crate::store::{Read, schema};
use people::look_up;
use serde_json::{Map, Value};

/// The most that the descriptive attributes of one person take, in bytes as JSON.
const DETAILS_MAX: usize = 16 * 1024;

/// What a change takes from people.
#[derive(Debug, Default)]
pub struct Toll {
    /// Who was deactivated.
    pub deactivated: Vec<UserId>,
    /// Who was deleted.
    pub deleted: Vec<UserId>,
    /// Who was taken out of which team.
    pub removed: Vec<(TeamId, UserId)>,
}

impl Toll {
    pub(super) fn losses(&self) -> Vec<Loss> {
        let deactivated = self.deactivated.iter().map(|id| Loss::Deactivate(*id));
        let deleted = self.deleted.iter().map(|id| Loss::Delete(*id));
        let removed = self.removed.iter().map(|(team, id)| Loss::Leave(*team, *id));
        deactivated.chain(deleted).chain(removed).collect()
    }
}

/// The one door for changes by provisioning: runs `change` and holds what it took from people against the bounds of a sync.
pub fn apply<T>(cx: &mut Acting, change: impl FnOnce(&mut Acting, &mut Toll) -> Result<T>) -> Result<T> {
    enter(cx)?;
    let mut toll = Toll::default();
    let done = change(cx, &mut toll)?;
    super::fuse::weigh(cx, &toll.losses())?;
    Ok(done)
}

/// Whether the asker may provision at all: organization admins. Gives the organization.
///
/// # Errors
/// [`Code::Denied`].
pub fn enter<V: Read>(cx: &Cx<V>) -> Result<OrgId> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    Ok(org)
}

/// The versions that a request is conditional on, as `If-Match` and `If-None-Match` give them (RFC 9110 §13.1).
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// It must be one of these; `*` is any.
    pub if_match: Option<Vec<String>>,
    /// It must be none of these.
    pub if_none_match: Option<Vec<String>>,
}

impl Condition {
    /// Refuses a change of what is at `version` now.
    ///
    /// # Errors
    /// [`Code::StaleVersion`].
    pub fn check(&self, version: &str) -> Result<()> {
        let is = |list: &[String]| list.iter().any(|tag| tag == "*" || tag == version);
        if self.if_match.as_deref().is_some_and(|list| !is(list)) || self.if_none_match.as_deref().is_some_and(is) {
            return Err(Error::new(Code::StaleVersion, "It was changed in the meantime.")
                .hint("Read it again and repeat the change on what it is now."));
        }
        Ok(())
    }

    /// Whether a reader has this version already.
    pub fn is_known(&self, version: &str) -> bool {
        self.if_none_match.as_deref().is_some_and(|list| list.iter().any(|tag| tag == "*" || tag == version))
    }
}

/// A person that a directory wants made.
#[derive(Clone, Debug, Default)]
pub struct NewPerson {
    /// The name by which the directory knows the person.
    pub user_name: String,
    /// The address.
    pub email: String,
    /// The full name; may be empty.
    pub full_name: String,
    /// Whether that was put together from its parts.
    pub name_derived: bool,
    /// The directory's own id.
    pub external_id: Option<String>,
    /// The descriptive attributes.
    pub details: Map<String, Value>,
    /// What else is said, in order, once the account is there.
    pub changes: Vec<Change>,
}

/// One fact about a person that a directory wants otherwise.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The name by which the directory knows the person. The username stays.
    UserName(String),
    /// The full name.
    FullName {
        /// The name.
        name: String,
        /// Whether it was put together from its parts.
        derived: bool,
    },
    /// The address.
    Email(String),
    /// Whether the account works.
    Active(bool),
    /// The role in the organization.
    OrgRole(OrgRole),
    /// The Models seat.
    ModelsSeat(Seat),
    /// The Weave access.
    WeaveRole(Seat),
    /// The role in one team that the person belongs to: team and role by name.
    TeamRole(String, String),
    /// Belonging to a team, by name; as member where it is new.
    Team(String),
    /// The directory's own id.
    ExternalId(Option<String>),
    /// The descriptive attributes, all of them.
    Details(Map<String, Value>),
}

/// Makes a person. The username is the directory's name where that is one, else derived from it.
///
/// # Errors
/// [`Code::NameTaken`], [`Code::EmailTaken`], [`Code::InvalidValue`], [`Code::Denied`].
pub fn create(cx: &mut Acting, toll: &mut Toll, new: &NewPerson) -> Result<Person> {
    let org = cx.org()?;
    let user_name = check_user_name(&new.user_name)?;
    if !look_up(cx.view(), org, Key::UserName(&user_name))?.is_empty() {
        return Err(user_name_taken(&user_name));
    }
    let is_name = name::check_entity_name("user", &user_name).is_ok();
    let username = match is_name && !users::is_taken(cx.view(), &user_name)? {
        true => user_name.clone(),
        false => users::free_username(cx.view(), &name::derive_username(&user_name))?,
    };
    let mut profile = Profile::new(UserId(0), org, cx.now());
    profile.user_name = (username != user_name).then_some(user_name);
    profile.external_id = check_external_id(new.external_id.as_deref())?;
    profile.name_derived = new.name_derived && !new.full_name.is_empty();
    profile.details = check_details(&new.details)?;
    let account = users::NewUser {
        email: new.email.clone(),
        username: Some(username),
        name: new.full_name.clone(),
        ..users::NewUser::default()
    };
    let user = users::create_with(cx, &account, |cx, grant, user| {
        profile.user = user.id;
        keep(cx, grant, None, &profile)
    })?;
    super::connections::made(cx, Entity::Person(user.id))?;
    for change in &new.changes {
        one(cx, toll, user.id, change)?;
    }
    person(cx, user.id)
}

/// Makes a service account of a team, or of the organization with the team as its default. Its keys are made by whoever
/// manages it.
///
/// # Errors
/// As [`create`].
pub fn create_service(cx: &mut Acting, user_name: &str, team: &str, of_org: bool) -> Result<Person> {
    let org = cx.org()?;
    let user_name = check_user_name(user_name)?;
    if !look_up(cx.view(), org, Key::UserName(&user_name))?.is_empty() {
        return Err(user_name_taken(&user_name));
    }
    let team = team_named(cx, team)?;
    let new = NewService { name: user_name.clone(), ..NewService::default() };
    let user = in_value(match of_org {
        true => super::service_accounts::create_in_org(cx, &team, &new),
        false => super::service_accounts::create_in_team(cx, &team, &new),
    })?;
    if user.username != user_name {
        edit(cx, &user, |profile| profile.user_name = Some(user_name))?;
    }
    person(cx, user.id)
}

/// Changes a person by what `wanted` makes of them as they are, all or nothing.
///
/// # Errors
/// Those of the use-cases behind the facts; [`Code::StaleVersion`], [`Code::NotFound`].
pub fn change(
    cx: &mut Acting,
    toll: &mut Toll,
    id: UserId,
    condition: &Condition,
    wanted: impl FnOnce(&Person) -> Result<Vec<Change>>,
) -> Result<Person> {
    let before = person(cx, id)?;
    let version = before.version();
    condition.check(&version)?;
    if before.user.is_service() {
        return Err(Error::new(Code::Mutability, "A service account is not changed by provisioning.")
            .hint("Change it in its team, or delete it."));
    }
    // Asked also where nothing will differ: a key that only reads is told so.
    let _may = cx.allow(profile_act(&before.user), Resource::User(id))?;
    let changes = wanted(&before)?;
    if changes.is_empty() {
        return Ok(before);
    }
    super::connections::touch(cx, Entity::Person(id))?;
    for change in &changes {
        one(cx, toll, id, change)?;
    }
    let mut after = person(cx, id)?;
    if after.version() != version && after.updated_at < cx.now() {
        // A role in a team is no part of the person's own rows; the moment of the change is kept all the same.
        let grant = cx.allow(profile_act(&after.user), Resource::User(id))?;
        after.profile.updated_at = cx.now();
        after.updated_at = cx.now();
        cx.put(&grant, &schema::PROFILES, &after.profile)?;
    }
    Ok(after)
}

fn one(cx: &mut Acting, toll: &mut Toll, id: UserId, change: &Change) -> Result<()> {
    let user = cx.view().get(&schema::USERS, &id)?.ok_or_else(|| absent("user", &id.global()))?;
    let typed = user.username.as_str();
    match change {
        Change::FullName { name, derived } => {
            let change = users::UserChange { name: Some(name.clone()), ..users::UserChange::default() };
            if *name != user.name {
                users::update(cx, typed, &change)?;
            }
            edit(cx, &user, |profile| profile.name_derived = *derived && !name.is_empty())
        }
        Change::Email(email) => {
            let change = users::UserChange { email: Some(email.clone()), ..users::UserChange::default() };
            users::update(cx, typed, &change).map(drop)
        }
        Change::Active(active) => {
            if !active && user.status_in(cx.org()?) == Status::Active {
                toll.deactivated.push(id);
            }
            users::set_active(cx, typed, *active).map(drop)
        }
        Change::OrgRole(role) => users::set_org_role(cx, typed, *role).map(drop),
        Change::ModelsSeat(seat) => users::set_seats(cx, typed, Some(*seat), None).map(drop),
        Change::WeaveRole(seat) => users::set_seats(cx, typed, None, Some(*seat)).map(drop),
        Change::TeamRole(team, role) => {
            let team = team_named(cx, team)?;
            in_value(super::teams::set_role(cx, &team, typed, role)).map(drop)
        }
        Change::Team(team) => {
            let team = team_named(cx, team)?;
            in_value(super::teams::invite(cx, &team, typed, "member")).map(drop)
        }
        Change::UserName(user_name) => {
            let user_name = check_user_name(user_name)?;
            let org = cx.org()?;
            if look_up(cx.view(), org, Key::UserName(&user_name))?.iter().any(|u| u.id != id) {
                return Err(user_name_taken(&user_name));
            }
            let own = user.username == user_name;
            edit(cx, &user, |profile| profile.user_name = (!own).then_some(user_name))
        }
        Change::ExternalId(external_id) => {
            let external_id = check_external_id(external_id.as_deref())?;
            edit(cx, &user, |profile| profile.external_id = external_id)
        }
        Change::Details(details) => {
            let details = check_details(details)?;
            edit(cx, &user, |profile| profile.details = details)
        }
    }
}

/// The name of the team that is named so, or that the directory knows so.
fn team_named(cx: &Acting, typed: &str) -> Result<String> {
    if super::teams::by_name(cx.view(), typed)?.is_none() {
        let org = cx.org()?;
        let key = super::provision_teams::Key::DisplayName(typed);
        if let Some(team) = super::provision_teams::look_up(cx.view(), org, key)? {
            return Ok(team.name);
        }
    }
    Ok(typed.to_owned())
}

/// What a value names and is not there is a wrong value; the address asked about is another.
fn in_value<T>(outcome: Result<T>) -> Result<T> {
    outcome.map_err(|e| match e.kind() {
        Kind::NotFound => Error::invalid(e.detail().to_owned()),
        _ => e,
    })
}

/// Deletes a person for good; what they ran stays theirs. Somebody who belongs to another organization too leaves this one only.
/// By setting it deactivates only, as W&B's older document says.
pub fn remove(cx: &mut Acting, toll: &mut Toll, id: UserId, condition: &Condition) -> Result<()> {
    let person = person(cx, id)?;
    condition.check(&person.version())?;
    super::connections::touch(cx, Entity::Person(id))?;
    if cx.settings().scim_delete_deactivates() {
        return one(cx, toll, id, &Change::Active(false));
    }
    toll.deleted.push(id);
    super::membership::discharge(cx, person.user)
}

/// What keeping a profile is: part of the account, or of the belonging to one of several organizations, each of which has its own.
pub(super) fn profile_act(user: &User) -> Action {
    if user.orgs.len() > 1 { Action::UserUpdateMembership } else { Action::UserUpdate }
}

/// Changes the profile of somebody.
fn edit(cx: &mut Acting, user: &User, f: impl FnOnce(&mut Profile)) -> Result<()> {
    let grant = cx.allow(profile_act(user), Resource::User(user.id))?;
    let org = cx.org()?;
    let before = cx.view().get(&schema::PROFILES, &(user.id, org))?;
    let mut profile = before.clone().unwrap_or_else(|| Profile::new(user.id, org, cx.now()));
    f(&mut profile);
    let changes = keep(cx, &grant, before.as_ref(), &profile)?;
    if changes.is_empty() {
        return Ok(());
    }
    cx.record(grant, changes)
}

/// Writes a profile that differs from `before`; gives what differs, for the event.
fn keep(cx: &mut Acting, grant: &Grant, before: Option<&Profile>, profile: &Profile) -> Result<Vec<Field>> {
    let none = Profile::new(profile.user, profile.org, profile.updated_at);
    let old = before.unwrap_or(&none);
    if old == profile {
        return Ok(vec![]);
    }
    let profile = Profile { updated_at: cx.now(), ..profile.clone() };
    cx.put(grant, &schema::PROFILES, &profile)?;
    let mut names: Vec<&String> = old.details.keys().chain(profile.details.keys()).collect();
    names.sort_unstable();
    names.dedup();
    // Compared whole: what differs only behind the cut has changed too, and needs its event.
    let details = names.into_iter().map(|n| {
        let (from, to) = (old.details.get(n), profile.details.get(n));
        (from != to).then(|| Field { field: n.clone(), from: in_words(from), to: in_words(to) })
    });
    let changes = [
        changed("user name", old.user_name.as_deref(), profile.user_name.as_deref()),
        changed("external id", old.external_id.as_deref(), profile.external_id.as_deref()),
        super::switched("name from its parts", old.name_derived, profile.name_derived),
    ];
    Ok(changes.into_iter().chain(details).flatten().collect())
}

/// A descriptive value for an event, cut to what a reader looks at.
fn in_words(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(text.chars().take(name::TEXT_MAX).collect())
}

fn check_user_name(user_name: &str) -> Result<String> {
    let user_name = name::check_text("userName", user_name, name::EMAIL_MAX)?;
    if user_name.is_empty() {
        return Err(Error::invalid("A user needs a userName."));
    }
    // A letter may become many when names are compared, and an index has room for so much.
    if name::fold(&user_name).len() > 4 * name::EMAIL_MAX - 64 {
        return Err(Error::invalid("The userName is too long."));
    }
    Ok(user_name)
}

fn check_external_id(external_id: Option<&str>) -> Result<Option<String>> {
    let Some(text) = external_id.filter(|id| !id.is_empty()) else { return Ok(None) };
    if text.len() > name::EMAIL_MAX || text.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "An externalId has at most {} bytes and no control characters.",
            name::EMAIL_MAX
        )));
    }
    Ok(Some(text.to_owned()))
}

fn check_details(details: &Map<String, Value>) -> Result<Map<String, Value>> {
    let size = serde_json::to_string(details).map_err(Error::internal)?.len();
    if size > DETAILS_MAX {
        return Err(Error::invalid(format!(
            "The descriptive attributes of one person take at most {DETAILS_MAX} bytes."
        )));
    }
    Ok(details.clone())
}

fn user_name_taken(user_name: &str) -> Error {
    Error::new(Code::NameTaken, format!("There is a user with the userName {user_name} already."))
}

//! Teams as provisioning sees them: "groups" with the directory's own name and id, and their people. Read and changed by typed
//! facts, like people in `provision.rs`, and through the same door ([`super::provision::apply`]).
//!
//! What is read and written grows with the change, never with the team: a team is looked up by index, its people are walked only
//! for who asks for them, and one event tells of many who came or went.

use super::provision::{Condition, Toll};
use super::{Acting, Cx, absent, changed, or_absent, roster, teams, users};
use crate::clock::Millis;
use crate::crypto;
use crate::error::{Code, Error, Result};
use crate::model::audit::Change as Field;
use crate::model::name;
use crate::model::profile::TeamProfile;
use crate::model::role::{Action, TeamRole};
use crate::model::team::{Membership, Team};
use crate::model::user::{Status, User};
use crate::model::{Entity, OrgId, TeamId, UserId};
use crate::policy::{Held, Resource};
use crate::store::{Cursor, Range, Read, schema};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The longest display name and the longest id of a directory, in characters.
pub const NAME_MAX: usize = 256;
/// How many people one event tells of.
const PER_EVENT: usize = 100;

/// A team and what the directory says of it.
#[derive(Clone, Debug)]
pub struct Group {
    /// The team.
    pub team: Team,
    /// What the directory says beyond it.
    pub profile: TeamProfile,
}

impl Group {
    /// The name by which the directory knows the team.
    pub fn display_name(&self) -> &str {
        self.profile.display_name.as_deref().unwrap_or(&self.team.name)
    }

    /// When the name, the directory's id or the list of people changed last.
    pub fn updated_at(&self) -> Millis {
        self.team.updated_at.max(self.team.created_at).max(self.profile.updated_at)
    }

    /// Changes when the directory's name or id changes, or people come or go. It takes no look at the people.
    pub fn version(&self) -> String {
        let shown = serde_json::json!([self.team.id, self.display_name(), self.profile.external_id, self.team.roster]);
        crypto::hex(&crypto::sha256(shown.to_string().as_bytes())[..8])
    }
}

/// A person of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belonging {
    /// Who.
    pub id: UserId,
    /// The name by which the directory knows the person.
    pub user_name: String,
}

fn on(team: TeamId) -> Resource {
    Resource::Entity(Entity::Team(team))
}

/// A team of the asker's organization.
///
/// # Errors
/// [`Code::NotFound`], also for teams of other organizations.
pub fn group<V: Read>(cx: &Cx<V>, id: TeamId) -> Result<Group> {
    let (org, typed) = (cx.org()?, id.global());
    let team = cx.view().get(&schema::TEAMS, &id)?.filter(|t| t.org == org).ok_or_else(|| absent("group", &typed))?;
    let _grant = or_absent(cx.allow(Action::TeamRead, on(id)), "group", &typed)?;
    load(cx, team)
}

fn load<V: Read>(cx: &Cx<V>, team: Team) -> Result<Group> {
    let profile = cx.view().get(&schema::TEAM_PROFILES, &team.id)?;
    Ok(Group { profile: profile.unwrap_or_else(|| TeamProfile::new(team.id, team.org, team.created_at)), team })
}

/// By what a team is looked up through an index.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// The name by which the directory knows it.
    DisplayName(&'a str),
    /// The directory's own id.
    ExternalId(&'a str),
}

/// The teams whom an index knows by `key`.
pub fn find<V: Read>(cx: &Cx<V>, key: Key) -> Result<Vec<Group>> {
    let org = may_list(cx)?;
    look_up(cx.view(), org, key)?.into_iter().map(|team| load(cx, team)).collect()
}

fn may_list<V: Read>(cx: &Cx<V>) -> Result<OrgId> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::TeamList, Resource::Org(org))?;
    Ok(org)
}

pub(super) fn look_up(view: &impl Read, org: OrgId, key: Key) -> Result<Option<Team>> {
    let (Key::DisplayName(text) | Key::ExternalId(text)) = key;
    // Longer than any key can be: nobody has it.
    if text.len() > 4 * NAME_MAX {
        return Ok(None);
    }
    let profile = match key {
        Key::DisplayName(text) => view.find(&schema::TEAM_BY_DISPLAY_NAME, &(org, name::fold(text)))?,
        Key::ExternalId(text) => view.find(&schema::TEAM_BY_EXTERNAL_ID, &(org, text.to_owned()))?,
    };
    match (profile, key) {
        (Some(profile), _) => view.get(&schema::TEAMS, &profile.team),
        (None, Key::ExternalId(_)) => Ok(None),
        (None, Key::DisplayName(text)) => {
            let Some(team) = teams::by_name(view, text)?.filter(|t| t.org == org) else { return Ok(None) };
            // Known by another name to the directory.
            let known = view.get(&schema::TEAM_PROFILES, &team.id)?.and_then(|p| p.display_name);
            Ok(known.is_none().then_some(team))
        }
    }
}

/// The teams of the person with this id, in the order of ids.
pub fn of_person<V: Read>(cx: &Cx<V>, id: &str) -> Result<Vec<Group>> {
    let org = may_list(cx)?;
    let Some(id) = UserId::from_global(id) else { return Ok(vec![]) };
    let mut out = vec![];
    for row in teams::of_user(cx.view(), id)?.iter().filter(|m| m.role != TeamRole::Service) {
        if let Some(team) = cx.view().get(&schema::TEAMS, &row.team)?.filter(|t| t.org == org) {
            out.push(load(cx, team)?);
        }
    }
    Ok(out)
}

/// At most `limit` teams in the order of ids, without the first `skip` behind `after`.
pub fn groups<V: Read>(cx: &Cx<V>, after: Option<TeamId>, skip: usize, limit: usize) -> Result<Vec<Group>> {
    let org = may_list(cx)?;
    let mut after = after.map(|id| Cursor::at(&(org, id)));
    let (mut skip, mut out) = (skip, vec![]);
    // More than the store gives at once.
    while out.len() < limit {
        let range = Range::all().under(&(org,)).after(after).skip(skip).limit(limit - out.len());
        let page = cx.view().list_by(&schema::TEAMS_BY_AGE, range)?;
        for team in page.items {
            out.push(load(cx, team)?);
        }
        (after, skip) = (page.next, 0);
        if after.is_none() {
            break;
        }
    }
    Ok(out)
}

/// How many teams there are.
pub fn count<V: Read>(cx: &Cx<V>) -> Result<usize> {
    let org = may_list(cx)?;
    cx.view().count(&schema::TEAMS_BY_AGE, Range::all().under(&(org,)), usize::MAX)
}

/// The people of a team in the order of ids: no service accounts, no invitations.
pub fn members<V: Read>(cx: &Cx<V>, group: &Group) -> Result<Vec<Belonging>> {
    let _grant = cx.allow(Action::TeamRead, on(group.team.id))?;
    people(cx, group.team.id)
}

fn people<V: Read>(cx: &Cx<V>, team: TeamId) -> Result<Vec<Belonging>> {
    let (org, mut out) = (cx.org()?, vec![]);
    for row in teams::rows(cx.view(), team)?.iter().filter(|m| m.role != TeamRole::Service) {
        let Some(user) = cx.view().get(&schema::USERS, &row.user)? else { continue };
        let known = cx.view().get(&schema::PROFILES, &(row.user, org))?.and_then(|p| p.user_name);
        out.push(Belonging { id: row.user, user_name: known.unwrap_or(user.username) });
    }
    Ok(out)
}

/// A team that a directory wants made.
#[derive(Clone, Debug, Default)]
pub struct NewGroup {
    /// The name by which the directory knows it.
    pub display_name: String,
    /// The directory's own id.
    pub external_id: Option<String>,
    /// Where it wants the files of its runs; see [`crate::model::team::StorageType`].
    pub storage: Option<String>,
    /// Who is in it: ids or addresses.
    pub members: Vec<String>,
}

/// Which people of a team are meant.
pub type Chosen = Arc<dyn Fn(&Belonging) -> bool + Send + Sync>;

/// One fact about a team that a directory wants otherwise. People are named by id or by address.
#[derive(Clone)]
pub enum Change {
    /// The name by which the directory knows the team. The team's own name, which stands in paths, stays.
    DisplayName(String),
    /// The directory's own id.
    ExternalId(Option<String>),
    /// These belong to it; as members where they are new.
    Add(Vec<String>),
    /// These do not. Whoever is not in it, or is nobody, is not.
    Remove(Vec<String>),
    /// Those for whom it holds do not.
    RemoveWhere(Chosen),
    /// These, and nobody else; service accounts stay.
    Exactly(Vec<String>),
}

/// Makes a team. The asker is not in it unless named.
///
/// # Errors
/// [`Code::NameTaken`], [`Code::InvalidValue`], [`Code::Denied`].
pub fn create(cx: &mut Acting, toll: &mut Toll, new: &NewGroup) -> Result<Group> {
    let org = cx.org()?;
    let display_name = check("displayName", &new.display_name)?;
    must_be_free(cx, org, &display_name, None)?;
    let base = match name::check_entity_name("team", &display_name) {
        Ok(()) => display_name.clone(),
        Err(_) => name::derive_team_name(&display_name),
    };
    let team_name = users::free_username(cx.view(), &base)?;
    let external_id = new.external_id.as_deref().map(|id| check("externalId", id)).transpose()?;
    let made = teams::NewTeam { storage: new.storage.clone().unwrap_or_default(), ..teams::NewTeam::named(team_name) };
    let team = teams::create_with(cx, &made, |cx, grant, team| {
        let mut profile = TeamProfile::new(team.id, org, cx.now());
        profile.display_name = (team.name != display_name).then(|| display_name.clone());
        profile.external_id = external_id;
        profile.is_made_by_directory = true;
        cx.put(grant, &schema::TEAM_PROFILES, &profile)?;
        Ok(differences(None, &profile))
    })?;
    super::connections::made(cx, Entity::Team(team.id))?;
    change(cx, toll, team.id, &Condition::default(), &[Change::Add(new.members.clone())])
}

/// Changes a team, all or nothing.
///
/// # Errors
/// [`Code::NotFound`], [`Code::StaleVersion`], [`Code::NameTaken`], [`Code::InvalidValue`] for people there are not,
/// [`Code::Denied`], [`Code::TooLarge`] for more people than one transaction takes.
pub fn change(
    cx: &mut Acting,
    toll: &mut Toll,
    id: TeamId,
    condition: &Condition,
    changes: &[Change],
) -> Result<Group> {
    let before = group(cx, id)?;
    condition.check(&before.version())?;
    super::connections::touch(cx, Entity::Team(id))?;
    for change in changes {
        match change {
            Change::DisplayName(text) => {
                let display_name = check("displayName", text)?;
                must_be_free(cx, before.team.org, &display_name, Some(id))?;
                let own = before.team.name == display_name;
                edit(cx, &before.team, |profile| profile.display_name = (!own).then_some(display_name))?;
            }
            Change::ExternalId(external_id) => {
                let external_id = external_id.as_deref().map(|id| check("externalId", id)).transpose()?;
                edit(cx, &before.team, |profile| profile.external_id = external_id)?;
            }
            Change::Add(who) => add(cx, &before.team, &named(cx, before.team.org, who)?)?,
            Change::Remove(who) => {
                let gone = who.iter().map(|text| look_up_person(cx, before.team.org, text));
                let gone = gone.filter_map(Result::transpose).collect::<Result<Vec<_>>>()?;
                take(cx, toll, &before.team, gone.into_iter().map(|u| u.id))?;
            }
            Change::RemoveWhere(chosen) => {
                let gone: Vec<UserId> = people(cx, id)?.iter().filter(|p| chosen(p)).map(|p| p.id).collect();
                take(cx, toll, &before.team, gone)?;
            }
            Change::Exactly(who) => {
                let wanted = named(cx, before.team.org, who)?;
                let ids: BTreeSet<UserId> = wanted.iter().map(|u| u.id).collect();
                let rows = teams::rows(cx.view(), id)?;
                let gone =
                    rows.iter().filter(|m| m.role != TeamRole::Service && !ids.contains(&m.user)).map(|m| m.user);
                let gone: Vec<UserId> = gone.collect();
                take(cx, toll, &before.team, gone)?;
                add(cx, &before.team, &wanted)?;
            }
        }
    }
    group(cx, id)
}

/// Deletes a team that the directory made and that has no projects.
///
/// # Errors
/// [`Code::AlreadyDone`] where it was made by somebody else or has projects, [`Code::NotFound`], [`Code::StaleVersion`].
pub fn remove(cx: &mut Acting, toll: &mut Toll, id: TeamId, condition: &Condition) -> Result<()> {
    let group = group(cx, id)?;
    condition.check(&group.version())?;
    super::connections::touch(cx, Entity::Team(id))?;
    if !group.profile.is_made_by_directory {
        return Err(Error::new(Code::AlreadyDone, format!("Team {} was not made by provisioning.", group.team.name))
            .hint("Delete it in the console."));
    }
    let rows = teams::rows(cx.view(), id)?;
    toll.removed.extend(rows.iter().filter(|m| m.role != TeamRole::Service).map(|m| (id, m.user)));
    teams::delete(cx, &group.team.name)
}

fn check(what: &str, text: &str) -> Result<String> {
    let text = name::check_text(what, text, NAME_MAX)?;
    if text.is_empty() {
        return Err(Error::invalid(format!("A group's {what} is not empty.")));
    }
    Ok(text)
}

/// Refuses a display name by which the directory would find another team.
fn must_be_free(cx: &Acting, org: OrgId, display_name: &str, own: Option<TeamId>) -> Result<()> {
    match look_up(cx.view(), org, Key::DisplayName(display_name))? {
        Some(other) if Some(other.id) != own => {
            Err(Error::new(Code::NameTaken, format!("There is a group with the displayName {display_name} already.")))
        }
        _ => Ok(()),
    }
}

/// The person of the organization by id or address; nobody where there is none.
fn look_up_person(cx: &Acting, org: OrgId, text: &str) -> Result<Option<User>> {
    let user = match UserId::from_global(text) {
        Some(id) => cx.view().get(&schema::USERS, &id)?,
        None if text.contains('@') && text.len() <= 4 * name::EMAIL_MAX => {
            cx.view().find(&schema::USER_BY_EMAIL, &name::fold(text))?
        }
        None => None,
    };
    let user = user.filter(|u| u.status != Status::Deleted && !u.is_service() && u.membership(org).is_some());
    user.iter().try_for_each(|user| super::users::must_be_meant(user, text))?;
    Ok(user)
}

/// These people, each once.
fn named(cx: &Acting, org: OrgId, who: &[String]) -> Result<Vec<User>> {
    let (mut out, mut seen) = (vec![], BTreeSet::new());
    for text in who {
        let user = look_up_person(cx, org, text)?.ok_or_else(|| {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
            Error::invalid(format!("There is no user '{shown}' who could be a member.")).hint("Create the user first.")
        })?;
        if seen.insert(user.id) {
            out.push(user);
        }
    }
    Ok(out)
}

/// Puts people into a team who are not in it yet. Adding oneself by the power of an organization role is joining.
fn add(cx: &mut Acting, team: &Team, who: &[User]) -> Result<()> {
    // Who may add members may add them as the team's admins want newcomers.
    let (member, first) = (Held::of(TeamRole::Member), teams::default_role(cx, team)?);
    let mut fresh = vec![];
    for user in who {
        if cx.view().get(&schema::MEMBERSHIPS, &(team.id, user.id))?.is_none() {
            fresh.push(user);
        }
    }
    let (own, others): (Vec<&User>, Vec<&User>) = fresh.into_iter().partition(|u| cx.subject().user() == Some(u.id));
    for (action, who) in [(Action::TeamJoin, own), (Action::TeamInviteUser, others)] {
        for some in who.chunks(PER_EVENT) {
            let grant = cx.allow_giving(action, on(team.id), &member)?;
            let mut changes: Vec<Field> = vec![];
            for user in some {
                let role = roster::fitting(user, team.org, first.clone());
                roster::enter(cx, &grant, team, user, role.role)?;
                changes.extend(changed("member", None, Some(&user.username)));
                if role.role != member.role {
                    changes.extend(changed(&format!("role of {}", user.username), None, Some(role.label())));
                }
            }
            roster::turn_over(cx, &grant, team.id)?;
            cx.record(grant, changes)?;
        }
    }
    Ok(())
}

/// Takes people out of a team who are in it.
fn take(cx: &mut Acting, toll: &mut Toll, team: &Team, who: impl IntoIterator<Item = UserId>) -> Result<()> {
    let mut present: Vec<Membership> = vec![];
    for id in who.into_iter().collect::<BTreeSet<_>>() {
        present.extend(cx.view().get(&schema::MEMBERSHIPS, &(team.id, id))?.filter(|m| m.role != TeamRole::Service));
    }
    for some in present.chunks(PER_EVENT) {
        let grant = cx.allow(Action::TeamUninvite, on(team.id))?;
        let mut changes: Vec<Field> = vec![];
        for row in some {
            let held = Held::load(cx.view(), row.role)?;
            let _over = cx.allow_giving(Action::TeamUninvite, on(team.id), &held)?;
            let user =
                cx.view().get(&schema::USERS, &row.user)?.ok_or_else(|| Error::internal("a member is nobody"))?;
            changes.extend(changed("member", Some(&user.username), None));
            roster::leave(cx, &grant, team, user, row.role)?;
            toll.removed.push((team.id, row.user));
        }
        roster::turn_over(cx, &grant, team.id)?;
        cx.record(grant, changes)?;
    }
    Ok(())
}

/// Changes what the directory says of a team.
fn edit(cx: &mut Acting, team: &Team, f: impl FnOnce(&mut TeamProfile)) -> Result<()> {
    let grant = cx.allow(Action::TeamUpdate, on(team.id))?;
    let before = cx.view().get(&schema::TEAM_PROFILES, &team.id)?;
    let mut profile = before.clone().unwrap_or_else(|| TeamProfile::new(team.id, team.org, cx.now()));
    f(&mut profile);
    let changes = differences(before.as_ref(), &profile);
    if changes.is_empty() {
        return Ok(());
    }
    profile.updated_at = cx.now();
    cx.put(&grant, &schema::TEAM_PROFILES, &profile)?;
    cx.record(grant, changes)
}

fn differences(before: Option<&TeamProfile>, after: &TeamProfile) -> Vec<Field> {
    let old = |f: fn(&TeamProfile) -> Option<&str>| before.and_then(f);
    [
        changed("display name", old(|p| p.display_name.as_deref()), after.display_name.as_deref()),
        changed("external id", old(|p| p.external_id.as_deref()), after.external_id.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

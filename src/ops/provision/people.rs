//! People as provisioning shows them: one with profile, teams and version, look-ups by index, the whole list by id. Reading only.

use super::super::{Cx, absent, or_absent};
use super::enter;
use crate::clock::Millis;
use crate::crypto;
use crate::error::Result;
use crate::model::name;
use crate::model::profile::Profile;
use crate::model::role::{Action, OrgRole, Seat};
use crate::model::user::{Status, User};
use crate::model::{OrgId, TeamId, UserId};
use crate::policy::{Held, Resource};
use crate::store::{Cursor, Range, Read, schema};

/// A team of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfTeam {
    /// Which.
    pub id: TeamId,
    /// Its name.
    pub name: String,
    /// The name by which the directory knows it.
    pub display_name: String,
    /// The role there, by its name.
    pub role: String,
}

/// Everything provisioning shows of a person, as one view has it.
#[derive(Clone, Debug)]
pub struct Person {
    /// The account.
    pub user: User,
    /// What the directory says beyond it.
    pub profile: Profile,
    /// How it stands in the organization: a suspended belonging counts as a deactivated account.
    pub status: Status,
    /// The belonging to the organization: role and seats.
    pub role: OrgRole,
    /// The Models seat.
    pub models: Seat,
    /// The Weave access.
    pub weave: Seat,
    /// The teams, by name.
    pub teams: Vec<OfTeam>,
    /// On how many days a key or session was used.
    pub days_active: u32,
    /// When one was used last.
    pub last_active_at: Option<Millis>,
    /// When the person was changed last.
    pub updated_at: Millis,
}

impl Person {
    /// The name by which the directory knows the person.
    pub fn user_name(&self) -> &str {
        self.profile.user_name.as_deref().unwrap_or(&self.user.username)
    }

    /// Whether the account works, and is not suspended in the organization.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// Changes exactly when something that is shown changes, other than the moments themselves.
    pub fn version(&self) -> String {
        let (u, p) = (&self.user, &self.profile);
        let teams: Vec<_> = self.teams.iter().map(|t| (t.id, &t.name, &t.display_name, &t.role)).collect();
        let shown = serde_json::json!([
            u.id,
            self.user_name(),
            u.name,
            u.email(),
            self.status,
            self.role,
            self.models,
            self.weave,
            p.external_id,
            p.details,
            teams,
        ]);
        crypto::hex(&crypto::sha256(shown.to_string().as_bytes())[..8])
    }
}

/// A person, or a service account, of the asker's organization.
///
/// # Errors
/// [`crate::error::Code::NotFound`], also for those of other organizations.
pub fn person<V: Read>(cx: &Cx<V>, id: UserId) -> Result<Person> {
    let org = cx.org()?;
    let typed = id.global();
    let _grant = or_absent(cx.allow(Action::UserRead, Resource::User(id)), "user", &typed)?;
    let there = |u: &User| u.status != Status::Deleted && u.membership(org).is_some();
    let user = cx.view().get(&schema::USERS, &id)?.filter(there).ok_or_else(|| absent("user", &typed))?;
    load(cx, org, user, true)
}

fn is_of(user: &User, org: OrgId) -> bool {
    user.status != Status::Deleted && !user.is_service() && user.membership(org).is_some()
}

fn load<V: Read>(cx: &Cx<V>, org: OrgId, user: User, with_teams: bool) -> Result<Person> {
    let membership = *user.membership(org).ok_or_else(|| absent("user", &user.username))?;
    let profile = cx.view().get(&schema::PROFILES, &(user.id, org))?;
    let mut updated_at = user.created_at.max(user.updated_at).max(profile.as_ref().map_or(0, |p| p.updated_at));
    let mut teams = vec![];
    let memberships = if with_teams { super::super::teams::of_user(cx.view(), user.id)? } else { vec![] };
    for m in memberships {
        let Some(team) = cx.view().shared(&schema::TEAMS, &m.team)?.filter(|t| t.org == org) else { continue };
        updated_at = updated_at.max(m.since_at);
        let role = Held::load(cx.view(), m.role)?.label().to_owned();
        let known = cx.view().shared(&schema::TEAM_PROFILES, &m.team)?.and_then(|p| p.display_name.clone());
        let name = team.name.clone();
        teams.push(OfTeam { id: m.team, display_name: known.unwrap_or_else(|| name.clone()), name, role });
    }
    let activity = cx.view().get(&schema::ACTIVITY, &user.id)?;
    teams.sort_by_cached_key(|t| name::fold(&t.name));
    Ok(Person {
        profile: profile.unwrap_or_else(|| Profile::new(user.id, org, user.created_at)),
        status: user.status_in(org),
        role: membership.role,
        models: membership.models,
        weave: membership.weave,
        teams,
        days_active: activity.as_ref().map_or(0, |a| a.days),
        last_active_at: activity.map(|a| a.last_at),
        updated_at,
        user,
    })
}

/// By what a person is looked up through an index.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// The name by which the directory knows the person.
    UserName(&'a str),
    /// An address.
    Email(&'a str),
    /// The directory's own id.
    ExternalId(&'a str),
    /// The full name.
    FullName(&'a str),
    /// The full name, or the username where there is none.
    Label(&'a str),
    /// The permanent id.
    Id(UserId),
}

/// The people whom an index knows by `key`, in the order of ids.
pub fn find<V: Read>(cx: &Cx<V>, key: Key) -> Result<Vec<Person>> {
    let org = enter(cx)?;
    let found = look_up(cx.view(), org, key)?;
    found.into_iter().filter(|u| is_of(u, org)).map(|user| load(cx, org, user, true)).collect()
}

pub(super) fn look_up(view: &impl Read, org: OrgId, key: Key) -> Result<Vec<User>> {
    let of = |profile: Option<Profile>| match profile {
        Some(profile) => view.get(&schema::USERS, &profile.user),
        None => Ok(None),
    };
    let text = match key {
        Key::UserName(text) | Key::Email(text) | Key::ExternalId(text) | Key::FullName(text) | Key::Label(text) => text,
        Key::Id(_) => "",
    };
    if text.len() > 4 * name::EMAIL_MAX {
        // Longer than any key can be: nobody has it.
        return Ok(vec![]);
    }
    Ok(match key {
        Key::Id(id) => view.get(&schema::USERS, &id)?.into_iter().collect(),
        Key::UserName(text) => {
            let folded = name::fold(text);
            let known: Vec<Profile> = view.all_by(&schema::PROFILE_BY_USER_NAME, &(folded.clone(),))?;
            // Where a directory of another organization calls somebody so, the name is taken, and finds nobody here.
            let by_profile = known.iter().find(|p| p.org == org).or(known.first());
            let user = match of(by_profile.cloned())? {
                Some(user) => Some(user),
                None => match view.find(&schema::USER_BY_NAME, &folded)? {
                    // Known by another name to the directory.
                    Some(user) => match view.get(&schema::PROFILES, &(user.id, org))?.and_then(|p| p.user_name) {
                        Some(_) => None,
                        None => Some(user),
                    },
                    None => None,
                },
            };
            user.into_iter().collect()
        }
        Key::Email(text) => view.find(&schema::USER_BY_EMAIL, &name::fold(text))?.into_iter().collect(),
        Key::ExternalId(text) => {
            of(view.find(&schema::PROFILE_BY_EXTERNAL_ID, &(org, text.to_owned()))?)?.into_iter().collect()
        }
        Key::FullName(text) | Key::Label(text) => {
            let mut found: Vec<User> = view.all_by(&schema::USERS_BY_FULL_NAME, &(org, schema::full_name_key(text)))?;
            found.retain(|u| name::fold(&u.name) == name::fold(text));
            if matches!(key, Key::Label(_)) {
                found.extend(view.find(&schema::USER_BY_NAME, &name::fold(text))?.filter(|u| u.name.is_empty()));
            }
            found.sort_by_key(|u| u.id);
            found
        }
    })
}

/// At most `limit` people in the order of ids, without the first `skip` behind `after`; their teams only where they are
/// wanted. The version is right only with them.
pub fn people<V: Read>(
    cx: &Cx<V>,
    after: Option<UserId>,
    skip: usize,
    limit: usize,
    with_teams: bool,
) -> Result<Vec<Person>> {
    let org = enter(cx)?;
    let (mut out, mut after, mut skip) = (vec![], after.map(|id| Cursor::at(&(org, id))), skip);
    while out.len() < limit {
        let range = Range::all().under(&(org,)).after(after).skip(skip).limit(limit - out.len());
        let page = cx.view().list_by(&schema::PEOPLE_OF_ORG, range)?;
        for user in page.items {
            out.push(load(cx, org, user, with_teams)?);
        }
        (after, skip) = (page.next, 0);
        if after.is_none() {
            break;
        }
    }
    Ok(out)
}

/// How many people there are.
pub fn count<V: Read>(cx: &Cx<V>) -> Result<usize> {
    let org = enter(cx)?;
    cx.view().count(&schema::PEOPLE_OF_ORG, Range::all().under(&(org,)), usize::MAX)
}

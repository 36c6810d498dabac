//! Teams, their members, and projects as lists show them, page by page: see [`super::paging`] for what a page is and
//! [`super::people`] for people.

use super::paging::{Page, Turn, page};
use super::people::{is_called, search};
use super::{Cx, projects, teams};
use crate::error::Result;
use crate::model::invitation::Invite;
use crate::model::name;
use crate::model::project::{Project, Visibility};
use crate::model::role::Action;
use crate::model::team::{Membership, Team};
use crate::model::user::User;
use crate::model::{Entity, UserId};
use crate::policy::{Held, Resource};
use crate::store::{Range, Read, schema};

/// The only part of lists that have one.
const WHOLE: u64 = 0;
/// The part of a list of projects that holds those which everyone in the organization can reach.
const OPEN: u64 = u64::MAX;

/// All teams of the asker's organization whose name begins with `text`, by name, or by age where that is wanted and nothing is
/// searched; for those who may list them all.
pub fn teams<V: Read>(cx: &Cx<V>, text: &str, by_age: bool, down: bool, turn: &Turn) -> Result<Page<Team>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::TeamList, Resource::Org(org))?;
    let (text, view) = (name::fold(text), cx.view());
    let rows = |_, range: Range| match by_age && text.is_empty() {
        true => view.placed_by(&schema::TEAMS_BY_AGE, range.under(&(org,))),
        false => view.placed_by(&schema::TEAMS_OF_ORG, range.under_text(&(org,), &text)),
    };
    page(turn, &[WHOLE], down, rows, |_, _, team| Ok(Some(team)))
}

/// How many people and how many service accounts are in a team, as counted all along.
pub fn sizes<V: Read>(cx: &Cx<V>, team: &Team) -> Result<(usize, usize)> {
    let _grant = cx.allow(Action::TeamRead, Resource::Entity(Entity::Team(team.id)))?;
    let count = |services: u64| cx.view().tally(&schema::TEAM_SIZES, &(team.id, services));
    Ok((count(0)?, count(1)?))
}

/// Somebody in a team.
pub type Seated = (User, Membership, Held);

/// The people in a team, by the age of their accounts; with a search, those found by it. Where a team is larger than one page
/// looks at, a search goes through the people of the organization in the order of [`super::people::list`].
pub fn members<V: Read>(cx: &Cx<V>, team: &Team, text: &str, turn: &Turn) -> Result<Page<Seated>> {
    let (people, services) = sizes(cx, team)?;
    let (view, words) = (cx.view(), name::search_words(text));
    let seated = |user: User, membership: Membership| -> Result<Option<Seated>> {
        let held = Held::load(view, membership.role)?;
        Ok(Some((user, membership, held)))
    };
    let in_team = |id: UserId| view.get(&schema::MEMBERSHIPS, &(team.id, id));
    if !words.is_empty() && people + services > super::paging::LOOK_MAX {
        let found = search(view, team.org, &words, turn, |user| Ok(in_team(user.id)?.is_some()))?;
        let mut items = vec![];
        for user in found.items {
            if let Some(membership) = in_team(user.id)? {
                items.extend(seated(user, membership)?);
            }
        }
        return Ok(Page { items, places: found.places, previous: found.previous, next: found.next });
    }
    let rows = |_, range: Range| view.placed(&schema::MEMBERSHIPS, range.under(&(team.id,)));
    page(turn, &[WHOLE], false, rows, |_, _, membership: Membership| {
        let Some(user) = view.get(&schema::USERS, &membership.user)? else { return Ok(None) };
        if user.is_service() || !(words.is_empty() || is_called(&user, &words)) {
            return Ok(None);
        }
        seated(user, membership)
    })
}

/// A person in a team by username, for somebody who may see the team.
pub fn member<V: Read>(cx: &Cx<V>, team: &Team, username: &str) -> Result<Option<Seated>> {
    let _grant = cx.allow(Action::TeamRead, Resource::Entity(Entity::Team(team.id)))?;
    let Some(user) = super::users::by_name(cx.view(), username)?.filter(|u| u.username == username) else {
        return Ok(None);
    };
    let Some(membership) = cx.view().get(&schema::MEMBERSHIPS, &(team.id, user.id))? else { return Ok(None) };
    let held = Held::load(cx.view(), membership.role)?;
    Ok(Some((user, membership, held)))
}

/// The service accounts of a team, from the oldest to the newest.
pub fn services<V: Read>(cx: &Cx<V>, team: &Team, turn: &Turn) -> Result<Page<User>> {
    let _grant = cx.allow(Action::TeamRead, Resource::Entity(Entity::Team(team.id)))?;
    let rows = |_, range: Range| cx.view().placed_by(&schema::SERVICES_OF_TEAM, range.under(&(team.id,)));
    page(turn, &[WHOLE], false, rows, |_, _, user| Ok(Some(user)))
}

/// The service accounts of the organization itself, from the oldest to the newest, for those who may list people.
pub fn services_of_org<V: Read>(cx: &Cx<V>, turn: &Turn) -> Result<Page<User>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    let rows = |_, range: Range| cx.view().placed_by(&schema::SERVICES_OF_ORG, range.under(&(org,)));
    page(turn, &[WHOLE], false, rows, |_, _, user| Ok(Some(user)))
}

/// The invitations of a team that wait, by address, with the roles they will give.
pub fn invited<V: Read>(cx: &Cx<V>, team: &Team, turn: &Turn) -> Result<Page<(Invite, Held)>> {
    let _grant = cx.allow(Action::TeamRead, Resource::Entity(Entity::Team(team.id)))?;
    let rows = |_, range: Range| cx.view().placed_by(&schema::INVITE_BY_EMAIL, range.under(&(team.id,)));
    page(turn, &[WHOLE], false, rows, |_, _, invite: Invite| {
        let held = Held::load(cx.view(), invite.role)?;
        Ok(Some((invite, held)))
    })
}

/// What a list of projects is asked for.
#[derive(Clone, Debug, Default)]
pub struct Reaching<'a> {
    /// The beginning of a name, or `team/` and the beginning of one.
    pub text: &'a str,
    /// Only those of this team or person.
    pub of: &'a str,
    /// Only those of this visibility.
    pub visibility: Option<Visibility>,
}

/// The projects of the asker's organization that the asker may read, with the name of their team or person: the asker's own
/// first, then those of each of the asker's teams, then those that everyone in the organization can reach; each by name.
pub fn projects<V: Read>(cx: &Cx<V>, asked: &Reaching, turn: &Turn) -> Result<Page<(String, Project)>> {
    let (org, view) = (cx.org()?, cx.view());
    let me = super::users::oneself(cx)?;
    let (of, text) = match asked.text.split_once('/') {
        Some((of, text)) if asked.of.is_empty() => (of, text),
        _ => (asked.of, asked.text),
    };
    let text = name::fold(text);
    let parts: Vec<u64> = if of.is_empty() {
        let mine = teams::mine(cx)?.into_iter().filter(|(team, _)| team.org == org);
        let mine = mine.map(|(team, _)| Entity::Team(team.id).number());
        std::iter::once(Entity::Person(me.id).number()).chain(mine).chain([OPEN]).collect()
    } else {
        projects::entity_by_name(view, of.trim())?.map(|(entity, _)| entity.number()).into_iter().collect()
    };
    let rows = |part: u64, range: Range| match part {
        OPEN => view.placed_by(&schema::OPEN_PROJECTS, range.under_text(&(org,), &text)),
        entity => view.placed_by(&schema::PROJECT_BY_NAME, range.under_text(&(entity,), &text)),
    };
    page(turn, &parts, false, rows, |part, _, project: Project| {
        let is_again = part == OPEN && parts.contains(&project.entity.number());
        let fits = project.org == org && asked.visibility.is_none_or(|v| v == project.visibility);
        if is_again || !fits || !cx.can(Action::ProjectRead, Resource::Project(project.id))? {
            return Ok(None);
        }
        Ok(Some((projects::entity_name(view, project.entity)?, project)))
    })
}

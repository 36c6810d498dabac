//! What a change would give and take, before it is made: the change itself runs in a transaction that is dropped, and the
//! decision is asked about everybody it can touch before and after. Same code as the change, same code as enforcement, so a
//! preview cannot differ from what then happens. The change is refused here exactly where it would be refused in earnest.

use super::Acting;
use crate::error::Result;
use crate::model::role::{Action, Level, OrgRole, Seat};
use crate::model::team::Membership;
use crate::model::user::Status;
use crate::model::{Entity, OrgId, ProjectId, RoleId, TeamId, UserId};
use crate::policy::{Actor, Credential, Facts, Resource, Subject, Who, decide};
use crate::store::{Range, Read, schema};
use std::collections::BTreeMap;

/// Whom and what a change can touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One project: those who work in its team, and everyone else as one.
    Project(ProjectId),
    /// One person in one team and its projects: a team role, joining, leaving.
    Member(TeamId, UserId),
    /// One person everywhere: seats, organization role, status.
    User(UserId),
    /// Whoever holds a custom role, where they hold it.
    Role(RoleId),
}

/// What one account gains and loses in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// The username; empty for anyone else in the organization.
    pub who: String,
    /// `organization NAME`, `team NAME` or `project TEAM/NAME`.
    pub place: String,
    /// What becomes allowed, in the catalogue's order.
    pub gains: Vec<Action>,
    /// What is allowed no more.
    pub loses: Vec<Action>,
}

/// Who gains and loses what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// One line per account and place where anything changes; by place, then name.
    pub shifts: Vec<Shift>,
    /// Whether there were more accounts and places than were looked at.
    pub cut: bool,
}

/// The most accounts times places that one preview looks at: a bound on the time the writer is held.
const LOOK_MAX: usize = 5_000;

/// An account in a place. No account stands for anyone else in the organization.
type Spot = (Place, Option<UserId>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Org(OrgId),
    Team(TeamId),
    Project(ProjectId),
}

impl Place {
    fn resource(self) -> Resource {
        match self {
            Place::Org(id) => Resource::Org(id),
            Place::Team(id) => Resource::Entity(Entity::Team(id)),
            Place::Project(id) => Resource::Project(id),
        }
    }

    fn level(self) -> Level {
        match self {
            Place::Org(_) => Level::Org,
            Place::Team(_) => Level::Entity,
            Place::Project(_) => Level::Project,
        }
    }
}

struct Standing {
    who: String,
    place: String,
    allowed: Vec<Action>,
}

/// Runs `change` and compares. The caller drops the transaction; see [`crate::app::App::preview`].
///
/// # Errors
/// Whatever the change is refused with.
pub fn compare(cx: &mut Acting, scope: Scope, change: impl Fn(&mut Acting) -> Result<()>) -> Result<Preview> {
    let (mut spots, mut cut) = spots(cx, scope)?;
    let before = standings(cx, &spots)?;
    change(cx)?;
    // Who comes in by the change is looked at too; where they stood before is nowhere, or as everyone else.
    let (after_spots, more) = self::spots(cx, scope)?;
    cut |= more;
    spots.extend(after_spots);
    spots.sort_unstable();
    spots.dedup();
    let after = standings(cx, &spots)?;
    let mut shifts = vec![];
    for spot in spots {
        let none = Standing { who: String::new(), place: String::new(), allowed: vec![] };
        let (old, new) = (before.get(&spot).unwrap_or(&none), after.get(&spot).unwrap_or(&none));
        let only = |these: &[Action], those: &[Action]| these.iter().copied().filter(|a| !those.contains(a)).collect();
        let (gains, loses): (Vec<_>, Vec<_>) = (only(&new.allowed, &old.allowed), only(&old.allowed, &new.allowed));
        if gains.is_empty() && loses.is_empty() {
            continue;
        }
        let named = if new.place.is_empty() { old } else { new };
        shifts.push(Shift { who: named.who.clone(), place: named.place.clone(), gains, loses });
    }
    shifts.sort_by(|a, b| (&a.place, &a.who).cmp(&(&b.place, &b.who)));
    Ok(Preview { shifts, cut })
}

/// The accounts and places in `scope`, and whether there were more.
fn spots(cx: &Acting, scope: Scope) -> Result<(Vec<Spot>, bool)> {
    let mut out: Vec<Spot> = vec![];
    match scope {
        Scope::Project(id) => {
            let place = Place::Project(id);
            out.push((place, None));
            match cx.view().get(&schema::PROJECTS, &id)?.map(|p| (p.entity, p.org)) {
                Some((Entity::Team(team), org)) => {
                    let all = super::service_accounts::at_work(cx.view(), team, org)?;
                    out.extend(all.into_iter().map(|m| (place, Some(m.user))))
                }
                Some((Entity::Person(owner), _)) => out.push((place, Some(owner))),
                None => {}
            }
        }
        Scope::Member(team, user) => in_team(cx, team, user, &mut out)?,
        Scope::User(user) => {
            let Some(row) = cx.view().get(&schema::USERS, &user)? else { return Ok((out, false)) };
            out.extend(row.orgs.iter().map(|m| (Place::Org(m.org), Some(user))));
            out.extend(projects(cx, Entity::Person(user))?.into_iter().map(|p| (p, Some(user))));
            for m in super::teams::of_user(cx.view(), user)? {
                in_team(cx, m.team, user, &mut out)?;
            }
        }
        Scope::Role(role) => {
            let held: Vec<Membership> = cx.view().all_by(&schema::ROLE_HOLDERS, &(role,))?;
            for m in held {
                if out.len() > LOOK_MAX {
                    break;
                }
                in_team(cx, m.team, m.user, &mut out)?;
            }
            let held: Vec<crate::model::project::ProjectMember> =
                cx.view().all_by(&schema::PROJECT_ROLE_HOLDERS, &(role,))?;
            out.extend(held.into_iter().map(|m| (Place::Project(m.project), Some(m.user))));
        }
    }
    out.sort_unstable();
    out.dedup();
    let cut = out.len() > LOOK_MAX;
    out.truncate(LOOK_MAX);
    Ok((out, cut))
}

fn in_team(cx: &Acting, team: TeamId, user: UserId, out: &mut Vec<Spot>) -> Result<()> {
    out.push((Place::Team(team), Some(user)));
    out.extend(projects(cx, Entity::Team(team))?.into_iter().map(|p| (p, Some(user))));
    Ok(())
}

fn projects(cx: &Acting, entity: Entity) -> Result<Vec<Place>> {
    let rows = super::projects::rows(cx.view(), entity, Range::all().limit(LOOK_MAX))?;
    Ok(rows.items.into_iter().map(|p| Place::Project(p.id)).collect())
}

/// What every account may do in its place now, as far as the asker may know of the place.
fn standings(cx: &Acting, spots: &[Spot]) -> Result<BTreeMap<Spot, Standing>> {
    let mut out = BTreeMap::new();
    let mut known: BTreeMap<Place, bool> = BTreeMap::new();
    for spot in spots {
        let (place, user) = *spot;
        let visible = match known.get(&place) {
            Some(visible) => *visible,
            None => {
                let read = if place.level() == Level::Project { Action::ProjectRead } else { Action::TeamRead };
                let visible = match place {
                    Place::Org(_) => true,
                    _ => cx.decide(read, place.resource()).is_ok_and(|(decision, _)| decision.visible()),
                };
                known.insert(place, visible);
                visible
            }
        };
        if !visible {
            continue;
        }
        let subject = match user {
            Some(id) => Subject { actor: Actor::User(id), credential: Credential::None },
            None => Subject::anonymous(),
        };
        let mut facts: Facts = cx.facts(&subject, place.resource())?;
        if user.is_none() {
            facts.who = anyone();
        }
        let allowed = Action::ALL
            .iter()
            .copied()
            .filter(|a| a.level() == place.level() && decide(&facts, *a).allowed())
            .collect();
        let who = if user.is_some() { facts.who.name().to_owned() } else { String::new() };
        out.insert(*spot, Standing { who, place: facts.what.label(), allowed });
    }
    Ok(out)
}

/// A member of the organization who is in no team.
fn anyone() -> Who {
    Who::User {
        id: UserId(0),
        username: String::new(),
        status: Status::Active,
        is_service: false,
        org_role: Some(OrgRole::Member),
        models: Seat::Full,
        weave: Seat::Full,
        scope: crate::model::credential::KeyScope::Full,
    }
}

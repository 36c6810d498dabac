//! What is done to somebody's belonging to one organization, whatever becomes of the account: suspending it and lifting that,
//! and taking it away. Role and seats are in `users.rs`.
//!
//! Somebody may belong to several organizations, each with admins of its own. What is about the account as a whole (its names,
//! addresses, keys, sessions, status, its end) is for those only who administer every organization that it belongs to, and for
//! the shell; see [`Action::is_about_account`]. So what deactivating and deleting mean in one of several organizations is here:
//! the person is suspended there, or leaves it, and goes on in the others.

use super::{Acting, Grant, absent, changed, or_absent, users};
use crate::error::{Code, Error, Result};
use crate::model::credential::{ApiKey, KeyPlace};
use crate::model::project::{Project, ProjectMember};
use crate::model::role::{Action, TeamRole};
use crate::model::team::{Membership, Team};
use crate::model::user::User;
use crate::model::{Entity, OrgId, UserId};
use crate::policy::Resource;
use crate::store::{Read, schema};

/// Suspends somebody where the asker acts, or lifts that. A suspended belonging stays listed with its role, seats and teams, and
/// gives no right at all; sessions that are there end.
///
/// # Errors
/// [`Code::LastAdmin`], [`Code::NotFound`], [`Code::Denied`].
pub fn set_suspended(cx: &mut Acting, typed: &str, suspended: bool) -> Result<User> {
    let mut user = users::must_exist(cx.view(), typed)?;
    let (grant, org) = may(cx, &user, typed)?;
    let before = user.clone();
    let membership = user.orgs.iter_mut().find(|m| m.org == org).ok_or_else(|| absent("user", typed))?;
    if membership.suspended == suspended {
        return Ok(user);
    }
    membership.suspended = suspended;
    user.touch(cx.now());
    if suspended {
        end_sessions(cx, &before, org)?;
    }
    cx.put(&grant, &schema::USERS, &user)?;
    users::keep_an_admin(cx, &before)?;
    let word = |suspended: bool| Some(if suspended { "suspended" } else { "active" });
    cx.record(grant, changed("membership", word(!suspended), word(suspended)).into_iter().collect())?;
    Ok(user)
}

/// Removes somebody from the organization in which the asker acts: out of its teams and projects, and what keys, tokens and
/// sessions were there ends. The account goes on in its other organizations.
///
/// # Errors
/// [`Code::LastAdmin`], [`Code::NotFound`], [`Code::Denied`]; [`Code::AlreadyDone`] while there are personal projects, and for
/// somebody who belongs nowhere else.
pub fn remove(cx: &mut Acting, typed: &str) -> Result<()> {
    let user = users::must_exist(cx.view(), typed)?;
    let (grant, org) = may(cx, &user, typed)?;
    if !user.belongs_beside(org) {
        return Err(Error::new(Code::AlreadyDone, format!("{} belongs to this organization only.", user.username))
            .hint("Deactivate the account, or delete it."));
    }
    let mine: Vec<Project> = cx.view().all_by(&schema::PROJECT_BY_NAME, &(Entity::Person(user.id).number(),))?;
    if mine.iter().any(|project| project.org == org) {
        return Err(Error::new(Code::AlreadyDone, format!("{} still has personal projects here.", user.username))
            .hint("Delete or move them first, or suspend the person instead."));
    }
    take_away(cx, grant, user, org)
}

/// What a directory's word that somebody is gone means where the asker acts: the end of the account, or of the belonging where
/// there are others. It waits for nothing; what is left behind nobody reaches.
pub(super) fn discharge(cx: &mut Acting, user: User) -> Result<()> {
    let org = cx.org_for(&user)?;
    if !user.belongs_beside(org) {
        return users::delete_at_once(cx, user);
    }
    let (grant, org) = may(cx, &user, &user.username)?;
    take_away(cx, grant, user, org)
}

/// The grant to change somebody's belonging to the organization in which the asker acts.
fn may(cx: &Acting, user: &User, typed: &str) -> Result<(Grant, OrgId)> {
    let org = cx.org_for(user)?;
    let grant = or_absent(cx.allow(Action::UserUpdateMembership, Resource::User(user.id)), "user", typed)?;
    users::must_be_about(cx, &grant, org, typed)?;
    if user.membership(org).is_none() {
        return Err(absent("user", typed));
    }
    if user.is_service() {
        return Err(Error::invalid("A service account belongs to one organization. Delete it instead."));
    }
    Ok((grant, org))
}

fn take_away(cx: &mut Acting, grant: Grant, mut user: User, org: OrgId) -> Result<()> {
    let before = user.clone();
    let id = user.id;
    let rows: Vec<Membership> = super::teams::of_user(cx.view(), id)?;
    for row in rows {
        let Some(team) = cx.view().get(&schema::TEAMS, &row.team)?.filter(|t: &Team| t.org == org) else { continue };
        cx.delete(&grant, &schema::MEMBERSHIPS, &(row.team, id))?;
        if row.role != TeamRole::Service {
            super::roster::turn_over(cx, &grant, team.id)?;
        }
        if user.default_team == Some(team.id) {
            user.default_team = None;
        }
    }
    let rows: Vec<ProjectMember> = super::project_members::of_user(cx.view(), id)?;
    for row in rows {
        if cx.view().get(&schema::PROJECTS, &row.project)?.is_some_and(|p| p.org == org) {
            cx.delete(&grant, &schema::PROJECT_MEMBERS, &(row.project, id))?;
        }
    }
    let keys: Vec<ApiKey> = super::credentials::of_user(cx.view(), id)?;
    for key in keys {
        if place_of(cx, &key)? == Some(org) {
            cx.delete(&grant, &schema::API_KEYS, &key.id)?;
            cx.tx().delete(&schema::KEY_USES, &key.id)?;
        }
    }
    end_sessions(cx, &before, org)?;
    cx.delete(&grant, &schema::PROFILES, &(id, org))?;
    cx.delete(&grant, &schema::MANAGED, &(Entity::Person(id).number(), org))?;
    forget_payer(cx, &grant, id, org)?;
    user.orgs.retain(|m| m.org != org);
    user.default_org = user.default_org.filter(|chosen| *chosen != org);
    user.touch(cx.now());
    cx.put(&grant, &schema::USERS, &user)?;
    users::keep_an_admin(cx, &before)?;
    let name = super::settings::org_name(cx.view(), org)?;
    cx.record(grant, changed("organization", Some(&name), None).into_iter().collect())
}

/// The organization in which alone a key counts.
fn place_of(cx: &Acting, key: &ApiKey) -> Result<Option<OrgId>> {
    Ok(match key.scope.place() {
        Some(KeyPlace::Org(org)) => Some(org),
        Some(KeyPlace::Team(id)) => cx.view().get(&schema::TEAMS, &id)?.map(|t| t.org),
        Some(KeyPlace::Project(id)) => cx.view().get(&schema::PROJECTS, &id)?.map(|p| p.org),
        None => None,
    })
}

/// Ends the sessions that act in `org`. Access tokens ask for the membership at each use.
fn end_sessions(cx: &mut Acting, user: &User, org: OrgId) -> Result<()> {
    for session in super::sessions::of_user(cx.view(), user.id)? {
        let chosen = session.org.filter(|org| user.org_role(*org).is_some());
        if chosen.or_else(|| user.home_org()) == Some(org) {
            super::sessions::remove(cx.tx(), &session.id)?;
        }
    }
    Ok(())
}

fn forget_payer(cx: &mut Acting, grant: &Grant, user: UserId, org: OrgId) -> Result<()> {
    let Some(mut org) = cx.view().get(&schema::ORGS, &org)?.filter(|o| o.billing_admin == Some(user)) else {
        return Ok(());
    };
    org.billing_admin = None;
    cx.put(grant, &schema::ORGS, &org)
}

//! People and service accounts coming into a team and leaving it: the row, what hangs on it, and the count of comings and
//! goings. Whether somebody may is decided by the callers, who hold the grant and record the event.

use super::{Acting, Grant};
use crate::error::{Code, Error, Result};
use crate::model::role::{OrgRole, TeamRole};
use crate::model::team::{Membership, Team};
use crate::model::user::{Status, User};
use crate::model::{OrgId, TeamId};
use crate::policy::Held;
use crate::store::{Range, Read, schema};

/// Whether somebody reads only, whatever role is asked for.
pub(super) fn is_org_viewer(user: &User, org: OrgId) -> bool {
    user.org_role(org) == Some(OrgRole::Viewer)
}

/// The role that somebody is given where `asked` is asked for: a viewer of the organization is view-only everywhere.
pub(super) fn fitting(user: &User, org: OrgId, asked: Held) -> Held {
    if is_org_viewer(user, org) { Held::of(TeamRole::Viewer) } else { asked }
}

/// Puts somebody who is not in the team into it, with a [`fitting`] role. The caller counts the [`turn_over`].
pub(super) fn enter(cx: &mut Acting, grant: &Grant, team: &Team, user: &User, role: TeamRole) -> Result<Membership> {
    let membership = Membership { team: team.id, user: user.id, role, since_at: cx.now() };
    cx.put(grant, &schema::MEMBERSHIPS, &membership)?;
    Ok(membership)
}

/// Takes somebody out of a team, with their invitations to its restricted projects; their work stays. A service account of
/// the team is deleted by this, since it exists for the team only. The caller counts the [`turn_over`].
///
/// # Errors
/// [`Code::LastAdmin`] where the team's own last admin would leave it without one.
pub(super) fn leave(cx: &mut Acting, grant: &Grant, team: &Team, mut user: User, role: TeamRole) -> Result<()> {
    cx.delete(grant, &schema::MEMBERSHIPS, &(team.id, user.id))?;
    super::project_members::forget(cx, grant, team.id, user.id)?;
    if user.is_service() {
        super::users::erase(cx, grant, user.id)?;
        user.status = Status::Deleted;
        user.touch(cx.now());
        cx.put(grant, &schema::USERS, &user)?;
        return keep_a_team_admin(cx, team, role);
    }
    if user.default_team == Some(team.id) {
        user.default_team = None;
        user.touch(cx.now());
        cx.put(grant, &schema::USERS, &user)?;
    }
    keep_a_team_admin(cx, team, role)
}

/// Counts that people came or went, once for all of one change.
pub(super) fn turn_over(cx: &mut Acting, grant: &Grant, team: TeamId) -> Result<()> {
    let Some(mut team) = cx.view().get(&schema::TEAMS, &team)? else { return Ok(()) };
    team.roster += 1;
    team.updated_at = cx.now();
    cx.put(grant, &schema::TEAMS, &team)
}

/// A team's own admin cannot leave it without one; an organization admin can, and repairs it later.
pub(super) fn keep_a_team_admin(cx: &Acting, team: &Team, old: TeamRole) -> Result<()> {
    let left = cx.view().count(&schema::ADMINS_OF_TEAM, Range::all().under(&(team.id,)), 1)?;
    let org_admin = match cx.subject().user() {
        Some(id) => cx.view().get(&schema::USERS, &id)?.is_some_and(|u| {
            // One of the organization may provision, as its admins do.
            u.org_role(team.org) == Some(OrgRole::Admin) || u.is_org_service()
        }),
        None => true,
    };
    if old == TeamRole::Admin && left == 0 && !org_admin {
        return Err(Error::new(Code::LastAdmin, format!("Team {} would be left without an admin.", team.name))
            .hint("Make somebody else an admin of the team first."));
    }
    Ok(())
}

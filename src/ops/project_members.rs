//! What a project knows of single members of its team: invitations to a restricted one, project roles that differ from the
//! team role, and the owner. A project role follows the team role while both are equal; once different it stays, until the
//! person leaves the project or the team (mission document, "Project roles").

use super::projects::{in_team, must_exist, path, team_member};
use super::{Acting, Cx, Grant, absent, changed, or_absent, roles};
use crate::error::{Code, Error, Result};
use crate::model::name;
use crate::model::project::{Project, ProjectMember, Visibility};
use crate::model::role::{Action, TeamRole};
use crate::model::team::Membership;
use crate::model::user::User;
use crate::model::{Entity, TeamId, UserId};
use crate::policy::{Held, Resource};
use crate::store::{Read, schema};

/// Invites a member of the team to a restricted project.
pub fn add(cx: &mut Acting, entity: &str, project: &str, who: &str) -> Result<()> {
    let found = must_exist(cx.view(), entity, project)?;
    let grant = allow(cx, &found, entity, project)?;
    let user = team_member(cx.view(), &found, who)?;
    invite(cx, grant, &found, &user)
}

/// Whether the asker, an admin of the team, may join a restricted project without being invited.
pub fn may_join<V: Read>(cx: &Cx<V>, entity: &str, project: &str) -> Result<bool> {
    let found = must_exist(cx.view(), entity, project)?;
    cx.can(Action::ProjectJoin, Resource::Project(found.id))
}

/// A team admin joins a restricted project of the team.
pub fn join(cx: &mut Acting, entity: &str, project: &str) -> Result<()> {
    let found = must_exist(cx.view(), entity, project)?;
    let grant =
        or_absent(cx.allow(Action::ProjectJoin, Resource::Project(found.id)), "project", &path(entity, project))?;
    let user = super::users::me(cx)?;
    invite(cx, grant, &found, &user)
}

fn invite(cx: &mut Acting, grant: Grant, found: &Project, user: &User) -> Result<()> {
    if found.visibility != Visibility::Restricted {
        return Err(Error::invalid("Only a restricted project has invited members."));
    }
    let present = cx.view().get(&schema::PROJECT_MEMBERS, &(found.id, user.id))?;
    if present.is_some_and(|m| m.invited) {
        return Ok(());
    }
    // Whoever is added again starts from the team role.
    cx.put(&grant, &schema::PROJECT_MEMBERS, &ProjectMember::invited(found.id, user.id, cx.now()))?;
    cx.record(grant, changed("invited", None, Some(&user.username)).into_iter().collect())
}

/// Takes somebody out of a restricted project, with their project role.
pub fn remove(cx: &mut Acting, entity: &str, project: &str, who: &str) -> Result<()> {
    let found = must_exist(cx.view(), entity, project)?;
    let grant = allow(cx, &found, entity, project)?;
    let user = super::users::by_name(cx.view(), who)?.ok_or_else(|| absent("user", who))?;
    let present = cx.view().get(&schema::PROJECT_MEMBERS, &(found.id, user.id))?;
    if !present.is_some_and(|m| m.invited) {
        return Err(Error::new(Code::NotAMember, format!("{} is not in the project.", user.username)));
    }
    cx.delete(&grant, &schema::PROJECT_MEMBERS, &(found.id, user.id))?;
    cx.record(grant, changed("invited", Some(&user.username), None).into_iter().collect())
}

/// Gives a member of the team a role of their own in the project; the team role itself, or `inherit`, lets it follow that.
/// In force at the next request.
///
/// # Errors
/// [`Code::InvalidValue`] in an open, public or personal project, for a view-only member of the team, a viewer of the
/// organization or a service account; [`Code::NotAMember`]; [`Code::Denied`], also where the role holds what the asker lacks.
pub fn set_role(cx: &mut Acting, entity: &str, project: &str, who: &str, typed: &str) -> Result<ProjectMember> {
    let found = must_exist(cx.view(), entity, project)?;
    let resource = Resource::Project(found.id);
    // Asked before anything is said about roles and people.
    let _may = allow(cx, &found, entity, project)?;
    let user = team_member(cx.view(), &found, who)?;
    let Entity::Team(team) = found.entity else {
        return Err(Error::invalid("A personal project has no members to give roles to."));
    };
    if user.is_org_service() {
        return Err(keeps_its_role());
    }
    let membership = cx.view().get(&schema::MEMBERSHIPS, &(team, user.id))?.ok_or_else(|| absent("user", who))?;
    let wanted = match name::fold(typed).as_str() {
        "inherit" => membership.role,
        _ => roles::by_name(cx.view(), found.org, typed)?,
    };
    check_role(cx.view(), &found, &user, &membership)?;
    let present = cx.view().get(&schema::PROJECT_MEMBERS, &(found.id, user.id))?;
    if found.visibility == Visibility::Restricted && !present.is_some_and(|m| m.invited) {
        return Err(Error::new(Code::NotAMember, format!("{} is not in the project.", user.username))
            .hint("Add the person to the project first."));
    }
    let old = present.and_then(|m| m.role).unwrap_or(membership.role);
    // Nobody takes away a role either that is above their own.
    let _over = cx.allow_giving(Action::ProjectUpdateMember, resource, &Held::load(cx.view(), old)?)?;
    let grant = cx.allow_giving(Action::ProjectUpdateMember, resource, &Held::load(cx.view(), wanted)?)?;
    let mut row =
        present.unwrap_or(ProjectMember { invited: false, ..ProjectMember::invited(found.id, user.id, cx.now()) });
    row.role = (wanted != membership.role).then_some(wanted);
    if old == wanted {
        return Ok(row);
    }
    keep(cx, &grant, row)?;
    let field = format!("project role of {}", user.username);
    let (from, to) = (roles::label(cx.view(), old)?, roles::label(cx.view(), wanted)?);
    cx.record(grant, changed(&field, Some(&from), Some(&to)).into_iter().collect())?;
    Ok(row)
}

fn check_role(view: &impl Read, found: &Project, user: &User, membership: &Membership) -> Result<()> {
    if found.visibility < Visibility::Team {
        return Err(Error::invalid(format!(
            "Project roles apply in team and restricted projects; this one is {}.",
            found.visibility.as_str()
        )));
    }
    if user.is_service() {
        return Err(keeps_its_role());
    }
    if Held::load(view, membership.role)?.is_view_only() || super::roster::is_org_viewer(user, found.org) {
        return Err(Error::invalid(format!(
            "{} is view-only in the team, and stays so in its projects.",
            user.username
        ))
        .hint("Change the team role first."));
    }
    Ok(())
}

fn keeps_its_role() -> Error {
    Error::invalid("A service account keeps the role service.")
}

/// Stores what the project knows of somebody, or forgets them where nothing is left to know.
pub(super) fn keep(cx: &mut Acting, grant: &Grant, mut row: ProjectMember) -> Result<()> {
    let project = cx.view().get(&schema::PROJECTS, &row.project)?;
    if let Some(Entity::Team(team)) = project.map(|p| p.entity)
        && let Some(membership) = cx.view().get(&schema::MEMBERSHIPS, &(team, row.user))?
        && row.role == Some(membership.role)
    {
        row.role = None;
    }
    if row.invited || row.role.is_some() {
        return cx.put(grant, &schema::PROJECT_MEMBERS, &row);
    }
    cx.delete(grant, &schema::PROJECT_MEMBERS, &(row.project, row.user)).map(drop)
}

/// After a team role changed: a project role that equals it now follows it from here on.
pub(super) fn follow(cx: &mut Acting, grant: &Grant, team: TeamId, user: UserId) -> Result<()> {
    for row in of_user(cx.view(), user)? {
        let project = cx.view().get(&schema::PROJECTS, &row.project)?;
        if row.role.is_some() && project.is_some_and(|p| p.entity == Entity::Team(team)) {
            keep(cx, grant, row)?;
        }
    }
    Ok(())
}

/// After somebody left a team: its projects know them no more.
pub(super) fn forget(cx: &mut Acting, grant: &Grant, team: TeamId, user: UserId) -> Result<()> {
    for row in of_user(cx.view(), user)? {
        let project = cx.view().get(&schema::PROJECTS, &row.project)?;
        if project.is_some_and(|p| p.entity == Entity::Team(team)) {
            cx.delete(grant, &schema::PROJECT_MEMBERS, &(row.project, row.user))?;
        }
    }
    Ok(())
}

/// Gives a project another owner, a member of its team.
///
/// # Errors
/// [`Code::NotAMember`], [`Code::InvalidValue`] for a service account, [`Code::Denied`], also where the asker lacks what
/// owners hold.
pub fn set_owner(cx: &mut Acting, entity: &str, project: &str, who: &str) -> Result<Project> {
    let mut found = must_exist(cx.view(), entity, project)?;
    let grant = or_absent(
        cx.allow(Action::ProjectUpdateOwner, Resource::Project(found.id)),
        "project",
        &path(entity, project),
    )?;
    // To own is to hold these, and nobody gives what they lack there.
    for action in Action::ALL.iter().copied().filter(|a| a.is_for_owner()) {
        let _holds = cx.allow(action, Resource::Project(found.id))?;
    }
    let user = team_member(cx.view(), &found, who)?;
    if user.is_service() || matches!(found.entity, Entity::Person(_)) {
        return Err(Error::invalid(
            "The owner is a person of the project's team; a personal project keeps its person.",
        ));
    }
    if found.owner == Some(user.id) {
        return Ok(found);
    }
    let old = match found.owner {
        Some(id) => cx.view().get(&schema::USERS, &id)?.map(|u| u.username),
        None => None,
    };
    found.owner = Some(user.id);
    found.version += 1;
    cx.put(&grant, &schema::PROJECTS, &found)?;
    if found.visibility == Visibility::Restricted {
        let present = cx.view().get(&schema::PROJECT_MEMBERS, &(found.id, user.id))?;
        if !present.is_some_and(|m| m.invited) {
            cx.put(&grant, &schema::PROJECT_MEMBERS, &ProjectMember::invited(found.id, user.id, cx.now()))?;
        }
    }
    cx.record(grant, changed("owner", old.as_deref(), Some(&user.username)).into_iter().collect())?;
    Ok(found)
}

/// The owner, and whether they still are in the project's team; a project whose owner left should get another.
pub fn owner<V: Read>(cx: &Cx<V>, project: &Project) -> Result<Option<(User, bool)>> {
    let _grant = cx.allow(Action::ProjectRead, Resource::Project(project.id))?;
    let Some(id) = project.owner else { return Ok(None) };
    let Some(user) = cx.view().get(&schema::USERS, &id)? else { return Ok(None) };
    let present = in_team(cx.view(), project, id)?;
    Ok(Some((user, present)))
}

/// One member of a project, with the role that counts in it.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who.
    pub user: User,
    /// The role in the team.
    pub team_role: TeamRole,
    /// The role that counts in the project.
    pub role: TeamRole,
    /// Its word for people.
    pub label: String,
}

impl Member {
    /// Whether the project role differs from the team role: shown with `*`.
    pub fn differs(&self) -> bool {
        self.role != self.team_role
    }
}

/// The people and service accounts that a team or restricted project counts as its own, by username: all of the team, or
/// those invited. An open or public one has no list of its own.
pub fn list<V: Read>(cx: &Cx<V>, project: &Project) -> Result<Vec<Member>> {
    let _grant = cx.allow(Action::ProjectRead, Resource::Project(project.id))?;
    let Entity::Team(team) = project.entity else { return Ok(vec![]) };
    let mut out = vec![];
    if project.visibility < Visibility::Team {
        // Invitations of its restricted days are nobody's business while others can read it.
        return Ok(out);
    }
    let known: std::collections::HashMap<UserId, ProjectMember> = cx
        .view()
        .all::<ProjectMember, _>(&schema::PROJECT_MEMBERS, &(project.id,))?
        .into_iter()
        .map(|m| (m.user, m))
        .collect();
    for membership in super::service_accounts::at_work(cx.view(), team, project.org)? {
        let apart = known.get(&membership.user);
        if project.visibility == Visibility::Restricted && !apart.is_some_and(|m| m.invited) {
            continue;
        }
        let Some(user) = cx.view().get(&schema::USERS, &membership.user)? else { continue };
        let role = apart.and_then(|m| m.role).unwrap_or(membership.role);
        let label = roles::label(cx.view(), role)?;
        out.push(Member { user, team_role: membership.role, role, label });
    }
    out.sort_by_cached_key(|m| (m.user.is_service(), name::fold(&m.user.username)));
    Ok(out)
}

/// What projects know of a user beyond team roles.
pub(super) fn of_user(view: &impl Read, user: UserId) -> Result<Vec<ProjectMember>> {
    view.all_by(&schema::PROJECTS_OF_USER, &(user,))
}

fn allow(cx: &Acting, found: &Project, entity: &str, project: &str) -> Result<Grant> {
    or_absent(cx.allow(Action::ProjectUpdateMember, Resource::Project(found.id)), "project", &path(entity, project))
}

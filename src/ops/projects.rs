//! Projects: create, find, list, change who can reach them, delete. Their members: `project_members.rs`.
//! Lists and single reads share one predicate, `project:read`.

use super::{Acting, Cx, absent, changed, or_absent};
use crate::error::{Code, Error, Result};
use crate::model::audit::Named;
use crate::model::name;
use crate::model::project::{Project, ProjectMember, Visibility};
use crate::model::role::Action;
use crate::model::user::User;
use crate::model::{Entity, ProjectId, UserId};
use crate::policy::Resource;
use crate::store::{Listed, Range};
use crate::store::{Read, schema};

/// What it takes to make a project.
#[derive(Clone, Debug)]
pub struct NewProject {
    /// The team's or person's name; the asker's default entity when absent.
    pub entity: Option<String>,
    /// The project's name.
    pub name: String,
    /// Who can reach it; the team when absent.
    pub visibility: Option<Visibility>,
    /// Usernames or addresses of team members to invite, for a restricted one.
    pub members: Vec<String>,
}

/// Creates a project. Its maker owns it and, where it is restricted, is in it.
///
/// # Errors
/// [`Code::NameTaken`], [`Code::InvalidValue`], [`Code::NotAMember`], [`Code::Denied`].
pub fn create(cx: &mut Acting, new: &NewProject) -> Result<Project> {
    let (entity, entity_name) = entity_or_default(cx, new.entity.as_deref())?;
    // As it was typed: the name as it is written would tell that the team exists.
    let typed = new.entity.as_deref().filter(|t| !t.is_empty()).unwrap_or(&entity_name);
    let grant = or_absent(cx.allow(Action::ProjectCreate, Resource::Entity(entity)), "team", typed)?;
    name::check_project_name(&new.name)?;
    let visibility = new.visibility.unwrap_or(Visibility::Team);
    if matches!(entity, Entity::Person(_)) && visibility == Visibility::Restricted {
        return Err(Error::invalid("A personal project has no team to choose members from. Use team, public or open."));
    }
    check_private(cx.view(), entity, visibility)?;
    if find(cx.view(), entity, &new.name)?.is_some() {
        return Err(Error::new(
            Code::NameTaken,
            format!("There is a project '{}' in {entity_name} already.", new.name),
        ));
    }
    let org = match entity {
        Entity::Team(id) => cx.view().get(&schema::TEAMS, &id)?.ok_or_else(|| absent("team", &entity_name))?.org,
        // A personal namespace stays where its owner first belonged, wherever the owner acts.
        Entity::Person(_) => grant.org(),
    };
    let project = Project {
        id: ProjectId(cx.tx().next_id(schema::PROJECT_IDS)?),
        org,
        entity,
        name: new.name.clone(),
        visibility,
        owner: cx.subject().user(),
        description: String::new(),
        created_at: cx.now(),
        version: 1,
    };
    cx.put(&grant, &schema::PROJECTS, &project)?;
    let mut changes: Vec<_> =
        [changed("name", None, Some(&project.name)), changed("visibility", None, Some(visibility.as_str()))]
            .into_iter()
            .flatten()
            .collect();
    if visibility == Visibility::Restricted {
        let mut first: Vec<User> = vec![];
        if let Some(id) = cx.subject().user() {
            first.extend(cx.view().get(&schema::USERS, &id)?);
        }
        for typed in &new.members {
            first.push(team_member(cx.view(), &project, typed)?);
        }
        for user in first {
            cx.put(&grant, &schema::PROJECT_MEMBERS, &ProjectMember::invited(project.id, user.id, cx.now()))?;
            changes.extend(changed("invited", None, Some(&user.username)));
        }
    }
    cx.record_on(grant, Named::new("project", project.id, format!("{entity_name}/{}", project.name)), changes)?;
    Ok(project)
}

/// A project by entity and name as typed, for somebody who may read it.
pub fn get<V: Read>(cx: &Cx<V>, entity: &str, project: &str) -> Result<Project> {
    let found = must_exist(cx.view(), entity, project)?;
    let _grant =
        or_absent(cx.allow(Action::ProjectRead, Resource::Project(found.id)), "project", &path(entity, project))?;
    Ok(found)
}

/// The name of the team or person that a project belongs to, for somebody who may read the project.
pub fn entity_label<V: Read>(cx: &Cx<V>, project: &Project) -> Result<String> {
    let _grant = cx.allow(Action::ProjectRead, Resource::Project(project.id))?;
    entity_name(cx.view(), project.entity)
}

/// Where a thing without an entity goes: the asker's default team, else the personal namespace.
pub fn default_entity<V: Read>(cx: &Cx<V>) -> Result<(Entity, String)> {
    let user = super::users::me(cx)?;
    if let Some(team) = user.default_team
        && let Some(team) = cx.view().get(&schema::TEAMS, &team)?
    {
        return Ok((Entity::Team(team.id), team.name));
    }
    Ok((Entity::Person(user.id), user.username))
}

/// The first `at_most` projects that the asker may read, with the name of their team or person: see [`super::lists::projects`].
pub fn reachable<V: Read>(cx: &Cx<V>, at_most: usize) -> Result<Vec<(String, Project)>> {
    Ok(super::lists::projects(cx, &super::lists::Reaching::default(), &super::paging::Turn::first(at_most))?.items)
}

/// Changes who can reach a project. A restricted one can only become a team project; whoever restricts it stays in it.
pub fn set_visibility(cx: &mut Acting, entity: &str, project: &str, visibility: Visibility) -> Result<Project> {
    let mut found = must_exist(cx.view(), entity, project)?;
    let grant = or_absent(
        cx.allow(Action::ProjectUpdateVisibility, Resource::Project(found.id)),
        "project",
        &path(entity, project),
    )?;
    let old = found.visibility;
    if old == visibility {
        return Ok(found);
    }
    if old == Visibility::Restricted && visibility != Visibility::Team {
        return Err(Error::invalid("A restricted project can only become a team project.")
            .hint("Make it a team project first; then its visibility can be widened."));
    }
    check_private(cx.view(), found.entity, visibility)?;
    if visibility == Visibility::Restricted {
        if matches!(found.entity, Entity::Person(_)) {
            return Err(Error::invalid("A personal project has no team to choose members from."));
        }
        for id in [cx.subject().user(), found.owner].into_iter().flatten() {
            let present = cx.view().get(&schema::PROJECT_MEMBERS, &(found.id, id))?;
            if in_team(cx.view(), &found, id)? && !present.is_some_and(|m| m.invited) {
                let invited = ProjectMember::invited(found.id, id, cx.now());
                let role = present.and_then(|m| m.role);
                cx.put(&grant, &schema::PROJECT_MEMBERS, &ProjectMember { role, ..invited })?;
            }
        }
    }
    found.visibility = visibility;
    found.version += 1;
    cx.put(&grant, &schema::PROJECTS, &found)?;
    cx.record(grant, changed("visibility", Some(old.as_str()), Some(visibility.as_str())).into_iter().collect())?;
    Ok(found)
}

/// Sets a project's one-line description.
pub fn describe(cx: &mut Acting, entity: &str, project: &str, description: &str) -> Result<Project> {
    let mut found = must_exist(cx.view(), entity, project)?;
    let grant =
        or_absent(cx.allow(Action::ProjectUpdate, Resource::Project(found.id)), "project", &path(entity, project))?;
    let description = name::check_text("description", description, name::TEXT_MAX)?;
    let change = changed("description", Some(&found.description), Some(&description));
    if change.is_none() {
        return Ok(found);
    }
    found.description = description;
    found.version += 1;
    cx.put(&grant, &schema::PROJECTS, &found)?;
    cx.record(grant, change.into_iter().collect())?;
    Ok(found)
}

/// Deletes a project with its invitations and runs.
pub fn delete(cx: &mut Acting, entity: &str, project: &str) -> Result<()> {
    let found = must_exist(cx.view(), entity, project)?;
    let grant =
        or_absent(cx.allow(Action::ProjectDelete, Resource::Project(found.id)), "project", &path(entity, project))?;
    for row in cx.view().all::<ProjectMember, _>(&schema::PROJECT_MEMBERS, &(found.id,))? {
        cx.delete(&grant, &schema::PROJECT_MEMBERS, &(row.project, row.user))?;
    }
    super::runs::change::erase_of_project(cx, &grant, found.id)?;
    cx.delete(&grant, &schema::PROJECTS, &found.id)?;
    cx.record(grant, changed("name", Some(&found.name), None).into_iter().collect())
}

/// Refuses open and public where the team keeps its future projects private, or the organization has all teams do so.
fn check_private(view: &impl Read, entity: Entity, visibility: Visibility) -> Result<()> {
    let Entity::Team(id) = entity else { return Ok(()) };
    if visibility >= Visibility::Team {
        return Ok(());
    }
    let Some(team) = view.get(&schema::TEAMS, &id)? else { return Ok(()) };
    let enforced = view.get(&schema::ORGS, &team.org)?.is_some_and(|org| org.private_projects);
    if !enforced && !team.private_projects {
        return Ok(());
    }
    let by = if enforced { "The organization" } else { "The team" };
    Err(Error::invalid(format!("{by} keeps future projects private, so none can become {}.", visibility.as_str()))
        .hint("Choose team or restricted."))
}

/// A team's or person's name to the entity; the asker's default where none is given. No check of rights.
pub(crate) fn entity_or_default<V: Read>(cx: &Cx<V>, typed: Option<&str>) -> Result<(Entity, String)> {
    let Some(typed) = typed.filter(|t| !t.is_empty()) else { return default_entity(cx) };
    entity_by_name(cx.view(), typed)?.ok_or_else(|| absent("team", typed))
}

/// A team or a person's namespace by folded name; no check of rights.
pub(crate) fn entity_by_name(view: &impl Read, typed: &str) -> Result<Option<(Entity, String)>> {
    if let Some(team) = super::teams::known_as(view, typed)? {
        return Ok(Some((Entity::Team(team.id), team.name.clone())));
    }
    let user = view.find_shared(&schema::USER_BY_NAME, &name::fold(typed))?.filter(|u| !u.is_service());
    Ok(user.map(|u| (Entity::Person(u.id), u.username.clone())))
}

/// The name of a team or person; no check of rights.
pub(crate) fn entity_name(view: &impl Read, entity: Entity) -> Result<String> {
    Ok(match entity {
        Entity::Team(id) => view.shared(&schema::TEAMS, &id)?.map(|t| t.name.clone()),
        Entity::Person(id) => view.shared(&schema::USERS, &id)?.map(|u| u.username.clone()),
    }
    .unwrap_or_default())
}

/// A project by typed names; no check of rights.
pub(crate) fn must_exist(view: &impl Read, entity: &str, project: &str) -> Result<Project> {
    let missing = || absent("project", &path(entity, project));
    let (entity, _) = entity_by_name(view, entity)?.ok_or_else(missing)?;
    find(view, entity, project)?.ok_or_else(missing)
}

fn find(view: &impl Read, entity: Entity, project: &str) -> Result<Option<Project>> {
    if project.len() > 4 * name::NAME_MAX {
        return Ok(None);
    }
    view.find(&schema::PROJECT_BY_NAME, &(entity.number(), name::fold(project)))
}

/// All projects of an entity, by name.
pub(super) fn rows(view: &impl Read, entity: Entity, range: Range) -> Result<Listed<Project>> {
    view.list_by(&schema::PROJECT_BY_NAME, range.under(&(entity.number(),)))
}

pub(super) fn in_team(view: &impl Read, project: &Project, user: UserId) -> Result<bool> {
    match project.entity {
        // Accounts of the organization work in every team without being listed there.
        Entity::Team(team) => Ok(view.get(&schema::MEMBERSHIPS, &(team, user))?.is_some()
            || view
                .shared(&schema::USERS, &user)?
                .is_some_and(|u| u.is_org_service() && u.org_role(project.org).is_some())),
        Entity::Person(owner) => Ok(owner == user),
    }
}

pub(super) fn team_member(view: &impl Read, project: &Project, typed: &str) -> Result<User> {
    let user = super::users::by_name(view, typed)?;
    match user {
        Some(user) if in_team(view, project, user.id)? => super::users::must_be_meant(&user, typed).map(|()| user),
        _ => {
            let typed: String = typed.chars().filter(|c| !c.is_control()).take(60).collect();
            Err(Error::new(Code::NotAMember, format!("'{typed}' is not a member of the project's team."))
                .hint("Add the person to the team first."))
        }
    }
}

pub(super) fn path(entity: &str, project: &str) -> String {
    format!("{entity}/{project}")
}

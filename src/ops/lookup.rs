//! Finding things the way API clients name them: by permanent id, page by page; and the few changes that
//! are asked for by id. Each asks the policy like any other use-case. What an id names is never said to somebody who may not
//! see it, so refusals here speak of "the project" and not of its name.

use super::{Acting, Cx, absent, or_absent, project_members, projects, teams};
use crate::error::{Error, Kind, Result};
use crate::model::name;
use crate::model::project::{Project, ProjectMember, Visibility};
use crate::model::role::Action;
use crate::model::team::Team;
use crate::model::user::User;
use crate::model::{Entity, InviteId, ProjectId, UserId};
use crate::policy::{Held, Resource};
use crate::store::{Cursor, Listed, Range, Read, schema};

/// What a path begins with.
#[derive(Clone, Debug)]
pub enum Place {
    /// A team.
    Team(Team),
    /// A person's own namespace.
    Person(User),
}

impl Place {
    /// The id for the policy and for projects.
    pub fn entity(&self) -> Entity {
        match self {
            Place::Team(team) => Entity::Team(team.id),
            Place::Person(user) => Entity::Person(user.id),
        }
    }

    /// The name in paths.
    pub fn name(&self) -> &str {
        match self {
            Place::Team(team) => &team.name,
            Place::Person(user) => &user.username,
        }
    }
}

/// A team or a person's namespace by name as typed, for somebody who may see it.
pub fn place<V: Read>(cx: &Cx<V>, typed: &str) -> Result<Place> {
    let (entity, _) = projects::entity_by_name(cx.view(), typed)?.ok_or_else(|| absent("team", typed))?;
    let _grant = or_absent(cx.allow(Action::TeamRead, Resource::Entity(entity)), "team", typed)?;
    let found = match entity {
        Entity::Team(id) => cx.view().get(&schema::TEAMS, &id)?.map(Place::Team),
        Entity::Person(id) => cx.view().get(&schema::USERS, &id)?.map(Place::Person),
    };
    found.ok_or_else(|| absent("team", typed))
}

/// Asks about a permission inside a project by names as a client gave them: for what this server does not offer, so that whoever
/// may not have it hears that first. A permission that the catalogue does not have, or no project, leaves nothing to ask.
pub fn may_inside<V: Read>(cx: &Cx<V>, permission: &str, entity: Option<&str>, project: Option<&str>) -> Result<()> {
    let (Ok(action), Some(project)) = (Action::parse(permission), project) else { return Ok(()) };
    let (_, entity) = projects::entity_or_default(cx, entity)?;
    let found = projects::must_exist(cx.view(), &entity, project)?;
    let _grant = or_absent(cx.allow(action, Resource::Project(found.id)), "project", &format!("{entity}/{project}"))?;
    Ok(())
}

/// Where things without an entity go for `user`: the default team's name, else the username.
pub fn default_entity_name<V: Read>(cx: &Cx<V>, user: &User) -> Result<String> {
    let _grant = cx.allow(Action::UserRead, Resource::User(user.id))?;
    let (is_own, org) = (cx.subject().user() == Some(user.id), cx.org_for(user)?);
    let team = match user.default_team {
        // Where somebody else's things go in another organization is nobody's business here.
        Some(id) => cx.view().get(&schema::TEAMS, &id)?.filter(|t| is_own || t.org == org),
        None => None,
    };
    Ok(team.map_or_else(|| user.username.clone(), |t| t.name))
}

/// Where a listing of teams goes on behind `team`.
pub fn cursor_of_team(team: &Team) -> Cursor {
    Cursor::at(&(team.org, name::fold(&team.name), team.id))
}

/// Where a listing of projects goes on behind `project`.
pub fn cursor_of_project(project: &Project) -> Cursor {
    Cursor::at(&(project.entity.number(), name::fold(&project.name)))
}

/// The projects of a team or person (the asker's default where none is named) that the asker may read, by name, and the
/// entity's name. A page is full unless it is the last one. Somebody who may read none of them and not see the team learns
/// nothing of it.
pub fn projects_page<V: Read>(
    cx: &Cx<V>,
    typed: Option<&str>,
    limit: usize,
    mut after: Option<Cursor>,
) -> Result<(String, Listed<Project>)> {
    let (entity, entity_name) = projects::entity_or_default(cx, typed)?;
    let mut items = vec![];
    loop {
        let page = projects::rows(cx.view(), entity, Range::all().after(after).limit(limit - items.len()))?;
        for project in page.items {
            if cx.can(Action::ProjectRead, Resource::Project(project.id))? {
                items.push(project);
            }
        }
        after = page.next;
        if after.is_none() || items.len() >= limit {
            break;
        }
    }
    if items.is_empty() {
        let typed = typed.unwrap_or(&entity_name);
        let _grant = or_absent(cx.allow(Action::TeamRead, Resource::Entity(entity)), "team", typed)?;
    }
    Ok((entity_name, Listed { items, next: after }))
}

/// The name of the team or person a project belongs to, for those who may read the project.
pub fn entity_name_of<V: Read>(cx: &Cx<V>, project: &Project) -> Result<String> {
    // Organization admins change a project's visibility without reading it; its team's name they may see anyway.
    if !cx.can(Action::TeamRead, Resource::Entity(project.entity))? {
        let _grant = cx.allow(Action::ProjectRead, Resource::Project(project.id))?;
    }
    projects::entity_name(cx.view(), project.entity)
}

/// Who owns a project that the asker may read, and whether the asker may see that person's whole record. Nobody for a project
/// that the asker changed without being able to read it.
pub fn owner<V: Read>(cx: &Cx<V>, project: &Project) -> Result<Option<(User, bool)>> {
    if !cx.can(Action::ProjectRead, Resource::Project(project.id))? {
        return Ok(None);
    }
    let Some(id) = project.owner else { return Ok(None) };
    let Some(user) = cx.view().get(&schema::USERS, &id)? else { return Ok(None) };
    let whole = cx.can(Action::UserRead, Resource::User(id))?;
    Ok(Some((user, whole)))
}

/// What [`upsert_project`] is asked for.
#[derive(Clone, Debug, Default)]
pub struct Upsert {
    /// The team's or person's name; the asker's default entity when absent.
    pub entity: Option<String>,
    /// The project's name.
    pub name: String,
    /// Who can reach it: unchanged when absent, the team for a new one.
    pub visibility: Option<Visibility>,
    /// One line for people: unchanged when absent.
    pub description: Option<String>,
    /// Members of the team to invite to a new restricted one.
    pub members: Vec<UserId>,
}

/// Creates a project, or edits the one of that name; says whether it was created. One that the asker may not see counts as
/// not there: whoever may create projects beside it learns that the name is taken, others nothing.
pub fn upsert_project(cx: &mut Acting, asked: &Upsert) -> Result<(Project, bool)> {
    let (place, entity) = projects::entity_or_default(cx, asked.entity.as_deref())?;
    let edited = edit_project(cx, &entity, asked);
    if edited.is_ok() && !asked.members.is_empty() {
        return Err(Error::invalid("The project exists already; people are invited to it by createProjectMembers."));
    }
    if !asked.members.is_empty() && asked.visibility != Some(Visibility::Restricted) {
        return Err(Error::invalid("Only a restricted project has invited members."));
    }
    match edited {
        Err(error) if error.kind() == Kind::NotFound => {}
        edited => return edited.map(|project| (project, false)),
    }
    let members = asked.members.iter().map(|id| username(cx, place, *id)).collect::<Result<_>>()?;
    let new = projects::NewProject {
        entity: Some(asked.entity.clone().filter(|typed| !typed.is_empty()).unwrap_or(entity)),
        name: asked.name.clone(),
        visibility: asked.visibility,
        members,
    };
    let typed = asked.entity.as_deref().unwrap_or_default();
    let mut project = or_absent(projects::create(cx, &new), "team", typed)?;
    if let Some(description) = asked.description.as_deref().filter(|d| !d.is_empty()) {
        let entity = projects::entity_name(cx.view(), project.entity)?;
        project = projects::describe(cx, &entity, &project.name, description)?;
    }
    Ok((project, true))
}

fn edit_project(cx: &mut Acting, entity: &str, asked: &Upsert) -> Result<Project> {
    if asked.visibility.is_none() && asked.description.is_none() {
        return projects::get(cx, entity, &asked.name);
    }
    let mut edited = None;
    if let Some(visibility) = asked.visibility {
        edited = Some(projects::set_visibility(cx, entity, &asked.name, visibility)?);
    }
    if let Some(description) = &asked.description {
        edited = Some(projects::describe(cx, entity, &asked.name, description)?);
    }
    edited.ok_or_else(|| Error::internal("nothing was asked for"))
}

/// The entity and name of a project by id, for a use-case that checks the asker's rights and whose refusals pass through
/// [`unnamed`].
fn path_of(cx: &Acting, id: ProjectId) -> Result<(String, Project)> {
    let project = cx.view().get(&schema::PROJECTS, &id)?.ok_or_else(no_project)?;
    Ok((projects::entity_name(cx.view(), project.entity)?, project))
}

fn no_project() -> Error {
    Error::not_found("There is no such project, or you may not see it.")
}

/// A refusal that does not name what the asker knows by id only.
fn unnamed<T>(result: Result<T>) -> Result<T> {
    result.map_err(|e| if e.kind() == Kind::NotFound { no_project() } else { e })
}

/// Edits the project with this id.
pub fn edit_project_by_id(cx: &mut Acting, id: ProjectId, asked: &Upsert) -> Result<Project> {
    let (entity, project) = path_of(cx, id)?;
    unnamed(edit_project(cx, &entity, &Upsert { name: project.name, ..asked.clone() }))
}

/// Invites people to the restricted project with this id, or takes them out of it.
pub fn set_project_members(cx: &mut Acting, id: ProjectId, who: &[UserId], inside: bool) -> Result<()> {
    let (entity, project) = path_of(cx, id)?;
    for id in who {
        let name = username(cx, project.entity, *id)?;
        unnamed(if inside {
            project_members::add(cx, &entity, &project.name, &name)
        } else {
            project_members::remove(cx, &entity, &project.name, &name)
        })?;
    }
    Ok(())
}

/// Gives a member of the project with this id a role of their own in it.
pub fn set_project_role(cx: &mut Acting, id: ProjectId, who: UserId, role: &str) -> Result<ProjectMember> {
    let (entity, project) = path_of(cx, id)?;
    let name = username(cx, project.entity, who)?;
    unnamed(project_members::set_role(cx, &entity, &project.name, &name, role))
}

/// Gives the project with this id another owner.
pub fn set_project_owner(cx: &mut Acting, id: ProjectId, who: UserId) -> Result<Project> {
    let (entity, project) = path_of(cx, id)?;
    let name = username(cx, project.entity, who)?;
    unnamed(project_members::set_owner(cx, &entity, &project.name, &name))
}

/// Changes the role of the member with this id in a team.
pub fn set_team_role(cx: &mut Acting, team: &str, who: UserId, role: &str) -> Result<Held> {
    let name = member_name(cx, team, who)?;
    teams::set_role(cx, team, &name, role)
}

/// Deletes the project with this id.
pub fn delete_project(cx: &mut Acting, id: ProjectId) -> Result<()> {
    let (entity, project) = path_of(cx, id)?;
    unnamed(projects::delete(cx, &entity, &project.name))
}

/// Takes the member or the pending invitation with this id, as the member list gives it, out of a team.
pub fn remove_member(cx: &mut Acting, team: &str, id: &str) -> Result<()> {
    if let Some(invite) = InviteId::from_global(id) {
        return teams::withdraw(cx, team, invite);
    }
    let name = match UserId::from_global(id) {
        Some(user) => member_name(cx, team, user)?,
        None => format!("id:{id}"),
    };
    teams::remove_member(cx, team, &name)
}

/// The username of somebody in a team, or in their own namespace, by id; for anybody else a text that nobody can have as a
/// name, so that the use-case asked next says what it says of any unknown person, after it has checked the asker's rights:
/// whoever counts through the ids learns no names.
fn username(cx: &Acting, entity: Entity, id: UserId) -> Result<String> {
    let inside = match entity {
        Entity::Team(team) => cx.view().get(&schema::MEMBERSHIPS, &(team, id))?.is_some(),
        Entity::Person(owner) => owner == id,
    };
    let user = if inside { cx.view().get(&schema::USERS, &id)? } else { None };
    Ok(user.map_or_else(|| id.to_string(), |u| u.username))
}

/// [`username`] in the team of this name.
fn member_name(cx: &Acting, team: &str, id: UserId) -> Result<String> {
    match teams::by_name(cx.view(), team)? {
        Some(team) => username(cx, Entity::Team(team.id), id),
        None => Ok(id.to_string()),
    }
}

//! Custom roles: define, change, list, delete; and what a typed role name means. A custom role inherits from member or viewer
//! and adds permissions; what follows from it is derived when a decision is made, so a change is in force at once.
//! Who may give a role to whom is the policy's business (`decide_giving`), asked where the role is given.

use super::{Acting, Cx, absent, changed};
use crate::error::{Code, Error, Result};
use crate::model::audit::{Change, Named};
use crate::model::invitation::Invite;
use crate::model::name;
use crate::model::project::ProjectMember;
use crate::model::role::{Action, CustomRole, TeamRole};
use crate::model::team::{Membership, Team};
use crate::model::{Entity, OrgId, RoleId};
use crate::policy::{Held, Resource};
use crate::store::{Range, Read, schema};

/// Most custom roles of an organization.
pub const ROLES_MAX: usize = 500;

/// What it takes to define a role.
#[derive(Clone, Debug, Default)]
pub struct NewRole {
    /// The name, unique in the organization.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// `member` or `viewer`.
    pub inherits: String,
    /// What it adds, `object:operation` each.
    pub permissions: Vec<String>,
    /// A provisioning client's own id for it.
    pub external_id: Option<String>,
}

/// What can be changed about a role; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct RoleChange {
    /// A new name.
    pub name: Option<String>,
    /// A new description.
    pub description: Option<String>,
    /// Another predefined role to inherit from.
    pub inherits: Option<String>,
    /// The whole of what it adds.
    pub permissions: Option<Vec<String>>,
    /// A provisioning client's own id for it, or none any more.
    pub external_id: Option<Option<String>>,
    /// Permissions to add to those it has.
    pub add: Vec<String>,
    /// Permissions to take from those it adds.
    pub remove: Vec<String>,
}

/// Defines a custom role in the asker's organization.
///
/// # Errors
/// [`Code::NameTaken`], [`Code::InvalidValue`], [`Code::Denied`].
pub fn create(cx: &mut Acting, new: &NewRole) -> Result<CustomRole> {
    let org = cx.org()?;
    let grant = cx.allow(Action::RoleCreate, Resource::Org(org))?;
    let role_name = check_name(&new.name)?;
    must_be_free(cx, org, &role_name)?;
    if cx.view().count(&schema::ROLE_BY_NAME, Range::all().under(&(org,)), ROLES_MAX)? >= ROLES_MAX {
        return Err(Error::invalid(format!("An organization has at most {ROLES_MAX} custom roles.")));
    }
    let role = CustomRole {
        id: RoleId(cx.tx().next_id(schema::ROLE_IDS)?),
        org,
        name: role_name,
        description: name::check_text("description", &new.description, name::TEXT_MAX)?,
        inherits: base(&new.inherits)?,
        permissions: permissions(&new.permissions)?,
        external_id: new.external_id.as_deref().map(check_external_id).transpose()?,
        created_at: cx.now(),
        updated_at: cx.now(),
        version: 1,
    };
    cx.put(&grant, &schema::ROLES, &role)?;
    cx.record_on(grant, target(&role), differences(None, &role))?;
    Ok(role)
}

/// Changes a custom role; its holders feel it at their next request.
///
/// # Errors
/// [`Code::NotFound`], [`Code::NameTaken`], [`Code::InvalidValue`], [`Code::Mutability`] for taking away what is
/// inherited, [`Code::Denied`].
pub fn update(cx: &mut Acting, id: RoleId, change: &RoleChange) -> Result<CustomRole> {
    let org = cx.org()?;
    let grant = cx.allow(Action::RoleUpdate, Resource::Org(org))?;
    let mut role = must_exist(cx.view(), org, id)?;
    let before = role.clone();
    if let Some(new) = &change.name {
        let new = check_name(new)?;
        if name::fold(&new) != name::fold(&role.name) {
            must_be_free(cx, org, &new)?;
        }
        role.name = new;
    }
    if let Some(description) = &change.description {
        role.description = name::check_text("description", description, name::TEXT_MAX)?;
    }
    if let Some(inherits) = &change.inherits {
        role.inherits = base(inherits)?;
    }
    if let Some(external_id) = &change.external_id {
        role.external_id = external_id.as_deref().map(check_external_id).transpose()?;
    }
    if let Some(whole) = &change.permissions {
        role.permissions = permissions(whole)?;
    }
    role.permissions = sorted(role.permissions.into_iter().chain(permissions(&change.add)?));
    for gone in permissions(&change.remove)? {
        if !role.permissions.contains(&gone) && gone.team_roles().contains(&role.inherits) {
            let (gone, base) = (gone.as_str(), role.inherits.as_str());
            return Err(Error::new(
                Code::Mutability,
                format!("{gone} is inherited from {base} and cannot be removed."),
            )
            .hint("Let the role inherit from another predefined role."));
        }
        role.permissions.retain(|p| *p != gone);
    }
    let changes = differences(Some(&before), &role);
    if changes.is_empty() {
        return Ok(role);
    }
    if role.effective().any(|(action, _)| !before.effective().any(|(old, _)| old == action)) {
        is_no_way_in(cx, id)?;
    }
    role.version += 1;
    role.updated_at = cx.now();
    cx.put(&grant, &schema::ROLES, &role)?;
    cx.record_on(grant, target(&role), changes)?;
    Ok(role)
}

/// Widening a role that one holds oneself is as good as joining its team anew, where one does not give roles anyway.
fn is_no_way_in(cx: &Acting, id: RoleId) -> Result<()> {
    let Some(me) = cx.subject().user() else { return Ok(()) };
    let own = super::project_members::of_user(cx.view(), me)?;
    for membership in super::teams::of_user(cx.view(), me)? {
        let team = Entity::Team(membership.team);
        let mut holds = membership.role == TeamRole::Custom(id);
        for row in own.iter().filter(|row| row.role == Some(TeamRole::Custom(id))) {
            holds |= cx.view().get(&schema::PROJECTS, &row.project)?.is_some_and(|p| p.entity == team);
        }
        if holds && !Held::load(cx.view(), membership.role)?.holds(Action::TeamUpdateMember) {
            let _may = cx.allow(Action::TeamJoin, Resource::Entity(team))?;
        }
    }
    Ok(())
}

/// Deletes a custom role. Whoever holds it in a team or a project, or was promised it, gets the role it inherited from; teams
/// that gave it to newcomers give that one.
///
/// # Errors
/// [`Code::NotFound`], [`Code::Denied`].
pub fn delete(cx: &mut Acting, id: RoleId) -> Result<CustomRole> {
    let org = cx.org()?;
    let grant = cx.allow(Action::RoleDelete, Resource::Org(org))?;
    let role = must_exist(cx.view(), org, id)?;
    let holders: Vec<Membership> = cx.view().all_by(&schema::ROLE_HOLDERS, &(id,))?;
    for mut held in holders.iter().copied() {
        held.role = role.inherits;
        cx.put(&grant, &schema::MEMBERSHIPS, &held)?;
        super::project_members::follow(cx, &grant, held.team, held.user)?;
    }
    let in_projects: Vec<ProjectMember> = cx.view().all_by(&schema::PROJECT_ROLE_HOLDERS, &(id,))?;
    for mut held in in_projects.iter().copied() {
        held.role = Some(role.inherits);
        super::project_members::keep(cx, &grant, held)?;
    }
    let promised: Vec<Invite> = cx.view().all_by(&schema::ROLE_INVITES, &(id,))?;
    for mut invite in promised {
        invite.role = role.inherits;
        cx.put(&grant, &schema::INVITES, &invite)?;
    }
    let giving: Vec<Team> = cx.view().all_by(&schema::TEAMS_GIVING_ROLE, &(id,))?;
    for team in giving {
        let (default_role, version) = (role.inherits, team.version + 1);
        cx.put(&grant, &schema::TEAMS, &Team { default_role, version, ..team })?;
    }
    cx.delete(&grant, &schema::ROLES, &id)?;
    let fallen = holders.len() + in_projects.len();
    let changes = [
        changed("name", Some(&role.name), None),
        changed(
            "holders who are now ",
            None,
            (fallen > 0).then(|| format!("{}: {fallen}", role.inherits.as_str())).as_deref(),
        ),
    ];
    cx.record_on(grant, target(&role), changes.into_iter().flatten().collect())?;
    Ok(role)
}

/// The custom roles of the asker's organization, by name.
pub fn list<V: Read>(cx: &Cx<V>) -> Result<Vec<CustomRole>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::RoleRead, Resource::Org(org))?;
    cx.view().all_by(&schema::ROLE_BY_NAME, &(org,))
}

/// Everything that can be decided about, for those who may see the roles.
pub fn catalogue<V: Read>(cx: &Cx<V>) -> Result<&'static [Action]> {
    let _grant = cx.allow(Action::RoleRead, Resource::Org(cx.org()?))?;
    Ok(Action::ALL)
}

/// A custom role by id.
pub fn get<V: Read>(cx: &Cx<V>, id: RoleId) -> Result<CustomRole> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::RoleRead, Resource::Org(org))?;
    must_exist(cx.view(), org, id)
}

/// How many hold a custom role: in teams, and in projects.
pub fn holders<V: Read>(cx: &Cx<V>, role: &CustomRole) -> Result<(usize, usize)> {
    let _grant = cx.allow(Action::RoleRead, Resource::Org(role.org))?;
    Ok((
        cx.view().tally(&schema::TEAM_ROLE_SIZES, &(role.id,))?,
        cx.view().tally(&schema::PROJECT_ROLE_SIZES, &(role.id,))?,
    ))
}

/// The role that a typed name means in `org`: predefined names and their synonyms in any case, custom ones exactly.
/// No check of rights.
pub(crate) fn by_name(view: &impl Read, org: OrgId, typed: &str) -> Result<TeamRole> {
    if let Ok(role) = TeamRole::parse(typed) {
        return Ok(role);
    }
    if typed.len() <= 4 * name::NAME_MAX
        && let Some(role) = view.find(&schema::ROLE_BY_NAME, &(org, name::fold(typed)))?
        && role.name == typed
    {
        return Ok(TeamRole::Custom(role.id));
    }
    Err(Error::invalid("A role is admin, member, viewer, or a custom role of the organization by its exact name."))
}

/// The word for a role, for people.
pub fn label(view: &impl Read, role: TeamRole) -> Result<String> {
    Ok(Held::load(view, role)?.label().to_owned())
}

fn must_exist(view: &impl Read, org: OrgId, id: RoleId) -> Result<CustomRole> {
    view.get(&schema::ROLES, &id)?.filter(|r| r.org == org).ok_or_else(|| absent("role", &id.global()))
}

fn must_be_free(cx: &Acting, org: OrgId, role_name: &str) -> Result<()> {
    match cx.view().find(&schema::ROLE_BY_NAME, &(org, name::fold(role_name)))? {
        Some(_) => Err(Error::new(Code::NameTaken, format!("There is a role '{role_name}' already."))),
        None => Ok(()),
    }
}

/// A name that no predefined role, and none of the documents' words for one, has.
fn check_name(typed: &str) -> Result<String> {
    let role_name = name::check_text("role name", typed, name::NAME_MAX)?;
    if role_name.is_empty() {
        return Err(Error::invalid("A role needs a name."));
    }
    let reserved =
        matches!(name::fold(&role_name).as_str(), "service" | "custom" | "owner" | "service account" | "none");
    if reserved || TeamRole::parse(&role_name).is_ok() {
        return Err(
            Error::invalid(format!("'{role_name}' is the name of a predefined role.")).hint("Choose another name.")
        );
    }
    Ok(role_name)
}

fn check_external_id(given: &str) -> Result<String> {
    name::check_text("externalId", given, 2 * name::NAME_MAX)
}

fn base(typed: &str) -> Result<TeamRole> {
    match TeamRole::parse(typed) {
        Ok(role @ (TeamRole::Member | TeamRole::Viewer)) => Ok(role),
        _ => Err(Error::invalid("A custom role inherits from member or viewer.")),
    }
}

fn permissions(typed: &[String]) -> Result<Vec<Action>> {
    let mut out = Vec::with_capacity(typed.len().min(Action::ALL.len()));
    for text in typed {
        let action = Action::parse(text)?;
        if !action.is_assignable() {
            return Err(Error::invalid(format!(
                "{} belongs to the organization role and cannot be in a custom role.",
                action.as_str()
            )));
        }
        out.push(action);
    }
    Ok(sorted(out))
}

/// In the catalogue's order, each once.
fn sorted(actions: impl IntoIterator<Item = Action>) -> Vec<Action> {
    let mut out: Vec<Action> = actions.into_iter().collect();
    out.sort_unstable_by_key(|a| *a as u32);
    out.dedup();
    out
}

fn target(role: &CustomRole) -> Named {
    Named::new("role", role.id, role.name.clone())
}

fn differences(before: Option<&CustomRole>, after: &CustomRole) -> Vec<Change> {
    let words = |role: &CustomRole| role.permissions.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(" ");
    [
        changed("name", before.map(|r| r.name.as_str()), Some(&after.name)),
        changed("description", Some(before.map_or("", |r| &r.description)), Some(&after.description)),
        changed("inherits", before.map(|r| r.inherits.as_str()), Some(after.inherits.as_str())),
        changed("external id", before.and_then(|r| r.external_id.as_deref()), after.external_id.as_deref()),
        changed("permissions", Some(&before.map(words).unwrap_or_default()), Some(&words(after))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

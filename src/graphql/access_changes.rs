//! What can be changed about access: custom roles, team and project roles, owners, seats, the switches of teams and of the
//! organization, and joining.

use super::mutation::{HEAVY, SuccessPayload, project_id};
use super::people::{Organization, User};
use super::projects::Project;
use super::roles::Role;
use super::teams::Entity;
use super::types::{of, shown};
use crate::error::{Error, Result as Outcome};
use crate::model::role::Seat;
use crate::model::{RoleId, UserId};
use crate::ops::orgs::NewOrg;
use crate::ops::roles::{NewRole, RoleChange};
use crate::ops::settings::OrgChange;
use crate::ops::teams::{Invited, TeamChange};
use crate::ops::{self, Acting};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

/// What can be changed about access.
#[derive(Default)]
pub struct AccessChanges;

/// What can be changed about access.
#[Object]
impl AccessChanges {
    /// Defines a custom role. For organization admins.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn create_role(&self, cx: &Context<'_>, input: CreateRoleInput) -> Result<Option<RolePayload>> {
        let (app, who) = of(cx);
        let new = NewRole {
            external_id: None,
            name: input.name,
            description: input.description.unwrap_or_default(),
            inherits: input.inherited_from,
            permissions: input.permissions.unwrap_or_default(),
        };
        let role = app.act(who, move |cx| ops::roles::create(cx, &new)).await.map_err(shown)?;
        Ok(Some(RolePayload { role: Some(Role(role)) }))
    }

    /// Changes a custom role; what is absent stays. Its holders feel it at their next request. For organization admins.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn update_role(&self, cx: &Context<'_>, input: UpdateRoleInput) -> Result<Option<RolePayload>> {
        let (app, who) = of(cx);
        let id = role_id(&input.id).map_err(shown)?;
        let change = RoleChange {
            external_id: None,
            name: input.name,
            description: input.description,
            inherits: input.inherited_from,
            permissions: input.permissions,
            add: input.add_permissions.unwrap_or_default(),
            remove: input.remove_permissions.unwrap_or_default(),
        };
        let role = app.act(who, move |cx| ops::roles::update(cx, id, &change)).await.map_err(shown)?;
        Ok(Some(RolePayload { role: Some(Role(role)) }))
    }

    /// Deletes a custom role. Whoever holds it gets the role it inherited from. For organization admins.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn delete_role(&self, cx: &Context<'_>, input: DeleteRoleInput) -> Result<Option<SuccessPayload>> {
        let (app, who) = of(cx);
        let id = role_id(&input.id).map_err(shown)?;
        app.act(who, move |cx| ops::roles::delete(cx, id)).await.map_err(shown)?;
        Ok(Some(SuccessPayload::done()))
    }

    /// Creates an organization, where the instance has several. Its first admin is the person named, else the caller. For
    /// administrators of the instance.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn create_organization(
        &self,
        cx: &Context<'_>,
        input: CreateOrganizationInput,
    ) -> Result<Option<OrganizationPayload>> {
        let (app, who) = of(cx);
        let new = NewOrg { name: input.name, admin: input.admin_user_name };
        let org = app.act(who, move |cx| ops::orgs::create(cx, &new)).await.map_err(shown)?;
        Ok(Some(OrganizationPayload { organization: Some(Organization(org)) }))
    }

    /// Chooses the organization in which the caller acts from now on where the credential says nothing else.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn set_default_organization(
        &self,
        cx: &Context<'_>,
        input: SetDefaultOrganizationInput,
    ) -> Result<Option<OrganizationPayload>> {
        let (app, who) = of(cx);
        let org = app.act(who, move |cx| ops::orgs::set_default(cx, &input.name)).await.map_err(shown)?;
        Ok(Some(OrganizationPayload { organization: Some(Organization(org)) }))
    }

    /// Suspends somebody in the organization, or lifts that. In other organizations the person goes on as before; where there is
    /// no other, the account is deactivated and reactivated. For organization admins.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn set_user_active(
        &self,
        cx: &Context<'_>,
        input: SetUserActiveInput,
    ) -> Result<Option<SetUserActivePayload>> {
        let (app, who) = of(cx);
        let change = move |cx: &mut Acting| {
            let user = ops::users::set_active(cx, &input.username, input.active)?;
            User::whole(cx, user)
        };
        Ok(Some(SetUserActivePayload { user: Some(app.act(who, change).await.map_err(shown)?) }))
    }

    /// Removes somebody who belongs to another organization too from this one. For organization admins.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn remove_organization_member(
        &self,
        cx: &Context<'_>,
        input: RemoveOrganizationMemberInput,
    ) -> Result<Option<SuccessPayload>> {
        let (app, who) = of(cx);
        app.act(who, move |cx| ops::membership::remove(cx, &input.username)).await.map_err(shown)?;
        Ok(Some(SuccessPayload::done()))
    }

    /// Changes the role of somebody in a team. Nobody gives or takes a role that holds what they lack there themselves.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn update_team_member(
        &self,
        cx: &Context<'_>,
        input: UpdateTeamMemberInput,
    ) -> Result<Option<UpdateTeamMemberPayload>> {
        let (app, who) = of(cx);
        let user = user_id(&input.user_id).map_err(shown)?;
        let held = app
            .act(who, move |cx| ops::lookup::set_team_role(cx, &input.entity_name, user, &input.role))
            .await
            .map_err(shown)?;
        Ok(Some(UpdateTeamMemberPayload { success: true, role: held.label().to_owned() }))
    }

    /// Gives a member of the team a role of their own in a team or restricted project. The team role itself, or `inherit`,
    /// lets it follow that one again.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn update_project_member(
        &self,
        cx: &Context<'_>,
        input: UpdateProjectMemberInput,
    ) -> Result<Option<UpdateProjectMemberPayload>> {
        let (app, who) = of(cx);
        let (project, user) = pair(&input.project_id, &input.user_id).map_err(shown)?;
        let row = app
            .act(who, move |cx| ops::lookup::set_project_role(cx, project, user, &input.user_project_role))
            .await
            .map_err(shown)?;
        Ok(Some(UpdateProjectMemberPayload { success: true, differs: row.role.is_some() }))
    }

    /// Gives a project another owner: a person of its team.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn update_project_owner(
        &self,
        cx: &Context<'_>,
        input: UpdateProjectOwnerInput,
    ) -> Result<Option<ProjectPayload>> {
        let (app, who) = of(cx);
        let (project, user) = pair(&input.project_id, &input.user_id).map_err(shown)?;
        let project = app.act(who, move |cx| ops::lookup::set_project_owner(cx, project, user)).await.map_err(shown)?;
        Ok(Some(ProjectPayload { project: Some(Project::new(project, None)) }))
    }

    /// Lets an admin of the team join one of its restricted projects.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn join_project(&self, cx: &Context<'_>, input: JoinProjectInput) -> Result<Option<ProjectPayload>> {
        let (app, who) = of(cx);
        let project = app
            .act(who, move |cx| {
                ops::project_members::join(cx, &input.entity_name, &input.name)?;
                ops::projects::get(cx, &input.entity_name, &input.name)
            })
            .await
            .map_err(shown)?;
        Ok(Some(ProjectPayload { project: Some(Project::new(project, None)) }))
    }

    /// Lets an organization admin join a team, which is audited.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn join_team(&self, cx: &Context<'_>, input: JoinTeamInput) -> Result<Option<UpdateTeamMemberPayload>> {
        let (app, who) = of(cx);
        let role = input.role.unwrap_or_else(|| "member".to_owned());
        let invited = app
            .act(who, move |cx| {
                let me = ops::users::me(cx)?;
                ops::teams::invite(cx, &input.entity_name, &me.username, &role)
            })
            .await
            .map_err(shown)?;
        let held = match invited {
            Invited::Added(.., held) => held,
            Invited::Pending(waiting) => waiting.held,
        };
        Ok(Some(UpdateTeamMemberPayload { success: true, role: held.label().to_owned() }))
    }

    /// Changes a team's name, description, switches, storage type and the role of newcomers; what is absent stays. For its admins.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn update_team(&self, cx: &Context<'_>, input: UpdateTeamInput) -> Result<Option<EntityPayload>> {
        let (app, who) = of(cx);
        let change = TeamChange {
            name: input.name,
            description: input.description,
            private_projects: input.private_projects,
            members_invite: input.members_invite,
            recommended: None,
            default_role: input.default_role,
            storage: input.storage_type,
        };
        let team = app.act(who, move |cx| ops::teams::update(cx, &input.entity_name, &change)).await.map_err(shown)?;
        Ok(Some(EntityPayload { entity: Some(Entity::team(team)) }))
    }

    /// Changes the organization's name, switches and billing administrator; what is absent stays. For its admins.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn update_organization(
        &self,
        cx: &Context<'_>,
        input: UpdateOrganizationInput,
    ) -> Result<Option<UpdateOrganizationPayload>> {
        let (app, who) = of(cx);
        let change = OrgChange {
            name: input.name,
            private_projects: input.private_projects,
            admins_invite: input.admins_invite,
            billing_admin: input.billing_admin,
        };
        let org = app.act(who, move |cx| ops::settings::update_org(cx, &change)).await.map_err(shown)?;
        Ok(Some(UpdateOrganizationPayload { organization: Some(Organization(org)) }))
    }

    /// Changes somebody's seats; what is absent stays. Every team feels it at the next request. For organization admins.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn update_user_seats(
        &self,
        cx: &Context<'_>,
        input: UpdateUserSeatsInput,
    ) -> Result<Option<UpdateUserSeatsPayload>> {
        let (app, who) = of(cx);
        let seat = |typed: Option<String>| typed.as_deref().map(Seat::parse).transpose();
        let models = seat(input.models_seat).map_err(shown)?;
        let weave = seat(input.weave_role).map_err(shown)?;
        let change = move |cx: &mut Acting| {
            let user = ops::users::set_seats(cx, &input.user_name, models, weave)?;
            User::whole(cx, user)
        };
        Ok(Some(UpdateUserSeatsPayload { user: Some(app.act(who, change).await.map_err(shown)?) }))
    }
}

fn role_id(id: &str) -> Outcome<RoleId> {
    RoleId::from_global(id).ok_or_else(|| Error::not_found("There is no such role."))
}

fn user_id(id: &str) -> Outcome<UserId> {
    // The wandb client sends the number alone where it has taken the id apart.
    UserId::from_global(id)
        .or_else(|| id.parse().ok().map(UserId))
        .ok_or_else(|| Error::invalid("userId is not the id of a person."))
}

fn pair(project: &str, user: &str) -> Outcome<(crate::model::ProjectId, UserId)> {
    Ok((project_id(project)?, user_id(user)?))
}

/// Of `createRole`.
#[derive(InputObject)]
pub struct CreateRoleInput {
    /// The name, unique in the organization and not a predefined role's.
    name: String,
    /// One line for people.
    description: Option<String>,
    /// The predefined role whose permissions it has: `member` or `viewer`.
    inherited_from: String,
    /// What it adds: names of the catalogue that are `assignable`.
    permissions: Option<Vec<String>>,
}

/// Of `updateRole`.
#[derive(InputObject)]
pub struct UpdateRoleInput {
    /// The role's id.
    id: String,
    /// A new name.
    name: Option<String>,
    /// A new description.
    description: Option<String>,
    /// Another predefined role to inherit from: `member` or `viewer`.
    inherited_from: Option<String>,
    /// The whole of what it adds.
    permissions: Option<Vec<String>>,
    /// Permissions to add to what it adds.
    add_permissions: Option<Vec<String>>,
    /// Permissions to take from what it adds. What is inherited cannot be taken away.
    remove_permissions: Option<Vec<String>>,
}

/// Of `deleteRole`.
#[derive(InputObject)]
pub struct DeleteRoleInput {
    /// The role's id.
    id: String,
}

/// Of `createRole` and `updateRole`.
#[derive(SimpleObject)]
pub struct RolePayload {
    /// The role as it is now.
    role: Option<Role>,
}

/// Of `updateTeamMember`.
#[derive(InputObject)]
pub struct UpdateTeamMemberInput {
    /// The team.
    entity_name: String,
    /// The member's id, as the team's member list gives it.
    user_id: ID,
    /// `admin`, `member`, `viewer`, or a custom role by its exact name.
    role: String,
}

/// Of `updateTeamMember` and `joinTeam`.
#[derive(SimpleObject)]
pub struct UpdateTeamMemberPayload {
    /// Always true.
    success: bool,
    /// The role in the team now.
    role: String,
}

/// Of `updateProjectMember`.
#[derive(InputObject)]
pub struct UpdateProjectMemberInput {
    /// The project's id.
    project_id: ID,
    /// The member's id.
    user_id: ID,
    /// `admin`, `member`, `viewer`, a custom role by its exact name, or `inherit` for the team role.
    user_project_role: String,
}

/// Of `updateProjectMember`.
#[derive(SimpleObject)]
pub struct UpdateProjectMemberPayload {
    /// Always true.
    success: bool,
    /// Whether the role in the project differs from the team role now.
    differs: bool,
}

/// Of `updateProjectOwner`.
#[derive(InputObject)]
pub struct UpdateProjectOwnerInput {
    /// The project's id.
    project_id: ID,
    /// The new owner's id.
    user_id: ID,
}

/// Of `updateProjectOwner` and `joinProject`.
#[derive(SimpleObject)]
pub struct ProjectPayload {
    /// The project as it is now.
    project: Option<Project>,
}

/// Of `joinProject`.
#[derive(InputObject)]
pub struct JoinProjectInput {
    /// The team.
    entity_name: String,
    /// The project's name.
    name: String,
}

/// Of `joinTeam`.
#[derive(InputObject)]
pub struct JoinTeamInput {
    /// The team.
    entity_name: String,
    /// `admin`, `member`, `viewer`, or a custom role by its exact name; `member` when absent.
    role: Option<String>,
}

/// Of `updateTeam`.
#[derive(InputObject)]
pub struct UpdateTeamInput {
    /// The team.
    entity_name: String,
    /// A new name.
    name: Option<String>,
    /// A new description.
    description: Option<String>,
    /// Whether its future projects are private: no new open or public ones, and none becomes so.
    private_projects: Option<bool>,
    /// Whether every member may invite, not only admins.
    members_invite: Option<bool>,
    /// The role of whoever comes without one being chosen: `member`, `viewer`, or a custom role by its exact name.
    default_role: Option<String>,
    /// Where it wants the files of its runs: `server`, `aws`, `gcp`, `azure`, `coreweave` or `minio`.
    storage_type: Option<String>,
}

/// Of `updateTeam`.
#[derive(SimpleObject)]
pub struct EntityPayload {
    /// The team as it is now.
    entity: Option<Entity>,
}

/// Of `updateOrganization`.
#[derive(InputObject)]
pub struct UpdateOrganizationInput {
    /// A new name.
    name: Option<String>,
    /// Whether no team may have new open or public projects, whatever its own switch says.
    private_projects: Option<bool>,
    /// Whether only admins invite to teams, whatever a team's own switch says.
    admins_invite: Option<bool>,
    /// Who gets the bills, by username or address; empty for nobody.
    billing_admin: Option<String>,
}

/// Of `updateOrganization`.
#[derive(SimpleObject)]
pub struct UpdateOrganizationPayload {
    /// The organization as it is now.
    organization: Option<Organization>,
}

/// Of `updateUserSeats`.
#[derive(InputObject)]
pub struct UpdateUserSeatsInput {
    /// A username or an address.
    user_name: String,
    /// The Models seat: `full`, `viewer` or `none`.
    models_seat: Option<String>,
    /// The Weave access: `full`, `viewer` or `none`.
    weave_role: Option<String>,
}

/// Of `updateUserSeats`.
#[derive(SimpleObject)]
pub struct UpdateUserSeatsPayload {
    /// The person as they are now.
    user: Option<User>,
}

/// Of `createOrganization`.
#[derive(InputObject)]
pub struct CreateOrganizationInput {
    /// Its name, unique without regard to case.
    name: String,
    /// Username or address of its first admin, an existing account; the caller when absent.
    admin_user_name: Option<String>,
}

/// Of `setDefaultOrganization`.
#[derive(InputObject)]
pub struct SetDefaultOrganizationInput {
    /// The name of one of the caller's organizations, in any case.
    name: String,
}

/// Of `setUserActive`.
#[derive(InputObject)]
pub struct SetUserActiveInput {
    /// Username or address.
    username: String,
    /// Whether the person may act in the organization.
    active: bool,
}

/// Of `removeOrganizationMember`.
#[derive(InputObject)]
pub struct RemoveOrganizationMemberInput {
    /// Username or address.
    username: String,
}

/// Of `createOrganization` and `setDefaultOrganization`.
#[derive(SimpleObject)]
pub struct OrganizationPayload {
    /// The organization.
    organization: Option<Organization>,
}

/// Of `setUserActive`.
#[derive(SimpleObject)]
pub struct SetUserActivePayload {
    /// The person as they are now.
    user: Option<User>,
}

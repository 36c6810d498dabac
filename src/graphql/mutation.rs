//! What can be changed. Each mutation is one transaction; a refused one leaves nothing behind.

use super::people::{Key, User};
use super::projects::Project;
use super::teams::{Entity, Invite};
use super::types::{DateTime, JsonString, of, shown};
use crate::error::{Error, Result as Outcome};
use crate::model::project::Visibility;
use crate::model::role::OrgRole;
use crate::model::{ProjectId, UserId, credential};
use crate::ops::credentials::{FreshKey, NewKey};
use crate::ops::lookup::Upsert;
use crate::ops::service_accounts::NewService;
use crate::ops::teams::NewTeam;
use crate::ops::users::NewUser;
use crate::ops::{self, Acting};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

/// What can be changed.
#[derive(Default)]
pub struct Mutation;

/// What one mutation weighs among the request's bounds: a request makes fifty changes at most.
pub const HEAVY: usize = 200;

/// What can be changed.
#[Object(name = "Administration")]
impl Mutation {
    /// Creates a person in the organization. For organization admins.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn create_user(&self, cx: &Context<'_>, input: CreateUserInput) -> Result<Option<CreateUserPayload>> {
        let (app, who) = of(cx);
        let role = match (input.org_role.as_deref().map(OrgRole::parse).transpose().map_err(shown)?, input.admin) {
            (Some(role), _) => Some(role),
            (None, Some(true)) => Some(OrgRole::Admin),
            (None, _) => None,
        };
        let new = NewUser {
            email: input.email,
            username: input.username,
            name: input.name.unwrap_or_default(),
            role,
            ..NewUser::default()
        };
        let create = move |cx: &mut Acting| {
            let user = ops::users::create(cx, &new)?;
            User::whole(cx, user)
        };
        let user = app.act(who, create).await.map_err(shown)?;
        Ok(Some(CreateUserPayload { user: Some(user) }))
    }

    /// Makes an API key for the caller. The secret is in `name` of the answer, once.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn generate_api_key(
        &self,
        cx: &Context<'_>,
        input: Option<GenerateApiKeyInput>,
    ) -> Result<Option<GenerateApiKeyPayload>> {
        let (app, who) = of(cx);
        let input = input.unwrap_or_default();
        let fresh = FreshKey::draw(&app.random).map_err(shown)?;
        let (name, expires_at) = (input.description.unwrap_or_default(), input.expires_at.map(|at| at.0));
        let (place, reads_only) = (input.place.unwrap_or_default(), input.read_only.unwrap_or_default());
        let networks = ops::key_care::networks(&input.networks.unwrap_or_default().join(" ")).map_err(shown)?;
        let secret = fresh.clone();
        let key = app
            .act(who, move |cx| {
                let me = ops::users::me(cx)?;
                let scope = ops::key_care::scope(cx, "", &place, reads_only)?;
                let new = NewKey { name: name.clone(), expires_at, scope, networks: networks.clone() };
                ops::credentials::issue(cx, &me.username, &new, &secret)
            })
            .await
            .map_err(shown)?;
        Ok(Some(GenerateApiKeyPayload { api_key: Some(Key::fresh(key, fresh.reveal())) }))
    }

    /// Revokes an API key by its id, for its owner and organization admins. The next request with it is refused.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn delete_api_key(&self, cx: &Context<'_>, input: DeleteApiKeyInput) -> Result<Option<SuccessPayload>> {
        let (app, who) = of(cx);
        // Whoever has only the key itself at hand means the same one.
        let id = credential::key_id(&input.id).unwrap_or(&input.id).to_owned();
        app.act(who, move |cx| ops::credentials::revoke(cx, &id)).await.map_err(shown)?;
        Ok(Some(SuccessPayload::done()))
    }

    /// Creates a team. Its first admin is the person named, else the caller.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn create_team(&self, cx: &Context<'_>, input: CreateTeamInput) -> Result<Option<CreateTeamPayload>> {
        let (app, who) = of(cx);
        let admin = input.team_admin_user_name.filter(|name| !name.is_empty());
        let (name, storage) = (input.team_name, input.storage_type.unwrap_or_default());
        let new = NewTeam { name, storage, ..NewTeam::default() };
        let team = app.act(who, move |cx| ops::teams::create(cx, &new, admin.as_deref())).await.map_err(shown)?;
        Ok(Some(CreateTeamPayload { entity: Some(Entity::team(team)) }))
    }

    /// Adds somebody of the organization to a team at once; an address that nobody has gets an invitation that waits, by mail
    /// where there is a mail server. Somebody who is in the team already keeps the role.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn create_invite(&self, cx: &Context<'_>, input: CreateInviteInput) -> Result<Option<CreateInvitePayload>> {
        let (app, who) = of(cx);
        let role = input.role.unwrap_or_else(|| if input.admin == Some(true) { "admin" } else { "member" }.to_owned());
        let whom = input
            .email
            .or(input.username)
            .filter(|whom| !whom.is_empty())
            .ok_or_else(|| shown(Error::invalid("Name whom to invite: an email or a username.")))?;
        let mail = input.send_email.unwrap_or(true);
        let (invited, link) = app.invite_to_team(who, &input.entity_name, &whom, &role, mail).await.map_err(shown)?;
        Ok(Some(CreateInvitePayload { invite: Some(Invite(invited, link)) }))
    }

    /// Takes a member out of a team, or withdraws a pending invitation. A service account of the team is deleted by this.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn delete_invite(&self, cx: &Context<'_>, input: DeleteInviteInput) -> Result<Option<SuccessPayload>> {
        let (app, who) = of(cx);
        let missing = |what: &'static str| shown(Error::invalid(what));
        let team = input.entity_name.ok_or_else(|| missing("Name the team in entityName."))?;
        let id = input.id.ok_or_else(|| missing("Give the id of the member or the invitation."))?;
        app.act(who, move |cx| ops::lookup::remove_member(cx, &team, &id)).await.map_err(shown)?;
        Ok(Some(SuccessPayload::done()))
    }

    /// Creates a service account of a team, with a first API key. `apiKey` in the team's member list shows the key to the
    /// credential that made it, once, within a minute.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn create_service_account(
        &self,
        cx: &Context<'_>,
        input: CreateServiceAccountInput,
    ) -> Result<Option<CreateServiceAccountPayload>> {
        let (app, who) = of(cx);
        let fresh = FreshKey::draw(&app.random).map_err(shown)?;
        let secret = fresh.clone();
        let new = NewService { name: input.description, ..NewService::default() };
        let (id, user) = app
            .act(who, move |cx| {
                let user = ops::service_accounts::create_in_team(cx, &input.entity_name, &new)?;
                let first = NewKey { name: "first key".to_owned(), ..NewKey::default() };
                ops::credentials::issue(cx, &user.username, &first, &secret)?;
                Ok((user.id, User::whole(cx, user)?))
            })
            .await
            .map_err(shown)?;
        app.keep_for_reveal(who, id, fresh);
        Ok(Some(CreateServiceAccountPayload { user: Some(user) }))
    }

    /// Creates a project, or edits the one of that name or id: its visibility and its description. People are invited to a new
    /// restricted one by `userIds`.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn upsert_model(&self, cx: &Context<'_>, input: UpsertModelInput) -> Result<Option<UpsertModelPayload>> {
        let (app, who) = of(cx);
        let visibility = input.access.as_deref().map(access).transpose().map_err(shown)?;
        let asked = Upsert {
            entity: input.entity_name,
            name: input.name.unwrap_or_default(),
            visibility,
            description: input.description,
            members: users(input.user_ids).map_err(shown)?,
        };
        let id = match input.id {
            Some(id) => Some(project_id(&id).map_err(shown)?),
            None => None,
        };
        let (project, inserted) = app
            .act(who, move |cx| match id {
                Some(id) => Ok((ops::lookup::edit_project_by_id(cx, id, &asked)?, false)),
                None => ops::lookup::upsert_project(cx, &asked),
            })
            .await
            .map_err(shown)?;
        let twin = Project::new(project.clone(), None);
        Ok(Some(UpsertModelPayload {
            project: Some(Project::new(project, None)),
            model: Some(twin),
            inserted: Some(inserted),
        }))
    }

    /// Deletes a project with its invitations.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn delete_model(&self, cx: &Context<'_>, input: DeleteModelInput) -> Result<Option<SuccessPayload>> {
        let (app, who) = of(cx);
        let id = project_id(&input.id).map_err(shown)?;
        app.act(who, move |cx| ops::lookup::delete_project(cx, id)).await.map_err(shown)?;
        Ok(Some(SuccessPayload::done()))
    }

    /// Invites members of the team to a restricted project.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn create_project_members(
        &self,
        cx: &Context<'_>,
        input: CreateProjectMembersInput,
    ) -> Result<Option<SuccessPayload>> {
        let (project, users) = members(&input.project_id, input.user_ids, input.team_ids).map_err(shown)?;
        let (app, who) = of(cx);
        app.act(who, move |cx| ops::lookup::set_project_members(cx, project, &users, true)).await.map_err(shown)?;
        Ok(Some(SuccessPayload::done()))
    }

    /// Takes people out of a restricted project.
    #[graphql(complexity = "HEAVY + child_complexity")]
    async fn delete_project_members(
        &self,
        cx: &Context<'_>,
        input: DeleteProjectMembersInput,
    ) -> Result<Option<SuccessPayload>> {
        let (project, users) = members(&input.project_id, input.user_ids, input.team_ids).map_err(shown)?;
        let (app, who) = of(cx);
        app.act(who, move |cx| ops::lookup::set_project_members(cx, project, &users, false)).await.map_err(shown)?;
        Ok(Some(SuccessPayload::done()))
    }
}

/// The words of `access`: the client's, and the documents'.
fn access(text: &str) -> Outcome<Visibility> {
    Visibility::parse(text).map_err(|_| {
        Error::invalid("access is USER_WRITE (open), USER_READ (public), PRIVATE (the team) or RESTRICTED.")
    })
}

/// The project that an id on the wire means.
pub fn project_id(id: &str) -> Outcome<ProjectId> {
    ProjectId::from_global(id).ok_or_else(|| Error::not_found("There is no such project, or you may not see it."))
}

fn members(project: &str, users: Option<Vec<ID>>, teams: Option<Vec<ID>>) -> Outcome<(ProjectId, Vec<UserId>)> {
    let project = project_id(project)?;
    if teams.is_some_and(|teams| !teams.is_empty()) {
        return Err(Error::invalid("A team cannot be in a project. Name its members in userIds."));
    }
    let users = self::users(users)?;
    if users.is_empty() {
        return Err(Error::invalid("Name at least one person in userIds."));
    }
    Ok((project, users))
}

fn users(ids: Option<Vec<ID>>) -> Outcome<Vec<UserId>> {
    // The wandb client sends the number alone where it has taken the id apart.
    let read = |id: &ID| UserId::from_global(id).or_else(|| id.parse().ok().map(UserId));
    let not_one = || Error::invalid("One of userIds is not the id of a person.");
    ids.unwrap_or_default().iter().map(|id| read(id).ok_or_else(not_one)).collect()
}

/// Of `createUser`.
#[derive(InputObject)]
pub struct CreateUserInput {
    /// The person's address.
    email: String,
    /// Whether it becomes an organization admin.
    admin: Option<bool>,
    /// The username; derived from the address when absent.
    username: Option<String>,
    /// The full name.
    name: Option<String>,
    /// `admin`, `member` or `viewer`; goes before `admin`.
    org_role: Option<String>,
}

/// Of `createUser`.
#[derive(SimpleObject)]
pub struct CreateUserPayload {
    /// The person made.
    user: Option<User>,
}

/// Of `generateApiKey`.
#[derive(InputObject, Default)]
pub struct GenerateApiKeyInput {
    /// What the key is for.
    description: Option<String>,
    /// From when on it is refused; it does not expire when absent.
    expires_at: Option<DateTime>,
    /// Whether it only reads.
    read_only: Option<bool>,
    /// The one place it counts in: a team, or `team/project`; everywhere when absent.
    place: Option<String>,
    /// From where alone it is accepted, such as `10.2.0.0/16`; from everywhere when absent.
    networks: Option<Vec<String>>,
}

/// Of `generateApiKey`.
#[derive(SimpleObject)]
pub struct GenerateApiKeyPayload {
    /// The key, with its secret in `name`.
    api_key: Option<Key>,
}

/// Of `deleteApiKey`.
#[derive(InputObject)]
pub struct DeleteApiKeyInput {
    /// The key's id.
    id: String,
}

/// Says that it was done; what is not done is an error.
#[derive(SimpleObject)]
pub struct SuccessPayload {
    /// Always true.
    pub success: bool,
}

impl SuccessPayload {
    /// It was done.
    pub fn done() -> Self {
        SuccessPayload { success: true }
    }
}

/// Of `createTeam`.
#[derive(InputObject)]
pub struct CreateTeamInput {
    /// The team's name.
    team_name: String,
    /// Username or address of its first admin; the caller when absent.
    team_admin_user_name: Option<String>,
    /// Where it wants the files of its runs: `server` when absent, `aws`, `gcp`, `azure`, `coreweave` or `minio`. It is kept and
    /// shown; this server keeps all files on its own disk.
    storage_type: Option<String>,
}

/// Of `createTeam`.
#[derive(SimpleObject)]
pub struct CreateTeamPayload {
    /// The team made.
    entity: Option<Entity>,
}

/// Of `createInvite`.
#[derive(InputObject)]
pub struct CreateInviteInput {
    /// The team.
    entity_name: String,
    /// Whom, by address.
    email: Option<String>,
    /// Whom, by username.
    username: Option<String>,
    /// Whether as an admin of the team.
    admin: Option<bool>,
    /// `admin`, `member`, `viewer`, or a custom role by its exact name; goes before `admin`.
    role: Option<String>,
    /// Whether an invitation is mailed, where there is a mail server; true when absent.
    send_email: Option<bool>,
}

/// Of `createInvite`.
#[derive(SimpleObject)]
pub struct CreateInvitePayload {
    /// What came of it.
    invite: Option<Invite>,
}

/// Of `deleteInvite`.
#[derive(InputObject)]
pub struct DeleteInviteInput {
    /// The member's or the invitation's id, as the team's member list gives it.
    id: Option<String>,
    /// The team.
    entity_name: Option<String>,
}

/// Of `createServiceAccount`.
#[derive(InputObject)]
pub struct CreateServiceAccountInput {
    /// The team.
    entity_name: String,
    /// What it is for; becomes its name.
    description: String,
}

/// Of `createServiceAccount`.
#[derive(SimpleObject)]
pub struct CreateServiceAccountPayload {
    /// The service account made.
    user: Option<User>,
}

/// Of `upsertModel`.
#[derive(InputObject)]
pub struct UpsertModelInput {
    /// Edits the project with this id, whatever `name` and `entityName` say.
    id: Option<String>,
    /// The project's name.
    name: Option<String>,
    /// The team or person; the caller's default entity when absent.
    entity_name: Option<String>,
    /// One line for people: unchanged when absent.
    description: Option<String>,
    /// `USER_WRITE` (open), `USER_READ` (public), `PRIVATE` (the team) or `RESTRICTED` (invited members); `open`, `public`,
    /// `team` and `restricted` mean the same. When absent it stays; a new project is then `PRIVATE`.
    access: Option<String>,
    /// Whom to invite to a new restricted project: ids of members of its team.
    user_ids: Option<Vec<ID>>,
    /// Taken and ignored.
    framework: Option<String>,
    /// Taken and ignored.
    views: Option<JsonString>,
    /// Taken and ignored.
    client_mutation_id: Option<String>,
}

/// Of `upsertModel`.
#[derive(SimpleObject)]
pub struct UpsertModelPayload {
    /// The project as it is now.
    project: Option<Project>,
    /// The same.
    model: Option<Project>,
    /// Whether it was made by this.
    inserted: Option<bool>,
}

/// Of `deleteModel`.
#[derive(InputObject)]
pub struct DeleteModelInput {
    /// The project's id.
    id: String,
}

/// Of `createProjectMembers`.
#[derive(InputObject)]
pub struct CreateProjectMembersInput {
    /// The project's id.
    project_id: ID,
    /// Ids of members of the team.
    user_ids: Option<Vec<ID>>,
    /// Must be empty: people are invited one by one.
    team_ids: Option<Vec<ID>>,
}

/// Of `deleteProjectMembers`.
#[derive(InputObject)]
pub struct DeleteProjectMembersInput {
    /// The project's id.
    project_id: ID,
    /// Ids of people in the project.
    user_ids: Option<Vec<ID>>,
    /// Must be empty.
    team_ids: Option<Vec<ID>>,
}

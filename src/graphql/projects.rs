//! Projects.

use super::access::ProjectReach;
use super::people::User;
use super::types::{DateTime, JsonString, PageInfo, of, shown};
use crate::model::project::Project as Record;
use crate::model::role::Action;
use crate::ops;
use crate::policy::Resource;
use async_graphql::{Context, ID, Object, Result, SimpleObject};

/// A project of a team or of a person.
pub struct Project {
    project: Record,
    entity: Option<String>,
}

impl Project {
    /// A project, with its entity's name where that is known already.
    pub fn new(project: Record, entity: Option<String>) -> Self {
        Project { project, entity }
    }
}

/// A project of a team or of a person.
#[Object]
impl Project {
    /// base64 of `Project:number`.
    async fn id(&self) -> ID {
        ID(self.project.id.global())
    }

    /// Unique in its entity, without regard to case.
    async fn name(&self) -> &str {
        &self.project.name
    }

    /// The team or person it belongs to.
    async fn entity_name(&self, cx: &Context<'_>) -> Result<String> {
        if let Some(name) = &self.entity {
            return Ok(name.clone());
        }
        let (app, who) = of(cx);
        app.ask(who, |cx| ops::lookup::entity_name_of(cx, &self.project)).map_err(shown)
    }

    /// One line for people.
    async fn description(&self) -> &str {
        &self.project.description
    }

    /// Who can reach it: `USER_WRITE` (open), `USER_READ` (public), `PRIVATE` (the team) or `RESTRICTED` (invited members).
    async fn access(&self) -> &str {
        self.project.visibility.access()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.project.created_at)
    }

    /// Always false: benchmarks are a feature of W&B's own service.
    async fn is_benchmark(&self) -> bool {
        false
    }

    /// Whether the asker cannot submit runs to it.
    async fn read_only(&self, cx: &Context<'_>) -> Result<bool> {
        let (app, who) = of(cx);
        let resource = Resource::Project(self.project.id);
        app.ask(who, |cx| cx.can(Action::RunCreate, resource)).map(|may| !may).map_err(shown)
    }

    /// Always null: panels are not kept here.
    async fn views(&self) -> Option<JsonString> {
        None
    }

    /// Its owner, who made it.
    async fn user(&self, cx: &Context<'_>) -> Result<Option<User>> {
        let (app, who) = of(cx);
        let owner = app.ask(who, |cx| ops::lookup::owner(cx, &self.project)).map_err(shown)?;
        Ok(owner.map(|(user, whole)| User::seen(user, whole)))
    }

    /// Whether the owner still is in the project's team. Where not, an admin of the team should choose another.
    async fn owner_in_team(&self, cx: &Context<'_>) -> Result<Option<bool>> {
        let (app, who) = of(cx);
        let owner = app.ask(who, |cx| ops::project_members::owner(cx, &self.project)).map_err(shown)?;
        Ok(owner.map(|(_, present)| present))
    }

    /// Who can reach it and through what: the members of its team, each with how they stand to it. People outside are all
    /// alike; `access` says what is open to them. For those who may see the team.
    // A decision or two for every member: for one project at a time.
    #[graphql(complexity = "500 * child_complexity")]
    async fn reached_by(&self, cx: &Context<'_>) -> Result<Option<Vec<ProjectReach>>> {
        let (app, who) = of(cx);
        let found = app.ask(who, |cx| ops::reach::of_project(cx, &self.project, None)).map_err(shown)?;
        Ok(Some(found.into_iter().map(ProjectReach::from).collect()))
    }

    /// The people and service accounts that a team or restricted project counts as its own: all of the team, or those
    /// invited; none for an open or public one.
    #[graphql(complexity = "10 * child_complexity")]
    async fn members(&self, cx: &Context<'_>) -> Result<Vec<ProjectMember>> {
        let (app, who) = of(cx);
        let users = app.ask(who, |cx| ops::project_members::list(cx, &self.project)).map_err(shown)?;
        Ok(users
            .into_iter()
            .map(|m| ProjectMember {
                id: ID(m.user.id.global()),
                name: m.user.label().to_owned(),
                email: m.user.email().map(str::to_owned),
                differs: m.differs(),
                role: ProjectMemberRole { name: m.label },
                username: m.user.username,
            })
            .collect())
    }
}

/// A role by name, as the wandb client reads it.
#[derive(SimpleObject)]
pub struct ProjectMemberRole {
    /// `admin`, `member`, `viewer`, `service`, or a custom role's name.
    name: String,
}

/// Somebody in a team or restricted project.
#[derive(SimpleObject)]
pub struct ProjectMember {
    /// The account's id.
    id: ID,
    /// The full name, or the username.
    name: String,
    /// The username.
    username: String,
    /// The address; a service account has none.
    email: Option<String>,
    /// The role that counts in the project.
    role: ProjectMemberRole,
    /// Whether it differs from the team role.
    differs: bool,
}

/// One page of projects.
#[derive(SimpleObject)]
pub struct ProjectConnection {
    /// The rows.
    pub edges: Vec<ProjectEdge>,
    /// Where the page stands.
    pub page_info: PageInfo,
}

/// A row of a page of projects.
#[derive(SimpleObject)]
pub struct ProjectEdge {
    /// The project.
    pub node: Project,
    /// For `after`.
    pub cursor: String,
}

//! Projects.

use super::access::ProjectReach;
use super::people::User;
use super::runs::{Run, RunConnection, RunEdge};
use super::types::{DateTime, JsonString, PageInfo, of, page, shown};
use crate::model::project::Project as Record;
use crate::model::role::Action;
use crate::ops::runs::filter::{Filter, order_of};
use crate::ops::runs::list;
use crate::ops::{self, Asking};
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

    /// The team or person it belongs to.
    async fn entity(&self, cx: &Context<'_>) -> Result<ProjectEntity> {
        Ok(ProjectEntity { id: ID(self.project.entity.global()), name: self.entity_name(cx).await? })
    }

    /// The same as `id`.
    async fn internal_id(&self) -> ID {
        ID(self.project.id.global())
    }

    /// One of its runs by run id; null where there is none.
    #[graphql(complexity = "10 + child_complexity")]
    async fn run(&self, cx: &Context<'_>, #[graphql(desc = "The run id.")] name: String) -> Result<Option<Run>> {
        let (app, who) = of(cx);
        let found = app.ask(who, |cx| ops::runs::in_project(cx, self.project.id, &name)).map_err(shown)?;
        Ok(found.map(Run))
    }

    /// The same as `run`, under the name that older clients use.
    #[graphql(complexity = "10 + child_complexity")]
    async fn bucket(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The run id.")] name: String,
        #[graphql(name = "missingOk", desc = "Taken and ignored: a run that is not there is null.")]
        _missing_ok: Option<bool>,
        #[graphql(name = "desc", desc = "Taken and ignored.")] _desc: Option<String>,
    ) -> Result<Option<Run>> {
        let (app, who) = of(cx);
        let found = app.ask(who, |cx| ops::runs::in_project(cx, self.project.id, &name)).map_err(shown)?;
        Ok(found.map(Run))
    }

    /// How many runs it has.
    #[graphql(complexity = "50")]
    async fn run_count(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which runs, in MongoDB's query language.")] filters: Option<JsonString>,
    ) -> Result<i32> {
        let (app, who) = of(cx);
        let filter = Filter::parse(filters.as_ref().map_or("", |f| f.0.as_str())).map_err(shown)?;
        let count = app.ask(who, |cx| list::count(cx, self.project.id, &filter)).map_err(shown)?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }

    /// Its runs.
    #[graphql(complexity = "50 + 10 * child_complexity")]
    async fn runs(
        &self,
        cx: &Context<'_>,
        #[graphql(
            desc = "Which runs, in MongoDB's query language: `state`, `display_name`, `created_at`, `username`, `tags`, \
                    `config.KEY`, `summary_metrics.KEY` and some more; `$eq $ne $gt $gte $lt $lte $in $nin $regex $exists \
                    $and $or $nor $not`."
        )]
        filters: Option<JsonString>,
        #[graphql(desc = "A field with `+` or `-` before it; `+created_at` by default.")] order: Option<String>,
        #[graphql(desc = "How many at most; 50 by default, up to 1,000.")] first: Option<i32>,
        #[graphql(desc = "Continues behind this cursor.")] after: Option<String>,
    ) -> Result<RunConnection> {
        let (app, who) = of(cx);
        let (limit, after) = page(first, after.as_deref(), 50).map_err(shown)?;
        let is_later = after.is_some();
        let asked = list::Asked {
            filter: Filter::parse(filters.as_ref().map_or("", |f| f.0.as_str())).map_err(shown)?,
            order: order.as_deref().filter(|o| !o.is_empty()).map(order_of).transpose().map_err(shown)?,
            limit,
            after,
        };
        let found = app.ask(who, |cx| list::page(cx, self.project.id, &asked)).map_err(shown)?;
        let edges: Vec<RunEdge> = found
            .items
            .into_iter()
            .map(|seen| RunEdge { cursor: list::cursor(&seen.run).to_string(), node: Run(seen) })
            .collect();
        let (start, end) = (edges.first().map(|e| e.cursor.as_str()), edges.last().map(|e| e.cursor.as_str()));
        let page_info = PageInfo::new(start, end, found.more, is_later);
        Ok(RunConnection { page_info, edges })
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
        let owner = |cx: &Asking| ops::lookup::owner(cx, &self.project)?.map(|found| User::seen(cx, found)).transpose();
        app.ask(who, owner).map_err(shown)
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

/// What a project belongs to.
#[derive(SimpleObject)]
pub struct ProjectEntity {
    /// base64 of `Entity:number`.
    id: ID,
    /// The name in paths.
    name: String,
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

//! What can be asked.

use super::people::{Organization, User, UserConnection, UserEdge};
use super::projects::{Project, ProjectConnection, ProjectEdge};
use super::teams::{Entity, TeamConnection, TeamEdge};
use super::types::{Json, PageInfo, of, page, shown};
use crate::app::App;
use crate::error::{Error, Result as Outcome};
use crate::model::name::fold;
use crate::ops::{self, Caller};
use crate::store::{Cursor, MAX_PAGE, Range};
use async_graphql::{Context, Name, Object, Result, SimpleObject, Value};

/// What can be asked.
#[derive(Default)]
pub struct Query;

/// What can be asked.
#[Object(name = "Directory")]
impl Query {
    /// Whoever the credential belongs to.
    #[graphql(complexity = "20 + child_complexity")]
    async fn viewer(&self, cx: &Context<'_>) -> Result<Option<User>> {
        let (app, who) = of(cx);
        app.ask(who, |cx| User::whole(cx, ops::users::me(cx)?)).map(Some).map_err(shown)
    }

    /// People, for organization admins. Without `query` all of them by username, page by page. With `query` those of whom each of
    /// its words begins the username, an address, an address' domain or a word of the name, in any case; whose username begins
    /// with it comes first. A page may be short and have more behind it.
    #[graphql(complexity = "50 * child_complexity")]
    async fn users(
        &self,
        cx: &Context<'_>,
        #[graphql(
            desc = "The beginning of a username, an address, a domain or a word of a name; several words narrow."
        )]
        query: Option<String>,
        #[graphql(desc = "How many at most; up to 1,000, which is the default.")] first: Option<i32>,
        #[graphql(desc = "Continues behind this cursor.")] after: Option<String>,
    ) -> Result<Option<UserConnection>> {
        let (app, who) = of(cx);
        let (first, after) = page(first, after.as_deref(), MAX_PAGE).map_err(shown)?;
        people(app, who, query.as_deref().unwrap_or_default().trim(), first, after).await.map(Some).map_err(shown)
    }

    /// One person or service account by username or address, for those who may see it.
    #[graphql(complexity = "20 + child_complexity")]
    async fn user(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "A username or an address.")] user_name: String,
    ) -> Result<Option<User>> {
        let (app, who) = of(cx);
        app.ask(who, |cx| User::whole(cx, ops::users::get(cx, &user_name)?)).map(Some).map_err(shown)
    }

    /// A team, or one's own namespace, by name.
    #[graphql(complexity = "20 + child_complexity")]
    async fn entity(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The name, in any case.")] name: String,
    ) -> Result<Option<Entity>> {
        let (app, who) = of(cx);
        app.ask(who, |cx| ops::lookup::place(cx, &name)).map(|place| Some(Entity::new(place))).map_err(shown)
    }

    /// All teams by name, for organization admins. Others find their own in `viewer`.
    #[graphql(complexity = "20 * child_complexity")]
    async fn teams(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The beginning of a name.")] query: Option<String>,
        #[graphql(desc = "How many at most; 100 by default, up to 1,000.")] first: Option<i32>,
        #[graphql(desc = "Continues behind this cursor.")] after: Option<String>,
    ) -> Result<Option<TeamConnection>> {
        let (app, who) = of(cx);
        let (first, after) = page(first, after.as_deref(), 100).map_err(shown)?;
        let is_later = after.is_some();
        let range = Range::all().limit(first).after(after);
        let found = app
            .ask(who, |cx| ops::teams::list(cx, query.as_deref().unwrap_or_default(), range.clone()))
            .map_err(shown)?;
        let edges: Vec<TeamEdge> = found.items.into_iter().map(|team| TeamEdge::new(Entity::team(team))).collect();
        let (start, end) = (edges.first().map(|e| e.cursor.as_str()), edges.last().map(|e| e.cursor.as_str()));
        let page_info = PageInfo::new(start, end, found.next.is_some(), is_later);
        Ok(Some(TeamConnection { page_info, edges }))
    }

    /// The projects of a team or person that the asker may read, by name.
    #[graphql(complexity = "20 * child_complexity")]
    async fn models(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The team or person; the asker's default entity when absent.")] entity_name: Option<String>,
        #[graphql(desc = "How many at most; 100 by default, up to 1,000.")] first: Option<i32>,
        #[graphql(desc = "Continues behind this cursor.")] after: Option<String>,
    ) -> Result<Option<ProjectConnection>> {
        let (app, who) = of(cx);
        let (first, after) = page(first, after.as_deref(), 100).map_err(shown)?;
        let is_later = after.is_some();
        let typed = entity_name.as_deref().filter(|t| !t.is_empty());
        let (entity, found) = app.ask(who, |cx| ops::lookup::projects_page(cx, typed, first, after)).map_err(shown)?;
        let edges: Vec<ProjectEdge> = found
            .items
            .into_iter()
            .map(|project| ProjectEdge {
                cursor: ops::lookup::cursor_of_project(&project).to_string(),
                node: Project::new(project, Some(entity.clone())),
            })
            .collect();
        let (start, end) = (edges.first().map(|e| e.cursor.as_str()), edges.last().map(|e| e.cursor.as_str()));
        let page_info = PageInfo::new(start, end, found.next.is_some(), is_later);
        Ok(Some(ProjectConnection { page_info, edges }))
    }

    /// A project by name, for those who may read it.
    #[graphql(complexity = "20 + child_complexity")]
    async fn project(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The project's name.")] name: Option<String>,
        #[graphql(desc = "The team or person; the asker's default entity when absent.")] entity_name: Option<String>,
    ) -> Result<Option<Project>> {
        let (app, who) = of(cx);
        project(app, who, name, entity_name).map(Some).map_err(shown)
    }

    /// The same as `project`, under the name that older clients use; null, and no error, for one that the asker could make by
    /// submitting a run to it.
    #[graphql(complexity = "20 + child_complexity")]
    async fn model(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The project's name.")] name: Option<String>,
        #[graphql(desc = "The team or person; the asker's default entity when absent.")] entity_name: Option<String>,
    ) -> Result<Option<Project>> {
        let (app, who) = of(cx);
        if let Some(name) = name.as_deref().filter(|n| !n.is_empty())
            && app.ask(who, |cx| ops::runs::upsert::could_begin(cx, entity_name.as_deref(), name)).unwrap_or(false)
        {
            return Ok(None);
        }
        project(app, who, name, entity_name).map(Some).map_err(shown)
    }

    /// The asker's organization, by its name.
    #[graphql(complexity = "20 + child_complexity")]
    async fn organization(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The name, in any case.")] name: String,
    ) -> Result<Option<Organization>> {
        let (app, who) = of(cx);
        let org = app.ask(who, |cx| ops::settings::org(cx)).map_err(shown)?;
        if fold(&org.name) != fold(&name) {
            return Err(shown(Error::not_found("There is no organization of that name, or you are not in it.")));
        }
        Ok(Some(Organization(org)))
    }

    /// What this server is and can do.
    async fn server_info(&self) -> ServerInfo {
        ServerInfo
    }
}

fn project(app: &App, who: &Caller, name: Option<String>, entity: Option<String>) -> Outcome<Project> {
    let name = name.filter(|n| !n.is_empty()).ok_or_else(|| Error::invalid("Name the project."))?;
    let entity = entity.filter(|e| !e.is_empty());
    app.ask(who, |cx| {
        let entity = match &entity {
            Some(entity) => entity.clone(),
            None => ops::projects::default_entity(cx)?.1,
        };
        ops::projects::get(cx, &entity, &name)
    })
    .map(|project| Project::new(project, None))
}

/// How many short pages of a search are put together for one answer, at most.
const STRETCHES: usize = 10;

/// A page of people; where a search has to look at many, others run between its stretches.
async fn people(app: &App, who: &Caller, text: &str, first: usize, after: Option<Cursor>) -> Outcome<UserConnection> {
    let is_later = after.is_some();
    let asked = ops::people::Asked { search: text, ..ops::people::Asked::default() };
    let (mut edges, mut at): (Vec<UserEdge>, _) = (vec![], after);
    for _ in 0..STRETCHES {
        let turn = ops::paging::Turn { at, back: false, limit: first - edges.len() };
        at = app.ask(who, |cx| {
            let found = ops::people::list(cx, &asked, &turn)?;
            for (user, place) in found.items.into_iter().zip(found.places) {
                edges.push(UserEdge { node: User::whole(cx, user)?, cursor: place.to_string() });
            }
            Ok(found.next)
        })?;
        if at.is_none() || edges.len() >= first {
            break;
        }
        tokio::task::yield_now().await;
    }
    let more = at.is_some();
    let end = at.map(|place| place.to_string()).or_else(|| edges.last().map(|e| e.cursor.clone()));
    let page_info = PageInfo::new(edges.first().map(|e| e.cursor.as_str()), end.as_deref(), more, is_later);
    Ok(UserConnection { page_info, edges })
}

/// What this server is and can do.
pub struct ServerInfo;

/// The newest and the oldest wandb client that this server is tested with.
const CLIENTS: [(&str, &str); 2] = [("max_cli_version", "0.31.0"), ("min_cli_version", "0.16.6")];

/// What this server is and can do.
#[Object]
impl ServerInfo {
    /// Always empty: no optional feature of the client is on.
    async fn features(&self) -> Vec<ServerFeature> {
        vec![]
    }

    /// The newest and the oldest wandb client that this server is tested with, as an object.
    async fn cli_version_info(&self) -> Json {
        Json(Value::Object(CLIENTS.into_iter().map(|(key, version)| (Name::new(key), Value::from(version))).collect()))
    }

    /// Which release of the server this is.
    async fn latest_local_version_info(&self) -> LocalVersionInfo {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        LocalVersionInfo {
            out_of_date: false,
            latest_version_string: version.clone(),
            version_on_this_instance_string: version,
        }
    }
}

/// An optional feature of the client.
#[derive(SimpleObject)]
pub struct ServerFeature {
    /// Its name.
    name: String,
    /// Whether it is on.
    is_enabled: bool,
}

/// Which release of the server this is. Nothing is asked of the network, so the newest one known is this one.
#[derive(SimpleObject)]
pub struct LocalVersionInfo {
    /// Always false.
    out_of_date: bool,
    /// This release.
    latest_version_string: String,
    /// This release.
    version_on_this_instance_string: String,
}

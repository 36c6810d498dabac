//! Projects: the list and the form that creates one. A single project is in `project.rs`.

use super::page::frame::Section;
use super::page::list::{Column, List};
use super::page::parts::{Choice, Field, Mark, visibilities};
use super::page::projects::{NewProject, ProjectRow, Projects};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::clock::Millis;
use crate::error::{Code, Error, Result};
use crate::http::reply;
use crate::model::Entity;
use crate::model::project::{Project, Visibility};
use crate::model::role::Action;
use crate::ops::lists::Reaching;
use crate::ops::{self, Asking};
use crate::policy::Resource;
use actix_web::{HttpRequest, HttpResponse, web};

/// One project as a row.
pub fn row(team: &str, project: &Project, now: Millis) -> ProjectRow {
    ProjectRow {
        team: team.to_owned(),
        name: project.name.clone(),
        about: project.description.clone(),
        visibility: Mark::visibility(project.visibility.as_str()),
        created: words::stamp(project.created_at, now),
    }
}

/// The columns of a list of projects. It stands by team and name, and cannot be sorted otherwise: each of the asker's teams has
/// an index of its own.
pub fn columns(with_team: bool) -> Vec<Column> {
    let mut columns = vec![Column::plain("Project")];
    if with_team {
        columns.push(Column::plain("Team"));
    }
    columns.extend([Column::plain("Visibility"), Column::plain("Created")]);
    columns
}

/// The page of projects that the address of `list` asks for, as rows.
pub fn rows(cx: &Asking, list: &mut List, of: &str, show: &str, now: Millis) -> Result<Vec<ProjectRow>> {
    let asked = Reaching { text: &list.q.clone(), of, visibility: Visibility::parse(show).ok() };
    let page = ops::lists::projects(cx, &asked, &super::turn(list)?)?;
    Ok(super::turned(list, page, None).iter().map(|(team, project)| row(team, project, now)).collect())
}

/// `GET /console/projects`.
pub async fn list(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let query = Fields::query(&request);
    let mut list = super::list_from(&query, "/console/projects", "projects", columns(true), "");
    let (show, team) = (query.text("show").to_owned(), query.text("team").to_owned());
    if !show.is_empty() {
        list.filter.push(("show", show.clone()));
    }
    if !team.is_empty() {
        list.filter.push(("team", team.clone()));
    }
    let rows = app.ask(&visit.caller, |cx| rows(cx, &mut list, &team, &show, visit.now))?;
    let chips = [("", "All"), ("open", "Open"), ("public", "Public"), ("team", "Team"), ("restricted", "Restricted")];
    list.add_chips("show", &show, &chips);
    let can_create = !owners(&app, &visit, "")?.is_empty();
    let frame = visit.frame("Projects", Section::Projects).crumb("Projects", "");
    visit.html(&Projects { frame, list, rows, can_create })
}

/// Where the asker may create projects: their teams, and their own namespace.
fn owners(app: &Instance, visit: &Visit, chosen: &str) -> Result<Vec<Choice>> {
    app.ask(&visit.caller, |cx| {
        let mut all: Vec<(Entity, String, String)> = ops::teams::mine(cx)?
            .into_iter()
            .filter(|(team, role)| team.org == visit.org && role.holds(Action::ProjectCreate))
            .map(|(team, _)| (Entity::Team(team.id), team.name.clone(), team.name))
            .collect();
        let me = &visit.me.username;
        all.push((Entity::Person(visit.me.id), me.clone(), format!("{me} (my own)")));
        let mut out = vec![];
        for (entity, value, label) in all {
            if cx.can(Action::ProjectCreate, Resource::Entity(entity))? {
                out.push(Choice { chosen: value == chosen, value, label, ..Choice::default() });
            }
        }
        Ok(out)
    })
}

fn form(app: &Instance, visit: &Visit, fields: &Fields, error: Option<&Error>) -> Result<NewProject> {
    let named = error.filter(|e| matches!(e.code(), Code::NameTaken)).map(Error::sentence).or_else(|| {
        error.filter(|e| e.code() == Code::InvalidValue && e.detail().contains("project name")).map(Error::sentence)
    });
    let chosen = fields.get("visibility");
    Ok(NewProject {
        frame: visit
            .frame("Create a project", Section::Projects)
            .crumb("Projects", "/console/projects")
            .crumb("Create a project", ""),
        owners: owners(app, visit, fields.get("team"))?,
        fields: vec![
            Field::text("name", "Name").value(fields.get("name")).wrong(named.as_deref().unwrap_or_default()),
            Field::text("about", "Description").value(fields.get("about")).optional(),
        ],
        visibilities: visibilities(if chosen.is_empty() { "team" } else { chosen }),
        invited: Field::text("members", "Members of a restricted project")
            .help("Usernames or e-mails of members of the team, with commas between them. You are in it anyway.")
            .value(fields.get("members"))
            .optional(),
        problem: error.filter(|_| named.is_none()).map(Error::sentence).unwrap_or_default(),
    })
}

/// `GET /console/projects/new`.
pub async fn new(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    visit.html(&form(&app, &visit, &Fields::query(&request), None)?)
}

/// `POST /console/projects/new`.
pub async fn create(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let made = try_create(&app, &visit, &fields).await;
    match made {
        Ok((team, project)) => {
            let path = words::project_path(&format!("{team}/{}", project.name));
            visit.done(&path, format!("{} is created.", project.name))
        }
        Err(error) if reply::status(&error).is_client_error() => {
            visit.again(&form(&app, &visit, &fields, Some(&error))?, &error)
        }
        Err(error) => Err(error),
    }
}

async fn try_create(app: &Instance, visit: &Visit, fields: &Fields) -> Result<(String, Project)> {
    let team = fields.text("team").to_owned();
    let new = ops::projects::NewProject {
        entity: Some(team.clone()),
        name: fields.text("name").to_owned(),
        visibility: fields.optional("visibility").map(|text| Visibility::parse(&text)).transpose()?,
        members: fields.get("members").split(',').map(str::trim).filter(|m| !m.is_empty()).map(str::to_owned).collect(),
    };
    let about = fields.optional("about");
    let (of, me) = (team.clone(), visit.me.username.clone());
    let project = app
        .act(&visit.caller, move |cx| {
            let project = ops::projects::create(cx, &new)?;
            match &about {
                Some(about) => ops::projects::describe(cx, if of.is_empty() { &me } else { &of }, &project.name, about),
                None => Ok(project),
            }
        })
        .await?;
    Ok((team, project))
}

//! What is done to a project and to those who reach it: visibility, project roles, invitations, owner, deletion. What gives
//! or takes access is reviewed first.

use super::conflict::{self, Edit, Place};
use super::page::frame::Section;
use super::page::parts::Undo;
use super::project::{page, path};
use super::review::{self, Question};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::error::{Error, Kind, Result};
use crate::http::reply;
use crate::model::project::{Project, Visibility};
use crate::ops;
use crate::ops::edits::Thing;
use crate::ops::what_if::Scope;
use actix_web::{HttpRequest, HttpResponse, web};

/// `POST /{team}/{project}/{what}`: visibility, members, join, owner, delete.
pub async fn change(
    app: Instance,
    request: HttpRequest,
    parts: web::Path<(String, String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let (team, project, what) = parts.into_inner();
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match apply(&app, &visit, (&team, &project), &what, &fields).await {
        Ok(response) => Ok(response),
        Err(error) => {
            let tab = if matches!(what.as_str(), "delete" | "describe") { "settings" } else { "access" };
            again(&app, &visit, (&team, &project), tab, &fields, error)
        }
    }
}

/// `POST /{team}/{project}/members/{username}/remove`.
pub async fn uninvite(
    app: Instance,
    request: HttpRequest,
    parts: web::Path<(String, String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let (team, project, name) = parts.into_inner();
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match try_uninvite(&app, &visit, (&team, &project), &name, &fields).await {
        Ok(response) => Ok(response),
        Err(error) => visit.settle(&format!("{}/access", path(&team, &project)), Err(error)),
    }
}

async fn try_uninvite(
    app: &Instance,
    visit: &Visit,
    names: (&str, &str),
    name: &str,
    fields: &Fields,
) -> Result<HttpResponse> {
    let base = path(names.0, names.1);
    let (team, project, who) = (names.0.to_owned(), names.1.to_owned(), name.to_owned());
    let remove = move |cx: &mut ops::Acting| ops::project_members::remove(cx, &team, &project, &who);
    if !review::is_sure(fields) {
        let found = app.ask(&visit.caller, |cx| ops::projects::get(cx, names.0, names.1))?;
        let question = Question {
            title: format!("Remove {name} from {}?", names.1),
            text: "They stay in the team. Invited again, they start from the team role.".to_owned(),
            button: format!("Remove {name}"),
            danger: true,
            action: format!("{base}/members/{name}/remove"),
            ..question(&found, names)
        };
        return review::ask(app, visit, question, fields, remove).await;
    }
    app.act(&visit.caller, remove).await?;
    if name == visit.me.username {
        return visit.done("/console/projects", "You are no longer in the project.");
    }
    let undo = Undo { action: format!("{base}/members"), fields: vec![("who".to_owned(), name.to_owned())] };
    visit.done_with_undo(&format!("{base}/access"), format!("{name} no longer reaches the project."), undo)
}

/// `POST /{team}/{project}/members/{username}/role`: a role of their own in the project.
pub async fn set_role(
    app: Instance,
    request: HttpRequest,
    parts: web::Path<(String, String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let (team, project, name) = parts.into_inner();
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match try_set_role(&app, &visit, (&team, &project), &name, &fields).await {
        Ok(response) => Ok(response),
        Err(error) => again(&app, &visit, (&team, &project), "access", &fields, error),
    }
}

async fn try_set_role(
    app: &Instance,
    visit: &Visit,
    names: (&str, &str),
    name: &str,
    fields: &Fields,
) -> Result<HttpResponse> {
    let base = path(names.0, names.1);
    let (found, was) = app.ask(&visit.caller, |cx| {
        let found = ops::projects::get(cx, names.0, names.1)?;
        let members = ops::project_members::list(cx, &found)?;
        Ok((found, members.into_iter().find(|m| m.user.username == name).map(|m| m.label)))
    })?;
    let (team, project, who) = (names.0.to_owned(), names.1.to_owned(), name.to_owned());
    let role = fields.text("role").to_owned();
    let said = format!("{name} is {role} in {project} now.");
    let title = format!("Make {name} {role} in {project}?");
    let action = format!("{base}/members/{name}/role");
    let same = was.as_deref() == Some(role.as_str());
    let change = move |cx: &mut ops::Acting| ops::project_members::set_role(cx, &team, &project, &who, &role).map(drop);
    if !review::is_sure(fields) {
        let question = Question {
            title,
            back: format!("{base}/access?of={}&role={}", words::encoded(name), words::encoded(fields.text("role"))),
            text: "In this project, and only here, the project role counts instead of the team role.".to_owned(),
            button: "Change the role".to_owned(),
            action,
            ..question(&found, names)
        };
        return review::ask(app, visit, question, fields, change).await;
    }
    app.act(&visit.caller, change).await?;
    match was.filter(|_| !same) {
        None => visit.done(&format!("{base}/access"), said),
        Some(was) => {
            let undo = Undo { action, fields: review::undo(vec![("role", was)]) };
            visit.done_with_undo(&format!("{base}/access"), said, undo)
        }
    }
}

/// What every question about a project has in common.
fn question(found: &Project, names: (&str, &str)) -> Question {
    let base = path(names.0, names.1);
    Question {
        scope: Scope::Project(found.id),
        title: String::new(),
        text: String::new(),
        button: String::new(),
        danger: false,
        action: String::new(),
        back: format!("{base}/access"),
        section: Section::Projects,
        crumbs: vec![
            (names.0.to_owned(), format!("/{}", names.0)),
            (found.name.clone(), base.clone()),
            ("Access".to_owned(), format!("{base}/access")),
        ],
    }
}

/// Where a form of a project stands: what it is about, where it is sent, on which tab.
fn place(names: (&str, &str), what: &str, sent: &str, tab: &str) -> Place {
    let base = path(names.0, names.1);
    Place {
        what: what.to_owned(),
        action: format!("{base}/{sent}"),
        back: format!("{base}/{tab}"),
        section: Section::Projects,
        crumbs: vec![(names.0.to_owned(), format!("/{}", names.0)), (names.1.to_owned(), base)],
    }
}

/// The tab again with the error in place, or the error page where the project itself is out of reach.
fn again(
    app: &Instance,
    visit: &Visit,
    names: (&str, &str),
    tab: &'static str,
    fields: &Fields,
    error: Error,
) -> Result<HttpResponse> {
    if matches!(error.kind(), Kind::NotFound | Kind::Denied) || !reply::status(&error).is_client_error() {
        return Err(error);
    }
    visit.again(&page(app, visit, &Fields::default(), names, tab, Some((fields, &error)))?, &error)
}

async fn apply(
    app: &Instance,
    visit: &Visit,
    names: (&str, &str),
    what: &str,
    fields: &Fields,
) -> Result<HttpResponse> {
    let (team, project) = (names.0.to_owned(), names.1.to_owned());
    let base = path(&team, &project);
    let access = format!("{base}/access");
    match what {
        "visibility" => {
            let to = Visibility::parse(fields.get("visibility"))?;
            let found = app.ask(&visit.caller, |cx| ops::projects::get(cx, names.0, names.1))?;
            let was = found.visibility;
            let said = format!("{project} is {} now.", to.as_str());
            let edit = Edit::of(Thing::Project(team.clone(), project.clone()), fields);
            let place = place(names, &format!("The visibility of {project}"), "visibility", "access");
            if !review::is_sure(fields) {
                let question = Question {
                    title: format!("Make {project} {}?", to.as_str()),
                    text: to.meaning().to_owned(),
                    button: "Change the visibility".to_owned(),
                    action: format!("{base}/visibility"),
                    back: review::back(&access, fields),
                    ..question(&found, names)
                };
                let change =
                    move |cx: &mut ops::Acting| ops::projects::set_visibility(cx, &team, &project, to).map(drop);
                return match review::ask(app, visit, question, fields, edit.guarding(change)).await {
                    Err(error) => conflict::page(app, visit, &edit, fields, place, error),
                    shown => shown,
                };
            }
            let change = move |cx: &mut ops::Acting| ops::projects::set_visibility(cx, &team, &project, to);
            if let Err(error) = app.act(&visit.caller, edit.guarding(change)).await {
                return conflict::page(app, visit, &edit, fields, place, error);
            }
            // A restricted project can only be opened step by step, so not every change can be taken back in one.
            if was == to || to == Visibility::Restricted && was != Visibility::Team {
                return visit.done(&access, said);
            }
            let fields = review::undo(vec![("visibility", was.as_str().to_owned())]);
            visit.done_with_undo(&access, said, Undo { action: format!("{base}/visibility"), fields })
        }
        "describe" => {
            let home = format!("{base}/settings");
            let edit = Edit::of(Thing::Project(team.clone(), project.clone()), fields);
            let about = fields.text("about").to_owned();
            let change = move |cx: &mut ops::Acting| ops::projects::describe(cx, &team, &project, &about);
            match app.act(&visit.caller, edit.guarding(change)).await {
                Ok(project) => {
                    let undo = edit.undo(&format!("{base}/describe"), &[]);
                    visit.done_or_undo(&home, format!("The description of {} is saved.", project.name), undo)
                }
                Err(error) => {
                    let place = place(names, &format!("The description of {}", names.1), "describe", "settings");
                    conflict::page(app, visit, &edit, fields, place, error)
                }
            }
        }
        "members" => {
            let who = fields.text("who").to_owned();
            if who.is_empty() {
                return Err(Error::invalid("Enter a username or an e-mail address."));
            }
            let said = format!("{who} reaches the project now.");
            let undo = Undo { action: format!("{base}/members/{who}/remove"), fields: review::undo(vec![]) };
            app.act(&visit.caller, move |cx| ops::project_members::add(cx, &team, &project, &who)).await?;
            visit.done_with_undo(&access, said, undo)
        }
        "join" => {
            app.act(&visit.caller, move |cx| ops::project_members::join(cx, &team, &project)).await?;
            visit.done(&access, "You are in the project now.")
        }
        "owner" => {
            let who = fields.text("who").to_owned();
            let said = format!("{who} owns the project now.");
            let was = app
                .ask(&visit.caller, |cx| ops::project_members::owner(cx, &ops::projects::get(cx, names.0, names.1)?));
            app.act(&visit.caller, move |cx| ops::project_members::set_owner(cx, &team, &project, &who)).await?;
            // Back to somebody who is in the team still; others cannot own it.
            let was = was.ok().flatten().filter(|(_, present)| *present);
            let undo = was.map(|(user, _)| Undo {
                action: format!("{base}/owner"),
                fields: vec![("who".to_owned(), user.username)],
            });
            visit.done_or_undo(&access, said, undo)
        }
        "delete" => {
            if fields.text("sure") != project {
                return Err(Error::invalid(format!("Nothing was deleted: '{project}' was not typed.")));
            }
            let (to, said) = (format!("/{team}/projects"), format!("{project} is deleted. The name is free again."));
            app.act(&visit.caller, move |cx| ops::projects::delete(cx, &team, &project)).await?;
            visit.done(if visit.me.username == names.0 { "/console/projects" } else { &to }, said)
        }
        _ => Err(reply::no_such_page()),
    }
}

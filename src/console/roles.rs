//! Custom roles: the list, the form that makes or changes one, its deletion, and the catalogue of permissions. What a role
//! may hold, and what becomes of its holders, is decided by `ops::roles`.

use super::conflict::{self, Edit, Place};
use super::page::frame::{Frame, Section};
use super::page::list::Column;
use super::page::parts::{Choice, Field, Mark, Undo, team_roles};
use super::page::roles::{Group, Level as LevelRows, PermissionRow, Permissions, RoleForm, RoleRow, Roles, Tick};
use super::review::{self, Question};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::error::{Code, Error, Kind, Result};
use crate::http::reply;
use crate::model::RoleId;
use crate::model::role::{Action, CustomRole, Level, OrgRole, TeamRole};
use crate::ops::edits::Thing;
use crate::ops::roles::{NewRole, RoleChange};
use crate::ops::what_if::Scope;
use crate::ops::{self, Asking};
use crate::policy::Resource;
use actix_web::{HttpRequest, HttpResponse, web};
use std::borrow::Cow;

/// Where they are listed.
pub const HOME: &str = "/console/roles";
/// Where the catalogue is.
pub const PERMISSIONS: &str = "/console/roles/permissions";

/// The roles one can give in a team or a project: the predefined ones, then the organization's own as far as the asker may
/// read them. `chosen` is always among them.
pub fn choices(cx: &Asking, visit: &Visit, chosen: &str) -> Result<Vec<Choice>> {
    let mut out = team_roles(chosen);
    let custom = if cx.can(Action::RoleRead, Resource::Org(visit.org))? { ops::roles::list(cx)? } else { vec![] };
    out.extend(custom.into_iter().map(|role| Choice {
        chosen: role.name == chosen,
        label: role.name.clone(),
        value: role.name,
        help: Cow::Owned(role.description),
        ..Choice::default()
    }));
    if !chosen.is_empty() && !out.iter().any(|c| c.chosen) {
        out.push(Choice { value: chosen.to_owned(), label: chosen.to_owned(), chosen: true, ..Choice::default() });
    }
    Ok(out)
}

fn section(visit: &Visit) -> Section {
    if visit.is_admin { Section::Settings } else { Section::None }
}

fn frame(visit: &Visit, title: &str) -> Frame {
    visit.frame(title, section(visit)).crumb("Custom roles", HOME).crumb(title, "")
}

/// `GET /console/roles`.
pub async fn list(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let columns = vec![
        Column::plain("Role"),
        Column::plain("Inherits from"),
        Column::plain("Adds"),
        Column::plain("Held by"),
        Column::plain("Changed"),
    ];
    let mut list = super::list_from(&Fields::query(&request), HOME, "roles", columns, "");
    let (rows, can_create) = app.ask(&visit.caller, |cx| {
        let q = list.q.to_lowercase();
        let mut roles = ops::roles::list(cx)?;
        roles.retain(|r| r.name.to_lowercase().contains(&q) || r.description.to_lowercase().contains(&q));
        let rows = list.cut(roles).into_iter().map(|role| row(cx, &visit, role)).collect::<Result<Vec<_>>>()?;
        Ok((rows, cx.can(Action::RoleCreate, Resource::Org(visit.org))?))
    })?;
    let why = super::why::link(&visit.me.username, "role:create", "");
    let frame = visit.frame("Custom roles", section(&visit)).crumb("Custom roles", "");
    visit.html(&Roles { frame, area: super::area::of(&visit, HOME), list, rows, can_create, why })
}

fn row(cx: &Asking, visit: &Visit, role: CustomRole) -> Result<RoleRow> {
    Ok(RoleRow {
        holders: ops::roles::holders(cx, &role)?,
        id: role.id.0,
        inherits: Mark::role(role.inherits.as_str()),
        adds: role.effective().filter(|(_, inherited)| !inherited).count(),
        updated: words::stamp(role.updated_at, visit.now),
        name: role.name,
        about: role.description,
    })
}

/// `GET /console/roles/permissions`.
pub async fn permissions(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    app.ask(&visit.caller, |cx| cx.allow(Action::RoleRead, Resource::Org(visit.org)).map(drop))?;
    let query = Fields::query(&request);
    let mut list = super::list_from(&query, "/console/roles/permissions", "permissions", vec![], "");
    let q = list.q.to_lowercase();
    let fits = |a: &&Action| a.as_str().contains(&q) || a.doc().to_lowercase().contains(&q);
    let all: Vec<Action> = Action::ALL.iter().filter(fits).copied().collect();
    list.total = all.len();
    let levels = [
        (Level::Org, "On the organization", "Held by organization roles."),
        (
            Level::User,
            "On people and service accounts",
            "Held by organization roles; much of it everyone holds on themselves.",
        ),
        (Level::Entity, "On teams", "Held by team roles inside their team, and by organization roles on every team."),
        (
            Level::Project,
            "On projects and what is inside",
            "Held by team roles; visibility, seats and project roles narrow or widen it.",
        ),
    ];
    let levels = levels
        .into_iter()
        .map(|(level, title, text)| level_rows(level, title, text, &all))
        .filter(|level| !level.rows.is_empty())
        .collect();
    let frame = visit.frame("Permissions", section(&visit)).crumb("Custom roles", HOME).crumb("Permissions", "");
    visit.html(&Permissions { frame, area: super::area::of(&visit, PERMISSIONS), list, levels })
}

fn level_rows(level: Level, title: &'static str, text: &'static str, all: &[Action]) -> LevelRows {
    let in_teams = matches!(level, Level::Entity | Level::Project);
    let org = [(OrgRole::Admin, "Admin"), (OrgRole::Member, "Member"), (OrgRole::Viewer, "Viewer")];
    let team = [
        (TeamRole::Admin, "Team admin"),
        (TeamRole::Member, "Member"),
        (TeamRole::Viewer, "View-only"),
        (TeamRole::Service, "Service"),
    ];
    let held = |action: Action| -> Vec<(&'static str, bool)> {
        if !in_teams {
            return org.iter().map(|(role, word)| (*word, action.org_roles().contains(role))).collect();
        }
        let admin = ("Org. admin", action.org_roles().contains(&OrgRole::Admin));
        [admin].into_iter().chain(team.iter().map(|(role, word)| (*word, action.team_roles().contains(role)))).collect()
    };
    let rows = all.iter().copied().filter(|a| a.level() == level).map(|action| PermissionRow {
        name: action.as_str(),
        anchor: action.as_str().replace(':', "."),
        doc: action.doc(),
        held: held(action),
        assignable: action.is_assignable(),
    });
    let columns = if in_teams {
        [&["Org. admin"][..], &team.map(|(_, word)| word)[..]].concat()
    } else {
        org.map(|(_, word)| word).to_vec()
    };
    LevelRows { title, text, columns, rows: rows.collect() }
}

/// The fields of the form.
const FIELDS: [&str; 4] = ["name", "about", "inherits", "permission"];

/// What a form sent about a role, and what is wrong with it.
type Sent<'a> = Option<(&'a Fields, Option<&'a Error>)>;

/// The form: of a role that exists, or of a new one. What was sent stands in place of what is stored.
fn form(app: &Instance, visit: &Visit, id: Option<RoleId>, sent: Sent) -> Result<RoleForm> {
    app.ask(&visit.caller, |cx| {
        let role = id.map(|id| ops::roles::get(cx, id)).transpose()?;
        let on = Resource::Org(visit.org);
        let can_change = cx.can(if role.is_some() { Action::RoleUpdate } else { Action::RoleCreate }, on)?;
        let holders = role.as_ref().map_or(Ok((0, 0)), |role| ops::roles::holders(cx, role))?;
        let typed = sent.map(|(fields, _)| fields);
        let text = |name: &str, stored: Option<&str>| {
            typed.map_or_else(|| stored.unwrap_or_default().to_owned(), |fields| fields.get(name).to_owned())
        };
        let base = match typed.map(|fields| fields.get("inherits")).or(role.as_ref().map(|r| r.inherits.as_str())) {
            Some("viewer") => TeamRole::Viewer,
            _ => TeamRole::Member,
        };
        let own: Vec<String> = match (typed, &role) {
            (Some(fields), _) => fields.all("permission"),
            (None, Some(role)) => role.permissions.iter().map(|a| a.as_str().to_owned()).collect(),
            (None, None) => vec![],
        };
        let error = sent.and_then(|(_, error)| error);
        let named = error
            .filter(|e| e.code() == Code::NameTaken || e.detail().contains("name"))
            .map(Error::sentence)
            .unwrap_or_default();
        let title = role.as_ref().map_or_else(|| "Define a role".to_owned(), |role| role.name.clone());
        let action = if role.is_some() { Action::RoleUpdate } else { Action::RoleCreate };
        Ok(RoleForm {
            frame: frame(visit, &title),
            id: role.as_ref().map(|role| role.id.0),
            seen: match id {
                Some(id) => conflict::seen(cx, &Thing::Role(id), &FIELDS, typed)?,
                None => vec![],
            },
            action: role.as_ref().map_or_else(|| format!("{HOME}/new"), |role| address(role.id)),
            fields: vec![
                Field::text("name", "Name")
                    .help("As it stands in the role pickers of teams and projects.")
                    .value(&text("name", role.as_ref().map(|r| r.name.as_str())))
                    .wrong(&named),
                Field::text("about", "What it is for")
                    .value(&text("about", role.as_ref().map(|r| r.description.as_str())))
                    .optional(),
            ],
            bases: bases(base),
            groups: groups(base, &own),
            holders,
            base: Mark::role(base.as_str()).label.into_owned(),
            can_change,
            can_delete: role.is_some() && cx.can(Action::RoleDelete, on)?,
            why: super::why::link(&visit.me.username, action.as_str(), ""),
            problem: error.filter(|_| named.is_empty()).map(Error::sentence).unwrap_or_default(),
            title,
        })
    })
}

fn address(id: RoleId) -> String {
    format!("{HOME}/{}", id.0)
}

fn bases(chosen: TeamRole) -> Vec<Choice> {
    team_roles(chosen.as_str()).into_iter().filter(|choice| choice.value != "admin").collect()
}

fn groups(base: TeamRole, own: &[String]) -> Vec<Group> {
    let mut out: Vec<Group> = vec![];
    for action in Action::ALL.iter().filter(|a| a.is_assignable()) {
        let (object, operation) = action.as_str().split_once(':').unwrap_or((action.as_str(), ""));
        let holds = |role| action.team_roles().contains(&role);
        let tick = Tick {
            name: action.as_str(),
            operation,
            doc: action.doc(),
            inherited: holds(base),
            own: own.iter().any(|name| name == action.as_str()),
            bases: match (holds(TeamRole::Member), holds(TeamRole::Viewer)) {
                (true, true) => "member viewer",
                (true, false) => "member",
                (false, true) => "viewer",
                (false, false) => "",
            },
        };
        let title = object_title(object);
        match out.iter_mut().find(|group| group.title == title) {
            Some(group) => group.ticks.push(tick),
            None => out.push(Group { title, ticks: vec![tick] }),
        }
    }
    out
}

/// `launchagent` as "Launch agents".
fn object_title(object: &str) -> String {
    let title = match object {
        "artifactalias" => "Artifact aliases",
        "launchagent" => "Launch agents",
        "launchqueue" => "Launch queues",
        "launchjob" => "Launch jobs",
        "registry" => "Registries",
        "weave" => "Traces and evaluations",
        other => {
            let mut letters = other.chars();
            let first = letters.next().map(|c| c.to_ascii_uppercase());
            return first.into_iter().chain(letters).chain(['s']).collect();
        }
    };
    title.to_owned()
}

/// `GET /console/roles/new`.
pub async fn new(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    app.ask(&visit.caller, |cx| cx.allow(Action::RoleCreate, Resource::Org(visit.org)).map(drop))?;
    visit.html(&form(&app, &visit, None, None)?)
}

/// `POST /console/roles/new`. Nobody holds a new role, so there is nothing to review.
pub async fn create(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let new = NewRole {
        external_id: None,
        name: fields.text("name").to_owned(),
        description: fields.text("about").to_owned(),
        inherits: fields.text("inherits").to_owned(),
        permissions: fields.all("permission"),
    };
    match app.act(&visit.caller, move |cx| ops::roles::create(cx, &new)).await {
        Ok(role) => {
            let undo = Undo { action: format!("{}/delete", address(role.id)), fields: review::undo(vec![]) };
            visit.done_with_undo(HOME, format!("{} can be given in teams and projects now.", role.name), undo)
        }
        Err(error) => again(&app, &visit, None, &fields, error),
    }
}

fn again(app: &Instance, visit: &Visit, id: Option<RoleId>, fields: &Fields, error: Error) -> Result<HttpResponse> {
    if matches!(error.kind(), Kind::Denied | Kind::NotFound) || !reply::status(&error).is_client_error() {
        return Err(error);
    }
    visit.again(&form(app, visit, id, Some((fields, Some(&error))))?, &error)
}

/// `GET /console/roles/{role}`; with a query, the form as it was typed.
pub async fn show(app: Instance, request: HttpRequest, role: web::Path<String>) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let query = Fields::query(&request);
    let typed: Sent = if query.is_empty() { None } else { Some((&query, None)) };
    visit.html(&form(&app, &visit, Some(number(&role)?), typed)?)
}

fn number(text: &str) -> Result<RoleId> {
    text.parse().map(RoleId).map_err(|_| reply::no_such_page())
}

/// `POST /console/roles/{role}`: first the review, then the change.
pub async fn save(
    app: Instance,
    request: HttpRequest,
    role: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let id = number(&role)?;
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match try_save(&app, &visit, id, &fields).await {
        Ok(response) => Ok(response),
        Err(error) => again(&app, &visit, Some(id), &fields, error),
    }
}

async fn try_save(app: &Instance, visit: &Visit, id: RoleId, fields: &Fields) -> Result<HttpResponse> {
    let change = RoleChange {
        external_id: None,
        name: Some(fields.text("name").to_owned()),
        description: Some(fields.text("about").to_owned()),
        inherits: Some(fields.text("inherits").to_owned()),
        permissions: Some(fields.all("permission")),
        ..RoleChange::default()
    };
    let edit = Edit::of(Thing::Role(id), fields);
    let name = app.ask(&visit.caller, |cx| ops::roles::get(cx, id))?.name;
    if review::is_sure(fields) {
        let saved = app.act(&visit.caller, edit.guarding(move |cx| ops::roles::update(cx, id, &change))).await;
        return match saved {
            Ok(role) => {
                let said = format!("{} is saved and in force.", role.name);
                visit.done_or_undo(&address(id), said, edit.undo(&address(id), &[]))
            }
            Err(error) => conflict::page(app, visit, &edit, fields, place(id, name, visit), error),
        };
    }
    let (of, called) = (edit.clone(), name.clone());
    let question = Question {
        scope: Scope::Role(id),
        title: format!("Change the role {name}?"),
        text: "Whoever holds the role feels it at their next request.".to_owned(),
        button: "Save the role".to_owned(),
        danger: false,
        action: address(id),
        back: review::back(&address(id), fields),
        section: section(visit),
        crumbs: vec![("Custom roles".to_owned(), HOME.to_owned()), (name, address(id))],
    };
    let change = of.guarding(move |cx| ops::roles::update(cx, id, &change).map(drop));
    match review::ask(app, visit, question, fields, change).await {
        Err(error) => conflict::page(app, visit, &edit, fields, place(id, called, visit), error),
        shown => shown,
    }
}

/// Where the form of a role stands.
fn place(id: RoleId, name: String, visit: &Visit) -> Place {
    Place {
        what: format!("The role {name}"),
        action: address(id),
        back: address(id),
        section: section(visit),
        crumbs: vec![("Custom roles".to_owned(), HOME.to_owned()), (name, address(id))],
    }
}

/// `POST /console/roles/{role}/delete`: first the review, then the deletion.
pub async fn delete(
    app: Instance,
    request: HttpRequest,
    role: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let id = number(&role)?;
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    if review::is_sure(&fields) {
        let role = app.act(&visit.caller, move |cx| ops::roles::delete(cx, id)).await?;
        let base = Mark::role(role.inherits.as_str()).label.to_lowercase();
        return visit.done(HOME, format!("{} is deleted. Whoever held it is {base} now.", role.name));
    }
    let role = app.ask(&visit.caller, |cx| ops::roles::get(cx, id))?;
    let base = Mark::role(role.inherits.as_str()).label.to_lowercase();
    let question = Question {
        scope: Scope::Role(id),
        title: format!("Delete the role {}?", role.name),
        text: format!("Whoever holds it, or is promised it, gets the role it inherits from: {base}."),
        button: "Delete the role".to_owned(),
        danger: true,
        action: format!("{}/delete", address(id)),
        back: address(id),
        section: section(&visit),
        crumbs: vec![("Custom roles".to_owned(), HOME.to_owned()), (role.name, address(id))],
    };
    review::ask(&app, &visit, question, &fields, move |cx| ops::roles::delete(cx, id).map(drop)).await
}

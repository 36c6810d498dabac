//! One project: what it is, who reaches it and through what as a picture and a table, and what a change of visibility would
//! give and take before it is made. Access comes from `ops::reach`, which asks the decision itself.

use super::page::draw::{AccessDrawing, Way};
use super::page::frame::{Frame, Section};
use super::page::list::{Column, List, thousands};
use super::page::parts::{Field, Mark, Tab, Undo, visibilities};
use super::page::projects::{AccessRow, Closed, Preview, Project};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::error::{Error, Kind, Result};
use crate::http::reply;
use crate::model::project::{self, Visibility};
use crate::model::role::Action;
use crate::ops::audit::Search;
use crate::ops::reach::Reacher;
use crate::ops::{self, Asking};
use crate::policy::Resource;
use actix_web::{HttpRequest, HttpResponse, web};

/// People named in a preview at most.
const NAMED: usize = 30;

fn path(team: &str, project: &str) -> String {
    words::project_path(&format!("{team}/{project}"))
}

/// What a project's page shows, one tab of it. `sent` is the form that failed, with its error.
fn page(
    app: &Instance,
    visit: &Visit,
    query: &Fields,
    names: (&str, &str),
    tab: &'static str,
    sent: Option<(&Fields, &Error)>,
) -> Result<Project> {
    app.ask(&visit.caller, |cx| {
        let found = ops::projects::get(cx, names.0, names.1)?;
        // The name as it is written, whatever the address said.
        let team = ops::projects::entity_label(cx, &found)?;
        let on = Resource::Project(found.id);
        let base = path(&team, &found.name);
        let knows_team = cx.can(Action::TeamRead, Resource::Entity(found.entity))?;
        let reachers = if knows_team { ops::reach::of_project(cx, &found, None)? } else { vec![] };
        let reading: Vec<&Reacher> = reachers.iter().filter(|r| r.reads).collect();
        let can_invite = cx.can(Action::ProjectUpdateMember, on)?;
        let can_change = cx.can(Action::ProjectUpdateVisibility, on)?;
        let can_delete = cx.can(Action::ProjectDelete, on)?;
        let label = format!("{team}/{}", found.name);
        let why = |who: &str, action: &str| super::why::link(who, action, &label);
        let made = |label, key: &str, count| Tab {
            label,
            href: if key == "overview" { base.clone() } else { format!("{base}/{key}") },
            current: key == tab,
            count,
        };
        let mut tabs = vec![made("Overview", "overview", None)];
        tabs.push(made("Access", "access", knows_team.then_some(reading.len())));
        if can_delete {
            tabs.push(made("Settings", "settings", None));
        }
        let columns =
            vec![Column::by("Person", "name"), Column::plain("As"), Column::plain("Through"), Column::quiet("Actions")];
        let mut list = super::list_from(query, &format!("{base}/access"), "people", columns, "name");
        let access = if tab == "access" { rows(cx, visit, &mut list, &reading, &found, &why)? } else { vec![] };
        let wanted =
            query.optional("to").and_then(|to| Visibility::parse(&to).ok()).filter(|to| *to != found.visibility);
        let preview = match wanted.filter(|_| can_change && tab == "access") {
            Some(to) => Some(preview(cx, visit, &found, &reachers, to)?),
            None => None,
        };
        let events = if tab == "overview" && visit.is_admin {
            let search = Search { target: Some(found.id.to_string()), limit: 6, ..Search::default() };
            ops::audit::search(cx, &search)?.items
        } else {
            vec![]
        };
        let owner =
            found.owner.and_then(|id| reachers.iter().find(|r| r.user.id == id)).map(|r| r.user.username.clone());
        let mut invite = Field::text("who", "Username or e-mail").value(sent.map_or("", |(form, _)| form.get("who")));
        invite.list = "people";
        Ok(Project {
            frame: Frame { team: team.clone(), ..visit.frame(found.name.clone(), Section::Projects) }
                .crumb(team.clone(), if knows_team { format!("/{team}") } else { String::new() })
                .crumb(found.name.clone(), ""),
            about: found.description.clone(),
            visibility: Mark::visibility(found.visibility.as_str()),
            meaning: found.visibility.meaning(),
            why: why(&visit.me.username, "project:read"),
            created: words::stamp(found.created_at, visit.now),
            created_by: owner.unwrap_or_default(),
            tabs,
            tab,
            snippet: format!("wandb.init(entity=\"{team}\", project=\"{}\")", found.name),
            events: events.iter().map(|e| words::event(e, visit.now, false)).collect(),
            drawing: drawing(visit, &team, &found, &reachers, knows_team),
            access,
            knows_team,
            list,
            visibilities: visibilities(found.visibility.as_str()),
            preview,
            can_manage: if tab == "settings" { can_delete } else { can_change },
            manage_why: why(&visit.me.username, "project:update_visibility"),
            can_invite: can_invite && found.visibility == Visibility::Restricted,
            invite,
            suggestions: reachers.iter().filter(|r| !r.reads).map(|r| r.user.username.clone()).collect(),
            problem: sent.map(|(_, e)| e.sentence()).unwrap_or_default(),
            name: found.name,
            team,
        })
    })
}

fn rows(
    cx: &Asking,
    visit: &Visit,
    list: &mut List,
    reading: &[&Reacher],
    found: &project::Project,
    why: &dyn Fn(&str, &str) -> String,
) -> Result<Vec<AccessRow>> {
    let q = list.q.to_lowercase();
    let mut rows: Vec<AccessRow> = reading
        .iter()
        .filter(|r| r.user.username.to_lowercase().contains(&q) || r.user.name.to_lowercase().contains(&q))
        .map(|r| AccessRow {
            username: r.user.username.clone(),
            name: r.user.name.clone(),
            can: if r.submits { Mark::submits() } else { Mark::reads() },
            through: match r.role.as_ref().filter(|_| !r.invited) {
                Some(role) => format!("{} ({})", r.through, role.label()),
                None => r.through.to_owned(),
            },
            why: if visit.is_admin || r.user.id == visit.me.id {
                why(&r.user.username, "project:read")
            } else {
                String::new()
            },
            linked: false,
            invited: r.invited && found.visibility == Visibility::Restricted,
        })
        .collect();
    if list.sort.starts_with('-') {
        rows.reverse();
    }
    let mut rows = list.cut(rows);
    for row in &mut rows {
        let id = reading.iter().find(|r| r.user.username == row.username).map(|r| r.user.id);
        row.linked = id.map_or(Ok(false), |id| cx.can(Action::UserRead, Resource::User(id)))?;
    }
    Ok(rows)
}

fn drawing(
    visit: &Visit,
    team: &str,
    found: &project::Project,
    reachers: &[Reacher],
    knows_team: bool,
) -> AccessDrawing {
    let count = |wanted: &dyn Fn(&&Reacher) -> bool| reachers.iter().filter(wanted).count();
    let people = |n: usize| if n == 1 { "1 person".to_owned() } else { format!("{} people", thousands(n)) };
    let way = |label: &str, note: String, open: bool| Way { label: label.to_owned(), note, open };
    let visibility = found.visibility;
    let is_open = matches!(visibility, Visibility::Open | Visibility::Public);
    let restricted = visibility == Visibility::Restricted;
    let humans = count(&|r| !r.user.is_service() && r.reads);
    let machines = count(&|r| r.user.is_service() && r.reads);
    let mut ways = vec![way(
        &format!("Everyone in {}", visit.org_name),
        match visibility {
            Visibility::Open => "Reads and submits runs".to_owned(),
            Visibility::Public => "Reads".to_owned(),
            _ => "Closed: neither open nor public".to_owned(),
        },
        is_open,
    )];
    let note = |what: String| if knows_team { what } else { "You cannot see who they are".to_owned() };
    let personal = matches!(found.entity, crate::model::Entity::Person(_));
    if personal {
        ways.push(way(&format!("{team}, whose namespace it is"), "1 person".to_owned(), true));
    } else if restricted {
        ways.push(way(&format!("Members of {team}"), "Closed: the team role alone is not enough".to_owned(), false));
        ways.push(way("Members invited to the project", note(people(humans)), humans > 0 || !knows_team));
    } else {
        ways.push(way(
            &format!("Members of {team}"),
            note(format!("{}, as their team role allows", people(humans))),
            true,
        ));
    }
    if !personal {
        let what = match machines {
            0 => "None with access".to_owned(),
            1 => "1 account".to_owned(),
            n => format!("{n} accounts"),
        };
        ways.push(way(&format!("Service accounts of {team}"), note(what), machines > 0 || !knows_team));
    }
    let mark = Mark::visibility(visibility.as_str()).label;
    let reached = humans + machines;
    AccessDrawing {
        project: short(&found.name),
        note: match (is_open, knows_team) {
            (true, _) => format!("{mark}: everyone signed in"),
            (false, true) => format!("{mark}: {reached} with access"),
            (false, false) => mark.to_owned(),
        },
        words: ways
            .iter()
            .map(|w| format!("{}: {}.", w.label, if w.open { w.note.clone() } else { "no access".to_owned() }))
            .collect::<Vec<_>>()
            .join(" "),
        ways: ways.into_iter().map(|w| Way { label: short(&w.label), ..w }).collect(),
    }
}

/// A text that fits its box in the drawing.
fn short(text: &str) -> String {
    if text.chars().count() <= 34 {
        return text.to_owned();
    }
    text.chars().take(33).chain(['…']).collect()
}

fn preview(
    cx: &Asking,
    visit: &Visit,
    found: &project::Project,
    before: &[Reacher],
    to: Visibility,
) -> Result<Preview> {
    let (mut gains, mut loses) = (vec![], vec![]);
    let everyone = format!("Everyone else in {}", visit.org_name);
    let outside = |v: Visibility| match v {
        Visibility::Open => 2,
        Visibility::Public => 1,
        Visibility::Team | Visibility::Restricted => 0,
    };
    match (outside(found.visibility), outside(to)) {
        (was, is) if is > was => {
            gains.push(format!("{everyone} can {}", if is == 2 { "read it and submit runs" } else { "read it" }));
        }
        (was, is) if is < was => {
            loses.push(format!("{everyone} can no longer {}", if is == 1 { "submit runs" } else { "reach it" }));
        }
        _ => {}
    }
    // One who may not list the team's members sees only what changes for everyone.
    let after = if before.is_empty() { vec![] } else { ops::reach::of_project(cx, found, Some(to))? };
    let (mut more, mut named) = (0, 0);
    for (old, new) in before.iter().zip(&after) {
        let sentence = match (old.reads, new.reads, old.submits, new.submits) {
            (false, true, ..) => format!("{} can read it", new.user.username),
            (true, false, ..) => format!("{} can no longer reach it", new.user.username),
            (_, _, false, true) => format!("{} can submit runs", new.user.username),
            (_, _, true, false) => format!("{} can no longer submit runs", new.user.username),
            _ => continue,
        };
        named += 1;
        if named > NAMED {
            more += 1;
        } else if new.reads && (!old.reads || new.submits) {
            gains.push(sentence);
        } else {
            loses.push(sentence);
        }
    }
    Ok(Preview { to: to.as_str().to_owned(), mark: Mark::visibility(to.as_str()), gains, loses, more })
}

async fn show(
    app: Instance,
    request: HttpRequest,
    names: &(String, String),
    tab: &'static str,
) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    match page(&app, &visit, &Fields::query(&request), (&names.0, &names.1), tab, None) {
        Ok(page) => visit.html(&page),
        Err(error) if error.kind() == Kind::Denied => closed(&app, &visit, &names.0, &names.1, &error),
        Err(error) => Err(error),
    }
}

/// A project that the asker may know of and not read: why, and the way in where there is one.
fn closed(app: &Instance, visit: &Visit, team: &str, name: &str, error: &Error) -> Result<HttpResponse> {
    let can_join = app.ask(&visit.caller, |cx| ops::project_members::may_join(cx, team, name))?;
    let page = Closed {
        frame: visit.frame(name, Section::Projects).crumb(team, format!("/{team}")).crumb(name, ""),
        team: team.to_owned(),
        name: name.to_owned(),
        detail: error.detail().to_owned(),
        hint: error.next_step().unwrap_or_default().to_owned(),
        can_join,
        why: super::why::link(&visit.me.username, "project:read", &format!("{team}/{name}")),
    };
    visit.again(&page, error)
}

/// `GET /{team}/{project}`.
pub async fn overview(app: Instance, request: HttpRequest, names: web::Path<(String, String)>) -> Result<HttpResponse> {
    show(app, request, &names, "overview").await
}

/// `GET /{team}/{project}/access`.
pub async fn access(app: Instance, request: HttpRequest, names: web::Path<(String, String)>) -> Result<HttpResponse> {
    show(app, request, &names, "access").await
}

/// `GET /{team}/{project}/settings`.
pub async fn settings(app: Instance, request: HttpRequest, names: web::Path<(String, String)>) -> Result<HttpResponse> {
    show(app, request, &names, "settings").await
}

/// `POST /{team}/{project}/{what}`: visibility, members, join, delete.
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
        Err(error)
            if !matches!(error.kind(), Kind::NotFound | Kind::Denied) && reply::status(&error).is_client_error() =>
        {
            let tab = if what == "delete" { "settings" } else { "access" };
            let page = page(&app, &visit, &Fields::default(), (&team, &project), tab, Some((&fields, &error)))?;
            visit.again(&page, &error)
        }
        Err(error) => Err(error),
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
    let base = path(&team, &project);
    let who = name.clone();
    match app.act(&visit.caller, move |cx| ops::project_members::remove(cx, &team, &project, &who)).await {
        Ok(()) if name == visit.me.username => visit.done("/console/projects", "You are no longer in the project."),
        Ok(()) => {
            let undo = Undo { action: format!("{base}/members"), fields: vec![("who".to_owned(), name.clone())] };
            visit.done_with_undo(&format!("{base}/access"), format!("{name} no longer reaches the project."), undo)
        }
        Err(error) => visit.settle(&format!("{base}/access"), Err(error)),
    }
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
            let was = app.ask(&visit.caller, |cx| ops::projects::get(cx, names.0, names.1))?.visibility;
            let said = format!("{project} is {} now.", to.as_str());
            app.act(&visit.caller, move |cx| ops::projects::set_visibility(cx, &team, &project, to)).await?;
            // A restricted project can only be opened step by step, so not every change can be taken back in one.
            if was == to || to == Visibility::Restricted && was != Visibility::Team {
                return visit.done(&access, said);
            }
            let fields = vec![("visibility".to_owned(), was.as_str().to_owned())];
            visit.done_with_undo(&access, said, Undo { action: format!("{base}/visibility"), fields })
        }
        "members" => {
            let who = fields.text("who").to_owned();
            if who.is_empty() {
                return Err(Error::invalid("Enter a username or an e-mail address."));
            }
            let said = format!("{who} reaches the project now.");
            let undo = Undo { action: format!("{base}/members/{who}/remove"), fields: vec![] };
            app.act(&visit.caller, move |cx| ops::project_members::add(cx, &team, &project, &who)).await?;
            visit.done_with_undo(&access, said, undo)
        }
        "join" => {
            app.act(&visit.caller, move |cx| ops::project_members::join(cx, &team, &project)).await?;
            visit.done(&access, "You are in the project now.")
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

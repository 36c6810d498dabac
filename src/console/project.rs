//! One project: what it is and, on its access tab, who reaches it and how that can be changed. The access tab's parts are
//! put together in `project_access.rs`; what is done to a project is in `project_change.rs`.

use super::conflict;
use super::page::frame::{Frame, Section};
use super::page::list::Column;
use super::page::parts::{Field, Mark, Tab};
use super::page::projects::{Closed, Project};
use super::project_access::{Shown, choices, drawing, heirs, rows};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::error::{Error, Kind, Result};
use crate::model::Entity;
use crate::model::project::{self, Visibility};
use crate::model::role::Action;
use crate::ops::audit::Search;
use crate::ops::edits::Thing;
use crate::ops::reach::Reacher;
use crate::ops::{self, Asking};
use crate::policy::Resource;
use actix_web::{HttpRequest, HttpResponse, web};

/// A project's address.
pub fn path(team: &str, project: &str) -> String {
    words::project_path(&format!("{team}/{project}"))
}

/// What a project's page shows, one tab of it. `sent` is the form that failed, with its error.
pub fn page(
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
        let own_roles = if knows_team {
            ops::project_members::list(cx, &found)?.iter().filter(|member| member.differs()).count()
        } else {
            0
        };
        let typed = sent.map_or_else(|| query.text("visibility"), |(form, _)| form.text("visibility"));
        let chosen = Visibility::parse(typed).map_or(found.visibility, |v| v);
        let chosen = chosen.as_str().to_owned();
        let tabs = tabs(cx, &found, &base, tab, knows_team.then_some(reading.len()))?;
        let columns = vec![
            Column::by("Person", "name"),
            Column::plain("Can"),
            Column::plain("Role here"),
            Column::plain("Through"),
            Column::quiet("Actions"),
        ];
        let mut list = super::list_from(query, &format!("{base}/access"), "people", columns, "name");
        let access = if tab == "access" {
            rows(
                cx,
                visit,
                &mut list,
                &Shown {
                    reading: &reading,
                    found: &found,
                    team: &team,
                    can_set: can_invite,
                    typed: (query.text("of"), query.text("role")),
                },
            )?
        } else {
            vec![]
        };
        let owner = ops::project_members::owner(cx, &found)?;
        let can_own = tab == "access" && cx.can(Action::ProjectUpdateOwner, on)?;
        let personal = matches!(found.entity, Entity::Person(_));
        let events = if tab == "overview" && visit.is_admin {
            let search = Search { target: Some(found.id.to_string()), limit: 6, ..Search::default() };
            ops::audit::search(cx, &search)?.items
        } else {
            vec![]
        };
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
            owner_left: owner.as_ref().is_some_and(|(_, present)| !present),
            owner: owner.map(|(user, _)| user.username).unwrap_or_default(),
            owner_why: why(&visit.me.username, "project:update_owner"),
            heirs: if can_own && !personal { heirs(&reachers, found.owner) } else { vec![] },
            tabs,
            tab,
            snippet: format!("wandb.init(entity=\"{team}\", project=\"{}\")", found.name),
            events: events.iter().map(|e| words::event(e, visit.now, false)).collect(),
            drawing: drawing(visit, &team, &found, (&reachers, own_roles), knows_team),
            starred: access.iter().any(|row| row.star),
            roles_why: why(&visit.me.username, "project:update_member"),
            access,
            knows_team,
            list,
            visibilities: if can_change && tab == "access" { choices(cx, &found, &chosen)? } else { vec![] },
            typed: !typed.is_empty(),
            seen: {
                let names: &[&str] = if tab == "settings" { &["about"] } else { &["visibility"] };
                let thing = Thing::Project(team.clone(), found.name.clone());
                conflict::seen(cx, &thing, names, sent.map_or(Some(query), |(form, _)| Some(form)))?
            },
            describe: match tab {
                "settings" if cx.can(Action::ProjectUpdate, on)? => {
                    let typed = sent.map(|(form, _)| form.get("about")).filter(|about| !about.is_empty());
                    Some(Field::text("about", "Description").value(typed.unwrap_or(&found.description)).optional())
                }
                _ => None,
            },
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

/// The tabs of a project for this asker; `reach` is how many reach it, where that is at hand.
pub fn tabs(cx: &Asking, found: &project::Project, base: &str, tab: &str, reach: Option<usize>) -> Result<Vec<Tab>> {
    let on = Resource::Project(found.id);
    let made = |label, key: &str, count| Tab {
        label,
        href: if key == "overview" { base.to_owned() } else { format!("{base}/{key}") },
        current: key == tab,
        count,
    };
    let mut tabs = vec![made("Overview", "overview", None)];
    if cx.can(Action::RunRead, on)? {
        tabs.push(made("Runs", "runs", None));
    }
    tabs.push(made("Access", "access", reach));
    if cx.can(Action::ProjectDelete, on)? || cx.can(Action::ProjectUpdate, on)? {
        tabs.push(made("Settings", "settings", None));
    }
    Ok(tabs)
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

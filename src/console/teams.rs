//! Teams: the list, the form that creates one, and a team's tabs as they are shown. What is done to a team and its members
//! is in `members.rs`.

use super::page::frame::Section;
use super::page::list::{Column, List};
use super::page::parts::{Area, Choice, Field, Mark, Switch, Tab, storage_types};
use super::page::teams::{InviteRow, MemberRow, NewTeam, Team, TeamRow, Teams};
use super::visit::{Fields, Instance, Visit, redirect, to_sign_in};
use super::{conflict, projects, roles, services, words};
use crate::error::{Code, Error, Kind, Result};
use crate::http::reply;
use crate::model::invitation::Invite;
use crate::model::name::fold;
use crate::model::role::{Action, TeamRole};
use crate::model::{Entity, team};
use crate::ops::audit::Search;
use crate::ops::edits::Thing;
use crate::ops::lists::{Reaching, Seated};
use crate::ops::paging::Turn;
use crate::ops::people::Asked;
use crate::ops::{self, Asking};
use crate::policy::{Held, Resource};
use actix_web::{HttpRequest, HttpResponse, web};

/// Where they are listed.
pub const HOME: &str = "/console/teams";
/// Teams offered in a form.
const OFFERED: usize = 200;
/// A team of so many is listed by name and by when people came; beyond, by the age of accounts, in which its members are kept.
const SORTED: usize = 1_000;
/// Projects and members that a team's overview shows.
const GLANCE: usize = 8;
/// Projects counted of a team.
const COUNTED: usize = 99;

/// Teams that a form offers: the first ones by name of those that the asker may list.
pub fn offered(cx: &Asking, visit: &Visit) -> Result<Vec<team::Team>> {
    if cx.can(Action::TeamList, Resource::Org(visit.org))? {
        return Ok(ops::lists::teams(cx, "", false, false, &Turn::first(OFFERED))?.items);
    }
    Ok(own(&ops::teams::mine(cx)?, visit, "").into_iter().take(OFFERED).collect())
}

/// Teams whose name begins with `text`, the first few.
pub fn find(cx: &Asking, visit: &Visit, text: &str, at_most: usize) -> Result<Vec<TeamRow>> {
    let mine = ops::teams::mine(cx)?;
    let found = match cx.can(Action::TeamList, Resource::Org(visit.org))? {
        true => ops::lists::teams(cx, text, false, false, &Turn::first(at_most))?.items,
        false => own(&mine, visit, text).into_iter().take(at_most).collect(),
    };
    found.iter().map(|team| row(cx, visit, team, &mine)).collect()
}

/// The asker's own teams in the organization of the visit whose name begins with `text`.
fn own(mine: &[(team::Team, Held)], visit: &Visit, text: &str) -> Vec<team::Team> {
    let text = fold(text);
    let fits = |team: &&team::Team| team.org == visit.org && fold(&team.name).starts_with(&text);
    mine.iter().map(|(team, _)| team).filter(fits).cloned().collect()
}

/// How many projects of a team the asker can see.
fn projects_seen(cx: &Asking, team: &str) -> Result<(usize, bool)> {
    let asked = Reaching { of: team, ..Reaching::default() };
    let found = ops::lists::projects(cx, &asked, &Turn::first(COUNTED))?;
    Ok((found.items.len(), found.next.is_some()))
}

/// One team as a row; `mine` are the asker's own.
fn row(cx: &Asking, visit: &Visit, team: &team::Team, mine: &[(team::Team, Held)]) -> Result<TeamRow> {
    let (people, services) = ops::lists::sizes(cx, team)?;
    let (projects, more) = projects_seen(cx, &team.name)?;
    Ok(TeamRow {
        name: team.name.clone(),
        about: team.description.clone(),
        members: people + services,
        projects: if more { format!("more than {projects}") } else { projects.to_string() },
        mine: mine.iter().find(|(t, _)| t.id == team.id).map(|(_, role)| Mark::role(role.label())),
        created: words::stamp(team.created_at, visit.now),
    })
}

/// `GET /console/teams`.
pub async fn list(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let query = Fields::query(&request);
    let columns = vec![
        Column::by("Team", "name"),
        Column::plain("Your role"),
        Column::plain("Members"),
        Column::plain("Projects"),
        Column::by("Created", "created"),
    ];
    let mut list = super::list_from(&query, "/console/teams", "teams", columns, "name");
    let (rows, can_create, open) = app.ask(&visit.caller, |cx| {
        let mine = ops::teams::mine(cx)?;
        let (by_age, down) = (list.sort.ends_with("created"), list.sort.starts_with('-'));
        let teams = if cx.can(Action::TeamList, Resource::Org(visit.org))? {
            let total = if list.q.is_empty() { Some(ops::teams::count(cx)?) } else { None };
            let found = ops::lists::teams(cx, &list.q, by_age, down, &super::turn(&list)?)?;
            if !list.q.is_empty() {
                list.unsorted();
            }
            super::turned(&mut list, found, total)
        } else {
            let mut teams = own(&mine, &visit, &list.q);
            if by_age {
                teams.sort_by_key(|t| t.created_at);
            }
            if down {
                teams.reverse();
            }
            list.cut(teams)
        };
        let rows = teams.iter().map(|team| row(cx, &visit, team, &mine)).collect::<Result<Vec<_>>>()?;
        let open = ops::domains::open_to_me(cx)?.into_iter().map(|team| (team.name, team.description)).collect();
        Ok((rows, cx.can(Action::TeamCreate, Resource::Org(visit.org))?, open))
    })?;
    let frame = visit.frame("Teams", Section::Teams).crumb("Teams", "");
    let area = if visit.is_admin { super::area::of(&visit, HOME) } else { Area::default() };
    visit.html(&Teams { frame, area, list, rows, can_create, open })
}

fn form(visit: &Visit, fields: &Fields, error: Option<&Error>) -> NewTeam {
    let named = error.filter(|e| matches!(e.code(), Code::NameTaken | Code::InvalidValue)).map(Error::sentence);
    NewTeam {
        frame: visit.frame("Create a team", Section::Teams).crumb("Teams", "/console/teams").crumb("Create a team", ""),
        fields: vec![
            Field::text("name", "Name")
                .help("Letters, digits, _ and -. It stands in addresses and in wandb.init(entity=…).")
                .value(fields.get("name"))
                .wrong(named.as_deref().unwrap_or_default()),
            Field::text("about", "Description").value(fields.get("about")).optional(),
        ],
        storage: storage_types(Some(fields.get("storage")).filter(|s| !s.is_empty()).unwrap_or("server")),
        problem: error.filter(|_| named.is_none()).map(Error::sentence).unwrap_or_default(),
    }
}

/// `GET /console/teams/new`.
pub async fn new(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    app.ask(&visit.caller, |cx| cx.allow(Action::TeamCreate, Resource::Org(visit.org)).map(drop))?;
    visit.html(&form(&visit, &Fields::default(), None))
}

/// `POST /console/teams/new`.
pub async fn create(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let new = ops::teams::NewTeam {
        name: fields.text("name").to_owned(),
        description: fields.text("about").to_owned(),
        storage: fields.text("storage").to_owned(),
    };
    match app.act(&visit.caller, move |cx| ops::teams::create(cx, &new, None)).await {
        Ok(team) => {
            visit.done(&format!("/{}/members", team.name), format!("{} is created. Add its members.", team.name))
        }
        Err(error) if reply::status(&error).is_client_error() => {
            visit.again(&form(&visit, &fields, Some(&error)), &error)
        }
        Err(error) => Err(error),
    }
}

/// The fields of the form of the settings.
const SETTINGS: [&str; 7] = ["name", "about", "default-role", "storage", "private", "invite", "recommended"];

/// What a team's page shows, one tab of it. `sent` is the form that failed, with its error.
pub fn page(
    app: &Instance,
    visit: &Visit,
    query: &Fields,
    typed: &str,
    tab: &'static str,
    sent: Option<(&Fields, &Error)>,
) -> Result<Team> {
    app.ask(&visit.caller, |cx| {
        let team = ops::teams::get(cx, typed)?;
        if tab == "service-accounts" {
            services::may_open(cx, &team)?;
        }
        let on = Resource::Entity(Entity::Team(team.id));
        let mine = ops::teams::mine(cx)?.into_iter().find(|(t, _)| t.id == team.id).map(|(_, role)| role);
        let can_manage = cx.can(Action::TeamInviteUser, on)?;
        let may = Powers {
            roles: cx.can(Action::TeamUpdateMember, on)?,
            remove: cx.can(Action::TeamUninvite, on)?,
            why: visit.is_admin,
        };
        let picker = roles::choices(cx, visit, "")?;
        let typed = (query.text("of").to_owned(), query.text("role").to_owned());
        let base = format!("/{}", team.name);
        let (noun, columns, order) = match tab {
            "projects" => ("projects", projects::columns(false), ""),
            "service-accounts" => ("service accounts", vec![], ""),
            _ => ("members", member_columns(), "name"),
        };
        let action = if tab == "overview" { base.clone() } else { format!("{base}/{tab}") };
        let mut list = super::list_from(query, &action, noun, columns, order);
        let (people, services_left) = ops::lists::sizes(cx, &team)?;
        let (mut rows, mut machines, mut invites, mut shown_projects) = (vec![], vec![], vec![], vec![]);
        let seat = |(user, membership, held): &Seated| {
            let linked = cx.can(Action::UserRead, Resource::User(user.id))?;
            Ok::<_, Error>(member_row(visit, &team, (user, linked), (membership, held), (&may, &picker, &typed)))
        };
        match tab {
            "members" => {
                let seated = members(cx, &team, &mut list, people + services_left)?;
                rows = seated.iter().map(seat).collect::<Result<_>>()?;
                for (invite, held) in ops::lists::invited(cx, &team, &Turn::first(OFFERED))?.items {
                    invites.push(invite_row(cx, visit, invite, &held)?);
                }
            }
            "service-accounts" => {
                let found = ops::lists::services(cx, &team, &super::turn(&list)?)?;
                let found = super::turned(&mut list, found, Some(services_left));
                machines = found.iter().map(|user| services::row(cx, visit, user)).collect::<Result<_>>()?;
            }
            "projects" => shown_projects = projects::rows(cx, &mut list, &team.name, "", visit.now)?,
            "overview" => {
                let asked = Reaching { of: &team.name, ..Reaching::default() };
                let first = ops::lists::projects(cx, &asked, &Turn::first(GLANCE))?.items;
                shown_projects = first.iter().map(|(of, p)| projects::row(of, p, visit.now)).collect();
                let first = ops::lists::members(cx, &team, "", &Turn::first(GLANCE))?.items;
                rows = first.iter().map(seat).collect::<Result<_>>()?;
            }
            _ => {}
        }
        // More than are counted are not said wrongly.
        let seen = Some(projects_seen(cx, &team.name)?).filter(|(_, more)| !more).map(|(seen, _)| seen);
        let events = if tab == "overview" && visit.is_admin {
            let search = Search { target: Some(team.id.to_string()), limit: 6, ..Search::default() };
            ops::audit::search(cx, &search)?.items
        } else {
            vec![]
        };
        let suggestions = if tab == "members" && can_manage && visit.is_admin {
            let known: Vec<&str> = rows.iter().map(|row| row.username.as_str()).collect();
            let near = ops::people::list(cx, &Asked::default(), &Turn::first(OFFERED))?.items;
            near.into_iter().map(|user| user.username).filter(|name| !known.contains(&name.as_str())).collect()
        } else {
            vec![]
        };
        let made = |label, key: &str, count| Tab {
            label,
            href: if key == "overview" { base.clone() } else { format!("{base}/{key}") },
            current: key == tab,
            count,
        };
        Ok(Team {
            frame: super::page::frame::Frame {
                team: team.name.clone(),
                ..visit.frame(team.name.clone(), Section::Teams)
            }
            .crumb(team.name.clone(), ""),
            about: team.description.clone(),
            mine: mine.map(|role| Mark::role(role.label())),
            mine_why: super::why::link(&visit.me.username, "team:read", &team.name),
            created: words::stamp(team.created_at, visit.now),
            tabs: [
                Some(made("Overview", "overview", None)),
                Some(made("Projects", "projects", seen)),
                Some(made("Members", "members", Some(people))),
                cx.can(Action::TeamUninvite, on)?
                    .then(|| made("Service accounts", "service-accounts", Some(services_left))),
                Some(made("Settings", "settings", None)),
            ]
            .into_iter()
            .flatten()
            .collect(),
            tab,
            list,
            projects: shown_projects,
            members: rows,
            services: machines,
            service_form: (tab == "service-accounts" && cx.can(Action::TeamCreateService, on)?)
                .then(|| services::team_form(&team.name, sent.map(|(form, _)| form))),
            invites,
            events: events.iter().map(|e| words::event(e, visit.now, false)).collect(),
            can_manage: match tab {
                "settings" => cx.can(Action::TeamUpdate, on)?,
                _ => can_manage,
            },
            can_create_project: cx.can(Action::ProjectCreate, on)?,
            manage_why: {
                let asked = if tab == "settings" { "team:update" } else { "team:invite_user" };
                super::why::link(&visit.me.username, asked, &team.name)
            },
            fields: fields(tab, &team, sent),
            roles: {
                let first = ops::teams::default_role(cx, &team)?;
                let given = if tab == "settings" { "default-role" } else { "role" };
                let typed = sent.map_or("", |(form, _)| form.get(given));
                chosen(&picker, if typed.is_empty() { first.label() } else { typed })
            },
            storage: team.storage.label(),
            storage_types: storage_types(
                sent.map(|(form, _)| form.get("storage")).filter(|s| !s.is_empty()).unwrap_or(team.storage.as_str()),
            ),
            seen: match tab {
                "settings" => {
                    let thing = Thing::Team(team.name.clone());
                    conflict::seen(cx, &thing, &SETTINGS, sent.map(|(form, _)| form))?
                }
                _ => vec![],
            },
            switches: if tab == "settings" { switches(cx, &team, sent.map(|(form, _)| form))? } else { vec![] },
            suggestions,
            problem: sent.filter(|_| !matches!(tab, "settings")).map(|(_, e)| e.sentence()).unwrap_or_default(),
            new_key: None,
            sent: None,
            has_mail: app.has_mail(),
            loses: loses(&team, people, services_left),
            can_delete: cx.can(Action::TeamDelete, on)?,
            name: team.name,
        })
    })
}

/// What the asker may do to members.
struct Powers {
    roles: bool,
    remove: bool,
    why: bool,
}

fn member_columns() -> Vec<Column> {
    vec![
        Column::by("Member", "name"),
        Column::plain("Role"),
        Column::plain("Status"),
        Column::by("Since", "since"),
        Column::quiet("Actions"),
    ]
}

fn member_row(
    visit: &Visit,
    team: &team::Team,
    (user, linked): (&crate::model::user::User, bool),
    (membership, held): (&team::Membership, &Held),
    (may, picker, typed): (&Powers, &[Choice], &(String, String)),
) -> MemberRow {
    let settable = may.roles && membership.role != TeamRole::Service;
    MemberRow {
        username: user.username.clone(),
        name: user.name.clone(),
        email: user.email().unwrap_or_default().to_owned(),
        role: Mark::role(held.label()),
        roles: match settable {
            true if typed.0 == user.username && !typed.1.is_empty() => chosen(picker, &typed.1),
            true => chosen(picker, held.label()),
            false => vec![],
        },
        stored: held.label().to_owned(),
        status: Mark::status(user.status.as_str()),
        since: words::stamp(membership.since_at, visit.now),
        why: if may.why || user.id == visit.me.id {
            super::why::link(&user.username, "team:read", &team.name)
        } else {
            String::new()
        },
        can_remove: may.remove,
        linked,
    }
}

/// The picker with one role chosen; a custom role that the asker may not read among others stands there by its name.
pub fn chosen(picker: &[Choice], role: &str) -> Vec<Choice> {
    let mut all: Vec<Choice> = picker.iter().map(|c| Choice { chosen: c.value == role, ..c.clone() }).collect();
    if !role.is_empty() && !all.iter().any(|c| c.chosen) {
        all.push(Choice { value: role.to_owned(), label: role.to_owned(), chosen: true, ..Choice::default() });
    }
    all
}

/// The team's switches; what the organization enforces is shown as it is and locked.
fn switches(cx: &Asking, team: &team::Team, sent: Option<&Fields>) -> Result<Vec<Switch>> {
    let org = ops::settings::org(cx)?;
    let held = |by_org: bool| if by_org { format!("{} enforces this in every team.", org.name) } else { String::new() };
    let on = |name: &str, stored: bool| sent.map_or(stored, |form| form.get(name) == "on");
    Ok(vec![
        Switch {
            name: "private",
            label: "All future projects are private",
            help: "No new open or public project, and none becomes so. Projects that are open or public already stay.",
            on: org.private_projects || on("private", team.private_projects),
            held: held(org.private_projects),
        },
        Switch {
            name: "invite",
            label: "Any member may invite",
            help: "Members add people with a role up to their own; else only admins do.",
            on: !org.admins_invite && on("invite", team.members_invite),
            held: if org.admins_invite { format!("{} lets only admins invite.", org.name) } else { String::new() },
        },
        Switch {
            name: "recommended",
            label: "Recommend this team to newcomers with a matching e-mail domain",
            help: "Whoever has an address at a domain of the organization is told of the team and may join it with the role of newcomers.",
            on: on("recommended", team.recommended),
            held: String::new(),
        },
    ])
}

/// The members that the address of `list` asks for, of a team of so many.
fn members(cx: &Asking, team: &team::Team, list: &mut List, size: usize) -> Result<Vec<Seated>> {
    if size > SORTED {
        list.unsorted();
        let total = if list.q.is_empty() { Some(ops::lists::sizes(cx, team)?.0) } else { None };
        let found = ops::lists::members(cx, team, &list.q, &super::turn(list)?)?;
        return Ok(super::turned(list, found, total));
    }
    let mut all = ops::lists::members(cx, team, &list.q, &Turn::first(SORTED))?.items;
    match list.sort.trim_start_matches('-') {
        "since" => all.sort_by_key(|(_, membership, _)| membership.since_at),
        _ => all.sort_by_cached_key(|(user, ..)| fold(&user.username)),
    }
    if list.sort.starts_with('-') {
        all.reverse();
    }
    Ok(list.cut(all))
}

fn invite_row(cx: &Asking, visit: &Visit, invite: Invite, held: &Held) -> Result<InviteRow> {
    let described = ops::invitations::describe(cx, invite)?;
    let invite = described.invite;
    Ok(InviteRow {
        id: invite.id.0.to_string(),
        role: Mark::role(held.label()),
        at: words::stamp(invite.created_at, visit.now),
        by: described.by.unwrap_or_default(),
        state: Mark::invitation(invite.is_over(visit.now), invite.token.is_empty()),
        mail: described.mail.map(|(state, _)| super::invitations::mail_mark(state)),
        email: invite.email,
    })
}

fn fields(tab: &str, team: &team::Team, sent: Option<(&Fields, &Error)>) -> Vec<Field> {
    let kept = |name: &str, stored: &str| sent.map_or_else(|| stored.to_owned(), |(form, _)| form.get(name).to_owned());
    let wrong = sent.map(|(_, error)| error.sentence()).unwrap_or_default();
    match tab {
        "members" => {
            let mut who = Field::text("who", "Username or e-mail").value(&kept("who", ""));
            who.list = "people";
            vec![who]
        }
        "settings" => vec![
            Field::text("name", "Name")
                .help(
                    "A new name changes the addresses of the team and its projects; scripts that use the old one stop.",
                )
                .value(&kept("name", &team.name))
                .wrong(&wrong),
            Field::text("about", "Description").value(&kept("about", &team.description)).optional(),
        ],
        _ => vec![],
    }
}

fn loses(team: &team::Team, people: usize, services: usize) -> Vec<String> {
    let mut out = vec![format!("{people} people are no longer in {}", team.name)];
    if services > 0 {
        out.push(format!("{services} service accounts are deleted, and their keys with them"));
    }
    out.push("Its projects must be deleted first".to_owned());
    out
}

async fn show(app: Instance, request: HttpRequest, name: &str, tab: &'static str) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    match page(&app, &visit, &Fields::query(&request), name, tab, None) {
        Ok(page) => visit.html(&page),
        // One's own name is the personal namespace; it has projects and no members.
        Err(error)
            if error.kind() == Kind::NotFound
                && crate::model::name::fold(name) == crate::model::name::fold(&visit.me.username) =>
        {
            Ok(redirect(&format!("/console/projects?team={}", words::encoded(&visit.me.username))))
        }
        Err(error) => Err(error),
    }
}

/// `GET /{team}`.
pub async fn overview(app: Instance, request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse> {
    show(app, request, &name, "overview").await
}

/// `GET /{team}/projects`.
pub async fn projects_tab(app: Instance, request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse> {
    show(app, request, &name, "projects").await
}

/// `GET /{team}/members`.
pub async fn members_tab(app: Instance, request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse> {
    show(app, request, &name, "members").await
}

/// `GET /{team}/service-accounts`.
pub async fn services_tab(app: Instance, request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse> {
    show(app, request, &name, "service-accounts").await
}

/// `GET /{team}/settings`.
pub async fn settings_tab(app: Instance, request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse> {
    show(app, request, &name, "settings").await
}

//! One person or service account: what they reach and through what, their keys and sessions, and what an admin can do.

use super::account::{self, key_rows, session_rows};
use super::conflict::{self, Edit, Place};
use super::page::frame::Section;
use super::page::parts::{Field, Link, Mark, Tab, Undo, org_roles, seats as seat_choices};
use super::page::people::{Person, ReachRow};
use super::review::{self, Question};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::{services, words};
use crate::error::{Error, Result};
use crate::http::reply;
use crate::model::role::{Action, OrgRole, Seat};
use crate::model::team::HOME as INSTANCE;
use crate::model::user::{Status, User};
use crate::ops;
use crate::ops::audit::Search;
use crate::ops::edits::Thing;
use crate::ops::reach::Reached;
use crate::ops::users::UserChange;
use crate::ops::what_if::Scope;
use crate::policy::{Held, Resource};
use actix_web::{HttpRequest, HttpResponse, web};

/// Projects listed on a person's page at most.
const REACH: usize = 200;

/// Address of a person's page.
pub fn path(username: &str) -> String {
    format!("/console/users/{}", words::encoded(username))
}

fn page(
    app: &Instance,
    visit: &Visit,
    typed: &str,
    tab: &'static str,
    (sent, error): (&Fields, Option<&Error>),
) -> Result<Person> {
    app.ask(&visit.caller, |cx| {
        let user = ops::users::get(cx, typed)?;
        let teams = ops::teams::of(cx, user.id)?;
        let (projects, open) = ops::reach::of_user(cx, &user, REACH)?;
        let on = Resource::User(user.id);
        let may_keys = cx.can(Action::ApiKeyRead, on)?;
        let keys = if may_keys { ops::credentials::list(cx, user.id)? } else { vec![] };
        let sessions = if cx.can(Action::SessionRead, on)? { ops::sessions::list(cx, user.id)? } else { vec![] };
        let can_manage = cx.can(Action::UserUpdateRole, on)?;
        let may_sessions = cx.can(Action::SessionRead, on)?;
        let identities = if may_sessions { account::identity_rows(cx, user.id, visit.now)? } else { vec![] };
        let break_glass = match may_sessions && visit.org == INSTANCE && user.is_active_admin(INSTANCE) {
            true => Some(ops::break_glass::shown(cx, user.id)?),
            false => None,
        };
        let events = if visit.is_admin && tab == "overview" {
            let search = Search { target: Some(user.id.to_string()), limit: 6, ..Search::default() };
            ops::audit::search(cx, &search)?.items
        } else {
            vec![]
        };
        let name = &user.username;
        let why = |action: &str, resource: &str| {
            let may_ask = visit.is_admin || user.id == visit.me.id;
            if may_ask { super::why::link(name, action, resource) } else { String::new() }
        };
        let mut reach: Vec<ReachRow> = teams.iter().map(|(team, role)| team_row(&team.name, role, &why)).collect();
        reach.extend(projects.iter().map(|r| project_row(r, &why)));
        let made = |label, key: &'static str, count| Tab {
            label,
            href: if key == "overview" { path(name) } else { format!("{}/{key}", path(name)) },
            current: key == tab,
            count,
        };
        let mut tabs = vec![made("Overview", "overview", None)];
        if may_keys {
            let label = if user.is_service() { "Keys" } else { "Keys and sessions" };
            tabs.push(made(label, "credentials", Some(keys.len() + sessions.len())));
        }
        let role = user.membership(visit.org).map_or("", |m| m.role.as_str());
        let service = match user.service() {
            Some(_) => Some(services::facts(cx, &user, &teams, sent)?),
            None => None,
        };
        let issues = service.as_ref().is_some_and(|s| s.subject.is_empty()) && cx.can(Action::ApiKeyCreate, on)?;
        let above = match &service {
            Some(service) => service.home.clone(),
            None => Link { label: "People".to_owned(), href: "/console/users".to_owned() },
        };
        let seats = user.membership(visit.org).filter(|_| !user.is_service()).map(|m| (m.models, m.weave));
        Ok(Person {
            frame: visit
                .frame(name.clone(), if service.is_some() { Section::Teams } else { Section::People })
                .crumb(above.label, above.href)
                .crumb(name.clone(), ""),
            name: user.name.clone(),
            emails: user.emails.iter().map(|e| e.address.clone()).collect(),
            is_unproved: user.emails.first().is_some_and(|e| !e.verified),
            role: words::org_mark(&user, visit.org),
            role_why: why("organization:read", ""),
            status: Mark::status(user.status_in(visit.org).as_str()),
            state: user.status_in(visit.org).as_str().to_owned(),
            created: words::stamp(user.created_at, visit.now),
            is_me: user.id == visit.me.id,
            is_service: user.is_service(),
            is_bare: if cx.can(Action::SessionRead, on)? { ops::factors::is_bare(cx, user.id)? } else { None },
            tabs,
            tab,
            reach,
            reach_more: open,
            sessions: session_rows(&sessions, visit.session.handle(), visit.now),
            keys: key_rows(cx, &keys, visit.now)?,
            identities,
            break_glass,
            events: events.iter().map(|e| words::event(e, visit.now, false)).collect(),
            can_manage,
            elsewhere: user.belongs_beside(visit.org),
            can_account: cx.can(Action::UserDelete, on)?,
            roles: org_roles(Some(sent.get("role")).filter(|r| !r.is_empty()).unwrap_or(role)),
            open: if sent.get("role").is_empty() {
                if sent.get("models").is_empty() { "" } else { "seats" }
            } else {
                "role"
            },
            seats: seats.map(|(models, weave)| (Mark::seat(models.as_str()), Mark::seat(weave.as_str()))),
            seat_choices: seats
                .map(|(models, weave)| {
                    let kept = |name: &str, stored: Seat| Seat::parse(sent.get(name)).unwrap_or(stored).as_str();
                    (seat_choices(kept("models", models)), seat_choices(kept("weave", weave)))
                })
                .unwrap_or_default(),
            can_seat: seats.is_some() && cx.can(Action::UserUpdateSeat, on)?,
            loses: loses(&user, keys.len(), sessions.len(), teams.len(), projects.len()),
            problem: error.map(Error::sentence).unwrap_or_default(),
            password_command: format!("bailiwick user set-password {name} --password-file FILE"),
            rename: match &service {
                Some(_) => Field::text("name", "Name").help("What it is for.").value(&user.name),
                None => Field::text("name", "Name").value(&user.name).optional(),
            },
            seen: {
                let thing = Thing::User(name.clone());
                let of = |names: &[&str]| {
                    // A page that is shown again holds what one of its forms sent; the others start anew.
                    let mine = names.iter().any(|field| !sent.get(field).is_empty());
                    conflict::seen(cx, &thing, names, Some(sent).filter(|_| mine))
                };
                [of(&["role"])?, of(&["models", "weave"])?, of(&["name"])?]
            },
            key_form: (tab == "credentials" && issues)
                .then(|| super::keys::form(&format!("{}/key", path(name)), user.is_org_service(), sent)),
            new_key: None,
            service,
            username: user.username,
        })
    })
}

fn team_row(team: &str, role: &Held, why: &dyn Fn(&str, &str) -> String) -> ReachRow {
    ReachRow {
        link: Link { label: team.to_owned(), href: format!("/{team}") },
        icon: "teams",
        role: Mark::role(role.label()),
        through: "Member of the team".to_owned(),
        why: why("team:read", team),
    }
}

fn project_row(reached: &Reached, why: &dyn Fn(&str, &str) -> String) -> ReachRow {
    let label = format!("{}/{}", reached.entity, reached.project.name);
    ReachRow {
        link: Link { href: words::project_path(&label), label: label.clone() },
        icon: "projects",
        role: if reached.submits { Mark::submits() } else { Mark::reads() },
        through: reached.through.to_owned(),
        why: why("project:read", &label),
    }
}

fn loses(user: &User, keys: usize, sessions: usize, teams: usize, projects: usize) -> Vec<String> {
    let mut out = vec![];
    let mut say = |count: usize, one: &str, many: &str| match count {
        0 => {}
        1 => out.push(format!("1 {one}")),
        _ => out.push(format!("{count} {many}")),
    };
    say(sessions, "browser session ends", "browser sessions end");
    say(keys, "API key stops working", "API keys stop working");
    say(teams, "team is out of reach", "teams are out of reach");
    say(projects, "project is out of reach", "projects are out of reach");
    if out.is_empty() {
        out.push(if user.is_service() { "Nothing else" } else { "Signing in" }.to_owned());
    }
    out
}

async fn show(app: Instance, request: HttpRequest, name: &str, tab: &'static str) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    visit.html(&page(&app, &visit, name, tab, (&Fields::query(&request), None))?)
}

/// `GET /console/users/{username}`.
pub async fn overview(app: Instance, request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse> {
    show(app, request, &name, "overview").await
}

/// `GET /console/users/{username}/credentials`.
pub async fn credentials(app: Instance, request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse> {
    show(app, request, &name, "credentials").await
}

/// `POST /console/users/{username}/{what}`: everything an admin does to a person.
pub async fn change(
    app: Instance,
    request: HttpRequest,
    path_parts: web::Path<(String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let (name, what) = path_parts.into_inner();
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match apply(&app, &visit, &name, &what, &fields).await {
        Ok(response) => Ok(response),
        Err(error) if error.kind() != crate::error::Kind::NotFound && reply::status(&error).is_client_error() => {
            let on_keys = matches!(what.as_str(), "revoke-key" | "end-session" | "key" | "replace-key");
            let tab = if on_keys { "credentials" } else { "overview" };
            visit.again(&page(&app, &visit, &name, tab, (&fields, Some(&error)))?, &error)
        }
        Err(error) => Err(error),
    }
}

async fn apply(app: &Instance, visit: &Visit, name: &str, what: &str, fields: &Fields) -> Result<HttpResponse> {
    let who = name.to_owned();
    let (home, credentials) = (path(name), format!("{}/credentials", path(name)));
    match what {
        "role" => {
            let role = OrgRole::parse(fields.get("role"))?;
            let user = app.ask(&visit.caller, |cx| ops::users::get(cx, name))?;
            let was = user.membership(visit.org).map(|m| m.role);
            let edit = Edit::of(Thing::User(who.clone()), fields);
            if !review::is_sure(fields) {
                let title = format!("Make {name} {} of the organization?", with_article(role.as_str()));
                let text = "The role counts in the whole organization, at the next request.".to_owned();
                let question = Question { title, text, ..question(&user, "role", "Change the role", fields) };
                let change = move |cx: &mut ops::Acting| ops::users::set_org_role(cx, &who, role).map(drop);
                let shown = review::ask(app, visit, question, fields, edit.guarding(change)).await;
                return shown.or_else(|error| conflict::page(app, visit, &edit, fields, place(name, what), error));
            }
            let change = move |cx: &mut ops::Acting| ops::users::set_org_role(cx, &who, role);
            if let Err(error) = app.act(&visit.caller, edit.guarding(change)).await {
                return conflict::page(app, visit, &edit, fields, place(name, what), error);
            }
            let said = format!("{name} is {} of the organization now.", with_article(role.as_str()));
            match was.filter(|was| *was != role) {
                None => visit.done(&home, said),
                Some(was) => {
                    let undo = Undo {
                        action: format!("{}/role", path(name)),
                        fields: review::undo(vec![("role", was.as_str().to_owned())]),
                    };
                    visit.done_with_undo(&home, said, undo)
                }
            }
        }
        "seats" => {
            let (models, weave) = (Seat::parse(fields.get("models"))?, Seat::parse(fields.get("weave"))?);
            let user = app.ask(&visit.caller, |cx| ops::users::get(cx, name))?;
            let edit = Edit::of(Thing::User(who.clone()), fields);
            if !review::is_sure(fields) {
                let title = format!("Give {name} these seats?");
                let words = (Mark::seat(models.as_str()).label, Mark::seat(weave.as_str()).label);
                let text = format!("Models seat: {}. Weave access: {}. Every team inherits them.", words.0, words.1);
                let question = Question { title, text, ..question(&user, "seats", "Change the seats", fields) };
                let change =
                    move |cx: &mut ops::Acting| ops::users::set_seats(cx, &who, Some(models), Some(weave)).map(drop);
                let shown = review::ask(app, visit, question, fields, edit.guarding(change)).await;
                return shown.or_else(|error| conflict::page(app, visit, &edit, fields, place(name, what), error));
            }
            let change = move |cx: &mut ops::Acting| ops::users::set_seats(cx, &who, Some(models), Some(weave));
            if let Err(error) = app.act(&visit.caller, edit.guarding(change)).await {
                return conflict::page(app, visit, &edit, fields, place(name, what), error);
            }
            let said = format!("The seats of {name} are saved.");
            match user.membership(visit.org).filter(|m| (m.models, m.weave) != (models, weave)) {
                None => visit.done(&home, said),
                Some(was) => {
                    let fields = review::undo(vec![
                        ("models", was.models.as_str().to_owned()),
                        ("weave", was.weave.as_str().to_owned()),
                    ]);
                    visit.done_with_undo(&home, said, Undo { action: format!("{home}/seats"), fields })
                }
            }
        }
        "rename" if app.ask(&visit.caller, |cx| ops::users::get(cx, name))?.service().is_some() => {
            let called = fields.text("name").to_owned();
            app.act(&visit.caller, move |cx| ops::service_accounts::rename(cx, &who, &called)).await?;
            visit.done(&home, "The name is saved.")
        }
        "default-team" => {
            let team = fields.text("team").to_owned();
            app.act(&visit.caller, move |cx| ops::service_accounts::set_default_team(cx, &who, &team)).await?;
            visit.done(&home, "The default team is saved. Runs that name no team go there from now on.")
        }
        "key" | "replace-key" => {
            let (_, fresh) = match what {
                "key" => super::keys::issue(app, visit, name, fields).await?,
                _ => super::keys::replace(app, visit, fields).await?,
            };
            let mut shown = page(app, visit, name, "credentials", (&Fields::default(), None))?;
            shown.new_key = Some(fresh.reveal().to_owned());
            visit.html(&shown)
        }
        "rename" => {
            let edit = Edit::of(Thing::User(who.clone()), fields);
            let change = UserChange { name: Some(fields.text("name").to_owned()), ..UserChange::default() };
            match app.act(&visit.caller, edit.guarding(move |cx| ops::users::update(cx, &who, &change))).await {
                Ok(_) => visit.done_or_undo(&home, "The name is saved.", edit.undo(&format!("{home}/rename"), &[])),
                Err(error) => conflict::page(app, visit, &edit, fields, place(name, what), error),
            }
        }
        "vouch" => {
            let user = app.act(&visit.caller, move |cx| ops::users::vouch(cx, &who)).await?;
            visit.done(
                &home,
                format!("{} counts as the address of {name}, on your word.", user.email().unwrap_or_default()),
            )
        }
        "deactivate" | "reactivate" => {
            let active = what == "reactivate";
            let user = app.act(&visit.caller, move |cx| ops::users::set_active(cx, &who, active)).await?;
            let (said, back) = if user.status_in(visit.org) == Status::Active {
                (format!("{name} is active again."), "deactivate")
            } else if user.status == Status::Active {
                (format!("{name} is suspended in {}, and goes on elsewhere.", visit.org_name), "reactivate")
            } else {
                (format!("{name} is deactivated: sessions are over, keys are refused."), "reactivate")
            };
            visit.done_with_undo(&home, said, Undo { action: format!("{}/{back}", path(name)), fields: vec![] })
        }
        "leave" => {
            if fields.text("sure") != name {
                return Err(Error::invalid(format!("Nobody was removed: '{name}' was not typed.")));
            }
            app.act(&visit.caller, move |cx| ops::membership::remove(cx, &who)).await?;
            visit.done("/console/users", format!("{name} does not belong to {} any more.", visit.org_name))
        }
        "delete" => {
            if fields.text("sure") != name {
                return Err(Error::invalid(format!("Nothing was deleted: '{name}' was not typed.")));
            }
            let user = app.ask(&visit.caller, |cx| ops::users::get(cx, name))?;
            if user.service().is_some() {
                let teams = app.ask(&visit.caller, |cx| ops::teams::of(cx, user.id))?;
                let back = app.ask(&visit.caller, |cx| services::facts(cx, &user, &teams, fields))?.home.href;
                app.act(&visit.caller, move |cx| ops::service_accounts::delete(cx, &who)).await?;
                return visit.done(&back, format!("{name} is deleted, and its keys with it."));
            }
            app.act(&visit.caller, move |cx| ops::users::delete(cx, &who)).await?;
            visit.done("/console/users", format!("{name} is deleted. The name is free again."))
        }
        "break-glass" => {
            let on = fields.get("on") == "yes";
            app.act(&visit.caller, move |cx| ops::break_glass::set(cx, &who, on)).await?;
            let said = match on {
                true => format!("The password of {name} works also while people sign in through the company."),
                false => format!("{name} is not marked break-glass any more."),
            };
            let back = review::undo(vec![("on", if on { "no" } else { "yes" }.to_owned())]);
            visit.done_with_undo(&home, said, Undo { action: format!("{}/break-glass", path(name)), fields: back })
        }
        "unlink" => {
            let (connection, subject) = (fields.get("connection").to_owned(), fields.get("subject").to_owned());
            app.act(&visit.caller, move |cx| ops::sso::unlink(cx, &who, &connection, &subject)).await?;
            visit.done(&credentials, "The link is removed, and the sessions that it opened are over.")
        }
        "revoke-key" => {
            let id = fields.get("key").to_owned();
            app.act(&visit.caller, move |cx| ops::credentials::revoke(cx, &id)).await?;
            visit.done(&credentials, "The key is revoked. Nothing can use it any more.")
        }
        "end-session" => {
            let handle = fields.get("session").to_owned();
            app.act(&visit.caller, move |cx| ops::sessions::revoke(cx, &who, &handle)).await?;
            visit.done(&credentials, "The session is ended.")
        }
        _ => Err(reply::no_such_page()),
    }
}

/// Where a form of a person stands.
fn place(name: &str, what: &str) -> Place {
    let home = path(name);
    Place {
        what: format!("The account of {name}"),
        action: format!("{home}/{what}"),
        back: home.clone(),
        section: Section::People,
        crumbs: vec![("People".to_owned(), "/console/users".to_owned()), (name.to_owned(), home)],
    }
}

/// What every question about a person has in common.
fn question(user: &User, what: &str, button: &str, fields: &Fields) -> Question {
    let home = path(&user.username);
    Question {
        scope: Scope::User(user.id),
        title: String::new(),
        text: String::new(),
        button: button.to_owned(),
        danger: false,
        action: format!("{home}/{what}"),
        back: review::back(&home, fields),
        section: Section::People,
        crumbs: vec![("People".to_owned(), "/console/users".to_owned()), (user.username.clone(), home)],
    }
}

fn with_article(role: &str) -> String {
    format!("{} {role}", if role.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" })
}

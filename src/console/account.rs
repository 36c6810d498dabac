//! My account: profile, API keys, sessions, password. A key's secret leaves the server once, on the answer to the form that
//! made it; nothing here can show it again.

use super::conflict::{self, Edit, Place};
use super::page::account::{Account, IdentityRow, KeyRow, SessionRow};
use super::page::frame::Section;
use super::page::parts::{Choice, Field, Mark, Tab};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::clock::Millis;
use crate::error::{Code, Error, Result};
use crate::http::reply;
use crate::model::role::Action;
use crate::ops;
use crate::ops::credentials::{FreshKey, ListedKey};
use crate::ops::edits::Thing;
use crate::ops::sessions::ListedSession;
use crate::ops::users::UserChange;
use crate::policy::Resource;
use actix_web::{HttpRequest, HttpResponse, web};

/// Keys as rows.
pub fn key_rows(cx: &ops::Asking, keys: &[ListedKey], now: Millis) -> Result<Vec<KeyRow>> {
    let rows = keys.iter().map(|listed| {
        let expired = listed.key.is_expired(now);
        let narrowed = ops::key_care::narrowed(cx, &listed.key)?;
        let can_replace = !expired && cx.can(Action::ApiKeyCreate, Resource::User(listed.key.owner))?;
        Ok(KeyRow {
            id: listed.key.id.clone(),
            name: if listed.key.name.is_empty() { "Unnamed".to_owned() } else { listed.key.name.clone() },
            created: words::stamp(listed.key.created_at, now),
            used: words::stamp_or(listed.last.as_ref().map(|used| used.at), now, "never"),
            expires: words::stamp_or(listed.key.expires_at, now, "never"),
            state: Mark::key(expired),
            narrowed,
            can_replace,
        })
    });
    rows.collect()
}

/// Sessions as rows; `current` is the handle of the one the page was asked with.
pub fn session_rows(sessions: &[ListedSession], current: &str, now: Millis) -> Vec<SessionRow> {
    sessions
        .iter()
        .rev()
        .map(|listed| SessionRow {
            id: listed.session.handle().to_owned(),
            agent: words::browser(&listed.session.agent),
            ip: listed.session.ip.clone(),
            created: words::stamp(listed.session.created_at, now),
            seen: words::stamp(listed.last.as_ref().map_or(listed.session.created_at, |used| used.at), now),
            expires: words::stamp(listed.session.expires_at, now),
            current: listed.session.handle() == current,
        })
        .collect()
}

/// Identities elsewhere as rows.
pub fn identity_rows(cx: &ops::Asking, user: crate::model::UserId, now: Millis) -> Result<Vec<IdentityRow>> {
    let rows = ops::sso::identities(cx, user)?.into_iter().map(|identity| {
        let team = |(id, through): &(crate::model::TeamId, String)| {
            Ok(ops::sso::team_name(cx, *id)?.map(|name| (name, through.clone())))
        };
        let teams = identity.teams.iter().map(team).collect::<Result<Vec<_>>>()?;
        Ok(IdentityRow {
            teams: teams.into_iter().flatten().collect(),
            connection: identity.connection,
            subject: identity.subject,
            linked: words::stamp(identity.linked_at, now),
            used: words::stamp(identity.last_at, now),
        })
    });
    rows.collect()
}

fn page(app: &Instance, visit: &Visit, tab: &'static str, error: Option<&Error>) -> Result<Account> {
    page_with(app, visit, tab, &Fields::default(), error)
}

/// The same with what was in the form that creates a key.
fn page_with(
    app: &Instance,
    visit: &Visit,
    tab: &'static str,
    sent: &Fields,
    error: Option<&Error>,
) -> Result<Account> {
    let (keys, sessions, teams, identities, default_org) = app.ask(&visit.caller, |cx| {
        let own = ops::orgs::mine(cx)?;
        let default_org = own.into_iter().find(|(org, _)| Some(org.id) == visit.me.home_org());
        Ok((
            ops::credentials::list(cx, visit.me.id)?,
            ops::sessions::list(cx, visit.me.id)?,
            ops::teams::mine(cx)?,
            identity_rows(cx, visit.me.id, visit.now)?,
            default_org.map(|(org, _)| org.name).unwrap_or_default(),
        ))
    })?;
    let (keys, seen) = app.ask(&visit.caller, |cx| {
        let thing = Thing::User(visit.me.username.clone());
        Ok((key_rows(cx, &keys, visit.now)?, conflict::seen(cx, &thing, &["name", "team"], Some(sent))?))
    })?;
    let typed = |name: &str, stored: &str| {
        let was_sent = tab == "profile" && error.is_some();
        if was_sent { sent.get(name).to_owned() } else { stored.to_owned() }
    };
    let goes = teams.iter().find(|(team, _)| visit.me.default_team == Some(team.id));
    let chosen = typed("team", goes.map_or("", |(team, _)| &team.name));
    let own = (String::new(), format!("My own namespace, {}", visit.me.username));
    let default_teams = std::iter::once(own)
        .chain(teams.iter().map(|(team, _)| (team.name.clone(), team.name.clone())))
        .map(|(value, label)| Choice { chosen: value == chosen, value, label, ..Choice::default() })
        .collect();
    let wrong = |on: &[Code]| error.filter(|e| on.contains(&e.code())).map(Error::sentence).unwrap_or_default();
    let fields = match tab {
        "password" => vec![
            Field::password("current", "Current password", "current-password").wrong(&wrong(&[Code::InvalidValue])),
            Field::password("password", "New password", "new-password")
                .help("At least 10 characters and hard to guess; four unrelated words are fine.")
                .wrong(&wrong(&[Code::WeakPassword])),
        ],
        "profile" => vec![
            Field::text("name", "Name")
                .help("How others read who you are.")
                .value(&typed("name", &visit.me.name))
                .optional(),
        ],
        _ => vec![],
    };
    let in_place = fields.iter().any(|field| !field.error.is_empty());
    Ok(Account {
        frame: visit.frame("My account", Section::None).crumb("My account", ""),
        username: visit.me.username.clone(),
        name: visit.me.name.clone(),
        emails: visit.me.emails.iter().map(|e| e.address.clone()).collect(),
        role: words::org_mark(&visit.me, visit.org),
        role_why: super::why::link(&visit.me.username, "organization:read", ""),
        teams: teams
            .into_iter()
            .filter(|(team, _)| team.org == visit.org)
            .map(|(team, role)| (team.name, Mark::role(role.label())))
            .collect(),
        tabs: tabs(tab, Some(keys.len())),
        tab,
        keys,
        new_key: None,
        login: super::login_line(&app.base_url),
        sessions: session_rows(&sessions, visit.session.handle(), visit.now),
        identities,
        can_link: app.is_oidc_on(),
        seen,
        default_teams,
        default_org,
        fields,
        key_form: super::keys::form("/authorize", false, sent),
        problem: error.filter(|_| !in_place).map(Error::sentence).unwrap_or_default(),
    })
}

/// The tabs of one's account; `keys` is how many keys there are, where the page knows.
pub fn tabs(current: &str, keys: Option<usize>) -> Vec<Tab> {
    let made =
        |label, name: &str, count| Tab { label, href: tab_path(name).to_owned(), current: name == current, count };
    vec![
        made("Profile and sessions", "profile", None),
        made("API keys", "keys", keys),
        made("Password", "password", None),
        made("Second factors", "factors", None),
    ]
}

fn tab_path(tab: &str) -> &'static str {
    match tab {
        "keys" => "/authorize",
        "password" => "/console/account/password",
        "factors" => super::factors::HOME,
        _ => "/console/account",
    }
}

async fn show(app: Instance, request: HttpRequest, tab: &'static str) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    visit.html(&page(&app, &visit, tab, None)?)
}

/// `GET /console/account`.
pub async fn profile(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    show(app, request, "profile").await
}

/// `POST /console/account`: the name, and where runs go that name no team.
pub async fn save(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let me = visit.me.username.clone();
    let edit = Edit::of(Thing::User(me.clone()), &fields);
    let change = UserChange {
        name: Some(fields.text("name").to_owned()),
        default_team: Some(fields.text("team").to_owned()),
        ..UserChange::default()
    };
    let home = tab_path("profile");
    match app.act(&visit.caller, edit.guarding(move |cx| ops::users::update(cx, &me, &change))).await {
        Ok(_) => visit.done_or_undo(home, "Your profile is saved.", edit.undo(home, &[])),
        Err(error) if error.code() == Code::StaleVersion => {
            let place = Place {
                what: "Your profile".to_owned(),
                action: home.to_owned(),
                back: home.to_owned(),
                section: Section::None,
                crumbs: vec![("My account".to_owned(), home.to_owned())],
            };
            conflict::page(&app, &visit, &edit, &fields, place, error)
        }
        Err(error) if reply::status(&error).is_client_error() => {
            visit.again(&page_with(&app, &visit, "profile", &fields, Some(&error))?, &error)
        }
        Err(error) => Err(error),
    }
}

/// `GET /authorize`, where the wandb client sends people for a key.
pub async fn keys(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    show(app, request, "keys").await
}

/// `GET /console/account/password`.
pub async fn password(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    show(app, request, "password").await
}

/// `POST /authorize`: makes a key and shows it, once, on this answer.
pub async fn create_key(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    shown_once(&app, &visit, &fields, super::keys::issue(&app, &visit, &visit.me.username, &fields).await)
}

/// `POST /console/account/replace-key`: makes the successor of a key and shows it, once, on this answer.
pub async fn replace_key(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    shown_once(&app, &visit, &Fields::default(), super::keys::replace(&app, &visit, &fields).await)
}

fn shown_once(
    app: &Instance,
    visit: &Visit,
    sent: &Fields,
    made: Result<(crate::model::credential::ApiKey, FreshKey)>,
) -> Result<HttpResponse> {
    match made {
        Ok((key, fresh)) => {
            let mut shown = page(app, visit, "keys", None)?;
            shown.new_key = Some((key.name, fresh.reveal().to_owned()));
            visit.html(&shown)
        }
        Err(error) if reply::status(&error).is_client_error() => {
            visit.again(&page_with(app, visit, "keys", sent, Some(&error))?, &error)
        }
        Err(error) => Err(error),
    }
}

/// `POST /console/account/revoke-key`.
pub async fn revoke_key(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let id = fields.get("key").to_owned();
    let outcome = app.act(&visit.caller, move |cx| ops::credentials::revoke(cx, &id)).await;
    visit.settle("/authorize", outcome.map(|()| "The key is revoked. Nothing can use it any more.".to_owned()))
}

/// `POST /console/account/end-session`.
pub async fn end_session(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let (me, handle) = (visit.me.username.clone(), fields.get("session").to_owned());
    let outcome = app.act(&visit.caller, move |cx| ops::sessions::revoke(cx, &me, &handle)).await;
    visit.settle(tab_path("profile"), outcome.map(|()| "The session is ended.".to_owned()))
}

/// `POST /console/account/end-others`: every session but this one.
pub async fn end_others(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let (me, id, keep) = (visit.me.username.clone(), visit.me.id, visit.session.handle().to_owned());
    let outcome = app
        .act(&visit.caller, move |cx| {
            let others: Vec<_> =
                ops::sessions::list(cx, id)?.into_iter().filter(|s| s.session.handle() != keep).collect();
            for other in &others {
                ops::sessions::revoke(cx, &me, other.session.handle())?;
            }
            Ok(others.len())
        })
        .await;
    let said = outcome.map(|ended| match ended {
        1 => "One other session is ended.".to_owned(),
        many => format!("{many} other sessions are ended."),
    });
    visit.settle(tab_path("profile"), said)
}

/// `POST /console/account/password`.
pub async fn change_password(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let ip = crate::http::middleware::context(&request).client;
    match app.change_password(&visit.caller, fields.get("current"), fields.get("password"), Some(ip)).await {
        Ok(()) => visit.done(tab_path("password"), "The password is changed. Your other sessions are ended."),
        Err(error) if reply::status(&error).is_client_error() => {
            visit.again(&page(&app, &visit, "password", Some(&error))?, &error)
        }
        Err(error) => Err(error),
    }
}

/// `POST /console/account/unlink`: removes the link to an identity elsewhere.
pub async fn unlink(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let me = visit.me.username.clone();
    let (connection, subject) = (fields.get("connection").to_owned(), fields.get("subject").to_owned());
    let gone = app.act(&visit.caller, move |cx| ops::sso::unlink(cx, &me, &connection, &subject)).await;
    visit.settle("/console/account", gone.map(|()| "The link is removed.".to_owned()))
}

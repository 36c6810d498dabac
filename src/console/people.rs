//! People: the list and the form that creates one; changing several at once. A single person is in `person.rs`.

use super::page::frame::Section;
use super::page::list::Column;
use super::page::parts::{Choice, Field, Mark, org_roles};
use super::page::people::{Created, NewPerson, People, PersonRow};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::error::{Code, Error, Result};
use crate::http::reply;
use crate::model::role::{Action, OrgRole};
use crate::model::user::User;
use crate::ops::people::{Asked, Order, Show};
use crate::ops::users::NewUser;
use crate::ops::{self, Asking};
use crate::policy::Resource;
use actix_web::{HttpRequest, HttpResponse, web};

/// Where they are listed.
pub const HOME: &str = "/console/users";

/// One person as a row.
pub fn row(cx: &Asking, visit: &Visit, user: &User) -> Result<PersonRow> {
    Ok(PersonRow {
        username: user.username.clone(),
        name: user.name.clone(),
        email: user.email().unwrap_or_default().to_owned(),
        role: words::org_mark(user, visit.org),
        status: Mark::status(user.status_in(visit.org).as_str()),
        teams: ops::teams::of(cx, user.id)?.into_iter().map(|(team, _)| team.name).collect(),
        seats: user
            .membership(visit.org)
            .filter(|_| !user.is_service())
            .map(|m| (Mark::seat(m.models.as_str()), Mark::seat(m.weave.as_str()))),
        active: words::stamp_or(ops::users::last_active(cx, user.id)?, visit.now, "never active"),
        created: words::stamp(user.created_at, visit.now),
        pickable: user.id != visit.me.id,
    })
}

/// `GET /console/users`.
pub async fn list(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let query = Fields::query(&request);
    let columns = vec![
        Column::by("Person", "name"),
        Column::plain("E-mail"),
        Column::plain("Role"),
        Column::plain("Status"),
        Column::plain("Seats"),
        Column::plain("Teams"),
        Column::by("Created", "created"),
    ];
    let mut list = super::list_from(&query, "/console/users", "people", columns, "name");
    let shown = query.text("show").to_owned();
    if !shown.is_empty() {
        list.filter.push(("show", shown.clone()));
    }
    let show = match shown.as_str() {
        "admin" => Show::Admins,
        "member" => Show::Members,
        "viewer" => Show::Viewers,
        "deactivated" => Show::Deactivated,
        _ => Show::Everyone,
    };
    let searched = list.q.clone();
    if !searched.is_empty() || !matches!(show, Show::Everyone | Show::Members) {
        list.unsorted();
    }
    let order = if list.sort.ends_with("created") { Order::Age } else { Order::Name };
    let asked = Asked { search: &searched, show, order, down: list.sort.starts_with('-') };
    let turn = super::turn(&list)?;
    let (rows, can_create) = app.ask(&visit.caller, |cx| {
        let total = if searched.is_empty() { Some(ops::people::total(cx, show)?) } else { None };
        let page = super::turned(&mut list, ops::people::list(cx, &asked, &turn)?, total);
        let rows = page.iter().map(|user| row(cx, &visit, user)).collect::<Result<Vec<_>>>()?;
        Ok((rows, cx.can(Action::UserCreate, Resource::Org(visit.org))?))
    })?;
    let chips = [
        ("", "Everyone"),
        ("admin", "Admins"),
        ("member", "Members"),
        ("viewer", "Viewers"),
        ("deactivated", "Deactivated"),
    ];
    list.add_chips("show", &shown, &chips);
    let frame = visit.frame("People", Section::People).crumb("People", "");
    visit.html(&People { frame, area: super::area::of(&visit, HOME), list, rows, can_create, can_bulk: can_create })
}

fn form(app: &Instance, visit: &Visit, fields: &Fields, error: Option<&Error>) -> Result<NewPerson> {
    let on = |codes: &[Code]| error.filter(|e| codes.contains(&e.code())).map(Error::sentence).unwrap_or_default();
    // A rule that a value breaks says which value in its sentence; it stands where the word points.
    let broken = on(&[Code::InvalidValue]);
    let place = |word: &str| if broken.contains(word) { broken.clone() } else { String::new() };
    let (email, username) = (
        [on(&[Code::EmailTaken]), place("e-mail")].concat(),
        [on(&[Code::NameTaken]), place("user name"), place("path of this server")].concat(),
    );
    let weak = on(&[Code::WeakPassword]);
    let in_place = !email.is_empty() || !username.is_empty() || !weak.is_empty();
    let chosen = fields.all("team");
    // Teams that the asker manages: those a new person can be put into at once.
    let mut teams = app.ask(&visit.caller, |cx| ops::teams::mine(cx))?;
    teams.retain(|(team, _)| team.org == visit.org);
    let role = fields.get("role");
    Ok(NewPerson {
        frame: visit
            .frame("Create a person", Section::People)
            .crumb("People", "/console/users")
            .crumb("Create a person", ""),
        fields: vec![
            Field::email("email", "E-mail").value(fields.get("email")).wrong(&email),
            Field::text("username", "Username")
                .help("Letters, digits, _ and -. Left empty, it is made from the e-mail.")
                .value(fields.get("username"))
                .optional()
                .wrong(&username),
            Field::text("name", "Name").value(fields.get("name")).optional(),
        ],
        roles: org_roles(if role.is_empty() { "member" } else { role }),
        teams: teams
            .into_iter()
            .map(|(team, _)| Choice {
                chosen: chosen.contains(&team.name),
                value: team.name.clone(),
                label: team.name,
                ..Choice::default()
            })
            .collect(),
        password: Field::password("password", "First password", "new-password")
            .help("At least 10 characters. Left empty, they cannot sign in on the page until one is set in the shell.")
            .optional()
            .wrong(&weak),
        problem: error.filter(|_| !in_place).map(Error::sentence).unwrap_or_default(),
    })
}

/// `GET /console/users/new`.
pub async fn new(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    app.ask(&visit.caller, |cx| cx.allow(Action::UserCreate, Resource::Org(visit.org)).map(drop))?;
    visit.html(&form(&app, &visit, &Fields::query(&request), None)?)
}

/// `POST /console/users/new`.
pub async fn create(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match try_create(&app, &visit, &fields).await {
        Ok((user, has_password)) => visit.html(&Created {
            frame: visit
                .frame("Created", Section::People)
                .crumb("People", "/console/users")
                .crumb(user.username.clone(), ""),
            email: user.email().unwrap_or_default().to_owned(),
            username: user.username,
            has_password,
            sign_in: format!("{}/login", app.base_url),
        }),
        Err(error) if reply::status(&error).is_client_error() => {
            visit.again(&form(&app, &visit, &fields, Some(&error))?, &error)
        }
        Err(error) => Err(error),
    }
}

async fn try_create(app: &Instance, visit: &Visit, fields: &Fields) -> Result<(User, bool)> {
    // Asked before the hashing, so that nobody who may not create makes the server work.
    app.ask(&visit.caller, |cx| cx.allow(Action::UserCreate, Resource::Org(visit.org)).map(drop))?;
    let password = fields.get("password");
    let password_hash = if password.is_empty() {
        None
    } else {
        Some(app.new_password(password, &[fields.text("email"), fields.text("username"), fields.text("name")]).await?)
    };
    let has_password = password_hash.is_some();
    let new = NewUser {
        email: fields.text("email").to_owned(),
        username: fields.optional("username"),
        name: fields.text("name").to_owned(),
        role: fields.optional("role").map(|role| OrgRole::parse(&role)).transpose()?,
        password_hash,
        ..NewUser::default()
    };
    let teams = fields.all("team");
    let user = app
        .act(&visit.caller, move |cx| {
            let user = ops::users::create(cx, &new)?;
            for team in &teams {
                ops::teams::invite(cx, team, &user.username, "member")?;
            }
            Ok(user)
        })
        .await?;
    Ok((user, has_password))
}

/// `POST /console/users/bulk`: deactivates or reactivates everyone ticked, all or nobody.
pub async fn bulk(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let (picked, active) = (fields.all("pick"), fields.get("do") == "reactivate");
    if picked.is_empty() {
        return visit.refused("/console/users", &Error::invalid("Nobody was selected."));
    }
    let (names, verb) = (picked.clone(), if active { "reactivated" } else { "deactivated" });
    let outcome = app
        .act(&visit.caller, move |cx| {
            for name in &names {
                ops::users::set_active(cx, name, active)?;
            }
            Ok(())
        })
        .await;
    let said = match picked.as_slice() {
        [one] => format!("{one} is {verb}."),
        many => format!("{} people are {verb}.", many.len()),
    };
    match outcome {
        Ok(()) => {
            let back = if active { "deactivate" } else { "reactivate" };
            let mut undo: Vec<(String, String)> = picked.into_iter().map(|name| ("pick".to_owned(), name)).collect();
            undo.push(("do".to_owned(), back.to_owned()));
            let action = "/console/users/bulk".to_owned();
            // A cookie holds about fifty names; beyond, there is no undo, only the other button.
            if undo.len() > 40 {
                return visit.done("/console/users", said);
            }
            visit.done_with_undo("/console/users", said, super::page::parts::Undo { action, fields: undo })
        }
        Err(error) => visit.settle("/console/users", Err(error)),
    }
}

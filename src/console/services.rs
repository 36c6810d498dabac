//! Service accounts: the organization's page of its own, the form and the rows that a team's page shows too, and what a person's
//! page says of one. What is done to a single one is in `person.rs`.

use super::page::frame::Section;
use super::page::parts::{Choice, Field, Link, Mark};
use super::page::services::{ServiceFacts, ServiceForm, ServiceRow, Services};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::error::{Error, Kind, Result};
use crate::http::reply;
use crate::model::role::Action;
use crate::model::team::Team;
use crate::model::user::User;
use crate::model::{Entity, TeamId};
use crate::ops::credentials::{FreshKey, NewKey};
use crate::ops::service_accounts::{self, NewService};
use crate::ops::{self, Acting, Asking};
use crate::policy::Resource;
use actix_web::{HttpRequest, HttpResponse, web};

/// The organization's page.
pub const HOME: &str = "/org/dashboard/service-accounts";

/// The page on which a team's accounts stand.
pub fn of_team(team: &str) -> String {
    format!("/{team}/service-accounts")
}

/// One account as a row.
pub fn row(cx: &Asking, visit: &Visit, user: &User) -> Result<ServiceRow> {
    let may = cx.can(Action::ApiKeyRead, Resource::User(user.id))?;
    let keys = if may { ops::credentials::list(cx, user.id)? } else { vec![] };
    let used = keys.iter().filter_map(|k| k.last.as_ref().map(|used| used.at)).max();
    let (method, subject) = method(user);
    Ok(ServiceRow {
        username: user.username.clone(),
        name: user.name.clone(),
        method,
        subject,
        default_team: default_team(cx, user)?,
        keys: keys.len(),
        used: words::stamp_or(used, visit.now, "never"),
        status: Mark::status(user.status.as_str()),
        created: words::stamp(user.created_at, visit.now),
    })
}

fn method(user: &User) -> (Mark, String) {
    let subject = user.service().and_then(|s| s.subject.clone()).unwrap_or_default();
    (Mark::method(!subject.is_empty()), subject)
}

fn default_team(cx: &Asking, user: &User) -> Result<String> {
    if user.default_team.is_none() {
        return Ok(String::new());
    }
    ops::lookup::default_entity_name(cx, user)
}

/// The form that creates an account of a team.
pub fn team_form(team: &str, sent: Option<&Fields>) -> ServiceForm {
    let kept = |name: &str| sent.map_or("", |form| form.get(name));
    let federated = kept("method") == "federated";
    let method = |value: &str, label: &str, help: &'static str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        help: help.into(),
        chosen: (value == "federated") == federated,
        ..Choice::default()
    };
    ServiceForm {
        action: of_team(team),
        fields: vec![
            Field { max: 200, ..Field::text("about", "Name").help("What it is for, such as: nightly training.") }
                .value(kept("about")),
        ],
        teams: vec![],
        methods: vec![
            method("key", "Generate API key (built-in)", "It acts by a key, which is shown once."),
            method("federated", "Federated identity", "It acts by tokens of the company's issuer, and has no key."),
        ],
        subject: Some(
            Field { max: service_accounts::SUBJECT_MAX, ..Field::text("subject", "Subject of a federated identity") }
                .help("What its tokens have as “sub”, exactly, such as system:serviceaccount:train:runner.")
                .value(kept("subject"))
                .optional(),
        ),
    }
}

/// What a team's form asks for.
fn asked(fields: &Fields) -> NewService {
    // A subject is taken as it stands: blanks count.
    let subject = (fields.get("method") == "federated").then(|| fields.get("subject").to_owned());
    NewService { name: fields.text("about").to_owned(), subject }
}

/// Issues a new account its first key, unless it has none by its nature.
fn first_key(cx: &mut Acting, account: &User, secret: &FreshKey) -> Result<bool> {
    if account.service().is_some_and(|s| s.subject.is_some()) {
        return Ok(false);
    }
    let new = NewKey { name: "first key".to_owned(), ..NewKey::default() };
    ops::credentials::issue(cx, &account.username, &new, secret).map(|_| true)
}

/// Creates an account of a team as its form asks; gives it with its first key, if it has one.
pub async fn create_in_team(
    app: &Instance,
    visit: &Visit,
    team: &str,
    fields: &Fields,
) -> Result<(User, Option<FreshKey>)> {
    let fresh = FreshKey::draw(&app.random)?;
    let (of, new, secret) = (team.to_owned(), asked(fields), fresh.clone());
    let (account, has_key) = app
        .act(&visit.caller, move |cx| {
            let account = service_accounts::create_in_team(cx, &of, &new)?;
            let has_key = first_key(cx, &account, &secret)?;
            Ok((account, has_key))
        })
        .await?;
    Ok((account, has_key.then_some(fresh)))
}

/// What a person's page says of a service account.
pub fn facts(cx: &Asking, user: &User, teams: &[(Team, crate::policy::Held)], sent: &Fields) -> Result<ServiceFacts> {
    let (method, subject) = method(user);
    let name_of = |id: TeamId| teams.iter().find(|(team, _)| team.id == id).map(|(team, _)| team.name.clone());
    let home = match user.service_team() {
        Some(team) => {
            let name = name_of(team).unwrap_or_default();
            Link { href: of_team(&name), label: name }
        }
        None => Link { href: HOME.to_owned(), label: "the organization".to_owned() },
    };
    let can_change = cx.can(Action::UserUpdate, Resource::User(user.id))?
        && match user.service_team() {
            Some(team) => cx.can(Action::TeamUninvite, Resource::Entity(Entity::Team(team)))?,
            None => true,
        };
    let default_team = user.is_org_service().then(|| {
        let stored = user.default_team.and_then(name_of).unwrap_or_default();
        let mut field = Field::text("team", "Default team")
            .help("Where its runs go that name no team.")
            .value(if sent.get("team").is_empty() { &stored } else { sent.get("team") });
        field.list = "teams";
        field
    });
    let teams =
        if user.is_org_service() { teams.iter().take(200).map(|(t, _)| t.name.clone()).collect() } else { vec![] };
    Ok(ServiceFacts { method, subject, home, default_team, teams, can_change })
}

fn page(app: &Instance, visit: &Visit, query: &Fields, sent: Option<(&Fields, &Error)>) -> Result<Services> {
    app.ask(&visit.caller, |cx| {
        let mut list = super::list_from(query, HOME, "service accounts", vec![], "");
        let found = ops::lists::services_of_org(cx, &super::turn(&list)?)?;
        let accounts = super::turned(&mut list, found, Some(service_accounts::count_of_org(cx)?));
        let services = accounts.iter().map(|user| row(cx, visit, user)).collect::<Result<Vec<_>>>()?;
        let kept = |name: &str| sent.map_or("", |(form, _)| form.get(name));
        let mut team = Field::text("team", "Default team")
            .help("Its runs go there when they name no team; it must have one.")
            .value(kept("team"));
        team.list = "teams";
        let form = match cx.can(Action::ServiceCreate, Resource::Org(visit.org))? {
            false => None,
            true => Some(ServiceForm {
                action: HOME.to_owned(),
                fields: vec![
                    Field { max: 200, ..Field::text("about", "Name").help("What it is for, such as: deployment.") }
                        .value(kept("about")),
                    team,
                ],
                teams: super::teams::offered(cx, visit)?.into_iter().map(|t| t.name).collect(),
                methods: vec![],
                subject: None,
            }),
        };
        Ok(Services {
            frame: visit
                .frame("Service accounts", Section::Settings)
                .crumb("Settings", visit.settings())
                .crumb("Service accounts", ""),
            area: super::area::of(visit, HOME),
            list,
            services,
            form,
            why: super::why::link(&visit.me.username, "organization:create_service_account", ""),
            new_key: None,
            problem: sent.map(|(_, error)| error.sentence()).unwrap_or_default(),
        })
    })
}

/// `GET /org/dashboard/service-accounts`.
pub async fn show(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    visit.html(&page(&app, &visit, &Fields::query(&request), None)?)
}

/// `POST /org/dashboard/service-accounts`: creates one with its first key, shown once on this answer.
pub async fn create(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let fresh = FreshKey::draw(&app.random)?;
    let new = NewService { name: fields.text("about").to_owned(), subject: None };
    let (team, secret) = (fields.text("team").to_owned(), fresh.clone());
    let made = app
        .act(&visit.caller, move |cx| {
            let account = service_accounts::create_in_org(cx, &team, &new)?;
            first_key(cx, &account, &secret)?;
            Ok(account)
        })
        .await;
    match made {
        Ok(account) => {
            let mut shown = page(&app, &visit, &Fields::default(), None)?;
            shown.new_key = Some((account.username, fresh.reveal().to_owned()));
            visit.html(&shown)
        }
        Err(error) if error.kind() == Kind::Denied || !reply::status(&error).is_client_error() => Err(error),
        Err(error) => visit.again(&page(&app, &visit, &Fields::default(), Some((&fields, &error)))?, &error),
    }
}

/// Whether somebody manages the service accounts of a team: what the page of them is for.
///
/// # Errors
/// [`crate::error::Code::Denied`] for those who do not.
pub fn may_open(cx: &Asking, team: &Team) -> Result<()> {
    let on = Resource::Entity(Entity::Team(team.id));
    // Where no new ones are made, those that are there are looked after all the same.
    if cx.can(Action::TeamUninvite, on)? {
        return Ok(());
    }
    let _may = cx.allow(Action::TeamCreateService, on)?;
    Ok(())
}

/// `POST /{team}/service-accounts`: creates one of the team, with its first key shown once on this answer.
pub async fn create_of_team(
    app: Instance,
    request: HttpRequest,
    team: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match create_in_team(&app, &visit, &team, &fields).await {
        Ok((account, None)) => visit.done(
            &of_team(&team),
            format!("{} is created. Tokens of the company's issuer with its subject act as it.", account.username),
        ),
        Ok((account, Some(fresh))) => {
            let mut shown = super::teams::page(&app, &visit, &Fields::default(), &team, "service-accounts", None)?;
            shown.new_key = Some((account.username, fresh.reveal().to_owned()));
            visit.html(&shown)
        }
        Err(error) => super::members::again(&app, &visit, &team, "service-accounts", &fields, error),
    }
}

//! Domains that the organization captures: claiming, proving, the team that newcomers join, giving up; and joining a team that
//! recommends itself. The rules are in `ops::domains`.

use super::page::domains::{DomainRow, Domains};
use super::page::frame::Section;
use super::page::parts::{Choice, Field, Mark};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::error::{Error, Kind, Result};
use crate::http::reply;
use crate::model::domain::Proof;
use crate::model::role::Action;
use crate::model::team::HOME as INSTANCE;
use crate::ops;
use crate::policy::Resource;
use actix_web::{HttpRequest, HttpResponse, web};

/// Where it is.
pub const HOME: &str = "/console/organization/domains";

fn page(app: &Instance, visit: &Visit, sent: Option<(&Fields, &Error)>) -> Result<Domains> {
    let has_mail = app.has_mail();
    app.ask(&visit.caller, |cx| {
        let claims = ops::domains::list(cx)?;
        let open_teams: Vec<String> = ops::domains::open_teams(cx)?.into_iter().map(|team| team.name).collect();
        let pick = |chosen: &str| -> Vec<Choice> {
            let none = Choice { label: "No team".to_owned(), chosen: chosen.is_empty(), ..Choice::default() };
            let others = open_teams.iter().map(|name| Choice {
                value: name.clone(),
                label: name.clone(),
                chosen: name == chosen,
                ..Choice::default()
            });
            std::iter::once(none).chain(others).collect()
        };
        let rows = claims.into_iter().map(|(domain, team)| {
            let name = team.as_ref().map_or("", |team| team.name.as_str());
            let mut teams = pick(name);
            let is_off = team.as_ref().is_some_and(|team| !team.recommended);
            if is_off {
                teams.push(Choice {
                    value: name.to_owned(),
                    label: name.to_owned(),
                    chosen: true,
                    ..Choice::default()
                });
            }
            DomainRow {
                state: Mark::proof(domain.proof.map(Proof::as_str)),
                proved: domain.proof.is_some(),
                record: ops::domains::record_name(&domain.name),
                text: ops::domains::record_text(&domain),
                teams,
                caution: if is_off {
                    format!("{name} does not recommend itself any more, so newcomers do not join it.")
                } else {
                    String::new()
                },
                created: words::stamp(domain.created_at, visit.now),
                name: domain.name,
            }
        });
        let typed = |name: &str| sent.map(|(fields, _)| fields.get(name).to_owned()).unwrap_or_default();
        Ok(Domains {
            frame: visit.frame("Domains", Section::Settings).crumb("Settings", visit.settings()).crumb("Domains", ""),
            area: super::area::of(visit, HOME),
            rows: rows.collect(),
            field: Field::text("domain", "Domain")
                .help("Such as example.com. One organization of this instance can claim it.")
                .value(&typed("domain"))
                .wrong(&sent.map(|(_, error)| error.sentence()).unwrap_or_default()),
            teams: pick(&typed("team")),
            can_confirm: cx.can(Action::SettingUpdate, Resource::Org(INSTANCE))?,
            open: cx.settings().people().sign_up,
            has_mail,
            problem: String::new(),
        })
    })
}

/// `GET /console/organization/domains`.
pub async fn show(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    visit.html(&page(&app, &visit, None)?)
}

/// `POST /console/organization/domains`: claims one.
pub async fn claim(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let challenge = app.random.letters(32)?;
    let (name, team) = (fields.text("domain").to_owned(), fields.optional("team"));
    let claimed = app.act(&visit.caller, move |cx| ops::domains::claim(cx, &name, team.as_deref(), &challenge)).await;
    match claimed {
        Ok(domain) => visit.done(HOME, format!("{} is claimed. Prove now that it is yours.", domain.name)),
        Err(error) if error.kind() == Kind::Denied || !reply::status(&error).is_client_error() => Err(error),
        Err(error) => visit.again(&page(&app, &visit, Some((&fields, &error)))?, &error),
    }
}

/// `POST /console/organization/domains/{domain}/{what}`: proves, chooses the team, gives up.
pub async fn change(
    app: Instance,
    request: HttpRequest,
    parts: web::Path<(String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let (domain, what) = parts.into_inner();
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let name = domain.clone();
    let outcome = match what.as_str() {
        "check" => app.prove_domain(&visit.caller, &domain).await.map(|_| format!("{domain} is proved.")),
        "confirm" => app
            .act(&visit.caller, move |cx| ops::domains::prove(cx, &name, Proof::Admin))
            .await
            .map(|_| format!("{domain} counts as proved, on your word.")),
        "team" => {
            let team = fields.optional("team");
            app.act(&visit.caller, move |cx| ops::domains::set_team(cx, &name, team.as_deref()))
                .await
                .map(|_| "Saved.".to_owned())
        }
        "release" => app
            .act(&visit.caller, move |cx| ops::domains::release(cx, &name))
            .await
            .map(|()| format!("{domain} is given up. Whoever came by it stays.")),
        _ => return Err(Error::not_found("There is no such action.")),
    };
    visit.settle(HOME, outcome)
}

/// `POST /console/teams/join`: joins a team that recommends itself.
pub async fn join(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let team = fields.text("team").to_owned();
    match app.act(&visit.caller, move |cx| ops::domains::join(cx, &team)).await {
        Ok(team) => visit.done(&format!("/{}", team.name), format!("You are in {} now.", team.name)),
        Err(error) => visit.settle("/console/teams", Err(error)),
    }
}

//! Provisioning: the address and the credentials of identity providers, changes that the fuse holds back, local accounts that
//! a connection wants, teams that are managed, and the last requests with what they changed.

use super::page::frame::Section;
use super::page::list::thousands;
use super::page::parts::{Choice, EventLine, Field, Mark, Switch};
use super::page::provisioning::{ConnectionRow, HoldCard, LossRow, Provisioning, RequestRow, TeamRow, WishRow};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::error::{Error, Kind, Result};
use crate::http::reply;
use crate::model::audit::Event;
use crate::model::provisioning::{Connection, HeldLoss, Hold, HoldState, Loss, Speech};
use crate::model::{Entity, HoldId, UserId};
use crate::ops::connections::NewConnection;
use crate::ops::credentials::FreshKey;
use crate::ops::{self, Asking, connections, fuse, requests};
use crate::store::Range;
use actix_web::{HttpRequest, HttpResponse, web};
use std::collections::HashMap;

/// The page's address.
pub const HOME: &str = "/console/provisioning";
/// Held losses shown of each hold.
const LOSSES: usize = 10;
/// Wishes and teams shown.
const ROWS: usize = 50;
/// Requests shown.
const REQUESTS: usize = 25;
/// Changes shown of a request.
const CHANGES: usize = 5;

/// What a form sent that was refused, and why.
type Sent<'a> = Option<(&'a Fields, &'a Error)>;

fn page(app: &Instance, visit: &Visit, sent: Sent, new_key: Option<(String, String)>) -> Result<Provisioning> {
    app.ask(&visit.caller, |cx| {
        let all = connections::list(cx)?;
        let holds = fuse::list(cx, Range::all().limit(ROWS))?.items;
        let wishes = connections::wishes(cx, Range::all().limit(ROWS))?;
        let bounds = cx.settings().fuse();
        let typed = |name: &str| sent.map_or_else(String::new, |(form, _)| form.get(name).to_owned());
        let error = sent.map(|(_, error)| error.sentence()).unwrap_or_default();
        let speech = Speech::parse(&typed("speech")).unwrap_or_default();
        let all_teams = ops::lists::teams(cx, "", false, false, &ops::paging::Turn::first(ROWS))?.items;
        let team_count = ops::teams::count(cx)?;
        Ok(Provisioning {
            frame: visit
                .frame("Provisioning", Section::Settings)
                .crumb("Settings", visit.settings())
                .crumb("Provisioning", ""),
            area: super::area::of(visit, HOME),
            endpoint: format!("{}/scim/v2", app.base_url),
            plain_endpoint: format!("{}/scim", app.base_url),
            new_key,
            holds: holds
                .iter()
                .map(|hold| card(cx, visit, hold))
                .filter_map(Result::transpose)
                .collect::<Result<_>>()?,
            wishes: wishes
                .items
                .iter()
                .map(|(adoption, connection, user)| WishRow {
                    connection: connection.id.0,
                    connection_name: connection.name.clone(),
                    user: user.id.0,
                    username: user.username.clone(),
                    name: user.name.clone(),
                    role: words::org_mark(user, visit.org),
                    first: words::stamp(adoption.first_at, visit.now),
                })
                .collect(),
            more_wishes: wishes.next.is_some(),
            connections: all.iter().map(|c| connection_row(cx, visit, c)).collect::<Result<_>>()?,
            fields: vec![
                Field { max: 128, ..Field::text("name", "Name") }
                    .help("As people call it, such as Okta or Entra ID. The audit log names it.")
                    .value(&typed("name"))
                    .wrong(&error),
            ],
            speeches: Speech::ALL
                .into_iter()
                .map(|s| Choice {
                    value: s.as_str().to_owned(),
                    label: speech_label(s).to_owned(),
                    chosen: s == speech,
                    ..Choice::default()
                })
                .collect(),
            adopts: Switch {
                name: "adopts",
                label: "Takes over local accounts without asking",
                help: "Off: an account that was here before is only handed over by an admin, on this page. Whoever can write the directory could else take over anybody.",
                on: typed("adopts") == "on",
                held: String::new(),
            },
            teams: all_teams.iter().map(|team| team_row(cx, team, &all)).collect::<Result<_>>()?,
            more_teams: team_count.saturating_sub(all_teams.len()),
            requests: request_rows(cx, visit, &all)?,
            bounds: format!(
                "{} accounts and {} % of all people within {} minutes",
                bounds.accounts,
                bounds.percent,
                bounds.window / crate::clock::MINUTE
            ),
            problem: String::new(),
        })
    })
}

fn speech_label(speech: Speech) -> &'static str {
    match speech {
        Speech::AsAsked => "As each request asks",
        Speech::Wandb => "W&B's dialect",
        Speech::Rfc => "RFC 7643",
    }
}

/// A hold that waits, or of which something could not be carried out.
fn card(cx: &Asking, visit: &Visit, hold: &Hold) -> Result<Option<HoldCard>> {
    if hold.state == HoldState::Refused {
        return Ok(None);
    }
    let waits = hold.state == HoldState::Waiting;
    let count = fuse::count(cx, hold.id, usize::MAX)?;
    let shown = fuse::losses(cx, hold.id, Range::all().limit(LOSSES))?.items;
    if shown.is_empty() {
        return Ok(None);
    }
    let rows = shown.iter().map(|held| loss_row(cx, held)).collect::<Result<Vec<_>>>()?;
    let plural = if count == 1 { "change is" } else { "changes are" };
    let (title, text) = if waits {
        (
            format!("{} {plural} held back", thousands(count)),
            format!(
                "{} of {} people had lost something to provisioning within the window before. Nothing of what is listed was applied; the client was told so.",
                hold.passed, hold.people
            ),
        )
    } else {
        (
            format!("{} approved {} not possible", thousands(count), plural.replace("change", "").trim()),
            "They were approved, and a rule refused them. Each says which.".to_owned(),
        )
    };
    Ok(Some(HoldCard {
        id: hold.id.0,
        seen: hold.last_at,
        title,
        text,
        since: words::stamp(hold.opened_at, visit.now),
        rows,
        more: count.saturating_sub(LOSSES),
        waits,
    }))
}

fn loss_row(cx: &Asking, held: &HeldLoss) -> Result<LossRow> {
    let (user, team) = fuse::about(cx, held)?;
    Ok(LossRow {
        username: user.as_ref().map(|u| u.username.clone()).unwrap_or_default(),
        name: user.map(|u| u.name).unwrap_or_default(),
        what: Mark::loss(match held.loss {
            Loss::Deactivate(_) => "deactivate",
            Loss::Delete(_) => "delete",
            Loss::Leave(..) => "leave",
        }),
        team: team.map(|t| t.name).unwrap_or_default(),
        trouble: held.trouble.clone().unwrap_or_default(),
    })
}

fn connection_row(cx: &Asking, visit: &Visit, connection: &Connection) -> Result<ConnectionRow> {
    let (people, teams) = connections::managed_by(cx, connection.id)?;
    let used = ops::credentials::list(cx, connection.id)?.into_iter().find_map(|k| k.last).map(|used| used.at);
    let word = |n: usize, one: &str, many: &str| format!("{} {}", thousands(n), if n == 1 { one } else { many });
    Ok(ConnectionRow {
        id: connection.id.0,
        name: connection.name.clone(),
        key: connection.key.clone(),
        used: words::stamp_or(used, visit.now, "never"),
        manages: format!("{}, {}", word(people, "person", "people"), word(teams, "team", "teams")),
        speech: speech_label(connection.speech),
        adopts: connection.adopts,
    })
}

fn team_row(cx: &Asking, team: &crate::model::team::Team, all: &[Connection]) -> Result<TeamRow> {
    let by = connections::managing(cx, Entity::Team(team.id))?;
    let choice = |value: String, label: String, chosen: bool| Choice { value, label, chosen, ..Choice::default() };
    let mut choices = vec![choice(String::new(), "Local".to_owned(), by.is_none())];
    choices.extend(
        all.iter().map(|c| choice(c.id.0.to_string(), c.name.clone(), by.as_ref().is_some_and(|b| b.id == c.id))),
    );
    Ok(TeamRow { team: team.name.clone(), by: Mark::managed(by.as_ref().map(|b| b.name.as_str())), choices })
}

fn request_rows(cx: &Asking, visit: &Visit, all: &[Connection]) -> Result<Vec<RequestRow>> {
    let mut last = requests::list(cx)?;
    last.truncate(REQUESTS);
    let mut changes = requests::changes(cx, &last)?;
    let mut names: HashMap<UserId, String> = all.iter().map(|c| (c.id, c.name.clone())).collect();
    let mut rows = Vec::with_capacity(last.len());
    for request in last {
        let by = match names.get(&request.by) {
            Some(name) => name.clone(),
            None => {
                let name = requests::asker(cx, &request)?.unwrap_or_default();
                names.insert(request.by, name.clone());
                name
            }
        };
        let events = changes.remove(&request.request).unwrap_or_default();
        rows.push(RequestRow {
            at: words::stamp(request.at, visit.now),
            by,
            method: request.method,
            path: request.path,
            outcome: Mark::answered(request.status, request.dry_run),
            said: request.said,
            more: events.len().saturating_sub(CHANGES),
            changes: events.iter().take(CHANGES).map(|e| change(e, visit)).collect(),
        });
    }
    Ok(rows)
}

/// A change without its actor, who stands beside it.
fn change(event: &Event, visit: &Visit) -> EventLine {
    let mut line = words::event(event, visit.now, false);
    if !line.sentence.is_empty() {
        line.sentence.remove(0);
    }
    line
}

/// `GET /console/provisioning`.
pub async fn show(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    // What was asked a moment ago is listed before the list is read.
    app.settle().await?;
    visit.html(&page(&app, &visit, None, None)?)
}

/// `POST /console/provisioning`: makes a connection and shows its key, once, on this answer.
pub async fn create(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let new = NewConnection {
        name: fields.text("name").to_owned(),
        speech: Speech::parse(fields.get("speech")).unwrap_or_default(),
        adopts: fields.get("adopts") == "on",
    };
    let fresh = FreshKey::draw(&app.random)?;
    let secret = fresh.clone();
    match app.act(&visit.caller, move |cx| connections::create(cx, &new, &secret)).await {
        Ok(made) => visit.html(&page(&app, &visit, None, Some((made.name, fresh.reveal().to_owned())))?),
        Err(error) if error.kind() == Kind::Denied || !reply::status(&error).is_client_error() => Err(error),
        Err(error) => visit.again(&page(&app, &visit, Some((&fields, &error)), None)?, &error),
    }
}

/// `POST /console/provisioning/connections/{id}/{what}`: `update`, `renew` or `remove`.
pub async fn connection(
    app: Instance,
    request: HttpRequest,
    path: web::Path<(u64, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let (id, what) = path.into_inner();
    let id = UserId(id);
    let who = &visit.caller;
    let outcome = match what.as_str() {
        "update" => {
            let (speech, adopts) = (fields.get("speech").to_owned(), fields.get("adopts") == "on");
            app.act(who, move |cx| {
                let present = connections::get(cx, id)?.speech;
                connections::update(cx, id, Speech::parse(&speech).unwrap_or(present), adopts)
            })
            .await
            .map(|c| {
                let how = if adopts { "takes over local accounts without asking" } else { "asks for local accounts" };
                format!("{} {how}.", c.name)
            })
        }
        "renew" => {
            let fresh = FreshKey::draw(&app.random)?;
            let secret = fresh.clone();
            match app.act(who, move |cx| connections::renew(cx, id, &secret)).await {
                Ok(made) => {
                    return visit.html(&page(&app, &visit, None, Some((made.name, fresh.reveal().to_owned())))?);
                }
                Err(error) => Err(error),
            }
        }
        "remove" => app
            .act(who, move |cx| connections::remove(cx, id))
            .await
            .map(|()| "The connection is removed. What it managed is local now.".to_owned()),
        _ => Err(Error::not_found("There is nothing here.")),
    };
    visit.settle(HOME, outcome)
}

/// `POST /console/provisioning/held/{id}/{what}`: `approve` or `refuse`.
pub async fn held(
    app: Instance,
    request: HttpRequest,
    path: web::Path<(u64, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let (id, what) = path.into_inner();
    let (id, seen) = (HoldId(id), fields.get("seen").parse().unwrap_or(0));
    let outcome = match what.as_str() {
        "approve" => app.approve_held(&visit.caller, id, seen).await.map(|(done, left)| match left {
            0 => format!("{} carried out.", counted(done)),
            _ => format!("{} carried out; {} refused by a rule, see below.", counted(done), counted(left)),
        }),
        "refuse" => app
            .act(&visit.caller, move |cx| fuse::decide(cx, id, false, seen).map(drop))
            .await
            .map(|()| "The changes are refused, also when the client asks again within a week.".to_owned()),
        _ => Err(Error::not_found("There is nothing here.")),
    };
    visit.settle(HOME, outcome)
}

fn counted(n: usize) -> String {
    format!("{} {}", thousands(n), if n == 1 { "change was" } else { "changes were" })
}

/// `POST /console/provisioning/adoption`: hands a local account over to the connection that wants it, or refuses that.
pub async fn adoption(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let number = |name: &str| fields.get(name).parse().map(UserId).unwrap_or(UserId(0));
    let (connection, user, give) = (number("connection"), number("user"), fields.get("answer") == "give");
    let outcome = app.act(&visit.caller, move |cx| connections::answer(cx, connection, user, give)).await;
    let said = if give { "The account is handed over." } else { "The account stays local." };
    visit.settle(HOME, outcome.map(|()| said.to_owned()))
}

/// `POST /console/provisioning/team`: marks a team as managed by a connection, or as local.
pub async fn team(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let name = fields.text("team").to_owned();
    let by = fields.optional("by").map(|id| id.parse().map(UserId).unwrap_or(UserId(0)));
    let said = match by {
        Some(_) => format!("The members of {name} come from the identity provider now."),
        None => format!("{name} is local: its admins look after its members."),
    };
    let outcome = app.act(&visit.caller, move |cx| connections::mark_team(cx, &name, by)).await;
    visit.settle(HOME, outcome.map(|()| said))
}

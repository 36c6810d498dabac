//! The issuers of tokens that the organization trusts: adding one, its terms, asking it step by step, trying a token, and
//! trusting it no longer. The rules are in `ops::issuers`, the checks of a token in `app::federation`.

use super::page::frame::Section;
use super::page::issuers::{IssuerPage, IssuerRow, Issuers, TermsForm};
use super::page::parts::{Choice, Field, Mark, Switch};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::app::federation::algorithms;
use crate::clock::{DAY, Millis, parse_rfc3339, rfc3339};
use crate::config::span;
use crate::error::{Error, Kind, Result};
use crate::http::reply;
use crate::model::IssuerId;
use crate::model::federation::{AGE_MAX, Issuer, IssuerPapers};
use crate::model::identity::Check;
use crate::ops::audit::Search;
use crate::ops::issuers::{self, AHEAD, Terms};
use crate::ops::{self, Asking};
use actix_web::{HttpRequest, HttpResponse, web};

/// The list's address.
pub const HOME: &str = "/console/issuers";
/// Refusals shown of one issuer.
const REFUSALS: usize = 8;

/// What a form sent that was refused, and why.
type Sent<'a> = Option<(&'a Fields, &'a Error)>;

/// What a page of one issuer shows beside its terms.
#[derive(Default)]
struct Shown {
    checks: Vec<Check>,
    outcome: String,
}

fn list_page(app: &Instance, visit: &Visit, sent: Sent) -> Result<Issuers> {
    app.ask(&visit.caller, |cx| {
        let all = issuers::list(cx, None)?;
        let row = |issuer: &Issuer| IssuerRow {
            id: issuer.id.0,
            url: issuer.url.clone(),
            keys: keys_mark(issuer, visit.now),
            algorithms: issuer.algorithms.join(", "),
            changed: words::stamp(issuer.changed_at, visit.now),
        };
        Ok(Issuers {
            frame: visit
                .frame("JWT issuers", Section::Settings)
                .crumb("Settings", visit.settings())
                .crumb("JWT issuers", ""),
            area: super::area::of(visit, HOME),
            rows: all.iter().map(row).collect(),
            audience: ops::settings::org(cx)?.name,
            endpoint: format!("{}{}", app.base_url, reply::TOKEN_PATH),
            form: form(None, sent, HOME.to_owned()),
            problem: sent.map(|(_, error)| error.sentence()).unwrap_or_default(),
        })
    })
}

fn keys_mark(issuer: &Issuer, now: Millis) -> Mark {
    match (issuer.pasted, issuer.is_going_stale(now, AHEAD)) {
        (false, _) => Mark::keys("discovered"),
        (true, false) => Mark::keys("pasted"),
        (true, true) => Mark::keys("stale"),
    }
}

fn day(at: Millis) -> String {
    rfc3339(at).chars().take(10).collect()
}

/// The form with what is kept, or with what was sent and refused.
fn form(kept: Option<(&Issuer, &IssuerPapers)>, sent: Sent, action: String) -> TermsForm {
    let typed = |name: &str, stored: String| sent.map_or(stored, |(form, _)| form.get(name).to_owned());
    let on = |name: &str, stored: bool| sent.map_or(stored, |(form, _)| form.get(name) == "on");
    let issuer = kept.map(|(issuer, _)| issuer);
    let pasted = typed("keys", if issuer.is_some_and(|i| i.pasted) { "pasted" } else { "discovered" }.to_owned());
    let choice = |value: &str, label: &str, help: &'static str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        help: help.into(),
        chosen: pasted == value,
        ..Choice::default()
    };
    let believed = |name: &String| match sent {
        Some((form, _)) => form.all("algorithm").contains(name),
        None => issuer.is_none_or(|issuer| issuer.algorithms.contains(name)),
    };
    let age = issuer.map_or(AGE_MAX, |issuer| issuer.age_max);
    TermsForm {
        action,
        button: if kept.is_some() { "Save" } else { "Create" },
        url: kept.is_none().then(|| {
            Field { max: issuers::URL_MAX, ..Field::text("url", "Issuer") }
                .help("The address exactly as its tokens spell it (iss), such as https://token.actions.githubusercontent.com.")
                .value(&typed("url", String::new()))
        }),
        keys: vec![
            choice("discovered", "Discovered", "Found at the issuer's /.well-known/openid-configuration, and again when it changes them."),
            choice("pasted", "Pasted", "For an issuer that this server cannot reach. Whoever changes its keys has to paste them here."),
        ],
        jwks: typed("jwks", String::new()),
        has_jwks: kept.is_some_and(|(_, papers)| papers.jwks.is_some()),
        stale: Field { kind: "date", max: 0, ..Field::text("stale", "Pasted keys go stale on") }
            .help("Administrators are reminded two weeks before. Nothing is refused by it.")
            .value(&typed("stale", issuer.and_then(|issuer| issuer.stale_at).map(day).unwrap_or_default()))
            .optional(),
        algorithms: algorithms()
            .into_iter()
            .map(|name| Choice { chosen: believed(&name), label: name.clone(), value: name, ..Choice::default() })
            .collect(),
        fields: vec![
            Field { max: 4_000, ..Field::text("audiences", "Further audiences") }
                .help("Taken besides the organization's name and 'wandb'. Divided by blanks.")
                .value(&typed("audiences", issuer.map(|issuer| issuer.audiences.join(" ")).unwrap_or_default()))
                .optional(),
            Field::text("age", "Oldest token")
                .help("How long ago it may have been issued, such as 1h or 2d.")
                .value(&typed("age", span::render(age))),
        ],
        switches: vec![
            Switch {
                name: "by_email",
                label: "People by verified address",
                help: "Where 'sub' names nobody, the claim 'email' counts if 'email_verified' is true. Only for an issuer at which nobody can choose somebody else's address.",
                on: on("by_email", issuer.is_some_and(|issuer| issuer.by_email)),
                held: String::new(),
            },
            Switch {
                name: "once",
                label: "Each token counts once",
                help: "A token id (jti) that was seen is refused, and so is a token without one. The wandb client exchanges its token file many times: leave it off for that.",
                on: on("once", issuer.is_some_and(|issuer| issuer.once)),
                held: String::new(),
            },
        ],
        own_ca: on("own_ca", issuer.is_some_and(|issuer| issuer.own_ca)),
        ca: typed("ca", String::new()),
        has_ca: kept.is_some_and(|(_, papers)| papers.ca.is_some()),
    }
}

/// The terms that a form sent.
fn terms(fields: &Fields) -> Result<Terms> {
    let stale_at = match fields.text("stale") {
        "" => None,
        text => Some(
            parse_rfc3339(&format!("{text}T00:00:00Z"))
                .ok_or_else(|| Error::invalid("The day on which the keys go stale is no date such as 2027-06-30."))?,
        ),
    };
    Ok(Terms {
        algorithms: fields.all("algorithm"),
        audiences: fields.text("audiences").split_whitespace().map(str::to_owned).collect(),
        by_email: fields.get("by_email") == "on",
        once: fields.get("once") == "on",
        age_max: span::parse(fields.text("age"))
            .ok_or_else(|| Error::invalid("The age of the oldest token is no length of time such as 1h or 2d."))?,
        pasted: fields.get("keys") == "pasted",
        jwks: fields.optional("jwks"),
        stale_at,
        own_ca: fields.get("own_ca") == "on",
        ca: fields.optional("ca"),
    })
}

fn page(app: &Instance, visit: &Visit, id: IssuerId, sent: Sent, shown: Shown) -> Result<IssuerPage> {
    app.ask(&visit.caller, |cx| {
        let (issuer, papers) = issuers::get(cx, id)?;
        let stale = issuer.stale_at.filter(|_| issuer.is_going_stale(visit.now, AHEAD)).map(|at| {
            let when = if at <= visit.now { "went stale on" } else { "go stale on" };
            format!("The pasted keys {when} {}. Paste the issuer's present ones and set another day.", day(at))
        });
        Ok(IssuerPage {
            frame: visit
                .frame(issuer.url.clone(), Section::Settings)
                .crumb("Settings", visit.settings())
                .crumb("JWT issuers", HOME)
                .crumb(issuer.url.clone(), ""),
            area: super::area::of(visit, HOME),
            id: id.0,
            keys: keys_mark(&issuer, visit.now),
            stale: stale.unwrap_or_default(),
            checks: shown.checks,
            outcome: shown.outcome,
            form: form(Some((&issuer, &papers)), sent, format!("{HOME}/{}/save", id.0)),
            refusals: refusals(cx, visit, &issuer)?,
            url: issuer.url,
            problem: sent.map(|(_, error)| error.sentence()).unwrap_or_default(),
        })
    })
}

/// The last tokens of an issuer that were refused.
fn refusals(cx: &Asking, visit: &Visit, issuer: &Issuer) -> Result<Vec<super::page::parts::EventLine>> {
    let search = Search {
        target: Some(issuer.id.to_string()),
        action: Some("user:exchange_token".to_owned()),
        since: Some(visit.now - 30 * DAY),
        limit: REFUSALS,
        ..Search::default()
    };
    let found = ops::audit::search(cx, &search)?;
    Ok(found.items.iter().map(|event| words::event(event, visit.now, true)).collect())
}

/// `GET /console/issuers`.
pub async fn list(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    visit.html(&list_page(&app, &visit, None)?)
}

/// `POST /console/issuers`: trusts an issuer.
pub async fn add(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let outcome = match terms(&fields) {
        Ok(terms) => app.add_issuer(&visit.caller, None, fields.text("url"), terms).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(issuer) => visit.done(&format!("{HOME}/{}", issuer.id.0), format!("{} is trusted.", issuer.url)),
        Err(error) if is_for_the_form(&error) => {
            visit.again(&list_page(&app, &visit, Some((&fields, &error)))?, &error)
        }
        Err(error) => Err(error),
    }
}

fn is_for_the_form(error: &Error) -> bool {
    reply::status(error).is_client_error() && !matches!(error.kind(), Kind::Denied | Kind::NotFound)
}

/// `GET /console/issuers/{id}`.
pub async fn show(app: Instance, request: HttpRequest, path: web::Path<String>) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    // What was refused a moment ago is listed before the list is read.
    app.settle().await?;
    visit.html(&page(&app, &visit, numbered(&path)?, None, Shown::default())?)
}

fn numbered(text: &str) -> Result<IssuerId> {
    text.parse().map(IssuerId).map_err(|_| Error::not_found("There is no such issuer."))
}

/// `POST /console/issuers/{id}/{what}`: `save`, `check`, `try` or `remove`.
pub async fn change(
    app: Instance,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let (id, what) = path.into_inner();
    let id = numbered(&id)?;
    match what.as_str() {
        "save" => {
            let outcome = match terms(&fields) {
                Ok(terms) => app.change_issuer(&visit.caller, id, terms).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(issuer) => {
                    visit.done(&format!("{HOME}/{}", id.0), format!("The terms of {} are saved.", issuer.url))
                }
                Err(error) if is_for_the_form(&error) => {
                    visit.again(&page(&app, &visit, id, Some((&fields, &error)), Shown::default())?, &error)
                }
                Err(error) => Err(error),
            }
        }
        "check" => {
            let checks = app.check_issuer(&visit.caller, id).await?;
            visit.html(&page(&app, &visit, id, None, Shown { checks, outcome: String::new() })?)
        }
        "try" => {
            let (checks, outcome) = app.try_token(&visit.caller, id, fields.text("token")).await?;
            visit.html(&page(&app, &visit, id, None, Shown { checks, outcome })?)
        }
        "remove" => {
            let gone = app.act(&visit.caller, move |cx| issuers::remove(cx, id)).await?;
            visit.done(
                HOME,
                format!("{} is not trusted any more; what its tokens were exchanged for is refused.", gone.url),
            )
        }
        _ => Err(Error::not_found("There is nothing here.")),
    }
}

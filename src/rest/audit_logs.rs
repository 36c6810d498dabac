//! `GET /admin/audit_logs`: the audit log as W&B's own API gives it, so that a collector made for that one works here. Newest
//! first. Without `limit` and `endDate` a stream of JSON lines, with either an object with a page of them.
//! `details=true` adds what W&B's entries have no key for. The console's page is another reader of the same log.

use crate::app::App;
use crate::clock::{DAY, Millis, parse_rfc3339, rfc3339};
use crate::error::{Error, Result};
use crate::http::auth;
use crate::model::audit::{Change, Event, Outcome, Reason};
use crate::ops::audit::{Exported, Search, export};
use crate::ops::{Caller, audit};
use crate::store::{Listed, MAX_PAGE};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use futures_util::stream;
use serde::{Deserialize, Serialize};

/// The most entries of one page.
const LIMIT_MAX: usize = 20_000;
/// Entries of a page that is asked for by `endDate` alone.
const LIMIT_USUAL: usize = 10_000;
/// The longest time that `numDays` spans.
const DAYS_MAX: i64 = 3_650;

/// What is asked for, as it stands in the address.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    start_date: Option<String>,
    num_days: Option<String>,
    end_date: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    anonymize: Option<bool>,
    details: Option<bool>,
}

/// How entries are shown.
#[derive(Clone, Copy)]
struct Style {
    anonymize: bool,
    details: bool,
}

/// Answers the request.
pub async fn get(app: web::Data<App>, request: HttpRequest, asked: web::Query<Asked>) -> Result<HttpResponse> {
    let who = auth::by_key(&app, &request)?;
    let (search, limit) = read(&asked, app.clock.now())?;
    let style = Style { anonymize: asked.anonymize.unwrap_or(false), details: asked.details.unwrap_or(false) };
    // What was refused a moment ago is being written still. Where nothing can be written, the log is read as it is.
    if let Err(error) = app.settle().await {
        tracing::debug!(error = ?error, "the audit log is read without waiting for what is being written");
    }
    match limit {
        Some(limit) => page(&app, &who, search, limit, style).await,
        None => lines(app, who, search, style),
    }
}

/// The search, and the size of a page where one is asked for.
fn read(asked: &Asked, now: Millis) -> Result<(Search, Option<usize>)> {
    let start = asked.start_date.as_deref().map(day).transpose()?;
    let end = asked.end_date.as_deref().map(day).transpose()?;
    let days = match asked.num_days.as_deref().map(str::parse::<i64>) {
        None => None,
        Some(Ok(days)) if (1..=DAYS_MAX).contains(&days) => Some(days * DAY),
        Some(_) => return Err(Error::invalid(format!("numDays is a number from 1 to {DAYS_MAX}."))),
    };
    if days.is_some() && end.is_some() {
        return Err(Error::invalid("Give numDays or endDate, not both."));
    }
    let (since, until) = match (start, days, end) {
        (Some(start), Some(days), _) => (Some(start), Some(start + days)),
        (None, Some(days), _) => (Some(now - days), None),
        (start, None, end) => (start, end.map(|end| end + DAY)),
    };
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(Error::invalid("endDate is before startDate."));
    }
    let limit = match asked.limit.as_deref().map(str::parse::<usize>) {
        None => end.map(|_| LIMIT_USUAL),
        Some(Ok(limit)) if (1..=LIMIT_MAX).contains(&limit) => Some(limit),
        Some(_) => return Err(Error::invalid(format!("limit is a number from 1 to {LIMIT_MAX}."))),
    };
    let after = asked.cursor.as_deref().filter(|text| !text.is_empty()).map(str::parse).transpose()?;
    Ok((Search { since, until, after, limit: MAX_PAGE, ..Search::default() }, limit))
}

/// Midnight UTC of `YYYY-MM-DD`.
fn day(text: &str) -> Result<Millis> {
    let midnight = if text.len() == 10 { parse_rfc3339(&format!("{text}T00:00:00Z")) } else { None };
    midnight.ok_or_else(|| Error::invalid("startDate and endDate look like 2026-01-31."))
}

/// A page of entries.
#[derive(Serialize)]
struct Page {
    audit_logs: Vec<Entry>,
    range_start_time: Option<String>,
    range_end_time: String,
    count: usize,
    next_cursor: Option<String>,
}

async fn page(app: &App, who: &Caller, mut search: Search, limit: usize, style: Style) -> Result<HttpResponse> {
    let (since, until) = (search.since, search.until.unwrap_or_else(|| app.clock.now()));
    let mut entries: Vec<Entry> = vec![];
    let next = loop {
        search.limit = (limit - entries.len()).min(MAX_PAGE);
        let found = app.ask(who, |cx| export(cx, &search))?;
        entries.extend(found.items.iter().map(|item| Entry::new(item, style)));
        match found.next {
            Some(next) if entries.len() < limit => search.after = Some(next),
            next => break next,
        }
        tokio::task::yield_now().await;
    };
    Ok(HttpResponse::Ok().json(Page {
        count: entries.len(),
        audit_logs: entries,
        range_start_time: since.map(rfc3339),
        range_end_time: rfc3339(until),
        next_cursor: next.map(|cursor| cursor.to_string()),
    }))
}

/// All entries as a stream. The first stretch is read before the answer begins, so that a refusal is one.
fn lines(app: web::Data<App>, who: Caller, search: Search, style: Style) -> Result<HttpResponse> {
    let first = app.ask(&who, |cx| audit::export(cx, &search))?;
    let state = (app, who, search, Some(first));
    let body = stream::try_unfold(state, move |(app, who, mut search, ready)| async move {
        let found: Listed<Exported> = match (ready, &search.after) {
            (Some(first), _) => first,
            (None, None) => return Ok::<_, Error>(None),
            (None, Some(_)) => {
                tokio::task::yield_now().await;
                app.ask(&who, |cx| audit::export(cx, &search))?
            }
        };
        let mut text = Vec::with_capacity(found.items.len() * 256);
        for item in &found.items {
            serde_json::to_writer(&mut text, &Entry::new(item, style)).map_err(Error::internal)?;
            text.push(b'\n');
        }
        search.after = found.next;
        Ok(Some((web::Bytes::from(text), (app, who, search, None))))
    });
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(body))
}

/// One entry under W&B's keys; those about artifacts and reports never apply here.
#[derive(Serialize)]
struct Entry {
    timestamp: String,
    action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cli_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_asset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_asset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_asset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_email: Option<String>,
    response_code: u16,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

/// What W&B's entries have no key for.
#[derive(Serialize)]
struct Details {
    id: String,
    outcome: Outcome,
    count: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    credential: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    request: String,
    target_kind: String,
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Change>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<Vec<Reason>>,
}

impl Entry {
    fn new(item: &Exported, style: Style) -> Self {
        let event = &item.event;
        let person = |text: Option<String>| text.filter(|t| !t.is_empty() && !style.anonymize);
        let asset = |kind: &str| (event.target.kind == kind).then(|| opaque(&event.target.id));
        let (entity_name, project_name) = match event.target.kind.as_str() {
            "team" => (Some(event.target.name.clone()), None),
            "project" => match event.target.name.split_once('/') {
                Some((entity, project)) => (Some(entity.to_owned()), Some(project.to_owned())),
                None => (None, Some(event.target.name.clone())),
            },
            _ => (event.changes.iter().find(|c| c.field == "team").and_then(|c| c.to.clone()), None),
        };
        let (about, email) = item.about.clone().unwrap_or_default();
        Entry {
            timestamp: rfc3339(event.at),
            action: event.action.clone(),
            actor_email: person(item.actor_email.clone()),
            actor_ip: person(Some(event.origin.ip.clone())),
            actor_user_id: event.actor.id.starts_with("User:").then(|| opaque(&event.actor.id)),
            cli_version: cli_version(&event.origin.agent),
            entity_asset: asset("team"),
            entity_name,
            project_asset: asset("project"),
            project_name,
            user_asset: (!about.is_empty()).then(|| opaque(&about)),
            user_email: person(email),
            response_code: response_code(event),
            details: style.details.then(|| Details::new(event, style)),
        }
    }
}

impl Details {
    fn new(event: &Event, style: Style) -> Self {
        let shown = !style.anonymize;
        Details {
            id: event.id.to_string(),
            outcome: event.outcome,
            count: event.count,
            credential: event.credential.clone(),
            request: event.origin.request.clone(),
            target_kind: event.target.kind.clone(),
            target: opaque(&event.target.id),
            actor: shown.then(|| event.actor.name.clone()),
            agent: shown.then(|| event.origin.agent.clone()),
            changes: shown.then(|| event.changes.clone()),
            chain: shown.then(|| event.chain.clone()),
        }
    }
}

/// A printed id as the other surfaces show it: those of keys, sessions and settings plainly.
fn opaque(id: &str) -> String {
    if !id.contains(':') {
        return id.to_owned();
    }
    base64::engine::general_purpose::STANDARD.encode(id)
}

fn response_code(event: &Event) -> u16 {
    match event.outcome {
        Outcome::Done => 200,
        Outcome::Failed => 401,
        Outcome::Denied => 403,
    }
}

/// The version of the wandb client, by its own description of itself.
fn cli_version(agent: &str) -> Option<String> {
    let after = agent.split_once("W&B ")?.1;
    let version = after.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(version.chars().take(20).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOW: Millis = 1_800_000_000_000;

    fn asked(query: &str) -> Result<(Search, Option<usize>)> {
        read(&web::Query::<Asked>::from_query(query).unwrap(), NOW)
    }

    #[test]
    fn ranges_and_sizes_are_read_or_refused_with_the_rule() {
        let (search, limit) = asked("").unwrap();
        assert_eq!((search.since, search.until, limit), (None, None, None));
        let (search, limit) = asked("startDate=2026-01-31&numDays=2").unwrap();
        let start = parse_rfc3339("2026-01-31T00:00:00Z").unwrap();
        assert_eq!((search.since, search.until, limit), (Some(start), Some(start + 2 * DAY), None));
        let (search, limit) = asked("startDate=2026-01-31&endDate=2026-01-31").unwrap();
        assert_eq!((search.since, search.until, limit), (Some(start), Some(start + DAY), Some(LIMIT_USUAL)));
        assert_eq!(asked("numDays=7").unwrap().0.since, Some(NOW - 7 * DAY));
        assert_eq!(asked("limit=20000").unwrap().1, Some(20_000));
        for bad in [
            "limit=0",
            "limit=20001",
            "limit=x",
            "numDays=0",
            "numDays=-3",
            "numDays=1&endDate=2030-01-01",
            "startDate=yesterday",
            "endDate=2020-99-99",
            "startDate=2026-02-01&endDate=2026-01-01",
            "cursor=%00",
        ] {
            assert!(asked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_clients_version_is_in_its_description() {
        assert_eq!(cli_version("W&B Public Client 0.31.0").as_deref(), Some("0.31.0"));
        assert_eq!(cli_version("W&B Internal Client 0.16.6").as_deref(), Some("0.16.6"));
        assert_eq!(cli_version("curl/8.5.0"), None);
    }
}

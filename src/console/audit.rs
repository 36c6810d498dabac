//! The audit log as a timeline that reads as sentences, and one event on its permanent page.

use super::page::audit::{Audit, DayOfEvents, EventPage};
use super::page::frame::Section;
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::words;
use crate::error::Result;
use crate::model::audit::{Event, EventId, Outcome};
use crate::ops::audit::{Search, count, get, search};
use actix_web::{HttpRequest, HttpResponse, web};

/// Events on one page.
const PAGE: usize = 50;

/// The chips: value in the address, word.
const KINDS: [(&str, &str); 8] = [
    ("", "All"),
    ("denied", "Denials"),
    ("failed", "Failed sign-ins"),
    ("user:login", "Sign-ins"),
    ("user", "People"),
    ("team", "Teams"),
    ("project", "Projects"),
    ("setting", "Settings"),
];

/// `GET /console/audit?kind=&q=&before=`: `q` is who acted or what it was done to; `before` is the id of the last event on
/// the page before, so that an address keeps its meaning while new events come.
pub async fn list(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    // What was refused a moment ago is in the log before the log is read.
    app.settle().await?;
    let query = Fields::query(&request);
    let (kind, q) = (query.text("kind").to_owned(), query.text("q").to_owned());
    let before = EventId::parse(query.text("before"));
    let wanted = |actor: Option<String>, target: Option<String>| Search {
        actor,
        target,
        action: Some(kind.clone()).filter(|k| !matches!(k.as_str(), "" | "denied" | "failed")),
        outcome: match kind.as_str() {
            "denied" => Some(Outcome::Denied),
            "failed" => Some(Outcome::Failed),
            _ => None,
        },
        before,
        limit: PAGE + 1,
        ..Search::default()
    };
    let plain = q.is_empty() && kind.is_empty();
    let (mut events, looked, total) = app.ask(&visit.caller, |cx| {
        if q.is_empty() {
            let found = search(cx, &wanted(None, None))?;
            let total = if plain { Some(count(cx)?) } else { None };
            return Ok((found.items, found.next.and(found.looked), total));
        }
        let found = [search(cx, &wanted(Some(q.clone()), None))?, search(cx, &wanted(None, Some(q.clone())))?];
        // Behind the place up to which both were looked through.
        let looked = found.iter().filter(|f| f.next.is_some()).filter_map(|f| f.looked).max();
        let mut both: Vec<Event> = found.into_iter().flat_map(|f| f.items).collect();
        both.retain(|event| looked.is_none_or(|id| event.id >= id));
        both.sort_by_key(|event| std::cmp::Reverse(event.id));
        both.dedup_by(|a, b| a.id == b.id);
        Ok((both, looked, None))
    })?;
    let more = events.len() > PAGE;
    events.truncate(PAGE);
    let last = if more { events.last().map(|event| event.id) } else { looked };
    let mut list = super::list_from(&query, "/console/audit", "events on this page", vec![], "");
    if !kind.is_empty() {
        list.filter.push(("kind", kind.clone()));
    }
    list.total = events.len();
    if let Some(total) = total.filter(|_| before.is_none()) {
        (list.noun, list.total) = ("events", total);
    }
    list.add_chips("kind", &kind, &KINDS);
    let page = |before: Option<EventId>| {
        let mut address = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("q", &q), ("kind", &kind)] {
            if !value.is_empty() {
                address.append_pair(name, value);
            }
        }
        if let Some(id) = before {
            address.append_pair("before", &id.to_string());
        }
        format!("/console/audit?{}", address.finish())
    };
    let older = last.map(|id| page(Some(id))).unwrap_or_default();
    let newest = if before.is_none() { String::new() } else { page(None) };
    let frame = visit.frame("Audit", Section::Audit).crumb("Audit", "");
    visit.html(&Audit { frame, list, days: days(&visit, &events), older, newest })
}

fn days(visit: &Visit, events: &[Event]) -> Vec<DayOfEvents> {
    let mut days: Vec<DayOfEvents> = vec![];
    for event in events {
        let label = words::day(event.at, visit.now);
        let line = words::event(event, visit.now, true);
        match days.last_mut().filter(|day| day.label == label) {
            Some(day) => day.events.push(line),
            None => days.push(DayOfEvents { label, events: vec![line] }),
        }
    }
    days
}

/// `GET /console/audit/{id}`.
pub async fn event(app: Instance, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    app.settle().await?;
    let found = app.ask(&visit.caller, |cx| get(cx, &id))?;
    let named = |n: &crate::model::audit::Named| {
        [n.kind.as_str(), n.name.as_str(), n.id.as_str()]
            .into_iter()
            .filter(|t| !t.is_empty())
            .collect::<Vec<_>>()
            .join(" · ")
    };
    let facts = [
        ("Event", found.id.to_string()),
        ("When", crate::clock::rfc3339(found.at)),
        ("Who", named(&found.actor)),
        ("Action", found.action.clone()),
        ("On what", named(&found.target)),
        ("How it ended", found.outcome.as_str().to_owned()),
        ("Credential", found.credential.clone()),
        ("Address", found.origin.ip.clone()),
        ("Client", found.origin.agent.clone()),
        ("Request", found.origin.request.clone()),
        (
            "Stands for",
            if found.count > 1 { format!("{} like it within a minute", found.count) } else { String::new() },
        ),
    ];
    let page = EventPage {
        frame: visit.frame("Event", Section::Audit).crumb("Audit", "/console/audit").crumb(found.id.to_string(), ""),
        event: words::event(&found, visit.now, true),
        facts: facts.into_iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| (n.to_owned(), v)).collect(),
    };
    visit.html(&page)
}

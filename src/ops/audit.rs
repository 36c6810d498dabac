//! The audit log: [`keep`] is the one place where an event is written, and counted for its day; searching it.

use super::Cx;
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::model::audit::{DayCounts, Event, EventId, Outcome};
use crate::model::name;
use crate::model::role::Action;
use crate::model::{OrgId, UserId};
use crate::policy::Resource;
use crate::store::{Cursor, Listed, Range, Read, Tx, schema};
use std::collections::HashMap;

/// How many days the counts of an organization are kept, the running one among them.
pub const DAYS_KEPT: u64 = 400;

/// Writes an event and counts it for its day. One that is there already grew: only what is new counts.
pub(crate) fn keep(tx: &mut Tx, event: &Event) -> Result<()> {
    // Only what is folded comes again; all else is new and needs no look.
    let before = if event.count > 1 { tx.get(&schema::EVENTS, &event.id)?.map_or(0, |e| e.count) } else { 0 };
    tx.put(&schema::EVENTS, event)?;
    let key = (event.org, DayCounts::day_of(event.at));
    let mut counts = match tx.get(&schema::DAY_COUNTS, &key)? {
        Some(counts) => counts,
        None => {
            forget_days(tx, key)?;
            DayCounts::new(key.0, key.1)
        }
    };
    counts.add(event, u64::from(event.count.saturating_sub(before)));
    tx.put(&schema::DAY_COUNTS, &counts)
}

/// Forgets the counts of days that are long over; done once a day, with its first event.
fn forget_days(tx: &mut Tx, (org, day): (OrgId, u64)) -> Result<()> {
    let over = tx.list(&schema::DAY_COUNTS, Range::all().under(&(org,)).limit(100))?.items;
    for old in over.iter().filter(|old| old.day + DAYS_KEPT <= day) {
        tx.delete(&schema::DAY_COUNTS, &(org, old.day))?;
    }
    Ok(())
}

/// How much happened in the asker's organization on each of the last `days` days, the running one last.
pub fn days<V: Read>(cx: &Cx<V>, days: u64) -> Result<Vec<DayCounts>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::AuditRead, Resource::Org(org))?;
    let today = DayCounts::day_of(cx.now());
    (today.saturating_sub(days.saturating_sub(1))..=today)
        .map(|day| {
            let kept = cx.view().get(&schema::DAY_COUNTS, &(org, day))?;
            Ok(kept.unwrap_or(DayCounts::new(org, day)))
        })
        .collect()
}

/// What to look for; absent parts do not narrow.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Who acted: a username, an address, `shell`, or a printed id.
    pub actor: Option<String>,
    /// What it was done to: a username, a team, `team/project`, or a printed id.
    pub target: Option<String>,
    /// `object:operation`, or an object alone.
    pub action: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// From when on.
    pub since: Option<Millis>,
    /// Before when.
    pub until: Option<Millis>,
    /// Only older ones than this.
    pub before: Option<EventId>,
    /// Continues a search.
    pub after: Option<Cursor>,
    /// How many at most (1 to 1,000).
    pub limit: usize,
}

/// How many rows one search reads at most; a narrow search over a long log goes on by its cursor.
const WALK: usize = 2_000;

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The events, newest first.
    pub items: Vec<Event>,
    /// Where it goes on, if there may be more.
    pub next: Option<Cursor>,
    /// The last event it looked at, found or not.
    pub looked: Option<EventId>,
}

/// The index that a search walks: by who acted, by what it was done to, by how it ended, by what it was about; else all.
enum Way {
    Actor(String),
    Target(String),
    Kind(OrgId, String),
    All,
}

impl Way {
    /// Behind the event of this id, to those before it.
    fn place(&self, id: EventId) -> Cursor {
        match self {
            Way::Actor(handle) | Way::Target(handle) => Cursor::at(&(handle.clone(), id)),
            Way::Kind(org, kind) => Cursor::at(&(*org, kind.clone(), id)),
            Way::All => Cursor::at(&id),
        }
    }

    fn list(&self, view: &impl Read, range: Range) -> Result<Listed<Event>> {
        match self {
            Way::Actor(handle) => view.list_by(&schema::EVENTS_BY_ACTOR, range.under(&(handle.clone(),))),
            Way::Target(handle) => view.list_by(&schema::EVENTS_BY_TARGET, range.under(&(handle.clone(),))),
            Way::Kind(org, kind) => view.list_by(&schema::EVENTS_BY_KIND, range.under(&(*org, kind.clone()))),
            Way::All => view.list(&schema::EVENTS, range),
        }
    }
}

/// Events of the asker's organization, newest first.
pub fn search<V: Read>(cx: &Cx<V>, search: &Search) -> Result<Found> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::AuditRead, Resource::Org(org))?;
    let limit = search.limit.clamp(1, 1_000);
    let (actor, target) = (handle(cx.view(), search.actor.as_deref())?, handle(cx.view(), search.target.as_deref())?);
    let fits = |e: &Event| {
        e.org == org
            && actor.as_ref().is_none_or(|a| e.actor.handle() == *a)
            && target.as_ref().is_none_or(|t| e.target.handle() == *t)
            && search.outcome.is_none_or(|o| e.outcome == o)
            && search.since.is_none_or(|t| e.at >= t)
            && search.until.is_none_or(|t| e.at < t)
            && search.action.as_deref().is_none_or(|a| e.action == a || e.object() == a)
    };
    let object = search.action.as_deref().and_then(|action| action.split(':').next());
    let way = match (&actor, &target, search.outcome, object) {
        (Some(actor), ..) => Way::Actor(actor.clone()),
        (_, Some(target), ..) => Way::Target(target.clone()),
        (.., Some(end @ (Outcome::Denied | Outcome::Failed)), _) => Way::Kind(org, end.as_str().to_owned()),
        (.., Some(object)) => Way::Kind(org, object.to_owned()),
        _ => Way::All,
    };
    let begin = || search.before.or(search.until.map(|until| EventId::new(until, 0))).map(|id| way.place(id));
    let (mut cursor, mut walked) = (search.after.clone().or_else(begin), 0);
    let mut found = Found { items: vec![], next: None, looked: None };
    loop {
        let page = way.list(cx.view(), Range::all().desc().after(cursor).limit(limit.min(200)))?;
        walked += page.items.len();
        let too_old = search.since.is_some_and(|t| page.items.last().is_some_and(|e| e.at < t));
        for event in page.items {
            found.looked = Some(event.id);
            if !fits(&event) {
                continue;
            }
            found.items.push(event);
            if found.items.len() == limit {
                found.next = found.looked.map(|id| way.place(id));
                return Ok(found);
            }
        }
        cursor = page.next;
        if cursor.is_none() || too_old {
            return Ok(found);
        }
        if walked >= WALK {
            found.next = cursor;
            return Ok(found);
        }
    }
}

/// How many events the asker's organization has, as counted all along.
pub fn count<V: Read>(cx: &Cx<V>) -> Result<usize> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::AuditRead, Resource::Org(org))?;
    cx.view().tally(&schema::EVENT_COUNTS, &(org,))
}

/// One event by its id.
pub fn get<V: Read>(cx: &Cx<V>, id: &str) -> Result<Event> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::AuditRead, Resource::Org(org))?;
    let id = EventId::parse(id).ok_or_else(|| Error::not_found("There is no such event."))?;
    cx.view()
        .get(&schema::EVENTS, &id)?
        .filter(|e| e.org == org)
        .ok_or_else(|| Error::not_found("There is no such event."))
}

/// What was typed to the handle that events are indexed by.
fn handle(view: &impl Read, typed: Option<&str>) -> Result<Option<String>> {
    let Some(typed) = typed.map(str::trim).filter(|t| !t.is_empty()) else { return Ok(None) };
    if let Some((entity, project)) = typed.split_once('/')
        && let Ok(found) = super::projects::must_exist(view, entity, project)
    {
        return Ok(Some(found.id.to_string()));
    }
    if let Some(user) = super::users::by_name(view, typed)? {
        return Ok(Some(user.id.to_string()));
    }
    if let Some(team) = super::teams::by_name(view, typed)? {
        return Ok(Some(team.id.to_string()));
    }
    Ok(Some(match typed {
        "shell" | "setup" => format!("system/{typed}"),
        "anonymous" => "anonymous/".to_owned(),
        other if other.contains(':') => other.to_owned(),
        other => name::fold(other),
    }))
}

/// An event with what a log reader elsewhere wants beside it: addresses, which events do not hold since a person can be renamed.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The event.
    pub event: Event,
    /// The actor's address, if it is a person that still has one.
    pub actor_email: Option<String>,
    /// The person or service account it was done to or about: printed id and address.
    pub about: Option<(String, Option<String>)>,
}

/// [`search`] for a reader elsewhere.
pub fn export<V: Read>(cx: &Cx<V>, asked: &Search) -> Result<Listed<Exported>> {
    let found = search(cx, asked)?;
    let mut known: HashMap<String, Option<(String, Option<String>)>> = HashMap::new();
    let mut look = |typed: &str| -> Result<Option<(String, Option<String>)>> {
        if let Some(known) = known.get(typed) {
            return Ok(known.clone());
        }
        let user = match typed.strip_prefix("User:").and_then(|number| number.parse().ok()) {
            Some(number) => cx.view().get(&schema::USERS, &UserId(number))?,
            None => super::users::by_name(cx.view(), typed)?,
        };
        let found = user.map(|u| (u.id.to_string(), u.email().map(str::to_owned)));
        known.insert(typed.to_owned(), found.clone());
        Ok(found)
    };
    let mut items = Vec::with_capacity(found.items.len());
    for event in found.items {
        let actor_email = look(&event.actor.id)?.and_then(|(_, email)| email);
        let about = match about(&event) {
            Some(typed) => {
                look(typed)?.or_else(|| typed.contains('@').then(|| (String::new(), Some(typed.to_owned()))))
            }
            None => None,
        };
        items.push(Exported { event, actor_email, about });
    }
    Ok(Listed { items, next: found.next })
}

/// Whom an event is about: the target, or the person that a change of a team or a project names.
fn about(event: &Event) -> Option<&str> {
    if matches!(event.target.kind.as_str(), "user" | "service") && !event.target.id.is_empty() {
        return Some(&event.target.id);
    }
    event.changes.iter().find_map(|change| match change.field.as_str() {
        "member" | "invited" | "admin" | "owner" => change.to.as_deref().or(change.from.as_deref()),
        field => field.strip_prefix("role of "),
    })
}

//! The last requests of provisioning clients, for the person who wants to know why an identity provider complains: who asked
//! what, how it was answered, and by the audit log what it changed. Buffered like the uses of keys, so that a read never
//! writes; the last [`KEPT`] of an organization are kept.

use super::Cx;
use crate::clock::SECOND;
use crate::error::Result;
use crate::model::audit::{Event, EventId};
use crate::model::provisioning::Request;
use crate::model::role::Action;
use crate::policy::Resource;
use crate::store::{Range, Read, Store, schema};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};

/// How many requests are kept for each organization.
pub const KEPT: u64 = 500;
/// The longest path that is kept, in characters.
pub const PATH_MAX: usize = 300;
/// How many events are looked through for what requests changed.
const LOOK_MAX: usize = 5_000;

/// The buffer.
#[derive(Default)]
pub struct Requests(Mutex<Vec<Request>>);

impl Requests {
    /// Notes a request; its place is given when it is written. Beyond what is kept anyway the oldest is dropped.
    pub fn note(&self, request: Request) {
        let mut waiting = self.0.lock();
        if u64::try_from(waiting.len()).unwrap_or(KEPT) >= KEPT {
            waiting.remove(0);
        }
        waiting.push(request);
    }

    /// Hands what is new to the writer.
    pub fn flush(&self, store: &Store) {
        let waiting = std::mem::take(&mut *self.0.lock());
        if waiting.is_empty() {
            return;
        }
        store.submit(move |tx| {
            for request in &waiting {
                let place = tx.next_id(schema::REQUEST_IDS)? % KEPT;
                tx.put(&schema::REQUESTS, &Request { place, ..request.clone() })?;
            }
            Ok(())
        });
    }
}

/// The last requests to the asker's organization, newest first.
pub fn list<V: Read>(cx: &Cx<V>) -> Result<Vec<Request>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::ProvisioningRead, Resource::Org(org))?;
    let mut all = cx.view().all(&schema::REQUESTS, &(org,))?;
    all.sort_by(|a, b| (b.at, &b.request).cmp(&(a.at, &a.request)));
    Ok(all)
}

/// Who asked, by username; none for an account that is gone.
pub fn asker<V: Read>(cx: &Cx<V>, request: &Request) -> Result<Option<String>> {
    let _grant = cx.allow(Action::ProvisioningRead, Resource::Org(request.org))?;
    Ok(cx.view().get(&schema::USERS, &request.by)?.map(|u| u.username))
}

/// What requests changed, by their ids: the events of the audit log that name them.
pub fn changes<V: Read>(cx: &Cx<V>, requests: &[Request]) -> Result<HashMap<String, Vec<Event>>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::AuditRead, Resource::Org(org))?;
    let mut found: HashMap<String, Vec<Event>> = HashMap::new();
    let (Some(first), Some(last)) = (requests.iter().map(|r| r.at).min(), requests.iter().map(|r| r.at).max()) else {
        return Ok(found);
    };
    let wanted: HashSet<&str> = requests.iter().map(|r| r.request.as_str()).collect();
    // A request is noted when it is answered; what it changed happened within the minute before.
    let range = Range::all().from(&EventId::new(first - 60 * SECOND, 0)).until(&EventId::new(last + SECOND, 0)).desc();
    let (mut cursor, mut looked) = (None, 0);
    loop {
        let page = cx.view().list(&schema::EVENTS, range.clone().after(cursor.take()).limit(1_000))?;
        looked += page.items.len();
        for event in page.items {
            if event.org == org && wanted.contains(event.origin.request.as_str()) {
                found.entry(event.origin.request.clone()).or_default().push(event);
            }
        }
        match page.next {
            Some(next) if looked < LOOK_MAX => cursor = Some(next),
            _ => break,
        }
    }
    found.values_mut().for_each(|events| events.reverse());
    Ok(found)
}

//! Refusals and failed proofs in the audit log. They have no transaction of their own (it rolled back), so each is written
//! after it, folded per (actor, action, target, rule, minute): the first at once, the others as its count when the minute ends, so
//! that an attacker cannot turn refusals into disk writes.

use crate::clock::{MINUTE, Millis};
use crate::model::audit::Event;
use crate::store::Store;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Most different refusals remembered in a minute; beyond it they count into the log's own warning only.
const ENTRIES: usize = 10_000;

/// The refusals of the running minute.
#[derive(Debug, Default)]
pub struct Denials(Mutex<HashMap<(String, String, String), Event>>);

impl Denials {
    /// Notes a refusal; the first of its kind in a minute is on its way to the store when this returns.
    pub fn note(&self, store: &Store, event: Event) {
        // A directory that is down must not hide behind a wrong password of the same minute.
        let rule = event.chain.last().map_or("", |reason| reason.rule.as_str());
        let key = (
            format!("{} {}", event.actor.handle(), event.origin.ip),
            event.action.clone(),
            format!("{} {} {rule}", event.target.handle(), event.outcome.as_str()),
        );
        let mut entries = self.0.lock();
        if let Some(first) = entries.get_mut(&key) {
            if event.at - first.at < MINUTE {
                first.count = first.count.saturating_add(1);
                return;
            }
            let over = std::mem::replace(first, event.clone());
            drop(entries);
            if over.count > 1 {
                write(store, over);
            }
            write(store, event);
            return;
        }
        if entries.len() >= ENTRIES {
            tracing::warn!(action = %event.action, "too many different refusals in a minute; this one is not in the audit log");
            return;
        }
        entries.insert(key, event.clone());
        drop(entries);
        write(store, event);
    }

    /// Writes the counts of what is over at `now`; with `all`, of everything (at shutdown).
    pub fn flush(&self, store: &Store, now: Millis, all: bool) {
        let mut over = vec![];
        self.0.lock().retain(|_, event| {
            let ended = all || now - event.at >= MINUTE;
            if ended && event.count > 1 {
                over.push(event.clone());
            }
            !ended
        });
        for event in over {
            write(store, event);
        }
    }
}

fn write(store: &Store, event: Event) {
    store.submit(move |tx| super::audit::keep(tx, &event));
}

//! Last uses of keys and sessions, and the days on which an account was used, buffered so that a read never writes: noted about once a minute, written with the next
//! housekeeping, gone at a crash. No event is due for them, and no grant: whoever presents a credential uses it.

use crate::clock::{DAY, MINUTE, Millis};
use crate::error::Result;
use crate::model::UserId;
use crate::model::credential::KeyUse;
use crate::model::session::{Activity, SessionUse};
use crate::store::{Read, Store, Tx, schema};
use parking_lot::Mutex;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

/// Most buffered uses; a flush every few seconds keeps it far below.
const USES: usize = 50_000;

/// The buffer.
#[derive(Default)]
pub struct Uses {
    keys: Mutex<HashMap<String, Use>>,
    sessions: Mutex<HashMap<String, Use>>,
    /// Of accounts by access tokens, which are too many to keep the use of each.
    accounts: Mutex<HashMap<UserId, Use>>,
}

#[derive(Clone, Copy)]
struct Use {
    at: Millis,
    ip: IpAddr,
    stale: bool,
}

impl Uses {
    /// A key was presented, by its public id.
    pub fn key(&self, id: &str, now: Millis, ip: IpAddr) {
        touch(&self.keys, id, now, ip);
    }

    /// A session's cookie was presented, by the session's id.
    pub fn session(&self, id: &str, now: Millis, ip: IpAddr) {
        touch(&self.sessions, id, now, ip);
    }

    /// An access token of an account was presented.
    pub fn account(&self, id: UserId, now: Millis, ip: IpAddr) {
        touch(&self.accounts, &id, now, ip);
    }

    /// Hands what is new to the writer.
    pub fn flush(&self, store: &Store) {
        let (keys, sessions, accounts) = (stale(&self.keys), stale(&self.sessions), stale(&self.accounts));
        if keys.is_empty() && sessions.is_empty() && accounts.is_empty() {
            return;
        }
        store.submit(move |tx| {
            for (id, used) in &keys {
                // A use must not outlive its key, which may have been revoked since.
                if let Some(key) = tx.get(&schema::API_KEYS, id)? {
                    note_activity(tx, key.owner, used.at)?;
                    tx.put(&schema::KEY_USES, &KeyUse { key: id.clone(), at: used.at, ip: used.ip.to_string() })?;
                }
            }
            for (id, used) in &sessions {
                if let Some(session) = tx.get(&schema::SESSIONS, id)? {
                    note_activity(tx, session.user, used.at)?;
                    let used = SessionUse { session: id.clone(), at: used.at, ip: used.ip.to_string() };
                    tx.put(&schema::SESSION_USES, &used)?;
                }
            }
            for (id, used) in &accounts {
                if tx.get(&schema::USERS, id)?.is_some() {
                    note_activity(tx, *id, used.at)?;
                }
            }
            Ok(())
        });
    }
}

/// Counts the day of a use, if it is a new one.
fn note_activity(tx: &mut Tx, user: UserId, at: Millis) -> Result<()> {
    let before = tx.get(&schema::ACTIVITY, &user)?.unwrap_or(Activity { user, days: 0, last_at: 0 });
    let is_new_day = before.days == 0 || at.div_euclid(DAY) > before.last_at.div_euclid(DAY);
    let days = before.days.saturating_add(u32::from(is_new_day));
    tx.put(&schema::ACTIVITY, &Activity { user, days, last_at: before.last_at.max(at) })
}

/// Notes a use unless one was noted within the minute.
fn touch<K, Q>(uses: &Mutex<HashMap<K, Use>>, id: &Q, now: Millis, ip: IpAddr)
where
    K: Borrow<Q> + Hash + Eq,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
{
    let mut uses = uses.lock();
    let room = uses.len() < USES;
    match uses.get_mut(id) {
        Some(used) if now - used.at < MINUTE => {}
        Some(used) => *used = Use { at: now, ip, stale: true },
        None if room => drop(uses.insert(id.to_owned(), Use { at: now, ip, stale: true })),
        None => {}
    }
}

/// What must be written, at most a thousand; what is older than a minute and written is forgotten.
fn stale<K: Hash + Eq + Clone>(uses: &Mutex<HashMap<K, Use>>) -> Vec<(K, Use)> {
    let mut uses = uses.lock();
    let mut out = vec![];
    let newest = uses.values().map(|u| u.at).max().unwrap_or(0);
    uses.retain(|id, used| {
        if used.stale && out.len() < 1_000 {
            used.stale = false;
            out.push((id.clone(), *used));
        }
        used.stale || newest - used.at < MINUTE
    });
    out
}

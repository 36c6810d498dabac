//! Brakes on guessing passwords: a growing delay per (canonical name, address) and per address, and for a name alone only a
//! small capped one, so that nobody can lock the admin out from elsewhere. Kept in memory, bounded, against the injected
//! clock. The shell is never braked.

use crate::clock::{MINUTE, Millis, SECOND};
use crate::error::{Code, Error, Result};
use crate::model::{UserId, name};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;

/// Failures that cost nothing.
const FREE: u32 = 5;
/// Longest delay of a (name, address) or an address.
const LONGEST: Millis = 15 * MINUTE;
/// Longest delay of a name alone.
const LONGEST_NAME: Millis = 5 * SECOND;
/// What is forgotten after this long without a failure.
const MEMORY: Millis = 60 * MINUTE;
/// Sign-ins at the company's provider that one address may begin at once; as many people may stand behind it.
const BEGUN_AT_ONCE: u32 = 500;
/// How many of these it gets back each second: that the pending ones of others are not displaced, see `sign_ins::KEPT`.
const BEGUN_A_SECOND: i64 = 10;
/// Most entries; beyond it the older half is forgotten.
const ENTRIES: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Pair(String, Net),
    Address(Net),
    Name(String),
    Second(UserId),
    Begun(Net),
}

/// An IPv4 address, or the /64 an IPv6 customer owns.
type Net = u128;

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    failures: u32,
    last_at: Millis,
}

/// The memory of failed attempts.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<Key, Entry>>);

impl Throttle {
    /// Refuses an attempt that comes too early.
    ///
    /// # Errors
    /// [`Code::TooManyAttempts`] with the seconds to wait; the same whether the name exists or not.
    pub fn check(&self, typed: &str, ip: Option<IpAddr>, now: Millis) -> Result<()> {
        self.check_all(&keys(typed, ip), now)
    }

    /// The same for the second step of `user`. Whoever gets there knows the password, so this one does delay the name from
    /// everywhere; a passkey is not a guess and is not delayed.
    pub fn check_second(&self, user: UserId, now: Millis) -> Result<()> {
        self.check_all(&[Key::Second(user)], now)
    }

    fn check_all(&self, keys: &[Key], now: Millis) -> Result<()> {
        let entries = self.0.lock();
        let wait = keys
            .iter()
            .filter_map(|key| entries.get(key).map(|e| e.last_at.saturating_add(delay(key, e.failures)) - now))
            .max()
            .unwrap_or(0);
        if wait <= 0 {
            return Ok(());
        }
        let seconds = u32::try_from((wait + SECOND - 1) / SECOND).unwrap_or(u32::MAX);
        Err(Error::new(Code::TooManyAttempts, "Too many failed attempts.")
            .hint(format!("Try again in {seconds} seconds."))
            .retry_after(seconds))
    }

    /// Counts a sign-in at the company's provider that is begun from `ip`.
    ///
    /// # Errors
    /// [`Code::TooManyAttempts`] with the seconds to wait.
    pub fn begin(&self, ip: Option<IpAddr>, now: Millis) -> Result<()> {
        let Some(ip) = ip else { return Ok(()) };
        let key = Key::Begun(net(ip));
        let mut entries = self.0.lock();
        let found = entries.get(&key).copied().unwrap_or_default();
        let given_back = (now - found.last_at).max(0).saturating_mul(BEGUN_A_SECOND) / SECOND;
        let level = found.failures.saturating_sub(u32::try_from(given_back).unwrap_or(u32::MAX));
        if level >= BEGUN_AT_ONCE {
            return Err(Error::new(Code::TooManyAttempts, "Too many sign-ins were begun from your network.")
                .hint("Try again in a moment.")
                .retry_after(1));
        }
        // Counted from the moment of what was given back, so that a steady stream gets its fractions too.
        let last_at = if level == 0 { now } else { found.last_at + given_back * SECOND / BEGUN_A_SECOND };
        put(&mut entries, key, Entry { failures: level + 1, last_at });
        Ok(())
    }

    /// Notes a failed attempt.
    pub fn failed(&self, typed: &str, ip: Option<IpAddr>, now: Millis) {
        self.note(keys(typed, ip), now);
    }

    /// Notes a failed second step. That the password fits again later does not forget it; only a second step that succeeds
    /// does.
    pub fn failed_second(&self, user: UserId, now: Millis) {
        self.note(vec![Key::Second(user)], now);
    }

    /// Forgets the failed second steps of `user`.
    pub fn succeeded_second(&self, user: UserId) {
        self.0.lock().remove(&Key::Second(user));
    }

    fn note(&self, keys: Vec<Key>, now: Millis) {
        let mut entries = self.0.lock();
        for key in keys {
            let found = entries.get(&key).copied().filter(|e| now - e.last_at <= MEMORY).unwrap_or_default();
            put(&mut entries, key, Entry { failures: found.failures.saturating_add(1), last_at: now });
        }
    }

    /// Forgets the failures of a name at an address after a success there; the address's own count stays.
    pub fn succeeded(&self, typed: &str, ip: Option<IpAddr>) {
        let mut entries = self.0.lock();
        for key in keys(typed, ip) {
            if !matches!(key, Key::Address(_)) {
                entries.remove(&key);
            }
        }
    }
}

/// Keeps an entry; where there are too many, the older half goes at once, so that a flood of names costs next to nothing per
/// attempt.
fn put(entries: &mut HashMap<Key, Entry>, key: Key, entry: Entry) {
    entries.insert(key, entry);
    if entries.len() > ENTRIES {
        let mut times: Vec<_> = entries.values().map(|e| e.last_at).collect();
        let (_, middle, _) = times.select_nth_unstable(ENTRIES / 2);
        let middle = *middle;
        let mut spare = ENTRIES / 2;
        entries.retain(|_, e| {
            let keep = e.last_at > middle || (e.last_at == middle && spare > 0);
            spare -= usize::from(keep && e.last_at == middle);
            keep
        });
    }
}

fn keys(typed: &str, ip: Option<IpAddr>) -> Vec<Key> {
    let folded: String = name::fold(typed).chars().take(name::EMAIL_MAX).collect();
    let mut keys = Vec::with_capacity(3);
    if let Some(ip) = ip {
        let net = net(ip);
        keys.push(Key::Pair(folded.clone(), net));
        keys.push(Key::Address(net));
    }
    keys.push(Key::Name(folded));
    keys
}

fn net(ip: IpAddr) -> Net {
    match ip.to_canonical() {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6) >> 64 << 64,
    }
}

/// 1, 2, 4 … seconds from the failure after the free ones. An address alone gets ten times the free ones, since many people
/// may stand behind it.
fn delay(key: &Key, failures: u32) -> Millis {
    let (free, longest) = match key {
        Key::Pair(..) | Key::Second(_) => (FREE, LONGEST),
        Key::Address(_) => (10 * FREE, LONGEST),
        Key::Name(_) => (2 * FREE, LONGEST_NAME),
        // Not a failure: `begin` counts it.
        Key::Begun(_) => return 0,
    };
    match failures.checked_sub(free) {
        None | Some(0) if failures < free => 0,
        over => SECOND.saturating_mul(1 << over.unwrap_or(0).min(20)).min(longest),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    const THERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

    #[test]
    fn the_delay_grows_and_fades() {
        let throttle = Throttle::default();
        for _ in 0..4 {
            throttle.failed("Ana", HERE, 0);
        }
        throttle.check("ana", HERE, 1).unwrap();
        throttle.failed("ana ", HERE, 0);
        assert_eq!(throttle.check("ANA", HERE, 1).unwrap_err().retry_after_seconds(), Some(1));
        throttle.check("ana", HERE, 1_001).unwrap();
        for _ in 0..30 {
            throttle.failed("ana", HERE, 2_000);
        }
        let wait = throttle.check("ana", HERE, 2_000).unwrap_err().retry_after_seconds().unwrap();
        assert_eq!(wait, 900);
        throttle.check("ana", HERE, 2_000 + LONGEST).unwrap();
    }

    #[test]
    fn nobody_can_lock_the_admin_out_from_elsewhere() {
        let throttle = Throttle::default();
        for _ in 0..1_000 {
            throttle.failed("ana", THERE, 0);
        }
        let wait = throttle.check("ana", HERE, 0).unwrap_err().retry_after_seconds().unwrap();
        assert!(wait <= 5);
        throttle.check("ana", HERE, 5_000).unwrap();
    }

    #[test]
    fn an_address_that_tries_many_names_is_braked() {
        let throttle = Throttle::default();
        for n in 0..60 {
            throttle.failed(&format!("user{n}"), HERE, 0);
        }
        assert!(throttle.check("another", HERE, 0).is_err());
        throttle.check("another", THERE, 0).unwrap();
    }

    #[test]
    fn success_forgets_the_name_but_not_the_address() {
        let throttle = Throttle::default();
        for _ in 0..6 {
            throttle.failed("ana", HERE, 0);
        }
        throttle.succeeded("ana", HERE);
        throttle.check("ana", HERE, 0).unwrap();
    }

    #[test]
    fn one_address_begins_so_many_sign_ins_and_no_more() {
        let throttle = Throttle::default();
        let begun = |from, now| (0..2_000).filter(|_| throttle.begin(from, now).is_ok()).count();
        assert_eq!(begun(HERE, 1_000), 500);
        assert_eq!(throttle.begin(HERE, 1_001).unwrap_err().retry_after_seconds(), Some(1));
        assert_eq!(begun(HERE, 2_000), 10, "ten come back each second");
        assert_eq!((1..=40).filter(|n| throttle.begin(HERE, 2_000 + n * 50).is_ok()).count(), 20);
        assert_eq!(begun(THERE, 2_000), 500);
        assert_eq!(begun(HERE, 3_000_000), 500);
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..u32::try_from(ENTRIES).unwrap() {
            throttle.failed(&n.to_string(), Some(IpAddr::V4(n.into())), 0);
        }
        throttle.failed("last", HERE, MEMORY * 2);
        assert!(throttle.0.lock().len() <= ENTRIES);
    }
}

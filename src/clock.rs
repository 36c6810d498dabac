//! Time: the only caller of the system clock. Everything else receives a [`Clock`] or a plain `now` in milliseconds,
//! so that what differs only by elapsed time is tested with a clock set by hand. Rendering to RFC 3339 lives here too.

use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use time::OffsetDateTime;
use time::format_description::well_known::iso8601::{Config, EncodedConfig, TimePrecision};
use time::format_description::well_known::{Iso8601, Rfc3339};

/// Milliseconds since the Unix epoch, UTC.
pub type Millis = i64;

/// One second in [`Millis`].
pub const SECOND: Millis = 1_000;
/// One minute in [`Millis`].
pub const MINUTE: Millis = 60 * SECOND;
/// One hour in [`Millis`].
pub const HOUR: Millis = 60 * MINUTE;
/// One day in [`Millis`].
pub const DAY: Millis = 24 * HOUR;

/// A source of the present: the machine's clock, or one that a test sets.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Clock(None)
    }

    /// A clock that stands at `at` until [`Clock::set`] moves it; clones share the hand.
    pub fn fixed(at: Millis) -> Self {
        Clock(Some(Arc::new(AtomicI64::new(at))))
    }

    /// Moves a fixed clock to `at`; a system clock ignores it.
    pub fn set(&self, at: Millis) {
        if let Some(hand) = &self.0 {
            hand.store(at, Ordering::SeqCst);
        }
    }

    /// The present.
    pub fn now(&self) -> Millis {
        match &self.0 {
            Some(hand) => hand.load(Ordering::SeqCst),
            None => system_now(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
fn system_now() -> Millis {
    match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
        Ok(elapsed) => i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX),
        Err(_) => 0,
    }
}

/// RFC 3339 with three digits after the second, always: such texts sort as their moments do.
const MILLIS: EncodedConfig =
    Config::DEFAULT.set_time_precision(TimePrecision::Second { decimal_digits: NonZeroU8::new(3) }).encode();

/// `at` as an RFC 3339 timestamp in UTC with its milliseconds; out of range gives the epoch.
pub fn rfc3339(at: Millis) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .ok()
        .and_then(|t| t.format(&Iso8601::<MILLIS>).ok())
        .unwrap_or_else(|| "1970-01-01T00:00:00.000Z".to_owned())
}

/// `at` as a day in UTC for people: `3 May 2026`.
pub fn day(at: Millis) -> String {
    let form = time::macros::format_description!("[day padding:none] [month repr:long] [year]");
    let day = OffsetDateTime::from_unix_timestamp(at.div_euclid(SECOND)).ok();
    day.and_then(|t| t.format(form).ok()).unwrap_or_default()
}

/// Reads an RFC 3339 timestamp; `None` when it is not one.
pub fn parse_rfc3339(text: &str) -> Option<Millis> {
    let t = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(t.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_round_trips() {
        let at = 1_763_900_000_123;
        assert_eq!(parse_rfc3339(&rfc3339(at)), Some(at));
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert!(rfc3339(at + 7) < rfc3339(at + 10), "texts sort as moments do");
        assert_eq!(parse_rfc3339("yesterday"), None);
        assert_eq!(day(at), "23 November 2025");
    }

    #[test]
    fn a_fixed_clock_moves_only_by_hand() {
        let clock = Clock::fixed(5);
        let other = clock.clone();
        other.set(7);
        assert_eq!(clock.now(), 7);
        assert!(Clock::system().now() > parse_rfc3339("2025-01-01T00:00:00Z").unwrap());
    }
}

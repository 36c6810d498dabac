//! Sorting of lists (RFC 7644 §3.4.2.3): what is sorted by, and the first matches of a sorted list in bounded memory.

use super::super::schema::Type;
use crate::clock::parse_rfc3339;
use crate::error::{Code, Error, Result};
use crate::model::name::fold;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The most matches that are sorted to find a page: a bound on memory.
const SORT_MAX: usize = 100_000;

/// What is sorted by. No value stands last, or first in descending order (RFC 7644 §3.4.2.3).
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(super) enum Key {
    Bool(bool),
    Number(f64),
    Text(String),
    None,
}

impl Key {
    /// The key of an attribute's values: the primary one's, or the first.
    pub(super) fn of(kind: Type, exact: bool, values: &[&Value]) -> Key {
        let primary = values.iter().find(|v| v["primary"] == true).or_else(|| values.first());
        match primary {
            Some(Value::Bool(on)) => Key::Bool(*on),
            Some(Value::Number(n)) => n.as_f64().map_or(Key::None, Key::Number),
            // Moments are written with as many digits as they need, so their texts do not stand in their order.
            Some(Value::String(text)) if kind == Type::DateTime => {
                parse_rfc3339(text).map_or(Key::None, |at| Key::Number(at as f64))
            }
            Some(Value::String(text)) if exact => Key::Text(text.clone()),
            Some(Value::String(text)) => Key::Text(fold(text)),
            Some(Value::Object(fields)) if fields.contains_key("value") => Key::of(kind, exact, &[&fields["value"]]),
            _ => Key::None,
        }
    }
}

/// One match among those that are sorted: key, source, id.
struct Placed(Key, usize, u64, bool);

impl Ord for Placed {
    fn cmp(&self, other: &Self) -> Ordering {
        let keys = self.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal);
        let keys = if self.3 { keys.reverse() } else { keys };
        keys.then((self.1, self.2).cmp(&(other.1, other.2)))
    }
}
impl PartialOrd for Placed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Placed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Placed {}

/// Keeps the first matches of a sorted list, as many as reach to the end of the page.
pub(super) struct Sorter {
    first: BinaryHeap<Placed>,
    reach: usize,
    descending: bool,
}

impl Sorter {
    pub(super) fn new(reach: usize, descending: bool) -> Self {
        Sorter { first: BinaryHeap::new(), reach, descending }
    }

    pub(super) fn offer(&mut self, key: Key, source: usize, id: u64) -> Result<()> {
        self.first.push(Placed(key, source, id, self.descending));
        if self.first.len() > self.reach {
            self.first.pop();
        }
        if self.first.len() > SORT_MAX {
            return Err(Error::new(
                Code::LimitReached,
                format!("A sorted list reaches no further than {SORT_MAX} matches."),
            )
            .hint("Narrow the filter, or read the list without sorting."));
        }
        Ok(())
    }

    pub(super) fn page(self, skip: usize, limit: usize) -> Vec<(usize, u64, Option<Value>)> {
        let sorted = self.first.into_sorted_vec();
        sorted.into_iter().skip(skip).take(limit).map(|placed| (placed.1, placed.2, None)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn moments_are_sorted_by_time_and_not_by_their_digits() {
        let key = |text: &str| Key::of(Type::DateTime, true, &[&json!(text)]);
        let sorted =
            ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00.2Z"];
        assert!(sorted.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert_eq!(key("2026-01-01T01:00:00+01:00"), key("2026-01-01T00:00:00Z"));
    }
}

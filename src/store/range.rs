//! Which rows a listing walks, in what order, from where, how many: built from keys, resolved to byte bounds.
//! A [`Cursor`] continues a listing after its last row; it prints as URL-safe text.

use super::engine::Order;
use super::key::{KeyCode, encoded, escape};
use crate::error::{Code, Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::str::FromStr;

/// The most rows one listing gives.
pub const MAX_PAGE: usize = 1_000;
/// The longest row key, in bytes.
pub const MAX_KEY: usize = 1_024;

/// Where a listing stopped. Only meaningful for the same table or index and the same range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(super) Vec<u8>);

impl Cursor {
    /// The place of the row with this key (for an index that is not unique: the index key and then the primary key).
    pub fn at<K: KeyCode>(key: &K) -> Self {
        Cursor(encoded(key))
    }

    /// The same place in a listing that is made of several parts, in the part of this number.
    pub fn within(&self, part: u64) -> Self {
        Cursor([&part.to_be_bytes()[..], &self.0].concat())
    }

    /// The part and the place in it of a cursor that [`Self::within`] gave.
    pub fn part(&self) -> Option<(u64, Self)> {
        let (part, place) = self.0.split_first_chunk()?;
        Some((u64::from_be_bytes(*part), Cursor(place.to_vec())))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::new(Code::InvalidValue, "The cursor is not one that a listing gave.");
        if text.is_empty() || text.len() > 2 * MAX_KEY {
            return Err(bad());
        }
        URL_SAFE_NO_PAD.decode(text).map(Cursor).map_err(|_| bad())
    }
}

/// One page of records, and where the next page starts, if there is more.
#[derive(Debug)]
pub struct Listed<V> {
    /// The records, in order.
    pub items: Vec<V>,
    /// Set exactly when more records follow.
    pub next: Option<Cursor>,
}

/// A part of a table or index.
#[derive(Clone, Debug)]
pub struct Range {
    prefix: Vec<u8>,
    from: Vec<u8>,
    until: Option<Vec<u8>>,
    after: Option<Cursor>,
    pub(super) order: Order,
    pub(super) limit: usize,
    pub(super) skip: usize,
}

impl Range {
    /// All of it, ascending, up to [`MAX_PAGE`] rows.
    pub fn all() -> Self {
        Range::bytes(Vec::new())
    }

    /// The keys that begin with `part`: a leading part of a key tuple, or a whole key.
    pub fn prefix<K: KeyCode>(part: &K) -> Self {
        Range::bytes(encoded(part))
    }

    /// The keys that begin with `part` and then a text that begins with `text`. `part` may be `()`.
    pub fn text_prefix<K: KeyCode>(part: &K, text: &str) -> Self {
        let mut prefix = encoded(part);
        escape(text.as_bytes(), &mut prefix);
        Range::bytes(prefix)
    }

    /// The same order, place and limit, over the rows whose key begins with `part`.
    pub fn under<K: KeyCode>(mut self, part: &K) -> Self {
        self.prefix = encoded(part);
        self
    }

    /// The same order, place and limit, over the rows whose key begins with `part` and then a text that begins with `text`.
    pub fn under_text<K: KeyCode>(mut self, part: &K, text: &str) -> Self {
        self.prefix = Range::text_prefix(part, text).prefix;
        self
    }

    fn bytes(prefix: Vec<u8>) -> Self {
        Range { prefix, from: Vec::new(), until: None, after: None, order: Order::Ascending, limit: MAX_PAGE, skip: 0 }
    }

    /// Only keys at or above `key`.
    pub fn from<K: KeyCode>(mut self, key: &K) -> Self {
        self.from = encoded(key);
        self
    }

    /// Only keys below `key`.
    pub fn until<K: KeyCode>(mut self, key: &K) -> Self {
        self.until = Some(encoded(key));
        self
    }

    /// Only what follows `cursor` in the direction of the walk.
    pub fn after(mut self, cursor: impl Into<Option<Cursor>>) -> Self {
        self.after = cursor.into();
        self
    }

    /// Largest key first.
    pub fn desc(mut self) -> Self {
        self.order = Order::Descending;
        self
    }

    /// At most `limit` rows, capped at [`MAX_PAGE`].
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.min(MAX_PAGE);
        self
    }

    /// Without the first `rows`, which a listing passes without reading their records.
    pub fn skip(mut self, rows: usize) -> Self {
        self.skip = rows;
        self
    }

    /// Whether it is all that begins with its prefix, in ascending order: what counts of an index can speak for.
    pub(super) fn is_a_whole_prefix(&self) -> bool {
        self.from.is_empty() && self.until.is_none() && self.after.is_none() && self.order == Order::Ascending
    }

    /// Lower (included) and upper (excluded) row keys in the table or index of this number.
    pub(super) fn bounds(&self, number: u16) -> (Vec<u8>, Vec<u8>) {
        let with = |bytes: &[u8]| [&number.to_be_bytes()[..], bytes].concat();
        let prefix = with(&self.prefix);
        let mut to = successor(&prefix);
        let mut from = prefix.max(with(&self.from));
        if let Some(until) = &self.until {
            to = to.min(with(until));
        }
        match (&self.after, self.order) {
            (Some(cursor), Order::Ascending) => {
                let mut next = with(&cursor.0);
                next.push(0);
                from = from.max(next);
            }
            (Some(cursor), Order::Descending) => to = to.min(with(&cursor.0)),
            (None, _) => {}
        }
        (from, to)
    }
}

/// The smallest byte string above all that begin with `prefix`. Numbers stay below 0xFFFF, so there is one.
fn successor(prefix: &[u8]) -> Vec<u8> {
    let mut out = prefix.to_vec();
    while let Some(last) = out.pop() {
        if last < 0xFF {
            out.push(last + 1);
            break;
        }
    }
    out
}

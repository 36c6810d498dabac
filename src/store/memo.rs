//! What the same thread read before: who asks, and what they ask about, is read at every request, and finding and decoding
//! those rows costs more than anything else a request does. What is remembered of a row is given back while the state seen has
//! the same stamp, and after that only where the stored bytes are the very bytes it was made from: so there is nothing to
//! invalidate, and no way to see another state than the view that is read.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// The most rows of one generation, and the most bytes of them as stored. A thread keeps two: rows that nobody asks for
/// while a generation fills are forgotten.
const ROWS: usize = 32 * 1024;
const BYTES: usize = 8 * 1024 * 1024;
/// The largest value that is remembered, in bytes.
const LARGEST: usize = 4 * 1024;

/// The stored bytes of a row, and what they were made into.
type Made = (Box<[u8]>, Arc<dyn Any + Send + Sync>);

/// What is known of one row.
struct Known {
    /// The state in which this was seen last.
    stamp: Option<u64>,
    /// Nothing where there was no such row.
    found: Option<Made>,
}

#[derive(Default)]
struct Memo {
    young: HashMap<Box<[u8]>, Known>,
    old: HashMap<Box<[u8]>, Known>,
    /// What the young rows take.
    bytes: usize,
}

thread_local! {
    static MEMO: RefCell<Memo> = RefCell::default();
}

impl Memo {
    fn known(&mut self, row: &[u8]) -> Option<&mut Known> {
        if !self.young.contains_key(row) {
            let (row, known) = self.old.remove_entry(row)?;
            self.insert(row, known);
        }
        self.young.get_mut(row)
    }

    fn insert(&mut self, row: Box<[u8]>, known: Known) {
        if self.young.len() >= ROWS || self.bytes >= BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += row.len() + known.found.as_ref().map_or(0, |(bytes, _)| bytes.len());
        self.young.insert(row, known);
    }
}

/// What is remembered of `row` in the state of this stamp: a value, or that there is none.
pub(super) fn current<T: Send + Sync + 'static>(stamp: u64, row: &[u8]) -> Option<Option<Arc<T>>> {
    MEMO.with_borrow_mut(|memo| {
        let known = match memo.young.get(row) {
            Some(known) => known,
            None => memo.known(row)?,
        };
        match &known.found {
            _ if known.stamp != Some(stamp) => None,
            Some((_, value)) => Arc::clone(value).downcast::<T>().ok().map(Some),
            None => Some(None),
        }
    })
}

/// What `make` makes of the value of `row`, which is `bytes` in the state of this stamp.
pub(super) fn made_of<T: Send + Sync + 'static>(
    stamp: Option<u64>,
    row: &[u8],
    bytes: &[u8],
    make: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<Arc<T>, String> {
    let same = MEMO.with_borrow_mut(|memo| {
        let known = memo.known(row)?;
        let (_, value) = known.found.as_ref().filter(|(made_from, _)| **made_from == *bytes)?;
        let value = Arc::clone(value).downcast::<T>().ok()?;
        known.stamp = stamp.or(known.stamp);
        Some(value)
    });
    if let Some(same) = same {
        return Ok(same);
    }
    let value = Arc::new(make(bytes)?);
    if bytes.len() <= LARGEST {
        let found = Some((bytes.into(), Arc::clone(&value) as Arc<dyn Any + Send + Sync>));
        MEMO.with_borrow_mut(|memo| memo.insert(row.into(), Known { stamp, found }));
    }
    Ok(value)
}

/// There is no `row` in the state of this stamp.
pub(super) fn absent(stamp: Option<u64>, row: &[u8]) {
    if stamp.is_some() {
        MEMO.with_borrow_mut(|memo| memo.insert(row.into(), Known { stamp, found: None }));
    }
}

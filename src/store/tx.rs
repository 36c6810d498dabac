//! A unit of work: overlay over the batch's earlier overlays over what is being committed over the engine's snapshot. Reads see own writes; rollback is
//! dropping the overlay. `put` keeps every declared index, so no caller ever writes an index row.
//! Portability limits are enforced here from day one, or they are lost by habit. Who runs it: `writer.rs`.

use super::engine::{Batch, Order, View, Visit};
use super::range::MAX_KEY;
use super::read::{Rows, undecodable};
use super::table::{Directory, IndexRow, Kind, Record, Sequence, Table, pack, row_key, unpack};
use crate::error::{Code, Error, Result};
use std::any::TypeId;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;
use std::sync::Arc;

/// The largest stored value, in bytes.
pub const MAX_VALUE: usize = 64 * 1024;
/// The most that one transaction may write, keys and values, in bytes. Half an engine's batch, so that one always fits.
pub const MAX_TX: usize = 2 * 1024 * 1024;

/// What the closures of one batch share: the engine's snapshot, and what those before have written.
pub(super) struct Base {
    view: Box<dyn View>,
    /// The batch before, where it is being committed: the snapshot may have been taken before or after that.
    below: Option<Arc<Batch>>,
    pub(super) batch: RefCell<Batch>,
}

impl Base {
    pub(super) fn over(view: Box<dyn View>, below: Option<Arc<Batch>>) -> Self {
        Base { view, below, batch: RefCell::default() }
    }
}

/// A unit of work. Returning `Err` from the closure drops all it wrote.
pub struct Tx {
    base: Rc<Base>,
    directory: Arc<Directory>,
    overlay: Batch,
    bytes: usize,
    audited: Option<&'static str>,
    noted: bool,
    /// A write was refused with others of the same record done: whoever goes on all the same commits nothing.
    torn: bool,
}

impl Tx {
    pub(super) fn new(base: Rc<Base>, directory: Arc<Directory>) -> Self {
        Tx { base, directory, overlay: Batch::new(), bytes: 0, audited: None, noted: false, torn: false }
    }

    /// What was written, if it may be committed; and its size in bytes.
    pub(super) fn finish(self) -> Result<(Batch, usize)> {
        if self.torn {
            return Err(too_much());
        }
        match self.audited {
            Some(table) if !self.noted => {
                Err(Error::internal(format!("a transaction changed `{table}` without an event")))
            }
            _ => Ok((self.overlay, self.bytes)),
        }
    }

    /// Whether a table was written whose changes need an event.
    pub fn wrote_audited(&self) -> bool {
        self.audited.is_some()
    }

    /// Declares that this transaction records its event.
    pub fn note_event(&mut self) {
        self.noted = true;
    }

    /// Stores `value`, replacing the record with the same key, and keeps the indexes. A key of a unique index that
    /// another record holds is refused with the index's code.
    pub fn put<V: Record>(&mut self, table: &Table<V>, value: &V) -> Result<()> {
        let row = row_key(table.number, &value.key());
        let packed = pack(value).map_err(Error::internal)?;
        if packed.len() > MAX_VALUE {
            return Err(Error::new(Code::TooLarge, "The record is larger than the store allows (64 KiB)."));
        }
        self.mark(table);
        let mut stale = match self.load_old(table, &row)? {
            Some(old) => table.index_rows(&old, &row),
            None => Vec::new(),
        };
        let mut fresh = table.index_rows(value, &row);
        fresh.retain(|new| match stale.binary_search_by(|old| old.key.cmp(&new.key)) {
            Ok(at) => {
                stale.remove(at);
                false
            }
            Err(_) => true,
        });
        // Before anything is written: whoever is refused may go on with something else.
        for (key, code) in fresh.iter().filter_map(|new| Some((&new.key, new.clash?))) {
            let mut taken = false;
            self.row(key, &mut |_| taken = true)?;
            if taken {
                return Err(Error::new(code, code.doc()));
            }
        }
        for old in stale {
            self.drop_row(old)?;
        }
        for new in fresh {
            self.tally(&new, 1)?;
            if new.stands {
                self.write(new.key, Some(row.clone()))?;
            }
        }
        self.write(row, Some(packed))
    }

    /// Removes the record with this key and its index rows; gives back what was there.
    pub fn delete<V: Record>(&mut self, table: &Table<V>, key: &V::Key) -> Result<Option<V>> {
        let row = row_key(table.number, key);
        let Some(old) = self.load_old(table, &row)? else { return Ok(None) };
        self.mark(table);
        for index in table.index_rows(&old, &row) {
            self.drop_row(index)?;
        }
        self.write(row, None)?;
        Ok(Some(old))
    }

    /// The next id of a sequence: 1, 2, 3, … An id that was committed is never given again.
    pub fn next_id(&mut self, sequence: Sequence) -> Result<u64> {
        let row = sequence.0.to_be_bytes().to_vec();
        let mut last = Ok(0u64);
        self.row(&row, &mut |value| last = unpack(value))?;
        let next = last.map_err(|why| undecodable(&why))? + 1;
        self.write(row, Some(pack(&next).map_err(Error::internal)?))?;
        Ok(next)
    }

    fn drop_row(&mut self, row: IndexRow) -> Result<()> {
        self.tally(&row, -1)?;
        if row.stands { self.write(row.key, None) } else { Ok(()) }
    }

    /// Counts that a row of a counted index comes or goes.
    fn tally(&mut self, row: &IndexRow, change: i64) -> Result<()> {
        let Some(key) = row.count.clone() else { return Ok(()) };
        let mut count = Ok(0u64);
        self.row(&key, &mut |value| count = unpack(value))?;
        let count = count.map_err(|why| undecodable(&why))?.saturating_add_signed(change);
        let value = if count == 0 { None } else { Some(pack(&count).map_err(Error::internal)?) };
        self.write(key, value)
    }

    /// Writes a row as bytes, past every table: for the format stamp and for tests that plant damage.
    pub(super) fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<()> {
        if key.len() > MAX_KEY {
            self.torn = true;
            return Err(Error::new(Code::TooLarge, "A name or key is longer than the store allows (1 KiB)."));
        }
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        if self.bytes > MAX_TX {
            self.torn = true;
            return Err(too_much());
        }
        self.overlay.insert(key, value);
        Ok(())
    }

    fn mark<V: Record>(&mut self, table: &Table<V>) {
        if table.kind == Kind::Audited {
            self.audited = Some(table.name);
        }
    }

    fn load_old<V: Record>(&self, _: &Table<V>, row: &[u8]) -> Result<Option<V>> {
        let mut found = None;
        self.row(row, &mut |value| found = Some(unpack(value)))?;
        found.transpose().map_err(|why| undecodable(&why))
    }
}

fn too_much() -> Error {
    Error::new(Code::TooLarge, "The change is larger than one transaction allows (2 MiB). Nothing was changed.")
}

impl Rows for Tx {
    fn row(&self, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let batch = self.base.batch.borrow();
        let below = self.base.below.as_deref();
        match self.overlay.get(key).or_else(|| batch.get(key)).or_else(|| below?.get(key)) {
            Some(Some(value)) => {
                found(value);
                Ok(true)
            }
            Some(None) => Ok(false),
            None => Ok(self.base.view.get(key, found)?),
        }
    }

    fn walk(&self, from: &[u8], to: &[u8], order: Order, visit: &mut Visit<'_>) -> Result<()> {
        if from >= to {
            return Ok(());
        }
        let batch = self.base.batch.borrow();
        let bounds = (Bound::Included(from), Bound::Excluded(to));
        let mut written: BTreeMap<&[u8], Option<&[u8]>> = BTreeMap::new();
        for layer in [self.base.below.as_deref(), Some(&*batch), Some(&self.overlay)].into_iter().flatten() {
            for (key, value) in layer.range::<[u8], _>(bounds) {
                written.insert(key, value.as_deref());
            }
        }
        let mut written: Vec<_> = written.into_iter().collect();
        // The next one is taken off the end.
        if order == Order::Ascending {
            written.reverse();
        }
        let before = |a: &[u8], b: &[u8]| if order == Order::Ascending { a < b } else { a > b };
        let mut going = true;
        self.base.view.scan(from, to, order, &mut |key, value| {
            while going
                && let Some((ours, _)) = written.last()
                && before(ours, key)
            {
                if let Some((ours, Some(value))) = written.pop() {
                    going = visit(ours, value);
                }
            }
            if going {
                going = match written.pop_if(|(ours, _)| *ours == key) {
                    Some((_, Some(ours))) => visit(key, ours),
                    Some((_, None)) => true,
                    None => visit(key, value),
                };
            }
            going
        })?;
        while going && let Some((key, value)) = written.pop() {
            if let Some(value) = value {
                going = visit(key, value);
            }
        }
        Ok(())
    }

    fn table_of(&self, record: TypeId) -> Option<u16> {
        self.directory.number_of(record)
    }
}

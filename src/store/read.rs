//! Typed reading, the same on a snapshot and inside a transaction: `policy` and the listings run on either.
//! Point reads decode straight from the engine's page; they are the hot path of every request.

use super::engine::{Order, View, Visit};
use super::key::KeyCode;
use super::memo;
use super::range::{Cursor, Listed, Range};
use super::table::{Directory, Index, Record, Table, Tally, Unique, Walkable, behind_block, row_key, unpack};
use crate::error::{Code, Error, Result};
use std::any::TypeId;
use std::sync::Arc;

/// Rows as bytes; what [`Read`] is built on. Only this module's parents implement it.
#[doc(hidden)]
pub trait Rows {
    /// Hands the value at `key` to `found`; whether there is one.
    fn row(&self, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool>;
    /// Walks the rows with `from <= key < to`.
    fn walk(&self, from: &[u8], to: &[u8], order: Order, visit: &mut Visit<'_>) -> Result<()>;
    /// The number of the table that keeps this record type.
    fn table_of(&self, record: TypeId) -> Option<u16>;
    /// The number of the state seen, where it has one; see [`View::stamp`].
    fn stamp(&self) -> Option<u64> {
        None
    }
}

/// A consistent view of the store, for as long as it lives. Keep it short: it holds back the reuse of space.
pub struct Snapshot {
    view: Box<dyn View>,
    directory: Arc<Directory>,
}

impl Snapshot {
    pub(super) fn new(view: Box<dyn View>, directory: Arc<Directory>) -> Self {
        Snapshot { view, directory }
    }
}

impl Rows for Snapshot {
    fn row(&self, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool> {
        Ok(self.view.get(key, found)?)
    }
    fn walk(&self, from: &[u8], to: &[u8], order: Order, visit: &mut Visit<'_>) -> Result<()> {
        Ok(self.view.scan(from, to, order, visit)?)
    }
    fn table_of(&self, record: TypeId) -> Option<u16> {
        self.directory.number_of(record)
    }
    fn stamp(&self) -> Option<u64> {
        self.view.stamp()
    }
}

/// What a listing found, each with its place, from which the listing goes on in either direction.
pub type Placed<T> = Vec<(Cursor, T)>;

/// Typed reads.
pub trait Read: Rows {
    /// The record with this key.
    fn get<V: Record>(&self, table: &Table<V>, key: &V::Key) -> Result<Option<V>> {
        self.load(&row_key(table.number, key))
    }

    /// [`Self::get`] for rows that requests read again and again: looked up once for as long as nothing at all was written,
    /// decoded once for as long as their bytes stay the same.
    fn shared<V: Record>(&self, table: &Table<V>, key: &V::Key) -> Result<Option<Arc<V>>> {
        self.load_shared(&row_key(table.number, key))
    }

    /// [`Self::find`] in the way of [`Self::shared`].
    fn find_shared<V: Record, K: KeyCode>(&self, index: &Unique<V, K>, key: &K) -> Result<Option<Arc<V>>> {
        let held = self.remembered(&row_key(index.number, key), |row| Ok(row.to_vec()))?;
        match held {
            Some(row) if table_number(&row) == self.table_of(TypeId::of::<V>()) => {
                self.load_shared(&row)?.map_or_else(|| Err(dangling()), |value| Ok(Some(value)))
            }
            _ => Ok(None),
        }
    }

    /// The record that holds `key` in a unique index; a holder in another table that shares the index counts as none.
    fn find<V: Record, K: KeyCode>(&self, index: &Unique<V, K>, key: &K) -> Result<Option<V>> {
        let mut row = Vec::new();
        if !self.row(&row_key(index.number, key), &mut |value| row.extend_from_slice(value))? {
            return Ok(None);
        }
        if table_number(&row) != self.table_of(TypeId::of::<V>()) {
            return Ok(None);
        }
        self.load(&row)?.map_or_else(|| Err(dangling()), |value| Ok(Some(value)))
    }

    /// The number of the table that holds `key` in a unique index, whichever table it is.
    fn holder<V: Record, K: KeyCode>(&self, index: &Unique<V, K>, key: &K) -> Result<Option<u16>> {
        let mut number = None;
        self.row(&row_key(index.number, key), &mut |value| number = table_number(value))?;
        Ok(number)
    }

    /// Records by primary key.
    fn list<V: Record>(&self, table: &Table<V>, range: Range) -> Result<Listed<V>> {
        let (from, to) = range.bounds(table.number);
        let (mut items, mut last, mut more, mut broken) = (Vec::new(), Vec::new(), false, None);
        let mut skip = range.skip;
        self.walk(&from, &to, range.order, &mut |key, value| {
            if skip > 0 {
                skip -= 1;
                return true;
            }
            if items.len() == range.limit {
                more = true;
                return false;
            }
            match unpack(value) {
                Ok(value) => items.push(value),
                Err(why) => broken = Some(why),
            }
            last.clear();
            last.extend_from_slice(&key[2..]);
            broken.is_none()
        })?;
        if let Some(why) = broken {
            return Err(undecodable(&why));
        }
        Ok(Listed { items, next: (more && !last.is_empty()).then_some(Cursor(last)) })
    }

    /// Records by an index.
    fn list_by<I: Index>(&self, index: &I, range: Range) -> Result<Listed<I::Value>> {
        let (placed, more) = self.placed_by(index, range)?;
        let next = placed.last().filter(|_| more).map(|(place, _)| place.clone());
        Ok(Listed { items: placed.into_iter().map(|(_, value)| value).collect(), next })
    }

    /// [`Self::list_by`] with the place of each record, from which a listing goes on in either direction; and whether more follow.
    fn placed_by<I: Index>(&self, index: &I, range: Range) -> Result<(Placed<I::Value>, bool)> {
        let (mut from, to) = range.bounds(index.index_number());
        let table = self.table_of(TypeId::of::<I::Value>());
        let (mut rows, mut more, mut skip) = (Vec::new(), false, range.skip);
        if let Some(counts) = index.counts_number().filter(|_| skip > 0 && range.is_a_whole_prefix()) {
            let (block, left) = self.pass_blocks(counts, &range)?;
            (from, skip) = ([&from[..2], &block].concat(), left);
        }
        self.walk(&from, &to, range.order, &mut |key, value| {
            if table_number(value) != table {
                return true;
            }
            if skip > 0 {
                skip -= 1;
                return true;
            }
            more = rows.len() == range.limit;
            if !more {
                rows.push((Cursor(key[2..].to_vec()), value.to_vec()));
            }
            !more
        })?;
        let mut items = Vec::with_capacity(rows.len());
        for (place, row) in rows {
            items.push((place, self.load(&row)?.ok_or_else(dangling)?));
        }
        // Nothing can be gone on behind where nothing was given.
        let more = more && !items.is_empty();
        Ok((items, more))
    }

    /// [`Self::list`] with the place of each record, and whether more follow.
    fn placed<V: Record>(&self, table: &Table<V>, range: Range) -> Result<(Placed<V>, bool)> {
        let page = self.list(table, range)?;
        let place = |value: V| (Cursor::at(&value.key()), value);
        Ok((page.items.into_iter().map(place).collect(), page.next.is_some()))
    }

    /// How many records have `key` in a tally: reads one row.
    fn tally<V: Record, K: KeyCode>(&self, tally: &Tally<V, K>, key: &K) -> Result<usize> {
        let mut count = Ok(0);
        self.row(&row_key(tally.number, key), &mut |value| count = unpack(value))?;
        count.map_err(|why| undecodable(&why))
    }

    /// How many rows of a table or index are in `range`, counting no further than `at_most`. Decodes nothing.
    fn count<W: Walkable>(&self, target: &W, range: Range, at_most: usize) -> Result<usize> {
        let (from, to) = range.bounds(target.walk_number());
        let table = target.shared_by().and_then(|record| self.table_of(record));
        if let Some(counts) = target.counts_number().filter(|_| range.is_a_whole_prefix()) {
            let mut total = 0;
            self.each_count(counts, &range, |_, count| {
                total += count;
                total < at_most
            })?;
            return Ok(total.min(at_most));
        }
        let mut count = 0;
        if at_most > 0 {
            self.walk(&from, &to, range.order, &mut |_, value| {
                if table.is_none() || table_number(value) == table {
                    count += 1;
                }
                count < at_most
            })?;
        }
        Ok(count)
    }

    /// Every record whose key begins with `part`: for parts that bound the number, as the members of one team.
    fn all<V: Record, K: KeyCode>(&self, table: &Table<V>, part: &K) -> Result<Vec<V>> {
        let mut page = self.list(table, Range::prefix(part))?;
        let mut items = page.items;
        while let Some(cursor) = page.next {
            page = self.list(table, Range::prefix(part).after(cursor))?;
            items.append(&mut page.items);
        }
        Ok(items)
    }

    /// Every record whose index key begins with `part`, in the order of the index.
    fn all_by<I: Index, K: KeyCode>(&self, index: &I, part: &K) -> Result<Vec<I::Value>> {
        let mut page = self.list_by(index, Range::prefix(part))?;
        let mut items = page.items;
        while let Some(cursor) = page.next {
            page = self.list_by(index, Range::prefix(part).after(cursor))?;
            items.append(&mut page.items);
        }
        Ok(items)
    }

    /// [`Self::all_by`] in the way of [`Self::shared`].
    fn all_shared<I: Index, K: KeyCode>(&self, index: &I, part: &K) -> Result<Vec<Arc<I::Value>>> {
        let range = Range::prefix(part);
        let (from, to) = range.bounds(index.index_number());
        let (table, mut rows) = (self.table_of(TypeId::of::<I::Value>()), Vec::new());
        self.walk(&from, &to, range.order, &mut |_, value| {
            if table_number(value) == table {
                rows.push(value.to_vec());
            }
            true
        })?;
        rows.iter().map(|row| self.load_shared(row)?.ok_or_else(dangling)).collect()
    }

    /// Key (without its number) of the block of a counted index in which the row behind `range.skip` others stands, and how
    /// many rows of that block are before it. Reads a row for each block.
    #[doc(hidden)]
    fn pass_blocks(&self, counts: u16, range: &Range) -> Result<(Vec<u8>, usize)> {
        let (mut block, mut left) = (Vec::new(), range.skip);
        self.each_count(counts, range, |key, count| {
            let here = left < count;
            block = if here { key.to_vec() } else { behind_block(key) };
            left -= if here { 0 } else { count };
            !here
        })?;
        if block.is_empty() {
            block = range.bounds(counts).0.split_off(2);
        }
        Ok((block, left))
    }

    #[doc(hidden)]
    fn each_count(&self, counts: u16, range: &Range, mut visit: impl FnMut(&[u8], usize) -> bool) -> Result<()> {
        let (from, to) = range.bounds(counts);
        let mut broken = None;
        self.walk(&from, &to, Order::Ascending, &mut |key, value| match unpack::<usize>(value) {
            Ok(count) => visit(&key[2..], count),
            Err(why) => {
                broken = Some(why);
                false
            }
        })?;
        broken.map_or(Ok(()), |why| Err(undecodable(&why)))
    }

    #[doc(hidden)]
    fn load_shared<V: Record>(&self, row: &[u8]) -> Result<Option<Arc<V>>> {
        self.remembered(row, unpack::<V>)
    }

    /// What `read` makes of the value at `row`, made anew only where the value is another one.
    #[doc(hidden)]
    fn remembered<T: Send + Sync + 'static>(
        &self,
        row: &[u8],
        read: impl Fn(&[u8]) -> std::result::Result<T, String>,
    ) -> Result<Option<Arc<T>>> {
        let stamp = self.stamp();
        if let Some(known) = stamp.and_then(|stamp| memo::current(stamp, row)) {
            return Ok(known);
        }
        let mut found = None;
        if !self.row(row, &mut |value| found = Some(memo::made_of(stamp, row, value, &read)))? {
            memo::absent(stamp, row);
        }
        found.transpose().map_err(|why| undecodable(&why))
    }

    /// The record stored under a row key.
    #[doc(hidden)]
    fn load<V: Record>(&self, row: &[u8]) -> Result<Option<V>> {
        let mut found = None;
        self.row(row, &mut |value| found = Some(unpack(value)))?;
        found.transpose().map_err(|why| undecodable(&why))
    }
}

impl<R: Rows + ?Sized> Rows for &R {
    fn row(&self, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool> {
        (**self).row(key, found)
    }
    fn walk(&self, from: &[u8], to: &[u8], order: Order, visit: &mut Visit<'_>) -> Result<()> {
        (**self).walk(from, to, order, visit)
    }
    fn table_of(&self, record: TypeId) -> Option<u16> {
        (**self).table_of(record)
    }
    fn stamp(&self) -> Option<u64> {
        (**self).stamp()
    }
}

impl<R: Rows + ?Sized> Rows for &mut R {
    fn row(&self, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool> {
        (**self).row(key, found)
    }
    fn walk(&self, from: &[u8], to: &[u8], order: Order, visit: &mut Visit<'_>) -> Result<()> {
        (**self).walk(from, to, order, visit)
    }
    fn table_of(&self, record: TypeId) -> Option<u16> {
        (**self).table_of(record)
    }
    fn stamp(&self) -> Option<u64> {
        (**self).stamp()
    }
}

impl<R: Rows + ?Sized> Read for R {}

/// The table number that a row key, or the value of an index row, begins with.
pub(super) fn table_number(row: &[u8]) -> Option<u16> {
    row.first_chunk().map(|head| u16::from_be_bytes(*head))
}

fn dangling() -> Error {
    damaged("an index row leads to no record")
}

pub(super) fn undecodable(why: &str) -> Error {
    damaged(&format!("a stored value cannot be read: {why}"))
}

fn damaged(why: &str) -> Error {
    Error::new(Code::StoreFailed, "A stored record is damaged.")
        .hint("Run `bailiwick doctor` to see what is affected.")
        .because(why.to_owned())
}

//! Typed tables and their declared indexes: what `schema.rs` is written in. No rows are read or written here; `tx.rs` and
//! `read.rs` do that. Row key: table number ++ key. Row value: one format byte ++ JSON.
//! Index row key: index number ++ index key (++ primary key, unless unique); its value is the row key of the record,
//! so that several tables can share one unique index.

use super::key::{KeyCode, encoded};
use crate::error::Code;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::TypeId;

/// A plain struct that a table keeps. New fields need `#[serde(default)]` to read rows written before them.
pub trait Record: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The primary key.
    type Key: KeyCode;
    /// The primary key of this record; never changes while the record lives.
    fn key(&self) -> Self::Key;
}

/// What a write to a table demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An event in the same transaction.
    Audited,
    /// No event; still the business of use-cases.
    Quiet,
    /// Short-lived helper rows (attempts, touches): neither.
    Scratch,
}

/// A persisted counter: permanent number, name. Ids start at 1 and are never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence(pub u16, pub &'static str);

/// A row that a record points to; `doctor` checks that it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub(super) row: Vec<u8>,
}

impl Reference {
    /// The record of `table` with this key.
    pub fn to<V: Record>(table: &Table<V>, key: &V::Key) -> Self {
        Reference { row: row_key(table.number, key) }
    }
}

/// A sequence, and the id that a record took from it.
type Counter<V> = (Sequence, fn(&V) -> u64);

/// Records of one type, sorted by primary key.
pub struct Table<V: Record> {
    pub(super) number: u16,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) indexes: &'static [&'static dyn IndexOf<V>],
    references: Option<fn(&V, &mut Vec<Reference>)>,
    counter: Option<Counter<V>>,
}

impl<V: Record> Table<V> {
    /// A table whose changes need an event. `number` is permanent and unique among tables, indexes and sequences.
    pub const fn new(number: u16, name: &'static str, indexes: &'static [&'static dyn IndexOf<V>]) -> Self {
        Table { number, name, kind: Kind::Audited, indexes, references: None, counter: None }
    }

    /// A table whose changes need no event.
    pub const fn quiet(number: u16, name: &'static str, indexes: &'static [&'static dyn IndexOf<V>]) -> Self {
        Table { number, name, kind: Kind::Quiet, indexes, references: None, counter: None }
    }

    /// A table of short-lived helper rows.
    pub const fn scratch(number: u16, name: &'static str, indexes: &'static [&'static dyn IndexOf<V>]) -> Self {
        Table { number, name, kind: Kind::Scratch, indexes, references: None, counter: None }
    }

    /// Declares what records point to, for `doctor`.
    pub const fn referring(mut self, references: fn(&V, &mut Vec<Reference>)) -> Self {
        self.references = Some(references);
        self
    }

    /// Declares which sequence the ids come from, for `doctor`.
    pub const fn counted_by(mut self, sequence: Sequence, id: fn(&V) -> u64) -> Self {
        self.counter = Some((sequence, id));
        self
    }

    /// The permanent number.
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// The name, for people.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Every index row that `value`, stored under `row`, must have. Sorted, without repetition.
    pub(super) fn index_rows(&self, value: &V, row: &[u8]) -> Vec<IndexRow> {
        let mut rows = Vec::with_capacity(self.indexes.len());
        for index in self.indexes {
            index.rows(value, row, &mut rows);
        }
        rows.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        rows.dedup_by(|a, b| a.key == b.key);
        rows
    }
}

/// One row of an index: its key, for a unique index the code of a clash, and the key of the count it is part of, if any. That of
/// a [`Tally`] is the count alone: nothing is kept under its own key.
pub struct IndexRow {
    pub(super) key: Vec<u8>,
    pub(super) clash: Option<Code>,
    pub(super) count: Option<Vec<u8>>,
    pub(super) stands: bool,
}

/// Rows of a counted index that share a count: those whose last eight bytes of the key (the id) differ in these bits only.
const BLOCK_BITS: u32 = 11;

/// A key (without its number) behind every row of the block whose count has the `key`.
pub(super) fn behind_block(key: &[u8]) -> Vec<u8> {
    let mut out = key.to_vec();
    if let Some(id) = out.last_chunk_mut::<8>() {
        *id = (u64::from_be_bytes(*id) | ((1 << BLOCK_BITS) - 1)).to_be_bytes();
    }
    out.push(0);
    out
}

/// The key of the count that the row with this `key` in a counted index belongs to: number of the counts ++ the key without
/// its number, its last eight bytes being those of the block.
fn count_key(counts: u16, key: &[u8]) -> Vec<u8> {
    let mut out = counts.to_be_bytes().to_vec();
    match key[2..].split_last_chunk::<8>() {
        Some((part, id)) => {
            out.extend_from_slice(part);
            out.extend_from_slice(&(u64::from_be_bytes(*id) >> BLOCK_BITS << BLOCK_BITS).to_be_bytes());
        }
        None => out.extend_from_slice(&key[2..]),
    }
    out
}

/// An index as its table sees it.
pub trait IndexOf<V>: Send + Sync {
    /// The permanent number.
    fn number(&self) -> u16;
    /// The name, for people.
    fn name(&self) -> &'static str;
    /// Whether each key has one holder.
    fn is_unique(&self) -> bool;
    /// The number of its counts, where its rows are counted.
    fn counts(&self) -> Option<u16> {
        None
    }
    /// Whether it has rows, and not counts alone.
    fn has_rows(&self) -> bool {
        true
    }
    /// Appends the rows for `value`, stored under `row` (table number ++ primary key).
    fn rows(&self, value: &V, row: &[u8], out: &mut Vec<IndexRow>);
}

/// An index as a reader sees it.
pub trait Index {
    /// The records it leads to.
    type Value: Record;
    /// The permanent number.
    fn index_number(&self) -> u16;
    /// The number of its counts, where its rows are counted.
    fn counts_number(&self) -> Option<u16> {
        None
    }
}

/// An index with at most one holder per key. Two tables share one by declaring a `Unique` of the same number each.
pub struct Unique<V, K> {
    pub(super) number: u16,
    name: &'static str,
    keys: fn(&V, &mut Vec<K>),
    clash: Code,
}

/// An index with any number of holders per key.
pub struct Multi<V, K> {
    pub(super) number: u16,
    name: &'static str,
    keys: fn(&V, &mut Vec<K>),
    counts: Option<u16>,
}

/// How many records have a key: one count for each key, and no rows that lead to the records.
pub struct Tally<V, K> {
    pub(super) number: u16,
    name: &'static str,
    keys: fn(&V, &mut Vec<K>),
}

impl<V: Record, K: KeyCode> Tally<V, K> {
    /// `keys` gives the keys under which a record is counted.
    pub const fn new(number: u16, name: &'static str, keys: fn(&V, &mut Vec<K>)) -> Self {
        Tally { number, name, keys }
    }
}

impl<V: Record, K: KeyCode> Unique<V, K> {
    /// `keys` gives the keys a record holds; `clash` is the code when another record holds one already.
    pub const fn new(number: u16, name: &'static str, keys: fn(&V, &mut Vec<K>), clash: Code) -> Self {
        Unique { number, name, keys, clash }
    }
}

impl<V: Record, K: KeyCode> Multi<V, K> {
    /// `keys` gives the keys under which a record is found.
    pub const fn new(number: u16, name: &'static str, keys: fn(&V, &mut Vec<K>)) -> Self {
        Multi { number, name, keys, counts: None }
    }

    /// Keeps how many rows there are, for each block of ids under each key, in rows of this permanent number: counting and
    /// skipping then cost a row for each block and not for each record. For tables whose primary key is one number.
    pub const fn counted(mut self, counts: u16) -> Self {
        self.counts = Some(counts);
        self
    }
}

fn each_key<V, K: KeyCode>(number: u16, keys: fn(&V, &mut Vec<K>), value: &V, mut row: impl FnMut(Vec<u8>)) {
    let mut found = Vec::new();
    keys(value, &mut found);
    for key in found {
        row(row_key(number, &key));
    }
}

impl<V: Record, K: KeyCode> IndexOf<V> for Unique<V, K> {
    fn number(&self) -> u16 {
        self.number
    }
    fn name(&self) -> &'static str {
        self.name
    }
    fn is_unique(&self) -> bool {
        true
    }
    fn rows(&self, value: &V, _: &[u8], out: &mut Vec<IndexRow>) {
        each_key(self.number, self.keys, value, |key| {
            out.push(IndexRow { key, clash: Some(self.clash), count: None, stands: true })
        });
    }
}

impl<V: Record, K: KeyCode> IndexOf<V> for Multi<V, K> {
    fn number(&self) -> u16 {
        self.number
    }
    fn name(&self) -> &'static str {
        self.name
    }
    fn is_unique(&self) -> bool {
        false
    }
    fn counts(&self) -> Option<u16> {
        self.counts
    }
    fn rows(&self, value: &V, row: &[u8], out: &mut Vec<IndexRow>) {
        each_key(self.number, self.keys, value, |mut key| {
            key.extend_from_slice(&row[2..]);
            let count = self.counts.map(|counts| count_key(counts, &key));
            out.push(IndexRow { key, clash: None, count, stands: true });
        });
    }
}

impl<V: Record, K: KeyCode> IndexOf<V> for Tally<V, K> {
    fn number(&self) -> u16 {
        self.number
    }
    fn name(&self) -> &'static str {
        self.name
    }
    fn is_unique(&self) -> bool {
        false
    }
    fn counts(&self) -> Option<u16> {
        Some(self.number)
    }
    fn has_rows(&self) -> bool {
        false
    }
    fn rows(&self, value: &V, _: &[u8], out: &mut Vec<IndexRow>) {
        each_key(self.number, self.keys, value, |key| {
            out.push(IndexRow { count: Some(key.clone()), key, clash: None, stands: false })
        });
    }
}

impl<V: Record, K: KeyCode> Index for Unique<V, K> {
    type Value = V;
    fn index_number(&self) -> u16 {
        self.number
    }
}

impl<V: Record, K: KeyCode> Index for Multi<V, K> {
    type Value = V;
    fn index_number(&self) -> u16 {
        self.number
    }
    fn counts_number(&self) -> Option<u16> {
        self.counts
    }
}

/// A table or an index, when only its keys are walked.
pub trait Walkable {
    /// The permanent number that its rows begin with.
    fn walk_number(&self) -> u16;
    /// For an index that tables may share: the record type whose rows count.
    fn shared_by(&self) -> Option<TypeId> {
        None
    }
    /// The number of its counts, where its rows are counted.
    fn counts_number(&self) -> Option<u16> {
        None
    }
}

impl<V: Record> Walkable for Table<V> {
    fn walk_number(&self) -> u16 {
        self.number
    }
}

impl<V: Record, K> Walkable for Multi<V, K> {
    fn walk_number(&self) -> u16 {
        self.number
    }
    fn counts_number(&self) -> Option<u16> {
        self.counts
    }
}

impl<V: Record, K> Walkable for Unique<V, K> {
    fn walk_number(&self) -> u16 {
        self.number
    }
    fn shared_by(&self) -> Option<TypeId> {
        Some(TypeId::of::<V>())
    }
}

/// `number` ++ the encoding of `key`.
pub(super) fn row_key<K: KeyCode>(number: u16, key: &K) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    out.extend_from_slice(&number.to_be_bytes());
    key.encode(&mut out);
    out
}

/// The format of a stored value: JSON after this byte. Another byte will mean another encoding.
const JSON: u8 = 1;

/// The stored form of a value.
pub(super) fn pack<V: Serialize>(value: &V) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(256);
    out.push(JSON);
    serde_json::to_writer(&mut out, value)?;
    Ok(out)
}

/// Reads a stored value; the text says what is wrong with it.
pub(super) fn unpack<V: DeserializeOwned>(bytes: &[u8]) -> Result<V, String> {
    match bytes.split_first() {
        // Checked as a whole and not string by string, which takes a fifth of the time that reading a row does.
        Some((&JSON, json)) => {
            let text = std::str::from_utf8(json).map_err(|e| e.to_string())?;
            serde_json::from_str(text).map_err(|e| e.to_string())
        }
        Some((format, _)) => Err(format!("value format {format} is not known")),
        None => Err("the value is empty".to_owned()),
    }
}

/// What a stored record implies, computed anew from its value.
pub struct Inspected {
    pub(super) row: Vec<u8>,
    pub(super) index_rows: Vec<IndexRow>,
    pub(super) references: Vec<Reference>,
    pub(super) id: Option<u64>,
}

/// A table without its types: lets `doctor` walk the whole schema.
pub trait AnyTable: Send + Sync {
    /// The permanent number.
    fn number(&self) -> u16;
    /// The name, for people.
    fn name(&self) -> &'static str;
    /// What a write demands.
    fn kind(&self) -> Kind;
    /// The record type.
    fn record(&self) -> TypeId;
    /// Number, name and uniqueness of each index.
    fn indexes(&self) -> Vec<(u16, &'static str, bool)>;
    /// Number of the counts of each index that has some, and the name of that index.
    fn counts(&self) -> Vec<(u16, &'static str)>;
    /// The sequence its ids come from.
    fn sequence(&self) -> Option<Sequence>;
    /// Decodes a stored value and computes what it implies; the text says what is wrong with it.
    fn inspect(&self, value: &[u8]) -> Result<Inspected, String>;
}

impl<V: Record> AnyTable for Table<V> {
    fn number(&self) -> u16 {
        self.number
    }
    fn name(&self) -> &'static str {
        self.name
    }
    fn kind(&self) -> Kind {
        self.kind
    }
    fn record(&self) -> TypeId {
        TypeId::of::<V>()
    }
    fn indexes(&self) -> Vec<(u16, &'static str, bool)> {
        self.indexes.iter().filter(|i| i.has_rows()).map(|i| (i.number(), i.name(), i.is_unique())).collect()
    }
    fn counts(&self) -> Vec<(u16, &'static str)> {
        self.indexes.iter().filter_map(|i| Some((i.counts()?, i.name()))).collect()
    }
    fn sequence(&self) -> Option<Sequence> {
        self.counter.map(|(sequence, _)| sequence)
    }
    fn inspect(&self, value: &[u8]) -> Result<Inspected, String> {
        let value: V = unpack(value)?;
        let mut row = self.number.to_be_bytes().to_vec();
        row.extend_from_slice(&encoded(&value.key()));
        let mut references = Vec::new();
        if let Some(declare) = self.references {
            declare(&value, &mut references);
        }
        let index_rows = self.index_rows(&value, &row);
        Ok(Inspected { row, index_rows, references, id: self.counter.map(|(_, id)| id(&value)) })
    }
}

/// Everything a store holds, in one list with permanent numbers.
pub struct Schema {
    /// Version of the whole format; a file of a newer one is refused.
    pub version: u32,
    /// Every table.
    pub tables: &'static [&'static dyn AnyTable],
    /// Every sequence.
    pub sequences: &'static [Sequence],
}

/// A schema prepared for look-ups while rows are read.
pub(super) struct Directory {
    pub(super) schema: &'static Schema,
    numbers: Vec<(TypeId, u16)>,
}

impl Directory {
    pub(super) fn new(schema: &'static Schema) -> Self {
        Directory { schema, numbers: schema.tables.iter().map(|t| (t.record(), t.number())).collect() }
    }

    /// The number of the table that keeps `V`.
    pub(super) fn number_of(&self, record: TypeId) -> Option<u16> {
        self.numbers.iter().find(|(id, _)| *id == record).map(|(_, number)| *number)
    }
}

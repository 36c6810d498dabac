//! Finds damage: decodes every value, recomputes every index both ways, checks references and sequences.
//! Reads one snapshot and changes nothing. Every finding is a sentence; no finding means the store is sound.

use super::Store;
use super::engine::Order;
use super::key::decoded;
use super::migrate::is_stamp;
use super::read::{Rows, Snapshot, table_number};
use super::table::{AnyTable, Schema, unpack};
use crate::crypto::hex;
use crate::error::Result;
use std::collections::BTreeMap;

/// Findings given at most; one more sentence tells how many were left out.
const MOST: usize = 100;

/// Examines the whole store.
pub fn examine(store: &Store) -> Result<Vec<String>> {
    store.read(|snapshot| {
        let mut doctor =
            Doctor { schema: store.schema(), snapshot, findings: Vec::new(), unlisted: 0, counts: BTreeMap::new() };
        doctor.numbers();
        doctor.rows()?;
        if doctor.unlisted > 0 {
            doctor.findings.push(format!("{} more findings are not listed.", doctor.unlisted));
        }
        Ok(doctor.findings)
    })
}

struct Doctor<'a> {
    schema: &'static Schema,
    snapshot: &'a Snapshot,
    findings: Vec<String>,
    unlisted: usize,
    /// What the rows of counted indexes come to: key of the count, kept and found.
    counts: BTreeMap<Vec<u8>, (u64, u64)>,
}

impl Doctor<'_> {
    fn find(&mut self, finding: String) {
        if self.findings.len() < MOST {
            self.findings.push(finding);
        } else {
            self.unlisted += 1;
        }
    }

    fn table(&self, number: u16) -> Option<&'static dyn AnyTable> {
        self.schema.tables.iter().find(|t| t.number() == number).copied()
    }

    fn index(&self, number: u16) -> Option<&'static str> {
        let mut all = self.schema.tables.iter().flat_map(|t| t.indexes());
        all.find(|(n, ..)| *n == number).map(|(_, name, _)| name)
    }

    /// The name of the index whose counts have this number.
    fn counted(&self, number: u16) -> Option<&'static str> {
        let mut all = self.schema.tables.iter().flat_map(|t| t.counts());
        all.find(|(n, _)| *n == number).map(|(_, name)| name)
    }

    /// The schema itself: no number stands for two things. Only a unique index may be shared, under one name.
    fn numbers(&mut self) {
        let mut seen: BTreeMap<u16, (&'static str, bool)> = BTreeMap::new();
        let tables = self.schema.tables.iter().map(|t| (t.number(), t.name(), false));
        let sequences = self.schema.sequences.iter().map(|s| (s.0, s.1, false));
        let indexes = self.schema.tables.iter().flat_map(|t| t.indexes());
        let counts = self.schema.tables.iter().flat_map(|t| t.counts()).map(|(n, name)| (n, name, false));
        for (number, name, shareable) in tables.chain(sequences).chain(indexes).chain(counts).collect::<Vec<_>>() {
            match seen.insert(number, (name, shareable)) {
                Some(other) if !(shareable && other == (name, true)) => {
                    self.find(format!("Number {number:#06x} stands for both `{}` and `{name}`.", other.0));
                }
                _ => {}
            }
        }
    }

    fn rows(&mut self) -> Result<()> {
        let mut highest: BTreeMap<u16, u64> = BTreeMap::new();
        let mut from = Vec::new();
        // In pages, so that looking up other rows does not happen inside a scan.
        loop {
            let mut page: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
            let mut ascending = true;
            self.snapshot.walk(&from, &[], Order::Ascending, &mut |key, value| {
                // A damaged page can hold keys in any order, and then no walk would end.
                ascending = key >= page.last().map_or(from.as_slice(), |(last, _)| last.as_slice());
                page.push((key.to_vec(), value.to_vec()));
                ascending && page.len() < 1_000
            })?;
            if !ascending {
                self.find("The rows are not in order: the store file is damaged. Restore a backup.".to_owned());
                break;
            }
            let Some((last, _)) = page.last() else { break };
            from = [last.as_slice(), &[0]].concat();
            for (key, value) in page {
                self.row(&key, &value, &mut highest)?;
            }
        }
        for (key, (kept, found)) in std::mem::take(&mut self.counts) {
            if kept != found {
                let index = table_number(&key).and_then(|n| self.counted(n)).unwrap_or("?");
                self.find(format!("Index `{index}` has {found} rows where it counts {kept}."));
            }
        }
        for sequence in self.schema.sequences {
            let mut given = 0;
            self.snapshot.row(&sequence.0.to_be_bytes(), &mut |value| given = unpack(value).unwrap_or(0))?;
            if let Some(highest) = highest.get(&sequence.0)
                && *highest > given
            {
                self.find(format!("Sequence `{}` stands at {given}, but id {highest} is in use.", sequence.1));
            }
        }
        Ok(())
    }

    fn row(&mut self, key: &[u8], value: &[u8], highest: &mut BTreeMap<u16, u64>) -> Result<()> {
        let Some(number) = table_number(key) else {
            self.find(format!("Row {} has no table number.", hex(key)));
            return Ok(());
        };
        if let Some(table) = self.table(number) {
            return self.record(table, key, value, highest);
        }
        if let Some(index) = self.index(number) {
            return self.index_row(index, key, value);
        }
        if self.counted(number).is_some() {
            match unpack::<u64>(value) {
                Ok(count) => self.counts.entry(key.to_vec()).or_default().0 = count,
                Err(why) => self.find(format!("Count {} cannot be read: {why}.", hex(key))),
            }
            return Ok(());
        }
        if let Some(sequence) = self.schema.sequences.iter().find(|s| s.0 == number) {
            if key.len() != 2 || unpack::<u64>(value).is_err() {
                self.find(format!("Sequence `{}` cannot be read.", sequence.1));
            }
        } else if !is_stamp(key) {
            self.find(format!("Row {} belongs to no table of this version.", hex(key)));
        }
        Ok(())
    }

    fn record(
        &mut self,
        table: &dyn AnyTable,
        key: &[u8],
        value: &[u8],
        highest: &mut BTreeMap<u16, u64>,
    ) -> Result<()> {
        let name = table.name();
        let label = label(key);
        let inspected = match table.inspect(value) {
            Ok(inspected) => inspected,
            Err(why) => {
                self.find(format!("Record {label} of `{name}` cannot be read: {why}."));
                return Ok(());
            }
        };
        if inspected.row != key {
            self.find(format!("Record {label} of `{name}` lies under a key that is not its own."));
        }
        for row in &inspected.index_rows {
            if let Some(count) = &row.count {
                self.counts.entry(count.clone()).or_default().1 += 1;
            }
            if !row.stands {
                continue;
            }
            let mut leads_here = None;
            self.snapshot.row(&row.key, &mut |target| leads_here = Some(target == key))?;
            let index = table_number(&row.key).and_then(|n| self.index(n)).unwrap_or("?");
            match leads_here {
                Some(true) => {}
                Some(false) => {
                    self.find(format!(
                        "Record {label} of `{name}` holds a key of index `{index}` that leads elsewhere."
                    ));
                }
                None => self.find(format!("Record {label} of `{name}` is missing from index `{index}`.")),
            }
        }
        for reference in &inspected.references {
            if !self.snapshot.row(&reference.row, &mut |_| {})? {
                let target = table_number(&reference.row).and_then(|n| self.table(n)).map_or("?", |t| t.name());
                self.find(format!(
                    "Record {label} of `{name}` points to record {} of `{target}`, which does not exist.",
                    self::label(&reference.row)
                ));
            }
        }
        if let (Some(sequence), Some(id)) = (table.sequence(), inspected.id) {
            let top = highest.entry(sequence.0).or_default();
            *top = id.max(*top);
        }
        Ok(())
    }

    fn index_row(&mut self, index: &str, key: &[u8], target: &[u8]) -> Result<()> {
        let mut belongs = None;
        if let Some(table) = table_number(target).and_then(|n| self.table(n)) {
            self.snapshot.row(target, &mut |value| {
                // A record that cannot be read has its own finding.
                belongs = Some(table.inspect(value).map_or(true, |i| i.index_rows.iter().any(|row| row.key == key)));
            })?;
        }
        match belongs {
            Some(true) => {}
            Some(false) => self.find(format!(
                "Index `{index}` has row {}, which record {} no longer has.",
                hex(&key[2..]),
                label(target)
            )),
            None => self.find(format!("Index `{index}` has row {}, which leads to no record.", hex(&key[2..]))),
        }
        Ok(())
    }
}

/// The primary key in a row key, as people may know it: a number where it can be one, else hexadecimal.
fn label(row: &[u8]) -> String {
    let key = row.get(2..).unwrap_or_default();
    if let Some(id) = decoded::<u64>(key) {
        return id.to_string();
    }
    if let Some((a, b)) = decoded::<(u64, u64)>(key) {
        return format!("{a}/{b}");
    }
    match decoded::<String>(key) {
        Some(text) => format!("`{text}`"),
        None => hex(key),
    }
}

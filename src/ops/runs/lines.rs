//! Lines of runs as rows of the store: appended in chunks, rewritten in place where a client sends a stretch again, walked
//! without holding them all. No rights are checked here; the files beside this one do.
//!
//! A batch that fits behind the last chunk joins it as long as that is small, so that a run that reports one line at a time
//! does not leave a row each, and a row is not rewritten often. Rows stay below the store's 64 KiB whatever the lines hold:
//! what counts is their length in JSON.

use crate::error::{Error, Result};
use crate::model::RunId;
use crate::model::run::{Chunk, Stream, Text, TextPart};
use crate::store::{Range, Read, Tx, schema};
use std::borrow::Cow;

/// A chunk takes more lines while it is shorter than this, in JSON.
const SMALL: usize = 4 * 1024;
/// A chunk, or a piece of a long line or text, is at most this long in JSON.
const LARGE: usize = 48 * 1024;
/// How many chunks are read at a time.
const PAGE: usize = 64;

/// The length of `text` in JSON, quotes and comma included.
fn weight(text: &str) -> usize {
    let extra: usize = text
        .bytes()
        .map(|b| match b {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
            0x00..0x20 => 5,
            _ => 0,
        })
        .sum();
    text.len() + extra + 3
}

fn key(run: RunId, stream: Stream) -> (RunId, u8) {
    (run, stream.index() as u8)
}

/// Puts `lines` at line `at` of a stream that has `total` lines; what stood there is replaced. Gives the change of the bytes
/// kept, as those before and after.
pub(super) fn put(
    tx: &mut Tx,
    run: RunId,
    stream: Stream,
    total: u64,
    at: u64,
    lines: &[Cow<'_, str>],
) -> Result<(u64, u64)> {
    let end = at + lines.len() as u64;
    let (mut before, mut after) = (0, 0);
    let mut writer = Writer { run, stream, next: at, open: vec![], weight: 0, bytes: 0 };
    let mut rest: Vec<(u64, String)> = vec![];
    if at < total {
        // Something stands there: take out what overlaps, keep what is around it.
        let mut kept: Vec<(u64, String)> = vec![];
        for (first, old) in take_out(tx, run, stream, at, end)? {
            before += old.iter().map(|l| l.len() as u64).sum::<u64>();
            for (number, line) in (first..).zip(old) {
                if number < at {
                    kept.push((number, line));
                } else if number >= end {
                    rest.push((number, line));
                }
            }
        }
        for (number, line) in kept {
            writer.push(tx, number, &line)?;
        }
    } else if let Some(last) = last_chunk(tx, run, stream)?
        && last.part == 0
        && last.first + last.lines.len() as u64 == at
        && last.lines.iter().map(|l| weight(l)).sum::<usize>() < SMALL
    {
        before += last.lines.iter().map(|l| l.len() as u64).sum::<u64>();
        for (number, line) in (last.first..).zip(&last.lines) {
            writer.push(tx, number, line)?;
        }
    }
    for (number, line) in (at..).zip(lines) {
        writer.push(tx, number, line)?;
    }
    for (number, line) in rest {
        writer.push(tx, number, &line)?;
    }
    writer.flush(tx)?;
    after += writer.bytes;
    Ok((before, after))
}

fn last_chunk(view: &impl Read, run: RunId, stream: Stream) -> Result<Option<Chunk>> {
    Ok(view.list(&schema::RUN_LINES, Range::prefix(&key(run, stream)).desc().limit(1))?.items.pop())
}

/// Removes the chunks that hold any line of `at..end` and gives them, pieces of long lines joined.
fn take_out(tx: &mut Tx, run: RunId, stream: Stream, at: u64, end: u64) -> Result<Vec<(u64, Vec<String>)>> {
    // The chunk that `at` falls into is the last one that begins at or before it.
    let number = stream.index() as u8;
    let upto = Range::prefix(&key(run, stream)).until(&(run, number, at + 1)).desc().limit(1);
    let from = tx.list(&schema::RUN_LINES, upto)?.items.pop().map_or(at, |c| c.first);
    let mut out: Vec<(u64, Vec<String>)> = vec![];
    let mut after = None;
    loop {
        let range = Range::prefix(&key(run, stream)).from(&(run, number, from)).until(&(run, number, end));
        let page = tx.list(&schema::RUN_LINES, range.after(after).limit(PAGE))?;
        for chunk in &page.items {
            let overlaps = chunk.first >= at || chunk.first + chunk.lines.len() as u64 > at;
            if !overlaps {
                continue;
            }
            tx.delete(&schema::RUN_LINES, &(run, number, chunk.first, chunk.part))?;
            match out.last_mut() {
                Some((first, lines)) if chunk.part > 0 && *first == chunk.first => {
                    if let (Some(line), Some(piece)) = (lines.first_mut(), chunk.lines.first()) {
                        line.push_str(piece);
                    }
                }
                _ => out.push((chunk.first, chunk.lines.clone())),
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(out);
        }
    }
}

/// Collects lines that follow each other into chunks.
struct Writer {
    run: RunId,
    stream: Stream,
    next: u64,
    open: Vec<String>,
    weight: usize,
    bytes: u64,
}

impl Writer {
    fn push(&mut self, tx: &mut Tx, number: u64, line: &str) -> Result<()> {
        let heavy = weight(line);
        let follows = number == self.next + self.open.len() as u64;
        if !self.open.is_empty() && (!follows || self.weight + heavy > LARGE) {
            self.flush(tx)?;
        }
        if self.open.is_empty() {
            self.next = number;
        }
        self.bytes += line.len() as u64;
        if heavy <= LARGE {
            self.open.push(line.to_owned());
            self.weight += heavy;
            return Ok(());
        }
        for (part, piece) in (0..).zip(pieces(line)) {
            self.put(tx, number, part, vec![piece.to_owned()])?;
        }
        self.next = number + 1;
        Ok(())
    }

    fn flush(&mut self, tx: &mut Tx) -> Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        let lines = std::mem::take(&mut self.open);
        self.weight = 0;
        let (first, count) = (self.next, lines.len() as u64);
        self.next += count;
        self.put(tx, first, 0, lines)
    }

    fn put(&self, tx: &mut Tx, first: u64, part: u32, lines: Vec<String>) -> Result<()> {
        let stream = self.stream.index() as u8;
        tx.put(&schema::RUN_LINES, &Chunk { run: self.run, stream, first, part, lines })
    }
}

/// `text` in pieces that are at most [`LARGE`] in JSON.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (mut heavy, mut cut) = (3, rest.len());
        for (at, c) in rest.char_indices() {
            heavy += weight(&rest[at..at + c.len_utf8()]) - 3;
            if heavy > LARGE {
                cut = at;
                break;
            }
        }
        let (piece, more) = rest.split_at(cut);
        rest = more;
        Some(piece)
    })
}

/// Walks the lines `from..` of a stream in order, with their numbers, until `visit` says false. Lines never sent are skipped.
pub(super) fn walk(
    view: &impl Read,
    run: RunId,
    stream: Stream,
    from: u64,
    mut visit: impl FnMut(u64, &str) -> Result<bool>,
) -> Result<()> {
    let number = stream.index() as u8;
    let upto = Range::prefix(&key(run, stream)).until(&(run, number, from.saturating_add(1))).desc().limit(1);
    let start = view.list(&schema::RUN_LINES, upto)?.items.pop().map_or(from, |c| c.first);
    let mut after = None;
    let mut long: Option<(u64, String)> = None;
    loop {
        let range = Range::prefix(&key(run, stream)).from(&(run, number, start)).after(after).limit(PAGE);
        let page = view.list(&schema::RUN_LINES, range)?;
        for chunk in &page.items {
            if chunk.part > 0 {
                if let (Some((_, line)), Some(piece)) = (&mut long, chunk.lines.first()) {
                    line.push_str(piece);
                }
                continue;
            }
            if let Some((at, line)) = long.take()
                && at >= from
                && !visit(at, &line)?
            {
                return Ok(());
            }
            // A single line may go on in the next row.
            if let [line] = chunk.lines.as_slice() {
                long = Some((chunk.first, line.clone()));
                continue;
            }
            for (at, line) in (chunk.first..).zip(&chunk.lines) {
                if at >= from && !visit(at, line)? {
                    return Ok(());
                }
            }
        }
        after = page.next;
        if after.is_none() {
            if let Some((at, line)) = long
                && at >= from
            {
                visit(at, &line)?;
            }
            return Ok(());
        }
    }
}

/// The last line of a stream that has `total` lines.
pub(super) fn last(view: &impl Read, run: RunId, stream: Stream) -> Result<Option<String>> {
    let Some(chunk) = last_chunk(view, run, stream)? else { return Ok(None) };
    let from = if chunk.part > 0 { chunk.first } else { chunk.first + chunk.lines.len() as u64 - 1 };
    let mut found = None;
    walk(view, run, stream, from, |_, line| {
        found = Some(line.to_owned());
        Ok(true)
    })?;
    Ok(found)
}

/// Replaces a text. Gives the bytes before and after.
pub(super) fn put_text(tx: &mut Tx, run: RunId, kind: Text, text: &str) -> Result<(u64, u64)> {
    let old = tx.all::<TextPart, _>(&schema::RUN_TEXTS, &(run, kind.index()))?;
    let before = old.iter().map(|p| p.text.len() as u64).sum();
    let mut count = 0;
    for (part, piece) in (0..).zip(pieces(text)) {
        tx.put(&schema::RUN_TEXTS, &TextPart { run, kind: kind.index(), part, text: piece.to_owned() })?;
        count = part + 1;
    }
    for gone in old.iter().filter(|p| p.part >= count) {
        tx.delete(&schema::RUN_TEXTS, &(run, gone.kind, gone.part))?;
    }
    Ok((before, text.len() as u64))
}

/// A text; empty where there is none.
pub(super) fn text(view: &impl Read, run: RunId, kind: Text) -> Result<String> {
    let parts = view.all::<TextPart, _>(&schema::RUN_TEXTS, &(run, kind.index()))?;
    Ok(parts.into_iter().map(|p| p.text).collect())
}

/// A JSON object as a client sent it; anything else is refused by the name of the thing.
pub(super) fn check_object(what: &str, text: &str) -> Result<()> {
    if super::history::Row::fits(text) {
        return Ok(());
    }
    Err(Error::invalid(format!("The {what} is not a JSON object, or nests too deeply.")))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::store::Store;
    use proptest::prelude::*;

    fn all(view: &impl Read) -> Vec<(u64, String)> {
        let mut out = vec![];
        walk(view, RunId(1), Stream::Console, 0, |n, line| {
            out.push((n, line.to_owned()));
            Ok(true)
        })
        .unwrap();
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// Batches at any offset leave what the same batches leave in a map, and the bytes are counted right.
        #[test]
        fn lines_are_a_map_from_numbers(batches in prop::collection::vec(
            (0u64..40, prop::collection::vec("[a-z\u{1}\"]{0,12}|\\PC{2000}", 0..6)), 1..14)) {
            let store = Store::in_memory(&schema::SCHEMA).unwrap();
            let mut model = std::collections::BTreeMap::new();
            let (mut total, mut bytes) = (0u64, 0i64);
            for (at, lines) in batches {
                // As a client: at most a little beyond the end. Long ones span several rows.
                let at = at.min(total + 2);
                let lines: Vec<String> = lines.into_iter().map(|l| if l.len() > 12 { l.repeat(20) } else { l }).collect();
                for (n, line) in (at..).zip(&lines) {
                    model.insert(n, line.clone());
                }
                let end = at + lines.len() as u64;
                let (before, after) = store.write_blocking(move |tx| {
                    let lines: Vec<Cow<str>> = lines.iter().map(|l| Cow::Borrowed(l.as_str())).collect();
                    put(tx, RunId(1), Stream::Console, total, at, &lines)
                }).unwrap();
                bytes += after as i64 - before as i64;
                if end > at { total = total.max(end); }
            }
            let expected: Vec<(u64, String)> = model.into_iter().collect();
            let view = store.snapshot().unwrap();
            prop_assert_eq!(bytes, expected.iter().map(|(_, l)| l.len() as i64).sum::<i64>());
            prop_assert_eq!(last(&view, RunId(1), Stream::Console).unwrap(), expected.last().map(|l| l.1.clone()));
            prop_assert_eq!(all(&view), expected);
        }
    }

    #[test]
    fn texts_of_any_length_come_back() {
        let store = Store::in_memory(&schema::SCHEMA).unwrap();
        for length in [0, 10, 100_000, 300_000, 5] {
            let text = "\u{1}é\"x".repeat(length / 5);
            let put = text.clone();
            store.write_blocking(move |tx| put_text(tx, RunId(1), Text::Config, &put).map(drop)).unwrap();
            assert!(store.read(|view| super::text(view, RunId(1), Text::Config)).unwrap() == text, "{length}");
        }
    }
}

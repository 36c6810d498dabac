//! Pages of long lists: a page begins behind or before a place, never at a number, so that the one in the middle costs what the
//! first one does. A list may be made of several parts that follow each other, and leave rows out; then a page looks at so many
//! rows at most and may be short, with more behind it.

use crate::error::Result;
use crate::store::{Cursor, Placed, Range};

/// How many rows one page looks at, at most.
pub(super) const LOOK_MAX: usize = 2_000;

/// Which page.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The place it begins behind; the list's own beginning where there is none.
    pub at: Option<Cursor>,
    /// Whether it ends before that place instead.
    pub back: bool,
    /// How many rows at most.
    pub limit: usize,
}

impl Turn {
    /// The first page.
    pub fn first(limit: usize) -> Self {
        Turn { at: None, back: false, limit }
    }
}

/// One page.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows, in order.
    pub items: Vec<T>,
    /// The place of each.
    pub places: Vec<Cursor>,
    /// Where the page before ends, if there is one.
    pub previous: Option<Cursor>,
    /// Where the page after begins, if there is one.
    pub next: Option<Cursor>,
}

/// What a part of a list gives for a range: rows with their places, and whether more follow.
pub(super) type Rows<T> = Result<(Placed<T>, bool)>;

/// The page that `turn` asks for of the `parts`, in their order, or from the end where `down`. `list` reads a part, `keep` says
/// what a row becomes; none is left out.
pub(super) fn page<T, U>(
    turn: &Turn,
    parts: &[u64],
    down: bool,
    list: impl Fn(u64, Range) -> Rows<T>,
    mut keep: impl FnMut(u64, &Cursor, T) -> Result<Option<U>>,
) -> Result<Page<U>> {
    let reverse = down != turn.back;
    let mut order = parts.to_vec();
    if reverse {
        order.reverse();
    }
    // A part that is gone since (a team left) cannot be gone on in; nor can a place that no page gave.
    let begin = turn.at.clone().and_then(|place| {
        let (part, inside) = place.part()?;
        Some((order.iter().position(|p| *p == part)?, inside, place))
    });
    let (mut at, mut after) = begin.as_ref().map_or((0, None), |(at, inside, _)| (*at, Some(inside.clone())));
    let mut rows: Vec<(Cursor, U)> = vec![];
    let (mut left, mut onward) = (LOOK_MAX.max(turn.limit + 1), None);
    'parts: while let Some(&part) = order.get(at) {
        let wanted = (turn.limit + 1 - rows.len()).max(if rows.is_empty() { 0 } else { 20 }).min(left);
        let range = Range::all().after(after.take()).limit(wanted);
        let (found, more) = list(part, if reverse { range.desc() } else { range })?;
        left -= found.len().min(left);
        for (place, row) in found {
            let here = place.within(part);
            after = Some(place.clone());
            if let Some(kept) = keep(part, &place, row)? {
                if rows.len() == turn.limit {
                    onward = rows.last().map(|(place, _)| place.clone());
                    break 'parts;
                }
                rows.push((here, kept));
            }
        }
        if !more {
            (at, after) = (at + 1, None);
        } else if left == 0 {
            onward = after.map(|place| place.within(part));
            break;
        }
    }
    let backward = begin.map(|(_, _, place)| rows.first().map_or(place, |(first, _)| first.clone()));
    if turn.back {
        rows.reverse();
    }
    let (previous, next) = if turn.back { (onward, backward) } else { (backward, onward) };
    let (places, items) = rows.into_iter().unzip();
    Ok(Page { items, places, previous, next })
}

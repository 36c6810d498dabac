//! Rows of a run's history: read without building trees, sampled, and made into curves while they stream by, so that a run of
//! 100,000 rows is drawn from a few thousand numbers. Rights are checked by the functions that take a [`Cx`].

use super::lines;
use crate::error::{Error, Result};
use crate::model::role::Action;
use crate::model::run::{Progress, Run, Stream};
use crate::ops::Cx;
use crate::policy::Resource;
use crate::store::Read;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// The most points a curve has: the smallest and the largest value of each of half as many stretches.
pub const POINTS_MAX: usize = 1_000;
/// The most curves made at once.
pub const CURVES_MAX: usize = 200;

/// The top level of a JSON object, walked once.
pub(super) struct Row;

/// What stands under a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    /// A finite number.
    Number(f64),
    /// Anything else: a text (also "NaN"), a list, an object, true, null.
    Other,
}

impl Row {
    /// Walks `line`, which must be one JSON object, and hands each key with its value to `each`.
    pub(super) fn read(line: &str, each: impl FnMut(&str, Cell)) -> serde_json::Result<()> {
        let mut reader = serde_json::Deserializer::from_str(line);
        reader.deserialize_map(Object(each))?;
        reader.end()
    }
}

/// How deep a line or text nests at most: what reads them back builds trees.
const DEPTH_MAX: usize = 64;

impl Row {
    /// Whether `text` is one JSON object that does not nest too deeply: asked before it is kept.
    pub(super) fn fits(text: &str) -> bool {
        let (mut depth, mut inside, mut escaped) = (0usize, false, false);
        for byte in text.bytes() {
            match (inside, byte) {
                (true, _) if escaped => escaped = false,
                (true, b'\\') => escaped = true,
                (_, b'"') => inside = !inside,
                (false, b'[' | b'{') => depth += 1,
                (false, b']' | b'}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEPTH_MAX {
                return false;
            }
        }
        Row::read(text, |_, _| {}).is_ok()
    }
}

struct Object<F>(F);

impl<'de, F: FnMut(&str, Cell)> Visitor<'de> for Object<F> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let cell: Cell = map.next_value()?;
            (self.0)(&key, cell);
        }
        Ok(())
    }
}

struct Key<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        d.deserialize_str(Text)
    }
}

impl<'de> serde::Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Cell;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_f64<E>(self, n: f64) -> Result<Cell, E> {
                Ok(if n.is_finite() { Cell::Number(n) } else { Cell::Other })
            }
            fn visit_i64<E>(self, n: i64) -> Result<Cell, E> {
                Ok(Cell::Number(n as f64))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Cell, E> {
                Ok(Cell::Number(n as f64))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Cell, E> {
                Ok(Cell::Other)
            }
            fn visit_str<E>(self, _: &str) -> Result<Cell, E> {
                Ok(Cell::Other)
            }
            fn visit_unit<E>(self) -> Result<Cell, E> {
                Ok(Cell::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Cell::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Cell::Other)
            }
        }
        d.deserialize_any(Any)
    }
}

/// How one metric went, over the steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The metric.
    pub metric: String,
    /// Step and value, in the order of the history; at most [`POINTS_MAX`].
    pub points: Vec<(f64, f64)>,
    /// How many values it has in the whole history.
    pub values: u64,
    /// The last value.
    pub last: f64,
}

/// Which stream, which metrics, how finely.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// History or events.
    pub stream: Stream,
    /// The metrics; all, up to [`CURVES_MAX`], where none is named.
    pub metrics: Vec<String>,
    /// Points of a curve at most, up to [`POINTS_MAX`].
    pub points: usize,
}

/// A stretch of a curve: its smallest and largest value with their steps, in the order they came.
#[derive(Clone, Copy)]
struct Stretch {
    index: u64,
    least: (f64, f64, u64),
    most: (f64, f64, u64),
}

#[derive(Default)]
struct Drawing {
    points: Vec<(f64, f64)>,
    open: Option<Stretch>,
    values: u64,
    last: f64,
}

impl Drawing {
    fn add(&mut self, stretch: u64, row: u64, step: f64, value: f64) {
        self.values += 1;
        self.last = value;
        let point = (step, value, row);
        match &mut self.open {
            Some(open) if open.index == stretch => {
                if value < open.least.1 {
                    open.least = point;
                }
                if value > open.most.1 {
                    open.most = point;
                }
            }
            _ => {
                self.close();
                self.open = Some(Stretch { index: stretch, least: point, most: point });
            }
        }
    }

    fn close(&mut self) {
        let Some(Stretch { least, most, .. }) = self.open.take() else { return };
        let (first, second) = if least.2 <= most.2 { (least, most) } else { (most, least) };
        self.points.push((first.0, first.1));
        if first.2 != second.2 {
            self.points.push((second.0, second.1));
        }
    }
}

/// The curves of a run's metrics, for those who may read it, and the names of metrics beyond [`CURVES_MAX`]. Names that begin
/// with `_` are the client's own and are drawn only where they are asked for.
pub fn curves<V: Read>(cx: &Cx<V>, run: &Run, progress: &Progress, wanted: &Wanted) -> Result<Vec<Curve>> {
    let _grant = cx.allow(Action::RunRead, Resource::Run(run.id))?;
    let total = progress.count(wanted.stream).max(1);
    let stretches = (wanted.points.clamp(2, POINTS_MAX) / 2) as u64;
    let mut places: HashMap<String, usize> = wanted.metrics.iter().cloned().zip(0..).collect();
    let mut drawings: Vec<Drawing> = wanted.metrics.iter().map(|_| Drawing::default()).collect();
    let open = wanted.metrics.is_empty();
    // The step may stand behind the values of its row, so these wait for it.
    let mut waiting: Vec<(usize, f64)> = vec![];
    lines::walk(cx.view(), run.id, wanted.stream, 0, |number, line| {
        waiting.clear();
        let mut step = None;
        let read = Row::read(line, |key, cell| {
            let Cell::Number(value) = cell else { return };
            if key == "_step" || (step.is_none() && key == "_runtime" && wanted.stream == Stream::Events) {
                step = Some(value);
            }
            match places.get(key) {
                Some(place) => waiting.push((*place, value)),
                None if open && !key.starts_with('_') && drawings.len() < CURVES_MAX => {
                    places.insert(key.to_owned(), drawings.len());
                    waiting.push((drawings.len(), value));
                    drawings.push(Drawing::default());
                }
                None => {}
            }
        });
        if read.is_ok() {
            let stretch = (u128::from(number) * u128::from(stretches) / u128::from(total)) as u64;
            let step = step.unwrap_or(number as f64);
            for (place, value) in &waiting {
                drawings[*place].add(stretch, number, step, *value);
            }
        }
        Ok(true)
    })?;
    let mut named: Vec<(String, usize)> = places.into_iter().collect();
    named.sort();
    let mut out = Vec::with_capacity(named.len());
    for (metric, place) in named {
        let mut drawing = std::mem::take(&mut drawings[place]);
        drawing.close();
        out.push(Curve { metric, points: drawing.points, values: drawing.values, last: drawing.last });
    }
    Ok(out)
}

/// The rows with `min <= step < max`, at most `limit`, as they were sent.
pub fn page<V: Read>(cx: &Cx<V>, run: &Run, min: i64, max: i64, limit: usize) -> Result<Vec<String>> {
    let _grant = cx.allow(Action::RunRead, Resource::Run(run.id))?;
    let mut out = vec![];
    lines::walk(cx.view(), run.id, Stream::History, 0, |number, line| {
        let step = step_of(line).unwrap_or(number as i64);
        if step >= min && step < max {
            out.push(line.to_owned());
        }
        // Steps only grow, so nothing follows.
        Ok(step < max && out.len() < limit)
    })?;
    Ok(out)
}

/// Rows spread evenly over a stream, at most `samples`, the last one among them.
pub fn sampled<V: Read>(
    cx: &Cx<V>,
    run: &Run,
    progress: &Progress,
    stream: Stream,
    samples: usize,
) -> Result<Vec<String>> {
    let _grant = cx.allow(Action::RunRead, Resource::Run(run.id))?;
    let total = progress.count(stream);
    let wanted = samples.clamp(1, 10_000) as u64;
    let mut out = vec![];
    lines::walk(cx.view(), run.id, stream, 0, |number, line| {
        // A row is taken where the scaled count goes up, seen from the end, so that the last one is in.
        let place = |n: u64| (total.saturating_sub(n)) * wanted / total.max(1);
        if total <= wanted || place(number) != place(number + 1) {
            out.push(line.to_owned());
        }
        Ok(true)
    })?;
    Ok(out)
}

/// What `sampledHistory` asks: rows that have all of `keys`, within steps, spread evenly; each cut to these keys.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    samples: Option<u64>,
    #[serde(default)]
    min_step: Option<i64>,
    #[serde(default)]
    max_step: Option<i64>,
}

/// The most keys of a [`Spec`].
const KEYS_MAX: usize = 200;

/// The rows of a [`Spec`] as JSON objects.
pub fn specified<V: Read>(
    cx: &Cx<V>,
    run: &Run,
    spec: &str,
) -> Result<Vec<serde_json::Map<String, serde_json::Value>>> {
    let _grant = cx.allow(Action::RunRead, Resource::Run(run.id))?;
    let spec: Spec =
        serde_json::from_str(spec).map_err(|e| Error::invalid(format!("The specification is not readable: {e}.")))?;
    if spec.keys.len() > KEYS_MAX {
        return Err(Error::invalid(format!("A specification names at most {KEYS_MAX} keys.")));
    }
    // The client names keys twice (0.31.0).
    let mut wanted: Vec<&str> = spec.keys.iter().map(String::as_str).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let samples = usize::try_from(spec.samples.unwrap_or(500)).unwrap_or(usize::MAX).clamp(1, 10_000);
    // The last step is meant with it by 0.31.0, which asks for as many samples as there are steps, and without it by 0.16.6,
    // whose next page begins there.
    let end = spec.max_step.map(|max| {
        let steps = max.saturating_sub(spec.min_step.unwrap_or(0));
        if usize::try_from(steps).is_ok_and(|steps| steps >= samples) { max } else { max.saturating_add(1) }
    });
    // Every row that fits, then every second, every fourth, …: bounded, in one walk.
    let (mut kept, mut stride, mut seen) = (Vec::<String>::new(), 1u64, 0u64);
    lines::walk(cx.view(), run.id, Stream::History, 0, |number, line| {
        let (mut found, mut step) = (0, number as i64);
        let read = Row::read(line, |key, cell| {
            if wanted.contains(&key) {
                found += 1;
            }
            if let ("_step", Cell::Number(n)) = (key, cell) {
                step = n as i64;
            }
        });
        let fits = read.is_ok()
            && found >= wanted.len()
            && spec.min_step.is_none_or(|min| step >= min)
            && end.is_none_or(|end| step < end);
        if fits {
            if seen % stride == 0 {
                kept.push(line.to_owned());
                if kept.len() >= 2 * samples {
                    let mut place = 0;
                    kept.retain(|_| {
                        place += 1;
                        place % 2 == 1
                    });
                    stride *= 2;
                }
            }
            seen += 1;
        }
        Ok(true)
    })?;
    let total = kept.len();
    let mut out = Vec::with_capacity(samples.min(total));
    for (n, line) in kept.iter().enumerate() {
        if total > samples && n * samples / total == (n + 1) * samples / total {
            continue;
        }
        let mut row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap_or_default();
        if !wanted.is_empty() {
            row.retain(|key, _| wanted.contains(&key.as_str()));
        }
        out.push(row);
    }
    Ok(out)
}

/// The step that a row names.
pub(super) fn step_of(line: &str) -> Option<i64> {
    let mut step = None;
    let _ = Row::read(line, |key, cell| {
        if let ("_step", Cell::Number(n)) = (key, cell) {
            step = Some(n as i64);
        }
    });
    step
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_row_is_walked_at_its_top_level() {
        let mut seen = vec![];
        let line = r#"{"loss":0.5,"_step":3,"a\"b":-1,"deep":{"loss":9},"text":"NaN","list":[1,2],"no":null,"b":true}"#;
        Row::read(line, |key, cell| seen.push((key.to_owned(), cell))).unwrap();
        assert_eq!(seen[0], ("loss".into(), Cell::Number(0.5)));
        assert_eq!(seen[2], ("a\"b".into(), Cell::Number(-1.0)));
        assert!(seen[3..].iter().all(|(_, cell)| *cell == Cell::Other));
        for bad in ["", "[]", "1", "{", "{} {}", r#"{"a":}"#] {
            assert!(Row::read(bad, |_, _| {}).is_err() && !Row::fits(bad), "{bad}");
        }
        let nested = |n: usize| format!("{{\"a\":{}1{}}}", "[".repeat(n), "]".repeat(n));
        assert!(Row::fits(&nested(60)) && !Row::fits(&nested(64)) && !Row::fits(&nested(100_000)));
        assert!(Row::fits(r#"{"a":"[[[[[\\\"{{{{"}"#));
    }

    #[test]
    fn a_curve_keeps_its_peaks_in_few_points() {
        let mut drawing = Drawing::default();
        for row in 0..100_000u64 {
            let value = if row == 54_321 { 1e9 } else { (row % 7) as f64 };
            drawing.add(row * 500 / 100_000, row, row as f64, value);
        }
        drawing.close();
        assert!(drawing.points.len() <= POINTS_MAX, "{}", drawing.points.len());
        assert!(drawing.points.contains(&(54_321.0, 1e9)));
        assert!(drawing.points.windows(2).all(|w| w[0].0 < w[1].0), "in order");
        assert_eq!(drawing.values, 100_000);
    }

    proptest! {
        #[test]
        fn walking_a_row_never_panics(line in "\\PC{0,200}|[\\[\\]{}\",:0-9a-e.+-]{0,80}") {
            let _ = Row::read(&line, |_, _| {});
        }
    }
}

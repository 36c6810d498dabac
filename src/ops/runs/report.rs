//! What a running run streams: lines at their places, the summary, that it lives, that it ended. The client sends a batch again
//! when it has not heard that it arrived, so a line belongs to its number and the same batch twice changes nothing. What is
//! acknowledged is on disk, since [`crate::app::App::act`] resolves after the commit.

use super::history::{Cell, Row};
use super::upsert::{check_text, no_run_of};
use super::{charge, lines, named, over, progress};
use crate::error::{Code, Error, Kind, Result};
use crate::model::role::Action;
use crate::model::run::{Progress, Run, RunState, Stream, Text};
use crate::ops::{Acting, projects};
use crate::policy::Resource;
use crate::store::schema;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

/// The longest line and text the store takes, whatever the settings say.
pub const LINE_MOST: u64 = 1 << 20;
/// How far beyond its end a stream may be continued: clients leave out lines that were overwritten before they were sent.
const GAP_MOST: u64 = 10_000;
/// The most lines of a stream.
const LINES_MOST: u64 = 1 << 40;
/// What one transaction takes, in bytes as written.
const PIECE: usize = 512 * 1024;
/// How many names of metrics are kept.
const METRICS_MOST: usize = 2_000;

/// A request of a running client, as it was sent.
#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default)]
    files: Option<HashMap<String, Content>>,
    #[serde(default)]
    complete: Option<bool>,
    #[serde(default)]
    exitcode: Option<i64>,
    #[serde(default)]
    preempting: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Content {
    #[serde(default)]
    offset: i64,
    #[serde(default)]
    content: Vec<String>,
}

/// What one transaction takes of a request.
#[derive(Debug, Default)]
pub struct Piece {
    lines: Vec<(Stream, u64, Vec<String>)>,
    summary: Option<String>,
    ended: Option<i64>,
    preempting: bool,
}

/// Reads a request and cuts it into pieces, in order; the last one says whether the run ended. Nothing is checked against the
/// settings yet.
///
/// # Errors
/// [`Code::InvalidRequest`] for what is not such a request; never anything else, whatever the bytes.
pub fn read(body: &[u8]) -> Result<Vec<Piece>> {
    let wrong = |why: String| Error::new(Code::InvalidRequest, why);
    if body.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(wrong("The body is not a JSON object.".to_owned()));
    }
    let body: Body =
        serde_json::from_slice(body).map_err(|e| wrong(format!("The body is not what a run streams: {e}.")))?;
    let mut pieces = vec![Piece::default()];
    let mut room = PIECE;
    let mut files: Vec<(String, Content)> = body.files.unwrap_or_default().into_iter().collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, sent) in files {
        let at = u64::try_from(sent.offset)
            .ok()
            .filter(|at| *at <= LINES_MOST)
            .ok_or_else(|| wrong(format!("The offset {} of a stream is out of range.", sent.offset)))?;
        if name == "wandb-summary.json" {
            // Sent as a whole each time; the last one counts.
            if let (Some(last), Some(piece)) = (sent.content.into_iter().last(), pieces.last_mut()) {
                piece.summary = Some(tidy(last));
            }
            continue;
        }
        let Some(stream) = Stream::of_file(&name) else { continue };
        let mut next = at;
        for line in sent.content {
            let line = if stream == Stream::Console { trimmed(line) } else { tidy(line) };
            if stream != Stream::Console && !Row::fits(&line) {
                return Err(wrong(format!("Line {next} of {name} is not a JSON object, or nests too deeply.")));
            }
            let weight = line.len() + 64;
            if weight > room {
                pieces.push(Piece::default());
                room = PIECE;
            }
            room = room.saturating_sub(weight);
            let Some(piece) = pieces.last_mut() else { continue };
            match piece.lines.last_mut() {
                Some((s, first, lines)) if *s == stream && *first + lines.len() as u64 == next => lines.push(line),
                _ => piece.lines.push((stream, next, vec![line])),
            }
            next += 1;
        }
    }
    if let Some(piece) = pieces.last_mut() {
        piece.ended = body.complete.filter(|c| *c).map(|_| body.exitcode.unwrap_or(0));
        piece.preempting = body.preempting.unwrap_or(false);
    }
    Ok(pieces)
}

/// A console line without the end that the client may have left on it.
fn trimmed(mut line: String) -> String {
    while line.ends_with(['\n', '\r']) {
        line.pop();
    }
    line
}

/// A JSON text on one line, with Python's `NaN` and `Infinity` as texts, as newer clients send them.
fn tidy(text: String) -> String {
    let odd = |word: &str| text.contains(word);
    if !odd("NaN") && !odd("Infinity") && !odd("\n") {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    let (mut rest, mut inside) = (text.as_str(), false);
    while let Some(c) = rest.chars().next() {
        if inside {
            let length = if c == '\\' { 1 + rest[1..].chars().next().map_or(0, char::len_utf8) } else { c.len_utf8() };
            inside = c != '"';
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        if let Some(word) = ["NaN", "-Infinity", "Infinity"].into_iter().find(|w| rest.starts_with(w)) {
            out.push('"');
            out.push_str(word);
            out.push('"');
            rest = &rest[word.len()..];
            continue;
        }
        inside = c == '"';
        out.push(if c == '\n' { ' ' } else { c });
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// Keeps a piece of what the run reports; says whether somebody asked the run to stop.
///
/// # Errors
/// [`Code::Denied`], [`Code::InvalidValue`], [`Code::LimitReached`]; nothing of the piece is kept then.
pub fn keep(cx: &mut Acting, entity: &str, project: &str, run: &str, piece: &Piece) -> Result<bool> {
    let absent = || no_run_of(entity, project, run);
    let found = match projects::must_exist(cx.view(), entity, project) {
        Ok(project) => named(cx.view(), project.id, run)?.ok_or_else(absent)?,
        Err(e) if e.kind() == Kind::NotFound => return Err(absent()),
        Err(e) => return Err(e),
    };
    let grant = cx
        .allow(Action::RunUpdate, Resource::Run(found.id))
        .map_err(|e| if e.kind() == Kind::NotFound { absent() } else { e })?;
    if found.deleted_at.is_some() {
        return Err(absent());
    }
    let mut state = progress(cx.view(), found.id, found.created_at)?;
    for (stream, at, lines) in &piece.lines {
        put_lines(cx, &found, &mut state, *stream, *at, lines)?;
    }
    if let Some(summary) = &piece.summary {
        check_text(cx, "summary", summary)?;
        let (before, after) = lines::put_text(cx.tx(), found.id, Text::Summary, summary)?;
        weigh(cx, &found, &mut state, before, after)?;
    }
    state.heartbeat_at = cx.now();
    state.state = match piece.ended {
        Some(0) => RunState::Finished,
        Some(_) => RunState::Failed,
        None if piece.preempting => RunState::Preempting,
        None if state.state.is_live() => state.state,
        // It reports, so it runs, whatever was said of it.
        None => RunState::Running,
    };
    state.exit_code = piece.ended;
    let stop = state.stop && piece.ended.is_none();
    cx.put(&grant, &schema::PROGRESS, &state)?;
    Ok(stop)
}

fn put_lines(cx: &mut Acting, run: &Run, state: &mut Progress, stream: Stream, at: u64, sent: &[String]) -> Result<()> {
    let limit = cx.settings().runs().line.min(LINE_MOST);
    if let Some(long) = sent.iter().position(|l| l.len() as u64 > limit) {
        let number = at + long as u64;
        return Err(over(&format!("Line {number} of the run"), limit, "runs.line_limit"));
    }
    let total = state.count(stream);
    if at > total + GAP_MOST {
        return Err(Error::invalid(format!(
            "A stream has {total} lines and cannot go on at line {at}: something was lost on the way."
        )));
    }
    let borrowed: Vec<Cow<str>> = sent.iter().map(|l| Cow::Borrowed(l.as_str())).collect();
    let (before, after) = lines::put(cx.tx(), run.id, stream, total, at, &borrowed)?;
    state.lines[stream.index()] = total.max(at + sent.len() as u64);
    weigh(cx, run, state, before, after)?;
    if stream == Stream::History {
        note_metrics(cx, run, state, sent)?;
    }
    Ok(())
}

/// Counts bytes; the rows of quiet tables need no event, and the grant is the caller's.
fn weigh(cx: &mut Acting, run: &Run, state: &mut Progress, before: u64, after: u64) -> Result<()> {
    let usage = charge(cx, run, state, before, after)?;
    cx.tx().put(&schema::PROJECT_USAGE, &usage)
}

/// Keeps the largest step and the names of metrics.
fn note_metrics(cx: &mut Acting, run: &Run, state: &mut Progress, sent: &[String]) -> Result<()> {
    let known = lines::text(cx.view(), run.id, Text::Keys)?;
    let mut names: BTreeSet<String> = serde_json::from_str(&known).unwrap_or_default();
    let before = names.len();
    for line in sent {
        let _ = Row::read(line, |key, cell| {
            if let ("_step", Cell::Number(n)) = (key, cell) {
                state.last_step = state.last_step.max(n as i64);
            }
            if names.len() < METRICS_MOST && key.len() <= 256 && !names.contains(key) {
                names.insert(key.to_owned());
            }
        });
    }
    if names.len() > before {
        let text = serde_json::to_string(&names).map_err(Error::internal)?;
        lines::put_text(cx.tx(), run.id, Text::Keys, &text)?;
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_batch_is_read_in_pieces_that_follow_each_other() {
        let line = format!("{{\"_step\":1,\"x\":\"{}\"}}", "y".repeat(200_000));
        let body = serde_json::json!({"files": {
            "wandb-history.jsonl": {"offset": 5, "content": [line, line, line, line, line]},
            "output.log": {"offset": 0, "content": ["a\n", "b\r\n"]},
            "wandb-summary.json": {"offset": 0, "content": ["{\"a\":1}", "{\"a\": NaN, \"b\": \"NaN -Infinity\", \"c\":[-Infinity]}"]},
            "other.txt": {"offset": 9, "content": ["x"]},
        }, "uploaded": ["a"], "complete": true, "exitcode": 3});
        let pieces = read(body.to_string().as_bytes()).unwrap();
        assert!(pieces.len() >= 2, "{}", pieces.len());
        let history: Vec<u64> = pieces
            .iter()
            .flat_map(|p| &p.lines)
            .filter(|(s, ..)| *s == Stream::History)
            .flat_map(|(_, at, lines)| (*at..).take(lines.len()))
            .collect();
        assert_eq!(history, [5, 6, 7, 8, 9]);
        assert_eq!(pieces[0].lines[0].2, ["a", "b"]);
        let summary = pieces.iter().find_map(|p| p.summary.clone()).unwrap();
        assert_eq!(summary, r#"{"a": "NaN", "b": "NaN -Infinity", "c":["-Infinity"]}"#);
        assert_eq!(pieces.last().unwrap().ended, Some(3));
        assert!(pieces[..pieces.len() - 1].iter().all(|p| p.ended.is_none()));
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let deep = format!("{{\"files\":{{\"wandb-history.jsonl\":{{\"content\":[{:?}]}}}}}}", "[".repeat(1000));
        for bad in [
            "",
            "[]",
            "null",
            "{",
            r#"{"files":[]}"#,
            r#"{"files":{"output.log":{"offset":-1,"content":["x"]}}}"#,
            r#"{"files":{"output.log":{"offset":9223372036854775807,"content":["x"]}}}"#,
            r#"{"files":{"output.log":{"offset":1e30,"content":["x"]}}}"#,
            r#"{"files":{"wandb-history.jsonl":{"offset":0,"content":["not json"]}}}"#,
            r#"{"files":{"wandb-history.jsonl":{"offset":0,"content":[{"a":1}]}}}"#,
            &deep,
        ] {
            assert_eq!(read(bad.as_bytes()).unwrap_err().code(), Code::InvalidRequest, "{bad}");
        }
        assert_eq!(read(b"{}").unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }

        #[test]
        fn reading_something_like_a_batch_never_panics(
            offset in any::<i64>(), name in "wandb-history.jsonl|output.log|wandb-summary.json|\\PC{0,9}",
            content in prop::collection::vec("\\PC{0,40}|[{}\\[\\]\",:NaInfity\\\\0-9é-]{0,40}", 0..5)) {
            let body = serde_json::json!({"files": {name: {"offset": offset, "content": content}}});
            let _ = read(body.to_string().as_bytes());
        }

        #[test]
        fn tidying_keeps_what_json_is(text in "[{}\\[\\]\",:NaInfity\\\\0-9é\n-]{0,60}") {
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                let after: serde_json::Value = serde_json::from_str(&tidy(text.clone())).unwrap();
                prop_assert_eq!(after, serde_json::from_str::<serde_json::Value>(&text).unwrap());
            }
        }
    }
}

//! One run: its curves, last values, configuration, who submitted it and for whom, what it printed, its files. Curves come
//! thinned out from `ops::runs::history` and are drawn by `plot.rs`.

use super::page::frame::{Frame, Section};
use super::page::parts::{Choice, Mark, Tab};
use super::page::runs::{By, Chart, FileRow, RunPage};
use super::runs::{by, duration, object, shown, summary};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::{plot, project, words};
use crate::error::{Error, Result};
use crate::model::project::Visibility;
use crate::model::role::Action;
use crate::model::run::{Stream, Text};
use crate::ops::runs::history::{Wanted, curves};
use crate::ops::runs::{self, Seen};
use crate::ops::{self, Asking};
use crate::policy::Resource;
use crate::store::Cursor;
use actix_web::{HttpRequest, HttpResponse, web};

/// Curves drawn on one page.
const CHARTS: usize = 9;
/// Points of a curve at most.
const POINTS: usize = 400;
/// Lines of output on one page.
const LINES: u64 = 200;
/// Characters of a line that are shown.
const LINE: usize = 400;
/// Files on one page.
const FILES: usize = 100;
/// Keys of configuration and last values shown.
const KEYS: usize = 200;
/// Projects offered to move to.
const TARGETS: usize = 100;

/// `GET /{team}/{project}/runs/{run}`.
pub async fn overview(
    app: Instance,
    request: HttpRequest,
    names: web::Path<(String, String, String)>,
) -> Result<HttpResponse> {
    show(app, request, &names, "overview").await
}

/// `GET /{team}/{project}/runs/{run}/logs`.
pub async fn logs(
    app: Instance,
    request: HttpRequest,
    names: web::Path<(String, String, String)>,
) -> Result<HttpResponse> {
    show(app, request, &names, "logs").await
}

/// `GET /{team}/{project}/runs/{run}/files`.
pub async fn files(
    app: Instance,
    request: HttpRequest,
    names: web::Path<(String, String, String)>,
) -> Result<HttpResponse> {
    show(app, request, &names, "files").await
}

async fn show(
    app: Instance,
    request: HttpRequest,
    names: &(String, String, String),
    tab: &'static str,
) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let query = Fields::query(&request);
    visit.html(&page(&app, &visit, &query, (&names.0, &names.1, &names.2), tab, None)?)
}

/// What a run's page shows, one tab of it. `error` is why something was not done to it.
pub fn page(
    app: &Instance,
    visit: &Visit,
    query: &Fields,
    names: (&str, &str, &str),
    tab: &'static str,
    error: Option<&Error>,
) -> Result<RunPage> {
    app.ask(&visit.caller, |cx| {
        let seen = runs::get(cx, names.0, names.1, names.2)?;
        let (found, team) = runs::place(cx, &seen.run)?;
        let project = project::path(&team, &found.name);
        let base = format!("{project}/runs/{}", words::encoded(&seen.run.name));
        let on = Resource::Run(seen.run.id);
        let q: String = query.text("q").chars().take(100).collect();
        let (charts, metrics) = if tab == "overview" { charts(cx, &seen, &q)? } else { (vec![], 0) };
        let output = if tab == "logs" { output(cx, &seen, &base, query)? } else { Output::default() };
        let (files, more_files) =
            if tab == "files" { file_rows(app, cx, visit, &seen, &base, query)? } else { (vec![], String::new()) };
        let pairs = |map: serde_json::Map<String, serde_json::Value>| -> Vec<(String, String)> {
            map.iter().take(KEYS).map(|(key, value)| (key.clone(), shown(value))).collect()
        };
        let may_move = tab == "overview" && cx.can(Action::RunMove, on)?;
        let stays = found.visibility == Visibility::Restricted;
        let shown_as = by(cx, &seen.run)?;
        let creator = runs::creator(cx, &seen.run)?.map(|user| user.username).unwrap_or_default();
        let through =
            if creator == shown_as.username { By::default() } else { By { username: creator, linked: false } };
        let state = seen.state;
        Ok(RunPage {
            frame: Frame { team: team.clone(), ..visit.frame(seen.run.label(), Section::Projects) }
                .crumb(team.clone(), super::runs::team_page(visit, &team))
                .crumb(found.name.clone(), project.clone())
                .crumb("Runs", format!("{project}/runs"))
                .crumb(seen.run.label(), ""),
            tabs: tabs(&base, tab, &seen),
            label: seen.run.label().to_owned(),
            name: seen.run.name.clone(),
            state: Mark::run(state.as_str()),
            live: state.is_live(),
            stopping: seen.progress.stop && state.is_live(),
            tab,
            by: shown_as,
            through,
            unfit_author: seen.run.unfit_author.clone(),
            facts: facts(&seen, visit),
            created: words::stamp(seen.run.created_at, visit.now),
            reported: words::stamp(seen.progress.heartbeat_at, visit.now),
            notes: seen.run.notes.clone(),
            tags: seen.run.tags.clone(),
            why: super::why::link(&visit.me.username, "run:read", &format!("{team}/{}", found.name)),
            charts,
            metrics,
            q,
            summary: if tab == "overview" { pairs(summary(cx, &seen.run)?) } else { vec![] },
            config: if tab == "overview" { config(&runs::text(cx, &seen.run, Text::Config)?) } else { vec![] },
            total: seen.progress.count(Stream::Console),
            lines: output.lines,
            first: output.first,
            earlier: output.earlier,
            later: output.later,
            files,
            more_files,
            can_stop: state.is_live() && !seen.progress.stop && cx.can(Action::RunStop, on)?,
            can_delete: cx.can(Action::RunDelete, on)?,
            targets: if may_move && !stays { targets(cx, &seen)? } else { vec![] },
            stays: if may_move && stays { "Runs move into a restricted project, never out of it." } else { "" },
            problem: error.map(Error::sentence).unwrap_or_default(),
            base,
        })
    })
}

fn tabs(base: &str, tab: &str, seen: &Seen) -> Vec<Tab> {
    let count = |n: u64| usize::try_from(n).ok();
    [
        ("Overview", "overview", None),
        ("Output", "logs", count(seen.progress.count(Stream::Console))),
        ("Files", "files", count(seen.progress.files)),
    ]
    .into_iter()
    .map(|(label, key, count)| Tab {
        label,
        href: if key == "overview" { base.to_owned() } else { format!("{base}/{key}") },
        current: key == tab,
        count,
    })
    .collect()
}

fn facts(seen: &Seen, visit: &Visit) -> Vec<(&'static str, String)> {
    let run = &seen.run;
    let mut out = vec![("Duration", duration(seen, visit.now))];
    let mut say = |name, text: String| {
        if !text.is_empty() {
            out.push((name, text));
        }
    };
    say("Exit code", seen.progress.exit_code.map(|code| code.to_string()).unwrap_or_default());
    say("Group", run.group.clone());
    say("Job type", run.job_type.clone());
    say("Host", run.host.clone());
    say("Program", run.program.clone());
    say("Commit", run.commit.clone());
    say("Last step", if seen.progress.last_step < 0 { String::new() } else { seen.progress.last_step.to_string() });
    out
}

fn config(text: &str) -> Vec<(String, String)> {
    object(text)
        .iter()
        .filter(|(key, _)| *key != "_wandb")
        .take(KEYS)
        .map(|(key, value)| (key.clone(), shown(value.get("value").unwrap_or(value))))
        .collect()
}

/// The curves of the metrics that fit what was typed, the first few, and how many there are.
fn charts(cx: &Asking, seen: &Seen, q: &str) -> Result<(Vec<Chart>, usize)> {
    let wanted = Wanted { stream: Stream::History, metrics: vec![], points: POINTS };
    let all = curves(cx, &seen.run, &seen.progress, &wanted)?;
    let q = q.to_lowercase();
    let drawn = all
        .iter()
        .filter(|c| c.metric.to_lowercase().contains(&q))
        .take(CHARTS)
        .map(|c| plot::curve(&c.metric, &c.points, c.values, c.last))
        .collect::<Result<_>>()?;
    Ok((drawn, all.len()))
}

#[derive(Default)]
struct Output {
    lines: Vec<String>,
    first: u64,
    earlier: String,
    later: String,
}

/// What the script printed: the last lines, or those from `from` on.
fn output(cx: &Asking, seen: &Seen, base: &str, query: &Fields) -> Result<Output> {
    let total = seen.progress.count(Stream::Console);
    let from = query.text("from").parse().unwrap_or(total.saturating_sub(LINES)).min(total);
    let lines = runs::stretch(cx, &seen.run, Stream::Console, from, LINES as usize)?;
    let to = |line: u64| format!("{base}/logs?from={line}");
    Ok(Output {
        first: from + 1,
        earlier: if from > 0 { to(from.saturating_sub(LINES)) } else { String::new() },
        later: if from + LINES < total { to(from + LINES) } else { String::new() },
        lines: lines.into_iter().map(|(_, line)| plain(&line)).collect(),
    })
}

/// A line of a terminal without its colours and cursor movements.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len().min(LINE));
    let mut letters = line.chars();
    let mut count = 0;
    while let Some(c) = letters.next() {
        if c == '\u{1b}' {
            if letters.next() == Some('[') {
                letters.find(|c| c.is_ascii_alphabetic());
            }
        } else if !c.is_control() || c == '\t' {
            count += 1;
            if count > LINE {
                out.push('…');
                break;
            }
            out.push(c);
        }
    }
    out
}

fn file_rows(
    app: &Instance,
    cx: &Asking,
    visit: &Visit,
    seen: &Seen,
    base: &str,
    query: &Fields,
) -> Result<(Vec<FileRow>, String)> {
    let after = match query.optional("after") {
        Some(text) => Some(text.parse::<Cursor>()?),
        None => None,
    };
    let listed = runs::files::list(cx, &seen.run, &[], None, FILES, after)?;
    let rows = listed
        .items
        .iter()
        .map(|file| {
            Ok(FileRow {
                name: file.name.clone(),
                href: app.ticket_url(&runs::files::fetch(cx, &seen.run, file)?),
                size: weight(file.size),
                updated: words::stamp(file.updated_at, visit.now),
            })
        })
        .collect::<Result<_>>()?;
    let more = listed.next.map(|next| format!("{base}/files?after={}", next)).unwrap_or_default();
    Ok((rows, more))
}

/// "1.4 MiB".
fn weight(bytes: u64) -> String {
    let size = bytes as f64;
    for (unit, name) in [((1u64 << 30) as f64, "GiB"), ((1 << 20) as f64, "MiB"), (1024.0, "KiB")] {
        if size >= unit {
            return format!("{:.1} {name}", size / unit);
        }
    }
    format!("{bytes} bytes")
}

/// The projects that the asker may move it to.
fn targets(cx: &Asking, seen: &Seen) -> Result<Vec<Choice>> {
    let mut out = vec![];
    for (team, project) in ops::projects::reachable(cx, 1_000)? {
        if out.len() == TARGETS {
            break;
        }
        if project.id != seen.run.project && cx.can(Action::ProjectMoveRunsIn, Resource::Project(project.id))? {
            let label = format!("{team}/{}", project.name);
            out.push(Choice { value: label.clone(), label, ..Choice::default() });
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{plain, weight};

    #[test]
    fn a_line_of_a_terminal_is_plain_text() {
        assert_eq!(plain("\u{1b}[1;32mok\u{1b}[0m <b>\r"), "ok <b>");
        assert_eq!(plain("\u{1b}[2K\u{1b}"), "");
        assert_eq!(plain(&"x".repeat(5_000)).chars().count(), 401);
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!([weight(0), weight(1_536), weight(3 << 30)], ["0 bytes", "1.5 KiB", "3.0 GiB"]);
    }
}

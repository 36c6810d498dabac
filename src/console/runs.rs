//! The runs of a project as a list, and what is done to one: stopped, deleted and brought back, moved. One run's page is in
//! `run.rs`. Every rule, also the one about one's own runs, is behind `ops::runs`.

use super::page::frame::{Frame, Section};
use super::page::list::{Column, PAGE};
use super::page::parts::{Choice, Mark, Undo};
use super::page::runs::{By, RunRow, Runs};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use super::{plot, project, run, words};
use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND};
use crate::error::{Error, Kind, Result};
use crate::http::reply;
use crate::model::RunId;
use crate::model::run::Text;
use crate::ops::runs::filter::{Field, Filter};
use crate::ops::runs::list::{self as listing, Asked};
use crate::ops::runs::{self, Seen};
use crate::ops::{self, Asking};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

/// Metrics offered as columns at most.
const METRICS: usize = 40;
/// Columns at most.
const COLUMNS: usize = 6;

/// Who a run is shown as.
pub fn by(cx: &Asking, run: &crate::model::run::Run) -> Result<By> {
    let found = runs::author(cx, run)?;
    Ok(found.map(|(user, linked)| By { username: user.username, linked }).unwrap_or_default())
}

/// The last value of each metric; those of the client's own begin with `_` and are left out.
pub fn summary(cx: &Asking, run: &crate::model::run::Run) -> Result<Map<String, Value>> {
    let mut map = object(&runs::text(cx, run, Text::Summary)?);
    map.retain(|key, _| !key.starts_with('_'));
    Ok(map)
}

/// A JSON object as stored; empty where it is none.
pub fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// A value for people: numbers short, texts as they are, all else as JSON, cut to a line.
pub fn shown(value: &Value) -> String {
    let text = match value {
        Value::Number(n) if n.is_f64() => plot::number(n.as_f64().unwrap_or_default()),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= 120 { text } else { text.chars().take(119).chain(['…']).collect() }
}

/// "1 h 3 min".
pub fn span(length: Millis) -> String {
    let length = length.max(0);
    if length < MINUTE {
        format!("{} s", length / SECOND)
    } else if length < HOUR {
        format!("{} min {} s", length / MINUTE, length % MINUTE / SECOND)
    } else if length < DAY {
        format!("{} h {} min", length / HOUR, length % HOUR / MINUTE)
    } else {
        format!("{} d {} h", length / DAY, length % DAY / HOUR)
    }
}

/// How long a run has reported.
pub fn duration(seen: &Seen, now: Millis) -> String {
    let until = if seen.state.is_live() { now } else { seen.progress.heartbeat_at };
    span(until - seen.run.created_at)
}

/// The filter for what was typed and for the chosen state.
fn filter(q: &str, state: &str) -> Result<Filter> {
    let mut all = vec![];
    if !state.is_empty() {
        all.push(json!({ "state": state }));
    }
    if !q.is_empty() {
        let plain: String = q.chars().flat_map(|c| if c.is_alphanumeric() { vec![c] } else { vec!['\\', c] }).collect();
        let test = json!({ "$regex": format!("(?i){}", plain.replace("\\ ", " ").replace("\\_", "_")) });
        let fields = ["display_name", "name", "username", "tags", "group"];
        all.push(json!({ "$or": fields.map(|field| json!({ field: test })) }));
    }
    Filter::parse(&if all.is_empty() { String::new() } else { json!({ "$and": all }).to_string() })
}

/// `GET /{team}/{project}/runs?q=&state=&sort=&page=&col=`.
pub async fn list(app: Instance, request: HttpRequest, names: web::Path<(String, String)>) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let query = Fields::query(&request);
    let page = app.ask(&visit.caller, |cx| {
        let found = ops::projects::get(cx, &names.0, &names.1)?;
        let team = ops::projects::entity_label(cx, &found)?;
        let base = project::path(&team, &found.name);
        let columns = vec![
            Column::by("Run", "name"),
            Column::by("State", "state"),
            Column::by("By", "by"),
            Column::by("Created", "created"),
            Column::plain("Duration"),
        ];
        let mut list = super::list_from(&query, &format!("{base}/runs"), "runs", columns, "-created");
        let state = query.text("state").to_owned();
        let filter = filter(&list.q, &state)?;
        list.total = listing::count(cx, found.id, &filter)?;
        list.page = list.page.clamp(1, list.pages());
        let order = match list.sort.trim_start_matches('-') {
            "name" => Field::DisplayName,
            "state" => Field::State,
            "by" => Field::Username,
            _ => Field::CreatedAt,
        };
        let (down, limit) = (list.sort.starts_with('-'), list.page * PAGE);
        let asked = Asked { filter, order: Some((order, down)), limit, after: None };
        let items = listing::page(cx, found.id, &asked)?.items;
        let seen: Vec<Seen> = items.into_iter().skip((list.page - 1) * PAGE).collect();
        let summaries = seen.iter().map(|s| summary(cx, &s.run)).collect::<Result<Vec<_>>>()?;
        let mut known: Vec<String> = vec![];
        for key in summaries.iter().flat_map(Map::keys) {
            if known.len() < METRICS && !known.contains(key) {
                known.push(key.clone());
            }
        }
        let chosen: Vec<String> = query.all("col").into_iter().filter(|c| !c.is_empty()).take(COLUMNS).collect();
        let columns = if chosen.is_empty() { known.iter().take(2).cloned().collect() } else { chosen };
        if !state.is_empty() {
            list.filter.push(("state", state.clone()));
        }
        for column in query.all("col").into_iter().take(COLUMNS) {
            list.filter.push(("col", column));
        }
        let states = [
            ("", "All"),
            ("running", "Running"),
            ("finished", "Finished"),
            ("failed", "Failed"),
            ("crashed", "Crashed"),
            ("killed", "Stopped"),
        ];
        list.add_chips("state", &state, &states);
        let rows = seen.iter().zip(&summaries).map(|(seen, summary)| row(cx, &visit, &base, seen, (summary, &columns)));
        Ok(Runs {
            frame: Frame { team: team.clone(), ..visit.frame(format!("Runs of {}", found.name), Section::Projects) }
                .crumb(team.clone(), team_page(&visit, &team))
                .crumb(found.name.clone(), base.clone())
                .crumb("Runs", ""),
            rows: rows.collect::<Result<_>>()?,
            tabs: project::tabs(cx, &found, &base, "runs", None)?,
            visibility: Mark::visibility(found.visibility.as_str()),
            why: super::why::link(&visit.me.username, "run:read", &format!("{team}/{}", found.name)),
            metrics: known
                .into_iter()
                .map(|key| Choice {
                    chosen: columns.contains(&key),
                    label: key.clone(),
                    value: key,
                    ..Choice::default()
                })
                .collect(),
            shown: columns,
            list,
            snippet: format!("wandb.init(entity=\"{team}\", project=\"{}\")", found.name),
            name: found.name,
            team,
        })
    })?;
    visit.html(&page)
}

/// The page of a team that the asker is in, or may see as an admin; else nothing.
pub fn team_page(visit: &Visit, team: &str) -> String {
    if visit.is_admin || visit.teams.iter().any(|t| t == team) { format!("/{team}") } else { String::new() }
}

fn row(
    cx: &Asking,
    visit: &Visit,
    base: &str,
    seen: &Seen,
    (summary, columns): (&Map<String, Value>, &[String]),
) -> Result<RunRow> {
    Ok(RunRow {
        href: format!("{base}/runs/{}", words::encoded(&seen.run.name)),
        label: seen.run.label().to_owned(),
        name: if seen.run.display_name.is_empty() { String::new() } else { seen.run.name.clone() },
        state: Mark::run(seen.state.as_str()),
        by: by(cx, &seen.run)?,
        created: words::stamp(seen.run.created_at, visit.now),
        duration: duration(seen, visit.now),
        values: columns
            .iter()
            .map(|column| (column.clone(), summary.get(column).map(shown).unwrap_or_default()))
            .collect(),
    })
}

/// `POST /{team}/{project}/runs/{run}/{what}`: stop, delete, undelete, move.
pub async fn change(
    app: Instance,
    request: HttpRequest,
    parts: web::Path<(String, String, String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let (team, project, name, what) = parts.into_inner();
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    match apply(&app, &visit, (&team, &project, &name), &what, &fields).await {
        Ok(response) => Ok(response),
        Err(error)
            if !matches!(error.kind(), Kind::NotFound | Kind::Denied) && reply::status(&error).is_client_error() =>
        {
            let page = run::page(&app, &visit, &Fields::default(), (&team, &project, &name), "overview", Some(&error))?;
            visit.again(&page, &error)
        }
        Err(error) => Err(error),
    }
}

async fn apply(
    app: &Instance,
    visit: &Visit,
    names: (&str, &str, &str),
    what: &str,
    fields: &Fields,
) -> Result<HttpResponse> {
    let list = format!("{}/runs", project::path(names.0, names.1));
    let here = format!("{list}/{}", words::encoded(names.2));
    if what == "undelete" {
        // A deleted run has no page; the form that brings it back names it by its number.
        let id =
            fields.text("id").parse().map(RunId).map_err(|_| Error::invalid("That is not the number of a run."))?;
        let run = app.act(&visit.caller, move |cx| runs::change::undelete(cx, id)).await?;
        return visit.done(&here, format!("{} is back.", run.label()));
    }
    let seen = app.ask(&visit.caller, |cx| runs::get(cx, names.0, names.1, names.2))?;
    let (id, label) = (seen.run.id, seen.run.label().to_owned());
    match what {
        "stop" => {
            app.act(&visit.caller, move |cx| runs::change::stop(cx, id)).await?;
            visit.done(&here, format!("{label} is asked to stop: its client hears it when it reports next."))
        }
        "delete" => {
            app.act(&visit.caller, move |cx| runs::change::delete(cx, id)).await?;
            let undo = Undo { action: format!("{here}/undelete"), fields: vec![("id".to_owned(), id.0.to_string())] };
            visit.done_with_undo(&list, format!("{label} is deleted."), undo)
        }
        "move" => {
            let to = fields.text("to").to_owned();
            let Some((team, project)) = to.split_once('/').map(|(t, p)| (t.to_owned(), p.to_owned())) else {
                return Err(Error::invalid("Choose the project it moves to."));
            };
            let there = format!("{}/runs/{}", project::path(&team, &project), words::encoded(names.2));
            app.act(&visit.caller, move |cx| runs::change::transfer(cx, &[id], &team, &project)).await?;
            visit.done(&there, format!("{label} is in {to} now."))
        }
        _ => Err(reply::no_such_page()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::{filter, span};

    #[test]
    fn what_is_typed_is_text_and_never_a_pattern() {
        for q in ["a.b", "(", "[x", "a b", "ä*", "\\", "a_b", "{\"$or\": 1}"] {
            assert!(!filter(q, "").unwrap().is_everything(), "{q}");
        }
        assert!(filter("", "").unwrap().is_everything());
        assert!(filter("x", "running").is_ok());
    }

    #[test]
    fn spans_read_as_people_say_them() {
        let all = [900, 61_000, 3_780_000, 90_000_000, -5];
        assert_eq!(all.map(span), ["0 s", "1 min 1 s", "1 h 3 min", "1 d 1 h", "0 s"]);
    }
}

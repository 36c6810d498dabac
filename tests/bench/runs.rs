//! Runs: what `file_stream` acknowledges per second beside what bare redb makes durable of the very same rows, and how long a run
//! page's curves take over 100,000 rows of history. A batch is what a run that logs often sends: ten rows and a summary.

use crate::limit::{self, Bare};
use crate::report::{Report, Target, count, median, time};
use crate::rig::{self, Running};
use crate::wrk::{Load, Outcome};
use actix_web::web;
use bailiwick::app::App;
use bailiwick::model::run::Stream;
use bailiwick::ops::Caller;
use bailiwick::ops::runs::history::{self, Wanted};
use bailiwick::ops::runs::report::{self, Piece};
use bailiwick::ops::runs::upsert::{self, Upsert};
use bailiwick::policy::{Actor, Credential, Process, Subject};
use bailiwick::store::{Store, schema};
use base64::Engine as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PROJECT: &str = "bench";
const PASSWORD: &str = "plover ketch amber vault";
/// The run whose history is read.
const LONG: &str = "long";
const LONG_ROWS: u64 = 100_000;
/// Rows of history in one batch.
const ROWS: u64 = 10;
const CLIENTS: [u32; 3] = [1, 16, 64];
const PAIRS: usize = 3;
const SECONDS: u32 = 3;
/// Batches in one run of the limit, for each client.
const LIMIT_BATCHES: u64 = 100;
/// The figure for a run page.
const PAGE: Duration = Duration::from_millis(300);

/// A batch; where its rows begin, and the step of each, stand as `@0` to `@9`.
fn template() -> String {
    let row = |k: u64| {
        let row = format!(
            "{{\"_step\":@{k},\"_runtime\":12.25,\"_timestamp\":1790000000.5,\"loss\":0.@{k},\"accuracy\":0.9375,\"lr\":0.0003}}"
        );
        serde_json::Value::from(row).to_string()
    };
    let rows: Vec<String> = (0..ROWS).map(row).collect();
    let summary = serde_json::Value::from("{\"_step\":@9,\"loss\":0.@9,\"accuracy\":0.9375,\"lr\":0.0003}").to_string();
    format!(
        "{{\"files\":{{\"wandb-history.jsonl\":{{\"offset\":@0,\"content\":[{}]}},\
         \"wandb-summary.json\":{{\"offset\":0,\"content\":[{summary}]}}}},\"dropped\":0}}",
        rows.join(",")
    )
}

fn batch(template: &str, from: u64) -> Vec<u8> {
    (0..ROWS).fold(template.to_owned(), |text, k| text.replace(&format!("@{k}"), &(from + k).to_string())).into_bytes()
}

/// Somebody who submits to a project of their own.
struct Person {
    who: Caller,
    name: String,
}

impl Person {
    fn find(app: &App, typed: &str) -> Person {
        let user = app.ask(&Caller::process(Process::Shell), |cx| bailiwick::ops::users::get(cx, typed)).unwrap();
        let subject = Subject { actor: Actor::User(user.id), credential: Credential::Session("bench".into(), None) };
        Person { who: Caller { subject, origin: Default::default() }, name: user.username }
    }

    fn submit(&self, app: &web::Data<App>, run: &str) {
        let asked = Upsert { project: Some(PROJECT.to_owned()), name: Some(run.to_owned()), ..Upsert::default() };
        block_on(app.act(&self.who, move |cx| upsert::upsert(cx, &asked).map(drop))).unwrap();
    }

    fn stream(&self, app: &web::Data<App>, run: &str, body: &[u8]) {
        for piece in report::read(body).unwrap() {
            let (piece, entity, run): (Arc<Piece>, _, _) = (Arc::new(piece), self.name.clone(), run.to_owned());
            block_on(app.act(&self.who, move |cx| report::keep(cx, &entity, PROJECT, &run, &piece).map(drop))).unwrap();
        }
    }
}

fn block_on<T>(f: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(f)
}

/// The runs of one load, one for each client.
fn run_name(clients: u32, round: usize, n: u32) -> String {
    format!("c{clients}-{round}-{n}")
}

pub fn measure(report: &mut Report) {
    let (dir, scratch) = (rig::directory(), rig::directory());
    let file = scratch.path().join("password");
    std::fs::write(&file, PASSWORD).unwrap();
    let made = rig::shell(
        dir.path(),
        &[
            "user",
            "create",
            "bench@example.org",
            "--username",
            "bench",
            "--password-file",
            file.to_str().unwrap(),
            "--with-api-key",
            "--json",
        ],
    );
    let pair = format!("api:{}", made["apiKey"].as_str().unwrap());
    let auth = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    let app = rig::instance(Store::open_file(&rig::store_file(dir.path()), &schema::SCHEMA).unwrap());
    let person = Person::find(&app, "bench");
    for clients in CLIENTS {
        // One round more, to warm up.
        for (round, n) in (0..=PAIRS).flat_map(|round| (0..clients).map(move |n| (round, n))) {
            person.submit(&app, &run_name(clients, round, n));
        }
    }
    reading(report, &app, &person);
    app.stop();
    drop(app);
    let server = Running::start(dir.path(), &[]);
    report.note("4 KiB fsyncs of this disk", format!("{}/s", count(rig::fsyncs_per_second(scratch.path()))), "");
    let batches: Vec<f64> =
        CLIENTS.iter().map(|clients| streaming(report, &server, &auth, scratch.path(), *clients)).collect();
    report.compared(
        "file_stream batches c64",
        format!("{}/s", count(batches[2])),
        format!("one client {}/s", count(batches[0])),
        batches[2] / batches[0],
        Target::None,
    );
    over_http(report, &server, &auth, scratch.path());
    server.stop();
}

/// Batches per second at so many clients, each run next to one of the limit with the same rows and as many batches to a commit.
fn streaming(report: &mut Report, server: &Running, auth: &str, dir: &Path, clients: u32) -> f64 {
    let template = template();
    let rows = limit::recorded(
        |app| {
            limit::create_users(app, 0, 1, 1);
            let person = Person::find(app, "person0000000@example.org");
            (0..clients).for_each(|n| person.submit(app, &run_name(clients, 0, n)));
        },
        |app| {
            let person = Person::find(app, "person0000000@example.org");
            for n in 0..LIMIT_BATCHES * u64::from(clients) {
                let (turn, run) = (n / u64::from(clients), (n % u64::from(clients)) as u32);
                person.stream(app, &run_name(clients, 0, run), &batch(&template, turn * ROWS));
            }
        },
    );
    assert_eq!(rows.len() as u64, LIMIT_BATCHES * u64::from(clients), "one commit for each batch");
    let load = |round: usize| {
        // The connections take turns with the runs: each run has one batch on its way at a time, or nearly so.
        let lua = format!(
            "local n = -1\nlocal body = [==[{template}]==]\nlocal pieces, marks, at = {{}}, {{}}, 1\n\
             for before, mark, after in body:gmatch('([^@]*)@(%d)()') do pieces[#pieces + 1] = before; \
             marks[#marks + 1] = tonumber(mark); at = after end\nlocal tail = body:sub(at)\n\
             wrk.method = 'POST'\nwrk.headers['Authorization'] = '{auth}'\n\
             wrk.headers['Content-Type'] = 'application/json'\n\
             request = function()\n  n = n + 1\n  local first = math.floor(n / {clients}) * {ROWS}\n  local out = {{}}\n\
             for i = 1, #pieces do out[#out + 1] = pieces[i]; out[#out + 1] = string.format('%d', first + marks[i]) end\n\
             local path = string.format('/files/bench/{PROJECT}/c{clients}-{round}-%d/file_stream', n % {clients})\n\
             return wrk.format(nil, path, nil, table.concat(out) .. tail)\nend\n"
        );
        Load::script(dir, &server.url, &lua)
    };
    load(PAIRS).run(clients, 1);
    let rounds: Vec<(f64, Outcome)> = (0..PAIRS)
        .map(|round| {
            let path = dir.join("limit.redb");
            let limit = Bare::create(&path).commit_in_groups(&rows, clients as usize);
            std::fs::remove_file(path).unwrap();
            (limit, load(round).run(clients, SECONDS))
        })
        .collect();
    let of = |f: &dyn Fn(&(f64, Outcome)) -> f64| median(&rounds.iter().map(f).collect::<Vec<_>>());
    let rate = of(&|(_, ours)| ours.per_second);
    report.compared(
        format!("file_stream batches of {ROWS} rows, acknowledged, c{clients}"),
        format!("{}/s, p99 {:.2} ms", count(rate), of(&|(_, ours)| ours.p99.as_secs_f64() * 1e3)),
        format!("bare redb, {clients} to a commit: {}/s", count(of(&|(limit, _)| *limit))),
        of(&|(limit, ours)| ours.per_second / limit),
        Target::None,
    );
    rate
}

/// The curves of a run page over [`LONG_ROWS`] rows, as the page asks for them.
fn reading(report: &mut Report, app: &web::Data<App>, person: &Person) {
    person.submit(app, LONG);
    for from in (0..LONG_ROWS).step_by(1_000) {
        let rows: Vec<String> = (from..from + 1_000)
            .map(|n| {
                let loss = 1.0 / (n + 1) as f64 + (n % 17) as f64 / 100.0;
                format!(
                    "{{\"_step\":{n},\"_runtime\":{n}.25,\"_timestamp\":1790000000.5,\"loss\":{loss},\
                     \"accuracy\":{},\"lr\":0.0003}}",
                    1.0 - loss
                )
            })
            .collect();
        let body = serde_json::json!({"files": {"wandb-history.jsonl": {"offset": from, "content": rows}}});
        person.stream(app, LONG, body.to_string().as_bytes());
    }
    for (name, metrics) in [("all metrics", vec![]), ("one metric", vec!["loss".to_owned()])] {
        let wanted = Wanted { stream: Stream::History, metrics, points: 400 };
        let read = || {
            app.ask(&person.who, |cx| {
                let seen = bailiwick::ops::runs::get(cx, &person.name, PROJECT, LONG)?;
                history::curves(cx, &seen.run, &seen.progress, &wanted)
            })
            .unwrap()
        };
        let curves = read();
        assert!(curves.iter().all(|c| c.values == LONG_ROWS && c.points.len() > 100), "{curves:?}");
        let rounds: Vec<f64> = (0..11)
            .map(|_| {
                let started = Instant::now();
                read();
                started.elapsed().as_secs_f64()
            })
            .collect();
        let took = median(&rounds);
        report.compared(
            format!("curves of a run with {LONG_ROWS} rows, {name} ({})", curves.len()),
            time(Duration::from_secs_f64(took)),
            time(PAGE),
            took / PAGE.as_secs_f64(),
            Target::AtMost(1.0),
        );
    }
}

/// The session cookie after signing in by the form.
fn signed_in(url: &str) -> String {
    let agent = ureq::Agent::config_builder().max_redirects(0).max_redirects_will_error(false).build();
    let form = format!("username=bench&password={}", PASSWORD.replace(' ', "+"));
    let answer = ureq::Agent::from(agent)
        .post(format!("{url}/login"))
        .header("origin", url)
        .content_type("application/x-www-form-urlencoded")
        .send(form)
        .unwrap();
    let cookie = answer.headers().get("set-cookie").expect("signing in gives a cookie").to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// The run's page as a browser asks for it, and what the client's `run.history()` asks, over HTTP.
fn over_http(report: &mut Report, server: &Running, auth: &str, dir: &Path) {
    let page = format!("{}/bench/{PROJECT}/runs/{LONG}", server.url);
    let page = Load::get(dir, &page, &[("cookie", &signed_in(&server.url))]).run(1, SECONDS);
    report.compared(
        format!("page of a run with {LONG_ROWS} rows, c1"),
        format!("{}, p99 {}", time(page.p50), time(page.p99)),
        time(PAGE),
        page.p50.as_secs_f64() / PAGE.as_secs_f64(),
        Target::AtMost(1.0),
    );
    let query = "query($s: JSONString!) { project(name: \"bench\", entityName: \"bench\") { run(name: \"long\") { \
                 sampledHistory(specs: [$s]) } } }";
    let spec = serde_json::json!({"keys": ["_step", "loss"], "samples": 500}).to_string();
    let body = serde_json::json!({"query": query, "variables": {"s": spec}}).to_string();
    let lua = format!(
        "wrk.method = 'POST'\nwrk.headers['Authorization'] = '{auth}'\nwrk.headers['Content-Type'] = 'application/json'\n\
         wrk.body = [==[{body}]==]\n"
    );
    let outcome = Load::script(dir, &format!("{}/graphql", server.url), &lua).run(1, SECONDS);
    report.compared(
        format!("sampledHistory of a run with {LONG_ROWS} rows, 500 samples of one metric, c1"),
        format!("{}, p99 {}", time(outcome.p50), time(outcome.p99)),
        time(PAGE),
        outcome.p50.as_secs_f64() / PAGE.as_secs_f64(),
        Target::AtMost(1.0),
    );
}

//! Authorized reads over keep-alive connections (API key, subject, decision, small JSON) against a bare JSON route of the
//! same framework in the same process, by the same load tool over as many connections. Both are asked in turn, several
//! times; the ratio is the median of the pairs, so that a busy minute hits both sides.

use crate::report::{Report, Target, count, median};
use crate::rig::{self, Connection, Served};
use crate::world::{self, World};
use crate::wrk::{Load, Outcome};
use actix_web::{App, HttpResponse, HttpServer, web};
use bailiwick::model::UserId;
use bailiwick::store::{Store, schema};
use serde::Serialize;
use std::sync::mpsc::channel;
use tokio::sync::oneshot;

const KEY: &str = "benchkey01abcdefghijklmnopqrstuvwxyz0123";
const PAIRS: usize = 5;
const SECONDS: u32 = 2;

#[derive(Serialize)]
struct Hello {
    message: &'static str,
}

async fn hello() -> HttpResponse {
    HttpResponse::Ok().json(Hello { message: "hello" })
}

/// The limit: the framework with one JSON route and nothing around it.
pub fn bare(workers: usize) -> Served {
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = channel();
    let thread = std::thread::spawn(move || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        tell.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let server = HttpServer::new(|| App::new().route("/hello", web::get().to(hello)))
            .workers(workers)
            .shutdown_signal(async { drop(stopped.await) })
            .listen(listener)
            .unwrap();
        actix_web::rt::System::new().block_on(server.run()).unwrap();
    });
    Served::new(told.recv().unwrap(), stop, thread)
}

pub fn measure(report: &mut Report) {
    let dir = rig::directory();
    let app = rig::instance(Store::open_file(&rig::store_file(dir.path()), &schema::SCHEMA).unwrap());
    World::build(&app.store);
    // Number 1 is an organization admin; the asker here is an ordinary member, asking about a project of the team.
    world::give_key(&app.store, UserId(21), KEY);
    let bearer = format!("Bearer {KEY}");
    let headers = [("Authorization", bearer.as_str())];
    let explain = "/access/v1/explain?subject=user-00021&action=project:read&resource=team-002/project-0001";
    for workers in [1, 2] {
        let (bare, ours) = (bare(workers), rig::serve(&app, workers));
        let limit = Load::get(dir.path(), &format!("{}/hello", bare.url), &[]);
        for (name, path, target) in [
            ("authorized read", "/access/v1/subject", Target::AtLeast(0.65)),
            ("explained decision about a project", explain, Target::None),
        ] {
            // Says what is wrong where the load tool only counts.
            Connection::open(&ours.url, path, &bearer).ask();
            let reads = Load::get(dir.path(), &format!("{}{path}", ours.url), &headers);
            for connections in [16, 64] {
                pairs(
                    report,
                    &format!("{name}, {workers} worker(s), c{connections}"),
                    &limit,
                    &reads,
                    connections,
                    target,
                );
            }
        }
        bare.stop();
        ours.stop();
    }
    app.stop();
}

/// Processor time this process has used so far, in microseconds (`/proc/self/stat` counts hundredths of a second).
fn cpu_micros() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // Fields 14 and 15, counted behind the name, which is in parentheses.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap()..].split(' ').collect();
    fields[12..14].iter().map(|ticks| ticks.parse::<f64>().unwrap() * 10_000.0).sum()
}

/// A run, with the processor time that one answer took on our side.
fn run(load: &Load, connections: u32) -> (Outcome, f64) {
    let before = cpu_micros();
    let outcome = load.run(connections, SECONDS);
    (outcome, (cpu_micros() - before) / outcome.answers as f64)
}

pub fn pairs(report: &mut Report, figure: &str, limit: &Load, reads: &Load, connections: u32, target: Target) {
    limit.run(connections, 1);
    reads.run(connections, 1);
    let outcomes: Vec<_> = (0..PAIRS).map(|_| (run(limit, connections), run(reads, connections))).collect();
    type Pair = ((Outcome, f64), (Outcome, f64));
    let of = |f: &dyn Fn(&Pair) -> f64| median(&outcomes.iter().map(f).collect::<Vec<_>>());
    let (p99, cpu) = (of(&|(_, ours)| ours.0.p99.as_secs_f64() * 1e3), of(&|(_, ours)| ours.1));
    report.compared(
        figure,
        format!("{}/s, p99 {p99:.2} ms, CPU {cpu:.1} µs", count(of(&|(_, ours)| ours.0.per_second))),
        format!("bare route {}/s, CPU {:.1} µs", count(of(&|(bare, _)| bare.0.per_second)), of(&|(bare, _)| bare.1)),
        of(&|(bare, ours)| ours.0.per_second / bare.0.per_second),
        target,
    );
}

//! From the start of the executable to the first answer that reads the store, and resident memory at rest: with an empty
//! store and with 100,000 users.

use crate::limit;
use crate::report::{Report, Target, median};
use crate::rig::{self, Connection, Running};
use bailiwick::store::{Store, schema};
use std::path::Path;
use std::time::Duration;

const STARTS: usize = 11;
const USERS: u64 = 100_000;
/// Peaks of the start are given back by then.
const REST: Duration = Duration::from_secs(2);

pub fn measure(report: &mut Report) {
    let dir = rig::directory();
    // The first start makes the store; what is measured is every later one.
    let first = Running::start(dir.path(), &[]);
    Connection::open(&first.url, "/ready", "").ask();
    report.note("first start, making the store", millis(first.started.elapsed()), "");
    first.stop();
    stage(report, "empty store", dir.path());
    let app = rig::instance(Store::open_file(&rig::store_file(dir.path()), &schema::SCHEMA).unwrap());
    limit::create_users(&app, 0, USERS, 500);
    app.stop();
    drop(app);
    stage(report, "100,000 users", dir.path());
}

fn stage(report: &mut Report, stage: &str, dir: &Path) {
    let (mut answers, mut memory, mut busy) = (vec![], vec![], vec![]);
    for n in 0..STARTS {
        let server = Running::start(dir, &[]);
        Connection::open(&server.url, "/ready", "").ask();
        answers.push(server.started.elapsed().as_secs_f64() * 1e3);
        busy.push(server.processor_time().as_secs_f64() * 1e3);
        if n < 3 {
            std::thread::sleep(REST);
            memory.push(server.memory("VmRSS") / 1e6);
        }
        server.stop();
    }
    let answered = median(&answers);
    report.compared(
        format!("start to first answer from the store, {stage}"),
        format!("{answered:.1} ms, CPU {:.1} ms", median(&busy)),
        "20 ms",
        answered / 20.0,
        Target::AtMost(1.0),
    );
    let resident = median(&memory);
    report.compared(
        format!("resident memory at rest, {stage}"),
        format!("{resident:.1} MB"),
        "20 MB",
        resident / 20.0,
        Target::AtMost(1.0),
    );
}

fn millis(d: Duration) -> String {
    format!("{:.1} ms", d.as_secs_f64() * 1e3)
}

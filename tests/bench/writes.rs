//! Durable user creations (record, indexes, audit event) by `createUser` through the executable, as the wandb client sends it,
//! at 1, 16 and 64 clients; empty and with 100,000 users stored; against bare redb that holds as many and commits the same rows
//! for 64 clients, each of whom waits for theirs; and, for which nothing is asked, in whole groups of 64 without any clients.

use crate::limit::{self, Bare, UserRows};
use crate::report::{Report, Target, count, median};
use crate::rig::{self, Running};
use crate::wrk::{Load, Outcome};
use bailiwick::store::{Range, Read, Store, schema};
use base64::Engine as _;
use std::path::Path;

/// How far the store is filled.
const FULL: u64 = 100_000;
const SECONDS: u32 = 3;
const PAIRS: usize = 3;
/// Users in one run of the limit.
const LIMIT_USERS: u64 = 20_000;

const MUTATION: &str = "mutation CreateUserFromAdmin($email: String!, $admin: Boolean) { \
     result: createUser(input: {email: $email, admin: $admin}) { user { id name username email admin } } }";

/// Creates over HTTP, each address once in all runs.
struct Creator<'a> {
    dir: &'a Path,
    url: String,
    auth: String,
    next: u64,
    answered: u64,
}

impl Creator<'_> {
    fn run(&mut self, clients: u32, seconds: u32) -> Outcome {
        let body =
            serde_json::json!({ "query": MUTATION, "variables": { "email": "person%N%@example.org", "admin": false } });
        let lua = format!(
            "local n = {}\nlocal body = [==[{body}]==]\nlocal head, tail = body:match('^(.*)%%N%%(.*)$')\n\
             wrk.method = 'POST'\nwrk.headers['Authorization'] = '{}'\nwrk.headers['Content-Type'] = 'application/json'\n\
             request = function() n = n + 1; return wrk.format(nil, nil, nil, head .. string.format('%07d', n) .. tail) end\n",
            self.next, self.auth
        );
        let outcome = Load::script(self.dir, &format!("{}/graphql", self.url), &lua).run(clients, seconds);
        // What was sent and not awaited may have been stored too.
        self.next += outcome.answers + u64::from(clients) + 1;
        self.answered += outcome.answers;
        outcome
    }
}

/// A running instance and whoever creates in it.
fn instance<'a>(dir: &Path, scripts: &'a Path) -> (Running, Creator<'a>) {
    let made =
        rig::shell(dir, &["user", "create", "admin@example.org", "--org-role", "admin", "--with-api-key", "--json"]);
    let pair = format!("api:{}", made["apiKey"].as_str().unwrap());
    let auth = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    let server = Running::start(dir, &[]);
    let url = server.url.clone();
    (server, Creator { dir: scripts, url, auth, next: 0, answered: 0 })
}

pub fn measure(report: &mut Report) {
    let scripts = rig::directory();
    report.note("4 KiB fsyncs of this disk", format!("{}/s", count(rig::fsyncs_per_second(scripts.path()))), "");
    let rows = limit::rows_of_users(0, FULL + LIMIT_USERS);
    let first = rig::directory();
    let (server, mut creator) = instance(first.path(), scripts.path());
    let empty = stage(report, "empty store", &mut creator, &rows[..LIMIT_USERS as usize], None);
    server.stop();

    let dir = rig::directory();
    let (server, mut creator) = instance(dir.path(), scripts.path());
    let before_fill = std::time::Instant::now();
    while creator.answered < FULL {
        creator.run(64, SECONDS);
    }
    let filling = before_fill.elapsed().as_secs_f64();
    report.note(format!("filling up to {} users, c64", count(creator.answered as f64)), format!("{filling:.0} s"), "");
    let (stored, rows) = rows.split_at(FULL as usize);
    let filled = scripts.path().join("filled.redb");
    Bare::create(&filled).commit_in_groups(stored, 2_000);
    let full = stage(report, "100,000 users", &mut creator, rows, Some(&filled));
    report.compared(
        "creations c64, 100,000 users stored",
        format!("{}/s", count(full)),
        format!("empty store {}/s", count(empty)),
        full / empty,
        Target::AtLeast(0.8),
    );
    let answered = creator.answered;
    server.stop();
    let store = Store::open_file(&rig::store_file(dir.path()), &schema::SCHEMA).unwrap();
    let stored = store.read(|view| view.count(&schema::USERS, Range::all(), usize::MAX)).unwrap() as u64;
    drop(store);
    assert!(stored > answered, "{answered} creations were answered, {stored} users are stored");
    size(report, dir.path(), scripts.path(), rows, stored);
}

/// Measures at all concurrencies, each run next to one of the limit, which puts `rows` into an empty database or a copy of
/// `filled`; gives the median rate at 64 clients.
fn stage(report: &mut Report, stage: &str, creator: &mut Creator, rows: &[UserRows], filled: Option<&Path>) -> f64 {
    creator.run(16, 1);
    let (mut one, mut sixteen, mut all) = (vec![], vec![], vec![]);
    let (mut ratios, mut limits, mut grouped) = (vec![], vec![], vec![]);
    for _ in 0..PAIRS {
        one.push(creator.run(1, SECONDS));
        sixteen.push(creator.run(16, SECONDS));
        let bare = Bare::once(creator.dir, filled, |bare| bare.commit_for_clients(rows, 64));
        grouped.push(Bare::once(creator.dir, filled, |bare| bare.commit_in_groups(rows, limit::GROUP)));
        let ours = creator.run(64, SECONDS);
        ratios.push(ours.per_second / bare);
        limits.push(bare);
        all.push(ours);
    }
    let rate = |runs: &[Outcome]| median(&runs.iter().map(|o| o.per_second).collect::<Vec<_>>());
    let p99 = |runs: &[Outcome]| median(&runs.iter().map(|o| o.p99.as_secs_f64() * 1e3).collect::<Vec<_>>());
    report.note(format!("creations c1, {stage}"), format!("{}/s, p99 {:.2} ms", count(rate(&one)), p99(&one)), "");
    for (clients, runs, target) in [(16, &sixteen, Target::None), (64, &all, Target::AtLeast(5.0))] {
        report.compared(
            format!("creations c{clients}, {stage}"),
            format!("{}/s, p99 {:.2} ms", count(rate(runs)), p99(runs)),
            format!("one client {}/s", count(rate(&one))),
            rate(runs) / rate(&one),
            target,
        );
    }
    report.compared(
        format!("creations c64, {stage}"),
        format!("{}/s", count(rate(&all))),
        format!("bare redb for 64 clients {}/s", count(median(&limits))),
        median(&ratios),
        Target::AtLeast(0.4),
    );
    report.compared(
        format!("the same beside whole groups and no clients, {stage}"),
        format!("{}/s", count(rate(&all))),
        format!("bare redb, one thread, 64 to a commit {}/s", count(median(&grouped))),
        rate(&all) / median(&grouped),
        Target::None,
    );
    rate(&all)
}

/// Bytes per user: of keys and values, and of pages in a bare database holding just these rows.
fn size(report: &mut Report, dir: &Path, scratch: &Path, rows: &[UserRows], stored: u64) {
    let payload = |rows: &[UserRows]| {
        let bytes: usize = rows.iter().flatten().map(|(key, value)| key.len() + value.len()).sum();
        bytes as f64 / rows.len() as f64
    };
    let pages = |name: &str, rows: &[UserRows]| {
        let bare = Bare::create(&scratch.join(name));
        let before = bare.bytes_used();
        bare.commit_in_groups(rows, 2_000);
        (bare.bytes_used() - before) as f64 / rows.len() as f64
    };
    let without: Vec<UserRows> =
        rows.iter().map(|user| user.iter().filter(|(key, _)| !limit::is_audit(key)).cloned().collect()).collect();
    report.note(
        "bytes per user with its audit event",
        format!("{:.0} of rows", payload(rows)),
        format!("{:.0} of pages", pages("with.redb", rows)),
    );
    let bytes = pages("without.redb", &without);
    report.compared(
        "bytes per user without the audit event",
        format!("{:.0} of rows, {bytes:.0} of pages", payload(&without)),
        "1,000 bytes",
        bytes / 1_000.0,
        Target::AtMost(1.0),
    );
    let file = std::fs::metadata(rig::store_file(dir)).unwrap().len() as f64;
    report.note(
        "store file, audit log and free pages included",
        format!("{:.1} MB", file / 1e6),
        format!("{:.0} bytes per user", file / stored as f64),
    );
}

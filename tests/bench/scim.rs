//! Provisioning by SCIM through the executable: durable creations against the disk's own rate of fsyncs, a first push of a whole
//! company, and what reads and one-member changes cost as the directory grows. `scim` goes to 100,000 people, `scim-scale` to
//! 1,000,000. Beside it PyPI `scim2-server`, which keeps everything in memory, where `BENCH_SCIM2_SERVER` names its executable.

use crate::report::{Report, Target, count, median};
use crate::rig::{self, Running};
use crate::world;
use crate::wrk::{Load, Outcome};
use bailiwick::model::profile::Profile;
use bailiwick::model::role::TeamRole;
use bailiwick::model::team::{HOME, Membership, Team};
use bailiwick::model::{TeamId, UserId};
use bailiwick::store::{Store, schema};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KEY: &str = "benchkey03abcdefghijklmnopqrstuvwxyz0123";
const SECONDS: u32 = 2;
const ROUNDS: usize = 3;
/// What a peer's best durable creations make of the fsyncs of its minute: 907/s where the disk made 10,500 durable.
const PEER_PER_FSYNC: f64 = 907.0 / 10_500.0;
/// The people and groups of the first push.
const PUSHED: u64 = 100_000;
const GROUPS: u64 = 1_000;
/// Different requests of one kind of load.
const DIFFERENT: u64 = 512;
/// Members of the teams that one member joins and leaves.
const TEAMS: [u64; 3] = [10, 1_000, 100_000];

pub fn measure(report: &mut Report) {
    creations(report);
    growth(report, &[1_000, 10_000, 100_000]);
}

pub fn at_scale(report: &mut Report) {
    growth(report, &[1_000, 1_000_000]);
}

/// Requests that a Lua script sends, one after the other and then from the beginning: method, path, body.
fn load(dir: &Path, url: &str, requests: &[(&str, String, Value)]) -> Load {
    let rows: String = requests
        .iter()
        .map(|(method, path, body)| {
            let body = if body.is_null() { "nil".to_owned() } else { format!("[==[{body}]==]") };
            format!("  wrk.format('{method}', '{path}', nil, {body}),\n")
        })
        .collect();
    let lua = format!(
        "wrk.headers['Authorization'] = 'Bearer {KEY}'\nwrk.headers['Content-Type'] = 'application/scim+json'\n\
         local all, n = {{}}, 0\ninit = function()\n all = {{\n{rows} }}\nend\n\
         request = function() n = n % #all + 1; return all[n] end\n"
    );
    Load::script(dir, &format!("{url}/scim/v2"), &lua)
}

/// Creates people, each name once in all runs.
struct Creator<'a> {
    dir: &'a Path,
    url: String,
    path: &'static str,
    next: u64,
}

impl Creator<'_> {
    fn run(&mut self, clients: u32, seconds: u32) -> Outcome {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "person%N%@example.org", "externalId": "hr-%N%",
            "name": {"givenName": "Person", "familyName": "%N%"},
            "emails": [{"value": "person%N%@example.org", "primary": true}],
        });
        let lua = format!(
            "local n = {}\nlocal parts = {{}}\nfor part in ([==[{body}]==] .. '%N%'):gmatch('(.-)%%N%%') do parts[#parts + 1] = part end\n\
             wrk.method = 'POST'\nwrk.headers['Authorization'] = 'Bearer {KEY}'\n\
             wrk.headers['Content-Type'] = 'application/scim+json'\n\
             request = function() n = n + 1; return wrk.format(nil, nil, nil, table.concat(parts, string.format('%07d', n))) end\n",
            self.next
        );
        let outcome = Load::script(self.dir, &format!("{}{}", self.url, self.path), &lua).run(clients, seconds);
        // What was sent and not awaited may have been stored too.
        self.next += outcome.answers + u64::from(clients) + 1;
        outcome
    }
}

fn creations(report: &mut Report) {
    let (dir, scripts) = (rig::directory(), rig::directory());
    fill(dir.path(), 2);
    let server = Running::start(dir.path(), &[]);
    let mut creator = Creator { dir: scripts.path(), url: server.url.clone(), path: "/scim/v2/Users", next: 0 };
    creator.run(16, 1);
    let (mut rates, mut ratios, mut fsyncs) = (vec![vec![]; 3], vec![], vec![]);
    for _ in 0..ROUNDS {
        let disk = rig::fsyncs_per_second(scripts.path());
        for (rates, clients) in rates.iter_mut().zip([1, 16, 64]) {
            rates.push(creator.run(clients, SECONDS).per_second);
        }
        ratios.push(rates[2].last().unwrap() / (disk * PEER_PER_FSYNC));
        fsyncs.push(disk);
    }
    for (rates, clients) in rates.iter().zip([1, 16]) {
        report.note(format!("SCIM creations c{clients}"), format!("{}/s", count(median(rates))), "");
    }
    report.compared(
        "SCIM creations c64",
        format!("{}/s", count(median(&rates[2]))),
        format!("best durable peer at {} fsyncs/s", count(median(&fsyncs))),
        median(&ratios),
        Target::AtLeast(10.0),
    );
    if let Some(mut peer) = Peer::start() {
        let mut others = Creator { dir: scripts.path(), url: peer.url.clone(), path: "/v2/Users", next: 0 };
        let theirs = others.run(64, SECONDS).per_second;
        let ours = median(&rates[2]);
        let value = format!("{}/s", count(ours));
        report.compared(
            "SCIM creations c64",
            value,
            format!("scim2-server {}/s, in memory", count(theirs)),
            ours / theirs,
            Target::None,
        );
        peer.stop();
    }
    server.stop();
    push(report);
}

/// A whole company at once: people, then groups of a hundred of them.
fn push(report: &mut Report) {
    // Behind the two people and the teams that are there already.
    let first = 3 + TEAMS.len() as u64;
    let (dir, scripts) = (rig::directory(), rig::directory());
    fill(dir.path(), 2);
    let server = Running::start(dir.path(), &[]);
    let mut creator = Creator { dir: scripts.path(), url: server.url.clone(), path: "/scim/v2/Users", next: 0 };
    let started = Instant::now();
    let mut made = 0;
    while made < PUSHED {
        made += creator.run(64, SECONDS).answers;
    }
    let group = |n: u64| {
        let members: Vec<Value> =
            (0..100).map(|k| json!({"value": UserId(first + (n * 97 + k * 31) % PUSHED).global()})).collect();
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": format!("group {n}"), "members": members,
        });
        ureq::post(format!("{}/scim/v2/Groups", server.url))
            .header("authorization", format!("Bearer {KEY}"))
            .header("content-type", "application/scim+json")
            .send(body.to_string())
            .unwrap();
    };
    std::thread::scope(|scope| {
        for part in 0..8 {
            let group = &group;
            scope.spawn(move || (0..GROUPS).filter(|n| n % 8 == part).for_each(group));
        }
    });
    let took = started.elapsed().as_secs_f64();
    report.compared(
        format!("first push of {} people and {} groups of 100", count(made as f64), count(GROUPS as f64)),
        format!("{took:.1} s"),
        "60 s",
        took / 60.0,
        Target::AtMost(1.0),
    );
    server.stop();
}

/// An instance with `people` of them, and teams with ten, a thousand and a hundred thousand members, or all there are.
fn fill(dir: &Path, people: u64) {
    let app = rig::instance(Store::open_file(&rig::store_file(dir), &schema::SCHEMA).unwrap());
    for first in (1..=people).step_by(400) {
        let last = people.min(first + 399);
        world::write(&app.store, move |tx| {
            for n in first..=last {
                tx.next_id(schema::ENTITY_IDS)?;
                let user = world::person(n);
                tx.put(&schema::USERS, &user)?;
                let external_id = Some(format!("ext-{n}"));
                tx.put(&schema::PROFILES, &Profile { external_id, ..Profile::new(user.id, HOME, user.created_at) })?;
            }
            Ok(())
        });
    }
    for (at, size) in (1..).zip(TEAMS) {
        let id = TeamId(people + at);
        world::write(&app.store, move |tx| {
            tx.next_id(schema::ENTITY_IDS)?;
            let team = Team {
                id,
                org: HOME,
                name: format!("team-of-{size}"),
                description: String::new(),
                private_projects: false,
                members_invite: false,
                recommended: false,
                created_by: None,
                created_at: 1,
                version: 1,
                roster: 0,
                updated_at: 1,
            };
            tx.put(&schema::TEAMS, &team)
        });
        let members: Vec<u64> = (1..=people.min(size)).collect();
        for piece in members.chunks(2_000).map(<[u64]>::to_vec) {
            world::write(&app.store, move |tx| {
                piece.iter().try_for_each(|n| {
                    let member = Membership { team: id, user: UserId(*n), role: TeamRole::Member, since_at: 1 };
                    tx.put(&schema::MEMBERSHIPS, &member)
                })
            });
        }
    }
    world::give_key(&app.store, UserId(1), KEY);
    app.stop();
}

/// One kind of request at one size.
struct Figure {
    name: String,
    rate: f64,
    p99: Duration,
    /// Whether growth must not be felt.
    flat: bool,
}

fn growth(report: &mut Report, sizes: &[u64]) {
    let scripts = rig::directory();
    let all: Vec<(u64, Vec<Figure>)> = sizes
        .iter()
        .map(|size| {
            let dir = rig::directory();
            fill(dir.path(), *size);
            let server = Running::start(dir.path(), &[]);
            let figures = at_size(scripts.path(), &server.url, *size);
            let peak = server.memory("VmHWM") / 1e6;
            server.stop();
            report.note(
                format!("peak memory of all this, {} people", count(*size as f64)),
                format!("{peak:.0} MB"),
                "",
            );
            (*size, figures)
        })
        .collect();
    let Some(((small, least), rest)) = all.split_first() else { return };
    for (size, figures) in rest {
        for (figure, base) in figures.iter().zip(least) {
            let target = if figure.flat { Target::AtMost(2.0) } else { Target::None };
            report.compared(
                format!("{}, {} people", figure.name, count(*size as f64)),
                format!("{}/s, p99 {}", count(figure.rate), crate::report::time(figure.p99)),
                format!("with {}: {}/s", count(*small as f64), count(base.rate)),
                base.rate / figure.rate,
                target,
            );
        }
    }
}

fn at_size(dir: &Path, url: &str, people: u64) -> Vec<Figure> {
    let some = |f: &dyn Fn(u64) -> String| -> Vec<(&'static str, String, Value)> {
        (0..DIFFERENT).map(|n| ("GET", f(n * 7_919 % people + 1), Value::Null)).collect()
    };
    let email = |n: u64| world::person(n).emails[0].address.clone();
    let filter = |text: String| format!("/scim/v2/Users?filter={}", text.replace(' ', "%20").replace('"', "%22"));
    let deep = people.saturating_sub(100).max(1);
    let mut kinds = vec![
        ("get by id".to_owned(), some(&|n| format!("/scim/v2/Users/{}", UserId(n).global())), true),
        ("userName eq".to_owned(), some(&|n| filter(format!("userName eq \"{}\"", world::person(n).username))), true),
        ("externalId eq".to_owned(), some(&|n| filter(format!("externalId eq \"ext-{n}\""))), true),
        ("emails.value eq".to_owned(), some(&|n| filter(format!("emails.value eq \"{}\"", email(n)))), true),
        (
            "list of 100 at the start".to_owned(),
            vec![("GET", "/scim/v2/Users?count=100".to_owned(), Value::Null)],
            false,
        ),
        (
            "list of 100 at the end".to_owned(),
            vec![("GET", format!("/scim/v2/Users?startIndex={deep}&count=100"), Value::Null)],
            false,
        ),
        (
            "list of groups without members".to_owned(),
            vec![("GET", "/scim/v2/Groups?excludedAttributes=members".to_owned(), Value::Null)],
            true,
        ),
    ];
    for (at, size) in (1..).zip(TEAMS) {
        let path = format!("/scim/v2/Groups/{}", TeamId(people + at).global());
        let member = |n: u64| UserId(people - n % people.min(64)).global();
        let patch =
            |op: &Value| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [op]});
        let changes = (0..DIFFERENT).flat_map(|n| {
            let add = json!({"op": "add", "path": "members", "value": [{"value": member(n)}]});
            let remove = json!({"op": "remove", "path": format!("members[value eq \"{}\"]", member(n))});
            let to = format!("{path}?excludedAttributes=members");
            [("PATCH", to.clone(), patch(&add)), ("PATCH", to, patch(&remove))]
        });
        kinds.push((format!("PATCH one member of a group of {}", count(size as f64)), changes.collect(), true));
    }
    kinds
        .into_iter()
        .map(|(name, requests, flat)| {
            let load = load(dir, url, &requests);
            load.run(16, 1);
            let runs: Vec<Outcome> = (0..ROUNDS).map(|_| load.run(16, SECONDS)).collect();
            let rate = median(&runs.iter().map(|r| r.per_second).collect::<Vec<_>>());
            let p99 = Duration::from_secs_f64(median(&runs.iter().map(|r| r.p99.as_secs_f64()).collect::<Vec<_>>()));
            Figure { name, rate, p99, flat }
        })
        .collect()
}

/// `scim2-server`, if its executable is named.
struct Peer {
    url: String,
    child: Child,
}

impl Peer {
    #[expect(clippy::disallowed_methods, reason = "a benchmark has no configuration of its own")]
    fn start() -> Option<Peer> {
        let program = std::env::var_os("BENCH_SCIM2_SERVER")?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(["--hostname", "127.0.0.1", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "scim2-server does not listen");
            std::thread::yield_now();
        }
        Some(Peer { url: format!("http://127.0.0.1:{port}"), child })
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Provisioning by SCIM through the executable: durable creations against the disk's own rate of fsyncs, a first push of a whole
//! company, and what reads and one-member changes cost as the directory grows. `scim` goes to 100,000 people, `scim-scale` to
//! 1,000,000. Beside it, in turns, PyPI `scim2-server`, which keeps everything in memory: installed with the counterparties of the
//! acceptance tests once (`$BAILIWICK_COUNTERPARTIES`, else `target/counterparties`), left out with a note where that fails.

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
use std::path::{Path, PathBuf};
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
    server.stop();
    match Peer::start() {
        Ok(peer) => beside(report, &peer),
        Err(why) => report.note(format!("PyPI scim2-server {PEER}"), "not measured", why),
    }
    push(report);
}

/// The same requests to both, in turns: creations first, then reads of what those made.
fn beside(report: &mut Report, peer: &Peer) {
    let (dir, scripts) = (rig::directory(), rig::directory());
    fill(dir.path(), 2);
    let server = Running::start(dir.path(), &[]);
    let creator = |url: &str, path: &'static str| Creator { dir: scripts.path(), url: url.to_owned(), path, next: 0 };
    let (mut ours, mut theirs) = (creator(&server.url, "/scim/v2/Users"), creator(&peer.url, "/v2/Users"));
    let mut compare = |name: String, pairs: &[(f64, f64)]| {
        let of = |side: fn(&(f64, f64)) -> f64| median(&pairs.iter().map(side).collect::<Vec<_>>());
        report.compared(
            name,
            format!("{}/s", count(of(|p| p.0))),
            format!("scim2-server {PEER}, in memory {}/s", count(of(|p| p.1))),
            of(|p| p.0 / p.1),
            Target::None,
        );
    };
    for clients in [1, 16, 64] {
        let pairs: Vec<(f64, f64)> = (0..ROUNDS)
            .map(|_| (ours.run(clients, SECONDS).per_second, theirs.run(clients, SECONDS).per_second))
            .collect();
        compare(format!("SCIM creations c{clients}, durable"), &pairs);
    }
    let known = theirs.next.min(ours.next).min(DIFFERENT);
    for (name, c) in [("get by id", 16), ("userName eq", 16), ("list of 100", 16)] {
        let requests = |url: &str, base: &str| -> Vec<(&'static str, String, Value)> {
            match name {
                "get by id" => ids(&format!("{url}{base}"))
                    .into_iter()
                    .map(|id| ("GET", format!("{base}/Users/{id}"), Value::Null))
                    .collect(),
                "userName eq" => (0..known)
                    .map(|n| {
                        let filter = format!("userName%20eq%20%22person{n:07}@example.org%22");
                        ("GET", format!("{base}/Users?filter={filter}"), Value::Null)
                    })
                    .collect(),
                _ => vec![("GET", format!("{base}/Users?startIndex=101&count=100"), Value::Null)],
            }
        };
        let (mine, other) = (requests(&server.url, "/scim/v2"), requests(&peer.url, "/v2"));
        let pairs: Vec<(f64, f64)> = (0..ROUNDS)
            .map(|_| {
                let of = |url: &str, all: &[_]| load(scripts.path(), url, all).run(c, SECONDS).per_second;
                (of(&server.url, &mine), of(&peer.url, &other))
            })
            .collect();
        compare(format!("SCIM {name}, c{c}"), &pairs);
    }
    server.stop();
}

/// The ids of the first hundred people of a server.
fn ids(base: &str) -> Vec<String> {
    let mut answer =
        ureq::get(format!("{base}/Users?count=100")).header("authorization", format!("Bearer {KEY}")).call().unwrap();
    let list: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    let all = list["Resources"].as_array().unwrap();
    all.iter().map(|person| person["id"].as_str().unwrap().to_owned()).collect()
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
            let team = Team::new(id, HOME, format!("team-of-{size}"), 1);
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

/// The version of `scim2-server` that is measured.
const PEER: &str = "0.8.3";

/// `scim2-server`, running.
struct Peer {
    url: String,
    child: Child,
}

impl Peer {
    /// Starts it; the text says why it cannot be.
    fn start() -> Result<Peer, String> {
        let program = Peer::program()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(&program)
            .args(["--hostname", "127.0.0.1", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("{} does not start: {e}", program.display()))?;
        let mut peer = Peer { url: format!("http://127.0.0.1:{port}"), child };
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > until || peer.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return Err("it does not listen".to_owned());
            }
            std::thread::yield_now();
        }
        Ok(peer)
    }

    /// Its executable in a virtual environment of its own, made the first time.
    #[expect(clippy::disallowed_methods, reason = "a benchmark has no configuration of its own")]
    fn program() -> Result<PathBuf, String> {
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/counterparties");
        let all = std::env::var_os("BAILIWICK_COUNTERPARTIES").map_or_else(beside, PathBuf::from);
        let (home, run) =
            (all.join(format!("scim2-server-{PEER}")), |program: &Path, args: &[&str]| {
                match Command::new(program).args(args).stdout(Stdio::null()).output() {
                    Ok(done) if done.status.success() => Ok(()),
                    Ok(done) => {
                        Err(String::from_utf8_lossy(&done.stderr).lines().last().unwrap_or("it failed").to_owned())
                    }
                    Err(e) => Err(format!("{}: {e}", program.display())),
                }
            });
        let program = home.join("bin/scim2-server");
        if !home.join("complete").exists() || run(&program, &["--help"]).is_err() {
            run(Path::new("python3"), &["-m", "venv", "--clear", &home.to_string_lossy()])?;
            let package = format!("scim2-server=={PEER}");
            run(&home.join("bin/pip"), &["install", "--quiet", "--disable-pip-version-check", &package])?;
            std::fs::write(home.join("complete"), "").map_err(|e| e.to_string())?;
        }
        Ok(program)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

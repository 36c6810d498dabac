//! Password sign-ins by the form against the bare rate of the same hash on the same cores, and what they do to others: the
//! latency of authorized reads asked at a steady pace, alone and meanwhile.

use crate::report::{Report, Target, count, median, time};
use crate::rig::{self, Connection, Running};
use crate::wrk::Load;
use bailiwick::crypto::{self, Random};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PASSWORD: &str = "plover ketch amber vault";
const SECONDS: u32 = 5;
const PAIRS: usize = 3;
/// How often the steady reader asks.
const PACE: Duration = Duration::from_millis(2);

/// Hashes per second over all cores, nothing else going on.
fn bare(seconds: u32) -> f64 {
    let hash = crypto::hash_password(PASSWORD, &Random::system()).unwrap();
    let started = Instant::now();
    let until = started + Duration::from_secs(u64::from(seconds));
    let one = || {
        let mut n = 0u64;
        while Instant::now() < until {
            assert!(crypto::verify_password(PASSWORD, &hash));
            n += 1;
        }
        n
    };
    let hashes: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..rig::cores()).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    hashes as f64 / started.elapsed().as_secs_f64()
}

/// Latencies of reads asked every [`PACE`] on one connection until `done`.
pub fn steady(url: &str, authorization: &str, done: &AtomicBool) -> Vec<Duration> {
    let mut connection = Connection::open(url, "/access/v1/subject", authorization);
    let mut taken = vec![];
    while !done.load(Ordering::Relaxed) {
        let started = Instant::now();
        connection.ask();
        taken.push(started.elapsed());
        std::thread::sleep(PACE.saturating_sub(started.elapsed()));
    }
    taken.sort_unstable();
    taken
}

/// The middle of sorted latencies, and what one in a hundred is above.
pub fn percentiles(sorted: &[Duration]) -> (Duration, Duration) {
    (sorted[sorted.len() / 2], sorted[sorted.len() * 99 / 100])
}

pub fn measure(report: &mut Report) {
    let (dir, scripts) = (rig::directory(), rig::directory());
    let file = scripts.path().join("password");
    std::fs::write(&file, PASSWORD).unwrap();
    let mut auth = String::new();
    for n in 0..16 {
        let email = format!("ana{n}@example.org");
        let args = ["user", "create", &email, "--password-file", file.to_str().unwrap(), "--with-api-key", "--json"];
        auth = format!("Bearer {}", rig::shell(dir.path(), &args)["apiKey"].as_str().unwrap());
    }
    let server = Running::start(dir.path(), &[]);
    let done = AtomicBool::new(false);
    let alone = std::thread::scope(|scope| {
        let reader = scope.spawn(|| steady(&server.url, &auth, &done));
        std::thread::sleep(Duration::from_secs(u64::from(SECONDS)));
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    let (p50, p99) = percentiles(&alone);
    report.note("a read every 2 ms, nothing else going on", format!("p50 {}, p99 {}", time(p50), time(p99)), "");

    let form = format!("&password={}", PASSWORD.replace(' ', "+"));
    let lua = format!(
        "local n = 0\nwrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/x-www-form-urlencoded'\n\
         request = function() n = n + 1; return wrk.format(nil, nil, nil, 'username=ana' .. n % 16 .. '{form}') end\n"
    );
    let load = Load::script(scripts.path(), &format!("{}/login", server.url), &lua);
    for clients in [4, 16] {
        let (mut rates, mut limits, mut ratios) = (vec![], vec![], vec![]);
        for _ in 0..PAIRS {
            let limit = bare(SECONDS);
            let ours = load.run(clients, SECONDS);
            rates.push(ours.per_second);
            limits.push(limit);
            ratios.push(ours.per_second / limit);
        }
        report.compared(
            format!("password sign-ins, c{clients}"),
            format!("{}/s", count(median(&rates))),
            format!("bare argon2id, all cores {}/s", count(median(&limits))),
            median(&ratios),
            Target::AtLeast(0.9),
        );
        done.store(false, Ordering::Relaxed);
        let meanwhile = std::thread::scope(|scope| {
            let reader = scope.spawn(|| steady(&server.url, &auth, &done));
            load.run(clients, SECONDS);
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap()
        });
        let (during50, during99) = percentiles(&meanwhile);
        report.note(
            format!("a read every 2 ms during sign-ins, c{clients}"),
            format!("p50 {}, p99 {}", time(during50), time(during99)),
            format!("alone p50 {}, p99 {}", time(p50), time(p99)),
        );
    }
    server.stop();
}

//! How fast, how small, and against what: every figure stands beside a limit or a peer measured in the same run, because
//! absolute figures say more about the machine and its minute than about the program.
//!
//! `cargo bench --features bench` runs all; `cargo bench --features bench -- reads start` only these parts: `reads`,
//! `decision`, `decision-point`, `writes`, `runs`, `scim`, `ldap`, `oidc`, `exchange`, `sign-in`, `start`; `scale`, `scim-scale` and `lists` take minutes and run only
//! when named. It needs `wrk`, `slapd` and `ldap-utils` (Debian). Close other work first: the load line at the end says how busy the machine was. `report.rs` prints, `rig.rs` starts servers, `wrk.rs` makes load; the other files measure.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and speaks to a person"
)]

mod casbin_peer;
mod cedar_peer;
mod company;
mod decision;
mod decisions;
mod directory;
mod exchange;
mod limit;
mod lists;
mod reads;
mod report;
mod rig;
mod runs;
mod scim;
mod sign_in;
mod start;
mod world;
mod writes;
mod wrk;

use report::Report;

type Part = (&'static str, fn(&mut Report));

const PARTS: [Part; 11] = [
    ("start", start::measure),
    ("decision", decision::measure),
    ("reads", reads::measure),
    ("decision-point", decisions::measure),
    ("writes", writes::measure),
    ("runs", runs::measure),
    ("scim", scim::measure),
    ("ldap", directory::measure),
    ("oidc", company::measure),
    ("exchange", exchange::measure),
    ("sign-in", sign_in::measure),
];

/// What takes minutes and runs only when it is named.
const LONG: [Part; 3] = [("scale", decision::at_scale), ("scim-scale", scim::at_scale), ("lists", lists::measure)];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let all = || PARTS.iter().chain(&LONG);
    let unknown = wanted.iter().find(|w| all().all(|(name, _)| name != w));
    assert!(unknown.is_none(), "there is no part {unknown:?}; there are {:?}", all().map(|p| p.0).collect::<Vec<_>>());
    let mut report = Report::new();
    for (name, measure) in all() {
        let usual = PARTS.iter().any(|(part, _)| part == name);
        if (wanted.is_empty() && usual) || wanted.iter().any(|w| w == name) {
            println!("-- {name}");
            measure(&mut report);
        }
    }
    report.print();
}

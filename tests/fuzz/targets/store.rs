//! A store whose rows were changed behind its back: reading is an error or an answer, writing too, and the doctor ends with
//! findings, never with a panic. What can be known to be wrong, it finds; a store nobody touched has no findings.
#![no_main]

use bailiwick::ops::paging::Turn;
use bailiwick::ops::{self, audit, lookup, people, projects, settings, teams, users};
use bailiwick::store::{self, Store, schema};
use bailiwick_fuzz::{Row, WORLD, engine, shell, start_over, wait};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

/// One change: which row, what to do, where, with what.
type Damage = (u8, u8, u16, Vec<u8>);

/// Changes a row; gives whether it was the key or the row of an index, where every change can be told.
fn apply(rows: &mut [Row], (row, deed, at, with): &Damage) -> bool {
    let n = (usize::from(*row) + 251 * usize::from(deed >> 3)) % rows.len();
    let before = rows[n].clone();
    let (key, value) = &mut rows[n];
    let is_key = deed & 1 == 1;
    let part = if is_key { key } else { value };
    let at = usize::from(*at) % (part.len() + 1);
    match deed >> 1 & 3 {
        0 => part.truncate(at),
        1 => drop(part.splice(at..(at + with.len()).min(part.len()), with.iter().copied())),
        2 => drop(part.splice(at..at, with.iter().copied())),
        _ => part.clone_from(with),
    }
    if rows[n].0.is_empty() {
        // The engines take no empty key.
        rows[n] = before;
        return false;
    }
    let is_index = schema::SCHEMA
        .tables
        .iter()
        .any(|t| t.indexes().iter().any(|(number, ..)| before.0.starts_with(&number.to_be_bytes())));
    rows[n] != before && (is_key || is_index)
}

fuzz_target!(|damages: Vec<Damage>| {
    let mut rows = WORLD.rows.clone();
    let mut told = false;
    let few = &damages[..damages.len().min(6)];
    for damage in few {
        told = apply(&mut rows, damage) && few.len() == 1;
    }
    let Ok(store) = Store::open(Arc::new(engine(&rows)), &schema::SCHEMA) else { return };
    let findings = store::examine(&store);
    assert!(!told || findings.as_ref().map_or(true, |f| !f.is_empty()), "the doctor overlooked {damages:?}");
    assert!(rows != WORLD.rows || findings.is_ok_and(|f| f.is_empty()), "a sound store has findings");
    let Ok(app) = start_over(store) else { return };
    let root = WORLD.admin();
    let _ = app.ask(&root, |cx| people::list(cx, &people::Asked::default(), &Turn::first(1_000)));
    let _ = app.ask(&root, |cx| teams::members(cx, &teams::get(cx, "acme")?));
    let _ = app.ask(&root, |cx| lookup::projects_page(cx, Some("acme"), 50, None));
    let _ = app.ask(&root, |cx| projects::reachable(cx, 10));
    let _ = app.ask(&root, |cx| people::list(cx, &people::Asked { search: "o", ..people::Asked::default() }, &Turn::first(50)));
    let _ = app.ask(&root, |cx| ops::explain::explain(cx, "mia", "project:read", "acme/restricted"));
    let _ = app.ask(&root, |cx| audit::export(cx, &audit::Search { limit: 50, ..audit::Search::default() }));
    let _ = app.ask(&root, |cx| settings::list(cx));
    let _ = app.by_key(&WORLD.key, std::net::Ipv4Addr::LOCALHOST.into());
    let _ = wait(app.act(&root, |cx| users::delete(cx, "mia")));
    let _ = wait(app.act(&root, |cx| teams::remove_member(cx, "acme", "service-nightly")));
    let _ = wait(app.act(&shell(), |cx| users::set_org_role(cx, "otto", bailiwick::model::role::OrgRole::Admin)));
    // The writer goes on, whatever it met.
    wait(app.settle()).unwrap();
    app.stop();
});

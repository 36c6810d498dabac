//! The contract of the seam (see `engine.rs`), executed against every engine.

use super::*;
use crate::store::engine::{Batch, CommitError, Engine, Order, View};

fn rows(pairs: &[(&str, Option<&str>)]) -> Batch {
    pairs.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.map(|v| v.as_bytes().to_vec()))).collect()
}

fn commit(engine: &dyn Engine, pairs: &[(&str, Option<&str>)]) {
    engine.begin().unwrap().commit(&rows(pairs)).unwrap();
}

fn get(view: &(impl View + ?Sized), key: &str) -> Option<String> {
    let mut value = None;
    let found = view.get(key.as_bytes(), &mut |v| value = Some(String::from_utf8(v.to_vec()).unwrap())).unwrap();
    assert_eq!(found, value.is_some());
    value
}

fn keys(view: &(impl View + ?Sized), from: &str, to: &str, order: Order, most: usize) -> String {
    let mut out = Vec::new();
    view.scan(from.as_bytes(), to.as_bytes(), order, &mut |k, _| {
        out.push(String::from_utf8(k.to_vec()).unwrap());
        out.len() < most
    })
    .unwrap();
    out.join(" ")
}

#[test]
fn rows_are_stored_replaced_and_deleted() {
    on_both(|name, engine| {
        commit(&*engine, &[("a", Some("1")), ("b", Some("")), ("c", Some("3"))]);
        commit(&*engine, &[("a", Some("2")), ("c", None), ("never", None)]);
        let view = engine.view().unwrap();
        assert_eq!(get(&*view, "a").as_deref(), Some("2"), "{name}");
        assert_eq!(get(&*view, "b").as_deref(), Some(""), "{name}");
        assert_eq!(get(&*view, "c"), None, "{name}");
    });
}

#[test]
fn scans_walk_bytewise_within_their_bounds_in_both_directions() {
    on_both(|name, engine| {
        commit(&*engine, &[("a", Some("")), ("a\0", Some("")), ("b", Some("")), ("ba", Some("")), ("c", Some(""))]);
        let view = engine.view().unwrap();
        let up = |from, to, most| keys(&*view, from, to, Order::Ascending, most);
        let down = |from, to, most| keys(&*view, from, to, Order::Descending, most);
        assert_eq!(up("", "", 9), "a a\0 b ba c", "{name}");
        assert_eq!(up("a\0", "c", 9), "a\0 b ba", "{name}");
        assert_eq!(up("", "", 2), "a a\0", "{name}");
        assert_eq!(down("", "", 9), "c ba b a\0 a", "{name}");
        assert_eq!(down("a\0", "c", 2), "ba b", "{name}");
        assert_eq!(up("b", "b", 9), "", "{name}");
        assert_eq!(up("c", "b", 9), "", "{name}");
        assert_eq!(down("x", "", 9), "", "{name}");
    });
}

#[test]
fn a_view_does_not_see_later_commits() {
    on_both(|name, engine| {
        commit(&*engine, &[("a", Some("1"))]);
        let before = engine.view().unwrap();
        commit(&*engine, &[("a", Some("2")), ("b", Some("1"))]);
        assert_eq!(get(&*before, "a").as_deref(), Some("1"), "{name}");
        assert_eq!(keys(&*before, "", "", Order::Ascending, 9), "a", "{name}");
        assert_eq!(get(&*engine.view().unwrap(), "a").as_deref(), Some("2"), "{name}");
    });
}

/// Two administrators each read that the other is one, and resign. Under snapshot isolation both would succeed.
#[test]
fn two_admins_demote_each_other_and_one_is_refused() {
    on_both(|name, engine| {
        commit(&*engine, &[("admin/ana", Some("")), ("admin/bo", Some(""))]);
        let (ana, bo) = (engine.begin().unwrap(), engine.begin().unwrap());
        let view = engine.view().unwrap();
        assert_eq!(keys(&*view, "admin/", "admin0", Order::Ascending, 9), "admin/ana admin/bo");
        ana.commit(&rows(&[("admin/bo", None)])).unwrap();
        let second = bo.commit(&rows(&[("admin/ana", None)]));
        assert!(matches!(second, Err(CommitError::Conflict)), "{name}");
        assert_eq!(keys(&*engine.view().unwrap(), "", "", Order::Ascending, 9), "admin/ana", "{name}");
    });
}

#[test]
fn a_transaction_that_is_dropped_changes_nothing() {
    on_both(|name, engine| {
        commit(&*engine, &[("a", Some("1"))]);
        drop(engine.begin().unwrap());
        commit(&*engine, &[("b", Some("1"))]);
        assert_eq!(keys(&*engine.view().unwrap(), "", "", Order::Ascending, 9), "a b", "{name}");
    });
}

#[test]
fn views_of_many_threads_are_consistent_while_commits_go_on() {
    on_both(|name, engine| {
        commit(&*engine, &[("left", Some("0")), ("right", Some("0"))]);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                for _ in 0..500 {
                    let view = engine.view().unwrap();
                    assert_eq!(get(&*view, "left"), get(&*view, "right"), "{name}");
                }
            });
            for n in 0..50 {
                let n = n.to_string();
                commit(&*engine, &[("left", Some(&n)), ("right", Some(&n))]);
            }
            reader.join().unwrap();
        });
    });
}

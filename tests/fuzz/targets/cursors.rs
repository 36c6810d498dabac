//! Cursors, ids and keys as strangers write them: what is taken comes out as it went in, has one spelling, and a listing that
//! goes on behind a cursor is the end of the whole listing, never more.
#![no_main]

use bailiwick::app::App;
use bailiwick::model::audit::EventId;
use bailiwick::model::{OrgId, ProjectId, TeamId, UserId};
use bailiwick::ops::paging::Turn;
use bailiwick::ops::people::{self, Asked};
use bailiwick::ops::{audit, lookup};
use bailiwick::store::key::{KeyCode, decoded, encoded};
use bailiwick::store::Cursor;
use bailiwick_fuzz::{WORLD, fresh};
use libfuzzer_sys::fuzz_target;
use std::fmt::Debug;
use std::sync::LazyLock;

// Only read, so one instance serves every run.
static APP: LazyLock<App> = LazyLock::new(fresh);

/// Two keys from two byte strings: each comes out as it went in, and they stand in the order of their bytes.
fn keys<K: KeyCode + Ord + Debug>(a: &[u8], b: &[u8]) {
    let (a_key, b_key) = (decoded::<K>(a), decoded::<K>(b));
    for (bytes, key) in [(a, &a_key), (b, &b_key)] {
        if let Some(key) = key {
            assert_eq!(encoded(key), bytes, "two spellings of one key");
        }
    }
    if let (Some(a_key), Some(b_key)) = (a_key, b_key) {
        assert_eq!(a.cmp(b), a_key.cmp(&b_key), "{a_key:?} and {b_key:?} sort otherwise than their bytes");
    }
}

/// `part` is the end of `whole`.
fn is_end_of<T: PartialEq + Debug>(part: &[T], whole: &[T]) {
    assert!(whole.ends_with(part), "{part:?} is no end of {whole:?}");
}

fn listings(cursor: &Cursor, limit: usize) {
    let (root, otto) = (WORLD.admin(), WORLD.outsider());
    for asked in [Asked::default(), Asked { down: true, ..Asked::default() }, Asked { search: "o", ..Asked::default() }] {
        let names = |at: Option<Cursor>| -> Vec<String> {
            let turn = Turn { at, back: false, limit: 1_000 };
            let page = APP.ask(&root, |cx| people::list(cx, &asked, &turn)).unwrap();
            page.items.into_iter().map(|u| u.username).collect()
        };
        is_end_of(&names(Some(cursor.clone())), &names(None));
    }
    let projects = |after: Option<Cursor>, limit: usize| -> Vec<String> {
        let page = APP.ask(&otto, |cx| lookup::projects_page(cx, Some("acme"), limit, after));
        page.map_or(vec![], |(_, page)| page.items.into_iter().map(|p| p.name).collect())
    };
    let seen = projects(None, 1_000);
    assert_eq!(seen, ["open", "public"], "what the outsider may see");
    is_end_of(&projects(Some(cursor.clone()), 1_000), &seen);
    let events = |after: Option<Cursor>, limit: usize| {
        APP.ask(&root, |cx| audit::search(cx, &audit::Search { limit, after, ..audit::Search::default() })).unwrap()
    };
    let ids = |page: &audit::Found| -> Vec<EventId> {
        page.items.iter().map(|e| e.id).collect()
    };
    let whole = ids(&events(None, 1_000));
    let rest = ids(&events(Some(cursor.clone()), 1_000));
    is_end_of(&rest, &whole);
    // Page by page from there: every event once.
    let (mut walked, mut after) = (vec![], Some(cursor.clone()));
    while after.is_some() {
        let page = events(after, limit);
        assert!(page.items.len() <= limit && (page.next.is_none() || !page.items.is_empty()));
        walked.extend(ids(&page));
        after = page.next;
    }
    assert_eq!(walked, rest);
}

fuzz_target!(|asked: (u8, &[u8], &[u8])| {
    let (limit, data, other) = asked;
    keys::<(OrgId, String)>(data, other);
    keys::<(u64, String, UserId)>(data, other);
    keys::<(String, EventId)>(data, other);
    keys::<(Option<u64>, Vec<u8>, bool)>(data, other);
    keys::<(UserId, i64)>(data, other);
    listings(&Cursor::at(&data.to_vec()), 1 + usize::from(limit) % 40);
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(id) = UserId::from_global(text) {
        assert_eq!(id.global(), text, "two spellings of one id");
        assert!(ProjectId::from_global(text).is_none() && TeamId::from_global(text).is_none(), "an id of two kinds");
    }
    if let Some(id) = EventId::parse(text) {
        assert!(id.to_string().eq_ignore_ascii_case(text), "two spellings of one id");
    }
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string(), text, "two spellings of one cursor");
        listings(&cursor, 1 + usize::from(limit) % 40);
    }
});

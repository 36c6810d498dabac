//! Tables, indexes, ranges and sequences, on both engines.

use super::*;

#[test]
fn a_record_is_found_by_key_and_by_each_index() {
    with_store(|store| {
        let ana = Person { emails: vec!["Ana@x.org".into(), "a@x.org".into()], age: 30, ..person(1, "Ana") };
        let stored = ana.clone();
        act(store, move |tx| {
            tx.next_id(IDS)?;
            tx.put(&PEOPLE, &stored)
        })
        .unwrap();
        store
            .read(|s| {
                assert_eq!(s.get(&PEOPLE, &PersonId(1))?, Some(ana.clone()));
                assert_eq!(s.get(&PEOPLE, &PersonId(2))?, None);
                assert_eq!(s.find(&PERSON_BY_NAME, &"ana".into())?, Some(ana.clone()));
                assert_eq!(s.find(&PERSON_BY_EMAIL, &"a@x.org".into())?, Some(ana.clone()));
                assert_eq!(s.list_by(&PERSON_BY_AGE, Range::prefix(&(30i64,)))?.items, vec![ana.clone()]);
                assert_eq!(s.list_by(&PERSON_BY_AGE, Range::prefix(&(31i64,)))?.items, vec![]);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn a_shared_record_is_the_one_of_the_view_it_is_read_from() {
    with_store(|store| {
        act(store, |tx| {
            tx.next_id(IDS)?;
            tx.put(&PEOPLE, &person(1, "ana"))
        })
        .unwrap();
        let before = store.snapshot().unwrap();
        let name = |view: &Snapshot| view.shared(&PEOPLE, &PersonId(1)).unwrap().map(|p| p.name.clone());
        assert_eq!((name(&before), name(&before)), (Some("ana".into()), Some("ana".into())));
        act(store, |tx| tx.put(&PEOPLE, &person(1, "anna"))).unwrap();
        let after = store.snapshot().unwrap();
        assert_eq!(
            (name(&after), name(&before), name(&after)),
            (Some("anna".into()), Some("ana".into()), Some("anna".into()))
        );
        act(store, |tx| tx.delete(&PEOPLE, &PersonId(1))).unwrap();
        assert_eq!((name(&store.snapshot().unwrap()), name(&before)), (None, Some("ana".into())));
    });
}

#[test]
fn a_counted_index_counts_and_skips_as_a_walk_does() {
    with_store(|store| {
        let ages = |n: u64| i64::try_from(n % 2).unwrap();
        act(store, move |tx| {
            for n in 1..=40u64 {
                tx.put(&PEOPLE, &Person { age: ages(n), ..person(n * 700, &format!("p{n}")) })?;
            }
            tx.delete(&PEOPLE, &PersonId(700 * 10))?;
            tx.put(&PEOPLE, &Person { age: 1, ..person(700 * 12, "p12") })?;
            // The sequence is not what this is about.
            (0..28_000).try_for_each(|_| tx.next_id(IDS).map(drop))
        })
        .unwrap();
        let seen = store.snapshot().unwrap();
        for age in [0i64, 1, 2] {
            let all = seen.list_by(&PERSON_BY_AGE, Range::prefix(&(age,))).unwrap().items;
            assert_eq!(seen.count(&PERSON_BY_AGE, Range::prefix(&(age,)), usize::MAX).unwrap(), all.len());
            for skip in 0..=all.len() + 2 {
                let page = seen.list_by(&PERSON_BY_AGE, Range::prefix(&(age,)).skip(skip).limit(3)).unwrap();
                let wanted: Vec<_> = all.iter().skip(skip).take(3).cloned().collect();
                assert_eq!((skip, page.items, page.next.is_some()), (skip, wanted, skip + 3 < all.len()));
            }
        }
        assert_eq!(examine(store).unwrap(), Vec::<String>::new());
    });
}

#[test]
fn a_change_moves_the_index_rows_and_a_deletion_removes_them() {
    with_store(|store| {
        act(store, |tx| {
            tx.next_id(IDS)?;
            tx.put(&PEOPLE, &Person { emails: vec!["a@x.org".into(), "b@x.org".into()], ..person(1, "ana") })
        })
        .unwrap();
        act(store, |tx| {
            tx.put(&PEOPLE, &Person { emails: vec!["b@x.org".into(), "c@x.org".into()], ..person(1, "anna") })
        })
        .unwrap();
        let held = |store: &Store| {
            store
                .read(|s| {
                    let mut held = Vec::new();
                    for mail in ["a@x.org", "b@x.org", "c@x.org"] {
                        held.push(s.find(&PERSON_BY_EMAIL, &mail.into())?.is_some());
                    }
                    held.push(s.find(&PERSON_BY_NAME, &"ana".into())?.is_some());
                    held.push(s.find(&PERSON_BY_NAME, &"anna".into())?.is_some());
                    Ok(held)
                })
                .unwrap()
        };
        assert_eq!(held(store), [false, true, true, false, true]);
        let gone = act(store, |tx| tx.delete(&PEOPLE, &PersonId(1))).unwrap();
        assert_eq!(gone.map(|p| p.name), Some("anna".to_owned()));
        assert_eq!(held(store), [false; 5]);
        assert_eq!(act(store, |tx| tx.delete(&PEOPLE, &PersonId(1))).unwrap(), None);
    });
}

#[test]
fn two_tables_share_a_unique_index() {
    with_store(|store| {
        act(store, |tx| {
            tx.next_id(IDS)?;
            tx.next_id(IDS)?;
            tx.put(&PEOPLE, &person(1, "Ana"))?;
            tx.put(&CREWS, &Crew { id: 2, name: "red".into() })
        })
        .unwrap();
        let clash = |name: &str| {
            let name = name.to_owned();
            act(store, move |tx| tx.put(&CREWS, &Crew { id: 2, name: name.clone() })).unwrap_err()
        };
        let e = clash("ANA");
        assert_eq!(e.code(), Code::NameTaken);
        assert!(!format!("{e:?}").contains('1'), "{e:?} tells who holds the name");
        let e = act(store, |tx| tx.put(&PEOPLE, &person(1, "Red"))).unwrap_err();
        assert_eq!(e.code(), Code::NameTaken);
        store
            .read(|s| {
                assert!(s.find(&CREW_BY_NAME, &"ana".into())?.is_none());
                assert!(s.find(&PERSON_BY_NAME, &"red".into())?.is_none());
                assert_eq!(s.holder(&CREW_BY_NAME, &"ana".into())?, Some(PEOPLE.number()));
                assert_eq!(s.holder(&PERSON_BY_NAME, &"red".into())?, Some(CREWS.number()));
                assert_eq!(s.holder(&PERSON_BY_NAME, &"blue".into())?, None);
                assert_eq!(s.list_by(&CREW_BY_NAME, Range::all())?.items.len(), 1);
                assert_eq!(s.count(&PERSON_BY_NAME, Range::all(), 10)?, 1);
                Ok(())
            })
            .unwrap();
    });
}

fn crews(store: &Store, names: &[&str]) {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    act(store, move |tx| {
        for name in &names {
            let id = tx.next_id(IDS)?;
            tx.put(&CREWS, &Crew { id, name: name.clone() })?;
        }
        Ok(())
    })
    .unwrap();
}

fn names(listed: Listed<Crew>) -> Vec<String> {
    listed.items.into_iter().map(|c| c.name).collect()
}

#[test]
fn ranges_take_prefixes_bounds_order_and_cursors() {
    with_store(|store| {
        crews(store, &["ab", "abc", "abd", "b", "a", "a\0z"]);
        store
            .read(|s| {
                let by_name = |range| s.list_by(&CREW_BY_NAME, range).map(names);
                assert_eq!(by_name(Range::all())?, ["a", "a\0z", "ab", "abc", "abd", "b"]);
                assert_eq!(by_name(Range::text_prefix(&(), "ab"))?, ["ab", "abc", "abd"]);
                assert_eq!(by_name(Range::text_prefix(&(), "ab").desc())?, ["abd", "abc", "ab"]);
                assert_eq!(by_name(Range::text_prefix(&(), "a\0"))?, ["a\0z"]);
                assert_eq!(by_name(Range::prefix(&"ab".to_owned()))?, ["ab"]);
                let part = || Range::all().from(&"ab".to_owned()).until(&"b".to_owned());
                assert_eq!(by_name(part())?, ["ab", "abc", "abd"]);
                assert_eq!(by_name(part().limit(0))?, Vec::<String>::new());
                let page = s.list_by(&CREW_BY_NAME, part().limit(2))?;
                let cursor: Cursor = page.next.as_ref().unwrap().to_string().parse()?;
                assert_eq!(page.next.as_ref(), Some(&cursor));
                assert_eq!(by_name(part().after(cursor.clone()))?, ["abd"]);
                assert_eq!(by_name(part().desc().after(cursor))?, ["ab"]);
                // Exactly the last page: nothing follows.
                assert!(s.list_by(&CREW_BY_NAME, part().limit(3))?.next.is_none());
                let page = s.list(&CREWS, Range::all().limit(4))?;
                assert_eq!(names(s.list(&CREWS, Range::all().after(page.next))?), ["a", "a\0z"]);
                assert_eq!(s.count(&CREWS, Range::all(), 100)?, 6);
                assert_eq!(s.count(&CREWS, Range::all(), 4)?, 4);
                assert_eq!(s.count(&CREW_BY_NAME, Range::text_prefix(&(), "ab"), 100)?, 3);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn a_cursor_of_another_range_cannot_leave_this_one() {
    with_store(|store| {
        crews(store, &["a", "b", "c", "d"]);
        store
            .read(|s| {
                let from = |cursor: &Cursor| Range::all().from(&"c".to_owned()).after(cursor.clone());
                let low = s.list_by(&CREW_BY_NAME, Range::all().limit(1))?.next.unwrap();
                assert_eq!(names(s.list_by(&CREW_BY_NAME, from(&low))?), ["c", "d"]);
                let beyond: Cursor = "____________".parse()?;
                assert_eq!(names(s.list_by(&CREW_BY_NAME, from(&beyond))?), Vec::<String>::new());
                assert_eq!(names(s.list_by(&CREW_BY_NAME, from(&beyond).desc())?), ["d", "c"]);
                Ok(())
            })
            .unwrap();
    });
    for bad in ["", "not base64!", &"A".repeat(5_000)] {
        assert_eq!(bad.parse::<Cursor>().unwrap_err().code(), Code::InvalidValue);
    }
}

#[test]
fn a_page_has_a_thousand_rows_at_most() {
    with_store(|store| {
        act(store, |tx| (0..1_200).try_for_each(|n| tx.put(&NOTES, &note(0, n)))).unwrap();
        store
            .read(|s| {
                let page = s.list(&NOTES, Range::all().limit(5_000))?;
                assert_eq!(page.items.len(), MAX_PAGE);
                assert_eq!(s.list(&NOTES, Range::all().after(page.next))?.items.len(), 200);
                assert_eq!(s.all(&NOTES, &(0i64,))?.len(), 1_200);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn an_id_is_never_given_twice() {
    with_store(|store| {
        let next = |fail: bool| {
            act(store, move |tx| {
                let id = tx.next_id(IDS)?;
                if fail { Err(Error::invalid("on purpose")) } else { Ok(id) }
            })
        };
        assert_eq!(next(false).unwrap(), 1);
        assert!(next(true).is_err());
        assert_eq!(next(false).unwrap(), 2);
        // The record of the highest id is gone; its id is not.
        act(store, |tx| {
            let id = tx.next_id(IDS)?;
            tx.put(&CREWS, &Crew { id, name: "red".into() })
        })
        .unwrap();
        act(store, |tx| tx.delete(&CREWS, &3)).unwrap();
        assert_eq!(next(false).unwrap(), 4);
    });
}

#[test]
fn what_is_too_large_is_refused_and_changes_nothing() {
    with_store(|store| {
        let text = |size: usize| Note { at: (0, 0), text: "x".repeat(size) };
        let e = act(store, move |tx| tx.put(&NOTES, &text(MAX_VALUE))).unwrap_err();
        assert_eq!(e.code(), Code::TooLarge);
        act(store, move |tx| tx.put(&NOTES, &text(MAX_VALUE - 100))).unwrap();
        let e = act(store, |tx| tx.put(&CREWS, &Crew { id: 1, name: "x".repeat(MAX_KEY) })).unwrap_err();
        assert_eq!(e.code(), Code::TooLarge);
        let e =
            act(store, |tx| (0..60).try_for_each(|n| tx.put(&NOTES, &Note { at: (1, n), text: "x".repeat(60_000) })))
                .unwrap_err();
        assert_eq!(e.code(), Code::TooLarge);
        assert_eq!(store.read(|s| s.count(&NOTES, Range::all(), 9)).unwrap(), 1);
        assert_eq!(store.read(|s| s.count(&CREWS, Range::all(), 9)).unwrap(), 0);
    });
}

#[test]
fn who_goes_on_after_a_refused_write_commits_no_half_of_it() {
    with_store(|store| {
        let e = act(store, |tx| {
            let _ = (0..60).try_for_each(|n| tx.put(&NOTES, &Note { at: (1, n), text: "x".repeat(60_000) }));
            Ok(())
        });
        assert_eq!(e.unwrap_err().code(), Code::TooLarge);
        assert_eq!(store.read(|s| s.count(&NOTES, Range::all(), 9)).unwrap(), 0);
        // What is taken is refused before anything of it is written, so the rest may count.
        act(store, |tx| {
            let id = tx.next_id(IDS)?;
            tx.put(&CREWS, &Crew { id, name: "red".into() })
        })
        .unwrap();
        act(store, |tx| {
            let id = tx.next_id(IDS)?;
            tx.put(&CREWS, &Crew { id, name: "blue".into() })?;
            assert!(tx.put(&CREWS, &Crew { id, name: "red".into() }).is_err());
            tx.put(&NOTES, &Note { at: (1, 1), text: String::new() })
        })
        .unwrap();
        assert_eq!(examine(store).unwrap(), Vec::<String>::new());
        assert_eq!(store.read(|s| s.get(&CREWS, &2)).unwrap().unwrap().name, "blue");
    });
}

#[test]
fn rows_written_before_a_field_existed_are_read_with_its_default() {
    let engine = Memory::new();
    let store = Store::open(Arc::new(engine.clone()), &SCHEMA).unwrap();
    let old =
        (table::row_key(0x0101, &1u64), Some(b"\x01{\"id\":1,\"name\":\"ana\",\"age\":3,\"gone\":true}".to_vec()));
    engine.begin().unwrap().commit(&[old].into()).unwrap();
    let ana = store.read(|s| s.get(&PEOPLE, &PersonId(1))).unwrap().unwrap();
    assert_eq!(ana, Person { age: 3, ..person(1, "ana") });
}

/// Numbers and names are stored in every file: neither may change, and no number may be given to another thing.
#[test]
fn the_schema_keeps_its_numbers() {
    let schema = &schema::SCHEMA;
    let tables = schema.tables.iter().map(|t| (t.number(), t.name()));
    let indexes = schema.tables.iter().flat_map(|t| t.indexes()).map(|(number, name, _)| (number, name));
    let sequences = schema.sequences.iter().map(|s| (s.0, s.1));
    let counts = schema.tables.iter().flat_map(|t| t.counts());
    let mut all: Vec<_> = tables.chain(indexes).chain(counts).chain(sequences).collect();
    all.sort_unstable();
    all.dedup();
    let text: String = all.iter().map(|(number, name)| format!("{number:04x} {name}\n")).collect();
    assert_eq!(text, include_str!("numbers.txt"), "add new lines to numbers.txt; never change one");
    let store = Store::in_memory(schema).unwrap();
    assert_eq!(examine(&store).unwrap(), Vec::<String>::new());
}

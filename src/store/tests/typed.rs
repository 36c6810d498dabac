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

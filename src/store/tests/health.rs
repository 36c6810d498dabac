//! The doctor finds planted damage, and the stamp refuses what is not ours.

use super::*;
use crate::store::engine::{Batch, Engine};

/// A store with two people, a crew and a membership.
fn peopled(engine: &Memory) -> Store {
    let store = Store::open(Arc::new(engine.clone()), &SCHEMA).unwrap();
    act(&store, |tx| {
        for name in ["ana", "bo"] {
            let id = tx.next_id(IDS)?;
            tx.put(&PEOPLE, &Person { emails: vec![format!("{name}@x.org")], ..person(id, name) })?;
        }
        let id = tx.next_id(IDS)?;
        tx.put(&CREWS, &Crew { id, name: "red".into() })?;
        tx.put(&MEMBERS, &Member { crew: id, person: PersonId(1) })
    })
    .unwrap();
    store
}

fn plant(engine: &Memory, key: Vec<u8>, value: Option<&[u8]>) {
    let batch = Batch::from([(key, value.map(<[u8]>::to_vec))]);
    engine.begin().unwrap().commit(&batch).unwrap();
}

fn findings_after(key: Vec<u8>, value: Option<&[u8]>) -> Vec<String> {
    let engine = Memory::new();
    let store = peopled(&engine);
    assert_eq!(examine(&store).unwrap(), Vec::<String>::new());
    plant(&engine, key, value);
    examine(&store).unwrap()
}

fn row(number: u16, key: &impl key::KeyCode) -> Vec<u8> {
    table::row_key(number, key)
}

#[test]
fn the_doctor_finds_a_missing_index_row() {
    let found = findings_after(row(0x8102, &"ana@x.org".to_owned()), None);
    assert_eq!(found, ["Record 1 of `people` is missing from index `person_by_email`."]);
}

#[test]
fn the_doctor_finds_a_wrong_count() {
    let found = findings_after(row(0xC103, &(0i64, 0u64)), Some(b"\x011"));
    assert_eq!(found, ["Index `person_by_age` has 2 rows where it counts 1."]);
}

#[test]
fn the_doctor_finds_a_wrong_tally() {
    let found = findings_after(row(0xC104, &(0i64,)), Some(b"\x017"));
    assert_eq!(found, ["Index `ages` has 2 rows where it counts 7."]);
    let found = findings_after(row(0xC104, &(9i64,)), Some(b"\x011"));
    assert_eq!(found, ["Index `ages` has 0 rows where it counts 1."]);
}

#[test]
fn the_doctor_finds_an_index_row_that_leads_elsewhere() {
    let found = findings_after(row(0x8101, &"ana".to_owned()), Some(&row(0x0101, &2u64)));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("`entity_by_name` that leads elsewhere"), "{found:?}");
    assert!(found[1].contains("which record 2 no longer has"), "{found:?}");
}

#[test]
fn the_doctor_finds_a_ghost_in_an_index() {
    let found = findings_after(row(0x8101, &"ghost".to_owned()), Some(&row(0x0101, &9u64)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("leads to no record"), "{found:?}");
}

#[test]
fn the_doctor_finds_a_record_whose_crew_is_gone() {
    let found = findings_after(row(0x0102, &3u64), None);
    assert!(found.iter().any(|f| f.contains("points to record 3 of `crews`, which does not exist")), "{found:?}");
}

#[test]
fn the_doctor_finds_values_that_cannot_be_read() {
    let found = findings_after(row(0x0101, &2u64), Some(b"\x01{\"id\":"));
    assert!(found[0].starts_with("Record 2 of `people` cannot be read"), "{found:?}");
    let found = findings_after(row(0x0101, &2u64), Some(b"\x07"));
    assert!(found[0].contains("value format 7 is not known"), "{found:?}");
    let found = findings_after(row(0x0101, &2u64), Some(b""));
    assert!(found[0].contains("the value is empty"), "{found:?}");
}

#[test]
fn the_doctor_finds_a_sequence_that_would_give_an_id_twice() {
    let found = findings_after(IDS.0.to_be_bytes().to_vec(), Some(b"\x012"));
    assert_eq!(found, ["Sequence `ids` stands at 2, but id 3 is in use."]);
}

#[test]
fn the_doctor_finds_rows_of_no_table_and_records_under_a_wrong_key() {
    let found = findings_after(vec![0x44, 0x44, 1], Some(b"x"));
    assert_eq!(found, ["Row 444401 belongs to no table of this version."]);
    let engine = Memory::new();
    let store = peopled(&engine);
    let mut value = Vec::new();
    engine.view().unwrap().get(&row(0x0101, &1u64), &mut |v| value = v.to_vec()).unwrap();
    plant(&engine, row(0x0101, &2u64), Some(&value));
    let found = examine(&store).unwrap();
    assert!(found.iter().any(|f| f.contains("Record 2 of `people` lies under a key that is not its own")), "{found:?}");
}

#[test]
fn the_doctor_lists_a_hundred_findings_and_counts_the_rest() {
    let engine = Memory::new();
    let store = peopled(&engine);
    for n in 0..150u8 {
        plant(&engine, vec![0x44, n], Some(b"x"));
    }
    let found = examine(&store).unwrap();
    assert_eq!(found.len(), 101);
    assert_eq!(found[100], "50 more findings are not listed.");
}

#[test]
fn damage_met_by_a_reader_is_an_error_and_not_a_panic() {
    let engine = Memory::new();
    let store = peopled(&engine);
    plant(&engine, row(0x0101, &1u64), Some(b"\x01nonsense"));
    let e = store.read(|s| s.get(&PEOPLE, &PersonId(1))).unwrap_err();
    assert_eq!(e.code(), Code::StoreFailed);
    assert!(e.next_step().is_some_and(|hint| hint.contains("doctor")));
    assert!(store.read(|s| s.list(&PEOPLE, Range::all())).is_err());
    plant(&engine, row(0x0101, &2u64), None);
    let e = store.read(|s| s.find(&PERSON_BY_NAME, &"bo".into())).unwrap_err();
    assert_eq!(e.code(), Code::StoreFailed);
}

static NEWER: Schema = Schema { version: 2, tables: &[&PEOPLE, &CREWS, &MEMBERS, &NOTES], sequences: &[IDS] };

#[test]
fn a_newer_store_is_refused_and_an_older_one_is_carried_forward() {
    let engine = Memory::new();
    drop(peopled(&engine));
    let store = Store::open(Arc::new(engine.clone()), &NEWER).unwrap();
    assert_eq!(examine(&store).unwrap(), Vec::<String>::new());
    drop(store);
    let e = Store::open(Arc::new(engine), &SCHEMA).err().unwrap();
    assert_eq!(e.code(), Code::StoreForeign);
    assert!(e.sentence().contains("newer version") && e.sentence().contains("Upgrade"), "{}", e.sentence());
}

#[test]
fn a_map_with_rows_but_no_stamp_is_foreign() {
    let engine = Memory::new();
    plant(&engine, b"hello".to_vec(), Some(b"world"));
    assert_eq!(Store::open(Arc::new(engine), &SCHEMA).err().unwrap().code(), Code::StoreForeign);
}

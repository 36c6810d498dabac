//! Tests of the store with records of its own; both engines pass the same ones wherever the engine matters.
//! `contract.rs`: the seam; `typed.rs`: tables, indexes, ranges; `writer.rs`: group commit; `model.rs`: random operations
//! against a plain map; `faults.rs`: failing disks and damaged files; `health.rs`: what `doctor` finds.

#![expect(clippy::unwrap_used)]

mod contract;
mod faults;
mod health;
mod model;
mod typed;
mod writer;

use super::engine::Engine;
use super::memory::Memory;
use super::redb::Redb;
use super::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct PersonId(pub u64);
key::key_newtypes!(PersonId(u64));

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Person {
    pub id: PersonId,
    pub name: String,
    pub age: i64,
    #[serde(default)]
    pub emails: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Crew {
    pub id: u64,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Member {
    pub crew: u64,
    pub person: PersonId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Note {
    pub at: (i64, u64),
    pub text: String,
}

impl Record for Person {
    type Key = PersonId;
    fn key(&self) -> PersonId {
        self.id
    }
}
impl Record for Crew {
    type Key = u64;
    fn key(&self) -> u64 {
        self.id
    }
}
impl Record for Member {
    type Key = (u64, PersonId);
    fn key(&self) -> Self::Key {
        (self.crew, self.person)
    }
}
impl Record for Note {
    type Key = (i64, u64);
    fn key(&self) -> Self::Key {
        self.at
    }
}

pub(super) const IDS: Sequence = Sequence(0x7001, "ids");

pub(super) const PERSON_BY_NAME: Unique<Person, String> = Unique::new(
    0x8101,
    "entity_by_name",
    |p: &Person, out: &mut Vec<String>| out.push(p.name.to_lowercase()),
    Code::NameTaken,
);
pub(super) const CREW_BY_NAME: Unique<Crew, String> = Unique::new(
    0x8101,
    "entity_by_name",
    |c: &Crew, out: &mut Vec<String>| out.push(c.name.to_lowercase()),
    Code::NameTaken,
);
pub(super) const PERSON_BY_EMAIL: Unique<Person, String> = Unique::new(
    0x8102,
    "person_by_email",
    |p: &Person, out: &mut Vec<String>| out.extend(p.emails.iter().map(|e| e.to_lowercase())),
    Code::EmailTaken,
);
pub(super) const PERSON_BY_AGE: Multi<Person, (i64,)> =
    Multi::new(0x8103, "person_by_age", |p: &Person, out: &mut Vec<(i64,)>| out.push((p.age,))).counted(0xC103);
/// How many people are of an age.
pub(super) const AGES: Tally<Person, (i64,)> =
    Tally::new(0xC104, "ages", |p: &Person, out: &mut Vec<(i64,)>| out.push((p.age,)));
pub(super) const MEMBER_BY_PERSON: Multi<Member, PersonId> =
    Multi::new(0x8201, "member_by_person", |m: &Member, out: &mut Vec<PersonId>| out.push(m.person));

pub(super) static PEOPLE: Table<Person> =
    Table::new(0x0101, "people", &[&PERSON_BY_NAME, &PERSON_BY_EMAIL, &PERSON_BY_AGE, &AGES])
        .counted_by(IDS, |p| p.id.0);
pub(super) const CREWS: Table<Crew> = Table::new(0x0102, "crews", &[&CREW_BY_NAME]).counted_by(IDS, |c| c.id);
pub(super) const MEMBERS: Table<Member> =
    Table::quiet(0x0201, "members", &[&MEMBER_BY_PERSON]).referring(|m: &Member, out| {
        out.push(Reference::to(&CREWS, &m.crew));
        out.push(Reference::to(&PEOPLE, &m.person));
    });
pub(super) const NOTES: Table<Note> = Table::scratch(0x0301, "notes", &[]);

pub(super) static SCHEMA: Schema =
    Schema { version: 1, tables: &[&PEOPLE, &CREWS, &MEMBERS, &NOTES], sequences: &[IDS] };

pub(super) fn person(id: u64, name: &str) -> Person {
    Person { id: PersonId(id), name: name.to_owned(), age: 0, emails: Vec::new() }
}

pub(super) fn note(at: i64, n: u64) -> Note {
    Note { at: (at, n), text: format!("note {n}") }
}

/// Runs a test on each engine.
pub(super) fn on_both(test: impl Fn(&str, Arc<dyn Engine>)) {
    test("memory", Arc::new(Memory::new()));
    let dir = tempfile::tempdir().unwrap();
    test("redb", Arc::new(Redb::open(&dir.path().join(FILE_NAME)).unwrap()));
}

/// Runs a test on a fresh store over each engine, and the doctor after it.
pub(super) fn with_store(test: impl Fn(&Store)) {
    on_both(|name, engine| {
        let store = Store::open(engine, &SCHEMA).unwrap();
        test(&store);
        assert_eq!(examine(&store).unwrap(), Vec::<String>::new(), "{name}: the doctor is not content");
    });
}

/// A write that notes its event.
pub(super) fn act<T: Send + 'static>(store: &Store, f: impl Fn(&mut Tx) -> Result<T> + Send + 'static) -> Result<T> {
    store.write_blocking(move |tx| {
        tx.note_event();
        f(tx)
    })
}

//! Properties: key order is value order; a Tx behaves as a plain map under random operations, failing closures and
//! failing commits, and the indexes are right after each.

use super::*;
use crate::store::engine::{CommitError, EngineError, EngineFault};
use crate::store::key::{KeyCode, decoded, encoded};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn ordered<K: KeyCode + Ord + std::fmt::Debug>(a: &K, b: &K) {
    assert_eq!(encoded(a).cmp(&encoded(b)), a.cmp(b), "{a:?} {b:?}");
    assert_eq!(decoded::<K>(&encoded(a)).as_ref(), Some(a));
    // No encoding is a proper prefix of another, else tuples would not sort.
    assert!(a == b || !encoded(a).starts_with(&encoded(b)), "{a:?} {b:?}");
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!['\0', '\u{1}', 'a', 'b', 'é', '\u{10FFFF}']), 0..5)
        .prop_map(|chars| chars.into_iter().collect())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0, 1, 0x7F, 0xFE, 0xFF]), 0..5)
}

proptest! {
    #[test]
    fn key_order_is_value_order(
        a in (any::<u64>(), text(), any::<i64>(), bytes()),
        b in (any::<u64>(), text(), any::<i64>(), bytes()),
        same in any::<u8>(),
    ) {
        ordered(&a.0, &b.0);
        ordered(&a.1, &b.1);
        ordered(&a.2, &b.2);
        ordered(&a.3, &b.3);
        ordered(&a, &b);
        // Equal leading parts, so that the later ones decide.
        let (a, b) = ((a.0 & 1, a.1, a.3, a.2), (b.0 & 1, b.1, b.3, b.2));
        ordered(&a, &b);
        ordered(&(a.1.clone(), a.2.clone()), &(a.1.clone(), b.2.clone()));
        ordered(&Some(a.2), &Some(b.2));
        ordered(&None, &Some(same));
        ordered(&(true, [same, 0]), &(false, [0, same]));
    }

    #[test]
    fn any_bytes_decode_without_panic(input in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = decoded::<(u64, String, i64, Option<bool>)>(&input);
        let _ = decoded::<(Vec<u8>, [u8; 3])>(&input);
        let _ = String::from_utf8_lossy(&input).parse::<Cursor>();
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put { id: u64, name: u8, age: i64, mails: Vec<u8> },
    Delete { id: u64 },
}

/// How a closure ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Commit,
    Fail,
    CommitRefused,
    Conflict,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..8u64, 0..10u8, -2..3i64, prop::collection::vec(0..6u8, 0..3))
            .prop_map(|(id, name, age, mails)| Step::Put { id, name, age, mails }),
        1 => (1..8u64).prop_map(|id| Step::Delete { id }),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![4 => Just(End::Commit), 1 => Just(End::Fail), 1 => Just(End::CommitRefused), 1 => Just(End::Conflict)]
}

type Model = BTreeMap<u64, Person>;

fn build(step: &Step) -> Option<Person> {
    match step {
        Step::Put { id, name, age, mails } => Some(Person {
            id: PersonId(*id),
            name: format!("n{name}"),
            age: *age,
            emails: mails.iter().map(|m| format!("m{m}@x")).collect(),
        }),
        Step::Delete { .. } => None,
    }
}

/// What the step does to the plain map; the code if it is refused.
fn apply(model: &mut Model, step: &Step) -> Result<(), Code> {
    let Some(new) = build(step) else {
        if let Step::Delete { id } = step {
            model.remove(id);
        }
        return Ok(());
    };
    for other in model.values().filter(|p| p.id != new.id) {
        if other.emails.iter().any(|e| new.emails.contains(e)) && other.name != new.name {
            return Err(Code::EmailTaken);
        }
        if other.name == new.name {
            return Err(Code::NameTaken);
        }
    }
    model.insert(new.id.0, new);
    Ok(())
}

fn check(reader: &impl Read, model: &Model) -> Result<()> {
    assert_eq!(reader.list(&PEOPLE, Range::all())?.items, model.values().cloned().collect::<Vec<_>>());
    let mut by_age: Vec<&Person> = model.values().collect();
    by_age.sort_by_key(|p| (p.age, p.id));
    assert_eq!(reader.list_by(&PERSON_BY_AGE, Range::all())?.items.iter().collect::<Vec<_>>(), by_age);
    by_age.reverse();
    // In pages of two, downwards.
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = reader.list_by(&PERSON_BY_AGE, Range::all().desc().limit(2).after(after))?;
        assert!(page.items.len() <= 2);
        paged.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(paged.iter().collect::<Vec<_>>(), by_age);
    for person in model.values() {
        let of_age = model.values().filter(|p| p.age == person.age).count();
        assert_eq!(reader.tally(&AGES, &(person.age,))?, of_age);
        assert_eq!(reader.count(&PERSON_BY_AGE, Range::prefix(&(person.age,)), 1)?, 1);
    }
    assert_eq!(reader.tally(&AGES, &(i64::MIN,))?, 0);
    let (placed, more) = reader.placed_by(&PERSON_BY_AGE, Range::all().limit(1))?;
    assert_eq!((placed.len(), more), (model.len().min(1), model.len() > 1));
    for n in 0..10 {
        let name = format!("n{n}");
        let held = model.values().find(|p| p.name == name);
        assert_eq!(reader.find(&PERSON_BY_NAME, &name)?.as_ref(), held);
    }
    let mails: std::collections::BTreeSet<&String> = model.values().flat_map(|p| &p.emails).collect();
    assert_eq!(reader.count(&PERSON_BY_EMAIL, Range::all(), 1_000)?, mails.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_tx_behaves_as_a_plain_map(closures in prop::collection::vec((prop::collection::vec(step(), 1..6), end()), 1..12)) {
        let engine = Memory::new();
        let store = Store::open(Arc::new(engine.clone()), &SCHEMA).unwrap();
        act(&store, |tx| { for _ in 0..8 { tx.next_id(IDS)?; } Ok(()) }).unwrap();
        let mut model = Model::new();
        for (steps, end) in closures {
            match end {
                End::CommitRefused => {
                    engine.fail_next(CommitError::Refused(EngineError::new(EngineFault::Failed, "injected")));
                }
                End::Conflict => engine.fail_next(CommitError::Conflict),
                _ => {}
            }
            let before = model.clone();
            let result = act(&store, move |tx| {
                let mut model = before.clone();
                for step in &steps {
                    let expected = apply(&mut model, step);
                    let got = match (step, build(step)) {
                        (Step::Delete { id }, _) => tx.delete(&PEOPLE, &PersonId(*id)).map(drop),
                        (_, Some(person)) => tx.put(&PEOPLE, &person),
                        _ => Ok(()),
                    };
                    match (got, expected) {
                        (Ok(()), Ok(())) => {}
                        // A person that clashes twice may be told of either.
                        (Err(e), Err(_)) => {
                            assert!(matches!(e.code(), Code::NameTaken | Code::EmailTaken));
                            return Err(e);
                        }
                        (got, expected) => panic!("{step:?}: {got:?} but {expected:?}"),
                    }
                    check(tx, &model)?;
                }
                // Something is always written, so that an injected fault meets a commit.
                tx.next_id(IDS)?;
                if end == End::Fail { Err(Error::invalid("on purpose")) } else { Ok(model) }
            });
            match result {
                Ok(after) => model = after,
                Err(e) => {
                    assert_ne!(e.code(), Code::Internal, "{e:?}");
                    // A fault that met no commit is still waiting: use it up.
                    if matches!(end, End::CommitRefused | End::Conflict) && e.code() != Code::StoreFailed {
                        let _ = store.write_blocking(|tx| tx.next_id(IDS));
                    }
                }
            }
            store.read(|s| check(s, &model)).unwrap();
            assert_eq!(examine(&store).unwrap(), Vec::<String>::new());
        }
    }
}

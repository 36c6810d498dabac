//! Group commit: isolation between closures that share a commit, failures, panics, the full queue, the end.

use super::*;
use crate::store::engine::{CommitError, EngineError, EngineFault};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Holds the writer inside a closure, so that what is queued meanwhile shares the next batch.
fn hold(store: &Store) -> mpsc::Sender<()> {
    let (go, wait) = mpsc::channel::<()>();
    let (inside, entered) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    store.submit(move |_| {
        let _ = inside.send(());
        let _ = wait.lock().recv();
        Ok(())
    });
    entered.recv().unwrap();
    go
}

#[test]
fn a_failing_and_a_panicking_closure_harm_no_other() {
    with_store(|store| {
        let go = hold(store);
        let results: Vec<Result<()>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..30u64)
                .map(|n| {
                    let store = store.clone();
                    scope.spawn(move || {
                        store.write_blocking(move |tx| {
                            tx.put(&NOTES, &note(0, n))?;
                            match n % 3 {
                                0 => Ok(()),
                                1 => Err(Error::invalid("on purpose")),
                                _ => panic!("on purpose"),
                            }
                        })
                    })
                })
                .collect();
            while threads.iter().any(|t| t.is_finished()) {}
            std::thread::sleep(std::time::Duration::from_millis(50));
            drop(go);
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        for (n, result) in results.iter().enumerate() {
            match n % 3 {
                0 => assert!(result.is_ok()),
                1 => assert_eq!(result.as_ref().unwrap_err().code(), Code::InvalidValue),
                _ => assert_eq!(result.as_ref().unwrap_err().code(), Code::Internal),
            }
        }
        let stored = store.read(|s| s.list(&NOTES, Range::all())).unwrap().items;
        assert_eq!(stored.len(), 10);
        assert!(stored.iter().all(|n| n.at.1 % 3 == 0));
    });
}

#[test]
fn closures_of_one_batch_see_each_other_in_order_and_a_taken_name_is_refused() {
    with_store(|store| {
        let go = hold(store);
        let (sender, results) = mpsc::channel();
        for n in 0..5u64 {
            let sender = sender.clone();
            store
                .enqueue(Pending::new(
                    move |tx: &mut Tx| {
                        tx.note_event();
                        let id = tx.next_id(IDS)?;
                        tx.put(&PEOPLE, &person(id, if n == 4 { "other" } else { "ana" }))?;
                        Ok((id, tx.count(&PERSON_BY_NAME, Range::all(), 9)?))
                    },
                    move |result: Result<(u64, usize)>| {
                        let _ = sender.send(result.map_err(|e| e.code()));
                    },
                ))
                .unwrap();
        }
        drop(go);
        let results: Vec<_> = results.iter().take(5).collect();
        let taken = Err(Code::NameTaken);
        assert_eq!(results, [Ok((1, 1)), taken, taken, taken, Ok((2, 2))]);
    });
}

#[test]
fn a_change_of_an_audited_table_without_an_event_is_refused() {
    with_store(|store| {
        let e = store
            .write_blocking(|tx| {
                tx.put(&PEOPLE, &person(1, "ana"))?;
                assert!(tx.wrote_audited());
                Ok(())
            })
            .unwrap_err();
        assert_eq!(e.code(), Code::Internal);
        assert!(format!("{e:?}").contains("people"), "{e:?}");
        store.write_blocking(|tx| tx.put(&NOTES, &note(1, 1))).unwrap();
        assert_eq!(store.read(|s| s.count(&PEOPLE, Range::all(), 9)).unwrap(), 0);
    });
}

#[test]
fn a_conflict_runs_the_closures_again() {
    let engine = Memory::new();
    let store = Store::open(Arc::new(engine.clone()), &SCHEMA).unwrap();
    engine.fail_next(CommitError::Conflict);
    engine.fail_next(CommitError::Conflict);
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    store
        .write_blocking(move |tx| {
            counted.fetch_add(1, Ordering::SeqCst);
            tx.put(&NOTES, &note(1, 1))
        })
        .unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    assert_eq!(store.read(|s| s.count(&NOTES, Range::all(), 9)).unwrap(), 1);
    for _ in 0..10 {
        engine.fail_next(CommitError::Conflict);
    }
    let e = store.write_blocking(|tx| tx.put(&NOTES, &note(2, 2))).unwrap_err();
    assert_eq!(e.code(), Code::Busy);
    assert_eq!(store.read(|s| s.count(&NOTES, Range::all(), 9)).unwrap(), 1);
}

#[test]
fn a_refused_commit_answers_all_and_the_next_write_succeeds() {
    let engine = Memory::new();
    let store = Store::open(Arc::new(engine.clone()), &SCHEMA).unwrap();
    engine.fail_next(CommitError::Refused(EngineError::new(EngineFault::ReadOnly, "disk full")));
    let e = store.write_blocking(|tx| tx.put(&NOTES, &note(1, 1))).unwrap_err();
    assert_eq!(e.code(), Code::StoreReadOnly);
    assert!(e.next_step().is_some_and(|hint| hint.contains("space")));
    engine.fail_next(CommitError::Unknown(EngineError::new(EngineFault::Failed, "connection lost")));
    let e = store.write_blocking(|tx| tx.put(&NOTES, &note(2, 2))).unwrap_err();
    assert_eq!(e.code(), Code::StoreFailed);
    assert!(e.detail().contains("may or may not"), "{e}");
    store.write_blocking(|tx| tx.put(&NOTES, &note(3, 3))).unwrap();
    assert_eq!(store.read(|s| s.count(&NOTES, Range::all(), 9)).unwrap(), 2);
}

/// Two batches, the second run while the first was being committed, which then ended in `fault`: how the first ended, what
/// the second saw of it, how often that ran, and what is stored.
fn overtaken(fault: Option<CommitError>) -> (Vec<Option<Code>>, Vec<usize>, usize, Vec<u64>) {
    let engine = Memory::new();
    let store = Store::open(Arc::new(engine.clone()), &SCHEMA).unwrap();
    let (arrived, release) = engine.hold_next();
    let go = hold(&store);
    let (sender, first) = mpsc::channel();
    for n in 0..2u64 {
        let sender = sender.clone();
        let answer = move |r: Result<()>| {
            let _ = sender.send(r.err().map(|e| e.code()));
        };
        store.enqueue(Pending::new(move |tx: &mut Tx| tx.put(&NOTES, &note(1, n)), answer)).unwrap();
    }
    drop(go);
    arrived.recv().unwrap();
    if let Some(fault) = fault {
        engine.fail_next(fault);
    }
    let (sender, second) = mpsc::channel();
    let (running, ran) = mpsc::channel();
    for n in 2..4u64 {
        let (sender, running) = (sender.clone(), running.clone());
        let answer = move |seen: Result<usize>| {
            let _ = sender.send(seen.unwrap());
        };
        let write = move |tx: &mut Tx| {
            let seen = tx.count(&NOTES, Range::all(), 9)?;
            tx.put(&NOTES, &note(1, n))?;
            let _ = running.send(());
            Ok(seen)
        };
        store.enqueue(Pending::new(write, answer)).unwrap();
    }
    drop(running);
    // They run before the first batch is in the store, and are not answered before it is.
    ran.recv().unwrap();
    ran.recv().unwrap();
    assert!(second.try_recv().is_err());
    assert_eq!(store.read(|s| s.count(&NOTES, Range::all(), 9)).unwrap(), 0);
    drop(release);
    let first = first.iter().take(2).collect();
    let seen = second.iter().take(2).collect();
    store.shutdown();
    let stored = store.read(|s| s.list(&NOTES, Range::all())).unwrap().items;
    (first, seen, 2 + ran.iter().count(), stored.iter().map(|n| n.at.1).collect())
}

#[test]
fn what_ran_over_rows_on_their_way_is_answered_after_they_arrived() {
    assert_eq!(overtaken(None), (vec![None; 2], vec![2, 3], 2, vec![0, 1, 2, 3]));
}

#[test]
fn what_ran_over_rows_that_did_not_arrive_runs_again_without_them() {
    let full = CommitError::Refused(EngineError::new(EngineFault::ReadOnly, "disk full"));
    // Only the very first one is in the batch that fails: nobody had written a moment before.
    assert_eq!(overtaken(Some(full)), (vec![Some(Code::StoreReadOnly), None], vec![1, 2], 4, vec![1, 2, 3]));
    assert_eq!(overtaken(Some(CommitError::Conflict)), (vec![None; 2], vec![2, 3], 4, vec![0, 1, 2, 3]));
}

#[test]
fn a_full_queue_says_busy_and_shutdown_drains_what_was_accepted() {
    let store = Store::in_memory(&SCHEMA).unwrap();
    let go = hold(&store);
    let mut accepted = 0;
    let refused = loop {
        let n = accepted;
        match store.enqueue(Pending::new(move |tx: &mut Tx| tx.put(&NOTES, &note(0, n)), |_: Result<()>| {})) {
            Ok(()) => accepted += 1,
            Err(e) => break e,
        }
    };
    assert_eq!(refused.code(), Code::Busy);
    assert_eq!(refused.retry_after_seconds(), Some(1));
    assert_eq!(accepted, crate::store::writer::QUEUE as u64);
    drop(go);
    store.shutdown();
    let mut counted = 0;
    let mut after = None;
    loop {
        let page = store.read(|s| s.list(&NOTES, Range::all().after(after.take()))).unwrap();
        counted += page.items.len() as u64;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(counted, accepted);
    let e = store.write_blocking(|tx| tx.put(&NOTES, &note(1, 1))).unwrap_err();
    assert_eq!(e.code(), Code::Busy);
}

#[test]
fn an_async_write_resolves_when_it_is_committed() {
    let store = Store::in_memory(&SCHEMA).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let id = runtime.block_on(store.write(|tx| {
        tx.put(&NOTES, &note(1, 1))?;
        tx.next_id(IDS)
    }));
    assert_eq!(id.unwrap(), 1);
    assert_eq!(store.read(|s| s.count(&NOTES, Range::all(), 9)).unwrap(), 1);
}

#[test]
fn the_last_handle_may_be_dropped_on_the_writer_thread() {
    let store = Store::in_memory(&SCHEMA).unwrap();
    let inner = Mutex::new(Some(store.clone()));
    let (done, ended) = mpsc::channel();
    let go = hold(&store);
    store.submit(move |_| {
        drop(inner.lock().take());
        let _ = done.send(());
        Ok(())
    });
    drop(store);
    drop(go);
    ended.recv_timeout(std::time::Duration::from_secs(5)).unwrap();
}

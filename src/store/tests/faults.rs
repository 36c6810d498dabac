//! Failing disks and damaged files: what was acknowledged stays, reads go on, a later write succeeds, nothing panics.

use super::*;
use crate::store::redb::Touch;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "no space left on device")
}

/// A disk that fails its writes once the countdown is used up.
struct Faulty {
    _dir: tempfile::TempDir,
    path: PathBuf,
    left: Arc<AtomicI64>,
    at: Touch,
    error: fn() -> io::Error,
}

impl Faulty {
    fn new(at: Touch, error: fn() -> io::Error) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        Faulty { _dir: dir, path, left: Arc::new(AtomicI64::new(i64::MAX)), at, error }
    }

    fn open(&self) -> Store {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&self.path).unwrap();
        let (left, at, error) = (self.left.clone(), self.at, self.error);
        let engine = Redb::open_faulty(file, move |touch| {
            if touch == at && left.fetch_sub(1, Ordering::SeqCst) <= 0 { Err(error()) } else { Ok(()) }
        });
        Store::open(Arc::new(engine.unwrap()), &SCHEMA).unwrap()
    }

    fn fail_after(&self, touches: i64) {
        self.left.store(touches, Ordering::SeqCst);
    }
}

fn numbers(store: &Store) -> Vec<u64> {
    store.read(|s| s.list(&NOTES, Range::all())).unwrap().items.iter().map(|n| n.at.1).collect()
}

#[test]
fn with_a_full_disk_writes_are_refused_reads_go_on_and_space_heals_it() {
    for at in [Touch::Write, Touch::Resize] {
        // Each touch of a commit fails in turn, until commits get through again.
        for after in 0..12 {
            let disk = Faulty::new(at, full);
            let store = disk.open();
            let mut acknowledged = Vec::new();
            let put = |n: u64, size: usize| {
                store.write_blocking(move |tx| {
                    tx.put(&NOTES, &Note { at: (0, n), text: "x".repeat(size) })?;
                    Ok(n)
                })
            };
            acknowledged.push(put(1, 10).unwrap());
            disk.fail_after(after);
            let mut refused = 0;
            for n in 2..14 {
                // Large enough that the file must grow.
                match put(n, 60_000) {
                    Ok(n) => acknowledged.push(n),
                    Err(e) => {
                        refused += 1;
                        assert_eq!(e.code(), Code::StoreReadOnly, "{e:?}");
                    }
                }
                assert_eq!(numbers(&store), acknowledged, "{at:?} after {after}");
            }
            assert!(refused > 0 || at == Touch::Resize, "{at:?} after {after}: nothing was refused");
            disk.fail_after(i64::MAX);
            acknowledged.push(put(99, 10).unwrap());
            assert_eq!(numbers(&store), acknowledged);
            drop(store);
            let store = disk.open();
            assert_eq!(numbers(&store), acknowledged, "{at:?} after {after}, reopened");
            assert_eq!(examine(&store).unwrap(), Vec::<String>::new());
        }
    }
}

#[test]
fn after_a_failed_fsync_the_outcome_is_unknown_and_only_a_restart_writes_again() {
    let disk = Faulty::new(Touch::Sync, || io::Error::other("input/output error"));
    let store = disk.open();
    store.write_blocking(|tx| tx.put(&NOTES, &note(0, 1))).unwrap();
    disk.fail_after(0);
    let e = store.write_blocking(|tx| tx.put(&NOTES, &note(0, 2))).unwrap_err();
    assert_eq!(e.code(), Code::StoreFailed);
    assert!(e.detail().contains("may or may not"), "{e}");
    disk.fail_after(i64::MAX);
    let e = store.write_blocking(|tx| tx.put(&NOTES, &note(0, 3))).unwrap_err();
    assert_eq!(e.code(), Code::StoreReadOnly);
    assert!(numbers(&store).contains(&1));
    drop(store);
    let store = disk.open();
    assert!(numbers(&store).contains(&1));
    store.write_blocking(|tx| tx.put(&NOTES, &note(0, 4))).unwrap();
    assert_eq!(examine(&store).unwrap(), Vec::<String>::new());
}

#[test]
fn readers_survive_a_disk_that_fills_and_empties_under_them() {
    let disk = Faulty::new(Touch::Write, full);
    let store = disk.open();
    store.write_blocking(|tx| (0..50).try_for_each(|n| tx.put(&NOTES, &note(0, n)))).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut read, mut failed) = (0u32, 0u32);
            while !stop.load(Ordering::SeqCst) {
                match store.read(|s| s.list(&NOTES, Range::all())) {
                    Ok(page) => {
                        assert!(page.items.len() >= 50);
                        read += 1;
                    }
                    // A snapshot that was open at the moment of the failure.
                    Err(e) => {
                        assert_eq!(e.code(), Code::StoreFailed, "{e:?}");
                        failed += 1;
                    }
                }
            }
            (read, failed)
        });
        for round in 0..10u64 {
            disk.fail_after(3);
            let _ = store.write_blocking(move |tx| tx.put(&NOTES, &note(1, round)));
            let _ = store.write_blocking(move |tx| tx.put(&NOTES, &note(2, round)));
            disk.fail_after(i64::MAX);
            store.write_blocking(move |tx| tx.put(&NOTES, &note(3, round))).unwrap();
        }
        stop.store(true, Ordering::SeqCst);
        let (read, failed) = reader.join().unwrap();
        assert!(read > 10 && failed <= 30, "{read} reads, {failed} failed");
    });
    assert_eq!(examine(&store).unwrap(), Vec::<String>::new());
}

/// A store file with some rows, closed.
fn file_with_rows(dir: &tempfile::TempDir) -> PathBuf {
    let path = dir.path().join(FILE_NAME);
    let store = Store::open_file(&path, &SCHEMA).unwrap();
    store.write_blocking(|tx| (0..300).try_for_each(|n| tx.put(&NOTES, &note(0, n)))).unwrap();
    drop(store);
    path
}

#[test]
fn the_file_is_private_and_refused_to_a_second_opener_until_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let store = Store::open_file(&path, &SCHEMA).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let e = Store::open_file(&path, &SCHEMA).err().unwrap();
    assert_eq!(e.code(), Code::Busy);
    assert!(e.detail().contains("Another bailiwick uses this data directory"), "{e}");
    drop(store);
    Store::open_file(&path, &SCHEMA).unwrap();
}

#[test]
fn acknowledged_writes_are_there_after_the_process_dies() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_file(&dir.path().join(FILE_NAME), &SCHEMA).unwrap();
    for n in 0..20 {
        store.write_blocking(move |tx| tx.put(&NOTES, &note(0, n))).unwrap();
        // What a process finds that starts after this one was killed: the file as it is now.
        let copy = dir.path().join("copy.redb");
        std::fs::copy(dir.path().join(FILE_NAME), &copy).unwrap();
        let found = Store::open_file(&copy, &SCHEMA).unwrap();
        assert_eq!(numbers(&found), (0..=n).collect::<Vec<_>>());
        assert_eq!(examine(&found).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_foreign_file_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    for content in [&b"SQLite format 3\0 and so on"[..], &[0; 10_000], &[0xFF; 100], b"x"] {
        std::fs::write(&path, content).unwrap();
        let e = Store::open_file(&path, &SCHEMA).err().unwrap();
        assert_eq!(e.code(), Code::StoreForeign, "{e:?}");
        assert!(e.sentence().contains("restore a backup"), "{}", e.sentence());
        assert_eq!(std::fs::read(&path).unwrap(), content, "a foreign file was changed");
    }
}

#[test]
fn a_truncated_file_is_refused_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = file_with_rows(&dir);
    let whole = std::fs::read(&path).unwrap();
    for part in 1..16 {
        let len = whole.len() * part / 16;
        std::fs::write(&path, &whole[..len]).unwrap();
        match Store::open_file(&path, &SCHEMA) {
            Err(e) => assert_eq!(e.code(), Code::StoreForeign, "{part}/16: {e:?}"),
            Ok(store) => panic!("{part}/16 of the file opened, with {} notes", numbers(&store).len()),
        }
    }
}

#[test]
fn scrambled_bytes_end_in_errors_and_never_in_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = file_with_rows(&dir);
    let whole = std::fs::read(&path).unwrap();
    let mut seed = 1u64;
    for _ in 0..60 {
        let mut bytes = whole.clone();
        for _ in 0..8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (seed >> 33) as usize % bytes.len().min(60_000);
            bytes[at] ^= (seed >> 20) as u8 | 1;
        }
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(store) = Store::open_file(&path, &SCHEMA) {
            let _ = store.read(|s| s.list(&NOTES, Range::all()));
            let _ = examine(&store);
            let _ = store.write_blocking(|tx| tx.put(&NOTES, &note(9, 9)));
        }
    }
}

#[test]
fn closing_over_a_damaged_file_is_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = file_with_rows(&dir);
    let whole = std::fs::read(&path).unwrap();
    // Pages 2 and 3 hold what redb reads when it opens a file and only uses when it closes it, at 8,656 and 12,568 here.
    for at in (8_192..16_384).step_by(8).filter(|at| whole[*at..at + 8] != [0; 8]) {
        let mut bytes = whole.clone();
        bytes[at + 5..at + 8].copy_from_slice(&[0x15, 0x15, 0]);
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(store) = Store::open_file(&path, &SCHEMA) {
            let snapshot = store.snapshot();
            let _ = store.write_blocking(|tx| tx.put(&NOTES, &note(9, 9)));
            drop(store);
            drop(snapshot);
        }
    }
}

#[test]
fn a_file_that_may_only_be_read_is_served_read_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = file_with_rows(&dir);
    let file = File::open(&path).unwrap();
    let store = Store::open(Arc::new(Redb::open_read_only(file).unwrap()), &SCHEMA).unwrap();
    assert_eq!(numbers(&store).len(), 300);
    let e = store.write_blocking(|tx| tx.put(&NOTES, &note(9, 9))).unwrap_err();
    assert_eq!(e.code(), Code::StoreReadOnly);
}

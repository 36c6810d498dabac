//! What redb alone makes of the rows that creating a user, or a batch of a run, writes: the very rows are recorded at the store's seam, then put
//! into a bare database in groups, one fsync each. No HTTP, no policy, no encoding, no threads.

use crate::rig;
use actix_web::web;
use bailiwick::app::App;
use bailiwick::model::role::OrgRole;
use bailiwick::ops::Caller;
use bailiwick::ops::users::{self, NewUser};
use bailiwick::policy::Process;
use bailiwick::store::engine::{Batch, Commit, CommitError, Engine, EngineError, View};
use bailiwick::store::memory::Memory;
use bailiwick::store::{Store, schema};
use parking_lot::Mutex;
use redb::{Database, Durability, TableDefinition};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");
/// Users that share one fsync.
pub const GROUP: usize = 64;

/// The engine in memory, keeping every batch that is committed.
#[derive(Clone, Default)]
struct Recorder {
    inner: Memory,
    batches: Arc<Mutex<Vec<Batch>>>,
}

struct Recording {
    inner: Box<dyn Commit>,
    batches: Arc<Mutex<Vec<Batch>>>,
}

impl Engine for Recorder {
    fn view(&self) -> Result<Box<dyn View>, EngineError> {
        self.inner.view()
    }
    fn begin(&self) -> Result<Box<dyn Commit>, EngineError> {
        Ok(Box::new(Recording { inner: self.inner.begin()?, batches: self.batches.clone() }))
    }
}

impl Commit for Recording {
    fn commit(self: Box<Self>, batch: &Batch) -> Result<Box<dyn Commit>, CommitError> {
        self.batches.lock().push(batch.clone());
        let inner = self.inner.commit(batch)?;
        Ok(Box::new(Recording { inner, batches: self.batches }))
    }
}

/// The rows of one commit: those of a created user, its audit event's among them.
pub type UserRows = Vec<(Vec<u8>, Vec<u8>)>;

/// The rows that each of `n` created users writes, numbered from `first`.
pub fn rows_of_users(first: u64, n: u64) -> Vec<UserRows> {
    recorded(|_| (), |app| create_users(app, first, n, 1))
}

/// The rows of every commit that `work` makes of an instance after `prepare`.
pub fn recorded(prepare: impl FnOnce(&web::Data<App>), work: impl FnOnce(&web::Data<App>)) -> Vec<UserRows> {
    let recorder = Recorder::default();
    let app = rig::instance(Store::open(Arc::new(recorder.clone()), &schema::SCHEMA).unwrap());
    prepare(&app);
    recorder.batches.lock().clear();
    work(&app);
    let batches = std::mem::take(&mut *recorder.batches.lock());
    app.stop();
    let rows = |batch: Batch| batch.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    batches.into_iter().map(rows).collect()
}

/// Creates users through the use-case, `at_once` in each transaction.
pub fn create_users(app: &web::Data<App>, first: u64, n: u64, at_once: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let shell = Caller::process(Process::Shell);
    for from in (first..first + n).step_by(at_once as usize) {
        let until = (from + at_once).min(first + n);
        let all = app.act(&shell, move |cx| {
            for number in from..until {
                let new = NewUser {
                    email: format!("person{number:07}@example.org"),
                    role: Some(OrgRole::Member),
                    ..NewUser::default()
                };
                users::create(cx, &new)?;
            }
            Ok(())
        });
        runtime.block_on(all).unwrap();
    }
}

/// Whether a row belongs to the audit log: events, their indexes and their number.
pub fn is_audit(key: &[u8]) -> bool {
    matches!(key, [0x06 | 0x86, ..] | [0x93, 0x03, ..] | [0xC3, 0x09, ..])
}

/// A bare database with our table.
pub struct Bare {
    database: Database,
}

impl Bare {
    /// Opens the file, or makes it.
    pub fn create(path: &Path) -> Bare {
        let mut builder = Database::builder();
        builder.set_cache_size(64 * 1024 * 1024);
        let database = builder.create(path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(ROWS).unwrap();
        transaction.commit().unwrap();
        Bare { database }
    }

    /// What `measure` finds of a database of its own in `dir`, empty or a copy of `filled`, which is gone afterwards.
    pub fn once(dir: &Path, filled: Option<&Path>, measure: impl FnOnce(&Bare) -> f64) -> f64 {
        let path = dir.join("limit.redb");
        if let Some(filled) = filled {
            std::fs::copy(filled, &path).unwrap();
        }
        let found = measure(&Bare::create(&path));
        std::fs::remove_file(path).unwrap();
        found
    }

    /// Puts `users` in, `group` to a commit; users per second.
    pub fn commit_in_groups(&self, users: &[UserRows], group: usize) -> f64 {
        let started = Instant::now();
        users.chunks(group).for_each(|group| self.commit(group.iter()));
        users.len() as f64 / started.elapsed().max(Duration::from_micros(1)).as_secs_f64()
    }

    /// The same asked for by `clients` at once, each of whom waits for theirs before they ask for the next: a commit is of
    /// whoever waits.
    pub fn commit_for_clients(&self, users: &[UserRows], clients: usize) -> f64 {
        let (started, next) = (Instant::now(), AtomicUsize::new(0));
        let (ask, asked) = channel::<(&UserRows, SyncSender<()>)>();
        std::thread::scope(|scope| {
            for _ in 0..clients {
                let (ask, next) = (ask.clone(), &next);
                scope.spawn(move || {
                    let (answer, answered) = sync_channel(1);
                    while let Some(user) = users.get(next.fetch_add(1, Ordering::Relaxed)) {
                        ask.send((user, answer.clone())).unwrap();
                        answered.recv().unwrap();
                    }
                });
            }
            drop(ask);
            while let Ok(first) = asked.recv() {
                let group: Vec<_> = std::iter::once(first).chain(asked.try_iter()).collect();
                self.commit(group.iter().map(|(user, _)| *user));
                group.iter().for_each(|(_, answer)| answer.send(()).unwrap());
            }
        });
        users.len() as f64 / started.elapsed().as_secs_f64()
    }

    fn commit<'a>(&self, group: impl Iterator<Item = &'a UserRows>) {
        let mut transaction = self.database.begin_write().unwrap();
        transaction.set_durability(Durability::Immediate).unwrap();
        {
            let mut table = transaction.open_table(ROWS).unwrap();
            for (key, value) in group.flatten() {
                table.insert(key.as_slice(), value.as_slice()).unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    /// Bytes of the pages in use. Not what the engine calls fragmented: that counts the free pages of a file that grows by
    /// doubling, so the figure jumped by a factor of two whenever a row more took the file across a step.
    pub fn bytes_used(&self) -> u64 {
        let transaction = self.database.begin_write().unwrap();
        let stats = transaction.stats().unwrap();
        transaction.abort().unwrap();
        stats.allocated_pages() * stats.page_size() as u64
    }
}

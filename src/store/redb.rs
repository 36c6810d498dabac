//! The engine on disk: the only file that names redb. One table of bytes, every commit fsynced.
//!
//! redb refuses everything after one failed write until the database is reopened, so after a failure this engine opens it
//! anew over a *shadow*: a backend that reads the file and keeps what recovery wants to write in memory. Reads go on from
//! the last commit while the disk is full, and each later `begin` tries to open the file itself again.
//!
//! ## Why one-phase commit, and no quick repair
//! A commit is one fsync of new pages and of the slot that names them, all under 128-bit checksums; after a crash redb takes
//! that slot if everything under it verifies, else the one before, which an earlier fsync covers. An acknowledged commit is
//! never the half-written one. redb's design document knows one way around it: somebody who orders the flushing of pages,
//! crashes the machine inside an fsync and chooses the bytes could make a torn commit verify, since the checksum is not
//! cryptographic. Who commands the disk like that can write the file as well. Two phases would cost a second fsync for each
//! commit and save nothing at a start: after a crash redb walks the whole file in either mode (0.4 s for 100,000 users), and
//! quick repair, which spares that, halved the rate of single commits.

use super::engine::{Batch, Commit, CommitError, Engine, EngineError, EngineFault, Order, View, Visit};
use super::shadow::Shadow;
use parking_lot::{Mutex, RwLock};
use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase, StorageBackend, TableDefinition};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");

/// Pages that redb keeps in memory, in bytes; the operating system caches the rest. More makes nothing faster: writes and
/// decisions at a million people were the same with six times as much, and an allocator needs a quarter on top of it.
const CACHE: usize = 40 * 1024 * 1024;

/// One committed state.
struct State {
    rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
    /// No other state of this process has it, whichever file that is of.
    stamp: u64,
}

/// The stamps given so far.
static STAMPS: AtomicU64 = AtomicU64::new(0);

/// The engine over one file or another backend. Clones share it.
#[derive(Clone)]
pub struct Redb(Arc<Inner>);

struct Inner {
    disk: Arc<Disk>,
    writable: bool,
    /// An fsync failed: the system may have dropped what it could not write, so only a restart may trust the file.
    sync_failed: Arc<AtomicBool>,
    open: RwLock<Open>,
    /// The latest snapshot, so that a read need not open one. It stays through the next commit; what
    /// the last one freed is used again one commit later for it, and nothing is held back longer.
    latest: Mutex<Option<Arc<State>>>,
    /// Counts commits, so that a commit whose base is outdated is a conflict.
    version: AtomicU64,
}

impl Drop for Inner {
    fn drop(&mut self) {
        discard(self.latest.get_mut().take());
        discard(self.open.get_mut().database.take());
    }
}

struct Open {
    database: Option<Database>,
    /// Set while reads come from a shadow; setting the flag inside ends what still reads from it.
    shadow: Option<Arc<AtomicBool>>,
}

impl Redb {
    /// Opens or creates the file, mode 0600, and locks it against other processes. A file that may only be read is
    /// served read-only.
    pub fn open(path: &Path) -> Result<Redb, EngineError> {
        let at = |e: io::Error| {
            let e = io::Error::new(e.kind(), format!("{}: {e}", path.display()));
            io_error(&e)
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let (file, writable) = match options.open(path) {
            Ok(file) => (file, true),
            Err(e) if io_error(&e).fault == EngineFault::ReadOnly && path.exists() => {
                (File::open(path).map_err(at)?, false)
            }
            Err(e) => return Err(at(e)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(EngineError::new(EngineFault::Locked, format!("{} is locked", path.display())));
            }
            Err(TryLockError::Error(e)) => return Err(at(e)),
        }
        Redb::with_disk(Disk::new(file), writable)
    }

    /// [`Redb::open`] over a disk that asks `fault` before it does anything.
    #[cfg(test)]
    pub(super) fn open_faulty(
        file: File,
        fault: impl Fn(Touch) -> io::Result<()> + Send + Sync + 'static,
    ) -> Result<Redb, EngineError> {
        Redb::with_disk(Disk { file, fault: Box::new(fault) }, true)
    }

    /// What [`Redb::open`] does with a file that it may not write.
    #[cfg(test)]
    pub(super) fn open_read_only(file: File) -> Result<Redb, EngineError> {
        Redb::with_disk(Disk::new(file), false)
    }

    fn with_disk(disk: Disk, writable: bool) -> Result<Redb, EngineError> {
        let disk = Arc::new(disk);
        let sync_failed = Arc::new(AtomicBool::new(false));
        let open = if writable {
            let database = open_database(Shared { disk: disk.clone(), sync_failed: sync_failed.clone() })?;
            Open { database: Some(database), shadow: None }
        } else {
            let (database, retired) = open_shadow(&disk)?;
            Open { database: Some(database), shadow: Some(retired) }
        };
        let first = open.database.as_ref().and_then(|d| latest(d).ok()).map(Arc::new);
        let (open, latest) = (RwLock::new(open), Mutex::new(first));
        Ok(Redb(Arc::new(Inner { disk, writable, sync_failed, open, latest, version: AtomicU64::new(0) })))
    }

    fn state(&self) -> Result<Arc<State>, EngineError> {
        if let Some(state) = self.0.latest.lock().as_ref() {
            return Ok(state.clone());
        }
        let open = self.0.open.read();
        let database = open.database.as_ref().ok_or_else(closed)?;
        Ok(Arc::new(latest(database)?))
    }

    /// After a failure: closes the database and goes on reading through a shadow.
    fn degrade(&self) {
        let mut open = self.0.open.write();
        // The old one first: were it still able to write, two would share the file.
        discard(self.0.latest.lock().take());
        discard(open.database.take());
        match open_shadow(&self.0.disk) {
            Ok((database, retired)) => {
                *self.0.latest.lock() = latest(&database).ok().map(Arc::new);
                open.database = Some(database);
                open.shadow = Some(retired);
            }
            Err(e) => tracing::error!(error = %e, "the store cannot be read after a failed commit"),
        }
    }

    /// Opens the file itself again if reads come from a shadow.
    fn recover(&self) -> Result<(), EngineError> {
        {
            let open = self.0.open.read();
            if open.shadow.is_none() && open.database.is_some() {
                return Ok(());
            }
            if !self.0.writable || self.0.sync_failed.load(Ordering::SeqCst) {
                return Err(EngineError::new(
                    EngineFault::ReadOnly,
                    "the store was opened read-only or an fsync failed; restart when the disk is in order",
                ));
            }
        }
        let backend = Shared { disk: self.0.disk.clone(), sync_failed: self.0.sync_failed.clone() };
        let database = open_database(backend)?;
        let mut open = self.0.open.write();
        *self.0.latest.lock() = latest(&database).ok().map(Arc::new);
        // Pages that a reader of the shadow still wants may be reused from now on.
        if let Some(retired) = open.shadow.take() {
            retired.store(true, Ordering::SeqCst);
        }
        discard(open.database.replace(database));
        tracing::info!("the store can be written again");
        Ok(())
    }

    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        let open = self.0.open.read();
        let database = open.database.as_ref().ok_or_else(closed)?;
        guarded(|| {
            let mut transaction = database.begin_write().map_err(engine_error)?;
            transaction.set_durability(Durability::Immediate).map_err(engine_error)?;
            {
                let mut table = transaction.open_table(ROWS).map_err(engine_error)?;
                for (key, value) in batch {
                    match value {
                        Some(value) => drop(table.insert(key.as_slice(), value.as_slice()).map_err(engine_error)?),
                        None => drop(table.remove(key.as_slice()).map_err(engine_error)?),
                    }
                }
            }
            transaction.commit().map_err(engine_error)
        })?;
        // Under the lock on `open`, so no shadow can have come in between.
        let fresh = latest(database).ok().map(Arc::new);
        let past = std::mem::replace(&mut *self.0.latest.lock(), fresh);
        discard(past);
        Ok(())
    }
}

impl Engine for Redb {
    fn view(&self) -> Result<Box<dyn View>, EngineError> {
        Ok(Box::new(RedbView(Some(self.state()?))))
    }

    fn begin(&self) -> Result<Box<dyn Commit>, EngineError> {
        self.recover()?;
        let version = self.0.version.load(Ordering::SeqCst);
        Ok(Box::new(RedbCommit { version, engine: self.clone() }))
    }
}

/// A snapshot; it is there until the view is dropped.
struct RedbView(Option<Arc<State>>);

impl RedbView {
    fn state(&self) -> Result<&State, EngineError> {
        self.0.as_deref().ok_or_else(closed)
    }
}

impl Drop for RedbView {
    fn drop(&mut self) {
        discard(self.0.take());
    }
}

struct RedbCommit {
    version: u64,
    engine: Redb,
}

impl View for RedbView {
    fn stamp(&self) -> Option<u64> {
        self.0.as_ref().map(|state| state.stamp)
    }

    fn get(&self, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool, EngineError> {
        match guarded(|| self.state()?.rows.get(key).map_err(engine_error))? {
            Some(value) => {
                found(guarded(|| Ok(value.value()))?);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, visit: &mut Visit<'_>) -> Result<(), EngineError> {
        if !to.is_empty() && from >= to {
            return Ok(());
        }
        let upper = if to.is_empty() { Bound::Unbounded } else { Bound::Excluded(to) };
        let mut range =
            guarded(|| self.state()?.rows.range::<&[u8]>((Bound::Included(from), upper)).map_err(engine_error))?;
        loop {
            let next = guarded(|| {
                let next = match order {
                    Order::Ascending => range.next(),
                    Order::Descending => range.next_back(),
                };
                next.transpose().map_err(engine_error)
            })?;
            let Some((key, value)) = next else { return Ok(()) };
            let (k, v) = guarded(|| Ok((key.value(), value.value())))?;
            if !visit(k, v) {
                return Ok(());
            }
        }
    }
}

impl Commit for RedbCommit {
    fn commit(self: Box<Self>, batch: &Batch) -> Result<Box<dyn Commit>, CommitError> {
        let RedbCommit { version, engine } = *self;
        let next = version + 1;
        if engine.0.version.compare_exchange(version, next, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return Err(CommitError::Conflict);
        }
        engine.apply(batch).map_err(|e| {
            engine.degrade();
            let unknown = engine.0.sync_failed.load(Ordering::SeqCst);
            if unknown { CommitError::Unknown(e) } else { CommitError::Refused(e) }
        })?;
        Ok(Box::new(RedbCommit { version: next, engine }))
    }
}

/// A snapshot of the latest commit.
fn latest(database: &Database) -> Result<State, EngineError> {
    guarded(|| {
        let transaction = database.begin_read().map_err(engine_error)?;
        let rows = transaction.open_table(ROWS).map_err(engine_error)?;
        Ok(State { rows, stamp: STAMPS.fetch_add(1, Ordering::Relaxed) })
    })
}

fn open_database(backend: impl StorageBackend) -> Result<Database, EngineError> {
    guarded(|| {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let database = builder.create_with_backend(backend).map_err(engine_error)?;
        let transaction = database.begin_read().map_err(engine_error)?;
        let exists = match transaction.open_table(ROWS) {
            Ok(_) => true,
            Err(redb::TableError::TableDoesNotExist(_)) => false,
            Err(e) => return Err(foreign(&e)),
        };
        if !exists {
            if transaction.list_tables().map_err(engine_error)?.next().is_some() {
                return Err(EngineError::new(EngineFault::Foreign, "a redb file of another program"));
            }
            let transaction = database.begin_write().map_err(engine_error)?;
            transaction.open_table(ROWS).map_err(engine_error)?;
            transaction.commit().map_err(engine_error)?;
        }
        Ok(database)
    })
}

fn open_shadow(disk: &Arc<Disk>) -> Result<(Database, Arc<AtomicBool>), EngineError> {
    let retired = Arc::new(AtomicBool::new(false));
    let len = disk.len().map_err(|e| io_error(&e))?;
    let source = disk.clone();
    let shadow = Shadow::new(len, retired.clone(), move |offset, out| source.read(offset, out));
    Ok((open_database(shadow)?, retired))
}

/// Runs redb code, which may panic on a damaged file, and turns the panic into an error.
fn guarded<T>(f: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(EngineError::new(EngineFault::Foreign, format!("redb stopped over the file: {words}")))
    })
}

/// Drops what is redb's: closing writes, and so may panic on a damaged file too. A snapshot can be what closes, being the
/// last to hold the file.
fn discard<T>(held: T) {
    if let Err(e) = guarded(|| {
        drop(held);
        Ok(())
    }) {
        tracing::error!(error = %e, "the store file could not be closed in order; run `bailiwick doctor`");
    }
}

fn closed() -> EngineError {
    EngineError::new(EngineFault::Failed, "the store is closed after a failure")
}

fn foreign(e: &dyn std::fmt::Display) -> EngineError {
    EngineError::new(EngineFault::Foreign, e.to_string())
}

fn engine_error(e: impl Into<redb::Error>) -> EngineError {
    match e.into() {
        redb::Error::Io(e) => io_error(&e),
        redb::Error::DatabaseAlreadyOpen => EngineError::new(EngineFault::Locked, "the file is locked"),
        e @ (redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::RepairAborted
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TypeDefinitionChanged { .. }) => foreign(&e),
        e => EngineError::new(EngineFault::Failed, e.to_string()),
    }
}

fn io_error(e: &io::Error) -> EngineError {
    use io::ErrorKind::{
        FileTooLarge, InvalidData, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull, UnexpectedEof,
    };
    let fault = match e.kind() {
        StorageFull | QuotaExceeded | ReadOnlyFilesystem | PermissionDenied | FileTooLarge => EngineFault::ReadOnly,
        InvalidData | UnexpectedEof => EngineFault::Foreign,
        _ => EngineFault::Failed,
    };
    EngineError::new(fault, e.to_string())
}

fn whole(start: Bound<u64>, end: Bound<u64>) -> Result<bool, redb::BackendError> {
    let whole = matches!(start, Bound::Unbounded | Bound::Included(0)) && end == Bound::Unbounded;
    if whole { Ok(true) } else { Err(redb::BackendError::Unsupported) }
}

/// What is about to be done to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    Read,
    Write,
    Resize,
    Sync,
}

type Fault = dyn Fn(Touch) -> io::Result<()> + Send + Sync;

/// The store file. It is locked when it is opened, not by redb, because the lock outlives reopening.
struct Disk {
    file: File,
    /// Asked before each touch; only tests make it refuse.
    fault: Box<Fault>,
}

impl Disk {
    fn new(file: File) -> Self {
        Disk { file, fault: Box::new(|_| Ok(())) }
    }
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        (self.fault)(Touch::Read)?;
        self.file.read_exact_at(out, offset)
    }
}

/// Hands a backend to redb, which wants to own one, and remembers a failed fsync.
struct Shared {
    disk: Arc<Disk>,
    sync_failed: Arc<AtomicBool>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        (self.disk.fault)(Touch::Resize)?;
        self.disk.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        let synced = (self.disk.fault)(Touch::Sync).and_then(|()| self.disk.file.sync_data());
        synced.inspect_err(|_| self.sync_failed.store(true, Ordering::SeqCst))
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        (self.disk.fault)(Touch::Write)?;
        self.disk.file.write_all_at(data, offset)
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, redb::BackendError> {
        whole(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), redb::BackendError> {
        whole(start, end).map(drop)
    }
}

impl StorageBackend for Shadow {
    fn len(&self) -> io::Result<u64> {
        Ok(Shadow::len(self))
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        Shadow::read(self, offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        Shadow::set_len(self, len);
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        Shadow::write(self, offset, data)
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, redb::BackendError> {
        whole(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), redb::BackendError> {
        whole(start, end).map(drop)
    }
}

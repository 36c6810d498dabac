//! The store: an ordered transactional byte map (`engine.rs`) under typed tables with declared indexes (`table.rs`).
//!
//! Cast: *ops* holds a [`Tx`] inside a synchronous closure, so no network call can sit inside a transaction; *policy*
//! reads through [`Read`], the same on a [`Snapshot`] and in a [`Tx`]; the *writer* (`writer.rs`) runs closures one
//! after the other and commits them together; `schema.rs` lists what is kept; `doctor.rs` recomputes every index.
//! Nobody outside this folder sees bytes, and nobody at all writes an index row by hand.
//!
//! ## Why one writer thread
//! A commit costs an fsync. Sixty-four callers that share one get an order of magnitude more writes than each with its
//! own, and a single writer makes every transaction serializable without locks. Reads never wait for it.

mod doctor;
pub mod engine;
pub mod key;
mod memo;
pub mod memory;
mod migrate;
mod range;
mod read;
mod redb;
pub mod schema;
mod shadow;
mod table;
mod tx;
mod writer;

#[cfg(test)]
mod tests;

pub use doctor::examine;
pub use range::{Cursor, Listed, MAX_KEY, MAX_PAGE, Range};
pub use read::{Placed, Read, Rows, Snapshot};
pub use table::{
    AnyTable, Index, IndexOf, Kind, Multi, Record, Reference, Schema, Sequence, Table, Tally, Unique, Walkable,
};
pub use tx::{MAX_TX, MAX_VALUE, Tx};

use crate::error::{Code, Error, Result};
use engine::Engine;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use table::Directory;
use writer::{Job, Pending, Refused, Threads};

/// The name of the store file inside the data directory.
pub const FILE_NAME: &str = "store.redb";

/// A handle to an open store; clones share it. The file is released when the last one is dropped.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    engine: Arc<dyn Engine>,
    directory: Arc<Directory>,
    writer: Threads,
}

impl Store {
    /// Opens a store over `engine`: stamps an empty one, refuses a newer or foreign one with [`Code::StoreForeign`],
    /// and starts the writer thread.
    pub fn open(engine: Arc<dyn Engine>, schema: &'static Schema) -> Result<Store> {
        let directory = Arc::new(Directory::new(schema));
        migrate::prepare(engine.as_ref(), &directory)?;
        let writer = writer::start(engine.clone(), directory.clone())
            .map_err(|e| Error::internal(format!("the writing threads cannot start: {e}")))?;
        Ok(Store(Arc::new(Inner { engine, directory, writer })))
    }

    /// Opens or creates the store file at `path`, readable by its owner only. [`Code::Busy`] when another process has
    /// it open, [`Code::StoreForeign`] when it is not a store.
    pub fn open_file(path: &Path, schema: &'static Schema) -> Result<Store> {
        Store::open(Arc::new(redb::Redb::open(path)?), schema)
    }

    /// An empty store that lives in memory, for tests.
    pub fn in_memory(schema: &'static Schema) -> Result<Store> {
        Store::open(Arc::new(memory::Memory::new()), schema)
    }

    /// What the store is made of.
    pub fn schema(&self) -> &'static Schema {
        self.0.directory.schema
    }

    /// A consistent view of the latest commit.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot::new(self.0.engine.view()?, self.0.directory.clone()))
    }

    /// Reads from one consistent view, on the calling thread.
    pub fn read<T>(&self, f: impl FnOnce(&Snapshot) -> Result<T>) -> Result<T> {
        f(&self.snapshot()?)
    }

    /// Runs `f` on the writer thread; resolves when what it wrote is on disk, or nothing of it is. `f` may run again.
    pub async fn write<T: Send + 'static>(&self, f: impl Fn(&mut Tx) -> Result<T> + Send + 'static) -> Result<T> {
        let (answer, outcome) = tokio::sync::oneshot::channel();
        self.enqueue(Pending::new(f, move |result| drop(answer.send(result))))?;
        outcome.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// [`Store::write`] for callers that are not asynchronous; never call it on an async worker.
    pub fn write_blocking<T: Send + 'static>(&self, f: impl Fn(&mut Tx) -> Result<T> + Send + 'static) -> Result<T> {
        let (answer, outcome) = sync_channel(1);
        self.enqueue(Pending::new(f, move |result| drop(answer.send(result))))?;
        outcome.recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// Queues `f` without waiting; an error goes to the log.
    pub fn submit(&self, f: impl Fn(&mut Tx) -> Result<()> + Send + 'static) {
        let log = |result: Result<()>| {
            if let Err(e) = result {
                tracing::warn!(error = ?e, "a background write was dropped");
            }
        };
        if let Err(e) = self.enqueue(Pending::new(f, log)) {
            log(Err(e));
        }
    }

    /// Finishes the queued writes and ends the writer thread. Later writes are refused; reads go on.
    pub fn shutdown(&self) {
        self.0.writer.end();
    }

    fn enqueue(&self, job: impl Job + 'static) -> Result<()> {
        self.0.writer.inbox.offer(Box::new(job)).map_err(|refused| match refused {
            Refused::Full => Error::new(Code::Busy, "Too many changes are waiting. Nothing was changed.")
                .hint("Try again shortly.")
                .retry_after(1),
            Refused::Stopped => stopped(),
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.writer.end();
    }
}

fn stopped() -> Error {
    Error::new(Code::Busy, "The server is stopping. Nothing was changed.").retry_after(5)
}

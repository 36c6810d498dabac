//! The seam under the typed tables: all that an ordered key-value store must offer to carry Bailiwick.
//! `redb.rs` and `memory.rs` implement it; `tests/contract.rs` executes the contract below against both.
//!
//! ## The contract
//! - Keys and values are byte strings; keys sort bytewise. A stored value may be empty, a key may not.
//! - A [`View`] is one consistent snapshot: commits made after it was taken are not seen through it.
//! - Transactions are strictly serializable, *including the ranges read*: a [`Commit`] whose base changed since
//!   [`Engine::begin`] answers [`CommitError::Conflict`]. (Snapshot isolation is not enough: two administrators
//!   demoting each other read what the other writes.)
//! - A batch is applied wholly or not at all, and is on stable storage when `commit` returns `Ok`.
//! - `Conflict` and `Refused` mean nothing happened; `Unknown` means it may have.
//! - A failed commit leaves the engine able to serve views, and the next `begin` tries again.

use crate::error::{Code, Error};
use std::collections::BTreeMap;

/// In which direction a range is walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    #[default]
    Ascending,
    /// Largest key first.
    Descending,
}

/// What one commit changes: a value to store, or `None` to delete the row.
pub type Batch = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Receives the rows of a scan; `false` ends it.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> bool + 'a;

/// A transactional, ordered byte map.
pub trait Engine: Send + Sync {
    /// A consistent snapshot of the latest commit.
    fn view(&self) -> Result<Box<dyn View>, EngineError>;
    /// The right to commit one batch on the state of now: what is read for it is read from views taken after this.
    fn begin(&self) -> Result<Box<dyn Commit>, EngineError>;
}

/// A consistent snapshot.
pub trait View: Send {
    /// A number of the state seen: two views of one process with the same number see the same rows, whatever store they are
    /// of. `None` where no such number is kept.
    fn stamp(&self) -> Option<u64> {
        None
    }
    /// Hands the value at `key` to `found` without copying it; whether there is one.
    fn get(&self, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool, EngineError>;
    /// Walks the rows with `from <= key < to` until `visit` answers `false`. `to` empty means no upper bound.
    fn scan(&self, from: &[u8], to: &[u8], order: Order, visit: &mut Visit<'_>) -> Result<(), EngineError>;
}

/// The right to commit one batch, as long as nobody else commits before.
pub trait Commit: Send {
    /// Applies `batch` atomically and durably; gives the right to commit the next one on the very state that this made.
    fn commit(self: Box<Self>, batch: &Batch) -> Result<Box<dyn Commit>, CommitError>;
}

/// Why a commit did not succeed.
#[derive(Debug)]
pub enum CommitError {
    /// Something read or written here was changed since `begin`; nothing happened, run the closures again.
    Conflict,
    /// Nothing happened.
    Refused(EngineError),
    /// It may have happened.
    Unknown(EngineError),
}

/// What family an engine's failure belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineFault {
    /// Disk full, read-only medium, no permission to write.
    ReadOnly,
    /// The file is not a store, is damaged, or is of a format this build cannot read.
    Foreign,
    /// Another process holds the store.
    Locked,
    /// Anything else, input and output errors above all.
    Failed,
}

/// A failure of the engine, with the engine's own words for the log.
#[derive(Clone, Debug)]
pub struct EngineError {
    /// The family.
    pub fault: EngineFault,
    /// The engine's words.
    pub detail: String,
}

impl EngineError {
    /// A failure with the engine's words.
    pub fn new(fault: EngineFault, detail: impl Into<String>) -> Self {
        EngineError { fault, detail: detail.into() }
    }
}

impl std::fmt::Display for EngineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for EngineError {}

impl From<EngineError> for Error {
    fn from(e: EngineError) -> Self {
        match e.fault {
            EngineFault::ReadOnly => Error::new(
                Code::StoreReadOnly,
                "The store cannot be written: the disk is full or read-only. Nothing was changed.",
            )
            .hint("Free some space or make the data directory writable, then try again; no restart is needed."),
            EngineFault::Foreign => Error::new(
                Code::StoreForeign,
                "The store file is not a Bailiwick store, or it is damaged.",
            )
            .hint(
                "Check that the data directory is the right one; otherwise move the file aside and restore a backup.",
            ),
            EngineFault::Locked => Error::new(Code::Busy, "Another bailiwick uses this data directory.")
                .hint("Stop the other process, or name another data directory."),
            EngineFault::Failed => Error::new(Code::StoreFailed, "The store failed.").hint(
                "The server's log has the cause. Try again; if it persists, check the disk and run `bailiwick doctor`.",
            ),
        }
        .because(e)
    }
}

/// The answer to a write whose commit did not succeed.
pub(super) fn uncommitted(e: &CommitError) -> Error {
    match e {
        CommitError::Conflict => {
            Error::new(Code::Busy, "Too many changes at the same time. Nothing was changed.").retry_after(1)
        }
        CommitError::Refused(e) => e.clone().into(),
        CommitError::Unknown(e) => {
            Error::new(Code::StoreFailed, "The store failed while saving: the change may or may not have been saved.")
                .hint("Look whether it is there before trying again. The server's log has the cause.")
                .because(e.clone())
        }
    }
}

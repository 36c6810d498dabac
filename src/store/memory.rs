//! A second engine, in memory: keeps the seam honest, serves unit tests, and injects commit failures.
//! It is not durable, so nothing but tests opens it.

use super::engine::{Batch, Commit, CommitError, Engine, EngineError, Order, View, Visit};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Default)]
struct State {
    rows: Arc<Rows>,
    version: u64,
}

/// An ordered map in memory. Clones share it.
#[derive(Clone, Default)]
pub struct Memory {
    state: Arc<RwLock<State>>,
    faults: Arc<Mutex<VecDeque<CommitError>>>,
    gate: Arc<Mutex<Option<Gate>>>,
}

/// Tells that a commit has come, and waits for the word to carry it out.
struct Gate(Sender<()>, Receiver<()>);

impl Memory {
    /// An empty map.
    pub fn new() -> Self {
        Memory::default()
    }

    /// Makes the next commit without such an order end in `fault`. `Unknown` applies the batch first.
    pub fn fail_next(&self, fault: CommitError) {
        self.faults.lock().push_back(fault);
    }

    /// Holds the next commit: the receiver tells that it has come, dropping the sender lets it go on.
    pub fn hold_next(&self) -> (Receiver<()>, Sender<()>) {
        let ((come, arrived), (go, word)) = (channel(), channel());
        *self.gate.lock() = Some(Gate(come, word));
        (arrived, go)
    }
}

struct MemoryView {
    rows: Arc<Rows>,
}

struct MemoryCommit {
    version: u64,
    engine: Memory,
}

impl Engine for Memory {
    fn view(&self) -> Result<Box<dyn View>, EngineError> {
        Ok(Box::new(MemoryView { rows: self.state.read().rows.clone() }))
    }

    fn begin(&self) -> Result<Box<dyn Commit>, EngineError> {
        Ok(Box::new(MemoryCommit { version: self.state.read().version, engine: self.clone() }))
    }
}

impl View for MemoryView {
    fn get(&self, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool, EngineError> {
        let value = self.rows.get(key);
        if let Some(value) = value {
            found(value);
        }
        Ok(value.is_some())
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, visit: &mut Visit<'_>) -> Result<(), EngineError> {
        let upper = if to.is_empty() { Bound::Unbounded } else { Bound::Excluded(to) };
        if !to.is_empty() && from >= to {
            return Ok(());
        }
        let mut range = self.rows.range::<[u8], _>((Bound::Included(from), upper));
        loop {
            let next = match order {
                Order::Ascending => range.next(),
                Order::Descending => range.next_back(),
            };
            match next {
                Some((key, value)) if visit(key, value) => {}
                _ => return Ok(()),
            }
        }
    }
}

impl Commit for MemoryCommit {
    fn commit(self: Box<Self>, batch: &Batch) -> Result<Box<dyn Commit>, CommitError> {
        let MemoryCommit { version, engine } = *self;
        let gate = engine.gate.lock().take();
        if let Some(Gate(come, word)) = gate {
            let _ = come.send(());
            let _ = word.recv();
        }
        let fault = engine.faults.lock().pop_front();
        if let Some(fault @ (CommitError::Conflict | CommitError::Refused(_))) = fault {
            return Err(fault);
        }
        let mut state = engine.state.write();
        if state.version != version {
            return Err(CommitError::Conflict);
        }
        state.version += 1;
        let rows = Arc::make_mut(&mut state.rows);
        for (key, value) in batch {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        drop(state);
        match fault {
            Some(fault) => Err(fault),
            None => Ok(Box::new(MemoryCommit { version: version + 1, engine })),
        }
    }
}

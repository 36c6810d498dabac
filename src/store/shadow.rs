//! A file as it is, with later writes kept in memory and never on disk: what the engine reads through while the disk
//! refuses writes. Knows nothing of what the file holds. `redb.rs` says when it is used.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const BLOCK: u64 = 4_096;

type ReadAt = dyn Fn(u64, &mut [u8]) -> io::Result<()> + Send + Sync;

/// A file under a layer of changed blocks.
pub(super) struct Shadow {
    disk: Box<ReadAt>,
    memory: Mutex<Memory>,
    retired: Arc<AtomicBool>,
}

struct Memory {
    len: u64,
    /// How much of the file still shows: what was cut once stays zeros when it grows again.
    disk_len: u64,
    blocks: BTreeMap<u64, Box<[u8]>>,
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow").finish_non_exhaustive()
    }
}

impl Shadow {
    /// Over `len` bytes that `disk` reads. Once `retired` is set, every read fails: the file may change from then on.
    pub(super) fn new(
        len: u64,
        retired: Arc<AtomicBool>,
        disk: impl Fn(u64, &mut [u8]) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let memory = Mutex::new(Memory { len, disk_len: len, blocks: BTreeMap::new() });
        Shadow { disk: Box::new(disk), memory, retired }
    }

    /// The present length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.memory.lock().len
    }

    /// Cuts or grows; what grows reads as zeros.
    pub(super) fn set_len(&self, len: u64) {
        let mut memory = self.memory.lock();
        if len < memory.len {
            memory.disk_len = memory.disk_len.min(len);
            memory.blocks.retain(|number, _| *number * BLOCK < len);
            if let Some(block) = memory.blocks.get_mut(&(len / BLOCK)) {
                block[(len % BLOCK) as usize..].fill(0);
            }
        }
        memory.len = len;
    }

    /// Fills `out` from `offset`; an error beyond the end.
    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.retired.load(Ordering::SeqCst) {
            return Err(io::Error::other("the store was reopened; read again"));
        }
        let memory = self.memory.lock();
        if offset + out.len() as u64 > memory.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (number, inside, place) in pieces(offset, out.len()) {
            let size = place.len();
            match memory.blocks.get(&number) {
                Some(block) => out[place].copy_from_slice(&block[inside..inside + size]),
                None => out[place].copy_from_slice(&self.disk_block(number, memory.disk_len)?[inside..inside + size]),
            }
        }
        Ok(())
    }

    /// Keeps `data` at `offset` in memory.
    pub(super) fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut memory = self.memory.lock();
        let disk_len = memory.disk_len;
        for (number, inside, place) in pieces(offset, data.len()) {
            let block = match memory.blocks.entry(number) {
                Entry::Occupied(block) => block.into_mut(),
                Entry::Vacant(room) => room.insert(self.disk_block(number, disk_len)?),
            };
            block[inside..inside + place.len()].copy_from_slice(&data[place]);
        }
        Ok(())
    }

    /// Block `number` as it is on disk, zeros after the end.
    fn disk_block(&self, number: u64, disk_len: u64) -> io::Result<Box<[u8]>> {
        let mut block = vec![0; BLOCK as usize].into_boxed_slice();
        let start = number * BLOCK;
        let there = disk_len.saturating_sub(start).min(BLOCK) as usize;
        if there > 0 {
            (self.disk)(start, &mut block[..there])?;
        }
        Ok(block)
    }
}

/// The pieces of `offset..offset + len` by block: block number, offset in it, place in the buffer.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let inside = (at % BLOCK) as usize;
        let size = (BLOCK as usize - inside).min(len - done);
        let piece = (at / BLOCK, inside, done..done + size);
        done += size;
        (size > 0).then_some(piece)
    })
}

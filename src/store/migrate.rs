//! The format stamp: marks an empty store as ours, refuses a foreign or newer one, and carries an older one forward by
//! numbered steps. A step is permanent once released; it runs in its own transaction together with the new stamp.

use super::engine::{Engine, Order, uncommitted};
use super::table::{Directory, pack, unpack};
use super::tx::{Base, Tx};
use crate::error::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;

/// Row key of the stamp: the reserved table number 0.
const STAMP: &[u8] = b"\x00\x00format";
const PRODUCT: &str = "bailiwick";

#[derive(Serialize, Deserialize)]
struct Stamp {
    product: String,
    version: u32,
}

/// Carries a store from `to - 1` to `to`.
struct Step {
    to: u32,
    run: fn(&mut Tx) -> Result<()>,
}

/// Every step since version 1, in order.
const STEPS: &[Step] = &[];

/// Makes sure that the store is of the directory's version.
pub(super) fn prepare(engine: &dyn Engine, directory: &Arc<Directory>) -> Result<()> {
    let wanted = directory.schema.version;
    let view = engine.view()?;
    let mut stamp = None;
    view.get(STAMP, &mut |value| stamp = Some(unpack::<Stamp>(value)))?;
    let mut empty = true;
    view.scan(&[], &[], Order::Ascending, &mut |_, _| {
        empty = false;
        false
    })?;
    drop(view);
    let mut version = match stamp {
        None if empty => {
            return write(engine, directory, |tx| stamp_with(tx, wanted));
        }
        Some(Ok(stamp)) if stamp.product == PRODUCT => stamp.version,
        _ => {
            return Err(Error::new(Code::StoreForeign, "The store file was not written by Bailiwick.")
                .hint("Check that the data directory is the right one, or move the file aside to start a new store."));
        }
    };
    if version > wanted {
        return Err(Error::new(
            Code::StoreForeign,
            format!("The store was written by a newer version of Bailiwick (format {version}; this one reads up to {wanted})."),
        )
        .hint("Upgrade the executable, or restore a backup that this version wrote."));
    }
    while version < wanted {
        version += 1;
        write(engine, directory, |tx| {
            for step in STEPS.iter().filter(|step| step.to == version) {
                (step.run)(tx)?;
            }
            stamp_with(tx, version)
        })?;
        tracing::info!(version, "the store was carried to a newer format");
    }
    Ok(())
}

fn stamp_with(tx: &mut Tx, version: u32) -> Result<()> {
    let stamp = pack(&Stamp { product: PRODUCT.to_owned(), version }).map_err(Error::internal)?;
    tx.write(STAMP.to_vec(), Some(stamp))
}

/// A transaction before the writer thread is there.
fn write(engine: &dyn Engine, directory: &Arc<Directory>, f: impl Fn(&mut Tx) -> Result<()>) -> Result<()> {
    let commit = engine.begin()?;
    let base = Rc::new(Base::over(engine.view()?, None));
    let mut tx = Tx::new(base.clone(), directory.clone());
    f(&mut tx)?;
    let (rows, _) = tx.finish()?;
    drop(base);
    commit.commit(&rows).map(drop).map_err(|e| uncommitted(&e))
}

/// Whether a row is the stamp, which belongs to no table.
pub(super) fn is_stamp(key: &[u8]) -> bool {
    key == STAMP
}

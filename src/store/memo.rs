//! Rows that the same thread decoded before: who asks is read at every request, and decoding that row costs more than finding
//! it. A remembered value is given back only where the stored bytes are the very bytes it was made from, so there is nothing
//! to invalidate and no way to see an older state than the view that is read.

use super::table::{Record, unpack};
use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// The most rows that one thread remembers; then it begins anew.
const ROWS: usize = 512;
/// The largest value that is remembered, in bytes.
const LARGEST: usize = 4 * 1024;

/// The stored bytes of a row, and what they were decoded to.
type Remembered = (Box<[u8]>, Arc<dyn Any + Send + Sync>);

thread_local! {
    static MEMO: RefCell<HashMap<Box<[u8]>, Remembered>> = RefCell::default();
}

/// The value of `row` as `bytes` hold it.
pub(super) fn decoded<V: Record>(row: &[u8], bytes: &[u8]) -> Result<Arc<V>, String> {
    let known = MEMO.with_borrow(|memo| {
        let (made_from, value) = memo.get(row)?;
        (**made_from == *bytes).then(|| Arc::clone(value).downcast::<V>().ok()).flatten()
    });
    if let Some(known) = known {
        return Ok(known);
    }
    let value = Arc::new(unpack::<V>(bytes)?);
    if bytes.len() <= LARGEST {
        MEMO.with_borrow_mut(|memo| {
            if memo.len() >= ROWS {
                memo.clear();
            }
            memo.insert(row.into(), (bytes.into(), Arc::clone(&value) as Arc<dyn Any + Send + Sync>));
        });
    }
    Ok(value)
}

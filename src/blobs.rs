//! Bytes of run files on disk, below `run-files` in the data directory. Names here are random and the server's own: nothing a
//! client sends becomes part of a path. Bytes arrive in `incoming`, are synced, and are renamed into their run's directory before
//! the store says that they exist; a crash between the two leaves bytes that nobody refers to, never a file without bytes.
//! Which files there are, and who may have them, is `ops::runs::files`' business.

use crate::crypto::Random;
use crate::error::{Code, Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The directory of run files.
pub struct Blobs {
    root: PathBuf,
}

/// Bytes on their way; gone when this is dropped before [`Blobs::keep`].
pub struct Incoming {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl Blobs {
    /// Below the data directory. Bytes that were on their way when the server last stopped are removed.
    pub fn open(data_dir: &Path) -> Blobs {
        let root = data_dir.join("run-files");
        for entry in fs::read_dir(root.join("incoming")).into_iter().flatten().flatten() {
            let _ = fs::remove_file(entry.path());
        }
        Blobs { root }
    }

    /// The same beside a server that may be running: nothing is removed.
    pub fn beside(data_dir: &Path) -> Blobs {
        Blobs { root: data_dir.join("run-files") }
    }

    /// Begins to take bytes.
    pub fn begin(&self, random: &Random) -> Result<Incoming> {
        let dir = self.root.join("incoming");
        make_dir(&dir)?;
        let path = dir.join(random.letters(32)?);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        Ok(Incoming { file, path, kept: false })
    }

    /// Syncs what arrived and keeps it as bytes of a run; gives their name. They are on disk when this returns.
    pub fn keep(&self, mut incoming: Incoming, run: u64) -> Result<String> {
        incoming.file.sync_all().map_err(failed)?;
        let dir = self.dir(run);
        make_dir(&dir)?;
        let name = incoming.path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        fs::rename(&incoming.path, dir.join(&name)).map_err(failed)?;
        incoming.kept = true;
        // The rename is on disk once the directory is.
        File::open(&dir).and_then(|d| d.sync_all()).map_err(failed)?;
        Ok(name)
    }

    /// The bytes of a file.
    pub fn read(&self, run: u64, blob: &str) -> Result<File> {
        let path = self.path(run, blob).ok_or_else(|| Error::internal("a blob has an unusual name"))?;
        File::open(&path).map_err(|e| Error::internal(format!("{}: {e}", path.display())))
    }

    /// How many bytes there are; `None` where there are none.
    pub fn size(&self, run: u64, blob: &str) -> Option<u64> {
        Some(fs::metadata(self.path(run, blob)?).ok()?.len())
    }

    /// How many files of bytes there are in all, those on their way not counted.
    pub fn count(&self) -> u64 {
        let below = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let of_256 = below(self.root.clone()).filter(|dir| dir.file_name().is_some_and(|name| name != "incoming"));
        of_256.flat_map(below).flat_map(below).count() as u64
    }

    /// Removes bytes; those that are gone already are fine.
    pub fn remove(&self, run: u64, blob: &str) -> Result<()> {
        let Some(path) = self.path(run, blob) else { return Ok(()) };
        gone(fs::remove_file(path))
    }

    /// Removes all bytes of a run.
    pub fn remove_run(&self, run: u64) -> Result<()> {
        gone(fs::remove_dir_all(self.dir(run)))
    }

    /// Directories of 256, so that none holds all runs.
    fn dir(&self, run: u64) -> PathBuf {
        self.root.join(format!("{:02x}", run % 256)).join(run.to_string())
    }

    fn path(&self, run: u64, blob: &str) -> Option<PathBuf> {
        let plain = !blob.is_empty() && blob.bytes().all(|b| b.is_ascii_alphanumeric());
        plain.then(|| self.dir(run).join(blob))
    }
}

impl Incoming {
    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(failed)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn make_dir(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    // A new directory is on disk once those around it are: the run's, the one of 256, the root.
    for around in dir.ancestors().skip(1).take(3) {
        File::open(around).and_then(|d| d.sync_all()).map_err(failed)?;
    }
    Ok(())
}

fn gone(result: io::Result<()>) -> Result<()> {
    match result {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed(e)),
        _ => Ok(()),
    }
}

fn failed(e: io::Error) -> Error {
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::ReadOnlyFilesystem => {
            Error::new(Code::StoreReadOnly, "The file cannot be kept: the disk is full or read-only.")
                .hint("The administrator must make room.")
                .retry_after(30)
                .because(e)
        }
        _ => Error::internal(format!("run files: {e}")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn bytes_are_kept_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let (blobs, random) = (Blobs::open(dir.path()), Random::seeded(1));
        let mut incoming = blobs.begin(&random).unwrap();
        incoming.write(b"hello").unwrap();
        let name = blobs.keep(incoming, 300).unwrap();
        let mut text = String::new();
        blobs.read(300, &name).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), blobs.size(300, &name), blobs.count()), ("hello", Some(5), 1));
        drop(blobs.begin(&random).unwrap());
        let left = |dir: &Path| fs::read_dir(dir.join("run-files/incoming")).unwrap().count();
        assert_eq!(left(dir.path()), 0);
        std::mem::forget(blobs.begin(&random).unwrap());
        assert_eq!((left(dir.path()), Blobs::beside(dir.path()).count(), left(dir.path())), (1, 1, 1));
        Blobs::open(dir.path());
        assert_eq!(left(dir.path()), 0, "what a crash left is removed at the next start");
        for odd in ["../x", "", "a/b", "."] {
            assert!(blobs.read(300, odd).is_err());
        }
        blobs.remove(300, &name).unwrap();
        blobs.remove(300, &name).unwrap();
        blobs.remove_run(300).unwrap();
        blobs.remove_run(300).unwrap();
    }
}

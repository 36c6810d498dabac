//! Password hashing off the async threads: a few threads of lower priority behind a bounded queue, so that a storm of
//! sign-ins slows sign-ins and nothing else. Also the rules a new password must pass.

use crate::crypto::{self, HashMemory, Random};
use crate::error::{Code, Error, Result};
use crate::model::name;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use tokio::sync::oneshot;

/// The longest password, in bytes, checked before any hashing.
pub const PASSWORD_MAX: usize = 512;
/// The shortest password, in characters.
pub const PASSWORD_MIN: usize = 10;
/// How many hashes may wait.
const QUEUE: usize = 128;
/// How long a thread without work keeps the memory of its last hash.
const IDLE: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce(&mut HashMemory) + Send>;

/// The hashing threads.
pub struct Hasher {
    queue: SyncSender<Work>,
    random: Random,
}

impl Hasher {
    /// Starts `threads` of them.
    pub fn start(threads: usize, random: Random) -> Result<Self> {
        let (queue, work) = sync_channel::<Work>(QUEUE);
        let work = Arc::new(Mutex::new(work));
        for n in 0..threads.max(1) {
            let work = Arc::clone(&work);
            std::thread::Builder::new()
                .name(format!("hash-{n}"))
                .spawn(move || run(&work))
                .map_err(|e| Error::internal(format!("a hashing thread cannot start: {e}")))?;
        }
        Ok(Hasher { queue, random })
    }

    /// The PHC string of a new password.
    pub async fn hash(&self, password: String) -> Result<String> {
        let random = self.random.clone();
        self.run(move |_| crypto::hash_password(&password, &random)).await?
    }

    /// Whether `password` fits `hash`; without a hash the same work is done and the answer is no.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(crypto::decoy_hash);
        Ok(self.run(move |memory| crypto::verify_password_in(memory, &password, &hash)).await? && known)
    }

    async fn run<T: Send + 'static>(&self, f: impl FnOnce(&mut HashMemory) -> T + Send + 'static) -> Result<T> {
        let (answer, outcome) = oneshot::channel();
        let work: Work = Box::new(move |memory| drop(answer.send(f(memory))));
        match self.queue.try_send(work) {
            Ok(()) => outcome.await.map_err(|_| Error::internal("a hashing thread died")),
            Err(TrySendError::Full(_)) => Err(Error::new(Code::Busy, "Too many sign-ins are waiting.")
                .hint("Try again in a moment.")
                .retry_after(2)),
            Err(TrySendError::Disconnected(_)) => Err(Error::internal("the hashing threads are gone")),
        }
    }
}

fn run(work: &Mutex<Receiver<Work>>) {
    // Everything else a machine of few cores does goes first; a refusal to be nicer is no reason not to work.
    if let Err(e) = rustix::process::nice(5) {
        tracing::debug!(error = %e, "hashing threads keep the normal priority");
    }
    let mut memory = HashMemory::default();
    loop {
        let queue = work.lock();
        match queue.recv_timeout(IDLE) {
            Ok(work) => {
                drop(queue);
                work(&mut memory);
            }
            Err(RecvTimeoutError::Timeout) => {
                memory = HashMemory::default();
                // The others wait for the queue by this lock, with memory of their own to give back.
                MutexGuard::unlock_fair(queue);
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Checks a new password: [`PASSWORD_MIN`] characters, [`PASSWORD_MAX`] bytes, hard enough to guess, and not made of the
/// person's own names (NIST SP 800-63B §5.1.1.2).
pub fn check_new(password: &str, own: &[&str]) -> Result<()> {
    if password.len() > PASSWORD_MAX {
        return Err(Error::new(Code::WeakPassword, format!("The password is longer than {PASSWORD_MAX} bytes.")));
    }
    if password.contains('\0') {
        return Err(Error::new(Code::WeakPassword, "The password holds a character that no keyboard types."));
    }
    if password.chars().count() < PASSWORD_MIN {
        return Err(Error::new(Code::WeakPassword, format!("The password is shorter than {PASSWORD_MIN} characters."))
            .hint("Three or four unrelated words make a good one."));
    }
    // The estimate looks at the first hundred characters only, and takes odd capitals for strength (zxcvbn 3.1.1).
    let is_own = own.iter().any(|name| name::fold(name) == name::fold(password));
    let estimate = zxcvbn::zxcvbn(password, own);
    if is_own || estimate.score() < zxcvbn::Score::Three {
        return Err(Error::new(Code::WeakPassword, "The password is too easy to guess.")
            .hint("Three or four unrelated words make a good one."));
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hashing_threads_hash_and_verify() {
        let hasher = Hasher::start(1, Random::system()).unwrap();
        let hash = hasher.hash("four unrelated words".into()).await.unwrap();
        assert!(hasher.verify("four unrelated words".into(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify("four unrelated word".into(), Some(hash)).await.unwrap());
        assert!(!hasher.verify("anything".into(), None).await.unwrap());
    }

    #[test]
    fn weak_passwords_are_refused_before_hashing() {
        for bad in ["short", "password1234", "1234567890", &"x".repeat(513), "ab\0defghijklm"] {
            assert_eq!(check_new(bad, &[]).unwrap_err().code(), Code::WeakPassword, "{bad}");
        }
        for own in ["anamaria-lopez", "aNaMaRiA-lOpEz de La FuEnTe y MoNtOyA", &"ana lopez de la fuente ".repeat(8)] {
            assert!(check_new(own, &["ana", &own.to_lowercase()]).is_err(), "{own}");
        }
        check_new("plover ketch amber vault", &["ana"]).unwrap();
    }
}

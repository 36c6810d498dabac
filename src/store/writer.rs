//! Two threads that write. The *writer* runs closures from a bounded queue, each on its own overlay; the *committer* commits
//! what a whole batch of them wrote, then answers them all (group commit: many writers share one fsync). While a batch is
//! being committed the next one runs already, over the rows that are on their way; should those not arrive, it runs again.
//! Who writes alone is committed at once; a few who write at once share a commit; where many do, a batch waits a moment until
//! half of them are in it, so that the other half come and run while it is being committed.
//! A closure that fails or panics drops its own overlay and harms no other; a conflict runs the closures again.

use super::engine::{Batch, Commit, CommitError, Engine, EngineError, EngineFault, uncommitted};
use super::table::Directory;
use super::tx::{Base, MAX_TX, Tx};
use crate::error::{Error, Result};
use crate::meter::{self, Meter};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

/// Closures that wait at most; more are refused with [`crate::error::Code::Busy`].
pub(super) const QUEUE: usize = 4_096;
/// Closures that share one commit at most.
const BATCH: usize = 256;
/// So many are not halved: as long as running them takes, a commit takes however few share it.
const TOGETHER: usize = 8;
/// How long a batch waits at most, once it could be committed, for those who wrote a moment ago.
const GATHER: Duration = Duration::from_millis(1);
/// How often a batch is run again after conflicts.
const ATTEMPTS: usize = 10;

/// A closure that waits for its turn, then for its commit.
pub(super) trait Job: Send {
    /// Runs the closure; whether it succeeded. May be called again.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// The overlay was refused after the closure had succeeded.
    fn refuse(&mut self, e: Error);
    /// The batch is committed (`None`) or is not: answers whoever waits.
    fn settle(self: Box<Self>, failure: Option<Error>);
}

/// A closure with its outcome and with whoever waits for it.
pub(super) struct Pending<T, F, A> {
    closure: F,
    outcome: Option<Result<T>>,
    answer: A,
}

impl<T, F, A> Pending<T, F, A> {
    pub(super) fn new(closure: F, answer: A) -> Self {
        Pending { closure, outcome: None, answer }
    }
}

impl<T, F, A> Job for Pending<T, F, A>
where
    T: Send,
    F: Fn(&mut Tx) -> Result<T> + Send,
    A: FnOnce(Result<T>) + Send,
{
    fn run(&mut self, tx: &mut Tx) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.closure)(tx)))
            .unwrap_or_else(|_| Err(Error::internal("a write panicked; the log has the place")));
        let fine = outcome.is_ok();
        self.outcome = Some(outcome);
        fine
    }

    fn refuse(&mut self, e: Error) {
        self.outcome = Some(Err(e));
    }

    fn settle(self: Box<Self>, failure: Option<Error>) {
        let outcome = match (self.outcome, failure) {
            // A closure that failed by itself says why, whatever became of the batch.
            (Some(Err(own)), _) => Err(own),
            (_, Some(failure)) => Err(failure),
            (Some(fine), None) => fine,
            (None, None) => Err(Error::internal("a write was answered before it ran")),
        };
        (self.answer)(outcome);
    }
}

/// Where closures wait for the writer, and what wakes it.
#[derive(Default)]
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Box<dyn Job>>,
    outcome: Option<Outcome>,
    stopped: bool,
    /// How many closures must be there before the writer is woken for them.
    wanted: usize,
}

/// What the writer waits for where nothing is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// So many closures, until then.
    For(usize, Instant),
    /// Whatever comes.
    Any,
}

/// Why a closure was not taken.
pub(super) enum Refused {
    /// [`QUEUE`] others wait.
    Full,
    /// The writer ended, or is about to.
    Stopped,
}

/// What became of a batch.
struct Outcome {
    result: std::result::Result<Box<dyn Commit>, CommitError>,
    /// How many closures it was of.
    wrote: usize,
    /// The closures, where they are to run again.
    again: Vec<Box<dyn Job>>,
}

/// What the writer does next.
enum Next {
    Run(Box<dyn Job>),
    Committed(Outcome),
    /// Nothing is there now.
    Nothing,
}

impl Inbox {
    /// Queues `job`.
    pub(super) fn offer(&self, job: Box<dyn Job>) -> std::result::Result<(), Refused> {
        let mut waiting = self.waiting.lock();
        if waiting.stopped {
            return Err(Refused::Stopped);
        }
        if waiting.jobs.len() >= QUEUE {
            return Err(Refused::Full);
        }
        waiting.jobs.push_back(job);
        let enough = waiting.jobs.len() >= waiting.wanted;
        drop(waiting);
        if enough {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Takes no more; what was taken is finished.
    pub(super) fn stop(&self) {
        self.waiting.lock().stopped = true;
        self.changed.notify_one();
    }

    fn report(&self, outcome: Outcome) {
        self.waiting.lock().outcome = Some(outcome);
        self.changed.notify_one();
    }

    /// The next thing: an outcome first, then a closure unless there is no `room`. Waiting for one ends when the inbox is
    /// stopped and no outcome is `due`.
    fn next(&self, room: bool, patience: Patience, due: bool) -> Next {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(outcome) = waiting.outcome.take() {
                return Next::Committed(outcome);
            }
            if room && let Some(job) = waiting.jobs.pop_front() {
                return Next::Run(job);
            }
            if waiting.stopped && !due {
                return Next::Nothing;
            }
            match patience {
                Patience::Any => {
                    waiting.wanted = 1;
                    self.changed.wait(&mut waiting);
                }
                Patience::For(wanted, until) => {
                    waiting.wanted = wanted;
                    if self.changed.wait_until(&mut waiting, until).timed_out() && waiting.jobs.is_empty() {
                        return Next::Nothing;
                    }
                }
            }
        }
    }

    /// Every closure that waits now.
    fn take(&self) -> VecDeque<Box<dyn Job>> {
        std::mem::take(&mut self.waiting.lock().jobs)
    }

    fn len(&self) -> usize {
        self.waiting.lock().jobs.len()
    }
}

/// The two threads.
pub(super) struct Threads {
    /// Where they take closures from.
    pub(super) inbox: Arc<Inbox>,
    /// The one that ends last, and the other.
    writer: Mutex<Option<JoinHandle<()>>>,
    committer: ThreadId,
}

impl Threads {
    /// Finishes what was taken and waits for that. The last handle of a store may be dropped by a closure on one of the
    /// threads themselves, which then ends without being waited for.
    pub(super) fn end(&self) {
        self.inbox.stop();
        let Some(writer) = self.writer.lock().take() else { return };
        let here = std::thread::current().id();
        if here != writer.thread().id() && here != self.committer {
            let _ = writer.join();
        }
    }
}

/// Starts the two threads.
pub(super) fn start(engine: Arc<dyn Engine>, directory: Arc<Directory>) -> std::io::Result<Threads> {
    let inbox = Arc::new(Inbox::default());
    // One batch at a time is given, so it never blocks.
    let (hand, batches) = sync_channel::<Written>(1);
    let reports = Arc::clone(&inbox);
    let committer = std::thread::Builder::new().name("store-commit".to_owned()).spawn(move || {
        for written in batches {
            written.carry_out(|outcome| reports.report(outcome));
        }
    })?;
    let (orders, id) = (Arc::clone(&inbox), committer.thread().id());
    let writer = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
        let ended = Ended(&orders);
        let mut writer = Writer {
            engine: engine.as_ref(),
            directory: &directory,
            inbox: &orders,
            hand,
            flying: None,
            landed: (0, Instant::now()),
            next: None,
            begun: None,
            jobs: Vec::new(),
            bytes: 0,
            again: VecDeque::new(),
            attempts: 0,
        };
        writer.run();
        drop((writer, ended));
        let _ = committer.join();
    })?;
    Ok(Threads { inbox, writer: Mutex::new(Some(writer)), committer: id })
}

/// However the writer ends, nobody waits for it any more.
struct Ended<'a>(&'a Inbox);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        waiting.stopped = true;
        let left = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(left);
    }
}

/// A batch that only waits for its commit.
struct Written {
    commit: Box<dyn Commit>,
    rows: Arc<Batch>,
    jobs: Vec<Box<dyn Job>>,
}

impl Written {
    /// Commits, reports, then answers whoever waits, in this order: the next batch need not wait for the answers.
    fn carry_out(self, report: impl FnOnce(Outcome)) {
        let Written { commit, rows, jobs } = self;
        let wrote = jobs.len();
        let result = catch_unwind(AssertUnwindSafe(|| commit.commit(&rows))).unwrap_or_else(|_| {
            Err(CommitError::Unknown(EngineError::new(EngineFault::Failed, "a commit panicked; the log has the place")))
        });
        let failure = match &result {
            Ok(_) => {
                meter::count(Meter::StoreCommits);
                meter::add(Meter::StoreWrites, wrote as u64);
                None
            }
            Err(CommitError::Conflict) => return report(Outcome { result, wrote, again: jobs }),
            Err(e) => {
                tracing::error!(error = ?e, writes = wrote, "the store did not commit");
                Some(uncommitted(e))
            }
        };
        report(Outcome { result, wrote, again: Vec::new() });
        settle(jobs, failure.as_ref());
    }
}

fn settle(jobs: Vec<Box<dyn Job>>, failure: Option<&Error>) {
    for job in jobs {
        let failure = failure.map(again);
        // Whoever waits may panic in its callback; the others must not suffer for it.
        let _ = catch_unwind(AssertUnwindSafe(|| job.settle(failure)));
    }
}

/// What the closures of a batch run on, and the right to commit it; that one comes later where another batch is flying.
type Begun = (Rc<Base>, Option<Box<dyn Commit>>);

/// Runs closures, batch after batch.
struct Writer<'a> {
    engine: &'a dyn Engine,
    directory: &'a Arc<Directory>,
    inbox: &'a Inbox,
    hand: SyncSender<Written>,
    /// What is being committed.
    flying: Option<Arc<Batch>>,
    /// How many had written or waited when a batch came down last, and when that was.
    landed: (usize, Instant),
    /// The right to commit after what was committed last.
    next: Option<Box<dyn Commit>>,
    /// Of the batch that is growing.
    begun: Option<Begun>,
    jobs: Vec<Box<dyn Job>>,
    bytes: usize,
    /// Closures to run again, before any other.
    again: VecDeque<Box<dyn Job>>,
    /// How many commits in a row met a conflict.
    attempts: usize,
}

impl Writer<'_> {
    fn run(&mut self) {
        loop {
            let room = self.jobs.len() < BATCH && self.bytes < MAX_TX;
            if room && let Some(job) = self.again.pop_front() {
                self.execute(job);
                continue;
            }
            let flying = self.flying.is_some();
            let patience = match (flying, self.jobs.len()) {
                (true, _) | (_, 0) => Some(Patience::Any),
                (_, here) if room => gather(self.landed, here),
                _ => None,
            };
            let Some(patience) = patience else {
                // Whoever is in the queue already belongs to the next half.
                self.commit();
                continue;
            };
            match self.inbox.next(room, patience, flying) {
                Next::Run(job) => self.execute(job),
                Next::Committed(outcome) => self.committed(outcome),
                Next::Nothing if !self.jobs.is_empty() => self.commit(),
                Next::Nothing => return,
            }
        }
    }

    /// Runs one closure on the batch that is growing.
    fn execute(&mut self, mut job: Box<dyn Job>) {
        let base = match self.base() {
            Ok(base) => base,
            Err(e) => {
                // To begin again for each of many who wait by now would cost a try to open the file for each.
                let again = self.again.drain(..);
                let jobs = std::iter::once(job).chain(again).chain(self.inbox.take()).collect();
                return settle(jobs, Some(&e));
            }
        };
        self.bytes += layer(job.as_mut(), &base, self.directory);
        self.jobs.push(job);
    }

    fn base(&mut self) -> Result<Rc<Base>> {
        if let Some((base, _)) = &self.begun {
            return Ok(base.clone());
        }
        let commit = match (&self.flying, self.next.take()) {
            (Some(_), _) => None,
            (None, Some(next)) => Some(next),
            (None, None) => Some(self.engine.begin()?),
        };
        let base = Rc::new(Base::over(self.engine.view()?, self.flying.clone()));
        self.begun = Some((base.clone(), commit));
        Ok(base)
    }

    /// Hands the batch over; nothing is flying.
    fn commit(&mut self) {
        let jobs = std::mem::take(&mut self.jobs);
        self.bytes = 0;
        let Some((base, commit)) = self.begun.take() else { return settle(jobs, None) };
        // Every Tx is gone, so this is the last owner; with it goes the snapshot, which holds back the reuse of space.
        let rows = Rc::into_inner(base).map(|base| Arc::new(base.batch.into_inner()));
        let (Some(rows), Some(commit)) = (rows, commit.or_else(|| self.next.take())) else {
            return settle(jobs, Some(&Error::internal("a transaction outlived its closure")));
        };
        if rows.is_empty() {
            self.next = Some(commit);
            return settle(jobs, None);
        }
        let alone = jobs.len() == 1 && self.inbox.len() == 0;
        let written = Written { commit, rows, jobs };
        if alone {
            // Waking the other thread would only cost the one who waits its time.
            let mut outcome = None;
            written.carry_out(|o| outcome = Some(o));
            return outcome.into_iter().for_each(|outcome| self.committed(outcome));
        }
        self.flying = Some(Arc::clone(&written.rows));
        if let Err(e) = self.hand.send(written) {
            self.flying = None;
            settle(e.0.jobs, Some(&Error::internal("the committing thread is gone")));
        }
    }

    /// The batch that was flying came down.
    fn committed(&mut self, outcome: Outcome) {
        self.flying = None;
        self.landed = (outcome.wrote + self.jobs.len() + self.inbox.len(), Instant::now());
        match outcome.result {
            Ok(next) => {
                self.next = Some(next);
                self.attempts = 0;
                return;
            }
            Err(e @ CommitError::Conflict) if self.attempts + 1 >= ATTEMPTS => {
                self.attempts = 0;
                settle(outcome.again, Some(&uncommitted(&e)));
            }
            Err(CommitError::Conflict) => {
                self.attempts += 1;
                self.again.extend(outcome.again);
            }
            Err(_) => {}
        }
        // What ran meanwhile ran on rows that are not there.
        self.begun = None;
        self.bytes = 0;
        self.again.extend(self.jobs.drain(..));
    }
}

/// What a batch of `here` closures waits for before its commit, if for anything. A commit costs nearly the same whether few or many share it,
/// and clients who were answered together come back one after the other: without this, sixty-four of them end in batches of
/// eight. With all of many in one batch, on the other hand, nobody would be left to run while it is being committed. So it
/// waits for half of those who had `landed` or waited then, or for [`TOGETHER`], not longer than [`GATHER`] after that.
fn gather((known, at): (usize, Instant), here: usize) -> Option<Patience> {
    let wanted = known.div_ceil(2).max(known.min(TOGETHER));
    (here < wanted).then(|| Patience::For(wanted - here, at + GATHER))
}

/// Runs one closure; what it wrote joins the batch if it succeeded. Gives the bytes written.
fn layer(job: &mut dyn Job, base: &Rc<Base>, directory: &Arc<Directory>) -> usize {
    let mut tx = Tx::new(base.clone(), directory.clone());
    if !job.run(&mut tx) {
        return 0;
    }
    match tx.finish() {
        Ok((overlay, bytes)) => {
            base.batch.borrow_mut().extend(overlay);
            bytes
        }
        Err(e) => {
            job.refuse(e);
            0
        }
    }
}

/// The same failure for each who waits; the cause went to the log once.
fn again(e: &Error) -> Error {
    let mut copy = Error::new(e.code(), e.detail().to_owned());
    if let Some(hint) = e.next_step() {
        copy = copy.hint(hint.to_owned());
    }
    if let Some(seconds) = e.retry_after_seconds() {
        copy = copy.retry_after(seconds);
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_waits_for_those_who_wrote_a_moment_ago_and_for_nobody_else() {
        let at = Instant::now();
        assert_eq!(gather((0, at), 1), None, "the first one ever");
        assert_eq!(gather((1, at), 1), None, "who writes alone");
        assert_eq!(gather((2, at), 1), Some(Patience::For(1, at + GATHER)), "a few are not halved");
        assert_eq!(gather((9, at), 2), Some(Patience::For(6, at + GATHER)));
        assert_eq!(gather((64, at), 31), Some(Patience::For(1, at + GATHER)));
        assert_eq!(gather((64, at), 32), None, "half of them are here");
        assert_eq!(gather((64, at), 65), None);
    }
}

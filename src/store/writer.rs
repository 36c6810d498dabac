//! The one writer: a thread that drains a bounded queue of closures, runs each on its own overlay over one engine
//! transaction, commits once, then answers them all (group commit: many writers share one fsync).
//! While many write at once a batch waits a moment for company: a commit costs the same for one closure as for dozens.
//! A closure that fails or panics drops its own overlay and harms no other; a conflict runs the whole batch again.

use super::engine::{CommitError, Engine, uncommitted};
use super::table::Directory;
use super::tx::{Base, MAX_TX, Tx};
use crate::error::{Error, Result};
use crate::meter::{self, Meter};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

/// Closures that wait at most; more are refused with [`crate::error::Code::Busy`].
pub(super) const QUEUE: usize = 4_096;
/// Closures that share one commit at most.
const BATCH: usize = 256;
/// How long a batch waits at a time for company.
const NAP: Duration = Duration::from_micros(250);
/// The longest that one commit can make the next batch wait.
const PATIENCE: Duration = Duration::from_millis(5);
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

/// What the writer is told.
pub(super) enum Order {
    /// Run this.
    Run(Box<dyn Job>),
    /// Finish what was queued before this, then end.
    Stop,
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

/// Runs until it is told to stop or every sender is gone.
///
/// Whoever wrote while the last commit ran was either in it or is in the queue when it ends: so many write at once. Left
/// alone they would go on in two halves, one waiting for the other's fsync, and pay two where one would do; so a batch that
/// is smaller waits for the others to come again, half as long as a commit takes. A single client never waits.
pub(super) fn run(engine: &Arc<dyn Engine>, directory: &Arc<Directory>, queue: &Receiver<Order>) {
    let mut source = Source { queue, ready: VecDeque::new(), given: 0, company: 0, until: None, stopping: false };
    while source.wait() {
        batch(engine.as_ref(), directory, &mut source);
    }
}

/// Hands out closures, batch by batch.
struct Source<'a> {
    queue: &'a Receiver<Order>,
    /// Taken off the queue already.
    ready: VecDeque<Box<dyn Job>>,
    /// How many of this batch were handed out.
    given: usize,
    /// How many make a batch that need not wait, and until when it may.
    company: usize,
    until: Option<Instant>,
    stopping: bool,
}

impl Source<'_> {
    /// Blocks until there is something to do; `false` when there will be nothing more.
    fn wait(&mut self) -> bool {
        if self.ready.is_empty() && !self.stopping {
            match self.queue.recv() {
                Ok(Order::Run(job)) => self.ready.push_back(job),
                Ok(Order::Stop) | Err(_) => self.stopping = true,
            }
        }
        self.given = 0;
        !self.ready.is_empty()
    }

    fn next(&mut self) -> Option<Box<dyn Job>> {
        while self.ready.is_empty() && !self.take() {
            let now = Instant::now();
            let until = self.until.filter(|until| self.given < self.company && !self.stopping && now < *until)?;
            std::thread::sleep(NAP.min(until - now));
        }
        let job = self.ready.pop_front()?;
        self.given += 1;
        Some(job)
    }

    /// Takes one off the queue, if there is one.
    fn take(&mut self) -> bool {
        if self.stopping {
            return false;
        }
        match self.queue.try_recv() {
            Ok(Order::Run(job)) => {
                self.ready.push_back(job);
                true
            }
            Ok(Order::Stop) | Err(TryRecvError::Disconnected) => {
                self.stopping = true;
                false
            }
            Err(TryRecvError::Empty) => false,
        }
    }

    /// A commit of `jobs` took `took`: finds out how many write at once.
    fn committed(&mut self, jobs: usize, took: Duration) {
        while self.ready.len() < BATCH && self.take() {}
        self.company = (jobs + self.ready.len()).min(BATCH);
        self.until = Some(Instant::now() + (took / 2).min(PATIENCE));
    }
}

fn batch(engine: &dyn Engine, directory: &Arc<Directory>, source: &mut Source<'_>) {
    let mut jobs: Vec<Box<dyn Job>> = Vec::new();
    let mut failure = None;
    for attempt in 0..ATTEMPTS {
        let base = match engine.begin() {
            Ok(commit) => Rc::new(Base { commit, batch: RefCell::default() }),
            Err(e) => {
                jobs.extend(std::iter::from_fn(|| source.next()).take(BATCH));
                failure = Some(e.into());
                break;
            }
        };
        let mut bytes = 0;
        if attempt == 0 {
            while jobs.len() < BATCH
                && bytes < MAX_TX
                && let Some(mut job) = source.next()
            {
                bytes += layer(job.as_mut(), &base, directory);
                jobs.push(job);
            }
        } else {
            for job in &mut jobs {
                layer(job.as_mut(), &base, directory);
            }
        }
        // Every Tx is gone, so this is the last owner.
        let Some(base) = Rc::into_inner(base) else {
            failure = Some(Error::internal("a transaction outlived its closure"));
            break;
        };
        let rows = base.batch.into_inner();
        failure = None;
        if rows.is_empty() {
            break;
        }
        let started = Instant::now();
        match base.commit.commit(rows) {
            Ok(()) => {
                source.committed(jobs.len(), started.elapsed());
                meter::count(Meter::StoreCommits);
                meter::add(Meter::StoreWrites, jobs.len() as u64);
                break;
            }
            Err(e) => {
                if !matches!(e, CommitError::Conflict) {
                    tracing::error!(error = ?e, writes = jobs.len(), "the store did not commit");
                }
                failure = Some(uncommitted(&e));
                if !matches!(e, CommitError::Conflict) {
                    break;
                }
            }
        }
    }
    for job in jobs {
        let failure = failure.as_ref().map(again);
        // Whoever waits may panic in its callback; the writer must not die of it.
        let _ = catch_unwind(AssertUnwindSafe(|| job.settle(failure)));
    }
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

//! Bounds on a request's body: its size, and how long a client may take to send it. The head has its own bounds in the
//! server; this wraps the body's stream, and costs next to nothing until a client is slow.
//!
//! The server reads a chunked body that nobody wants any more to its end, and such a body may have none. A body that was
//! not read to its end is therefore kept alive until its answer is sent ([`Bounds::outlive`]): then the server closes.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;
use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// Whether bytes of a file go to or from `path`: its handler knows how many may come.
fn is_transfer(path: &str) -> bool {
    path.starts_with("/files/transfer/")
}

/// The most bytes that a body sent to `path` may have.
pub fn limit_of(path: &str) -> u64 {
    if is_transfer(path) {
        u64::MAX
    } else if path.trim_end_matches('/') == super::reply::TOKEN_PATH {
        super::TOKEN_LIMIT as u64
    } else if path.starts_with("/files/") {
        super::STREAM_LIMIT as u64
    } else {
        super::BODY_LIMIT as u64
    }
}

/// How long a client may take to send a whole body.
const PATIENCE: Duration = Duration::from_secs(30);

struct Shared {
    payload: RefCell<Payload>,
    ended: Cell<bool>,
}

/// The middleware's hold on a body that a handler reads.
pub struct Bounds(Rc<Shared>);

impl Bounds {
    /// Takes hold of `payload` of a request to `path`; the handler gets the [`Bounded`] form.
    pub fn new(payload: Payload, path: &str) -> (Bounds, Bounded) {
        let shared = Rc::new(Shared { payload: RefCell::new(payload), ended: Cell::new(false) });
        let (left, steady) = (limit_of(path), is_transfer(path));
        (Bounds(Rc::clone(&shared)), Bounded { shared, left, steady, deadline: None })
    }

    /// The answer's body, keeping the request's alive unless it was read to its end.
    pub fn outlive(self, answer: BoxBody) -> BoxBody {
        if self.0.ended.get() { answer } else { BoxBody::new(Held { answer, _request: self.0 }) }
    }
}

/// A body that ends in an error once it is too large or too slow.
pub struct Bounded {
    shared: Rc<Shared>,
    left: u64,
    /// Whether the patience is for the next bytes rather than for all of them: a large file may take its time.
    steady: bool,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Stream for Bounded {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut *self.shared.payload.borrow_mut()).poll_next(cx);
        match polled {
            Poll::Ready(Some(Ok(chunk))) => match self.left.checked_sub(chunk.len() as u64) {
                Some(left) => {
                    self.left = left;
                    if self.steady {
                        self.deadline = None;
                    }
                    Poll::Ready(Some(Ok(chunk)))
                }
                None => Poll::Ready(Some(Err(PayloadError::Overflow))),
            },
            Poll::Ready(None) => {
                self.shared.ended.set(true);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            Poll::Pending => {
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)));
                match deadline.as_mut().poll(cx) {
                    Poll::Ready(()) => {
                        let slow = io::Error::new(io::ErrorKind::TimedOut, "the body took too long to arrive");
                        Poll::Ready(Some(Err(PayloadError::Io(slow))))
                    }
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

/// An answer's body with the request's that it must outlive.
struct Held {
    answer: BoxBody,
    _request: Rc<Shared>,
}

impl MessageBody for Held {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(cx)
    }
}

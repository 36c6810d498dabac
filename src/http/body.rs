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

/// How long a client may take to send a whole body.
const PATIENCE: Duration = Duration::from_secs(30);

struct Shared {
    payload: RefCell<Payload>,
    ended: Cell<bool>,
}

/// The middleware's hold on a body that a handler reads.
pub struct Bounds(Rc<Shared>);

impl Bounds {
    /// Takes hold of `payload`; the handler gets the [`Bounded`] form.
    pub fn new(payload: Payload) -> (Bounds, Bounded) {
        let shared = Rc::new(Shared { payload: RefCell::new(payload), ended: Cell::new(false) });
        (Bounds(Rc::clone(&shared)), Bounded { shared, left: super::BODY_LIMIT, deadline: None })
    }

    /// The answer's body, keeping the request's alive unless it was read to its end.
    pub fn outlive(self, answer: BoxBody) -> BoxBody {
        if self.0.ended.get() { answer } else { BoxBody::new(Held { answer, _request: self.0 }) }
    }
}

/// A body that ends in an error once it is too large or too slow.
pub struct Bounded {
    shared: Rc<Shared>,
    left: usize,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Stream for Bounded {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut *self.shared.payload.borrow_mut()).poll_next(cx);
        match polled {
            Poll::Ready(Some(Ok(chunk))) => match self.left.checked_sub(chunk.len()) {
                Some(left) => {
                    self.left = left;
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

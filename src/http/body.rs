//! Bounds on a request's body: its size, and how long a client may take to send it. The head has its own bounds in the
//! server; this wraps the body's stream, and costs nothing until a client is slow.

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// How long a client may take to send a whole body.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body that ends in an error once it is too large or too slow.
pub struct Bounded {
    inner: Payload,
    left: usize,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Bounded {
    /// Bounds `inner` by the server's limits.
    pub fn new(inner: Payload) -> Self {
        Bounded { inner, left: super::BODY_LIMIT, deadline: None }
    }
}

impl Stream for Bounded {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match Pin::new(&mut self.inner).poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => match self.left.checked_sub(chunk.len()) {
                Some(left) => {
                    self.left = left;
                    Poll::Ready(Some(Ok(chunk)))
                }
                None => Poll::Ready(Some(Err(PayloadError::Overflow))),
            },
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
            other => other,
        }
    }
}

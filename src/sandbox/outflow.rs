//! The body of an answer: at once, or in pieces over some time.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::Sleep;

/// The pieces of a slow body.
const PIECES: usize = 8;

pub struct Outflow {
    rest: Bytes,
    piece: usize,
    /// From the first piece to the last.
    slow: Duration,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Outflow {
    pub fn of(body: Vec<u8>) -> Self {
        let piece = body.len().div_ceil(PIECES).max(1);
        Outflow { rest: Bytes::from(body), piece, slow: Duration::ZERO, pause: None }
    }
}

impl Outflow {
    /// The same, spread over this time.
    pub fn over(self, slow: Duration) -> Self {
        Outflow { slow, ..self }
    }
}

impl Body for Outflow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if self.slow.is_zero() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.rest)))));
        }
        let wait = self.slow / PIECES as u32;
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
        if pause.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.pause = None;
        let size = self.piece.min(self.rest.len());
        let piece = self.rest.split_to(size);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

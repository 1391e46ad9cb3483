//! A body in pieces: what surrounds a large answer is not copied together with it.

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Pieces that follow each other; the size is known, so that it is told in front.
#[derive(Debug)]
pub(super) struct Pieces {
    /// The next one last.
    left: Vec<Bytes>,
}

impl Pieces {
    pub(super) fn new<const N: usize>(mut pieces: [Bytes; N]) -> Self {
        pieces.reverse();
        Self { left: pieces.into_iter().filter(|piece| !piece.is_empty()).collect() }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.left.pop().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.iter().map(|piece| piece.len() as u64).sum())
    }
}

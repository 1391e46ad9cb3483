//! A body in pieces: what surrounds a large answer is not copied together with it, and a larger one is written as it is sent.

use super::output::Rows;
use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Pieces that follow each other. If all are at hand the size is known, and told in front.
#[derive(Debug)]
pub(super) struct Pieces {
    /// The next one last.
    left: Vec<Bytes>,
    /// What comes before the last one and is not written yet.
    more: Option<Rows>,
}

impl Pieces {
    pub(super) fn new<const N: usize>(mut pieces: [Bytes; N], more: Option<Rows>) -> Self {
        pieces.reverse();
        Self { left: pieces.into_iter().filter(|piece| !piece.is_empty()).collect(), more }
    }

    fn next(&mut self) -> Option<Bytes> {
        let rows = self.more.as_mut().filter(|_| self.left.len() == 1);
        let Some((mut piece, is_last)) = rows.and_then(|rows| Some((rows.next()?, rows.are_done()))) else {
            return self.left.pop();
        };
        if is_last {
            // Few bytes, which would else be sent by themselves.
            piece.extend_from_slice(&self.left.pop()?);
        }
        Some(piece.into())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let size_bytes = self.left.iter().map(|piece| piece.len() as u64).sum();
        let mut hint = SizeHint::new();
        match self.more.as_ref().is_none_or(Rows::are_done) {
            true => hint.set_exact(size_bytes),
            false => hint.set_lower(size_bytes),
        }
        hint
    }
}

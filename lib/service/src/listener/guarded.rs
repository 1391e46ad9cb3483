//! A stream that runs out of patience with its peer.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long to wait for a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From the start until the first request has come, however many bytes trickle in.
    pub(crate) first: Duration,
    /// Afterwards, from one byte that moves to the next.
    pub(crate) idle: Duration,
}

/// Fails reads and writes that wait longer than its [`Patience`].
#[derive(Debug)]
pub(crate) struct Guarded<S> {
    stream: S,
    patience: Patience,
    opened: Instant,
    last_moved: Instant,
    first: FirstRequest,
    timer: Pin<Box<Sleep>>,
}

/// Tells a [`Guarded`] stream that its first request has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct FirstRequest(Arc<AtomicBool>);

impl FirstRequest {
    pub(crate) fn came(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whether `err` comes from a stream that ran out of patience.
pub(crate) fn ran_out(err: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(err);
    while let Some(err) = cause {
        let io = err.downcast_ref::<io::Error>().is_some_and(|err| err.kind() == io::ErrorKind::TimedOut);
        if io || err.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_timeout) {
            return true;
        }
        cause = err.source();
    }
    false
}

impl<S> Guarded<S> {
    pub(crate) fn new(stream: S, patience: Patience) -> Self {
        let now = Instant::now();
        let timer = Box::pin(sleep_until(now + patience.first));
        Self { stream, patience, opened: now, last_moved: now, first: FirstRequest::default(), timer }
    }

    pub(crate) fn first_request(&self) -> FirstRequest {
        self.first.clone()
    }

    /// For a read or write that waits: an error once it has waited too long.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let due = match self.first.0.load(Ordering::Relaxed) {
                false => self.opened + self.patience.first,
                true => self.last_moved + self.patience.idle,
            };
            if Instant::now() >= due {
                let text = "the peer sent or took nothing for too long";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)));
            }
            // Set only when something waits: bytes that move cost no timer.
            if self.timer.deadline() != due {
                self.timer.as_mut().reset(due);
            }
            std::task::ready!(self.timer.as_mut().poll(context));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_read(context, buf) {
            Poll::Pending => this.poll_patience(context),
            done => {
                this.last_moved = Instant::now();
                done
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    fn poll_moved<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Pending => match std::task::ready!(self.poll_patience(context)) {
                Err(err) => Poll::Ready(Err(err)),
                Ok(()) => Poll::Pending,
            },
            done => {
                self.last_moved = Instant::now();
                done
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.poll_moved(context, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.poll_moved(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

//! What both sides put around the messages of a call: they are counted and limited, the deadline is held, the end is noted.

use super::methods::code_of;
use super::metrics::Call;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use prometheus_client::metrics::counter::Counter;
use proto::messages::Counted;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::body::Body;
use tonic::{Code, Status};

/// Header by which a client tells how long it will wait.
const TIMEOUT: &str = "grpc-timeout";
/// The format allows that many digits.
const TIMEOUT_DIGITS: usize = 8;
/// A header that tonic decodes without a check that it can be decoded. Nobody here reads it.
const DETAILS: &str = "grpc-status-details-bin";

/// When the client will have given up; nothing if it said nothing that can be understood.
pub(super) fn deadline(headers: &HeaderMap) -> Option<Instant> {
    Instant::now().checked_add(timeout(headers.get(TIMEOUT)?.to_str().ok()?)?)
}

fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > TIMEOUT_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

pub(super) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("the deadline of the call has passed")
}

pub(super) fn panicked() -> Status {
    Status::internal("internal error: a bug, and logged")
}

/// Takes out of headers or trailers what must not reach tonic.
pub(super) fn without_details(headers: &mut HeaderMap) {
    headers.remove(DETAILS);
}

/// Messages on their way in (to a handler) or out (of a client), counted.
pub(super) struct Passing {
    inner: Body,
    messages: Counted,
    counter: Counter,
}

impl Passing {
    pub(super) fn new(inner: Body, limit_bytes: usize, counter: Counter) -> Self {
        Self { inner, messages: Counted::new(limit_bytes), counter }
    }
}

impl http_body::Body for Passing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let polled = ready!(Pin::new(&mut this.inner).poll_frame(context));
        if let Some(data) = polled.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            match this.messages.pass(data) {
                Ok(begun) => this.counter.inc_by(begun.messages),
                Err(status) => return Poll::Ready(Some(Err(status))),
            };
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}

/// The messages and the end of an answer. On a server, whatever goes wrong becomes trailers; on a client, an error.
pub(super) struct Answer {
    inner: Body,
    messages: Counted,
    /// `None` once the answer has ended.
    call: Option<Call>,
    deadline: Option<Pin<Box<Sleep>>>,
    side: Side,
}

/// Who the answer is for.
pub(super) enum Side {
    /// For a client of this process. The function is told what a panic said.
    Server(OnPanic),
    /// For this process, from the peer at this address.
    Client(Arc<str>),
}

/// Told what a panic said.
pub(super) type OnPanic = Arc<dyn Fn(&(dyn Any + Send)) + Send + Sync>;

impl Answer {
    /// Messages of at most `limit_bytes`; longer ones, and what comes after the deadline, end it.
    pub(super) fn new(inner: Body, limit_bytes: usize, call: Call, deadline: Option<Instant>, side: Side) -> Self {
        let deadline = deadline.map(|at| Box::pin(sleep_until(at)));
        Self { inner, messages: Counted::new(limit_bytes), call: Some(call), deadline, side }
    }

    fn poll_inner(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let inner = Pin::new(&mut self.inner);
        let polled = match &self.side {
            Side::Client(address) => inner.poll_frame(context).map_err(|status| unreachable_peer(address, &status)),
            Side::Server(on_panic) => match catch_unwind(AssertUnwindSafe(|| inner.poll_frame(context))) {
                Ok(polled) => polled,
                Err(payload) => {
                    on_panic(payload.as_ref());
                    Poll::Ready(Some(Err(panicked())))
                }
            },
        };
        if let (Poll::Pending, Some(deadline)) = (&polled, &mut self.deadline) {
            ready!(deadline.as_mut().poll(context));
            return Poll::Ready(Some(Err(deadline_exceeded())));
        }
        polled
    }

    fn count(&mut self, data: &[u8]) -> Result<(), Status> {
        let begun = self.messages.pass(data)?;
        if let Some(call) = &self.call {
            let counter = if matches!(self.side, Side::Server(_)) { &call.sent } else { &call.received };
            counter.inc_by(begun.messages);
        }
        Ok(())
    }

    /// Ends with `status`.
    fn end(&mut self, status: Status) -> Option<Result<Frame<Bytes>, Status>> {
        self.ended(status.code());
        if matches!(self.side, Side::Client(_)) {
            return Some(Err(status));
        }
        let mut trailers = HeaderMap::new();
        match status.add_header(&mut trailers) {
            Ok(()) => Some(Ok(Frame::trailers(trailers))),
            Err(status) => Some(Err(status)),
        }
    }

    fn ended(&mut self, code: Code) {
        if let Some(mut call) = self.call.take() {
            call.code = code;
        }
    }
}

/// The status of a call whose connection failed.
pub(super) fn unreachable_peer(address: &str, status: &Status) -> Status {
    // What is not known to be the peer's fault is the connection's, and a retry may help.
    let code = if status.code() == Code::Unknown { Code::Unavailable } else { status.code() };
    Status::new(code, format!("{address}: {}", status.message()))
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.call.is_none() {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(this.poll_inner(context)) {
            None => {
                this.ended(Code::Unknown);
                None
            }
            Some(Err(status)) => this.end(status),
            Some(Ok(mut frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    without_details(trailers);
                    this.ended(code_of(trailers).unwrap_or(Code::Unknown));
                } else if let Some(Err(status)) = frame.data_ref().map(|data| this.count(data)) {
                    return Poll::Ready(this.end(status));
                }
                Some(Ok(frame))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.call.is_none() || self.inner.is_end_stream()
    }
}

#[cfg(test)]
mod tests;

//! Memory for the messages of a service, taken before they are put together.
//!
//! Its size stands in front of a message. So much is taken, and half of it more for what will be made of the message, before
//! more is read than its beginning; who does not get it within a while is told to come again. The memory lies among the
//! request's extensions: a handler that keeps these with what it made of the message keeps the memory.

use crate::{Account, NoMemory, Reserved};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use parking_lot::Mutex;
use proto::messages::Counted;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

/// What all calls of some services may take.
#[derive(Debug, Clone)]
pub struct MessageBudget {
    account: Account,
    /// Places for those that wait: a message that came compressed is there as a whole by then.
    waiting: Arc<Semaphore>,
}

/// At most so many wait for memory; more are sent away at once.
const WAITING: usize = 8;
/// For what is made of a message it takes a half of its size more.
const SHARE: usize = 2;

/// A service whose messages are within a budget.
#[derive(Debug, Clone)]
pub struct Budgeted<S> {
    inner: S,
    budget: MessageBudget,
}

/// What the messages of one call took.
#[derive(Debug, Clone, Default)]
struct Held(Arc<Mutex<Option<Reserved>>>);

impl MessageBudget {
    /// A budget of `size_bytes`, which must be half as much again as the largest message or more; a call waits for memory as
    /// long as `patience`.
    pub fn new(size_bytes: u32, patience: Duration) -> Self {
        Self { account: Account::new(size_bytes, patience), waiting: Arc::new(Semaphore::new(WAITING)) }
    }

    /// Puts `service` within it.
    pub fn around<S>(&self, service: S) -> Budgeted<S> {
        Budgeted { inner: service, budget: self.clone() }
    }

    /// How much is taken now.
    pub fn taken_bytes(&self) -> u32 {
        self.account.taken_bytes()
    }

    /// Takes memory for messages of `bytes` in all.
    async fn take(self, bytes: usize) -> Result<Reserved, Status> {
        let wanted = u32::try_from(bytes.saturating_add(bytes / SHARE)).unwrap_or(u32::MAX);
        let busy = || Status::unavailable("no memory is free for this message, others are in flight; try again later");
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        self.account.take(wanted).await.map_err(|why| match why {
            NoMemory::Now => busy(),
            NoMemory::Ever => Status::resource_exhausted(format!(
                "a message of {bytes} bytes takes more than the budget of {} bytes",
                self.account.size_bytes()
            )),
        })
    }
}

impl<S: NamedService> NamedService for Budgeted<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Budgeted<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        let held = Held::default();
        request.extensions_mut().insert(held.clone());
        let budget = self.budget.clone();
        let messages = Counted::new(usize::MAX);
        self.inner.call(request.map(|inner| Body::new(Taking { inner, messages, budget, held, taking: None })))
    }
}

/// A body whose messages take memory as they begin.
struct Taking {
    inner: Body,
    messages: Counted,
    budget: MessageBudget,
    held: Held,
    /// A frame, and the memory that it waits for.
    taking: Option<(Frame<Bytes>, Take)>,
}

type Take = Pin<Box<dyn Future<Output = Result<Reserved, Status>> + Send>>;

impl http_body::Body for Taking {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        loop {
            if let Some((_, take)) = &mut this.taking {
                let taken = ready!(take.as_mut().poll(context));
                let frame = this.taking.take().map(|(frame, _)| frame);
                return Poll::Ready(match taken {
                    Ok(reserved) => {
                        this.held.add(reserved);
                        frame.map(Ok)
                    }
                    Err(status) => Some(Err(status)),
                });
            }
            let polled = ready!(Pin::new(&mut this.inner).poll_frame(context));
            let Some(Ok(frame)) = polled else { return Poll::Ready(polled) };
            let begun = frame.data_ref().map(|data| this.messages.pass(data)).transpose();
            match begun.map(|begun| begun.map_or(0, |begun| begun.bytes)) {
                Ok(0) => return Poll::Ready(Some(Ok(frame))),
                Ok(bytes) => this.taking = Some((frame, Box::pin(this.budget.clone().take(bytes)))),
                Err(status) => return Poll::Ready(Some(Err(status))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.taking.is_none() && self.inner.is_end_stream()
    }
}

impl Held {
    fn add(&self, more: Reserved) {
        let mut held = self.0.lock();
        match held.as_mut() {
            Some(held) => held.join(more),
            None => *held = Some(more),
        }
    }
}

#[cfg(test)]
mod tests;

//! Work that blocks, as a stream.

use super::internal;
use crate::store::StoreError;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Items that may wait for the reader.
const ITEMS_AHEAD: usize = 2;

/// Where a walk puts what it finds.
pub(super) struct Sink<T>(mpsc::Sender<Result<T, StoreError>>);

/// Why a walk ended before its end.
pub(super) enum Stopped {
    /// Nobody reads any more.
    Gone,
    Failed(StoreError),
}

impl<T> Sink<T> {
    /// Waits until the reader can take `item`.
    pub(super) fn send(&self, item: T) -> Result<(), Stopped> {
        self.0.blocking_send(Ok(item)).map_err(|_| Stopped::Gone)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Runs `walk` on the blocking pool and gives what it sends, then its error. A slow reader stops it, a dropped stream ends
/// it at the next item.
pub(super) fn stream<T: Send + 'static>(
    store: Arc<str>,
    walk: impl FnOnce(&Sink<T>) -> Result<(), Stopped> + Send + 'static,
) -> BoxStream<'static, Result<T, StoreError>> {
    let (sender, received) = mpsc::channel(ITEMS_AHEAD);
    let task = tokio::task::spawn_blocking(move || {
        let sink = Sink(sender);
        if let Err(Stopped::Failed(error)) = walk(&sink) {
            // Nobody left to tell is no fault.
            let _ = sink.0.blocking_send(Err(error));
        }
    });
    // A walk that panicked must not look like one that ended.
    let end = futures::stream::once(task)
        .filter_map(move |ended| std::future::ready(ended.err().map(|panic| Err(internal(&store, panic)))));
    ReceiverStream::new(received).chain(end).boxed()
}

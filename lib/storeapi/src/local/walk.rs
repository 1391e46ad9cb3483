//! Walks over local sources: they block, so they are pulled by who may block, or on tokio's blocking pool.

use super::internal;
use crate::store::{SeriesFrame, SeriesStream, SeriesWalk, StoreError};
use futures::StreamExt;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Frames that may wait for the reader.
const FRAMES_AHEAD: usize = 2;

/// The walk whose frames `next` gives, up to the first error.
pub(super) fn of(
    at_most: Option<u64>,
    has_used_labels_only: bool,
    mut next: impl FnMut() -> Result<Option<SeriesFrame>, StoreError> + Send + 'static,
) -> SeriesWalk {
    let mut ended = false;
    let frames = std::iter::from_fn(move || {
        let frame = if ended { None } else { next().transpose() };
        ended = !matches!(frame, Some(Ok(_)));
        frame
    });
    SeriesWalk { frames: Box::new(frames), at_most, has_used_labels_only }
}

/// The frames of `walk`, pulled on the blocking pool. A slow reader stops it, a dropped stream ends it at the next frame.
pub(super) fn stream(store: Arc<str>, walk: SeriesWalk) -> SeriesStream {
    let (frames, received) = mpsc::channel(FRAMES_AHEAD);
    let task = tokio::task::spawn_blocking(move || {
        for frame in walk.frames {
            if frames.blocking_send(frame).is_err() {
                // Nobody reads any more.
                return;
            }
        }
    });
    // A walk that panicked must not look like one that ended.
    let end = futures::stream::once(task)
        .filter_map(move |ended| std::future::ready(ended.err().map(|panic| Err(internal(&store, panic)))));
    ReceiverStream::new(received).chain(end).boxed()
}

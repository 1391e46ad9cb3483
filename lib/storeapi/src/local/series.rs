//! `Series` over local sources.

use super::{SourceGroup, internal};
use crate::merge::MergedCursor;
use crate::relabel::RelabeledCursor;
use crate::store::{SeriesBatch, SeriesFrame, SeriesRequest, SeriesStream, StoreError};
use futures::StreamExt;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tsdb::{ChunkSeriesBatch, SeriesCursor, SourceError};

/// Series a frame: the unit in which the engine evaluates.
const FRAME_SERIES: usize = 128;
/// Frames that may wait for the reader.
const FRAMES_AHEAD: usize = 2;

pub(super) fn stream(store: Arc<str>, groups: Vec<SourceGroup>, request: SeriesRequest) -> SeriesStream {
    let (frames, received) = mpsc::channel(FRAMES_AHEAD);
    let name = Arc::clone(&store);
    let walk = tokio::task::spawn_blocking(move || walk(&name, &groups, &request, &frames));
    // A walk that panicked must not look like one that ended.
    let end = futures::stream::once(walk)
        .filter_map(move |ended| std::future::ready(ended.err().map(|panic| Err(internal(&store, panic)))));
    ReceiverStream::new(received).chain(end).boxed()
}

type Frames = mpsc::Sender<Result<SeriesFrame, StoreError>>;

fn walk(store: &str, groups: &[SourceGroup], request: &SeriesRequest, frames: &Frames) {
    let sent = open(groups, request)
        .map_err(|error| internal(store, error))
        .and_then(|cursor| send_all(store, cursor, request, frames));
    if let Err(error) = sent {
        // Nobody left to tell is no fault.
        let _ = frames.blocking_send(Err(error));
    }
}

/// One cursor over all sources that the matchers leave, with the labels asked for.
pub(super) fn open(groups: &[SourceGroup], request: &SeriesRequest) -> Result<MergedCursor, SourceError> {
    let mut cursors = Vec::new();
    for group in groups {
        let Some(matchers) = group.matchers_for_sources(&request.matchers) else {
            continue;
        };
        let mut set = group.external.edit();
        set.retain(|name| !request.without_labels.iter().any(|without| without == name));
        // Fewer labels of a label set are one, too.
        let set = set.build().unwrap_or_else(|_| group.external.clone());
        for source in &group.sources {
            let cursor = source.select(&matchers, request.range)?;
            cursors.push(RelabeledCursor::wrap(cursor, &set, &request.without_labels));
        }
    }
    Ok(MergedCursor::new(cursors))
}

fn send_all(store: &str, mut cursor: MergedCursor, request: &SeriesRequest, frames: &Frames) -> Result<(), StoreError> {
    let mut left = request.limit.unwrap_or(usize::MAX);
    while left > 0 {
        let mut batch = ChunkSeriesBatch::default();
        cursor
            .next_batch(left.min(FRAME_SERIES), request.skip_chunks, &mut batch)
            .map_err(|error| internal(store, error))?;
        left -= batch.len();
        if batch.is_empty() || frames.blocking_send(Ok(SeriesFrame::Series(SeriesBatch::Chunks(batch)))).is_err() {
            break;
        }
    }
    Ok(())
}

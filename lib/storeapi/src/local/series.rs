//! `Series` over local sources.

use super::limits::Taken;
use super::walk::{self, Sink, Stopped};
use super::{LocalStore, SourceGroup, internal, labels_but};
use crate::merge::MergedCursor;
use crate::relabel::RelabeledCursor;
use crate::store::{PartialResponse, SeriesBatch, SeriesFrame, SeriesRequest, SeriesStream, Shard, StoreError};
use std::sync::Arc;
use tsdb::{ChunkSeriesBatch, SeriesCursor};

/// Series a frame: the unit in which the engine evaluates.
const FRAME_SERIES: usize = 128;
/// About how many bytes a frame may have: after larger ones fewer series are read at a time.
const FRAME_BYTES: usize = 1 << 20;

pub(super) fn stream(store: LocalStore, request: SeriesRequest) -> SeriesStream {
    let missing = store.missing([&*request.matchers], request.partial);
    let groups = store.provider.groups(request.range);
    walk::stream(Arc::clone(&store.name), move |frames| {
        missing?.into_iter().try_for_each(|text| frames.send(SeriesFrame::Warning(text)))?;
        let (cursor, warnings) = open(&store, &groups, &request)?;
        warnings.into_iter().try_for_each(|text| frames.send(SeriesFrame::Warning(text)))?;
        send_all(&store, cursor, &request, frames)
    })
}

/// One cursor over all sources that the matchers leave, with the labels asked for; and warnings of groups that refuse.
fn open(
    store: &LocalStore,
    groups: &[SourceGroup],
    request: &SeriesRequest,
) -> Result<(MergedCursor, Vec<String>), StoreError> {
    if store.needs_matchers && request.matchers.is_empty() {
        return Err(StoreError::Invalid("no matchers specified (excluding selector labels)".to_owned()));
    }
    let (mut cursors, mut warnings) = (Vec::new(), Vec::new());
    for group in groups {
        let Some(matchers) = group.matchers_for_sources(&request.matchers) else {
            continue;
        };
        if store.needs_matchers && matchers.is_empty() {
            let text = group.refusal();
            match request.partial {
                PartialResponse::Warn => warnings.push(text),
                PartialResponse::Abort => return Err(StoreError::Invalid(text)),
            }
            continue;
        }
        let (added, without) = (labels_but(&group.external, &request.without_labels), &request.without_labels);
        for source in &group.sources {
            let failed = |error| internal(&store.name, error);
            cursors.push(match source.with_labels(&added, without) {
                Some(labelled) => labelled.select(&matchers, request.range).map_err(failed)?,
                None => {
                    let cursor = source.select(&matchers, request.range).map_err(failed)?;
                    RelabeledCursor::wrap(cursor, &added, without)
                }
            });
        }
    }
    Ok((MergedCursor::new(cursors), warnings))
}

impl SourceGroup {
    /// Why a request is refused that has matchers on external labels only: it would be for everything there is. A proxy of
    /// Thanos says it like this, for a store it asked.
    fn refusal(&self) -> String {
        let range = self.time_range();
        let (min_ms, max_ms) = range.map_or((i64::MAX, i64::MIN), |range| (range.min_ms(), range.max_ms()));
        format!(
            "receive series from MinTime: {min_ms} MaxTime: {max_ms}: rpc error: code = InvalidArgument desc = no matchers \
             specified (excluding external labels)"
        )
    }
}

fn send_all(
    store: &LocalStore,
    mut cursor: MergedCursor,
    request: &SeriesRequest,
    frames: &Sink<SeriesFrame>,
) -> Result<(), Stopped> {
    let (mut left, mut taken) = (request.limit.unwrap_or(usize::MAX), Taken::new(store.limits));
    let mut read_series = FRAME_SERIES;
    while left > 0 {
        let mut batch = ChunkSeriesBatch::default();
        let wanted = left.min(read_series);
        cursor.next_batch(wanted, request.skip_chunks, &mut batch).map_err(|error| internal(&store.name, error))?;
        if batch.is_empty() {
            break;
        }
        read_series = next_read(read_series, batch.size_bytes());
        if let Some(shard) = &request.shard {
            batch = of_shard(&batch, shard);
            if batch.is_empty() {
                continue;
            }
        }
        left -= batch.len();
        taken.add(&batch)?;
        frames.send(SeriesFrame::Series(SeriesBatch::Chunks(batch)))?;
    }
    Ok(())
}

/// How many series are read next, after `read` of them had so many bytes.
fn next_read(read: usize, size_bytes: usize) -> usize {
    match size_bytes {
        FRAME_BYTES.. => (read / 2).max(1),
        size if size < FRAME_BYTES / 4 => (read * 2).min(FRAME_SERIES),
        _ => read,
    }
}

fn of_shard(batch: &ChunkSeriesBatch, shard: &Shard) -> ChunkSeriesBatch {
    let mut held = ChunkSeriesBatch::default();
    for (labels, chunks) in batch.iter().filter(|(labels, _)| shard.holds(*labels)) {
        held.push(labels, chunks.iter().cloned());
    }
    held
}

//! `Series`.

use super::Inner;
use crate::block_set::BlockSet;
use crate::gate::Entered;
use crate::live_block::Asked;
use crate::metrics::RequestMetrics;
use crate::pipeline::BlockRequest;
use futures::StreamExt;
use std::sync::Arc;
use storeapi::{SeriesBatch, SeriesFrame, SeriesRequest, SeriesStream, StoreError, merge_frames_within};
use tokio::time::Instant;
use tsdb::Aggregate;

/// What of each block may wait to be merged, besides what the block's own task reads ahead: the next batch.
const AHEAD_BYTES: usize = 1;

/// Begins to read all blocks that are asked.
pub(super) async fn open(
    store: &Arc<Inner>,
    blocks: &BlockSet,
    request: SeriesRequest,
) -> Result<SeriesStream, StoreError> {
    let entered = store.gate.enter().await.map_err(|full| StoreError::LimitExceeded(full.to_string()))?;
    let Some(range) = store.clamp(request.range) else {
        return Ok(futures::stream::empty().boxed());
    };
    let matchers = (&*request.matchers, &*request.block_matchers);
    let mut chosen = blocks.for_series(range, request.max_resolution_ms, matchers);
    // As Thanos: whoever names external labels alone gets nothing, not everything.
    chosen.retain(|chosen| !chosen.matchers.is_empty());
    let count = chosen.iter().map(|chosen| chosen.blocks.len()).sum();
    let (means, batch_bytes) = store.means(request.tenant.as_ref(), count);
    let metrics = means.metrics.clone();
    let began = Instant::now();
    metrics.asked(count);
    let block_request = Arc::new(BlockRequest {
        range,
        skip_chunks: request.skip_chunks,
        limit: request.limit,
        shard: request.shard.clone(),
        aggregates: request.aggregates.iter().copied().filter(|aggregate| *aggregate != Aggregate::Raw).collect(),
        means,
        batch_bytes,
    });
    let mut streams = Vec::with_capacity(count);
    for chosen in chosen {
        for block in chosen.blocks {
            let asked = Asked {
                matchers: Arc::clone(&chosen.matchers),
                without: Arc::clone(&request.without_labels),
                partial: request.partial,
                request: Arc::clone(&block_request),
            };
            streams.push(block.stream(asked, Arc::clone(&store.name)));
        }
    }
    let merged = merge_frames_within(streams, request.limit, AHEAD_BYTES);
    Ok(counted(merged, metrics, began, entered))
}

/// The same frames, counted; the request keeps its place until the last.
fn counted(frames: SeriesStream, metrics: RequestMetrics, began: Instant, entered: Entered) -> SeriesStream {
    let state = (frames, metrics, entered, 0_u64);
    let frames = futures::stream::unfold(Some(state), move |state| async move {
        let (mut frames, metrics, entered, mut series) = state?;
        let Some(frame) = frames.next().await else {
            metrics.merged(series, began.elapsed());
            return None;
        };
        if let Ok(SeriesFrame::Series(SeriesBatch::Chunks(batch))) = &frame {
            series += batch.len() as u64;
            for (_, chunks) in batch.iter().filter(|(_, chunks)| !chunks.is_empty()) {
                metrics.sent(chunks.iter().map(|chunk| chunk.data.len() as u64).sum());
            }
        }
        Some((frame, Some((frames, metrics, entered, series))))
    });
    frames.boxed()
}

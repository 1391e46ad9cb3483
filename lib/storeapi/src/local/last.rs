//! The newest sample of each series, where heads hold all there is.

use super::limits::Taken;
use super::walk::{self, Sink, Stopped};
use super::{HeadGroup, LocalStore, internal, matchers_left};
use crate::store::{LastSample, LastSampleBatch, SeriesRequest, StoreError};
use futures::stream::BoxStream;
use model::{LabelsRef, Matcher};
use std::sync::Arc;
use tsdb::head::LastSamples;

const BATCH_SAMPLES: usize = 128;

/// A group and what is asked of its head.
type Asked = (HeadGroup, Vec<Matcher>);

/// `None` where the answer would have to be put together from more than the newest samples, or where a request is to be
/// refused by who answers it in full.
pub(super) fn stream(
    store: &LocalStore,
    groups: Vec<HeadGroup>,
    request: SeriesRequest,
) -> Option<BoxStream<'static, Result<LastSampleBatch, StoreError>>> {
    // Series that become equal without a label are one, of whose samples any may be the newest.
    if !request.without_labels.is_empty() || request.skip_chunks {
        return None;
    }
    if store.needs_matchers && request.matchers.is_empty() {
        return None;
    }
    let mut asked: Vec<Asked> = Vec::with_capacity(groups.len());
    for group in groups {
        match matchers_left(&group.external, &request.matchers) {
            None => {}
            Some(matchers) if store.needs_matchers && matchers.is_empty() => return None,
            Some(matchers) => asked.push((group, matchers)),
        }
    }
    let store = store.clone();
    let name = Arc::clone(&store.name);
    Some(walk::stream(name, move |batches| send_all(&store, &asked, &request, batches)))
}

fn send_all(
    store: &LocalStore,
    asked: &[Asked],
    request: &SeriesRequest,
    batches: &Sink<LastSampleBatch>,
) -> Result<(), Stopped> {
    let (mut all, mut read, mut packed) = (Vec::new(), LastSamples::default(), Vec::new());
    let mut taken = Taken::new(store.limits);
    for (group, matchers) in asked {
        let mut cursor = group.head.select_last(matchers, request.range);
        loop {
            cursor.next_batch(BATCH_SAMPLES, &mut read).map_err(|error| internal(&store.name, error))?;
            if read.is_empty() {
                break;
            }
            if read.samples().has_histograms() {
                // A sum is no value.
                let reason = "the newest samples of native histograms cannot be had".to_owned();
                return Err(StoreError::Unsupported { store: store.name.to_string(), reason }.into());
            }
            for (labels, timestamp_ms, value) in read.iter() {
                labels.overlay(group.external.as_ref(), |_| false, &mut packed);
                let labels = LabelsRef::from_packed_unchecked(&packed);
                if request.shard.as_ref().is_some_and(|shard| !shard.holds(labels)) {
                    continue;
                }
                taken.add_series(1)?;
                all.push(LastSample { labels: labels.to_owned(), timestamp_ms, value });
            }
        }
    }
    // External labels change the order of series, and groups lie side by side. Few label sets are in two groups; of these
    // the newest sample counts.
    all.sort_unstable_by(|left, right| left.labels.cmp(&right.labels).then(right.timestamp_ms.cmp(&left.timestamp_ms)));
    all.dedup_by(|next, first| next.labels == first.labels);
    all.truncate(request.limit.unwrap_or(usize::MAX));
    let mut all = all.into_iter().peekable();
    while all.peek().is_some() {
        batches.send(all.by_ref().take(BATCH_SAMPLES).collect())?;
    }
    Ok(())
}

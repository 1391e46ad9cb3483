//! `Series` over local sources.

use super::limits::Taken;
use super::walk;
use super::{LocalStore, SourceGroup, internal, labels_but, used_labels};
use crate::merge::MergedCursor;
use crate::relabel::RelabeledCursor;
use crate::store::{PartialResponse, SeriesBatch, SeriesFrame, SeriesRequest, SeriesWalk, Shard, StoreError};
use promql::UsedLabels;
use tsdb::{ChunkSeriesBatch, SeriesCursor, SeriesSource};

/// Series a frame: the unit in which the engine evaluates.
const FRAME_SERIES: usize = 128;
/// About how many bytes a frame may have: after larger ones fewer series are read at a time.
const FRAME_BYTES: usize = 1 << 20;

/// A walk that is about to begin, or under way.
struct Walk {
    store: LocalStore,
    groups: Vec<SourceGroup>,
    /// The only source, if it shows no labels but those that are looked at.
    shown: Option<Box<dyn SeriesSource>>,
    request: SeriesRequest,
    /// What is to be said before the first series, in reverse.
    warnings: Vec<String>,
    cursor: Option<MergedCursor>,
    /// Series that may still be handed out.
    left: usize,
    taken: Taken,
    /// Series that are read next.
    read_series: usize,
}

pub(super) fn walk(store: LocalStore, request: SeriesRequest) -> SeriesWalk {
    let mut missing = Some(store.missing([&*request.matchers], request.partial));
    let groups = store.provider.groups(request.range);
    let (left, taken) = (request.limit.unwrap_or(usize::MAX), Taken::new(store.limits));
    let (warnings, cursor, read_series) = (Vec::new(), None, FRAME_SERIES);
    let shown = with_used_labels(&groups, &request);
    let (at_most, has_used_labels_only) = (at_most(&groups, &request), shown.is_some());
    let mut walk = Walk { store, groups, shown, request, warnings, cursor, left, taken, read_series };
    walk::of(at_most, has_used_labels_only, move || {
        if let Some(missing) = missing.take() {
            walk.begin(missing?)?;
        }
        walk.next_frame()
    })
}

/// How many series there are at most, if all sources can tell.
fn at_most(groups: &[SourceGroup], request: &SeriesRequest) -> Option<u64> {
    let of_group = |group: &SourceGroup| {
        let matchers = group.matchers_for_sources(&request.matchers)?;
        Some(group.sources.iter().map(|source| source.at_most(&matchers)).sum::<Option<u64>>())
    };
    groups.iter().filter_map(of_group).sum()
}

/// The only source that has a part, with the labels alone that are looked at; `None` if there are several, whose series are
/// told apart and sorted by all labels, or if it has no shorter way to these.
fn with_used_labels(groups: &[SourceGroup], request: &SeriesRequest) -> Option<Box<dyn SeriesSource>> {
    let used = used_labels(request)?;
    let mut groups = groups.iter().filter(|group| group.matchers_for_sources(&request.matchers).is_some());
    let (group, None) = (groups.next()?, groups.next()) else { return None };
    let [source] = group.sources.as_slice() else { return None };
    let labelled =
        source.with_labels(&labels_but(&group.external, &request.without_labels), &request.without_labels)?;
    labelled.with_labels_only(used.names(), &UsedLabels::ABSENT)
}

/// One cursor over all sources that the matchers leave, with the labels asked for; and warnings of groups that refuse.
fn open(walk: &Walk) -> Result<(MergedCursor, Vec<String>), StoreError> {
    let Walk { store, groups, request, .. } = walk;
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
        let failed = |error| internal(&store.name, error);
        if let Some(shown) = &walk.shown {
            cursors.push(shown.select(&matchers, request.range).map_err(failed)?);
            continue;
        }
        let (added, without) = (labels_but(&group.external, &request.without_labels), &request.without_labels);
        for source in &group.sources {
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

impl Walk {
    /// Finds the series.
    fn begin(&mut self, missing: Vec<String>) -> Result<(), StoreError> {
        let (cursor, refused) = open(self)?;
        self.cursor = Some(cursor);
        self.warnings = missing.into_iter().chain(refused).rev().collect();
        Ok(())
    }

    fn next_frame(&mut self) -> Result<Option<SeriesFrame>, StoreError> {
        if let Some(warning) = self.warnings.pop() {
            return Ok(Some(SeriesFrame::Warning(warning)));
        }
        let Some(cursor) = &mut self.cursor else { return Ok(None) };
        while self.left > 0 {
            let mut batch = ChunkSeriesBatch::default();
            let wanted = self.left.min(self.read_series);
            let read = cursor.next_batch(wanted, self.request.skip_chunks, &mut batch);
            read.map_err(|error| internal(&self.store.name, error))?;
            if batch.is_empty() {
                break;
            }
            self.read_series = next_read(self.read_series, batch.size_bytes());
            if let Some(shard) = &self.request.shard {
                batch = of_shard(&batch, shard);
            }
            if !batch.is_empty() {
                self.left -= batch.len();
                self.taken.add(&batch)?;
                return Ok(Some(SeriesFrame::Series(SeriesBatch::Chunks(batch))));
            }
        }
        Ok(None)
    }
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

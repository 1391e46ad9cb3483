//! The newest sample of each series, where heads hold all there is.

use super::limits::Taken;
use super::walk;
use super::{HeadGroup, LocalStore, internal, labels_but, matchers_left, used_labels};
use crate::loser_tree::LoserTree;
use crate::store::{SeriesBatch, SeriesFrame, SeriesRequest, SeriesWalk, Shard};
use model::{LabelsRef, Matcher};
use promql::UsedLabels;
use std::sync::Arc;
use tsdb::head::{HeadReader, LastCursor};
use tsdb::{ColumnSeriesBatch, SeriesSource, SourceError};

/// Series a frame: each is small.
const FRAME_SERIES: usize = 1024;

/// A head that gives its series the labels of its group, and what is asked of it.
type Asked = (HeadReader, Vec<Matcher>);

/// A walk over the newest samples. `None` where the answer would have to be put together from more than these, or where a
/// request is to be refused by who answers it in full.
pub(super) fn walk(store: &LocalStore, groups: Vec<HeadGroup>, request: &SeriesRequest) -> Option<SeriesWalk> {
    if request.skip_chunks || (store.needs_matchers && request.matchers.is_empty()) {
        return None;
    }
    let mut asked: Vec<Asked> = Vec::with_capacity(groups.len());
    for group in groups {
        let Some(matchers) = matchers_left(&group.external, &request.matchers) else { continue };
        if store.needs_matchers && matchers.is_empty() {
            return None;
        }
        let (added, without) = (labels_but(&group.external, &request.without_labels), &request.without_labels);
        asked.push((group.head.with_labels(&added, without)?, matchers));
    }
    // Replicas are told apart by what is left out: which of two has the newest sample that counts is for others to say.
    if asked.len() > 1 && !request.without_labels.is_empty() {
        return None;
    }
    let used = match (asked.as_slice(), used_labels(request)) {
        ([(head, _)], Some(used)) => head.with_labels_only(used.names(), &UsedLabels::ABSENT),
        _ => None,
    };
    let has_used_labels_only = used.is_some();
    if let (Some(used), [(head, _)]) = (used, asked.as_mut_slice()) {
        *head = used;
    }
    let at_most = asked.iter().map(|(head, matchers)| head.at_most(matchers)).sum();
    let (name, range, shard) = (Arc::clone(&store.name), request.range, request.shard.clone());
    let (mut left, mut taken) = (request.limit.unwrap_or(usize::MAX), Taken::new(store.limits));
    let mut newest = None;
    Some(walk::of(at_most, has_used_labels_only, move || {
        let failed = |error| internal(&name, error);
        let newest = match &mut newest {
            Some(newest) => newest,
            None => {
                let cursors = asked.iter().map(|(head, matchers)| head.select_last(matchers, range));
                newest.insert(Newest::new(cursors).map_err(failed)?)
            }
        };
        while left > 0 {
            let mut batch = Box::<ColumnSeriesBatch>::default();
            newest.next_batch(left.min(FRAME_SERIES), &mut batch).map_err(failed)?;
            if batch.is_empty() {
                break;
            }
            if let Some(shard) = &shard {
                *batch = of_shard(&batch, shard);
            }
            if !batch.is_empty() {
                left -= batch.len();
                (0..batch.len()).try_for_each(|_| taken.add_series(1))?;
                return Ok(Some(SeriesFrame::Series(SeriesBatch::Columns(batch))));
            }
        }
        Ok(None)
    }))
}

fn of_shard(batch: &ColumnSeriesBatch, shard: &Shard) -> ColumnSeriesBatch {
    let mut held = ColumnSeriesBatch::default();
    for (labels, range) in batch.iter().filter(|(labels, _)| shard.holds(*labels)) {
        held.push_from(labels, batch.samples(), range);
    }
    held
}

/// The newest samples of all heads in one order.
struct Newest {
    sources: Vec<Source>,
    tree: LoserTree,
    /// The series that is being put together.
    open: ColumnSeriesBatch,
}

struct Source {
    cursor: LastCursor,
    batch: ColumnSeriesBatch,
    at: usize,
}

impl Newest {
    fn new(cursors: impl Iterator<Item = LastCursor>) -> Result<Self, SourceError> {
        let source = |cursor| Source { cursor, batch: ColumnSeriesBatch::default(), at: 0 };
        let mut sources: Vec<_> = cursors.map(source).collect();
        let mut keys = Vec::with_capacity(sources.len());
        // One alone is not compared with anything.
        if sources.len() > 1 {
            for source in &mut sources {
                keys.push(source.read()?.map(|labels| labels.as_packed().to_vec()));
            }
        }
        Ok(Self { sources, tree: LoserTree::new(keys), open: ColumnSeriesBatch::default() })
    }

    /// Replaces the contents of `batch` by the next at most `max_series` series; leaves it empty at the end.
    fn next_batch(&mut self, max_series: usize, batch: &mut ColumnSeriesBatch) -> Result<(), SourceError> {
        if let [source] = self.sources.as_mut_slice() {
            return source.cursor.next_batch(max_series, batch);
        }
        batch.clear();
        while batch.len() < max_series && self.put_together()? {
            self.open.iter().for_each(|(labels, range)| batch.push_from(labels, self.open.samples(), range));
        }
        Ok(())
    }

    /// Puts the next series together: of several with equal labels the newest sample. `false` at the end.
    fn put_together(&mut self) -> Result<bool, SourceError> {
        self.open.clear();
        let Some((_, packed)) = self.tree.winner() else { return Ok(false) };
        let packed = packed.to_vec();
        while let Some((source, _)) = self.tree.winner().filter(|(_, other)| *other == packed) {
            let source = &mut self.sources[source];
            if let Some((labels, range)) = source.batch.get(source.at) {
                let time_ms = |batch: &ColumnSeriesBatch, at: usize| batch.samples().timestamps_ms.get(at).copied();
                if time_ms(&source.batch, range.start) > time_ms(&self.open, 0) {
                    self.open.clear();
                    self.open.push_from(labels, source.batch.samples(), range);
                }
            }
            source.at += 1;
            self.tree.advance(source.read()?);
        }
        Ok(true)
    }
}

impl Source {
    /// The labels of the current series, reading on where the batch is used up; `None` at the end.
    fn read(&mut self) -> Result<Option<LabelsRef<'_>>, SourceError> {
        if self.at == self.batch.len() {
            self.cursor.next_batch(FRAME_SERIES, &mut self.batch)?;
            self.at = 0;
        }
        Ok(self.batch.get(self.at).map(|(labels, _)| labels))
    }
}

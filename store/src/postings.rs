//! From matchers to the series of a block in the bucket.
//!
//! The index-header tells where lists stand; those that are needed are read together where they lie close, a few reads at
//! once, and combined as those of a mapped index.

use crate::index_header::{IndexHeader, ReadIndex};
use crate::partition::{MAX_GAP_BYTES, Part, partition};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use model::Matcher;
use std::ops::Range;
use std::path::Path;
use tsdb::SourceError;
use tsdb::cursor::Corruption;
use tsdb::index::postings::PostingsRow;
use tsdb::index::select::{Plan, values_of};
use tsdb::index::{IdList, decode_section};

/// Reads in flight for one block's lists.
const READS_AT_ONCE: usize = 4;

/// The ids of the series of `index` that all matchers accept (of all, if there is none), rising: in the order of their labels.
///
/// # Errors
/// Those of reading; a damaged list.
pub async fn series_ids<I: ReadIndex>(
    header: &IndexHeader,
    matchers: &[Matcher],
    index: &I,
) -> Result<Vec<u32>, I::Error> {
    let Some(plan) = Plan::of(header.table(), matchers) else {
        return Ok(Vec::new());
    };
    let lists = Lists::read(header, plan.lists(), index).await?;
    Ok(plan.ids(|row| lists.get(row))?)
}

/// The values of label `name` among the series that the matchers accept, sorted. No series is read.
///
/// # Errors
/// As [`series_ids`].
pub async fn label_values<I: ReadIndex>(
    header: &IndexHeader,
    name: &[u8],
    matchers: &[Matcher],
    index: &I,
) -> Result<Vec<Vec<u8>>, I::Error> {
    let (rows, others) = values_of(header.table(), name, matchers);
    if others.is_empty() {
        return Ok(rows.into_iter().map(|row| row.value.to_vec()).collect());
    }
    let ids = series_ids(header, &others, index).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    common(header, &rows, &ids, index).await
}

/// The values of those of `rows` whose list has one of `ids`.
async fn common<I: ReadIndex>(
    header: &IndexHeader,
    rows: &[PostingsRow<'_>],
    ids: &[u32],
    index: &I,
) -> Result<Vec<Vec<u8>>, I::Error> {
    let mut values = Vec::new();
    for some in rows.chunks(ROWS_AT_ONCE) {
        let lists = Lists::read(header, some.iter().copied(), index).await?;
        for row in some {
            if lists.get(row)?.intersects(ids) {
                values.push(row.value.to_vec());
            }
        }
    }
    Ok(values)
}

/// How many lists are held at once where each is looked at only.
const ROWS_AT_ONCE: usize = 4096;

/// Lists that were read.
struct Lists<'h> {
    header: &'h IndexHeader,
    /// What the index is called, for messages.
    index: String,
    /// Rising, not overlapping.
    parts: Vec<(Range<u64>, Bytes)>,
}

impl<'h> Lists<'h> {
    async fn read<'r, I: ReadIndex>(
        header: &'h IndexHeader,
        rows: impl Iterator<Item = PostingsRow<'r>>,
        index: &I,
    ) -> Result<Self, I::Error> {
        let mut ranges = rows.map(|row| header.list_range(&row)).collect::<Result<Vec<_>, _>>()?;
        ranges.sort_unstable_by_key(|range| range.start);
        let reads = partition(&ranges, MAX_GAP_BYTES);
        let parts = futures::stream::iter(reads)
            .map(|Part { range, .. }| async { Ok::<_, I::Error>((range.clone(), index.read(range).await?)) })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(Self { header, index: index.name(), parts })
    }

    /// The list of a row that was read.
    fn get(&self, row: &PostingsRow<'_>) -> Result<IdList<'_>, SourceError> {
        let range = self.header.list_range(row)?;
        let corrupt = |fault| Corruption::in_file(Path::new(&self.index), range.start)(fault);
        let before = self.parts.partition_point(|(part, _)| part.start <= range.start);
        let part = before.checked_sub(1).and_then(|at| self.parts.get(at));
        let bytes = part.and_then(|(part, bytes)| bytes.get(usize::try_from(range.start - part.start).ok()?..));
        let content = decode_section(bytes.unwrap_or_default()).map_err(corrupt)?;
        IdList::decode(content).map_err(|fault| corrupt(Corruption { offset: 4 + fault.offset, ..fault }))
    }
}

#[cfg(test)]
mod tests;

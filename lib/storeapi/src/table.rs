//! Series in a table, for tests of what walks over them.

use bytes::Bytes;
use model::{Labels, LabelsRef, Matcher, TimeRange};
use std::collections::BTreeSet;
use tsdb::{Chunk, ChunkSeriesBatch, Encoding, SeriesCursor, SeriesSource, SourceError};

/// A series: labels, and chunks as (min, max, bytes).
pub(crate) type Row = (Labels, Vec<(i64, i64, String)>);

/// A table as a source; `panics` stands for a fault in the code below.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableSource {
    pub(crate) rows: Vec<Row>,
    pub(crate) panics: bool,
}

/// Walks a table; can be told to fail.
pub(crate) struct TableCursor {
    rows: Vec<Row>,
    at: usize,
    fails_after: Option<usize>,
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

pub(crate) fn row(pairs: &[(&str, &str)], chunks: &[(i64, i64, &str)]) -> Row {
    (labels(pairs), chunks.iter().map(|(min, max, data)| (*min, *max, (*data).to_owned())).collect())
}

/// Reads a cursor to its end in batches of `max_series`.
pub(crate) fn read_all(mut cursor: Box<dyn SeriesCursor>, max_series: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut batch = ChunkSeriesBatch::default();
    loop {
        cursor.next_batch(max_series, false, &mut batch).unwrap();
        assert!(batch.len() <= max_series);
        if batch.is_empty() {
            return rows;
        }
        rows.extend(batch.iter().map(|(labels, chunks)| {
            let text = |chunk: &Chunk| String::from_utf8(chunk.data.to_vec()).unwrap();
            (labels.to_owned(), chunks.iter().map(|chunk| (chunk.min_ms, chunk.max_ms, text(chunk))).collect())
        }));
    }
}

impl TableCursor {
    pub(crate) fn new(rows: &[Row]) -> Self {
        Self { rows: rows.to_vec(), at: 0, fails_after: None }
    }

    /// The read that would pass row `rows` fails.
    pub(crate) fn failing_after(mut self, rows: usize) -> Self {
        self.fails_after = Some(rows);
        self
    }
}

impl SeriesCursor for TableCursor {
    fn next_batch(
        &mut self,
        max_series: usize,
        skip_chunks: bool,
        batch: &mut ChunkSeriesBatch,
    ) -> Result<(), SourceError> {
        batch.clear();
        if self.fails_after.is_some_and(|after| self.at >= after) {
            self.fails_after = None;
            self.at = self.rows.len();
            return Err(SourceError::Corrupt { file: "table".into(), offset: 7, fault: "torn".into() });
        }
        for (labels, chunks) in self.rows.iter().skip(self.at).take(max_series) {
            let chunk = |(min_ms, max_ms, data): &(i64, i64, String)| {
                Chunk::raw(*min_ms, *max_ms, Encoding::Xor, Bytes::from(data.clone()))
            };
            batch.push(labels.as_ref(), chunks.iter().filter(|_| !skip_chunks).map(chunk));
        }
        self.at += batch.len();
        Ok(())
    }
}

impl TableSource {
    fn accepted(&self, matchers: &[Matcher]) -> Vec<Row> {
        assert!(!self.panics, "told to");
        let accepts = |labels: LabelsRef<'_>| {
            matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
        };
        self.rows.iter().filter(|(labels, _)| accepts(labels.as_ref())).cloned().collect()
    }

    fn strings(&self, matchers: &[Matcher], of: impl Fn(&Labels) -> Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let strings: BTreeSet<Vec<u8>> = self.accepted(matchers).iter().flat_map(|(labels, _)| of(labels)).collect();
        strings.into_iter().collect()
    }
}

impl SeriesSource for TableSource {
    fn time_range(&self) -> Option<TimeRange> {
        let chunks = self.rows.iter().flat_map(|(_, chunks)| chunks);
        chunks.filter_map(|(min, max, _)| TimeRange::new(*min, *max)).reduce(TimeRange::hull)
    }

    fn select(&self, matchers: &[Matcher], _: TimeRange) -> Result<Box<dyn SeriesCursor>, SourceError> {
        Ok(Box::new(TableCursor::new(&self.accepted(matchers))))
    }

    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError> {
        Ok(self.strings(matchers, |labels| labels.iter().map(|label| label.name.to_vec()).collect()))
    }

    fn label_values(&self, name: &[u8], matchers: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError> {
        Ok(self.strings(matchers, |labels| labels.get(name).map(<[u8]>::to_vec).into_iter().collect()))
    }
}

//! Series in memory, served as a store would.

use model::{Labels, LabelsRef, Matcher, SampleColumns};
use parking_lot::Mutex;
use promql::{BatchError, Output, Partial, Query, QueryError, Select, SeriesBatch, UsedLabels};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A series and its samples.
#[derive(Debug, Clone)]
pub(crate) struct StoredSeries {
    pub(crate) labels: Labels,
    pub(crate) columns: SampleColumns,
}

/// Series in label order.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) series: Vec<StoredSeries>,
}

/// Some of them, with the labels that are shown.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    series: Vec<(Labels, &'a SampleColumns)>,
    has_used_labels_only: bool,
}

impl Store {
    pub(crate) fn new(mut series: Vec<StoredSeries>) -> Self {
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Self { series }
    }

    /// The series that all of `matchers` accept.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Vec<&StoredSeries> {
        let accepts = |series: &&StoredSeries| {
            matchers.iter().all(|matcher| matcher.matches(series.labels.get(matcher.name()).unwrap_or_default()))
        };
        self.series.iter().filter(accepts).collect()
    }

    /// The series of each select of `query`, in batches of at most `size`.
    pub(crate) fn batches(&self, query: &Query, size: usize) -> Vec<Vec<Batch<'_>>> {
        let batches = |select: &Select| {
            let all = self.select(&select.matchers);
            let of_used = |used: &UsedLabels| all.iter().map(|series| used.of(&series.labels)).collect();
            let used: Option<Vec<Labels>> = select.labels.as_ref().and_then(of_used);
            let has_used_labels_only = used.is_some();
            let labels = used.unwrap_or_else(|| all.iter().map(|series| series.labels.clone()).collect());
            let series: Vec<_> = labels.into_iter().zip(all.iter().map(|series| &series.columns)).collect();
            series.chunks(size).map(|series| Batch { series: series.to_vec(), has_used_labels_only }).collect()
        };
        query.selects().iter().map(batches).collect()
    }

    /// Runs `query` with batches of `size` series evaluated by `threads` threads, each taking them in an order of its own,
    /// and accepted in theirs.
    pub(crate) fn run_scrambled(&self, mut query: Query, size: usize, threads: usize) -> Result<Output, QueryError> {
        for (select, batches) in self.batches(&query, size).into_iter().enumerate() {
            let evaluator = query.evaluator(select)?;
            let next = AtomicUsize::new(0);
            let done: Mutex<Vec<Option<Result<Partial, QueryError>>>> = Mutex::new(Vec::new());
            done.lock().resize_with(batches.len(), || None);
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        while let Some(at) = scrambled(next.fetch_add(1, Ordering::Relaxed), batches.len()) {
                            let partial = evaluator.evaluate(&batches[at]);
                            done.lock()[at] = Some(partial);
                        }
                    });
                }
            });
            for partial in done.into_inner() {
                query.accept(partial.unwrap()?)?;
            }
            query.finish(select)?;
        }
        query.into_output()
    }

    /// Runs `query`, one batch after the other.
    pub(crate) fn run(&self, mut query: Query) -> Result<Output, QueryError> {
        for (select, batches) in self.batches(&query, 64).into_iter().enumerate() {
            for batch in batches {
                query.push(select, &batch)?;
            }
            query.finish(select)?;
        }
        query.into_output()
    }
}

impl SeriesBatch for Batch<'_> {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, index: usize) -> LabelsRef<'_> {
        self.series[index].0.as_ref()
    }

    fn samples(&self, index: usize, columns: &mut SampleColumns) -> Result<(), BatchError> {
        columns.clone_from(self.series[index].1);
        Ok(())
    }

    fn has_used_labels_only(&self) -> bool {
        self.has_used_labels_only
    }

    fn size_bytes(&self) -> usize {
        self.series.iter().map(|(_, columns)| columns.len() * 16).sum()
    }
}

/// Every number below `len`, far from in order, as `turn` goes from 0 to `len`.
fn scrambled(turn: usize, len: usize) -> Option<usize> {
    // A stride without a common factor visits all.
    let stride = (len / 2 + 1..).find(|stride| gcd(*stride, len.max(1)) == 1)?;
    (turn < len).then(|| (turn * stride + len / 3) % len)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

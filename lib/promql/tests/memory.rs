//! How much the engine holds, counted where memory is allocated.
#![allow(clippy::unwrap_used, reason = "test code")]
#![allow(unsafe_code, reason = "a counting allocator")]

use model::{Labels, LabelsRef, SampleColumns};
use promql::{BatchError, Budget, ParseOptions, Query, QueryLimits, QueryParams, SeriesBatch};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, and how many bytes it has given out: now, and at most since the last reset.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is left to the system's allocator; only sizes are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A batch of counters, made up where they are asked for.
#[derive(Debug)]
struct Counters(Vec<Labels>);

const SERIES_A_BATCH: usize = 100;

impl Counters {
    /// Series `first` and so on, with as many labels as a real one.
    fn new(first: usize) -> Self {
        let one = |n: usize| {
            let mut labels: Vec<(String, String)> =
                (0..10).map(|label| (format!("label_{label}"), format!("some value of {label}"))).collect();
            labels.push(("__name__".to_owned(), "x".to_owned()));
            labels.push(("z".to_owned(), format!("{n:08}")));
            Labels::from_pairs(labels).unwrap()
        };
        Self((first..first + SERIES_A_BATCH).map(one).collect())
    }
}

impl SeriesBatch for Counters {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, index: usize) -> LabelsRef<'_> {
        self.0[index].as_ref()
    }

    fn samples(&self, _index: usize, columns: &mut SampleColumns) -> Result<(), BatchError> {
        columns.clear();
        (0..60).for_each(|sample| columns.push(sample * 30_000, sample as f64));
        Ok(())
    }

    fn size_bytes(&self) -> usize {
        0
    }
}

/// The most bytes the engine held while it answered `text` over so many series: as allocated, and as reserved.
fn peak(text: &str, series: usize) -> (usize, usize) {
    let expr = promql::parse(text, &ParseOptions::default()).unwrap();
    let before = LIVE.load(Ordering::Relaxed);
    let memory = Budget::new("query", usize::MAX);
    let limits = QueryLimits { memory: memory.clone(), ..QueryLimits::default() };
    let mut query =
        Query::prepare(&expr, QueryParams { limits, ..QueryParams::range(300_000, 1_800_000, 30_000) }).unwrap();
    let mut peak = 0;
    for first in (0..series).step_by(SERIES_A_BATCH) {
        let without_batch = LIVE.load(Ordering::Relaxed);
        let batch = Counters::new(first);
        let batch_bytes = LIVE.load(Ordering::Relaxed) - without_batch;
        PEAK.store(0, Ordering::Relaxed);
        query.push(0, &batch).unwrap();
        peak = peak.max(PEAK.load(Ordering::Relaxed) - batch_bytes - before);
    }
    PEAK.store(0, Ordering::Relaxed);
    query.finish(0).unwrap();
    let output = query.into_output().unwrap();
    peak = peak.max(PEAK.load(Ordering::Relaxed) - before);
    drop(output);
    assert_eq!(memory.used_bytes(), 0, "all is given back");
    (peak, memory.peak_bytes())
}

/// In one test, so that nothing else allocates meanwhile.
#[test]
fn what_an_aggregation_holds_does_not_grow_with_the_series() {
    for text in ["sum(rate(x[5m]))", "max by (label_1) (x) - 1", "topk(3, increase(x[5m]))", "count(abs(x) > 5)"] {
        let _warm = peak(text, 1_000);
        let (few, few_reserved) = peak(text, 10_000);
        let (many, many_reserved) = peak(text, 100_000);
        println!("{text}: {few} bytes for 10,000 series, {many} for 100,000; reserved {few_reserved}, {many_reserved}");
        assert!(many as f64 <= 1.2 * few as f64, "{text}: {few} bytes, {many} bytes");
        assert!(many_reserved as f64 <= 1.2 * few_reserved as f64, "{text}: reserved {few_reserved}, {many_reserved}");
        assert!(many_reserved * 2 >= many, "{text}: {many} bytes were held, but {many_reserved} reserved");
    }
}

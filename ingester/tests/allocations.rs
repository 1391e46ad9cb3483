//! A steady write allocates nothing for a sample: requests of many samples allocate exactly as often as those of few.

#![allow(clippy::unwrap_used, reason = "test code")]
#![allow(unsafe_code, reason = "a global allocator that counts")]

#[path = "support/rig.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod rig;

use prost::Message;
use proto::RequestEncoder;
use proto::prometheus_copy::histogram::Count;
use proto::prometheus_copy::{BucketSpan, Exemplar, Histogram, TimeSeries};
use proto::thanos::{Label, WriteRequest};
use rig::{NOW_MS, Rig, config};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use testkit::SimFs;

/// The system's allocator, which counts what the thread asks of it.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more, and is none of ours.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`, which is that of the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` or `realloc` above, and so from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as for `dealloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A request of `series` series with a sample each, at `step`.
fn request(series: usize, step: i64) -> Vec<u8> {
    let mut request = RequestEncoder::default();
    for number in 0..series {
        let instance = format!("host-{number}");
        let labels = [("__name__", "node_load1"), ("instance", &*instance), ("job", "node")];
        let labels = labels.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        request.series(labels, [(NOW_MS + step * 15_000, step as f64)]);
    }
    request.take()
}

/// The same with a histogram and an exemplar each; every series has another layout of buckets than the one before.
fn request_of_histograms(series: usize, step: i64) -> Vec<u8> {
    let label = |name: &str, value: String| Label { name: name.to_owned(), value };
    let timestamp = NOW_MS + step * 15_000;
    let one = |number: usize| {
        let span = BucketSpan { offset: (number % 7) as i32, length: 3 };
        let histogram = Histogram {
            count: Some(Count::CountInt(6 * step.unsigned_abs() + 6)),
            sum: step as f64,
            positive_spans: vec![span],
            positive_deltas: vec![2 * step + 2, 0, 0],
            timestamp,
            ..Histogram::default()
        };
        let exemplar = Exemplar { labels: vec![label("trace_id", format!("{step:08}"))], value: 1.0, timestamp };
        TimeSeries {
            labels: vec![label("__name__", "latency".to_owned()), label("instance", format!("host-{number}"))],
            histograms: vec![histogram],
            exemplars: vec![exemplar],
            ..TimeSeries::default()
        }
    };
    WriteRequest { timeseries: (0..series).map(one).collect(), ..WriteRequest::default() }.encode_to_vec()
}

/// How often the thread allocates for one request, from the decompressed body to the proof.
async fn allocations(rig: &Rig, body: &[u8], samples: u64) -> u64 {
    let before = ALLOCATIONS.get();
    let outcome = rig.write("default-tenant", body).await.unwrap();
    let took = ALLOCATIONS.get() - before;
    assert_eq!(outcome.samples_accepted + outcome.histograms_accepted, samples, "{:?}", outcome.rejections);
    took
}

/// The fewest allocations of a few requests of `series` series. Chunks that are full and buffers that grow come seldom, and
/// in other requests.
async fn steady(request: fn(usize, i64) -> Vec<u8>, series: usize) -> u64 {
    let mut config = config();
    config.db.max_exemplars = 100;
    let rig = Rig::open_with(&SimFs::new(), config).await;
    let mut fewest = u64::MAX;
    for step in 0..30 {
        let body = request(series, step);
        let took = allocations(&rig, &body, series as u64).await;
        if step == 0 {
            // That the counter counts: new series are not free.
            assert!(took > series as u64 / 10, "{took} allocations for {series} new series");
        }
        fewest = fewest.min(took);
    }
    fewest
}

#[tokio::test]
async fn a_request_allocates_as_often_with_many_samples_as_with_few() {
    let (few, many) = (steady(request, 10).await, steady(request, 2000).await);
    assert_eq!(few, many, "for 10 and for 2,000 series");
    assert!(few < 20, "{few} allocations a request");
}

#[tokio::test]
async fn histograms_and_exemplars_allocate_no_more() {
    let (few, many) = (steady(request_of_histograms, 10).await, steady(request_of_histograms, 2000).await);
    assert_eq!(few, many, "for 10 and for 2,000 series");
    assert!(few < 30, "{few} allocations a request");
}

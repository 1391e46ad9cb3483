//! A steady log allocates nothing per sample, and an idle one holds next to nothing.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "log_allocations/counting.rs"]
mod counting;

use counting::{Counting, counted};
use model::{
    ExemplarRef, HistogramLayout, HistogramRef, Labels, MetadataRef, MetricKind, Numbers, ResetHint, SeriesRef, Span,
};
use std::num::NonZeroUsize;
use std::sync::Arc;
use tsdb::fs::StdFs;
use tsdb::wal::{Committers, Decoded, Log, LogOptions, Records, decode_record};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn append(log: &Log, records: &mut Records, round: i64, samples: u64) {
    records.clear();
    for number in 0..samples {
        records.sample(SeriesRef(number), round * 15_000, (number * 7) as f64 + round as f64);
    }
    let position = log.sequence(records).unwrap();
    let _durable = log.commit(position).wait().unwrap();
}

/// Histograms of a few layouts, series by series, exemplars and metadata.
fn fill_others(records: &mut Records, layouts: &[HistogramLayout], labels: &Labels, round: i64) {
    records.clear();
    for (number, layout) in (0..1_000).zip(layouts.iter().cycle()) {
        let (hint, numbers) = (ResetHint::Unknown, Numbers::Integer);
        let histogram = HistogramRef { layout, hint, numbers, cells: &[7; 64], sum: 1.5 };
        records.histogram(SeriesRef(number), round * 15_000, histogram);
        let exemplar = ExemplarRef { labels: labels.as_ref(), timestamp_ms: round * 15_000, value: 0.5 };
        records.exemplar(SeriesRef(number), exemplar);
        records.metadata(SeriesRef(number), MetadataRef { kind: MetricKind::Histogram, unit: b"s", help: b"how long" });
        if number == 500 {
            records.barrier();
        }
    }
}

fn check_others(log: &Log) {
    let layout = |length| HistogramLayout::new(0, 0.0, vec![Span { offset: 0, length }], vec![], vec![]).unwrap();
    let layouts: Vec<_> = (1..60).map(layout).collect();
    let labels = Labels::from_pairs([("trace_id", "138ff5d5726a9721")]).unwrap();
    let (mut records, mut decoded) = (Records::default(), Decoded::default());
    let mut append = |round| {
        fill_others(&mut records, &layouts, &labels, round);
        let position = log.sequence(&records).unwrap();
        let _durable = log.commit(position).wait().unwrap();
    };
    (0..20).for_each(&mut append);
    let ((), steady) = counted(|| (20..120).for_each(&mut append));
    assert!(steady.allocations <= 4, "{steady:?}");

    let logged = records.to_records();
    let mut read = || {
        decoded.clear();
        for record in &logged {
            decode_record(record, &mut decoded).unwrap();
        }
    };
    (0..3).for_each(|_| read());
    let ((), steady) = counted(|| (0..100).for_each(|_| read()));
    assert_eq!((steady.allocations, decoded.histograms.len(), decoded.exemplars_len()), (0, 1_000, 1_000));
}

/// One test, so that nothing else allocates meanwhile.
#[test]
fn a_steady_log_allocates_nothing_per_sample_and_an_idle_one_holds_little() {
    let dir = tempfile::tempdir().unwrap();
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let open =
        |name: &str| Log::open(Arc::new(StdFs), &dir.path().join(name), LogOptions::default(), &committers).unwrap();
    let (log, mut records) = (open("steady"), Records::default());
    (0..20).for_each(|round| append(&log, &mut records, round, 10_000));
    let ((), steady) = counted(|| (20..120).for_each(|round| append(&log, &mut records, round, 10_000)));
    // A million samples in a hundred groups.
    assert!(steady.allocations <= 4, "{steady:?}");

    let logs: Vec<_> = (0..60).map(|number| open(&number.to_string())).collect();
    let ((), idle) = counted(|| logs.iter().for_each(|log| append(log, &mut records, 0, 10_000)));
    // Each had 100 KiB in its buffer; what they gave back for others to use is at most 8 buffers.
    assert!(idle.held_bytes < 60 * 8 * 1024 + 8 * 256 * 1024, "{idle:?}");
    drop(logs);
    check_others(&open("others"));
}

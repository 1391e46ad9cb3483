//! What chunks have is passed over when the log is read, and nothing else is.

use super::labels;
use model::{Fingerprinter, Labels, SampleColumns, SeriesRef, TimeRange};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::fs::Fs;
use tsdb::head::{Head, HeadOptions, Part, ReplayScratch, ReplayStats, Split};
use tsdb::head_chunks::{HeadChunks, HeadFrame, MAX_FILE_BYTES};
use tsdb::wal::{Committers, Decoded, Log, LogOptions, Records, decode_record};
use tsdb::{ChunkSeriesBatch, SeriesSource, chunk};

/// What the log says next.
#[derive(Debug, Clone)]
enum Say {
    /// A reference, and the number of a label set.
    Series(u64, u64),
    /// A reference, and times.
    Samples(u64, Vec<i64>),
}
use Say::{Samples, Series};

/// Times by number of label set.
type Found = BTreeMap<Labels, Vec<i64>>;

fn open_chunks(fs: &SimFs) -> (HeadChunks, Vec<tsdb::head_chunks::HeadChunk>) {
    let mut found = Vec::new();
    let (dir, quarantine) = (Path::new("/data/chunks_head"), Path::new("/data/quarantine"));
    let opened =
        HeadChunks::open(Arc::new(fs.clone()), dir, quarantine, MAX_FILE_BYTES, &mut |chunk| found.push(chunk));
    (opened.unwrap().0, found)
}

/// The value at a time.
fn value(timestamp_ms: i64) -> f64 {
    timestamp_ms as f64 * 1.5
}

/// Writes a chunk with a sample at each time.
fn write(files: &HeadChunks, series: u64, times: Range<i64>) {
    let mut columns = SampleColumns::default();
    times.for_each(|at_ms| columns.push(at_ms, value(at_ms)));
    for chunk in chunk::encode(&columns) {
        let (min_ms, max_ms, encoding) = (chunk.min_ms, chunk.max_ms, chunk.encoding);
        let series = SeriesRef(series);
        let frame = HeadFrame { series, min_ms, max_ms, encoding, out_of_order: false, data: &chunk.data };
        files.append(&frame).unwrap();
    }
    files.flush().unwrap();
}

fn empty_head(fs: SimFs, files: HeadChunks, shards: usize) -> Arc<Head> {
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let log = Log::open(Arc::new(fs), Path::new("/data/wal"), LogOptions::default(), &committers).unwrap();
    let options = HeadOptions::new(shards / 2, 1_000_000);
    Arc::new(Head::new(options, Fingerprinter::new([7; 192]), log, Arc::new(files)))
}

/// What a head of `shards` shards has when `chunks` are in its files and the log says `said`, in batches of `run` samples.
fn replayed(chunks: &[(u64, Range<i64>)], said: &[Say], run: usize, shards: usize) -> (Found, ReplayStats) {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new("/data")).unwrap();
    let (files, _) = open_chunks(&fs);
    chunks.iter().for_each(|(series, times)| write(&files, *series, times.clone()));
    drop(files);
    let (files, found) = open_chunks(&fs);
    assert_eq!(found.len(), chunks.len());
    let head = empty_head(fs, files, shards);
    let replay = head.replay(found);
    let mut scratches: Vec<ReplayScratch> = (0..shards).map(|_| ReplayScratch::default()).collect();
    let (mut records, mut batch, mut split) = (Records::default(), Decoded::default(), Split::default());
    for say in said {
        match say {
            Series(reference, number) => {
                replay.series(SeriesRef(*reference), labels(*number).as_ref(), &mut ReplayScratch::default());
            }
            Samples(series, times) => {
                for times in times.chunks(run) {
                    times.iter().for_each(|&at_ms| records.sample(SeriesRef(*series), at_ms, value(at_ms)));
                    batch.clear();
                    for (number, mut record) in (0..).zip(records.to_records()) {
                        // One way or the other: it is the same.
                        if (times.len() + number) % 2 == 0 {
                            let size = record.len();
                            batch.keep_samples(&mut record, size, 0);
                        } else {
                            decode_record(&record, &mut batch).unwrap();
                        }
                    }
                    records.clear();
                    replay.split(&batch, &mut split);
                    for (index, scratch) in scratches.iter_mut().enumerate() {
                        replay.apply(&batch, &split, Part { index, of: shards }, scratch);
                    }
                }
            }
        }
    }
    for (index, scratch) in scratches.iter_mut().enumerate() {
        replay.settle(Part { index, of: shards }, scratch);
    }
    let stats = replay.finish().unwrap();
    (contents(&head), stats)
}

fn contents(head: &Arc<Head>) -> Found {
    let reader = head.reader(TimeRange::ALL);
    let mut cursor = reader.select(&[], TimeRange::ALL).unwrap();
    let (mut batch, mut found) = (ChunkSeriesBatch::default(), Found::new());
    loop {
        cursor.next_batch(7, false, &mut batch).unwrap();
        if batch.is_empty() {
            return found;
        }
        for (labels, chunks) in batch.iter() {
            let mut columns = SampleColumns::default();
            chunks.iter().for_each(|each| chunk::decode(each.encoding, &each.data, &mut columns).unwrap());
            let is_it = |(at, got): (&i64, &f64)| *got == value(*at);
            assert!(columns.timestamps_ms.iter().zip(&columns.values).all(is_it), "{labels:?}");
            found.insert(labels.to_owned(), columns.timestamps_ms);
        }
    }
}

/// Checks that each label set has samples at `want`, and how many samples were passed over.
#[track_caller]
fn check(chunks: &[(u64, Range<i64>)], said: &[Say], want: &[(u64, Range<i64>)], passed_over: u64) {
    let want: Found = want.iter().map(|(number, times)| (labels(*number), times.clone().collect())).collect();
    for (run, shards) in [(1000, 2), (7, 2), (1, 4), (1000, 8)] {
        let (got, stats) = replayed(chunks, said, run, shards);
        assert_eq!(got, want, "runs of {run}, {shards} shards");
        assert_eq!(stats.passed_over, passed_over, "runs of {run}, {shards} shards");
    }
}

fn times(range: Range<i64>) -> Vec<i64> {
    range.collect()
}

#[test]
fn what_chunks_have_is_passed_over() {
    check(
        &[(1, 0..10), (2, 0..5), (1, 10..20), (2, 5..30)],
        &[
            Series(1, 1),
            Series(2, 2),
            Series(3, 3),
            Samples(1, times(0..25)),
            Samples(2, times(0..25)),
            Samples(3, times(0..25)),
            Samples(2, times(25..31)),
        ],
        &[(1, 0..25), (2, 0..31), (3, 0..25)],
        20 + 30,
    );
}

#[test]
fn a_chunk_between_others_that_was_damaged_is_made_anew() {
    check(&[(1, 0..10), (1, 20..30)], &[Series(1, 1), Samples(1, times(0..35))], &[(1, 0..35)], 20);
    // The first; the last.
    check(&[(1, 10..20)], &[Series(1, 1), Samples(1, times(0..35))], &[(1, 0..35)], 10);
    check(&[(1, 0..20)], &[Series(1, 1), Samples(1, times(0..35))], &[(1, 0..35)], 20);
}

#[test]
fn a_record_in_no_order_loses_nothing() {
    let mut all = times(0..40);
    (0..40).for_each(|at| all.swap(at, at * 17 % 40));
    // From the newest chunk's end on only what comes in order is taken.
    all.retain(|&at| at < 30);
    check(&[(1, 0..10), (1, 20..30)], &[Series(1, 1), Samples(1, all)], &[(1, 0..30)], 20);
}

#[test]
fn a_late_sample_between_chunks_is_taken() {
    let late = [Series(1, 1), Samples(1, times(0..10)), Samples(1, times(15..35)), Samples(1, times(10..15))];
    check(&[(1, 0..10), (1, 15..20)], &late, &[(1, 0..35)], 15);
}

#[test]
fn one_label_set_under_two_references() {
    let said = [
        Series(1, 1),
        Samples(1, times(0..10)),
        Series(5, 1),
        Samples(5, times(10..25)),
        Samples(1, times(25..30)),
        Samples(5, times(30..33)),
    ];
    check(&[(1, 0..10), (5, 10..20)], &said, &[(1, 0..33)], 20);
    // A chunk that overlaps another one is not taken: what it alone has comes from the log.
    let said = [Series(1, 1), Series(5, 1), Samples(1, times(0..10)), Samples(5, times(5..25))];
    check(&[(1, 0..10), (5, 5..15)], &said, &[(1, 0..25)], 10 + 5);
}

#[test]
fn a_series_that_is_named_late() {
    let said =
        [Series(1, 1), Samples(3, times(10..12)), Series(3, 3), Samples(3, times(0..25)), Samples(1, times(0..4))];
    check(&[(3, 10..20)], &said, &[(1, 0..4), (3, 0..25)], 10);
}

#[test]
fn a_series_that_went_and_came_back() {
    let said = [Series(1, 1), Samples(1, times(0..10)), Series(7, 1), Samples(7, times(10..45))];
    check(&[(1, 0..10), (7, 30..40)], &said, &[(1, 0..45)], 20);
}

#[test]
fn references_far_from_the_others() {
    let far = (1 << 39) + 5;
    let said = [Series(5, 1), Series(far, 2), Samples(5, times(0..25)), Samples(far, times(0..25))];
    check(&[(5, 0..10), (far, 5..15)], &said, &[(1, 0..25), (2, 0..25)], 20);
    let said = [Series(far, 2), Series(5, 1), Samples(far, times(0..25)), Samples(5, times(0..25))];
    check(&[(5, 0..10), (far, 5..15)], &said, &[(1, 0..25), (2, 0..25)], 20);
}

#[test]
fn what_the_log_has_twice_is_passed_over_the_second_time() {
    let said = [Series(1, 1), Samples(1, times(0..35)), Samples(1, times(5..25)), Samples(1, times(0..40))];
    // The second time, what became an open chunk when it was read first is passed over, too.
    check(&[(1, 0..10), (1, 10..20)], &said, &[(1, 0..40)], 20 + 20 + 35);
}

#[test]
fn the_last_and_first_sample_of_a_chunk_and_those_beside_them() {
    let said = [Series(1, 1), Samples(1, vec![9, 10, 19, 20, 21, 29, 30, 39, 40])];
    let chunks = [(1, 10..20), (1, 30..40)];
    let found = [9].into_iter().chain(10..20).chain([20, 21, 29]).chain(30..41);
    let (want, stats) = (Found::from([(labels(1), found.collect())]), 4);
    for shards in [2, 8] {
        let (got, replayed) = replayed(&chunks, &said, 4, shards);
        assert_eq!((got, replayed.passed_over), (want.clone(), stats));
    }
}

#[test]
fn chunks_farther_apart_than_a_word_can_tell() {
    let far = 1 << 33;
    let said = [
        Series(1, 1),
        Series(2, 2),
        Samples(1, times(0..12)),
        Samples(2, times(far - 1..far + 25)),
        Samples(1, times(far - 5..far + 15)),
    ];
    let chunks = [(1, 0..10), (2, far..far + 20), (1, far..far + 10)];
    let found = |times: &mut dyn Iterator<Item = i64>| times.collect::<Vec<_>>();
    let want = Found::from([
        (labels(1), found(&mut (0..12).chain(far - 5..far + 15))),
        (labels(2), found(&mut (far - 1..far + 25))),
    ]);
    for run in [1, 1000] {
        let (got, stats) = replayed(&chunks, &said, run, 4);
        assert_eq!((got, stats.passed_over), (want.clone(), 10 + 20 + 10));
    }
}

#[test]
#[should_panic(expected = "line 0 of 0: a batch was split for another head")]
fn a_batch_that_was_split_for_another_head_is_refused() {
    let [head, other] = std::array::from_fn(|_| {
        let fs = SimFs::new();
        fs.create_dir_all(Path::new("/data")).unwrap();
        let (files, _) = open_chunks(&fs);
        empty_head(fs, files, 2)
    });
    let (mut records, mut batch, mut split) = (Records::default(), Decoded::default(), Split::default());
    records.sample(SeriesRef(1), 5, value(5));
    for record in records.to_records() {
        decode_record(&record, &mut batch).unwrap();
    }
    let (replay, others) = (head.replay(Vec::new()), other.replay(Vec::new()));
    replay.series(SeriesRef(1), labels(1).as_ref(), &mut ReplayScratch::default());
    replay.split(&batch, &mut split);
    for index in 0..2 {
        others.apply(&batch, &split, Part { index, of: 2 }, &mut ReplayScratch::default());
    }
}

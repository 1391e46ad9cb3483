use super::{Inserted, Late, LateSweep, MAX_SPAN_MS};
use crate::fs::StdFs;
use crate::head_chunks::{HeadChunkRef, HeadChunks, MAX_FILE_BYTES};
use model::{SeriesRef, TimeRange};
use std::sync::Arc;

/// Nothing is written to them.
fn files() -> HeadChunks {
    let dir = tempfile::tempdir().unwrap();
    let (files, quarantine) = (dir.path().join("chunks_head"), dir.path().join("quarantine"));
    HeadChunks::open(Arc::new(StdFs), &files, &quarantine, MAX_FILE_BYTES, &mut |_| {}).unwrap().0
}

fn times(late: &Late, line: u32) -> Vec<i64> {
    late.buffer(line).map(|(timestamp_ms, _)| timestamp_ms).collect()
}

fn chunks(late: &Late, line: u32) -> Vec<(i64, i64)> {
    late.chunks(line).map(|chunk| (chunk.min_ms, chunk.max_ms)).collect()
}

fn cut(late: &mut Late, line: u32, files: &HeadChunks) -> Vec<HeadChunkRef> {
    let mut places = Vec::new();
    assert!(late.cut(line, SeriesRef(7), files, |place| places.push(place)));
    places
}

#[test]
fn a_buffer_is_sorted_and_the_first_of_a_time_stays() {
    let mut late = Late::default();
    for (timestamp_ms, bits, want) in [
        (50, 1, Inserted::New),
        (70, 2, Inserted::New),
        (60, 3, Inserted::New),
        (-40, 4, Inserted::New),
        (60, 3, Inserted::Again),
        (60, 9, Inserted::Other),
        (70, 2, Inserted::Again),
    ] {
        assert_eq!(late.insert(3, timestamp_ms, bits), want, "{timestamp_ms}");
    }
    assert_eq!(late.buffer(3).collect::<Vec<_>>(), [(-40, 4), (50, 1), (60, 3), (70, 2)]);
    assert_eq!((late.len(), late.buffered(3), late.has(2), late.has(3)), (1, 4, false, true));
    assert_eq!(late.range(), TimeRange::new(-40, 70));
    late.keep_buffered(3, |_, bits| bits % 2 == 1);
    assert_eq!(late.buffer(3).collect::<Vec<_>>(), [(50, 1), (60, 3)]);
}

#[test]
fn series_have_chunks_until_these_are_given_over() {
    let (mut late, files) = (Late::default(), files());
    for timestamp_ms in [10, 30, 20] {
        late.insert(0, timestamp_ms, 1);
        late.insert(5, timestamp_ms * 100, 1);
    }
    let first = cut(&mut late, 0, &files);
    assert_eq!((chunks(&late, 0), times(&late, 0)), (vec![(10, 30)], vec![]));
    late.insert(0, 15, 1);
    let second = cut(&mut late, 0, &files);
    assert_eq!(chunks(&late, 0), [(10, 30), (15, 15)]);
    let overlaps = |late: &Late, line, min_ms, max_ms| late.overlaps(line, TimeRange::new(min_ms, max_ms).unwrap());
    assert!(overlaps(&late, 0, 16, 40) && !overlaps(&late, 0, 31, 40) && overlaps(&late, 5, 3000, 4000));

    let mut sweep = LateSweep::default();
    assert!(!late.sweep(first[0], &mut sweep));
    assert_eq!((chunks(&late, 0), sweep.dropped, late.len()), (vec![(15, 15)], 1, 2));
    assert_eq!(late.range(), TimeRange::new(15, 3000));
    assert!(!late.sweep(second[0], &mut LateSweep::default()));
    assert_eq!((late.len(), late.has(0), times(&late, 5)), (1, false, vec![1000, 2000, 3000]));
    // Its place is another's now.
    late.insert(9, 1, 1);
    assert_eq!((late.len(), times(&late, 0), times(&late, 9)), (2, vec![], vec![1]));
}

#[test]
fn a_chunk_does_not_last_longer_than_its_list_can_say() {
    let (mut late, files) = (Late::default(), files());
    for timestamp_ms in [i64::MIN, 0, MAX_SPAN_MS, MAX_SPAN_MS + 1, i64::MAX] {
        late.insert(1, timestamp_ms, 1);
    }
    assert_eq!(cut(&mut late, 1, &files).len(), 4);
    let want = [(i64::MIN, i64::MIN), (0, MAX_SPAN_MS), (MAX_SPAN_MS + 1, MAX_SPAN_MS + 1), (i64::MAX, i64::MAX)];
    assert_eq!(chunks(&late, 1), want);
}

#[test]
fn what_comes_during_a_sweep_is_in_the_range() {
    let mut late = Late::default();
    for line in 0..3000 {
        late.insert(line, 100, 1);
    }
    let mut sweep = LateSweep::default();
    assert!(late.sweep(HeadChunkRef(1), &mut sweep));
    late.insert(0, 5, 1);
    while late.sweep(HeadChunkRef(1), &mut sweep) {}
    assert_eq!(late.range(), TimeRange::new(5, 100));
}

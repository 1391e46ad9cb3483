use super::{Inserted, Late, LateSample, LateSweep, Layouts, MAX_SPAN_MS};
use crate::chunk;
use crate::fs::StdFs;
use crate::head_chunks::{HeadChunkRef, HeadChunks, MAX_FILE_BYTES};
use crate::series::Encoding;
use model::{HistogramLayout, HistogramRef, Numbers, ResetHint, STALE_NAN, SampleColumns, SeriesRef, Span, TimeRange};
use std::sync::Arc;

/// Late samples with the layouts of their shard.
#[derive(Default)]
struct Rig {
    late: Late,
    layouts: Layouts,
}

/// Nothing is written to them.
fn files() -> HeadChunks {
    let dir = tempfile::tempdir().unwrap();
    let (files, quarantine) = (dir.path().join("chunks_head"), dir.path().join("quarantine"));
    HeadChunks::open(Arc::new(StdFs), &files, &quarantine, MAX_FILE_BYTES, &mut |_| {}).unwrap().0
}

impl Rig {
    fn insert(&mut self, line: u32, timestamp_ms: i64, sample: LateSample<'_>) -> Inserted {
        self.late.insert(&mut self.layouts, line, timestamp_ms, sample)
    }

    fn insert_bits(&mut self, line: u32, timestamp_ms: i64, bits: u64) -> Inserted {
        self.insert(line, timestamp_ms, LateSample::Float(f64::from_bits(bits)))
    }

    fn buffer(&self, line: u32) -> SampleColumns {
        let mut columns = SampleColumns::default();
        self.late.read_buffer(&self.layouts, line, &mut columns);
        columns
    }

    fn times(&self, line: u32) -> Vec<i64> {
        self.buffer(line).timestamps_ms
    }

    fn cut(&mut self, line: u32, files: &HeadChunks) -> Vec<HeadChunkRef> {
        let mut places = Vec::new();
        assert!(self.late.cut(&mut self.layouts, line, SeriesRef(7), files, |place| places.push(place)));
        places
    }
}

fn chunks(late: &Late, line: u32) -> Vec<(i64, i64)> {
    late.chunks(line).map(|chunk| (chunk.min_ms, chunk.max_ms)).collect()
}

fn layout(buckets: u32) -> HistogramLayout {
    HistogramLayout::new(1, 0.001, vec![Span { offset: 0, length: buckets }], Vec::new(), Vec::new()).unwrap()
}

fn histogram(layout: &HistogramLayout, numbers: Numbers, cells: &[u64], sum: f64) -> LateSample<'static> {
    let layout: &'static HistogramLayout = Box::leak(Box::new(layout.clone()));
    let cells = Box::leak(cells.to_vec().into_boxed_slice());
    LateSample::Histogram(HistogramRef { layout, hint: ResetHint::Unknown, numbers, cells, sum })
}

#[test]
fn a_buffer_is_sorted_and_the_first_of_a_time_stays() {
    let mut rig = Rig::default();
    for (timestamp_ms, bits, want) in [
        (50, 1, Inserted::New),
        (70, 2, Inserted::New),
        (60, 3, Inserted::New),
        (-40, 4, Inserted::New),
        (60, 3, Inserted::Again),
        (60, 9, Inserted::Other),
        (70, 2, Inserted::Again),
    ] {
        assert_eq!(rig.insert_bits(3, timestamp_ms, bits), want, "{timestamp_ms}");
    }
    let samples = |rig: &Rig| {
        let SampleColumns { timestamps_ms, values, .. } = rig.buffer(3);
        timestamps_ms.into_iter().zip(values.into_iter().map(f64::to_bits)).collect::<Vec<_>>()
    };
    assert_eq!(samples(&rig), [(-40, 4), (50, 1), (60, 3), (70, 2)]);
    let Rig { late, layouts } = &mut rig;
    assert_eq!((late.len(), late.buffered(3), late.has(2), late.has(3)), (1, 4, false, true));
    assert_eq!((late.range(), late.buffer_range(3)), (TimeRange::new(-40, 70), Some((-40, 70))));
    late.keep_buffered(layouts, 3, |at| at % 3 > 0);
    assert_eq!(samples(&rig), [(50, 1), (60, 3)]);
}

/// Floats and histograms of every kind in one buffer, the histograms after floats, so that these are laid out anew.
#[test]
fn a_buffer_mixes_kinds_and_gives_back_what_they_took() {
    let (mut rig, files) = (Rig::default(), files());
    let (narrow, wide) = (layout(2), layout(3));
    let floats = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
    let (integer, float) = (Numbers::Integer, Numbers::Float);
    let custom = HistogramLayout::new(-53, 0.0, vec![Span { offset: 0, length: 2 }], vec![], vec![1.0]).unwrap();
    let samples = [
        (40, LateSample::Float(1.5)),
        (20, LateSample::Float(-0.0)),
        (30, histogram(&narrow, integer, &[3, 0, 1, 2], 9.0)),
        (50, histogram(&narrow, integer, &[], STALE_NAN)),
        (32, histogram(&wide, integer, &[9, 1, 1, 4, 3], 10.0)),
        (34, histogram(&wide, integer, &[8, 0, 1, 4, 3], 10.0)),
        (36, histogram(&wide, float, &floats(&[8.5, 0.0, 1.0, 4.0, 3.5]), 10.0)),
        (10, histogram(&custom, integer, &[3, 0, 1, 2], f64::NAN)),
    ];
    for (timestamp_ms, sample) in samples {
        assert_eq!(rig.insert(5, timestamp_ms, sample), Inserted::New, "{timestamp_ms}");
        assert_eq!(rig.insert(5, timestamp_ms, sample), Inserted::Again, "{timestamp_ms}");
    }
    // Another sum, another count, another kind; an empty bucket more says nothing.
    for (timestamp_ms, sample, want) in [
        (30, histogram(&narrow, integer, &[3, 0, 1, 2], 8.0), Inserted::Other),
        (30, histogram(&narrow, integer, &[4, 0, 2, 2], 9.0), Inserted::Other),
        (30, histogram(&wide, integer, &[3, 0, 1, 2, 0], 9.0), Inserted::Again),
        (30, LateSample::Float(9.0), Inserted::Other),
        (40, histogram(&narrow, integer, &[3, 0, 1, 2], 1.5), Inserted::Other),
        (50, LateSample::Float(STALE_NAN), Inserted::Other),
    ] {
        assert_eq!(rig.insert(5, timestamp_ms, sample), want, "{timestamp_ms}");
    }
    let columns = rig.buffer(5);
    assert_eq!(columns.timestamps_ms, [10, 20, 30, 32, 34, 36, 40, 50]);
    assert_eq!(columns.histogram_at, [0, 2, 3, 4, 5, 7]);
    assert_eq!(columns.histogram(3).unwrap().cells, [9, 1, 1, 4, 3]);
    assert_eq!((columns.histogram(0).unwrap().layout, columns.histogram(7).unwrap().cells), (&custom, &[0, 0][..]));

    // A chunk ends where the kind changes, and where counts fall.
    let places = rig.cut(5, &files);
    let found: Vec<_> = places
        .iter()
        .map(|place| {
            let (chunk, mut columns) = (files.read(*place).unwrap(), SampleColumns::default());
            chunk::decode(chunk.encoding, &chunk.data, &mut columns).unwrap();
            (chunk.encoding, columns.timestamps_ms)
        })
        .collect();
    let (integer, float) = (Encoding::Histogram, Encoding::FloatHistogram);
    let want = [
        (integer, vec![10]),
        (Encoding::Xor, vec![20]),
        (integer, vec![30, 32]),
        (integer, vec![34]),
        (float, vec![36]),
        (Encoding::Xor, vec![40]),
        (integer, vec![50]),
    ];
    assert_eq!(found, want);
    assert_eq!((rig.buffer(5).len(), rig.late.buffered(5)), (0, 0));

    // What was taken is given back: the same again takes no more.
    let mut turn = |buckets: u32| {
        for (timestamp_ms, sample) in samples {
            assert_eq!(rig.insert(6, timestamp_ms, sample), Inserted::New);
        }
        let cells = vec![1; buckets as usize + 2];
        rig.insert(6, 60, histogram(&layout(buckets), Numbers::Integer, &cells, 1.0));
        rig.late.keep_buffered(&mut rig.layouts, 6, |_| false);
        (rig.late.size_bytes(), rig.layouts.size_bytes())
    };
    let size_bytes = turn(9);
    let after = (10..60).map(&mut turn).last().unwrap();
    assert!(after.0 < size_bytes.0 + (16 << 10) && after.1 == size_bytes.1, "{size_bytes:?} {after:?}");
}

/// What the files do not take stays, and no marker says otherwise.
#[test]
fn what_is_not_taken_stays_in_the_buffer() {
    let (mut rig, files) = (Rig::default(), files());
    let wide = layout(40_000);
    let random = |seed: u64| -> Vec<u64> {
        (0..40_002_u64).map(|at| (at + 1).wrapping_mul(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 8).collect()
    };
    for timestamp_ms in 0..250 {
        let cells = random(timestamp_ms + 1);
        rig.insert(1, timestamp_ms as i64, histogram(&wide, Numbers::Float, &cells, 1.0));
    }
    let before = rig.buffer(1);
    let mut told = 0;
    let Rig { late, layouts } = &mut rig;
    assert!(!late.cut(layouts, 1, SeriesRef(7), &files, |_| told += 1));
    let (left, chunks) = (late.buffered(1) as usize, late.chunks(1).count());
    assert!(told == 0 && left > 0 && chunks > 0, "{told} told, {left} left, {chunks} chunks");
    let (after, mut held) = (rig.buffer(1), SampleColumns::default());
    for chunk in rig.late.chunks(1).collect::<Vec<_>>() {
        let chunk = files.read(super::place_of(&chunk)).unwrap();
        chunk::decode(chunk.encoding, &chunk.data, &mut held).unwrap();
    }
    (0..after.len()).for_each(|at| held.push_from(&after, at));
    assert_eq!((held.timestamps_ms, held.values), (before.timestamps_ms, before.values));
}

#[test]
fn series_have_chunks_until_these_are_given_over() {
    let (mut rig, files) = (Rig::default(), files());
    for timestamp_ms in [10, 30, 20] {
        rig.insert_bits(0, timestamp_ms, 1);
        rig.insert_bits(5, timestamp_ms * 100, 1);
    }
    let first = rig.cut(0, &files);
    assert_eq!((chunks(&rig.late, 0), rig.times(0)), (vec![(10, 30)], vec![]));
    rig.insert_bits(0, 15, 1);
    let second = rig.cut(0, &files);
    assert_eq!(chunks(&rig.late, 0), [(10, 30), (15, 15)]);
    let overlaps = |late: &Late, line, min_ms, max_ms| late.overlaps(line, TimeRange::new(min_ms, max_ms).unwrap());
    assert!(overlaps(&rig.late, 0, 16, 40) && !overlaps(&rig.late, 0, 31, 40) && overlaps(&rig.late, 5, 3000, 4000));

    let mut sweep = LateSweep::default();
    assert!(!rig.late.sweep(first[0], &mut sweep));
    assert_eq!((chunks(&rig.late, 0), sweep.dropped, rig.late.len()), (vec![(15, 15)], 1, 2));
    assert_eq!(rig.late.range(), TimeRange::new(15, 3000));
    assert!(!rig.late.sweep(second[0], &mut LateSweep::default()));
    assert_eq!((rig.late.len(), rig.late.has(0), rig.times(5)), (1, false, vec![1000, 2000, 3000]));
    // Its place is another's now.
    rig.insert_bits(9, 1, 1);
    assert_eq!((rig.late.len(), rig.times(0), rig.times(9)), (2, vec![], vec![1]));
}

#[test]
fn a_chunk_does_not_last_longer_than_its_list_can_say() {
    let (mut rig, files) = (Rig::default(), files());
    for timestamp_ms in [i64::MIN, 0, MAX_SPAN_MS, MAX_SPAN_MS + 1, i64::MAX] {
        rig.insert_bits(1, timestamp_ms, 1);
    }
    assert_eq!(rig.cut(1, &files).len(), 4);
    let want = [(i64::MIN, i64::MIN), (0, MAX_SPAN_MS), (MAX_SPAN_MS + 1, MAX_SPAN_MS + 1), (i64::MAX, i64::MAX)];
    assert_eq!(chunks(&rig.late, 1), want);
}

#[test]
fn what_comes_during_a_sweep_is_in_the_range() {
    let mut rig = Rig::default();
    for line in 0..3000 {
        rig.insert_bits(line, 100, 1);
    }
    let mut sweep = LateSweep::default();
    assert!(rig.late.sweep(HeadChunkRef(1), &mut sweep));
    rig.insert_bits(0, 5, 1);
    while rig.late.sweep(HeadChunkRef(1), &mut sweep) {}
    assert_eq!(rig.late.range(), TimeRange::new(5, 100));
}

use super::{Damage, ReadReport, SegmentReader, decode_stored};
use crate::cursor::Fault;
use crate::fs::{Fs, StdFs};
use crate::wal::assemble::StoredRecords;
use crate::wal::codec::{Coding, Compression, Packer, Unpacker};
use crate::wal::page;
use crate::wal::record::{Decoded, Floats, LeftOut, LoggedSample, Next, Records, Run, split_records};
use model::SeriesRef;

/// A segment of `records` records of `samples` samples each.
fn segment(records: u64, samples: u64, compression: Compression) -> Vec<u8> {
    let (mut segment, mut packer, mut batch) = (Vec::new(), Packer::default(), Records::default());
    for record in 0..records {
        batch.clear();
        (0..samples).for_each(|number| batch.sample(SeriesRef(number), record as i64, 1.0));
        let mut buffer = Vec::new();
        batch.copy_others(&mut buffer, None);
        for record in split_records(&buffer) {
            let (stored, coding) = packer.pack(record, compression);
            page::frame(segment.len() as u64, stored, coding, &mut segment);
        }
    }
    segment
}

/// What a segment says, whatever becomes of its float samples.
fn read(segment: &[u8]) -> (Vec<LoggedSample>, LeftOut, ReadReport) {
    let [one, other] = [Floats::Read, Floats::Packed].map(|floats| read_as(segment, floats));
    assert_eq!(one, other);
    one
}

fn read_as(segment: &[u8], floats: Floats) -> (Vec<LoggedSample>, LeftOut, ReadReport) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("00000000");
    StdFs.create_new(&path).unwrap().append(segment).unwrap();
    let mut reader = SegmentReader::open(&StdFs, &path).unwrap();
    let (mut stored, mut unpacker) = (StoredRecords::default(), Unpacker::default());
    let (mut decoded, mut report) = (Decoded::default(), ReadReport::default());
    let (mut samples, mut left_out) = (Vec::new(), LeftOut::default());
    while reader.next(&mut stored, &mut report).unwrap() {
        decoded.clear();
        decode_stored(&path, &stored, floats, &mut unpacker, &mut decoded, &mut report);
        for run in decoded.runs() {
            match run {
                Run::Samples(run) => samples.extend_from_slice(run.samples),
                Run::Packed(records) => {
                    let mut take = |sample| {
                        samples.push(sample);
                        Next::Any
                    };
                    records.iter().for_each(|record| assert_eq!(record.read(|_, _| false, &mut take), Ok(0)));
                }
                Run::Histograms(_) | Run::Deletions(_) | Run::Markers(_) => panic!("nobody wrote that"),
            }
        }
        left_out.add(&decoded.left_out);
    }
    // Directories have names of their own.
    report.damages.iter_mut().for_each(|damage| damage.file = "00000000".into());
    (samples, left_out, report)
}

#[test]
fn a_segment_is_read_in_order_whatever_its_size() {
    for (records, samples) in [(0, 0), (1, 1), (3000, 100), (2, 100_000)] {
        for compression in [Compression::None, Compression::Snappy, Compression::Zstd] {
            let (read, _, report) = read(&segment(records, samples, compression));
            assert_eq!(read.len() as u64, records * samples);
            assert!(read.is_sorted_by_key(|sample| (sample.timestamp_ms, sample.series)));
            assert_eq!((report.damages_total, report.records >= records), (0, true));
        }
    }
}

#[test]
fn a_long_segment_comes_in_small_batches() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("00000000");
    // Every record goes on in the next page.
    let segment = segment(400, 3_000, Compression::None);
    StdFs.create_new(&path).unwrap().append(&segment).unwrap();
    let mut reader = SegmentReader::open(&StdFs, &path).unwrap();
    let (mut stored, mut report) = (StoredRecords::default(), ReadReport::default());
    let (mut batches, mut largest) = (0, 0);
    while reader.next(&mut stored, &mut report).unwrap() {
        batches += 1;
        largest = largest.max(stored.size_bytes());
    }
    assert!(segment.len() > 10 << 20 && batches > 50 && largest < 300 << 10, "{batches} of at most {largest}");
}

#[test]
fn a_record_under_a_wrong_coding_is_read_and_reported() {
    for compression in [Compression::None, Compression::Snappy, Compression::Zstd] {
        for bits in [Coding::Snappy.bits(), Coding::Zstd.bits(), Coding::Snappy.bits() | Coding::Zstd.bits()] {
            let mut segment = segment(3, 100, compression);
            let second = 7 + usize::from(u16::from_be_bytes([segment[1], segment[2]]));
            segment[second] ^= bits;
            let (samples, _, report) = read(&segment);
            assert_eq!(samples.len(), 300, "{compression:?} {bits}");
            let same = Coding::from_bits(segment[second]) == Coding::from_bits(segment[0]);
            assert_eq!(
                report.damages.iter().map(|damage| damage.kept).collect::<Vec<_>>(),
                vec![true; usize::from(!same)]
            );
            assert!(!report.may_have_lost());
        }
    }
}

#[test]
fn a_record_that_makes_no_sense_is_reported_and_one_of_a_new_type_is_counted() {
    let mut segment = segment(1, 1, Compression::None);
    let second = segment.len() as u64;
    page::frame(second, &[2, 0, 0], Coding::Plain, &mut segment);
    page::frame(segment.len() as u64, &[99, 0, 0], Coding::Plain, &mut segment);
    let (samples, left_out, report) = read(&segment);
    assert_eq!((samples.len(), left_out.unknown_records, report.records), (1, 1, 1));
    let [Damage { offset, fault, tail: false, kept: false, .. }] = report.damages[..] else {
        panic!("{report:?}");
    };
    assert_eq!((offset, fault), (second, Fault::Truncated { want: 8, left: 2 }));
    assert!(report.may_have_lost());
}

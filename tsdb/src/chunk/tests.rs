use super::{ChunkError, decode};
use crate::series::Encoding;
use model::SampleColumns;
use proptest::prelude::*;

const ALL: [Encoding; 6] = [
    Encoding::Xor,
    Encoding::Histogram,
    Encoding::FloatHistogram,
    Encoding::Xor2,
    Encoding::HistogramSt,
    Encoding::FloatHistogramSt,
];

/// Columns that hold a float and its start already.
fn begun() -> SampleColumns {
    let mut columns = SampleColumns::default();
    columns.push(7, 7.0);
    columns
}

#[track_caller]
fn check_refused(encoding: Encoding, data: &[u8], want: ChunkError) {
    let mut columns = begun();
    assert_eq!(decode(encoding, data, &mut columns), Err(want), "{encoding:?}");
    assert_eq!(columns, begun(), "a refused chunk leaves the columns as they were");
}

#[test]
fn malformed_chunks_are_refused_with_a_place() {
    for encoding in ALL {
        check_refused(encoding, &[], ChunkError::Truncated { sample: 0, count: 0, offset: 0 });
        if encoding != Encoding::Xor {
            check_refused(encoding, &[0, 5], ChunkError::Truncated { sample: 0, count: 0, offset: 0 });
            check_refused(encoding, &[0, 5, 0], ChunkError::Truncated { sample: 0, count: 5, offset: 3 });
        }
    }
    let too_large = |most| ChunkError::CountTooLarge { size_bytes: 4, count: 0x3fff, most };
    check_refused(Encoding::Histogram, &[0x3f, 0xff, 0, 0], too_large(8));
    check_refused(Encoding::FloatHistogramSt, &[0xff, 0xff, 0, 0], too_large(8));
    check_refused(Encoding::Xor2, &[0x3f, 0xff, 0, 0], too_large(32));
}

#[test]
fn a_chunk_that_would_fill_too_much_memory_is_refused() {
    // No threshold, schema 0, one span of 2^16 buckets (as a number of 25 bits) at offset 0, none on the other side; then
    // rows of zeros, a bit a bucket.
    let layout = 0b01_0001_u64 << 34 | (0b111_1110 << 25 | 1 << 16) << 2;
    let mut data = [&[4, 0, 0, 0][..], &layout.to_be_bytes()[3..]].concat();
    data.resize(1 << 23, 0);
    let want = ChunkError::CountTooLarge { size_bytes: 1 << 23, count: 1 << 10, most: (1 << 24) / ((1 << 16) + 2) };
    check_refused(Encoding::Histogram, &data, want);
}

#[test]
fn an_empty_chunk_has_no_samples() {
    for encoding in ALL {
        let mut columns = begun();
        assert_eq!(decode(encoding, &[0, 0, 0], &mut columns), Ok(()));
        assert_eq!(columns, begun());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn hostile_bytes_never_panic(
        encoding in prop::sample::select(&ALL[..]),
        count in 0_u8..20,
        mut data in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 3..300),
    ) {
        // A small count, so that more than the header is looked at.
        data[0] = if data[0] < 0x80 { 0 } else { data[0] };
        data[1] = count;
        let mut columns = begun();
        match decode(encoding, &data, &mut columns) {
            Ok(()) => prop_assert!(columns.len() < 0x10000),
            Err(_) => prop_assert_eq!(&columns, &begun()),
        }
        prop_assert_eq!(columns.values.len(), columns.timestamps_ms.len());
        prop_assert_eq!(columns.histograms.len(), columns.histogram_at.len());
        prop_assert!(columns.starts_ms.is_empty() || columns.starts_ms.len() == columns.len());
    }
}

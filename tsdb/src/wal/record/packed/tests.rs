use super::Next;
use crate::cursor::Corruption;
use crate::wal::record::{Decoded, LoggedSample, Records, Run, decode_record};
use model::SeriesRef;
use proptest::prelude::*;

/// The samples of a record that do not pass and how many do, or what is wrong with it: read now, or left and read later.
fn both_ways(record: &[u8]) -> [Result<(Vec<String>, u64), String>; 2] {
    // Samples behind each other pass or do not, for a while. What is no reference does not.
    let passes = |series: SeriesRef, timestamp_ms: i64| {
        series.0 < SeriesRef::END && (series.0 >> 5).wrapping_add((timestamp_ms >> 60) as u64) % 2 == 1
    };
    let (mut now, mut later) = (Decoded::default(), Decoded::default());
    let read = decode_record(record, &mut now);
    let now = read.map(|_| {
        let stays = |sample: &&LoggedSample| !passes(sample.series, sample.timestamp_ms);
        let stay: Vec<_> = now.samples.iter().filter(stays).map(|sample| format!("{sample:?}")).collect();
        let passed = now.samples.len() - stay.len();
        (stay, passed as u64)
    });
    later.keep_samples(&mut record.to_vec(), record.len(), 0);
    let (mut stay, mut passed) = (Vec::new(), 0);
    let mut take = |sample: LoggedSample| {
        if passes(sample.series, sample.timestamp_ms) {
            passed += 1;
            return Next::WhatDoesNotPass;
        }
        stay.push(format!("{sample:?}"));
        Next::Any
    };
    let read = later.runs().try_fold(0, |unasked, run| match run {
        Run::Packed(records) => {
            records.iter().try_fold(unasked, |unasked, record| Ok(unasked + record.read(passes, &mut take)?))
        }
        other => panic!("{other:?}"),
    });
    [now, read.map(|unasked| (stay, passed + unasked))]
        .map(|read| read.map_err(|corruption: Corruption| corruption.to_string()))
}

/// References and times near each other and far apart, so that varints have all sizes.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let near = |most: u64| prop_oneof![0..most.min(100), 0..most.min(20_000), 0..most];
    let sample = (near(SeriesRef::END), near(1 << 62), any::<u64>());
    prop::collection::vec(sample, 1..100).prop_map(|samples| {
        let mut records = Records::default();
        for (series, at_ms, bits) in samples {
            records.sample(SeriesRef(series), at_ms.cast_signed(), f64::from_bits(bits));
        }
        records.to_records().remove(0)
    })
}

proptest! {
    #[test]
    fn what_is_read_later_or_passed_over_is_the_same(record in record(), cut in any::<prop::sample::Index>(), flip in any::<u16>()) {
        let [now, later] = both_ways(&record);
        prop_assert!(now.is_ok());
        prop_assert_eq!(now, later);
        // Damaged, it has the same fault.
        let mut damaged = record.get(..=cut.index(record.len())).unwrap_or_default().to_vec();
        let [now, later] = both_ways(&damaged);
        prop_assert_eq!(now, later);
        let at = 1 + usize::from(flip >> 3) % damaged.len().saturating_sub(1).max(1);
        if let Some(byte) = damaged.get_mut(at) {
            *byte ^= 1 << (flip & 7);
        }
        let [now, later] = both_ways(&damaged);
        prop_assert_eq!(now, later);
    }
}

/// Rooms go back to whoever unpacks, but for large ones.
#[test]
fn room_is_used_again() {
    let mut decoded = Decoded::default();
    let mut keep = |size: usize| {
        let mut room = vec![2; size];
        decoded.clear();
        decoded.keep_samples(&mut room, size, 0);
        room.capacity()
    };
    assert_eq!([keep(100), keep(2 << 20), keep(50), keep(10)], [0, 100, 0, 50]);
}

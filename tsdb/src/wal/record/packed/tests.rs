use crate::wal::record::{Decoded, Records, Run, decode_record};
use model::SeriesRef;
use proptest::prelude::*;

/// The samples of a record, or what is wrong with it: read now, or left and read later.
fn both_ways(record: &[u8]) -> [Result<Vec<String>, String>; 2] {
    let (mut now, mut later) = (Decoded::default(), Decoded::default());
    let read = decode_record(record, &mut now);
    let now = read.map(|_| now.samples.iter().map(|sample| format!("{sample:?}")).collect());
    later.keep_samples(&mut record.to_vec(), record.len(), 0);
    let mut samples = Vec::new();
    let read = later.runs().try_for_each(|run| match run {
        Run::Packed(records) => {
            records.iter().try_for_each(|record| record.read(|sample| samples.push(format!("{sample:?}"))))
        }
        other => panic!("{other:?}"),
    });
    [now, read.map(|()| samples)].map(|read| read.map_err(|corruption| corruption.to_string()))
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
    fn what_is_read_later_is_the_same(record in record(), cut in any::<prop::sample::Index>(), flip in any::<u16>()) {
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

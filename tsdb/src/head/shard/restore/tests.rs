use super::state_at;
use crate::chunk::xor::XorState;
use crate::snapshot::ChunkEnd;
use model::TimeRange;
use proptest::prelude::*;

/// A chunk of samples at rising times, its encoder's state and what a snapshot says of its end.
fn chunk(steps_ms: &[u32], values: &[f64]) -> (Vec<u8>, XorState, TimeRange, ChunkEnd) {
    let (mut state, mut words, mut time_ms) = (XorState::default(), Vec::new(), 1_790_000_000_000);
    let first_ms = time_ms;
    for (at, (step_ms, value)) in steps_ms.iter().zip(values).enumerate() {
        time_ms += if at == 0 { 0 } else { i64::from(*step_ms) };
        state.append(time_ms, *value, &mut words);
    }
    let mut data = Vec::new();
    state.write_chunk(&words, &mut data);
    let XorState { delta_ms, pending_bits, leading, trailing, .. } = state;
    let spare_bits = (data.len() * 8 - words.len() * 8) as u8 - pending_bits;
    let end = ChunkEnd { chunk_range_ms: 1, delta_ms: delta_ms as u32, left_ms: 1, spare_bits, leading, trailing };
    (data, state, TimeRange::new(first_ms, time_ms).unwrap(), end)
}

proptest! {
    #[test]
    fn what_goes_on_is_what_was_left(
        samples in prop::collection::vec((1_u32..100_000, prop::num::f64::ANY), 1..120)
    ) {
        let (steps, values): (Vec<_>, Vec<_>) = samples.into_iter().unzip();
        let (data, state, range, end) = chunk(&steps, &values);
        let (found, words) = state_at(&end, &data, range, state.value_bits).unwrap();
        prop_assert_eq!(found, state);
        // What is written from here on is what would have been.
        let (mut one, mut other) = (Vec::new(), words.to_vec());
        let (mut left, mut taken) = (state, found);
        let mut before = Vec::new();
        XorState::resume(&data, &mut before).unwrap();
        one.extend(before);
        left.append(range.max_ms() + 7, 1.5, &mut one);
        taken.append(range.max_ms() + 7, 1.5, &mut other);
        prop_assert_eq!(left.finish(&one), taken.finish(&other));
    }
}

#[test]
fn what_cannot_be_the_end_of_a_chunk_is_not_believed() {
    let (data, state, range, end) = chunk(&[15_000; 40], &[1.0, 2.5, 3.25, -8.0].repeat(10));
    let is_believed = |end: ChunkEnd, data: &[u8], range| state_at(&end, data, range, state.value_bits).is_some();
    assert!(is_believed(end, &data, range));
    for wrong in [
        ChunkEnd { spare_bits: 8, ..end },
        ChunkEnd { delta_ms: 0, ..end },
        ChunkEnd { delta_ms: u32::MAX, ..end },
        ChunkEnd { leading: 32, ..end },
        ChunkEnd { leading: 254, trailing: 0, ..end },
        ChunkEnd { leading: 255, trailing: 1, ..end },
        ChunkEnd { leading: 10, trailing: 54, ..end },
        ChunkEnd { trailing: 255, ..end },
    ] {
        assert!(!is_believed(wrong, &data, range), "{wrong:?}");
    }
    for count in [0_u16, 1, 241, u16::MAX] {
        let counted = [&count.to_be_bytes()[..], &data[2..]].concat();
        assert!(!is_believed(end, &counted, range), "{count}");
    }
    for size in 0..10 {
        assert!(!is_believed(end, &data[..size], range), "{size} bytes");
    }
    assert!(!is_believed(end, &data.repeat(20), range));
    for (from_ms, to_ms) in [(1, 0), (-1, 0), (0, 1 << 50)] {
        let other = TimeRange::new(range.min_ms() + from_ms, range.max_ms() + to_ms).unwrap();
        assert!(!is_believed(end, &data, other), "{other:?}");
    }
}

use super::{MAX_APPEND_BYTES, MAX_SAMPLES, NO_WINDOW, WordSink, XorState, decode_xor, last_of_xor};
use crate::chunk::ChunkError;
use model::{NORMAL_NAN, STALE_NAN, SampleColumns};
use proptest::prelude::*;

/// A sink that refuses to be handed more by one append than was promised.
#[derive(Default)]
struct Counted {
    words: Vec<u8>,
    since_append: usize,
}

impl WordSink for Counted {
    fn push_word(&mut self, word: [u8; 8]) {
        self.since_append += word.len();
        assert!(self.since_append <= MAX_APPEND_BYTES, "{} bytes from one append", self.since_append);
        self.words.extend_from_slice(&word);
    }
}

/// Encodes, with the encoder taken anew from the finished chunk before each sample named in `resume`.
fn encode(samples: &[(i64, f64)], resume: &[usize]) -> Vec<u8> {
    let (mut state, mut sink) = (XorState::default(), Counted::default());
    for (index, &(timestamp_ms, value)) in samples.iter().enumerate() {
        if resume.contains(&index) {
            let data = state.finish(&sink.words);
            sink.words.clear();
            sink.since_append = 0;
            let mut words = Vec::new();
            state = XorState::resume(&data, &mut words).unwrap();
            sink.words = words;
            assert_eq!(state.finish(&sink.words), data, "a resumed chunk is the chunk");
        }
        sink.since_append = 0;
        state.append(timestamp_ms, value, &mut sink);
        assert_eq!(state.finish(&sink.words).len(), state.size_bytes(sink.words.len()));
    }
    state.finish(&sink.words).to_vec()
}

/// Samples as bits, since NaN payloads matter.
fn bits(columns: &SampleColumns) -> Vec<(i64, u64)> {
    columns.timestamps_ms.iter().zip(&columns.values).map(|(&t, value)| (t, value.to_bits())).collect()
}

#[track_caller]
fn check(samples: &[(i64, f64)], resume: &[usize]) {
    let data = encode(samples, resume);
    let mut columns = SampleColumns::default();
    columns.push(7, 7.0);
    assert_eq!(decode_xor(&data, &mut columns), Ok(()));
    let want: Vec<_> = [(7, 7.0)].iter().chain(samples).map(|&(t, value)| (t, value.to_bits())).collect();
    assert_eq!(bits(&columns), want);
    let last = last_of_xor(&data).unwrap().map(|(t, value)| (t, value.to_bits()));
    assert_eq!(last.as_ref(), want[1..].last(), "the last of all");
}

fn size_bits(samples: &[(i64, f64)]) -> usize {
    let (mut state, mut words) = (XorState::default(), Vec::new());
    samples.iter().for_each(|&(timestamp_ms, value)| state.append(timestamp_ms, value, &mut words));
    words.len() * 8 + usize::from(state.pending_bits)
}

/// Times whose delta changes by each of `dods` in turn.
fn with_dods(dods: &[i64]) -> Vec<(i64, f64)> {
    let (mut at_ms, mut delta_ms) = (1_700_000_000_000_i64, 10_000_000);
    let mut samples = vec![(at_ms, 1.0)];
    for dod in [0].iter().chain(dods) {
        delta_ms += dod;
        at_ms += delta_ms;
        samples.push((at_ms, 1.0));
    }
    samples
}

#[test]
fn samples_come_back() {
    check(&[], &[]);
    check(&[(i64::MIN, f64::MIN_POSITIVE)], &[]);
    check(&[(i64::MIN, 1.0), (i64::MAX, -1.0), (0, 0.0), (i64::MAX, -0.0)], &[]);
    let awkward =
        [STALE_NAN, NORMAL_NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, f64::from_bits(u64::MAX), 5e-324];
    let samples: Vec<_> = (0..).map(|n| n * 15_000).zip(awkward).collect();
    check(&samples, &[]);
    check(&samples, &[1, 2, 3, 5, 7]);
}

#[test]
fn runs_of_unchanged_samples_come_back_whatever_their_length() {
    for length in 0..200 {
        let mut samples: Vec<_> = (0..length).map(|n| (n * 15_000, 4.5)).collect();
        check(&samples, &[]);
        samples.push((length * 15_000, 5.5));
        samples.extend((1..length).map(|n| ((length + n) * 15_000, 5.5)));
        check(&samples, &[]);
    }
}

#[test]
fn delta_of_delta_ranges_are_longer_above_zero() {
    for edge in [8_191, 8_192, 8_193, 65_535, 65_536, 65_537, 524_287, 524_288, 524_289] {
        check(&with_dods(&[edge, -edge, edge, 0, -edge]), &[]);
    }
    let sizes: Vec<_> =
        [8_192, 8_193, -8_191, -8_192, 65_536, 65_537, -65_535, -65_536, 524_288, 524_289, -524_287, -524_288]
            .iter()
            .map(|&dod| size_bits(&with_dods(&[dod])) - size_bits(&with_dods(&[])))
            .collect();
    assert_eq!(sizes, [17, 21, 17, 21, 21, 25, 21, 25, 25, 69, 25, 69]);
}

#[test]
fn a_chunk_resumed_before_its_first_window_goes_on_with_one_of_64_bits() {
    let mut sink = Vec::new();
    let mut state = XorState::default();
    state.append(1_000, 1.0, &mut sink);
    assert_eq!(state.leading, NO_WINDOW);
    let data = state.finish(&sink);
    let mut words = Vec::new();
    let mut resumed = XorState::resume(&data, &mut words).unwrap();
    assert_eq!((resumed.leading, resumed.trailing), (0, 0));
    resumed.append(2_000, 1.5, &mut words);
    // Two control bits and 64 more, where a window of one bit would have taken 14.
    assert_eq!(resumed.finish(&words).len(), data.len() + 2 + 9);
    check(&[(1_000, 1.0), (2_000, 1.5), (3_000, 2.5)], &[1, 2]);
}

#[track_caller]
fn check_refused(data: &[u8], want: ChunkError) {
    let mut columns = SampleColumns::default();
    columns.push(7, 7.0);
    assert_eq!(decode_xor(data, &mut columns), Err(want));
    assert_eq!(columns.timestamps_ms, [7], "a refused chunk leaves the columns as they were");
    assert_eq!(columns.values, [7.0]);
    assert_eq!(XorState::resume(data, &mut Vec::new()), Err(want));
    assert_eq!(last_of_xor(data), Err(want));
}

#[test]
fn malformed_chunks_are_refused_with_a_place() {
    check_refused(&[], ChunkError::Truncated { sample: 0, count: 0, offset: 0 });
    check_refused(&[0, 5], ChunkError::Truncated { sample: 0, count: 5, offset: 2 });
    check_refused(&[0xff, 0xff, 0], ChunkError::CountTooLarge { size_bytes: 3, count: 0xffff, most: 12 });
    let mut samples = with_dods(&[3, -700_000, 0, 0]);
    samples[4].1 = 77.25;
    let data = encode(&samples, &[]);
    for size in 0..data.len() {
        let mut columns = SampleColumns::default();
        assert!(decode_xor(&data[..size], &mut columns).is_err(), "cut to {size} of {}", data.len());
        assert!(last_of_xor(&data[..size]).is_err(), "cut to {size} of {}", data.len());
        assert!(columns.is_empty());
    }
    // One sample more than there are bits for.
    let mut lying = data;
    lying[1] += 5;
    assert!(matches!(decode_xor(&lying, &mut SampleColumns::default()), Err(ChunkError::Truncated { .. })));
}

/// The samples before it are there, and it is the first that is not.
#[test]
fn the_sample_that_a_chunk_ends_in_is_named() {
    let samples: Vec<_> = (0..12).map(|at| (at * 1_000 + at % 3 * at, (at / 2) as f64 * 0.7)).collect();
    let data = encode(&samples, &[]);
    for end in 4..data.len() {
        let of = |count: usize| [&(count as u16).to_be_bytes(), &data[2..end]].concat();
        let told = decode_xor(&of(samples.len()), &mut SampleColumns::default());
        let Err(ChunkError::Truncated { sample, count: 12, offset }) = told else { panic!("{end}: {told:?}") };
        assert!(offset <= end, "{end}: {told:?}");
        assert_eq!(decode_xor(&of(sample), &mut SampleColumns::default()), Ok(()), "{end}: {told:?}");
        let next = decode_xor(&of(sample + 1), &mut SampleColumns::default());
        assert_eq!(next, Err(ChunkError::Truncated { sample, count: sample as u16 + 1, offset }), "{end}");
    }
}

#[test]
fn a_window_of_more_than_64_bits_is_refused() {
    // Two samples; the second value: 11, 5 bits of 31 leading zeros, 6 bits that say 40.
    let mut data = vec![0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    data.extend([0b1111_1111, 0b0100_0000, 0, 0, 0, 0, 0, 0]);
    check_refused(&data, ChunkError::BadWindow { sample: 1, count: 2, offset: 11 });
}

#[test]
fn the_largest_chunk_comes_back() {
    let samples: Vec<_> = (0..i64::from(MAX_SAMPLES)).map(|n| (n * 1_000, 1.0)).collect();
    let mut sink = Vec::new();
    let mut state = XorState::default();
    for &(timestamp_ms, value) in &samples {
        state.append(timestamp_ms, value, &mut sink);
    }
    let mut columns = SampleColumns::default();
    assert_eq!(decode_xor(&state.finish(&sink), &mut columns), Ok(()));
    assert_eq!(columns.len(), samples.len());
    assert_eq!(columns.timestamps_ms.last(), samples.last().map(|(t, _)| t));
}

/// Deltas of all sizes, so that each prefix comes up.
fn any_time_step() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(15_000), 2 => -20..20_i64, 1 => -9_000..9_000_i64, 1 => -600_000..600_000_i64, 1 => any::<i64>()]
}

fn any_value_bits() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(1.5_f64.to_bits()), 2 => (0..300_u32).prop_map(|n| f64::from(n).to_bits()), 1 => any::<u64>(),
        1 => Just(STALE_NAN.to_bits()), 1 => (0..64_u32).prop_map(|shift| 1 << shift)]
}

proptest! {
    #[test]
    fn any_samples_come_back(
        steps in prop::collection::vec((any_time_step(), any_value_bits()), 0..140),
        resume in prop::collection::vec(0_usize..140, 0..4),
    ) {
        let mut at_ms = 0_i64;
        let samples: Vec<_> = steps
            .iter()
            .map(|&(step, bits)| { at_ms = at_ms.wrapping_add(step); (at_ms, f64::from_bits(bits)) })
            .collect();
        check(&samples, &resume);
    }

    #[test]
    fn hostile_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut columns = SampleColumns::default();
        let decoded = decode_xor(&data, &mut columns);
        prop_assert_eq!(columns.values.len(), columns.timestamps_ms.len());
        prop_assert!(decoded.is_ok() || columns.is_empty());
        let resumed = XorState::resume(&data, &mut Vec::new());
        prop_assert_eq!(resumed.is_ok(), decoded.is_ok());
        let last = columns.timestamps_ms.last().copied().zip(columns.values.last().map(|value| value.to_bits()));
        let found = last_of_xor(&data).ok().map(|last| last.map(|(t, value)| (t, value.to_bits())));
        prop_assert_eq!(found, decoded.is_ok().then_some(last));
    }

    #[test]
    fn flipped_bits_never_panic(flips in prop::collection::vec(0_usize..4000, 1..5)) {
        let samples: Vec<_> = (0..120_i64).map(|n| (n * 15_000 + n % 7, (n / 3) as f64 * 0.1)).collect();
        let mut data = encode(&samples, &[]);
        for flip in flips {
            let bit = flip % (data.len() * 8);
            data[bit / 8] ^= 1 << (bit % 8);
        }
        let mut columns = SampleColumns::default();
        let decoded = decode_xor(&data, &mut columns);
        prop_assert!(decoded.is_ok() || columns.is_empty());
    }
}

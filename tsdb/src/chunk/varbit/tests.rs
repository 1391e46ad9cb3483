use super::{Numbers, push_int, read_int};
use crate::bitstream::{BitReader, PendingBits};
use proptest::prelude::*;

/// Numbers of all sizes, zeros above all.
fn number() -> impl Strategy<Value = i64> {
    let of_any_size = (0_u32..64, any::<i64>()).prop_map(|(shift, number)| number >> shift);
    prop_oneof![4 => Just(0), 8 => -2_100_i64..2_100, 4 => of_any_size]
}

/// All that a short number can begin with, and long ones, whatever comes behind.
#[test]
fn a_number_is_what_is_read_alone() {
    for first in 0..1_u64 << 17 {
        for behind in [0, u64::MAX, 0x5a5a_a5a5_3c3c_c3c3] {
            let mut data = (first << 47 | behind >> 17).to_be_bytes().to_vec();
            data.extend_from_slice(&behind.to_be_bytes());
            let (mut single, mut reader) = (BitReader::new(&data, 0), BitReader::new(&data, 0));
            let mut numbers = Numbers::new(&mut reader);
            let number = numbers.next();
            numbers.stop();
            assert_eq!((number, reader.at()), (read_int(&mut single), single.at()), "{first:017b}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn numbers_in_a_row_are_those_read_one_by_one(
        runs in prop::collection::vec((number(), prop_oneof![3 => Just(1_usize), 1 => 1_usize..40]), 0..30),
        cut in 0_usize..40,
        most in 1_usize..100,
    ) {
        let (mut bits, mut data) = (PendingBits::default(), Vec::new());
        let written: Vec<i64> = runs.iter().flat_map(|&(number, times)| {
            std::iter::once(number).chain(std::iter::repeat_n(0, times - 1))
        }).collect();
        written.iter().for_each(|&number| push_int(number, &mut bits, &mut data));
        data.extend_from_slice(&bits.word.to_be_bytes());
        data.truncate(data.len().saturating_sub(cut));

        let (mut single, mut reader) = (BitReader::new(&data, 0), BitReader::new(&data, 0));
        let mut numbers = Numbers::new(&mut reader);
        let mut left = written.len();
        while left > 0 {
            let run = numbers.pass_zeros(left.min(most));
            for _ in 0..run {
                prop_assert_eq!(read_int(&mut single), 0);
            }
            left -= run;
            if run == 0 {
                prop_assert_eq!(numbers.next(), read_int(&mut single));
                left -= 1;
            }
        }
        numbers.stop();
        prop_assert_eq!(reader.at(), single.at());
        prop_assert_eq!(reader.overran(), single.overran());
    }
}

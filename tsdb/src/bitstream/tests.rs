use super::{BitReader, WINDOW_BITS};
use proptest::prelude::*;

/// The `count` bits from `at`, one by one; zeros beyond the end.
fn slowly(bytes: &[u8], at: usize, count: u32) -> u64 {
    (at..at + count as usize).fold(0, |bits, at| {
        let byte = bytes.get(at / 8).copied().unwrap_or(0);
        bits << 1 | u64::from(byte >> (7 - at % 8) & 1)
    })
}

proptest! {
    #[test]
    fn takes_what_a_bit_at_a_time_takes(bytes in prop::collection::vec(any::<u8>(), 0..40), counts in prop::collection::vec(1_u32..=64, 0..12)) {
        let (mut reader, mut at) = (BitReader::new(&bytes, 0), 0);
        for count in counts {
            prop_assert_eq!(reader.peek(), slowly(&bytes, at, 64));
            let shown = 64 - at as u32 % 8;
            prop_assert!(shown >= WINDOW_BITS);
            prop_assert_eq!(reader.window(), slowly(&bytes, at, shown) << (64 - shown));
            prop_assert_eq!(reader.take(count), slowly(&bytes, at, count));
            at += count as usize;
            prop_assert_eq!(reader.at(), at);
            prop_assert_eq!(reader.overran(), at > bytes.len() * 8);
        }
    }
}

use super::{FILE_BYTES, Floor};
use crate::wal::LogPlace;
use proptest::prelude::*;

const FLOOR: Floor = Floor { at_ms: -7_200_000, log: LogPlace { segment: 5, offset_bytes: 32_768 } };

#[test]
fn each_flipped_bit_and_each_other_size_is_noticed() {
    let file = FLOOR.encode();
    assert_eq!((file.len(), Floor::decode(&file)), (FILE_BYTES, Ok(FLOOR)));
    for at in 0..file.len() {
        assert!(Floor::decode(&file[..at]).is_err(), "{at} bytes");
        for bit in 0..8 {
            let mut flipped = file.clone();
            flipped[at] ^= 1 << bit;
            let fault = Floor::decode(&flipped).unwrap_err();
            assert!(fault.offset <= at as u64 || fault.offset == FILE_BYTES as u64 - 4, "{fault}");
        }
    }
    assert!(Floor::decode(&[file, vec![0]].concat()).is_err());
}

proptest! {
    #[test]
    fn any_floor_is_read_as_it_was_written(at_ms: i64, segment: u32, offset_bytes: u64) {
        let floor = Floor { at_ms, log: LogPlace { segment, offset_bytes } };
        prop_assert_eq!(Floor::decode(&floor.encode()), Ok(floor));
    }

    #[test]
    fn what_is_read_of_any_bytes_is_what_they_say(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(floor) = Floor::decode(&bytes) {
            prop_assert_eq!(floor.encode(), bytes);
        }
    }
}

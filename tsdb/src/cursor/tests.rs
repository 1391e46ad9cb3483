use super::{Corruption, Cursor, Fault, push_uvarint, push_varint, uvarint_bytes};
use proptest::prelude::*;

#[track_caller]
fn check_uvarint(bytes: &[u8], want: Result<u64, (u64, Fault)>) {
    let want = want.map_err(|(offset, fault)| Corruption { offset, fault });
    assert_eq!(Cursor::new(bytes).uvarint(), want);
}

#[test]
fn uvarints_end_where_go_ends_them() {
    check_uvarint(&[0x00], Ok(0));
    check_uvarint(&[0xff, 0x01, 0x77], Ok(255));
    check_uvarint(&[0x80, 0x00], Ok(0));
    check_uvarint(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Ok(u64::MAX));
    check_uvarint(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], Err((0, Fault::VarintOverflow)));
    check_uvarint(&[0x80; 11], Err((0, Fault::VarintOverflow)));
    check_uvarint(&[0x80; 9], Err((0, Fault::Truncated { want: 10, left: 9 })));
    check_uvarint(&[], Err((0, Fault::Truncated { want: 1, left: 0 })));
}

#[test]
fn a_string_longer_than_the_bytes_is_refused_before_it_is_taken() {
    let mut cursor = Cursor::new(&[0x01, b'a', 0xff, 0xff, 0x03, b'b']);
    assert_eq!(cursor.string(), Ok(&b"a"[..]));
    assert_eq!(cursor.string(), Err(Corruption { offset: 5, fault: Fault::Truncated { want: 0xffff, left: 1 } }));
}

proptest! {
    #[test]
    fn varints_come_back(unsigned: u64, signed: i64) {
        let mut bytes = Vec::new();
        push_uvarint(&mut bytes, unsigned);
        prop_assert_eq!(bytes.len(), uvarint_bytes(unsigned));
        push_varint(&mut bytes, signed);
        let mut cursor = Cursor::new(&bytes);
        prop_assert_eq!(cursor.uvarint(), Ok(unsigned));
        prop_assert_eq!(cursor.varint(), Ok(signed));
        prop_assert!(cursor.is_empty());
    }
}

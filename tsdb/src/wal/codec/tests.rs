use super::{Coding, Compression, Packer, Unpacker};

fn text(size: usize) -> Vec<u8> {
    b"container_memory_usage_bytes ".iter().copied().cycle().take(size).collect()
}

#[test]
fn what_was_packed_is_unpacked() {
    let (mut packer, mut unpacker) = (Packer::default(), Unpacker::default());
    for size in [0, 1, 40, 70_000, 1000] {
        for compression in [Compression::None, Compression::Snappy, Compression::Zstd] {
            let record = text(size);
            let (stored, coding) = packer.pack(&record, compression);
            let shrinks = size >= 1000 && compression != Compression::None;
            assert_eq!(
                stored.len() < size,
                shrinks || (size == 40 && coding != Coding::Plain),
                "{size} {compression:?}"
            );
            assert_eq!(Coding::from_bits(coding.bits() | 1), coding);
            assert_eq!(unpacker.unpack(stored, coding).unwrap(), record, "{size} {compression:?}");
        }
    }
}

#[test]
fn what_does_not_shrink_stays_as_it_is() {
    let noise: Vec<u8> = (0..200_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut packer = Packer::default();
    for compression in [Compression::Snappy, Compression::Zstd] {
        assert_eq!(packer.pack(&noise, compression), (noise.as_slice(), Coding::Plain));
    }
}

#[test]
fn sizes_from_outside_are_not_trusted() {
    let mut unpacker = Unpacker::default();
    for coding in [Coding::Snappy, Coding::Zstd] {
        for stored in
            [&b""[..], b"\xff\xff\xff\xff\x0f", b"\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x00\x00"]
        {
            unpacker.unpack(stored, coding).unwrap_err();
        }
    }
    // 3 GB in five bytes, 100 bytes in six.
    unpacker.unpack(&[0x80, 0x80, 0x80, 0xe0, 0x0b, 0], Coding::Snappy).unwrap_err();
    assert!(unpacker.unpacked.capacity() < 1 << 20);
}

#[test]
fn a_frame_that_does_not_say_its_size_is_unpacked() {
    let record = text(100_000);
    let stored = zstd::stream::encode_all(record.as_slice(), 1).unwrap();
    assert_eq!(Unpacker::default().unpack(&stored, Coding::Zstd).unwrap(), record);
}

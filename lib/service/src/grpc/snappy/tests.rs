use super::{SnappyError, decode, encode};
use bytes::BytesMut;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
use snap::raw::Encoder;
use std::io::{Read, Write};

fn encoded(message: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode(message, &mut Encoder::new(), &mut out);
    out.to_vec()
}

fn decoded(stream: &[u8], limit: usize) -> Result<Vec<u8>, SnappyError> {
    let mut out = BytesMut::from("before");
    decode(stream, limit, &mut out)?;
    Ok(out.split_off("before".len()).to_vec())
}

/// A chunk with the right checksum for `data`.
fn chunk(kind: u8, data: &[u8], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 4).unwrap().to_le_bytes();
    let mut chunk = vec![kind, size[0], size[1], size[2]];
    chunk.extend_from_slice(&super::checksum(data).to_le_bytes());
    chunk.extend_from_slice(body);
    chunk
}

fn stream(chunks: &[&[u8]]) -> Vec<u8> {
    [super::MAGIC.as_slice()].into_iter().chain(chunks.iter().copied()).collect::<Vec<_>>().concat()
}

fn messages() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..3000);
    let repeated = (prop::collection::vec(any::<u8>(), 1..40), 0..9000usize)
        .prop_map(|(part, times)| part.repeat(times)[..(part.len() * times).min(200_000)].to_vec());
    prop::strategy::Union::new([noise.boxed(), repeated.boxed()])
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(message in messages()) {
        let stream = encoded(&message);
        prop_assert!(stream.len() <= super::max_encoded_bytes(message.len()));
        prop_assert_eq!(decoded(&stream, message.len()).unwrap(), message);
    }

    /// The snap crate has a reader and a writer of the same format.
    #[test]
    fn others_read_and_write_the_same(message in messages()) {
        let mut read = Vec::new();
        let stream = encoded(&message);
        snap::read::FrameDecoder::new(stream.as_slice()).read_to_end(&mut read).unwrap();
        prop_assert_eq!(&read, &message);
        let mut writer = snap::write::FrameEncoder::new(Vec::new());
        writer.write_all(&message).unwrap();
        let theirs = writer.into_inner().unwrap();
        prop_assert_eq!(decoded(&theirs, message.len()).unwrap(), message);
    }

    #[test]
    fn damage_is_an_error_or_harmless(message in messages(), at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut stream = encoded(&message);
        let at = at.index(stream.len());
        stream[at] ^= flip;
        if let Ok(read) = decoded(&stream, 1 << 20) {
            // A chunk that became one to skip, or the length of one.
            prop_assert!(read.len() <= message.len());
        }
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decoded(&noise, 1000);
        let _ = decoded(&stream(&[&noise]), 1000);
    }
}

#[test]
fn small_messages_travel_uncompressed_and_large_ones_do_not() {
    assert_eq!(
        encoded(b"up")[10..],
        [1, 6, 0, 0].into_iter().chain(chunk(1, b"up", b"up")[4..].to_vec()).collect::<Vec<_>>()
    );
    assert!(encoded(&[7; 100_000]).len() < 6000);
    assert_eq!(encoded(b""), super::MAGIC);
}

/// A stream, and what becomes of it.
type Case = (Vec<u8>, Result<&'static [u8], SnappyError>);

#[test]
fn what_is_no_stream_is_refused() {
    let good = chunk(1, b"data", b"data");
    let large = vec![0; 65_537];
    let mut wrong = good.clone();
    wrong[4] ^= 1;
    let bomb = [snap::raw::Encoder::new().compress_vec(&[0; 65_536]).unwrap()];
    let bomb = chunk(0, &[0; 65_536], &bomb[0]);
    let cases: [Case; 13] = [
        (vec![], Ok(b"")),
        (stream(&[&good, &super::MAGIC, &good]), Ok(b"datadata")),
        (stream(&[&[0x80, 2, 0, 0, 1, 2], &[0xfe, 0, 0, 0], &good]), Ok(b"data")),
        (good.clone(), Err(SnappyError::NoMagic)),
        (b"\xff\x06\x00\x00sNaPpX".to_vec(), Err(SnappyError::NoMagic)),
        (stream(&[&[2, 1, 0, 0, 0]]), Err(SnappyError::UnknownChunk { kind: 2, at: 10 })),
        (stream(&[&good[..good.len() - 1]]), Err(SnappyError::CutShort { at: 10 })),
        (stream(&[&[1, 0]]), Err(SnappyError::CutShort { at: 10 })),
        (stream(&[&[1, 3, 0, 0, 1, 2, 3]]), Err(SnappyError::CutShort { at: 10 })),
        (stream(&[&wrong]), Err(SnappyError::Checksum { at: 10 })),
        (stream(&[&chunk(1, &large, &large)]), Err(SnappyError::LargeChunk { size_bytes: 65_537, at: 10 })),
        (
            stream(&[&chunk(0, b"", &[9, 0xff])]),
            Err(SnappyError::Corrupt { at: 10, source: snap::Error::Literal { len: 64, src_len: 0, dst_len: 9 } }),
        ),
        (stream(&[&bomb, &bomb]), Err(SnappyError::TooLarge { limit_bytes: 100_000 })),
    ];
    for (stream, want) in cases {
        let got = decoded(&stream, 100_000);
        match (&got, &want) {
            // Which error the crate gives is its own matter.
            (Err(SnappyError::Corrupt { at, .. }), Err(SnappyError::Corrupt { at: wanted, .. })) => {
                assert_eq!(at, wanted)
            }
            _ => assert_eq!(got.as_deref(), want.as_ref().map(|data| *data)),
        }
    }
}

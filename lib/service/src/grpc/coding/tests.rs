use super::{Recode, Recoded};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use proptest::prelude::{any, prop, prop_assert_eq, proptest};
use tonic::body::Body;
use tonic::{Code, Status};

const LIMIT_BYTES: usize = 1000;

fn frame(flag: u8, payload: &[u8]) -> Vec<u8> {
    [&[flag], u32::try_from(payload.len()).unwrap().to_be_bytes().as_slice(), payload].concat()
}

/// `bytes` cut at `cuts`, and then trailers with `status`.
fn body(bytes: &[u8], cuts: &[prop::sample::Index], status: &'static str) -> Body {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
    at.sort_unstable();
    let data = at.windows(2).map(|ends| Frame::data(Bytes::copy_from_slice(&bytes[ends[0]..ends[1]])));
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    let frames: Vec<_> = data.chain([Frame::trailers(trailers)]).map(Ok::<_, Status>).collect();
    Body::new(StreamBody::new(tokio_stream::iter(frames)))
}

/// What comes out: the bytes, the status in the trailers, and the error that ended it.
#[tokio::main(flavor = "current_thread")]
async fn through(body: Body, recode: Recode) -> (Vec<u8>, Option<String>, Option<Status>) {
    let mut recoded = Recoded::new(body, recode);
    let (mut bytes, mut status) = (BytesMut::new(), None);
    while let Some(frame) = recoded.frame().await {
        match frame {
            Err(err) => return (bytes.to_vec(), status, Some(err)),
            Ok(frame) => match frame.into_data() {
                Ok(data) => bytes.extend_from_slice(&data),
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap();
                    status = trailers.get("grpc-status").map(|value| value.to_str().unwrap().to_owned());
                }
            },
        }
    }
    (bytes.to_vec(), status, None)
}

fn decompress() -> Recode {
    Recode::Decompress { limit_bytes: LIMIT_BYTES }
}

proptest! {
    #[test]
    fn messages_pass_however_they_are_split(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..LIMIT_BYTES), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let plain: Vec<u8> = messages.iter().flat_map(|message| frame(0, message)).collect();
        let (packed, status, err) = through(body(&plain, &cuts, "0"), Recode::compress());
        prop_assert_eq!((status.as_deref(), err.map(|err| err.code())), (Some("0"), None));
        let (unpacked, status, err) = through(body(&packed, &cuts, "0"), decompress());
        prop_assert_eq!((status.as_deref(), err.map(|err| err.code())), (Some("0"), None));
        prop_assert_eq!(unpacked, plain);
    }
}

#[test]
fn what_is_wrong_ends_the_stream_after_what_was_right() {
    let good = frame(0, b"good");
    let (bomb, _, _) = through(body(&frame(0, &[0; 100_000]), &[], "0"), Recode::compress());
    let cut = &frame(0, b"never whole")[..7];
    for (bytes, trailers, code) in [
        ([good.clone(), bomb].concat(), "0", Some(Code::ResourceExhausted)),
        ([good.clone(), frame(0, &[0; LIMIT_BYTES + 1])].concat(), "0", Some(Code::ResourceExhausted)),
        ([good.clone(), vec![1, 0xff, 0xff, 0xff, 0xff]].concat(), "0", Some(Code::ResourceExhausted)),
        ([good.clone(), frame(1, b"no stream")].concat(), "0", Some(Code::Internal)),
        ([good.clone(), vec![7, 0, 0, 0, 0]].concat(), "0", Some(Code::Internal)),
        ([good.as_slice(), cut].concat(), "0", Some(Code::Internal)),
        // Someone who failed may have stopped anywhere.
        ([good.as_slice(), cut].concat(), "13", None),
    ] {
        let (got, status, err) = through(body(&bytes, &[], trailers), decompress());
        assert_eq!(got, good);
        assert_eq!(err.map(|err| err.code()), code);
        assert_eq!(status.as_deref(), code.is_none().then_some(trailers));
    }
}

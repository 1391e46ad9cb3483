use super::*;
use model::{Labels, MatchOp, SampleColumns};

/// A field of wire type 2.
fn len(key: u8, bytes: &[u8]) -> Vec<u8> {
    [&[key, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

#[test]
fn a_request_is_read() {
    let matcher = [&[0x08, 2][..], &len(0x12, b"job"), &len(0x1a, b"a.*")].concat();
    let hints = [&[0x08, 5][..], &len(0x12, b"rate"), &[0x18, 7, 0x20, 8, 0x38, 9]].concat();
    let query = [&[0x08, 1, 0x10, 2][..], &len(0x1a, &matcher), &len(0x22, &hints)].concat();
    let body = [len(0x0a, &query), vec![0x10, 7], vec![0x10, 1], len(0x12, &[0])].concat();
    let request = ReadRequest::decode(&body).unwrap();
    let hints = ReadHints { step_ms: 5, func: "rate".to_owned(), start_ms: 7, end_ms: 8, range_ms: 9 };
    let matcher = ReadMatcher { op: MatchOp::Regex, name: "job".to_owned(), value: "a.*".to_owned() };
    let query = ReadQuery { start_ms: 1, end_ms: 2, matchers: vec![matcher], hints: Some(hints) };
    assert_eq!(request.queries, [query]);
    // The first form is not known.
    assert_eq!(request.accepted, [ResponseKind::StreamedChunks, ResponseKind::Samples]);
    assert_eq!(request.response_kind(), ResponseKind::StreamedChunks);
    assert_eq!(ReadRequest::default().response_kind(), ResponseKind::Samples);
}

#[test]
fn what_is_no_request_is_refused() {
    for (body, what) in [
        (&[0x0a, 5][..], "truncated field"),
        (&[0x0a, 4, 0x1a, 2, 0x08, 9], "unknown kind of matcher"),
        (&[0x0a, 5, 0x1a, 3, 0x12, 1, 0xff], "text that is not UTF-8"),
        (&[0x0b], "a group"),
    ] {
        assert_eq!(ReadRequest::decode(body).unwrap_err().what, what, "{body:?}");
    }
}

/// An empty query, or an empty matcher, is two bytes.
#[test]
fn a_request_asks_for_so_much_at_most() {
    let queries = |count: usize| [0x0a, 0].repeat(count);
    let matchers = |count: usize| [vec![0x0a], uvarint(2 * count), [0x1a, 0].repeat(count)].concat();
    assert_eq!(ReadRequest::decode(&queries(1_000)).unwrap().queries.len(), 1_000);
    assert_eq!(ReadRequest::decode(&matchers(1_000)).unwrap().queries[0].matchers.len(), 1_000);
    assert_eq!(ReadRequest::decode(&queries(1_001)).unwrap_err().what, "more than 1,000 queries");
    assert_eq!(ReadRequest::decode(&matchers(1_001)).unwrap_err().what, "more than 1,000 matchers in a query");
}

/// A number from 128 to 16,383.
fn uvarint(number: usize) -> Vec<u8> {
    vec![0x80 | (number & 0x7f) as u8, u8::try_from(number >> 7).unwrap()]
}

#[test]
fn every_prefix_of_a_request_is_survived() {
    let query = [&[0x08, 1][..], &len(0x1a, &len(0x12, b"job")), &len(0x22, &len(0x12, b"rate"))].concat();
    let body = len(0x0a, &query);
    for end in 0..body.len() {
        assert_eq!(ReadRequest::decode(&body[..end]).is_err(), end > 0, "{end}");
    }
}

#[test]
fn zeros_are_left_out() {
    let labels = Labels::from_pairs([("a", "b")]).unwrap();
    let mut samples = SampleColumns::default();
    samples.push(0, 0.0);
    samples.push(1, -0.0);
    let mut series = SeriesEncoder::default();
    series.push(labels.as_ref(), &samples);
    let mut answer = Vec::new();
    push_result(&series, &mut answer);
    let label = len(0x0a, &[len(0x0a, b"a"), len(0x12, b"b")].concat());
    let second = [&[0x09, 0, 0, 0, 0, 0, 0, 0, 0x80][..], &[0x10, 1]].concat();
    let timeseries = [label, len(0x12, &[]), len(0x12, &second)].concat();
    assert_eq!(answer, len(0x0a, &len(0x0a, &timeseries)));
}

#[test]
fn a_frame_has_its_size_and_checksum_in_front() {
    let labels = Labels::from_pairs([("a", "b")]).unwrap();
    let chunk = ChunkSlice { min_ms: 1, max_ms: 2, encoding: 1, data: &[9, 8] };
    let frame = frame_of_chunks(labels.as_ref(), &[chunk], 3, |message| u32::try_from(message.len()).unwrap());
    let label = len(0x0a, &[len(0x0a, b"a"), len(0x12, b"b")].concat());
    let chunk = len(0x12, &[&[0x08, 1, 0x10, 2, 0x18, 1][..], &len(0x22, &[9, 8])].concat());
    let message = [len(0x0a, &[label, chunk].concat()), vec![0x10, 3]].concat();
    let size = u8::try_from(message.len()).unwrap();
    assert_eq!(frame, [&[size, 0, 0, 0, size][..], &message].concat());
}

#[test]
fn a_frame_ends_once_it_is_full() {
    let labels = Labels::from_pairs([("a", "b")]).unwrap();
    // Eight bytes are the label's, eleven those of a chunk.
    let chunk = ChunkSlice { min_ms: 1, max_ms: 2, encoding: 1, data: &[0; 3] };
    let mut split = FrameSplit::new(labels.as_ref(), 6 + 11 + 11);
    let ends: Vec<_> = (0..4).map(|_| split.ends_with(&chunk)).collect();
    assert_eq!(ends, [false, true, false, true]);
}

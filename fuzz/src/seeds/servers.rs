//! Requests to servers, and answers of peers.

use crate::parts::push_sized;

/// Bodies of remote write and frames of a peer's answer are those of other targets.
pub(super) fn all(requests: &[Vec<u8>], frames: &[Vec<u8>]) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let mut blocks: Vec<_> = requests.iter().map(|request| block(request)).collect();
    let received = blocks.iter().flat_map(|body| [write(&[], body), write(&[(3, "one"), (4, "1")], body)]);
    let v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    let received = received.chain([write(&[(0, v2), (1, "snappy"), (2, "2.0.0")], &block(&[0x22, 0])), vec![2, 3]]);
    let received = received.collect();
    // What claims to become 4 GiB less one byte; a copy from before the beginning.
    blocks.extend([vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0], vec![8, 0, b'a', 0x0d, 9]]);
    vec![
        ("snappy_block", blocks),
        ("http_receive", received),
        ("http_query", QUESTIONS.iter().map(ask).collect()),
        ("hostile_stores", vec![vec![], peers(0, &[frames]), peers(255, &[frames, &frames[1..], &[]])]),
    ]
}

fn block(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).expect("it is small")
}

/// A write with these headers, by their numbers.
fn write(headers: &[(u8, &str)], body: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0, headers.len() as u8];
    for (name, value) in headers {
        out.push(*name);
        push_sized(&mut out, value.as_bytes());
    }
    out.extend_from_slice(body);
    out
}

/// Method, path, parameters in the URL, and in the body.
type Question = (u8, u8, &'static str, &'static str);

const QUESTIONS: [Question; 9] = [
    (0, 0, "query=up&time=600", ""),
    (1, 0, "", "query=sum(rate(up[5m]))&time=1970-01-01T00:10:00Z&timeout=1s"),
    (0, 1, "query=up&start=0&end=1500&step=15", ""),
    (1, 1, "", "query=up%7Bjob%3D%22a%22%7D&start=0&end=1e9&step=1"),
    (0, 2, "match[]=up&start=0&end=1500&limit=1", ""),
    (0, 3, "match[]=%7Bjob%3D~%22a%7Cb%22%7D", ""),
    (0, 4, "", ""),
    (1, 5, "", "query=sum(up)by(job)"),
    (0, 7, "", ""),
];

fn ask(&(method, path, asked, body): &Question) -> Vec<u8> {
    let mut out = vec![method, path];
    push_sized(&mut out, asked.as_bytes());
    out.extend_from_slice(body.as_bytes());
    out
}

fn peers(ahead: u8, peers: &[&[Vec<u8>]]) -> Vec<u8> {
    let mut out = vec![ahead, peers.len() as u8];
    for frames in peers {
        let mut stated = Vec::new();
        frames.iter().for_each(|frame| push_sized(&mut stated, frame));
        push_sized(&mut out, &stated);
    }
    out
}

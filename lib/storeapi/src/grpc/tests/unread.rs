//! Series that are read where answers are merged, against the same series read where they come.

use super::peers::peer_of;
use super::*;
use crate::Proxy;
use crate::merge::merge_frames_within;
use bytes::Bytes;
use model::Labels;
use proptest::prelude::*;
use prost::Message;
use proto::thanos::{AggrChunk, Chunk as WireChunk, Label, Series};

/// A series: its labels by a number, numbers of its chunks, and whether a label follows these.
type Written = (u8, Vec<u8>, bool);

/// As another writer may write it: fields of a message come in any order.
fn series((number, chunks, is_odd): &Written) -> Vec<u8> {
    let label = |name: &str, value: String| Label { name: name.to_owned(), value };
    let mut labels = vec![label("n", format!("{:02}", number / 3)), label("o", "x".repeat(3))];
    labels.extend((number % 3 > 0).then(|| label("z", (number % 3).to_string())));
    let chunk = |number: &u8| {
        let (min_time, max_time) = (i64::from(*number) * 10, i64::from(*number) * 10 + 15);
        let raw = WireChunk { r#type: 0, data: format!("c{number}").into_bytes().into(), hash: 0 };
        AggrChunk { min_time, max_time, raw: Some(raw), ..AggrChunk::default() }
    };
    let behind = if *is_odd { labels.split_off(labels.len() - 1) } else { Vec::new() };
    let chunks = chunks.iter().map(chunk).collect();
    let mut bytes = Series { labels, chunks }.encode_to_vec();
    bytes.extend(Series { labels: behind, chunks: Vec::new() }.encode_to_vec());
    bytes
}

/// A frame of them: a batch, or one by itself.
fn frame(rows: &[Written]) -> Bytes {
    let field = |key: u8, message: &[u8]| {
        let mut bytes = vec![key];
        prost::encoding::encode_varint(message.len() as u64, &mut bytes);
        bytes.extend_from_slice(message);
        bytes
    };
    let mut all: Vec<u8> = rows.iter().flat_map(|row| field(0x0a, &series(row))).collect();
    if rows.len() > 1 {
        all = field(0x22, &all);
    }
    all.into()
}

/// Series and warnings, in order; how it ended.
async fn rows(mut answer: SeriesStream) -> (Vec<String>, Result<(), StoreError>) {
    let mut rows = Vec::new();
    while let Some(frame) = answer.next().await {
        match frame {
            Ok(SeriesFrame::Series(SeriesBatch::Chunks(batch))) => {
                rows.extend(batch.iter().map(|(labels, chunks)| format!("{labels:?} {chunks:?}")));
            }
            Ok(SeriesFrame::Series(SeriesBatch::Columns(_))) => panic!("peers send chunks"),
            Ok(SeriesFrame::Warning(text)) => rows.push(text),
            Err(error) => return (rows, Err(error)),
        }
    }
    (rows, Ok(()))
}

fn peers(of: &[Vec<Bytes>]) -> Vec<Arc<dyn Store>> {
    let store = |frames: &Vec<Bytes>| Arc::new(peer_of(frames.iter().cloned().map(Some).collect())) as Arc<dyn Store>;
    of.iter().map(store).collect()
}

async fn merged(of: &[Vec<Bytes>], request: SeriesRequest) -> (Vec<String>, Result<(), StoreError>) {
    let registry = telemetry::Registry::default();
    let proxy = Proxy::new("asked", Component::Query, Arc::new(peers(of)), Labels::empty(), &registry);
    rows(proxy.series(request)).await
}

fn told() -> impl Strategy<Value = Vec<Written>> {
    let chunks = prop::collection::vec(0u8..4, 0..3);
    prop::collection::vec((0u8..30, chunks, prop::bool::weighted(0.1)), 0..30).prop_map(|mut series| {
        series.sort();
        series
    })
}

/// Replicas: what one tells, others tell, too, but for some that is missing or has other chunks.
fn replicas() -> impl Strategy<Value = Vec<Vec<Written>>> {
    let change = prop_oneof![8 => Just(0u8), 1 => Just(1u8), 1 => Just(2u8)];
    let replica = prop::collection::vec(change, 30);
    (told(), prop::collection::vec((replica, any::<bool>()), 1..5)).prop_map(|(all, replicas)| {
        let of = |(changes, is_odd): &(Vec<u8>, bool)| {
            let kept = all.iter().zip(changes).filter(|(_, change)| **change < 2);
            kept.map(|((number, chunks, odd), change)| match change {
                0 => (*number, chunks.clone(), *odd),
                _ => (*number, vec![3], *is_odd),
            })
            .collect()
        };
        replicas.iter().map(of).collect()
    })
}

proptest! {
    #[test]
    fn series_are_the_same_wherever_they_are_read(
        sources in prop_oneof![prop::collection::vec(told(), 1..5), replicas()],
        cut in 1usize..9,
        limit in prop::option::weighted(0.2, 0usize..20),
    ) {
        let frames = |source: &Vec<Written>| source.chunks(cut).map(frame).collect::<Vec<_>>();
        let frames: Vec<_> = sources.iter().map(frames).collect();
        futures::executor::block_on(async {
            let request = SeriesRequest { limit, ..wanting() };
            let streams = peers(&frames).iter().map(|peer| peer.series(request.clone())).collect();
            let read = rows(merge_frames_within(streams, limit, 100)).await;
            prop_assert_eq!(&read.1, &Ok(()));
            prop_assert_eq!(merged(&frames, request).await, read);
            Ok(())
        })?;
    }
}

/// A peer that does wrong in the middle of a frame: what came before stands beside a warning, and all that others say.
#[tokio::test]
async fn what_is_found_out_late_is_told_as_what_comes_late() {
    let of = |numbers: &[u8]| numbers.iter().map(|number| (*number, vec![*number], false)).collect::<Vec<Written>>();
    let other = vec![frame(&of(&[0, 6, 9]))];
    let text = |what: &str| {
        let peer = "Addr: far MinTime: 5 MaxTime: 9223372036854775807";
        format!("receive series from {peer}: rpc error: code = Internal desc = its answer {what}")
    };
    let unsorted = [0, 3].map(|last| vec![frame(&of(&[0, 6])), frame(&of(&[6, last, 9]))]);
    let mut torn = frame(&of(&[0, 6, 9])).to_vec();
    let at = torn.len() - 5;
    torn[at] = 0x7f;
    let cut = "cannot be read";
    for (frames, what) in
        [(unsorted[0].clone(), "is not sorted"), (unsorted[1].clone(), "is not sorted"), (vec![torn.into()], cut)]
    {
        for frames in [[frames.clone(), other.clone()], [other.clone(), frames.clone()]] {
            let (mut rows, end) = merged(&frames, wanting()).await;
            let warnings: Vec<String> = rows.extract_if(.., |row| row.starts_with("receive")).collect();
            assert!(warnings.len() == 1 && warnings[0].starts_with(&text(what)), "{warnings:?}");
            assert_eq!((rows, end), merged(&[vec![frame(&of(&[0, 6, 9]))], Vec::new()], wanting()).await);
            let abort = SeriesRequest { partial: PartialResponse::Abort, ..wanting() };
            let end = merged(&frames, abort).await.1.unwrap_err();
            assert!(end.to_string().starts_with(&text(what)), "{end}");
        }
    }
}

//! Peers that answer `Series` with whatever they like, asked and merged.

use crate::parts::Parts;
use bytes::Bytes;
use futures::StreamExt;
use futures::executor::block_on;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use model::{Labels, MatchOp, Matcher, TimeRange};
use proto::series::{FrameContent, read_frame};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use storeapi::grpc::{RemoteOptions, RemoteStore};
use storeapi::{
    Component, PartialResponse, Proxy, SeriesBatch, SeriesFrame, SeriesRequest, SeriesStream, Store, StoreInfo,
    merge_frames_within,
};
use telemetry::Registry;
use tonic::body::Body;
use tower::Service;

/// A peer whose answer is always the same.
#[derive(Debug, Clone)]
struct Peer(Bytes);

impl Service<Request<Body>> for Peer {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        let body = Full::new(self.0.clone()).with_trailers(ready(Some(Ok(trailers))));
        ready(Ok(Response::new(Body::new(body))))
    }
}

/// A series as told: its labels and its chunks' times and data.
type Told = (Labels, i64, i64, Vec<u8>);

/// The chunks in the frames of a peer, up to the first that cannot be read.
fn told(frames: &[&[u8]]) -> BTreeSet<Told> {
    let mut all = BTreeSet::new();
    let mut packed = model::PackedBuilder::default();
    for frame in frames {
        let frame = Bytes::copy_from_slice(frame);
        let Ok(FrameContent::Series(mut fields)) = read_frame(&frame) else { continue };
        let mut chunks = Vec::new();
        while let Ok(Some(labels)) = fields.next_series(&mut packed, &mut |chunk| chunks.push(chunk)) {
            let labels = labels.to_owned();
            let one = |(chunk, _): proto::series::ReadChunk| {
                (labels.clone(), chunk.min_ms, chunk.max_ms, chunk.data.to_vec())
            };
            all.extend(chunks.drain(..).map(one));
        }
    }
    all
}

/// Up to four peers, each with frames as they come, read and merged, or read as they are merged: nothing is made up, series
/// come sorted and once, and an answer without an error has all that the peers told.
pub fn fuzz_hostile_stores(data: &[u8]) {
    let mut parts = Parts::of(data);
    let ahead_bytes = usize::from(parts.u8()) * 16;
    let (mut stores, mut all) = (Vec::new(), BTreeSet::new());
    for number in 0..parts.u8() % 5 {
        let mut stated = Parts::of(parts.sized());
        let (mut frames, mut bytes) = (Vec::new(), Vec::new());
        while !stated.is_empty() {
            let frame = stated.sized();
            bytes.push(0);
            bytes.extend_from_slice(&u32::try_from(frame.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(frame);
            frames.push(frame);
        }
        all.append(&mut told(&frames));
        let info = StoreInfo {
            name: format!("peer {number}"),
            component: Component::Store,
            time_range: Some(TimeRange::ALL),
            label_sets: Vec::new(),
            tsdbs: Vec::new(),
            drops_labels: true,
            shards: true,
            exemplars: None,
            metadata: false,
        };
        let store = RemoteStore::new(info, Peer(bytes.into()), RemoteOptions::default());
        stores.push(Arc::new(store) as Arc<dyn Store>);
    }
    let is_known = Matcher::new(MatchOp::NotEqual, "a", "a name that is not there");
    let matchers = is_known.into_iter().collect::<Arc<[_]>>();
    let request = SeriesRequest { partial: PartialResponse::Abort, ..SeriesRequest::new(matchers, TimeRange::ALL) };
    let streams = stores.iter().map(|store| store.series(request.clone())).collect();
    check(merge_frames_within(streams, None, ahead_bytes), &all);
    if !stores.is_empty() {
        let registry = Registry::default();
        let proxy = Proxy::new("asked", Component::Query, Arc::new(stores), Labels::empty(), &registry);
        check(proxy.series(request), &all);
    }
}

/// Whether `merged` is sorted, and has what all of the peers told, unless it fails.
fn check(mut merged: SeriesStream, all: &BTreeSet<Told>) {
    let (mut last, mut found, mut failed) = (None::<Labels>, BTreeSet::new(), false);
    block_on(async {
        while let Some(frame) = merged.next().await {
            assert!(!failed, "the first error ends it");
            match frame {
                Ok(SeriesFrame::Series(SeriesBatch::Chunks(batch))) => {
                    for (labels, chunks) in batch.iter() {
                        let labels = labels.to_owned();
                        assert!(last.as_ref().is_none_or(|last| *last < labels), "{labels:?} after {last:?}");
                        let one =
                            |chunk: &tsdb::Chunk| (labels.clone(), chunk.min_ms, chunk.max_ms, chunk.data.to_vec());
                        found.extend(chunks.iter().map(one));
                        last = Some(labels);
                    }
                }
                Ok(SeriesFrame::Series(SeriesBatch::Columns(_))) => panic!("peers send chunks"),
                Ok(SeriesFrame::Warning(_)) => {}
                Err(_) => failed = true,
            }
        }
    });
    assert!(found.is_subset(all), "something was made up");
    // Of chunks with the same bytes one is enough, whatever times were told of them.
    let samples = |told: &BTreeSet<Told>| -> BTreeSet<(Labels, Vec<u8>)> {
        told.iter().map(|(labels, _, _, data)| (labels.clone(), data.clone())).collect()
    };
    assert!(failed || samples(&found) == samples(all), "something was lost, and nobody was told");
}

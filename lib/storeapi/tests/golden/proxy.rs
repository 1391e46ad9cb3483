//! Answers of several stores merged, as Thanos' proxy does.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use model::{Labels, MatchOp, Matcher, TimeRange};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use storeapi::{
    Component, LabelsAnswer, LabelsRequest, Proxy, SeriesBatch, SeriesFrame, SeriesRequest,
    SeriesStream, Store, StoreError, StoreInfo,
};
use telemetry::Registry;
use tsdb::{Aggregate, Chunk, ChunkSeriesBatch, Encoding};

/// Aggregates in the order of the proto message, by their names in the recording.
const AGGREGATES: [(&str, Aggregate); 6] = [
    ("raw", Aggregate::Raw),
    ("count", Aggregate::Count),
    ("sum", Aggregate::Sum),
    ("min", Aggregate::Min),
    ("max", Aggregate::Max),
    ("counter", Aggregate::Counter),
];

/// Sends recorded series one a frame, without the labels that the request does not want.
#[derive(Debug)]
struct Recorded(Vec<(Labels, Vec<Chunk>)>);

impl Store for Recorded {
    fn info(&self) -> StoreInfo {
        StoreInfo {
            name: "recorded".to_owned(),
            component: Component::Store,
            label_sets: Vec::new(),
            time_range: Some(TimeRange::ALL),
            tsdbs: Vec::new(),
            drops_labels: true,
            shards: true,
            exemplars: None,
            metadata: false,
        }
    }

    fn series(&self, request: SeriesRequest) -> SeriesStream {
        let reduced = |(labels, chunks): &(Labels, Vec<Chunk>)| {
            let mut labels = labels.edit();
            labels.retain(|name| !request.without_labels.iter().any(|without| without == name));
            (labels.build().unwrap(), chunks.clone())
        };
        let mut series: Vec<_> = self.0.iter().map(reduced).collect();
        series.sort_by(|left, right| left.0.as_ref().cmp(&right.0.as_ref()));
        let frame = |(labels, chunks): (Labels, Vec<Chunk>)| {
            let mut batch = ChunkSeriesBatch::default();
            batch.push(labels.as_ref(), chunks);
            Ok(SeriesFrame::Series(SeriesBatch::Chunks(batch)))
        };
        futures::stream::iter(series.into_iter().map(frame).collect::<Vec<_>>()).boxed()
    }

    fn label_names(&self, _: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        std::future::ready(Ok(LabelsAnswer::default())).boxed()
    }

    fn label_values(&self, _: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        self.label_names(request)
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn series(recorded: &Value) -> Vec<(Labels, Vec<Chunk>)> {
    let series = list(recorded).iter().map(|series| {
        let pairs = list(&series["labels"]).iter().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()));
        (Labels::from_pairs(pairs).unwrap(), list(&series["chunks"]).iter().flat_map(chunk).collect())
    });
    series.collect()
}

fn chunk(recorded: &Value) -> Vec<Chunk> {
    let (min_ms, max_ms) = (recorded["mint"].as_i64().unwrap(), recorded["maxt"].as_i64().unwrap());
    let field = |(name, aggregate): (&str, Aggregate)| {
        let data = Bytes::from(recorded["fields"][name].as_str()?.to_owned());
        Some(Chunk { min_ms, max_ms, aggregate, encoding: Encoding::Xor, data })
    };
    AGGREGATES.into_iter().filter_map(field).collect()
}

/// Of each series the chunks as text, sorted, each once.
fn sets(series: &[(Labels, Vec<Chunk>)], text: fn(&Chunk) -> String) -> Vec<(&Labels, BTreeSet<String>)> {
    series.iter().map(|(labels, chunks)| (labels, chunks.iter().map(text).collect())).collect()
}

fn text_of(chunk: &Chunk) -> String {
    format!("{}-{} {}", chunk.min_ms, chunk.max_ms, bytes_of(chunk))
}

fn bytes_of(chunk: &Chunk) -> String {
    format!("{:?} {}", chunk.aggregate, String::from_utf8_lossy(&chunk.data))
}

fn merged(case: &Value) -> Vec<(Labels, Vec<Chunk>)> {
    let stores = list(&case["stores"]).iter().map(|store| Arc::new(Recorded(series(store))) as Arc<dyn Store>);
    let provider = Arc::new(stores.collect::<Vec<_>>());
    let proxy = Proxy::new("proxy", Component::Query, provider, Labels::empty(), &Registry::default());
    let all = Matcher::new(MatchOp::NotEqual, "__name__", "").unwrap();
    let without = list(&case["without_replica_labels"]).iter().map(|name| name.as_str().unwrap().as_bytes().to_vec());
    let request = SeriesRequest { without_labels: without.collect(), ..SeriesRequest::new(vec![all], TimeRange::ALL) };
    let frames = futures::executor::block_on(proxy.series(request).collect::<Vec<_>>());
    let mut found = Vec::new();
    for frame in frames {
        match frame.unwrap() {
            SeriesFrame::Series(SeriesBatch::Chunks(batch)) => {
                found.extend(batch.iter().map(|(labels, chunks)| (labels.to_owned(), chunks.to_vec())));
            }
            other => panic!("{other:?}"),
        }
    }
    found
}

#[test]
fn stores_are_merged_as_recorded() {
    let Some(path) = testkit::golden("storeapi proxy", "dedup/proxy_merge.jsonl") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let (mut equal, mut same_order, mut same_bytes, mut wrong) = (0, 0, 0, Vec::new());
    for (at, line) in text.lines().enumerate() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (found, want) = (merged(&case), series(&case["out"]));
        if found == want {
            same_order += 1;
        } else if sets(&found, text_of) == sets(&want, text_of) {
            equal += 1;
        } else if sets(&found, bytes_of) == sets(&want, bytes_of) {
            // Bytes say when their samples are, so this is not in real data; the one that stays came first here.
            same_bytes += 1;
        } else {
            wrong.push(format!("line {at}\n  want  {want:?}\n  found {found:?}"));
        }
    }
    println!(
        "{same_order} merges equal chunk for chunk, {equal} as sets, {same_bytes} but for the times of equal bytes"
    );
    assert!(wrong.is_empty(), "{} merges differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(same_order + equal > 10 * same_bytes);
}

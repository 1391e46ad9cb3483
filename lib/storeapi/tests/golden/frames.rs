//! Frames of `Series` as Thanos wrote them: read, written again, and passed on by a store of ours.

use crate::calls::{Call, calls, string};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use model::{Labels, Matcher, PackedBuilder, SampleColumns, TimeRange};
use prost::Message;
use proto::grpc::Raw;
use proto::series::{Aggr, FrameContent, FrameForm, FrameWriter, ReadChunk, WireChunk, read_frame, warning_frame};
use proto::thanos::services::store_server;
use proto::thanos::{self, AggrChunk, SeriesResponse, series_response::Result as Content};
use serde_json::Value;
use std::sync::Arc;
use storeapi::grpc::{Channel, RemoteOptions, RemoteStore, StoreServer};
use storeapi::{Component, SeriesBatch, SeriesFrame, SeriesRequest, Store, StoreInfo};
use tonic::{Request, Response, Status};
use xxhash_rust::xxh64::xxh64;

type Series = (Labels, Vec<ReadChunk>);

/// What was found in a frame.
#[derive(Debug, PartialEq)]
enum Found {
    Series(Vec<Series>),
    Warning(String),
}

#[derive(Debug, Default)]
struct Counts {
    frames: usize,
    chunks: usize,
    samples: usize,
    histograms: usize,
}

fn series_calls(test: &str) -> Option<Vec<Call>> {
    let mut calls = calls(test, None, "/thanos.Store/Series")?;
    calls.retain(|call| call.code == "OK");
    Some(calls)
}

fn read(name: &str, frame: &Bytes) -> Found {
    match read_frame(frame).unwrap_or_else(|error| panic!("{name}: {error}")) {
        FrameContent::Series(mut fields) => {
            let (mut all, mut labels, mut chunks) = (Vec::new(), PackedBuilder::default(), Vec::new());
            while let Some(labels) = fields.next_series(&mut labels, &mut |chunk| chunks.push(chunk)).unwrap() {
                all.push((labels.to_owned(), std::mem::take(&mut chunks)));
            }
            Found::Series(all)
        }
        FrameContent::Warning(text) => Found::Warning(String::from_utf8(text.to_vec()).unwrap()),
        other @ (FrameContent::Hints(_) | FrameContent::Nothing) => panic!("{name}: {other:?}"),
    }
}

#[test]
fn frames_are_read_as_they_were_decoded() {
    let Some(calls) = series_calls("frames_are_read_as_they_were_decoded") else { return };
    let mut counts = Counts::default();
    for call in &calls {
        for (frame, decoded) in &call.frames {
            counts.frames += 1;
            match read(&call.name, frame) {
                Found::Warning(text) => assert_eq!(text, string(&decoded["warning"]), "{}", call.name),
                Found::Series(series) => check_series(&call.name, &series, decoded, &mut counts),
            }
        }
    }
    assert!(counts.frames > 100 && counts.samples > 1000, "{counts:?}");
    eprintln!("{} calls: {counts:?} are as recorded", calls.len());
}

fn check_series(name: &str, series: &[Series], decoded: &Value, counts: &mut Counts) {
    let expected = match decoded.get("batch") {
        Some(batch) => batch.as_array().unwrap().as_slice(),
        None => std::slice::from_ref(&decoded["series"]),
    };
    assert_eq!(series.len(), expected.len(), "{name}");
    for ((labels, chunks), expected) in series.iter().zip(expected) {
        let pairs = expected["labels"].as_array().unwrap().iter();
        let pairs = pairs.map(|pair| (string(&pair[0]), string(&pair[1])));
        assert_eq!(*labels, Labels::from_pairs(pairs).unwrap(), "{name}");
        let mut chunks = chunks.iter();
        for group in expected["chunks"].as_array().unwrap() {
            for aggregate in ["raw", "count", "sum", "min", "max", "counter"] {
                if let Some(expected) = group.get(aggregate) {
                    let chunk = chunks.next().unwrap();
                    assert_eq!(chunk.0.aggregate.as_str_name().to_lowercase(), aggregate, "{name}");
                    check_chunk(name, chunk, group, expected, counts);
                }
            }
        }
        assert_eq!(chunks.next(), None, "{name}");
    }
}

fn check_chunk(name: &str, (chunk, hash): &ReadChunk, group: &Value, expected: &Value, counts: &mut Counts) {
    counts.chunks += 1;
    let range = (group["min_time"].as_i64().unwrap(), group["max_time"].as_i64().unwrap());
    assert_eq!((chunk.min_ms, chunk.max_ms), range, "{name}");
    assert_eq!(hash.to_string(), string(&expected["hash"]), "{name}");
    assert_eq!(xxh64(&chunk.data, 0), *hash, "{name}");
    assert_eq!(chunk.data.len() as u64, expected["bytes"].as_u64().unwrap(), "{name}");
    assert_eq!(chunk.encoding.as_str_name(), string(&expected["type"]), "{name}");
    let samples = expected["samples"].as_array().unwrap();
    if samples.iter().any(|sample| !sample[1].is_string()) {
        counts.histograms += samples.len();
        return;
    }
    let mut columns = SampleColumns::default();
    tsdb::chunk::decode(tsdb::Encoding::Xor, &chunk.data, &mut columns).unwrap();
    let found: Vec<_> = columns.timestamps_ms.iter().copied().zip(columns.values.iter().map(|v| v.to_bits())).collect();
    let expected: Vec<_> = samples.iter().map(|sample| (sample[0].as_i64().unwrap(), bits(&sample[1]))).collect();
    assert_eq!(found, expected, "{name}");
    counts.samples += found.len();
}

/// The bits of a value as Go prints it.
fn bits(value: &Value) -> u64 {
    match value.as_str().unwrap() {
        "StaleNaN" => model::STALE_NAN.to_bits(),
        "NaN" => model::NORMAL_NAN.to_bits(),
        text => text.parse::<f64>().unwrap().to_bits(),
    }
}

// === written again ===

/// The frames of what was found in one, which was a batch or not.
fn write(found: &Found, is_batch: bool) -> Vec<Bytes> {
    let series = match found {
        Found::Warning(text) => return vec![warning_frame(text).into_bytes()],
        Found::Series(series) => series,
    };
    let batch_series = if is_batch { usize::MAX } else { 1 };
    let (mut writer, mut frames) = (FrameWriter::new(FrameForm { batch_series, hashes: true }), Vec::new());
    for (labels, chunks) in series {
        let chunks = chunks.iter().map(|(chunk, _)| WireChunk {
            min_ms: chunk.min_ms,
            max_ms: chunk.max_ms,
            aggregate: chunk.aggregate,
            encoding: chunk.encoding,
            data: &chunk.data[..],
        });
        writer.write(labels.as_ref(), chunks, &mut |frame| frames.push(frame.into_bytes()));
    }
    frames.extend(writer.finish().map(Raw::into_bytes));
    frames
}

/// Without chunks of no aggregate, which Thanos sends where raw samples of downsampled blocks are asked for. They say nothing.
fn with_data(mut message: SeriesResponse) -> SeriesResponse {
    let none = |chunk: &AggrChunk| AggrChunk { min_time: 0, max_time: 0, ..chunk.clone() } == AggrChunk::default();
    let series = match &mut message.result {
        Some(Content::Series(series)) => std::slice::from_mut(series),
        Some(Content::Batch(batch)) => batch.series.as_mut_slice(),
        Some(Content::Warning(_) | Content::Hints(_)) | None => &mut [],
    };
    series.iter_mut().for_each(|series| series.chunks.retain(|chunk| !none(chunk)));
    message
}

#[test]
fn frames_are_written_as_thanos_writes_them() {
    let Some(calls) = series_calls("frames_are_written_as_thanos_writes_them") else { return };
    let mut equal = 0;
    for (call, (frame, decoded)) in calls.iter().flat_map(|call| call.frames.iter().map(move |frame| (call, frame))) {
        let written = write(&read(&call.name, frame), decoded.get("batch").is_some());
        let [written] = written.as_slice() else { panic!("{}: one frame became {}", call.name, written.len()) };
        let message = SeriesResponse::decode(written.as_ref()).unwrap();
        assert_eq!(message, with_data(SeriesResponse::decode(frame.as_ref()).unwrap()), "{}", call.name);
        equal += usize::from(written == frame);
    }
    assert!(equal > 100, "{equal}");
    eprintln!("{equal} frames are written as recorded, byte for byte");
}

// === passed on ===

/// A peer that answers with recorded frames.
#[derive(Debug, Clone)]
struct Recorded {
    frames: Arc<[Bytes]>,
}

#[tonic::async_trait]
impl store_server::Store for Recorded {
    type SeriesStream = BoxStream<'static, Result<Raw, Status>>;

    async fn series(&self, _: Request<thanos::SeriesRequest>) -> Result<Response<Self::SeriesStream>, Status> {
        let frames: Vec<_> = self.frames.iter().map(|frame| Ok(Raw::from(frame.clone()))).collect();
        Ok(Response::new(stream::iter(frames).boxed()))
    }

    async fn label_names(&self, _: Request<thanos::LabelNamesRequest>) -> Result<Response<Raw>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn label_values(&self, _: Request<thanos::LabelValuesRequest>) -> Result<Response<Raw>, Status> {
        Err(Status::unimplemented("not asked"))
    }
}

fn remote(channel: impl Channel) -> RemoteStore<impl Channel> {
    let info = StoreInfo {
        name: "recorded".to_owned(),
        component: Component::Store,
        label_sets: Vec::new(),
        time_range: Some(TimeRange::ALL),
        tsdbs: Vec::new(),
        drops_labels: true,
        shards: true,
        exemplars: None,
        metadata: false,
    };
    RemoteStore::new(info, channel, RemoteOptions::default())
}

/// An answer: series with the bytes of their chunks by range and aggregate, each once, and warnings.
type Answer = (Vec<(Labels, Vec<(i64, i64, String, Bytes)>)>, Vec<String>);

/// What recorded frames say: equal label sets joined, each chunk once.
fn said(call: &Call) -> Answer {
    let (mut all, mut warnings): Answer = Default::default();
    for (frame, _) in &call.frames {
        match read(&call.name, frame) {
            Found::Warning(text) => warnings.push(text),
            Found::Series(series) => {
                for (labels, chunks) in series {
                    let chunk = |(chunk, _): ReadChunk| {
                        let aggregate: Aggr = chunk.aggregate;
                        (chunk.min_ms, chunk.max_ms, aggregate.as_str_name().to_lowercase(), chunk.data)
                    };
                    match all.last_mut().filter(|(last, _)| *last == labels) {
                        Some((_, known)) => known.extend(chunks.into_iter().map(chunk)),
                        None => all.push((labels, chunks.into_iter().map(chunk).collect())),
                    }
                }
            }
        }
    }
    all.iter_mut().for_each(|(_, chunks)| each_once(chunks));
    (all, warnings)
}

fn each_once(chunks: &mut Vec<(i64, i64, String, Bytes)>) {
    chunks.sort();
    chunks.dedup();
}

/// What `store` answers.
async fn answered(store: &dyn Store) -> Answer {
    let (mut all, mut warnings): Answer = Default::default();
    let request = SeriesRequest::new(Vec::<Matcher>::new(), TimeRange::ALL);
    let mut answer = store.series(request);
    while let Some(frame) = answer.try_next().await.unwrap() {
        match frame {
            SeriesFrame::Warning(text) => warnings.push(text),
            SeriesFrame::Series(SeriesBatch::Columns(_)) => panic!("a peer answers with chunks"),
            SeriesFrame::Series(SeriesBatch::Chunks(batch)) => {
                for (labels, chunks) in batch.iter() {
                    let chunks = chunks.iter().map(|chunk| {
                        let aggregate = format!("{:?}", chunk.aggregate).to_lowercase();
                        (chunk.min_ms, chunk.max_ms, aggregate, chunk.data.clone())
                    });
                    all.push((labels.to_owned(), chunks.collect()));
                }
            }
        }
    }
    all.iter_mut().for_each(|(_, chunks)| each_once(chunks));
    (all, warnings)
}

#[tokio::test]
async fn answers_of_thanos_pass_through_a_store_of_ours() {
    let Some(calls) = series_calls("answers_of_thanos_pass_through_a_store_of_ours") else { return };
    let mut series = 0;
    for call in &calls {
        let recorded = Recorded { frames: call.frames.iter().map(|(frame, _)| frame.clone()).collect() };
        let first = remote(store_server::StoreServer::new(recorded));
        let said = said(call);
        assert_eq!(answered(&first).await, said, "{}", call.name);
        let second = remote(StoreServer::service(Arc::new(first)));
        assert_eq!(answered(&second).await, said, "{}", call.name);
        series += said.0.len();
    }
    assert!(series > 100, "{series}");
    eprintln!("{} answers with {series} series passed two hops", calls.len());
}

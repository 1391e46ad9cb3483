//! `storeapi/store-*.jsonl`: what Thanos' store gateway answered over the golden buckets, and what ours answers over gRPC.

use bucket::Bucket;
use model::ManualClock;
use object_store::local::LocalFileSystem;
use prost::Message;
use proto::thanos::info::{InfoRequest, InfoResponse, info_client::InfoClient};
use proto::thanos::services::store_client::StoreClient;
use proto::thanos::{self, SeriesResponse, series_response};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::{App, Config, Parts, RequestLimits};
use storeapi::grpc::{InfoServer, StoreServer};
use telemetry::Registry;
use tonic::{Code, Request, Status};
use tsdb::fs::StdFs;

/// Where ours answers otherwise, by file and name of the call, and with which code. `docs/components/store.md` says why.
const OTHERWISE: [(&str, &str, Code); 4] = [
    ("store-after", "agg-native-gauge-5m-min", Code::Internal),
    ("store-after", "values-empty", Code::InvalidArgument),
    ("store-before", "values-empty", Code::InvalidArgument),
    // It names a block that is marked for deletion, and that no other call of the recording was answered from.
    ("store-before", "info", Code::Ok),
];

const DAY_MS: i64 = 86_400_000;

/// A chunk as it is compared: times, aggregate, encoding and bytes.
type Chunk = (i64, i64, &'static str, i32, Vec<u8>);
/// A series as it is compared: labels, and its chunks in order.
type Series = (Vec<(String, String)>, Vec<Chunk>);

/// A store over the bucket, a day after its newest deletion mark.
async fn app(bucket: &Path, limits: RequestLimits) -> (App, tempfile::TempDir) {
    let registry = Registry::default();
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::at(newest_mark_ms(bucket) + DAY_MS)));
    let objects = Arc::new(LocalFileSystem::new_with_prefix(bucket).unwrap());
    let bucket = Bucket::over(objects, "golden", "", &bucket::Metrics::register(&registry), clock.clone());
    let mut config = Config::new(dir.path().to_owned());
    config.limits = limits;
    config.fetch.ignore_deletion_marks_delay = Duration::ZERO;
    let app = App::build(config, Parts { bucket, fs: Arc::new(StdFs), clock, registry });
    app.sync().await.unwrap();
    (app, dir)
}

fn newest_mark_ms(bucket: &Path) -> i64 {
    let blocks = std::fs::read_dir(bucket).unwrap().map(|entry| entry.unwrap().path());
    let marks = blocks.filter_map(|block| std::fs::read(block.join("deletion-mark.json")).ok());
    let times = marks.map(|mark| serde_json::from_slice::<Value>(&mark).unwrap()["deletion_time"].as_i64().unwrap());
    times.max().unwrap_or(0) * 1_000
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// All series of frames, those of equal labels joined; and the warnings.
fn series_of(frames: Vec<SeriesResponse>) -> (Vec<Series>, Vec<String>) {
    let (mut all, mut warnings): (Vec<Series>, Vec<String>) = (Vec::new(), Vec::new());
    for frame in frames {
        let series = match frame.result {
            Some(series_response::Result::Series(series)) => vec![series],
            Some(series_response::Result::Batch(batch)) => batch.series,
            Some(series_response::Result::Warning(warning)) => {
                warnings.push(warning);
                continue;
            }
            _ => continue,
        };
        for one in series {
            let labels: Vec<_> = one.labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect();
            let chunks = one.chunks.iter().flat_map(chunks_of);
            match all.last_mut().filter(|last| last.0 == labels) {
                Some(last) => last.1.extend(chunks),
                None => all.push((labels, chunks.collect())),
            }
        }
    }
    all.iter_mut().for_each(|(_, chunks)| chunks.sort());
    (all, warnings)
}

fn chunks_of(chunk: &thanos::AggrChunk) -> Vec<Chunk> {
    let parts = [
        ("raw", &chunk.raw),
        ("count", &chunk.count),
        ("sum", &chunk.sum),
        ("min", &chunk.min),
        ("max", &chunk.max),
        ("counter", &chunk.counter),
    ];
    let parts = parts.into_iter().filter_map(|(name, part)| {
        let part = part.as_ref()?;
        Some((chunk.min_time, chunk.max_time, name, part.r#type, part.data.to_vec()))
    });
    parts.collect()
}

/// An answer as text: what must be equal.
type Answer = Result<String, (Code, String)>;

async fn ask(app: &App, method: &str, request: &[u8]) -> Answer {
    let failed = |status: Status| (status.code(), status.message().to_owned());
    let mut client = StoreClient::new(StoreServer::service(Arc::new(app.store())));
    match method {
        "/thanos.Store/Series" => {
            let request = thanos::SeriesRequest::decode(request).unwrap();
            let mut stream = client.series(Request::new(request)).await.map_err(failed)?.into_inner();
            let mut frames = Vec::new();
            while let Some(frame) = stream.message().await.map_err(failed)? {
                frames.push(SeriesResponse::decode(&*frame.parts.concat()).unwrap());
            }
            Ok(format!("{:#?}", series_of(frames)))
        }
        "/thanos.Store/LabelNames" => {
            let request = thanos::LabelNamesRequest::decode(request).unwrap();
            let answer = client.label_names(Request::new(request)).await.map_err(failed)?.into_inner();
            let answer = thanos::LabelNamesResponse::decode(answer.into_bytes()).unwrap();
            Ok(format!("{:?} {:?}", answer.names, answer.warnings))
        }
        "/thanos.Store/LabelValues" => {
            let request = thanos::LabelValuesRequest::decode(request).unwrap();
            let answer = client.label_values(Request::new(request)).await.map_err(failed)?.into_inner();
            let answer = thanos::LabelValuesResponse::decode(answer.into_bytes()).unwrap();
            Ok(format!("{:?} {:?}", answer.values, answer.warnings))
        }
        _ => {
            let mut client = InfoClient::new(InfoServer::service(Arc::new(app.store())));
            Ok(info_text(client.info(Request::new(InfoRequest {})).await.map_err(failed)?.into_inner()))
        }
    }
}

/// Sets come in any order.
fn info_text(info: InfoResponse) -> String {
    let mut sets: Vec<String> = info.label_sets.iter().map(|set| format!("{set:?}")).collect();
    sets.sort();
    let mut store = info.store.unwrap();
    store.tsdb_infos.sort_by_key(|tsdb| format!("{tsdb:?}"));
    format!("{} {sets:#?} {store:#?}", info.component_type)
}

fn recorded(row: &Value) -> Answer {
    let code = row["grpc_code"].as_str().unwrap();
    if code != "OK" {
        let code = (0..17).map(Code::from).find(|known| format!("{known:?}") == code).unwrap();
        return Err((code, row["grpc_message"].as_str().unwrap().to_owned()));
    }
    let frames: Vec<Vec<u8>> = row["frames"].as_array().unwrap().iter().map(|frame| hex(&frame["hex"])).collect();
    Ok(match row["method"].as_str().unwrap() {
        "/thanos.Store/Series" => {
            let frames = frames.iter().map(|frame| SeriesResponse::decode(&**frame).unwrap());
            format!("{:#?}", series_of(frames.collect()))
        }
        "/thanos.Store/LabelNames" => {
            let answer = thanos::LabelNamesResponse::decode(&*frames[0]).unwrap();
            format!("{:?} {:?}", answer.names, answer.warnings)
        }
        "/thanos.Store/LabelValues" => {
            let answer = thanos::LabelValuesResponse::decode(&*frames[0]).unwrap();
            format!("{:?} {:?}", answer.values, answer.warnings)
        }
        _ => info_text(InfoResponse::decode(&*frames[0]).unwrap()),
    })
}

/// What of an error's text is the same at every run: not which block it names, nor how far beyond the limit it was.
fn lasting(text: &str) -> &str {
    let text = text.split_once("desc = ").map_or(text, |(_, rest)| rest);
    text.split_once(" (got ").map_or(text, |(rest, _)| rest)
}

async fn check(file: &str, bucket: &str, limits: RequestLimits) {
    let test = format!("storeapi {file}");
    let (Some(calls), Some(bucket)) = (
        testkit::golden(&test, &format!("storeapi/{file}.jsonl")),
        testkit::golden(&test, &format!("bucket/{bucket}")),
    ) else {
        return;
    };
    let (app, _dir) = app(&bucket, limits).await;
    let (mut equal, mut otherwise, mut different) = (0, 0, Vec::new());
    for row in super::rows(&calls) {
        let (name, method) = (row["name"].as_str().unwrap(), row["method"].as_str().unwrap());
        let ours =
            method.starts_with("/thanos.Store/") && !method.ends_with("/Nope") || method == "/thanos.info.Info/Info";
        if !ours {
            continue;
        }
        let (got, want) = (ask(&app, method, &hex(&row["request_hex"])).await, recorded(&row));
        let same = match (&got, &want) {
            (Ok(got), Ok(want)) => got == want,
            (Err(got), Err(want)) => {
                got.0 == want.0 && (got.0 != Code::ResourceExhausted || lasting(&got.1) == lasting(&want.1))
            }
            _ => false,
        };
        let listed = OTHERWISE.iter().find(|listed| (listed.0, listed.1) == (file, name));
        match listed {
            _ if same => equal += 1,
            Some((.., code)) if got.as_ref().map_or_else(|error| error.0, |_| Code::Ok) == *code => otherwise += 1,
            _ => different.push(format!("{name} {}\ngot {got:#?}\nwant {want:#?}", row["request"])),
        }
    }
    eprintln!("{file}: {equal} equal, {} otherwise as listed", otherwise);
    assert!(different.is_empty(), "{} different:\n{}", different.len(), different.join("\n\n"));
    assert!(equal > 0, "nothing was compared");
}

#[tokio::test]
async fn the_bucket_before_compaction() {
    check("store-before", "before", RequestLimits::default()).await;
}

#[tokio::test]
async fn the_bucket_after_compaction() {
    check("store-after", "after", RequestLimits::default()).await;
}

#[tokio::test]
async fn limits() {
    let limits = RequestLimits { series: Some(3), samples: Some(2_000), downloaded_bytes: None };
    check("store-limits", "after", limits).await;
}

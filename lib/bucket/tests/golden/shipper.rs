//! `shipper/{sync,shipper_file,file_stats}.jsonl`: what a pass uploads and writes.

use crate::lines;
use bucket::shipper::ShipperFile;
use bucket::{Bucket, HashFunction, Metrics, ShipOptions, ShipRules, Shipper, ShipperMetrics, list_block_files};
use model::{Clock, ManualClock};
use object_store::memory::InMemory;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::{SimFs, golden};
use tsdb::block::UploadTime;
use tsdb::fs::Fs;
use ulid::Ulid;

const DIR: &str = "/data";

fn plant_all(sim: &SimFs, from: &Path, to: &Path) {
    sim.create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            plant_all(sim, &entry.path(), &to);
        } else {
            sim.plant(&to, &std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The objects as recorded: JSON as text, others as size and checksum. Times of upload are cut to milliseconds.
async fn objects(bucket: &Bucket) -> BTreeMap<String, String> {
    let mut names = Vec::new();
    bucket.each_object(|object| names.push(object.name)).await.unwrap();
    let mut objects = BTreeMap::new();
    for name in names {
        let bytes = bucket.get(&name, 1 << 20).await.unwrap();
        let shown = match name.ends_with(".json") {
            true => in_ms(std::str::from_utf8(&bytes).unwrap()),
            false => format!("{} bytes sha256 {}", bytes.len(), hex(&bytes)),
        };
        objects.insert(name, shown);
    }
    objects
}

fn in_ms(text: &str) -> String {
    let Some((before, rest)) = text.split_once("\"upload_time\": \"") else { return text.to_owned() };
    let (time, after) = rest.split_once('"').unwrap();
    let time: UploadTime = time.parse().unwrap();
    format!("{before}\"upload_time\": \"{}\"{after}", UploadTime::at_ms(time.unix_ms()))
}

/// What a case is about, by its name.
struct Setting {
    sim: SimFs,
    bucket: Bucket,
    options: ShipOptions,
    clock: Arc<ManualClock>,
}

impl Setting {
    async fn of(case: &Value, before: &Path) -> Option<Self> {
        let now: UploadTime = case["now"].as_str().unwrap().parse().unwrap();
        let clock = Arc::new(ManualClock::at(now.unix_ms()));
        let store = Arc::new(InMemory::new());
        let bucket = Bucket::over(store, "b", "", &Metrics::default(), Arc::clone(&clock) as Arc<dyn Clock>);
        let sim = SimFs::new();
        plant_all(&sim, before, Path::new(DIR));
        let labels = [("receive", "true"), ("tenant_id", "a")];
        let mut options = ShipOptions {
            dir: PathBuf::from(DIR),
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            source: "receive",
            hash: HashFunction::None,
            rules: ShipRules::default(),
            tenant: "a".to_owned(),
        };
        let list = Path::new(DIR).join("thanos.shipper.json");
        let second = Path::new(DIR).join("01HP0000000000000000000002/meta.json");
        let none = Path::new(DIR).join("01HP0000000000000000000009");
        match case["name"].as_str().unwrap() {
            "defaults" => {}
            "hashes" => options.hash = HashFunction::Sha256,
            "compacted too" => options.rules.compacted = true,
            "one is in the bucket already" => {
                bucket.put("01HP0000000000000000000002/meta.json", "{}".into()).await.unwrap();
            }
            "one is listed as uploaded" => {
                let listed = b"{\"version\":1,\"uploaded\":[\"01HP0000000000000000000004\"]}".as_slice();
                let first = b"{\"version\":1,\"uploaded\":[\"01HP0000000000000000000001\"]}".as_slice();
                let is_first = case["bucket"].get("01HP0000000000000000000001/meta.json").is_none();
                sim.plant(&list, if is_first { first } else { listed }).unwrap();
            }
            "broken list" => sim.plant(&list, b"{").unwrap(),
            "list of another version" => sim.plant(&list, b"{\"version\":2,\"uploaded\":[]}").unwrap(),
            "no external labels" => options.labels.clear(),
            "corrupted block" => sim.plant(&second, b"{").unwrap(),
            "corrupted block skipped" => {
                sim.plant(&second, b"{").unwrap();
                options.rules.skip_corrupted = true;
            }
            "a block directory without meta.json stops everything" => sim.create_dir_all(&none).unwrap(),
            "the same, corrupted blocks skipped" => {
                sim.create_dir_all(&none).unwrap();
                options.rules.skip_corrupted = true;
            }
            _ => return None,
        }
        Some(Self { sim, bucket, options, clock })
    }
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let fields = value.as_object().unwrap().iter();
    fields.map(|(name, text)| (name.clone(), in_ms(text.as_str().unwrap()))).collect()
}

#[tokio::test]
async fn passes_end_as_in_thanos() {
    let Some(path) = golden("bucket::passes_end_as_in_thanos", "shipper") else { return };
    let (mut equal, mut left_out, mut different) = (0, Vec::new(), Vec::new());
    for case in lines(&path.join("sync.jsonl")) {
        let name = case["name"].as_str().unwrap();
        let Some(Setting { sim, bucket, options, clock }) = Setting::of(&case, &path.join("before")).await else {
            left_out.push(name.to_owned());
            continue;
        };
        let fs: Arc<dyn Fs> = Arc::new(sim.clone());
        let metrics = ShipperMetrics::default();
        let shipper = Shipper::new(bucket.clone(), fs, clock as Arc<dyn Clock>, options, &metrics);
        let synced = shipper.sync().await;
        assert_eq!(synced.is_err(), case.get("error").is_some(), "{name}: {synced:?}");
        let list = sim.read(&Path::new(DIR).join("thanos.shipper.json")).ok();
        let recorded = case["local_files"].get("thanos.shipper.json").and_then(Value::as_str);
        assert_eq!(list.map(|list| String::from_utf8(list).unwrap()).as_deref(), recorded, "{name}");
        let (got, want) = (objects(&bucket).await, texts(&case["bucket"]));
        if name == "one is in the bucket already" {
            // Thanos takes `{}` for a block; here it is none, and the block goes up.
            assert!(got.contains_key("01HP0000000000000000000002/index"), "{got:?}");
            different.push(name.to_owned());
            continue;
        }
        assert_eq!(got, want, "{name}");
        if let Ok(uploaded) = synced {
            assert_eq!(uploaded as u64, case["uploaded"].as_u64().unwrap(), "{name}");
        }
        equal += 1;
    }
    eprintln!("sync.jsonl: {equal} equal, different: {different:?}, no such option: {left_out:?}");
    assert!(equal > 0);
}

#[test]
fn lists_are_read_and_written() {
    let Some(path) = golden("bucket::lists_are_read_and_written", "shipper/shipper_file.jsonl") else { return };
    let mut checked = 0;
    for case in lines(&path) {
        let blocks = case["uploaded"]
            .as_array()
            .map(|blocks| blocks.iter().map(|block| block.as_str().unwrap().parse().unwrap()).collect::<Vec<Ulid>>());
        if let Some(written) = case.get("written").and_then(Value::as_str) {
            let list = ShipperFile { uploaded: blocks };
            assert_eq!(String::from_utf8(list.encode()).unwrap(), written);
            assert_eq!(ShipperFile::decode(written.as_bytes()).unwrap(), list);
        } else {
            let read = ShipperFile::decode(case["text"].as_str().unwrap().as_bytes());
            assert_eq!(read.is_err(), case.get("error").is_some(), "{case}");
            assert!(read.is_err() || read.unwrap().uploaded == blocks, "{case}");
        }
        checked += 1;
    }
    eprintln!("shipper_file.jsonl: {checked} equal");
}

#[test]
fn files_are_listed_with_sizes_and_hashes() {
    let Some(path) = golden("bucket::files_are_listed_with_sizes_and_hashes", "shipper") else { return };
    let sim = SimFs::new();
    plant_all(&sim, &path.join("before"), Path::new(DIR));
    let mut checked = 0;
    for case in lines(&path.join("file_stats.jsonl")) {
        let hash = if case["hash_func"] == "SHA256" { HashFunction::Sha256 } else { HashFunction::None };
        let files = list_block_files(&sim, &Path::new(DIR).join(case["block"].as_str().unwrap()), hash).unwrap();
        assert_eq!(serde_json::to_value(files).unwrap(), case["files"]);
        checked += 1;
    }
    eprintln!("file_stats.jsonl: {checked} equal");
}

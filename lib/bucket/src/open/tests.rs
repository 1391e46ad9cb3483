use super::{base64, endpoint, open, region};
use crate::bucket::ReadCost;
use crate::config::{Config, Provider, S3Config};
use crate::metrics::Metrics;
use model::SystemClock;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::fs::Fs;

fn s3(keys: &str) -> S3Config {
    let config = Config::parse(&format!("{{type: S3, config: {{bucket: b, {keys}}}}}")).unwrap();
    let Provider::S3(s3) = config.provider else { panic!("no S3") };
    *s3
}

#[track_caller]
fn check_endpoint(keys: &str, want: &str, want_region: &str) {
    let config = s3(keys);
    let region = region(&config);
    assert_eq!((endpoint(&config, &region).as_str(), region.as_str()), (want, want_region), "{keys}");
}

#[test]
fn endpoints_follow_the_service_and_the_keys() {
    check_endpoint("endpoint: 'minio:9000', insecure: true", "http://minio:9000", "us-east-1");
    check_endpoint("endpoint: minio, region: r", "https://minio", "r");
    check_endpoint("endpoint: minio, bucket_lookup_type: virtual-hosted", "https://b.minio", "us-east-1");
    check_endpoint(
        "endpoint: s3.amazonaws.com, region: eu-west-1",
        "https://b.s3.eu-west-1.amazonaws.com",
        "eu-west-1",
    );
    check_endpoint("endpoint: s3.amazonaws.com", "https://b.s3.us-east-1.amazonaws.com", "us-east-1");
    let paris = "s3.eu-west-3.amazonaws.com";
    check_endpoint(&format!("endpoint: {paris}"), &format!("https://b.{paris}"), "eu-west-3");
    check_endpoint(&format!("endpoint: {paris}, bucket_lookup_type: path"), &format!("https://{paris}"), "eu-west-3");
    let old = "s3-eu-west-1.amazonaws.com";
    check_endpoint(&format!("endpoint: {old}"), &format!("https://b.{old}"), "eu-west-1");
}

#[test]
fn base64_pads() {
    for (bytes, want) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
        assert_eq!(base64(bytes.as_bytes()), want);
    }
}

#[test]
fn a_key_of_another_size_is_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    for (size, is_key) in [(31, false), (32, true), (33, false)] {
        std::fs::write(&path, vec![7; size]).unwrap();
        let yaml = format!("endpoint: e, sse_config: {{type: SSE-C, encryption_key: {}}}", path.display());
        let config = Config { prefix: String::new(), provider: Provider::S3(Box::new(s3(&yaml))) };
        assert_eq!(open(&config, &Metrics::default(), Arc::new(SystemClock)).is_ok(), is_key, "{size}");
    }
}

/// Uploads in parts, reads, lists, puts once.
async fn works(config: &Config) {
    let bucket = open(config, &Metrics::default(), Arc::new(SystemClock)).unwrap();
    let sim = SimFs::new();
    let content: Vec<u8> = (0..12_000_000_u32).map(|at| (at % 251) as u8).collect();
    sim.plant(Path::new("/f"), &content).unwrap();
    let fs: Arc<dyn Fs> = Arc::new(sim);
    let block = "01HP0000000000000000000001";
    assert_eq!(bucket.blocks().await.unwrap(), []);
    let object = format!("{block}/chunks/000001");
    assert_eq!(bucket.upload_file(&fs, Path::new("/f"), &object).await.unwrap(), 12_000_000);
    assert!(bucket.get(&object, 1 << 30).await.unwrap() == content);
    assert_eq!(bucket.get_range(&object, 251..254).await.unwrap(), [0_u8, 1, 2].as_slice());
    let parts = bucket.get_ranges(&object, &[500..503, 252..253]).await.unwrap();
    assert_eq!(parts, [&content[500..503], &content[252..253]]);
    for beyond in [11_999_999..12_000_001, 12_000_000..12_000_001] {
        assert!(bucket.get_range(&object, beyond.clone()).await.is_err());
        assert!(bucket.get_ranges(&object, &[0..1, beyond]).await.is_err());
    }
    let meta = format!("{block}/meta.json");
    assert!(!bucket.exists(&meta).await.unwrap());
    assert!(bucket.put_if_absent(&meta, "{}".into()).await.unwrap());
    assert!(!bucket.put_if_absent(&meta, "again".into()).await.unwrap());
    assert_eq!(bucket.get(&meta, 10).await.unwrap(), "{}");
    assert_eq!(bucket.blocks().await.unwrap(), [block.parse().unwrap()]);
    let files = bucket.files(block.parse().unwrap()).await.unwrap();
    let files: Vec<(&str, u64)> = files.iter().map(|file| (file.name.as_str(), file.size_bytes)).collect();
    assert_eq!(files, [(object.as_str(), 12_000_000), (meta.as_str(), 2)]);
}

#[tokio::test]
async fn a_directory_is_a_bucket_and_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::filesystem(dir.path().join("made/here"));
    config.prefix = "p/q".to_owned();
    works(&config).await;
    assert!(dir.path().join("made/here/p/q/01HP0000000000000000000001/meta.json").is_file());
    let bucket = open(&config, &Metrics::default(), Arc::new(SystemClock)).unwrap();
    assert!(format!("{:?}", bucket.store()).contains("fsync: true"), "{:?}", bucket.store());
}

#[test]
fn what_reads_cost_is_known_by_where_objects_lie() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = Config { prefix: String::new(), provider: Provider::S3(Box::new(s3("endpoint: e"))) };
    for (config, want) in [(Config::filesystem(dir.path().to_owned()), ReadCost::FILES), (s3, ReadCost::REMOTE)] {
        assert_eq!(open(&config, &Metrics::default(), Arc::new(SystemClock)).unwrap().read_cost(), want);
    }
}

/// An S3 server in this process, that checks signatures, over a directory.
mod server {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto::Builder;
    use s3s::auth::SimpleAuth;
    use s3s::service::S3ServiceBuilder;
    use std::path::Path;

    /// Its address.
    pub(super) async fn start(dir: &Path) -> String {
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(dir).unwrap());
        service.set_auth(SimpleAuth::from_single("key", "secret"));
        let service = service.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        #[expect(clippy::disallowed_methods, reason = "a test's server ends with the test's runtime")]
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        address
    }
}

fn s3_at(address: &str, secret: &str) -> Config {
    let yaml = format!(
        "{{type: S3, prefix: p, config: {{bucket: bucket, endpoint: '{address}', insecure: true, access_key: key, \
         secret_key: {secret}, part_size: 1, max_retries: 1, put_user_metadata: {{a: b}}}}}}"
    );
    Config::parse(&yaml).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_is_a_bucket() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("bucket")).unwrap();
    let address = server::start(dir.path()).await;
    works(&s3_at(&address, "secret")).await;
    let stranger = open(&s3_at(&address, "other"), &Metrics::default(), Arc::new(SystemClock)).unwrap();
    assert!(stranger.blocks().await.is_err());
    assert!(!stranger.get("x", 1).await.unwrap_err().is_not_found());
}

use super::{Bucket, BucketError};
use crate::metrics::Metrics;
use model::ManualClock;
use object_store::memory::InMemory;
use std::sync::Arc;
use telemetry::{Format, Registry};

const A: &str = "01HP0000000000000000000001";
const B: &str = "01HP0000000000000000000002";

fn bucket(prefix: &str) -> (Bucket, Registry) {
    let registry = Registry::default();
    let clock = Arc::new(ManualClock::at(1_500));
    let bucket = Bucket::over(Arc::new(InMemory::new()), "b", prefix, &Metrics::register(&registry), clock);
    (bucket, registry)
}

fn metric(registry: &Registry, line: &str) -> f64 {
    let text = String::from_utf8(registry.encode(Format::negotiate("")).unwrap()).unwrap();
    let found = text.lines().find_map(|found| found.strip_prefix(line));
    found.unwrap_or_else(|| panic!("no {line} in\n{text}")).trim().parse().unwrap()
}

#[tokio::test]
async fn blocks_are_listed_by_name_below_the_prefix() {
    for prefix in ["", "a/b"] {
        let (bucket, _) = bucket(prefix);
        assert_eq!(bucket.blocks().await.unwrap(), []);
        for name in [
            format!("{B}/meta.json"),
            format!("{A}/chunks/000001"),
            format!("{A}/index"),
            "not-a-block.txt".to_owned(),
            "debug/metas/x.json".to_owned(),
            A.to_lowercase(),
        ] {
            bucket.put(&name, "content".into()).await.unwrap();
        }
        let names: Vec<String> = bucket.blocks().await.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(names, [A, B]);
        let files = bucket.files(A.parse().unwrap()).await.unwrap();
        let files: Vec<(&str, u64)> = files.iter().map(|file| (file.name.as_str(), file.size_bytes)).collect();
        assert_eq!(files, [(&*format!("{A}/chunks/000001"), 7), (&*format!("{A}/index"), 7)]);
    }
}

#[tokio::test]
async fn reads_are_bounded_and_whole() {
    let (bucket, _) = bucket("p");
    bucket.put("o", "0123456789".into()).await.unwrap();
    assert_eq!(bucket.get("o", 10).await.unwrap(), "0123456789");
    assert!(matches!(bucket.get("o", 9).await, Err(BucketError::TooLarge { size_bytes: 10, .. })));
    assert_eq!(bucket.get_range("o", 2..5).await.unwrap(), "234");
    assert!(matches!(bucket.get_range("o", 8..12).await, Err(BucketError::Size { want_bytes: 4, got_bytes: 2, .. })));
    assert_eq!(bucket.get_ranges("o", &[8..10, 0..1]).await.unwrap(), ["89", "0"]);
    assert!(bucket.get_ranges("o", &[8..12, 0..1]).await.is_err());
    assert!(bucket.exists("o").await.unwrap());
    assert_eq!(bucket.head("o").await.unwrap().unwrap().size_bytes, 10);
}

#[tokio::test]
async fn what_is_not_there_is_a_failure_only_where_it_should_be() {
    let (bucket, registry) = bucket("");
    assert!(!bucket.exists("o").await.unwrap());
    assert_eq!(bucket.head("o").await.unwrap(), None);
    assert_eq!(bucket.find("o", 1).await.unwrap(), None);
    let failures = |operation: &str| {
        let labels = format!("{{bucket=\"b\",operation=\"{operation}\"}}");
        metric(&registry, &format!("thanos_objstore_bucket_operation_failures_total{labels}"))
    };
    assert_eq!((failures("exists"), failures("attributes"), failures("get")), (0.0, 0.0, 0.0));
    assert!(bucket.get("o", 1).await.unwrap_err().is_not_found());
    assert_eq!(failures("get"), 1.0);
    let attempts = "thanos_objstore_bucket_operations_total{bucket=\"b\",operation=\"get\"}";
    assert_eq!(metric(&registry, attempts), 2.0);
}

#[tokio::test]
async fn an_object_is_put_once_if_asked() {
    let (bucket, registry) = bucket("");
    assert!(bucket.put_if_absent("o", "first".into()).await.unwrap());
    assert!(!bucket.put_if_absent("o", "second".into()).await.unwrap());
    assert_eq!(bucket.get("o", 10).await.unwrap(), "first");
    assert_eq!(metric(&registry, "thanos_objstore_bucket_last_successful_upload_time{bucket=\"b\"}"), 1.5);
}

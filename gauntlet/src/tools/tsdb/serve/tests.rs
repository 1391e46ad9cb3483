use super::{open, routes};
use axum::body::Body;
use http::Request;
use service::Probes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use telemetry::Registry;
use tower::ServiceExt;

fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => all.extend(tree(&entry.path())),
            false => drop(all.insert(entry.path(), std::fs::read(entry.path()).unwrap())),
        }
    }
    all
}

async fn ask(dir: &Path, query: &str) -> serde_json::Value {
    let registry = Registry::default();
    let held = open(dir, None).unwrap();
    let app = routes(held, query::Config::default(), &registry, &Probes::new("tools", &registry)).unwrap();
    let request = Request::get(format!("/api/v1/query?{query}")).body(Body::empty()).unwrap();
    let answer = app.oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_asked_and_stays_as_it_is() {
    let test = "a_block_is_asked_and_stays_as_it_is";
    let Some(recorded) = testkit::golden(test, "tsdb/blocks/adjacent-0") else { return };
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in tree(&recorded) {
        let to = dir.path().join(path.strip_prefix(&recorded).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, content).unwrap();
    }
    let before = tree(dir.path());
    let answer = ask(dir.path(), "query=adj%7Bk=%22always%22%7D&time=1700006400").await;
    assert_eq!(answer["status"], "success", "{answer}");
    let result = &answer["data"]["result"];
    assert_eq!(result.as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(result[0]["metric"]["k"], "always");
    assert_eq!(result[0]["value"][1], "22");
    assert!(before == tree(dir.path()), "the directory was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_was_left_by_a_crash_is_asked_and_stays_as_it_is() {
    let test = "a_directory_that_was_left_by_a_crash_is_asked_and_stays_as_it_is";
    let Some(recorded) = testkit::golden(test, "tsdb/head/snappy-killed/data") else { return };
    let before = tree(&recorded);
    let answer = ask(&recorded, "query=count(wf_const)&time=1700013600").await;
    assert_eq!(answer["data"]["result"][0]["value"][1], "1", "{answer}");
    assert!(before == tree(&recorded), "the directory was changed");
}

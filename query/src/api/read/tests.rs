use super::super::fixture::{Fixture, api};
use super::super::routes;
use axum::body::Body;
use http_body_util::BodyExt;
use model::{Labels, SampleColumns};
use service::CpuPool;
use std::sync::Arc;
use std::time::Duration;
use storeapi::{SeriesBatch, SeriesFrame};
use telemetry::Registry;
use tower::ServiceExt;

/// One series of so many samples.
fn series(samples: usize) -> SeriesFrame {
    let mut columns = SampleColumns::default();
    (0..samples).for_each(|at| columns.push(at as i64, at as f64));
    let labels = Labels::from_pairs([("__name__", "up")]).unwrap();
    let mut batch = Box::<tsdb::ColumnSeriesBatch>::default();
    batch.push(labels.as_ref(), &columns);
    SeriesFrame::Series(SeriesBatch::Columns(batch))
}

/// A request of one query from 0 to 99, in either form: little is answered, of however much that has to be decoded.
fn body(chunks: bool) -> Vec<u8> {
    let mut query = vec![0x10, 99, 0x1a, 14, 0x12, 8];
    query.extend(b"__name__");
    query.extend([0x1a, 2, b'u', b'p']);
    let mut request = vec![0x0a, query.len() as u8];
    request.extend(query);
    request.extend([0x10, u8::from(chunks)]);
    snap::raw::Encoder::new().compress_vec(&request).unwrap()
}

/// Asks for so many samples while the threads that compute have other work, for a little; and then lets them go on. Says
/// whether it had to wait, and how many bytes came.
#[allow(clippy::disallowed_methods, reason = "the task ends with the test")]
async fn ask(samples: usize, chunks: bool) -> (bool, usize) {
    let pool = CpuPool::start(1, &Registry::default()).unwrap();
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let busy = pool.clone();
    let held = tokio::task::spawn(async move { busy.run(move || hold.recv().unwrap()).await });
    tokio::task::yield_now().await;
    let api = api(Arc::new(Fixture { series: vec![series(samples)], ..Fixture::default() }), pool);
    let request = http::Request::post("/api/v1/read").body(Body::from(body(chunks))).unwrap();
    let answered = async {
        let response = routes(Arc::new(api)).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap().to_bytes().len()
    };
    let mut answered = std::pin::pin!(answered);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut answered).await;
    release.send(()).unwrap();
    held.await.unwrap().unwrap();
    match early {
        Ok(bytes) => (false, bytes),
        Err(_) => (true, answered.await),
    }
}

#[tokio::test]
async fn what_is_much_is_decoded_by_the_threads_that_compute() {
    for chunks in [false, true] {
        let (waited, bytes) = ask(20_000, chunks).await;
        assert!(waited && bytes > 100, "chunks {chunks}: {bytes} bytes");
        let (waited, bytes) = ask(20, chunks).await;
        assert!(!waited && bytes > 20, "chunks {chunks}: {bytes} bytes");
    }
}

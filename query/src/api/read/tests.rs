use super::super::fixture::{Fixture, ask_busy};
use axum::body::Body;
use model::{Labels, SampleColumns};
use storeapi::{SeriesBatch, SeriesFrame};

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

/// Asks for so many samples while the threads that compute have other work. Says whether it had to wait, and how many bytes came.
async fn ask(samples: usize, chunks: bool) -> (bool, usize) {
    let store = Fixture { series: vec![series(samples)], ..Fixture::default() };
    let request = http::Request::post("/api/v1/read").body(Body::from(body(chunks))).unwrap();
    let (waited, body) = ask_busy(store, request).await;
    (waited, body.len())
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

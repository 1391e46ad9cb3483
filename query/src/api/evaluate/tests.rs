use super::super::fixture::{Fixture, ask_busy};
use axum::body::Body;
use model::{Labels, SampleColumns};
use storeapi::{SeriesBatch, SeriesFrame};

/// A batch of one series, the one of that number, of so many KiB.
fn batch(number: usize, kib: usize) -> SeriesFrame {
    let mut columns = SampleColumns::default();
    // A time and a value.
    (0..kib * 1024 / 16).for_each(|at| columns.push(at as i64, at as f64));
    let labels = Labels::from_pairs([("__name__", "up".to_owned()), ("n", format!("{number:02}"))]).unwrap();
    let mut batch = Box::<tsdb::ColumnSeriesBatch>::default();
    batch.push(labels.as_ref(), &columns);
    SeriesFrame::Series(SeriesBatch::Columns(batch))
}

#[tokio::test]
async fn what_comes_first_and_what_is_little_is_evaluated_where_it_arrives() {
    let table: [(&[usize], bool); 6] = [
        (&[250], false),
        (&[260], true),
        (&[80, 80, 80], false),
        (&[80, 80, 80, 80], true),
        (&[60; 10], false),
        (&[60, 60, 60, 60, 60, 70], true),
    ];
    for (batches, waits) in table {
        let series = batches.iter().enumerate().map(|(number, kib)| batch(number, *kib)).collect();
        let request = http::Request::get("/api/v1/query?query=count(up)&time=0").body(Body::empty()).unwrap();
        let (waited, body) = ask_busy(Fixture { series, ..Fixture::default() }, request).await;
        let want = format!("\"value\":[0,\"{}\"]", batches.len());
        assert!(String::from_utf8_lossy(&body).contains(&want), "batches of {batches:?} KiB: {body:?}");
        assert_eq!(waited, waits, "batches of {batches:?} KiB");
    }
}

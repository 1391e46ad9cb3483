use super::*;
use crate::api::envelope::Answer;
use crate::api::fixture::Fixture;
use axum::response::IntoResponse;
use http_body::Body;
use http_body_util::BodyExt;
use model::{HistogramLayout, HistogramRef, Numbers, ResetHint};
use promql::FloatColumn;
use std::sync::Arc;
use storeapi::{SeriesBatch, SeriesFrame};

/// So many series over so many steps, each with its number as label and value.
fn matrix(series: usize, steps: usize) -> Value {
    let grid = Grid::range(0, 1_000 * steps as i64 - 1, 1_000);
    let one = |number: usize| Series {
        labels: Labels::from_pairs([("n", number.to_string())]).unwrap(),
        column: FloatColumn::full((0..steps).map(|_| number as f64)).into(),
    };
    Value::Matrix { grid: Arc::new(grid), series: (0..series).map(one).collect() }
}

/// The pieces of which at most `limit` of these are written, with room for how much.
fn pieces(series: usize, steps: usize, limit: usize) -> (Vec<Vec<u8>>, Vec<usize>) {
    let mut rows = Rows::new(matrix(series, steps), limit, b",\"end\":0}".to_vec());
    assert_eq!(rows.are_cut(), series > limit);
    let pieces: Vec<Vec<u8>> = rows.by_ref().collect();
    assert!(rows.are_done());
    let rooms = pieces.iter().map(Vec::capacity).collect();
    (pieces, rooms)
}

#[test]
fn pieces_make_up_one_object() {
    for (series, steps, limit) in
        [(0, 1, 9), (1, 3, 9), (40, 20, 9), (3_000, 50, 9_999), (3_000, 50, 1_234), (9, 11_000, 9)]
    {
        let (pieces, _) = pieces(series, steps, limit);
        let (last, others) = pieces.split_last().unwrap();
        assert!(others.iter().all(|piece| piece.len() >= PIECE_BYTES));
        assert!(last.len() < PIECE_BYTES + 100, "{} bytes", last.len());
        let written: serde_json::Value = serde_json::from_slice(&pieces.concat()).unwrap();
        assert_eq!((&written["resultType"], &written["end"]), (&"matrix".into(), &0.into()));
        let result = written["result"].as_array().unwrap();
        assert_eq!(result.len(), series.min(limit));
        for (number, one) in result.iter().enumerate() {
            let text = serde_json::Value::from(number.to_string());
            assert_eq!((&one["metric"]["n"], &one["values"][steps - 1][1]), (&text, &text));
            assert_eq!(one["values"].as_array().unwrap().len(), steps);
        }
    }
}

/// However large the answer is, and each of its series.
#[test]
fn pieces_are_small() {
    for (series, steps) in [(5_000, 50), (9, 30_000)] {
        let (pieces, rooms) = pieces(series, steps, usize::MAX);
        assert!(pieces.len() > 20, "{} pieces", pieces.len());
        let most = rooms.iter().max().unwrap();
        assert!(*most <= MOST_ROOM_BYTES, "room for {most} bytes");
    }
}

/// Samples a second apart, from that second on: every third one is a histogram, which counts what the others say.
fn mixed_samples(first: usize, samples: usize) -> SampleColumns {
    let mut columns = SampleColumns::default();
    for at in 0..samples {
        let (time_ms, count) = (1_000 * (first + at) as i64, (first + at) as f64);
        if at % 3 != 0 {
            columns.push(time_ms, count);
            continue;
        }
        columns.push_histogram(
            time_ms,
            HistogramRef {
                layout: &HistogramLayout::default(),
                hint: ResetHint::Gauge,
                numbers: Numbers::Float,
                cells: &[count.to_bits(), 0],
                sum: 0.5,
            },
        );
    }
    columns
}

/// At steps of a range query, and at times of their own.
#[tokio::test]
async fn a_series_of_both_kinds_goes_on_where_a_piece_ended() {
    const SAMPLES: usize = 10_998;
    /// All texts are equally long.
    const FIRST: usize = 1_000_000_000;
    let mut batch = Box::<tsdb::ColumnSeriesBatch>::default();
    batch.push(Labels::from_pairs([("__name__", "x")]).unwrap().as_ref(), &mixed_samples(FIRST, SAMPLES));
    let series = vec![SeriesFrame::Series(SeriesBatch::Columns(batch))];
    let store = Arc::new(Fixture { series, ..Fixture::default() });
    let last = FIRST + SAMPLES - 1;
    for uri in [
        format!("/api/v1/query_range?query=x&start={FIRST}&end={last}&step=1"),
        format!("/api/v1/query?query=x[{SAMPLES}s]&time={last}"),
    ] {
        let (status, body) = store.ask(&uri, None).await;
        assert_eq!(status, 200);
        assert!(body.len() > 3 * PIECE_BYTES, "{} bytes", body.len());
        let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
        let one = &answer["data"]["result"][0];
        let list = |name: &str| one[name].as_array().unwrap().iter();
        let read = |time: &serde_json::Value, count: &serde_json::Value| {
            assert_eq!(count.as_str().unwrap(), time.to_string());
            time.as_u64().unwrap() as usize - FIRST
        };
        let floats: Vec<usize> = list("values").map(|sample| read(&sample[0], &sample[1])).collect();
        let histograms: Vec<usize> = list("histograms").map(|sample| read(&sample[0], &sample[1]["count"])).collect();
        assert!(floats.into_iter().eq((0..SAMPLES).filter(|at| at % 3 != 0)), "{uri}");
        assert!(histograms.into_iter().eq((0..SAMPLES).step_by(3)), "{uri}");
    }
}

/// Of a series that begins late and ends early each sample is written once, at its own step.
#[tokio::test]
async fn a_series_of_some_steps_goes_on_where_a_piece_ended() {
    const SAMPLES: usize = 10_000;
    const FIRST: usize = 1_000_000_000;
    let mut columns = SampleColumns::default();
    (0..SAMPLES).for_each(|at| columns.push(1_000 * (FIRST + at) as i64, (FIRST + at) as f64));
    let mut batch = Box::<tsdb::ColumnSeriesBatch>::default();
    batch.push(Labels::from_pairs([("__name__", "x")]).unwrap().as_ref(), &columns);
    let series = vec![SeriesFrame::Series(SeriesBatch::Columns(batch))];
    let store = Arc::new(Fixture { series, ..Fixture::default() });
    let (start, end) = (FIRST - 100, FIRST + SAMPLES + 800);
    // The newest sample of a second is found for a second.
    let uri = format!("/api/v1/query_range?query=x&start={start}&end={end}&step=1&lookback_delta=1s");
    let (status, body) = store.ask(&uri, None).await;
    assert_eq!(status, 200);
    assert!(body.len() > 2 * PIECE_BYTES, "{} bytes", body.len());
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    let samples = answer["data"]["result"][0]["values"].as_array().unwrap().iter();
    let want = (FIRST..FIRST + SAMPLES).map(|at| serde_json::json!([at, at.to_string()]));
    assert!(samples.cloned().eq(want), "{} samples", answer["data"]["result"][0]["values"].as_array().unwrap().len());
}

/// A small answer's size is told in front, a large one's is not known; either is all there, and what ends a large one is not sent
/// by itself.
#[tokio::test]
async fn pieces_are_written_as_they_are_sent() {
    for (series, is_small) in [(100, true), (5_000, false)] {
        let mut rows = Rows::new(matrix(series, 50), usize::MAX, b"}".to_vec());
        let data = rows.next().unwrap();
        assert_eq!(rows.are_done(), is_small);
        let mut body = Answer { data, more: Some(rows), ..Answer::default() }.into_response().into_body();
        let told = body.size_hint().exact();
        let mut frames = Vec::new();
        while let Some(frame) = body.frame().await {
            frames.push(frame.unwrap().into_data().unwrap());
        }
        assert!(is_small || frames.last().unwrap().len() > "}".len(), "{} frames", frames.len());
        let sent = frames.concat();
        assert_eq!(told, is_small.then_some(sent.len() as u64));
        let answer: serde_json::Value = serde_json::from_slice(&sent).unwrap();
        assert_eq!(answer["status"], "success");
        assert_eq!(answer["data"]["result"].as_array().unwrap().len(), series);
    }
}

#[test]
fn room_is_made_once_for_series_that_are_alike() {
    for (series, steps, limit) in [(100, 40, usize::MAX), (3_000, 40, 100)] {
        let (pieces, rooms) = pieces(series, steps, limit);
        let [piece] = pieces.as_slice() else { panic!("{} pieces", pieces.len()) };
        assert!(rooms[0] <= piece.len() / 8 * 9 + 100, "{} bytes in {}", piece.len(), rooms[0]);
    }
}

/// Of every length of a time's text.
#[test]
fn samples_of_steps_are_written_as_samples_are() {
    for start_ms in [0, 999, -1_500, 1_700_000_000_123, -9_223_372_036_854_775_807, 9_223_372_036_854_770_000] {
        let grid = Grid::range(start_ms, start_ms + 2_500, 1_250);
        let texts = StepTexts::new(&grid);
        for column in [FloatColumn::full([1.5, -2.0, f64::NAN]), FloatColumn::constant(1e300, 3)] {
            let (mut out, mut want) = (Vec::new(), Vec::new());
            assert_eq!(texts.push(&column, 0, &mut out), None);
            want.extend_from_slice(br#","values":"#);
            json::push_list(grid.times_ms().zip(0..), &mut want, |(time_ms, step), out| {
                json::push_sample(time_ms, column.get(step).unwrap(), out);
            });
            assert_eq!(String::from_utf8(out), String::from_utf8(want));
        }
    }
}

use super::*;
use crate::table::{Row, row};
use bytes::Bytes;
use model::SampleColumns;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tsdb::Encoding;

type Frame = Result<SeriesFrame, StoreError>;

fn frame(rows: &[Row]) -> Frame {
    let mut batch = ChunkSeriesBatch::default();
    for (labels, chunks) in rows {
        let chunk =
            |(min, max, data): &(i64, i64, String)| Chunk::raw(*min, *max, Encoding::Xor, Bytes::from(data.clone()));
        batch.push(labels.as_ref(), chunks.iter().map(chunk));
    }
    Ok(SeriesFrame::Series(SeriesBatch::Chunks(batch)))
}

fn warning(text: &str) -> Frame {
    Ok(SeriesFrame::Warning(text.to_owned()))
}

fn fault() -> StoreError {
    StoreError::Internal { store: "s".to_owned(), reason: "torn".to_owned() }
}

fn streams(of: Vec<Vec<Frame>>) -> Vec<SeriesStream> {
    of.into_iter().map(|frames| stream::iter(frames).boxed()).collect()
}

/// What a merged stream gives: series, warnings, and how it ended.
async fn read(merged: SeriesStream) -> (Vec<Row>, Vec<String>, Result<(), StoreError>) {
    let (mut rows, mut warnings, mut merged) = (Vec::new(), Vec::new(), pin!(merged));
    while let Some(frame) = merged.next().await {
        match frame {
            Ok(SeriesFrame::Series(SeriesBatch::Chunks(batch))) => {
                assert!(!batch.is_empty() && batch.len() <= BATCH_SERIES);
                rows.extend(batch.iter().map(|(labels, chunks)| {
                    let text = |chunk: &Chunk| String::from_utf8_lossy(&chunk.data).into_owned();
                    let chunks = chunks.iter().map(|chunk| (chunk.min_ms, chunk.max_ms, text(chunk)));
                    (labels.to_owned(), chunks.collect())
                }));
            }
            Ok(SeriesFrame::Series(SeriesBatch::Columns(_))) => panic!("columns are merged as chunks"),
            Ok(SeriesFrame::Warning(text)) => warnings.push(text),
            Err(error) => return (rows, warnings, Err(error)),
        }
    }
    (rows, warnings, Ok(()))
}

fn merge_frames(streams: Vec<SeriesStream>, limit: Option<usize>) -> SeriesStream {
    merge_answers(streams.into_iter().map(Answer::read).collect(), limit)
}

fn merged(of: Vec<Vec<Frame>>, limit: Option<usize>) -> (Vec<Row>, Vec<String>, Result<(), StoreError>) {
    futures::executor::block_on(read(merge_frames(streams(of), limit)))
}

#[track_caller]
fn check(of: Vec<Vec<Frame>>, limit: Option<usize>, want: &[Row]) {
    assert_eq!(merged(of, limit), (want.to_vec(), Vec::new(), Ok(())));
}

fn one(value: &str, data: &str) -> Row {
    row(&[("a", value)], &[(0, 9, data)])
}

/// How many series the batches have.
fn lens(of: Vec<Vec<Frame>>, limit: Option<usize>) -> Vec<usize> {
    let series = |frame: Frame| match frame.unwrap() {
        SeriesFrame::Series(SeriesBatch::Chunks(batch)) => batch.len(),
        other => panic!("{other:?}"),
    };
    futures::executor::block_on(merge_frames(streams(of), limit).map(series).collect())
}

/// Nobody can have anything to say of series that only one stream has left.
#[test]
fn batches_of_the_last_stream_pass_as_they_came() {
    let mut rows: Vec<Row> = (100..250).map(|number| one(&number.to_string(), "x")).collect();
    let few = vec![frame(&rows[..2])];
    let frames = |rows: &[Row]| vec![frame(&rows[..40]), frame(&rows[40..90]), frame(&rows[90..])];
    assert_eq!(lens(vec![frames(&rows)], None), [40, 50, 60]);
    assert_eq!(lens(vec![frames(&rows), few.clone()], None), [40, 50, 60]);
    for limit in [1, 39, 40, 41, 89, 90, 91, 149, 150, 151] {
        check(vec![frames(&rows)], Some(limit), &rows[..limit.min(150)]);
        check(vec![frames(&rows), few.clone()], Some(limit), &rows[..limit.min(150)]);
    }
    // What has to be looked at is; the third goes whole again.
    let twice = [(5, 9, "x"), (0, 4, "w"), (5, 9, "x")];
    rows[45] = row(&[("a", "145")], &twice);
    let given = frames(&rows);
    rows[45] = row(&[("a", "145")], &[(0, 4, "w"), (5, 9, "x")]);
    check(vec![given.clone()], None, &rows);
    assert_eq!(lens(vec![given], None), [40, 50, 60]);
}

/// A store splits a series that is large, between frames and within one.
#[test]
fn large_batches_of_the_last_stream_may_have_parts_of_series() {
    let rows: Vec<Row> = (100..190).map(|number| one(&number.to_string(), "x")).collect();
    let part = |row: &Row| (row.0.clone(), vec![(20, 29, "late".to_owned())]);
    let whole = |row: &Row| (row.0.clone(), [row.1.clone(), part(row).1].concat());
    let want = |at: usize| [&rows[..at], &[whole(&rows[at])], &rows[at + 1..]].concat();
    let between = vec![frame(&rows[..40]), frame(&[&[part(&rows[39])], &rows[40..]].concat())];
    let within = vec![frame(&[&rows[..20], &[part(&rows[19])], &rows[20..]].concat())];
    let slow = |frames: Vec<Frame>| {
        let turns = stream::iter(frames).then(|frame| async {
            tokio::task::yield_now().await;
            frame
        });
        futures::executor::block_on(read(merge_frames(vec![turns.boxed()], None))).0
    };
    for (given, at) in [(between, 39), (within, 19)] {
        check(vec![given.clone()], None, &want(at));
        check(vec![given.clone()], Some(at + 1), &want(at)[..=at]);
        assert_eq!(slow(given), want(at));
    }
    assert_eq!(slow(vec![frame(&rows[..40]), frame(&rows[40..])]), rows);
}

#[test]
fn series_come_sorted_and_once() {
    check(vec![], None, &[]);
    check(vec![vec![], vec![frame(&[])]], None, &[]);
    check(vec![vec![frame(&[one("2", "x")])], vec![frame(&[one("1", "y")])]], None, &[one("1", "y"), one("2", "x")]);
    let twice = vec![vec![frame(&[one("1", "x"), one("2", "x")])], vec![frame(&[one("2", "x")])]];
    check(twice, None, &[one("1", "x"), one("2", "x")]);
}

#[test]
fn a_series_may_go_on_in_the_next_frame() {
    let parts =
        vec![frame(&[row(&[("a", "1")], &[(20, 29, "late")])]), frame(&[row(&[("a", "1")], &[(0, 9, "early")])])];
    check(vec![parts, vec![]], None, &[row(&[("a", "1")], &[(0, 9, "early"), (20, 29, "late")])]);
}

#[test]
fn a_limit_ends_it() {
    let rows: Vec<Row> = (100..400).map(|i| one(&i.to_string(), "x")).collect();
    for limit in [0, 1, 127, 128, 129, 300, 301] {
        check(vec![vec![frame(&rows)], vec![frame(&rows[..50])]], Some(limit), &rows[..limit.min(300)]);
    }
}

#[test]
fn warnings_pass_and_an_error_ends_it() {
    let (rows, warnings, end) = merged(vec![vec![warning("w"), frame(&[one("1", "x")])], vec![warning("v")]], None);
    assert_eq!((rows, warnings.len(), end), (vec![one("1", "x")], 2, Ok(())));
    let (_, _, end) = merged(vec![vec![frame(&[one("1", "x")]), Err(fault())], vec![frame(&[one("2", "x")])]], None);
    assert_eq!(end, Err(fault()));
}

#[test]
fn columns_become_chunks() {
    let mut columns = SampleColumns::default();
    (0..300).for_each(|i| columns.push(i * 1000, i as f64));
    let mut batch = tsdb::ColumnSeriesBatch::default();
    batch.push(one("1", "").0.as_ref(), &columns);
    let columns_frame = Ok(SeriesFrame::Series(SeriesBatch::Columns(Box::new(batch))));
    let mut merged = merge_frames(streams(vec![vec![columns_frame], vec![]]), None);
    let Some(Ok(SeriesFrame::Series(SeriesBatch::Chunks(batch)))) = futures::executor::block_on(merged.next()) else {
        panic!("no series")
    };
    let (_, chunks) = batch.get(0).unwrap();
    let mut decoded = SampleColumns::default();
    for chunk in chunks {
        tsdb::chunk::decode(chunk.encoding, &chunk.data, &mut decoded).unwrap();
    }
    assert_eq!((chunks.len(), decoded), (3, columns));
}

#[tokio::test]
async fn what_is_known_does_not_wait_for_a_slow_stream() {
    let rows: Vec<Row> = (100..200).map(|i| one(&i.to_string(), "x")).collect();
    let (slow, received) = mpsc::channel(1);
    slow.send(frame(&rows[90..91])).await.unwrap();
    let mut merged =
        merge_frames(vec![stream::iter([frame(&rows)]).boxed(), ReceiverStream::new(received).boxed()], None);
    // 90 series are decided, the 91st may go on in the slow stream.
    let first = timeout(Duration::from_secs(10), merged.next()).await.expect("it waits for the slow stream");
    let Some(Ok(SeriesFrame::Series(SeriesBatch::Chunks(batch)))) = first else { panic!("no series") };
    assert_eq!(batch.len(), 90);
    assert!(merged.next().now_or_never().is_none());
    drop(slow);
    assert_eq!(read(merged).await.0.len(), 10);
}

#[tokio::test]
async fn a_stream_is_read_ahead_only_so_far() {
    let data = "x".repeat(LEAST_AHEAD_BYTES);
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let endless = stream::iter(0..1000).map(move |i| {
        counted.fetch_add(1, Ordering::Relaxed);
        frame(&[one(&format!("{i:04}"), &data)])
    });
    let held = stream::pending::<Frame>().boxed();
    let mut merged = merge_frames(vec![endless.boxed(), held], None);
    for _ in 0..10 {
        assert!(merged.next().now_or_never().is_none());
    }
    let most = AHEAD_BYTES / 2 / LEAST_AHEAD_BYTES + 2;
    assert!(taken.load(Ordering::Relaxed) <= most, "{} frames read, {most} may be", taken.load(Ordering::Relaxed));
}

/// Merges by a map.
fn model(sources: &[Vec<(u8, Vec<u8>)>]) -> Vec<Row> {
    let mut series: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for (name, chunks) in sources.iter().flatten() {
        let held = series.entry(*name).or_default();
        chunks.iter().for_each(|chunk| {
            if !held.contains(chunk) {
                held.push(*chunk)
            }
        });
    }
    let rows = series.into_iter().map(|(name, mut chunks)| {
        chunks.sort_unstable();
        small(name, &chunks)
    });
    rows.collect()
}

fn small(name: u8, chunks: &[u8]) -> Row {
    let chunks: Vec<_> =
        chunks.iter().map(|c| (i64::from(*c) * 10, i64::from(*c) * 10 + 15, format!("c{c}"))).collect();
    let chunks: Vec<_> = chunks.iter().map(|(min, max, data)| (*min, *max, data.as_str())).collect();
    row(&[("n", &format!("{name:03}"))], &chunks)
}

proptest! {
    #[test]
    fn equals_merging_by_a_map(
        sources in prop::collection::vec(
            prop::collection::vec((0u8..40, prop::collection::vec(0u8..6, 0..4)), 0..30), 0..5),
        cut in 1usize..5,
    ) {
        let sorted: Vec<Vec<(u8, Vec<u8>)>> = sources.into_iter().map(|mut s| { s.sort(); s }).collect();
        let frames = sorted.iter().map(|source| {
            source.chunks(cut).map(|part| {
                frame(&part.iter().map(|(name, chunks)| small(*name, chunks)).collect::<Vec<_>>())
            }).collect()
        });
        check(frames.collect(), None, &model(&sorted));
    }
}

use super::SampleCursor;
use crate::chunk::xor::XorState;
use crate::series::{Chunk, ChunkSeriesBatch, Encoding, SeriesCursor, SourceError};
use model::{Labels, SampleColumns, TimeRange};
use std::collections::VecDeque;

/// Series by name, each with its chunks as times and values.
type Series = (&'static str, &'static [&'static [(i64, f64)]]);

struct Given(VecDeque<Series>);

impl SeriesCursor for Given {
    fn next_batch(&mut self, _: usize, _: bool, batch: &mut ChunkSeriesBatch) -> Result<(), SourceError> {
        batch.clear();
        if let Some((name, chunks)) = self.0.pop_front() {
            let labels = Labels::from_pairs([("__name__", name)]).expect("labels");
            batch.push(labels.as_ref(), chunks.iter().map(|samples| chunk(samples)));
        }
        Ok(())
    }
}

fn chunk(samples: &[(i64, f64)]) -> Chunk {
    let (mut state, mut words) = (XorState::default(), Vec::new());
    for &(timestamp_ms, value) in samples {
        state.append(timestamp_ms, value, &mut words);
    }
    let (min_ms, max_ms) = (samples.first().map_or(0, |first| first.0), samples.last().map_or(0, |last| last.0));
    Chunk::raw(min_ms, max_ms, Encoding::Xor, state.finish(&words))
}

#[track_caller]
fn check(sources: &[&[Series]], range: (i64, i64), want: &[(&str, &[(i64, f64)])]) {
    let cursor = |series: &&[Series]| Box::new(Given(series.iter().copied().collect())) as Box<dyn SeriesCursor>;
    let range = TimeRange::new(range.0, range.1).expect("a range");
    let mut cursor = SampleCursor::new(sources.iter().map(cursor).collect(), range);
    let (mut columns, mut got) = (SampleColumns::default(), Vec::new());
    while let Some(labels) = cursor.next(&mut columns).expect("sound chunks") {
        let name = String::from_utf8_lossy(labels.get(b"__name__").expect("a name")).into_owned();
        let samples = columns.timestamps_ms.iter().copied().zip(columns.values.iter().copied());
        got.push((name, samples.collect::<Vec<_>>()));
    }
    let want: Vec<_> = want.iter().map(|(name, samples)| ((*name).to_owned(), samples.to_vec())).collect();
    assert_eq!(got, want);
}

const ALL: (i64, i64) = (i64::MIN, i64::MAX);

#[test]
fn series_of_all_sources_in_order() {
    check(
        &[&[("b", &[&[(1, 1.0)]]), ("c", &[&[(1, 2.0)]])], &[("a", &[&[(5, 3.0)]]), ("c", &[&[(2, 4.0)]])], &[]],
        ALL,
        &[("a", &[(5, 3.0)]), ("b", &[(1, 1.0)]), ("c", &[(1, 2.0), (2, 4.0)])],
    );
}

#[test]
fn overlapping_chunks_are_sorted_and_the_first_source_counts() {
    check(
        &[&[("a", &[&[(1, 1.0), (5, 5.0)], &[(3, 3.0)]])], &[("a", &[&[(0, 0.0), (5, 50.0), (6, 6.0)]])]],
        ALL,
        &[("a", &[(0, 0.0), (1, 1.0), (3, 3.0), (5, 5.0), (6, 6.0)])],
    );
}

#[test]
fn samples_outside_the_range_are_left_out_and_their_series_is_not() {
    check(
        &[&[("a", &[&[(1, 1.0), (5, 5.0), (9, 9.0)]]), ("b", &[&[(1, 1.0)]])]],
        (2, 5),
        &[("a", &[(5, 5.0)]), ("b", &[])],
    );
}

//! `blocks/`: every block opens, and reads as recorded.

use super::json::{self, Case, Series};
use model::{Matcher, PackedBuilder, SampleColumns, TimeRange};
use serde_json::{Value, json};
use tsdb::block::{Block, Deleted, Meta};
use tsdb::fs::StdFs;
use tsdb::index::SeriesEntry;
use tsdb::{ChunkSeriesBatch, SeriesSource, SourceError, chunk};

fn open(case: &Case) -> Block {
    Block::open(&StdFs, &case.dir).unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

/// The samples of all chunks of a series.
pub(crate) fn decode_all(chunks: &[tsdb::Chunk]) -> SampleColumns {
    let mut columns = SampleColumns::default();
    for each in chunks {
        chunk::decode(each.encoding, &each.data, &mut columns).unwrap();
    }
    columns
}

/// The samples of all chunks of a series, as (t, bits).
pub(crate) fn decode(chunks: &[tsdb::Chunk]) -> Vec<(i64, u64)> {
    json::bits(&decode_all(chunks))
}

/// All series of a batch-wise walk.
pub(crate) fn collect(
    source: &dyn SeriesSource,
    matchers: &[Matcher],
    range: TimeRange,
    skip_chunks: bool,
) -> Result<ChunkSeriesBatch, SourceError> {
    let mut cursor = source.select(matchers, range)?;
    let (mut all, mut batch) = (ChunkSeriesBatch::default(), ChunkSeriesBatch::default());
    loop {
        cursor.next_batch(7, skip_chunks, &mut batch)?;
        if batch.is_empty() {
            return Ok(all);
        }
        batch.iter().for_each(|(labels, chunks)| all.push(labels, chunks.iter().cloned()));
    }
}

#[test]
fn every_series_is_in_the_index_as_recorded() {
    for case in json::blocks("every_series_is_in_the_index_as_recorded") {
        let block = open(&case);
        let mut entry = SeriesEntry::default();
        let (mut packed, mut ids) = (PackedBuilder::default(), block.index().all_postings().unwrap().iter());
        for series in case.series() {
            let id = ids.next().unwrap();
            assert_eq!(u64::from(id), series.line["ref"].as_u64().unwrap(), "{}", case.name);
            block.index().series(id, &mut entry).unwrap();
            let labels = block.index().pack_labels(&entry.labels, &mut packed).unwrap();
            assert!(series.is(labels), "{}", case.name);
            assert_eq!(entry.chunks.len(), series.chunks().len());
            for (meta, want) in entry.chunks.iter().zip(series.chunks()) {
                let (encoding, data) = block.segments().chunk(meta.place).unwrap();
                let sum = crc32c::crc32c_append(crc32c::crc32c(&[encoding as u8]), &data);
                let got = json!([
                    meta.min_ms,
                    meta.max_ms,
                    encoding as u8,
                    chunk::sample_count(encoding, &data).unwrap(),
                    meta.place.file_index() + 1,
                    meta.place.offset(),
                    data.len(),
                    format!("{sum:08x}"),
                    want[8],
                ]);
                assert_eq!(got, *want, "{}", case.name);
            }
        }
        assert_eq!(ids.next(), None);
    }
}

#[test]
fn sections_names_values_and_symbols_are_as_recorded() {
    for case in json::blocks("sections_names_values_and_symbols_are_as_recorded") {
        let (block, want) = (open(&case), case.postings());
        let index = block.index();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let values = |name: &[u8]| -> Vec<Value> {
            let count = |value: &[u8]| index.postings(name, value).unwrap().len();
            index.label_values(name).map(|value| json!([text(value), count(value)])).collect()
        };
        let names: Vec<_> = index.label_names().map(text).collect();
        let all_values: serde_json::Map<_, _> =
            index.label_names().map(|name| (text(name), json!(values(name)))).collect();
        let symbols: Vec<_> = (0..index.symbol_count()).map(|number| text(index.symbol(number).unwrap())).collect();
        let toc = index.toc();
        let got = json!({
            "index_size": index.size_bytes(),
            "label_names": names,
            "symbols": symbols,
            "toc": {
                "symbols": toc.symbols,
                "series": toc.series,
                "label_indices": toc.label_indices,
                "label_indices_table": toc.label_indices_table,
                "postings": toc.postings,
                "postings_table": toc.postings_table,
            },
            "tombstones": want["tombstones"],
            "values": all_values,
        });
        assert_eq!(got, want, "{}", case.name);
        check_tombstones(&block, &want["tombstones"]);
    }
}

pub(crate) fn check_tombstones(block: &Block, want: &Value) {
    let want = want.as_array().cloned().unwrap_or_default();
    assert_eq!(block.tombstones().is_empty(), want.is_empty());
    for series in want {
        let range = |range: &Value| Deleted { min_ms: range[0].as_i64().unwrap(), max_ms: range[1].as_i64().unwrap() };
        let ranges: Vec<_> = series[1].as_array().unwrap().iter().map(range).collect();
        assert_eq!(block.tombstones().of_series(series[0].as_u64().unwrap() as u32), ranges);
    }
}

#[test]
fn samples_of_all_kinds_are_as_recorded_without_what_was_deleted() {
    let (mut blocks, mut series, mut samples, mut histograms) = (0, 0, 0, 0);
    for case in json::blocks("samples_of_all_kinds_are_as_recorded_without_what_was_deleted") {
        let (block, recorded) = (open(&case), case.series());
        // A series that was deleted as a whole is not among the answers.
        let kept: Vec<&Series> = recorded.iter().filter(|series| series.line["samples"] != json!([])).collect();
        let all = collect(&block, &[], TimeRange::ALL, false).unwrap();
        assert_eq!(all.len(), kept.len(), "{}", case.name);
        for ((labels, chunks), want) in all.iter().zip(kept) {
            assert!(want.is(labels), "{}", case.name);
            assert!(chunks.iter().all(|chunk| chunk.min_ms <= chunk.max_ms));
            let got = decode_all(chunks);
            check_samples(&got, &want.line["samples"], !block.tombstones().is_empty(), &case.name);
            (series, samples, histograms) = (series + 1, samples + got.len(), histograms + got.histograms.len());
        }
        blocks += 1;
    }
    if series > 0 {
        let found = (blocks, series, samples, histograms);
        assert!(blocks > 30 && series > 1_800 && samples > 30_000 && histograms > 3_500, "{found:?}");
    }
}

/// Bit for bit and with its hints; of a block with tombstones by meaning, since chunks were encoded anew.
pub(crate) fn check_samples(got: &SampleColumns, want: &Value, by_meaning: bool, name: &str) {
    match by_meaning {
        false => assert_eq!(Value::Array(json::notation(got)), *want, "{name}"),
        true => assert_eq!(json::by_meaning(got), json::by_meaning(&json::columns(want)), "{name}"),
    }
}

#[test]
fn meta_files_come_back_with_all_their_fields() {
    for case in json::blocks("meta_files_come_back_with_all_their_fields") {
        let path = case.dir.join("meta.json");
        let bytes = std::fs::read(&path).unwrap();
        let meta = Meta::decode(&bytes, &path).unwrap();
        assert_eq!(String::from_utf8(meta.encode()).unwrap(), String::from_utf8(bytes).unwrap(), "{}", case.name);
        let samples: usize = case.series().iter().map(|series| series.line["samples"].as_array().unwrap().len()).sum();
        if open(&case).tombstones().is_empty() {
            assert_eq!(meta.stats.num_samples as usize, samples);
        }
    }
}

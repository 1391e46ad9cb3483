use super::chunks::ChunkReader;
use super::series::{SeriesReader, Staged};
use super::*;
use crate::block_error::{BlockError, BlockFailure};
use crate::budget::{Budget, BudgetLimits};
use crate::files::{Access, BlockFiles};
use crate::header_files;
use crate::index_header::IndexHeader;
use crate::limits::{RequestLimits, Touched};
use crate::metrics::Metrics;
use crate::postings;
use crate::reorder::{Relabel, Reorder};
use crate::rig::{Failure, Rig, Sample, Series, id, labels, many};
use bucket::ReadCost;
use futures::FutureExt;
use model::{Labels, SampleColumns};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tsdb::index::toc::{TOC_BYTES, Toc};

/// One block, and how it is asked.
struct Bench {
    rig: Rig,
    header: Arc<IndexHeader>,
    files: BlockFiles,
    budget: Budget,
    metrics: Metrics,
}

const BLOCK: u128 = 7;

async fn bench(series: &Series, total_bytes: u64) -> Bench {
    bench_in(Rig::new(), series, total_bytes).await
}

async fn bench_in(rig: Rig, series: &Series, total_bytes: u64) -> Bench {
    rig.write(id(BLOCK), &[], series).await;
    bench_over(rig, total_bytes).await
}

/// The block is there.
async fn bench_over(rig: Rig, total_bytes: u64) -> Bench {
    let meta = rig.meta(id(BLOCK)).await;
    let gets = Arc::new(Semaphore::new(8));
    let access = Access { bucket: rig.bucket.clone(), gets, timeout: Duration::from_millis(200) };
    let wait = Duration::from_millis(200);
    let files = BlockFiles::find(access, &meta).await.unwrap();
    Bench {
        header: rig.headers().open(&files).await.unwrap(),
        files,
        budget: Budget::new(BudgetLimits { total_bytes, request_bytes: total_bytes / 2, wait }),
        metrics: Metrics::register(&rig.registry),
        rig,
    }
}

impl Bench {
    fn request(&self, range: TimeRange) -> BlockRequest {
        let budget = self.budget.request();
        let batch_bytes = batch_bytes(budget.limit_bytes(), 1);
        let touched = Touched::new(&RequestLimits::default());
        BlockRequest {
            range,
            skip_chunks: false,
            limit: None,
            shard: None,
            aggregates: Vec::new(),
            means: Means { budget, touched, metrics: self.metrics.of(None) },
            batch_bytes,
        }
    }

    /// All series, as (labels, samples by chunk).
    async fn answer(
        &self,
        request: &BlockRequest,
        external: &Labels,
        without: &[Vec<u8>],
    ) -> Result<Vec<(Labels, Vec<Vec<Sample>>)>, BlockError> {
        let mut answer = Vec::new();
        let take = |batch: BlockBatch| {
            for (labels, chunks) in batch.series.iter() {
                answer.push((labels.to_owned(), chunks.iter().map(decode).collect()));
            }
        };
        self.ask(request, external, without, take).await?;
        Ok(answer)
    }

    /// Shows all batches to `take`.
    async fn ask(
        &self,
        request: &BlockRequest,
        external: &Labels,
        without: &[Vec<u8>],
        mut take: impl FnMut(BlockBatch),
    ) -> Result<(), BlockError> {
        let index = header_files::Asked { files: &self.files, means: &request.means };
        let ids = postings::series_ids(&self.header, &[], &index).await?;
        let has_name = |name: &[u8]| self.header.label_names().any(|have| have == name);
        let (rows, received_rows) = mpsc::channel(1);
        let (batches, mut received) = mpsc::channel::<Result<BlockBatch, BlockFailure>>(1);
        let reader = SeriesReader {
            files: &self.files,
            header: &self.header,
            request,
            reorder: Reorder::new(Relabel::new(external, without, has_name)),
            staged: Staged::default(),
            sender: rows,
        };
        let chunks = ChunkReader { files: &self.files, request };
        let taken = async {
            while let Some(batch) = received.recv().await {
                take(batch.map_err(|failure| failure.error)?);
            }
            Ok(())
        };
        let run = async move {
            futures::future::join(reader.run(&ids), chunks.run(received_rows, &batches)).await;
            drop(batches);
        };
        // As the tasks of a request are dropped with it.
        let mut run = std::pin::pin!(run.fuse());
        let mut taken = std::pin::pin!(taken);
        loop {
            tokio::select! {
                () = &mut run, if !futures::future::FusedFuture::is_terminated(&run) => {}
                taken = &mut taken => return taken,
            }
        }
    }
}

fn decode(chunk: &tsdb::Chunk) -> Vec<Sample> {
    let mut columns = SampleColumns::default();
    tsdb::chunk::decode(chunk.encoding, &chunk.data, &mut columns).unwrap();
    columns.timestamps_ms.iter().copied().zip(columns.values.iter().copied()).collect()
}

fn plain(series: &Series) -> Vec<(Labels, Vec<Vec<Sample>>)> {
    series.iter().map(|(labels, chunks)| (labels.clone(), chunks.clone())).collect()
}

#[tokio::test]
async fn a_block_comes_back_as_it_was_written() {
    let series = many("up", 700, 3, 40);
    let bench = bench(&series, 64 << 20).await;
    assert!(bench.files.segment_bytes.len() > 5, "{:?}", bench.files.segment_bytes);
    let request = bench.request(TimeRange::ALL);
    let answer = bench.answer(&request, &Labels::empty(), &[]).await.unwrap();
    assert!(answer == plain(&series));
    drop(request);
    assert_eq!(bench.budget.used_bytes(), 0);
    let gets = bench.rig.taken_gets();
    let of_chunks = gets.iter().filter(|name| name.contains("chunks")).count();
    assert!(of_chunks <= 2 * bench.files.segment_bytes.len() + 2, "{of_chunks} reads of chunks");
}

#[tokio::test]
async fn chunks_outside_of_the_range_are_left_out_and_series_without_any() {
    let mut series = many("up", 5, 4, 10);
    series.insert(labels(&[("__name__", "late")]), vec![vec![(39_000, 1.0)]]);
    let bench = bench(&series, 64 << 20).await;
    let range = TimeRange::new(9_500, 20_000).unwrap();
    let answer = bench.answer(&bench.request(range), &Labels::empty(), &[]).await.unwrap();
    let mut want = plain(&series);
    want.retain_mut(|(labels, chunks)| {
        *chunks = chunks[1.min(chunks.len() - 1)..3.min(chunks.len())].to_vec();
        labels.get(b"i").is_some()
    });
    assert!(answer == want, "{answer:?}");
}

#[tokio::test]
async fn without_chunks_no_chunk_is_read() {
    let series = many("up", 300, 2, 10);
    let bench = bench(&series, 64 << 20).await;
    let request = BlockRequest { skip_chunks: true, ..bench.request(TimeRange::ALL) };
    let answer = bench.answer(&request, &labels(&[("a", "b")]), &[]).await.unwrap();
    assert_eq!(answer.len(), 300);
    assert!(answer.iter().all(|(labels, chunks)| labels.get(b"a") == Some(b"b") && chunks.is_empty()));
    assert!(bench.rig.taken_gets().iter().all(|name| name.ends_with("index")));
}

#[tokio::test]
async fn a_limit_ends_the_reading_early() {
    let series = many("up", 20_000, 1, 2);
    let bench = bench(&series, 64 << 20).await;
    bench.rig.taken_gets();
    let request = BlockRequest { limit: Some(3), ..bench.request(TimeRange::ALL) };
    let answer = bench.answer(&request, &Labels::empty(), &[]).await.unwrap();
    assert_eq!(answer, plain(&series)[..3]);
    // A list, an entry, a chunk file.
    assert_eq!(bench.rig.taken_gets().len(), 3);
}

#[tokio::test]
async fn labels_that_series_have_themselves_are_sorted_anew_in_batches() {
    let series = many("up", 3_000, 1, 3);
    let bench = bench(&series, 64 << 20).await;
    let answer = bench.answer(&bench.request(TimeRange::ALL), &labels(&[("a", "b")]), &[b"__name__".to_vec()]).await;
    let answer = answer.unwrap();
    assert_eq!(answer.len(), 3_000);
    assert!(answer.is_sorted_by(|left, right| left.0 < right.0));
    assert!(answer.iter().zip(plain(&series)).all(|(got, want)| got.1 == want.1));
    assert_eq!(bench.budget.used_bytes(), 0);
}

#[tokio::test]
async fn a_small_budget_is_enough_for_much_and_never_exceeded() {
    let series = many("up", 4_000, 2, 120);
    let bench = bench(&series, 1 << 20).await;
    let size: u64 = bench.files.segment_bytes.iter().sum();
    assert!(size > 3 << 20, "{size} bytes of chunks");
    let answer = bench.answer(&bench.request(TimeRange::ALL), &labels(&[("a", "b")]), &[]).await.unwrap();
    assert_eq!(answer.len(), 4_000);
    assert!(bench.budget.peak_bytes() <= 1 << 20);
    assert_eq!(bench.budget.used_bytes(), 0);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let series = many("up", 1, 60, 900);
    let bench = bench(&series, 128 << 10).await;
    let error = bench.answer(&bench.request(TimeRange::ALL), &Labels::empty(), &[]).await.unwrap_err();
    assert!(matches!(error, BlockError::Budget(_)), "{error}");
    assert!(error.to_string().contains("--chunk-pool-size"), "{error}");
    assert!(bench.budget.peak_bytes() <= 128 << 10);
    assert_eq!(bench.budget.used_bytes(), 0);
}

#[tokio::test]
async fn entries_and_chunks_larger_than_taken_are_read_once_more() {
    let series = many("up", 50, 30, 200);
    let mut bench = bench(&series, 64 << 20).await;
    (bench.files.series_bytes, bench.files.chunk_bytes) = (16, 10);
    let answer = bench.answer(&bench.request(TimeRange::ALL), &Labels::empty(), &[]).await.unwrap();
    assert!(answer == plain(&series));
}

#[tokio::test]
async fn one_chunk_of_many_of_each_series_is_read_as_it_costs_least() {
    // A block of days in one chunk file: 800 bytes of every 16 KB are asked for.
    let rig = Rig { max_segment_bytes: 1 << 30, ..Rig::new() };
    let (series, range) = (many("up", 400, 20, 120), TimeRange::new(650_000, 660_000).unwrap());
    rig.write(id(BLOCK), &[], &series).await;
    for (read_cost, total_bytes, reads) in [
        (ReadCost::REMOTE, 64 << 20, (7, 6_310_212)),
        // Reads are smaller with less memory, and with little there are none over gaps.
        (ReadCost::REMOTE, 16 << 20, (22, 6_091_805)),
        (ReadCost::REMOTE, 4 << 20, (400, 600_000)),
        (ReadCost::FILES, 64 << 20, (13, 600_000)),
        (ReadCost { gap_bytes: 0, parts_at_once: 1 }, 64 << 20, (400, 600_000)),
    ] {
        let (bucket, registry) = (rig.bucket.clone().with_read_cost(read_cost), telemetry::Registry::default());
        let rig = Rig { bucket, registry, ..rig.clone() };
        let mut bench = bench_over(rig, total_bytes).await;
        bench.files.chunk_bytes = 1_500;
        bench.rig.taken_gets();
        let request = bench.request(range);
        let answer = bench.answer(&request, &Labels::empty(), &[]).await.unwrap();
        let mut want = plain(&series);
        want.iter_mut().for_each(|(_, chunks)| *chunks = chunks[5..6].to_vec());
        assert!(answer == want);
        let of_chunks = bench.rig.taken_gets().iter().filter(|name| name.contains("chunks")).count();
        let sum =
            "thanos_bucket_store_series_data_size_fetched_bytes_sum{data_type=\"chunks\",tenant=\"default-tenant\"}";
        assert_eq!((of_chunks, bench.rig.metric(sum) as u64), reads, "{read_cost:?}");
        assert!(bench.budget.peak_bytes() < total_bytes / 5, "{} bytes, {read_cost:?}", bench.budget.peak_bytes());
        drop(request);
        assert_eq!(bench.budget.used_bytes(), 0);
    }
}

#[tokio::test]
async fn of_reads_over_gaps_only_chunks_are_kept_and_these_are_paid_for_even_if_larger_than_taken() {
    let rig = Rig { max_segment_bytes: 1 << 30, ..Rig::new() };
    let mut bench = bench_in(rig, &many("up", 1_000, 3, 120), 4 << 20).await;
    let range = TimeRange::new(150_000, 160_000).unwrap();
    for chunk_bytes in [1_500, 10] {
        bench.files.chunk_bytes = chunk_bytes;
        let request = bench.request(range);
        let mut kept = Vec::new();
        bench.ask(&request, &Labels::empty(), &[], |batch| kept.push(batch.series)).await.unwrap();
        let chunks = kept.iter().flat_map(ChunkSeriesBatch::iter).flat_map(|(_, chunks)| chunks);
        let bytes: u64 = chunks.map(|chunk| chunk.data.len() as u64).sum();
        let held_bytes = bench.budget.used_bytes();
        assert!((bytes..bytes * 11 / 10).contains(&held_bytes), "{held_bytes} bytes are held for {bytes}");
    }
}

/// Where the entries of series begin in the index.
async fn series_start(bench: &Bench) -> usize {
    let index = bench.rig.get(&bench.files.index_name()).await;
    let toc = Toc::decode(&index[index.len() - TOC_BYTES..]).unwrap();
    toc.series as usize
}

#[tokio::test]
async fn a_flipped_bit_names_block_file_and_offset() {
    let series = many("up", 3, 2, 20);
    let bench = bench(&series, 64 << 20).await;
    for (name, first) in [("chunks/000001", 8), ("index", series_start(&bench).await)] {
        let object = format!("{}/{name}", id(BLOCK));
        let good = bench.rig.get(&object).await;
        let end = if name == "index" { first + 60 } else { good.len() };
        for at in first..end {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            bench.rig.put(&object, bad).await;
            let answer = bench.answer(&bench.request(TimeRange::ALL), &Labels::empty(), &[]).await;
            // Between entries there is room that nobody reads.
            let Err(error) = answer else {
                assert!(name == "index" && answer.unwrap() == plain(&series), "byte {at} of {name}");
                continue;
            };
            let text = error.to_string();
            assert!(text.contains(&object), "{text}");
            assert!(matches!(error, BlockError::Damaged(_)), "{text}");
        }
        bench.rig.put(&object, good).await;
    }
    assert_eq!(bench.budget.used_bytes(), 0);
}

#[tokio::test]
async fn a_file_cut_short_an_error_and_silence_are_told() {
    let series = many("up", 300, 2, 20);
    let bench = bench(&series, 64 << 20).await;
    let object = format!("{}/chunks/000001", id(BLOCK));
    let ask = || async { bench.answer(&bench.request(TimeRange::ALL), &Labels::empty(), &[]).await.unwrap_err() };
    let good = bench.rig.get(&object).await;
    bench.rig.put(&object, good[..good.len() / 2].to_vec()).await;
    let error = ask().await;
    assert!(matches!(error, BlockError::Bucket(_)) && error.to_string().contains(&object), "{error}");
    bench.rig.put(&object, good).await;
    bench.rig.fail("chunks/000002", 0, Failure::Error);
    assert!(ask().await.to_string().contains("told to fail"));
    bench.rig.fail("chunks/000002", 0, Failure::Hangs);
    let error = ask().await;
    assert!(matches!(error, BlockError::TimedOut { .. }), "{error}");
    bench.rig.mend();
    assert_eq!(bench.budget.used_bytes(), 0);
}

#[tokio::test]
async fn limits_are_those_of_the_request() {
    let series = many("up", 10, 2, 20);
    let bench = bench(&series, 64 << 20).await;
    for (limits, text) in [
        (
            RequestLimits { samples: Some(2_279), ..RequestLimits::default() },
            "chunks limit: limit 18 violated (got 20)",
        ),
        (RequestLimits { downloaded_bytes: Some(100), ..RequestLimits::default() }, "while fetching series: limit 100"),
    ] {
        let mut request = bench.request(TimeRange::ALL);
        request.means.touched = Touched::new(&limits);
        let error = bench.answer(&request, &Labels::empty(), &[]).await.unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}

//! A block that is served.

use crate::block_error::{BlockError, BlockFailure, POSTINGS};
use crate::budget::Reservation;
use crate::files::{Access, BlockFiles, Means};
use crate::header_files::{self, HeaderFiles};
use crate::index_header::IndexHeader;
use crate::pipeline::chunks::{Batches, ChunkReader};
use crate::pipeline::series::{RowBatch, Rows, SeriesReader, Staged};
use crate::pipeline::{BlockBatch, BlockRequest};
use crate::postings;
use crate::reorder::{Relabel, Reorder};
use crate::selection::Span;
use futures::future::join;
use model::{Labels, Matcher, TimeRange};
use std::collections::VecDeque;
use std::sync::Arc;
use storeapi::{PartialResponse, SeriesBatch, SeriesFrame, SeriesStream, StoreError};
use tokio::sync::{OnceCell, mpsc};
use tokio::task::JoinSet;
use tsdb::block::Meta;

/// A block with what is needed to read it.
#[derive(Debug)]
pub(crate) struct LiveBlock {
    pub(crate) meta: Arc<Meta>,
    pub(crate) external: Labels,
    pub(crate) files: BlockFiles,
    header: OnceCell<Arc<IndexHeader>>,
    headers: Arc<HeaderFiles>,
}

/// Batches of rows, and of series, that wait to be taken.
const BATCHES_WAITING: usize = 1;

impl LiveBlock {
    /// The block that `meta` speaks of. Its index is opened when it is first needed.
    ///
    /// # Errors
    /// As [`BlockFiles::find`]; external labels that are none.
    pub(crate) async fn find(access: Access, meta: Arc<Meta>, headers: Arc<HeaderFiles>) -> Result<Self, BlockError> {
        let files = BlockFiles::find(access, &meta).await?;
        let pairs = meta.thanos.iter().flat_map(|thanos| &thanos.labels);
        let external = Labels::from_pairs(pairs.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let external =
            external.map_err(|fault| BlockFiles::damaged(format!("{}/{}", meta.ulid, bucket::META), 0, fault))?;
        Ok(Self { meta, external, files, header: OnceCell::new(), headers })
    }

    /// Whether it may hold samples in `range`, both ends inside.
    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        self.meta.min_ms <= range.max_ms() && range.min_ms() < self.meta.max_ms
    }

    /// What it covers, and how coarsely.
    pub(crate) fn span(&self) -> Span {
        let resolution_ms = self.meta.thanos.as_ref().map_or(0, |thanos| thanos.downsample.resolution_ms);
        Span { min_ms: self.meta.min_ms, end_ms: self.meta.max_ms, resolution_ms }
    }

    /// Its index-header, opened or built if it was not yet. All who ask meanwhile wait for one opening; one that failed is
    /// tried again.
    ///
    /// # Errors
    /// As [`HeaderFiles::open`].
    pub(crate) async fn header(&self) -> Result<&Arc<IndexHeader>, BlockError> {
        self.header.get_or_try_init(|| self.headers.open(&self.files)).await
    }

    /// The ids of the series that all `matchers` accept, rising, and the memory for them.
    ///
    /// # Errors
    /// The header cannot be opened, lists not be read, or they are damaged.
    pub(crate) async fn ids(&self, matchers: &[Matcher], means: &Means) -> Result<(Vec<u32>, Reservation), BlockError> {
        let index = header_files::Asked { files: &self.files, means };
        let ids = postings::series_ids(self.header().await?, matchers, &index).await?;
        let reservation = means.budget.reserve((ids.len() * size_of::<u32>()) as u64).await?;
        Ok((ids, reservation))
    }

    /// The values of label `name` among the series that all `matchers` accept, sorted.
    ///
    /// # Errors
    /// As [`LiveBlock::ids`].
    pub(crate) async fn label_values(
        &self,
        name: &[u8],
        matchers: &[Matcher],
        means: &Means,
    ) -> Result<Vec<Vec<u8>>, BlockError> {
        let index = header_files::Asked { files: &self.files, means };
        postings::label_values(self.header().await?, name, matchers, &index).await
    }

    /// How the labels of its series are changed.
    fn relabel(&self, header: &IndexHeader, without: &[Vec<u8>]) -> Relabel {
        let names: Vec<&[u8]> = header.label_names().collect();
        Relabel::new(&self.external, without, |name| names.binary_search(&name).is_ok())
    }

    /// The series that all `matchers` accept, which are for this block's own labels, as a stream that reads while it is
    /// waited for, and a little ahead.
    pub(crate) fn stream(self: Arc<Self>, asked: Asked, store: Arc<str>) -> SeriesStream {
        let (sender, received) = mpsc::channel(BATCHES_WAITING);
        let mut task = JoinSet::new();
        let (block, partial, metrics) = (Arc::clone(&self), asked.partial, asked.request.means.metrics.clone());
        task.spawn(async move { self.read(&asked, &sender).await });
        let stream = BlockStream { block, store, partial, received, task, alive: VecDeque::new(), ended: false };
        Box::pin(futures::stream::unfold(stream, move |mut stream| {
            let metrics = metrics.clone();
            async move {
                let frame = stream.next(&metrics).await?;
                Some((frame, stream))
            }
        }))
    }

    async fn read(&self, asked: &Asked, sender: &Batches) {
        if let Err(failure) = self.read_all(asked, sender).await {
            // Nobody left to tell is no fault.
            let _ = sender.send(Err(failure)).await;
        }
    }

    async fn read_all(&self, asked: &Asked, sender: &Batches) -> Result<(), BlockFailure> {
        let block = self.meta.ulid;
        let request = &*asked.request;
        let header = self.header().await.map_err(BlockFailure::at(POSTINGS, block))?;
        let ids = self.ids(&asked.matchers, &request.means).await;
        let (ids, _for_ids) = ids.map_err(BlockFailure::at(POSTINGS, block))?;
        if ids.is_empty() {
            request.means.metrics.empty_postings();
            return Ok(());
        }
        count_first(&ids, request).map_err(BlockFailure::at(POSTINGS, block))?;
        let (rows, received_rows) = mpsc::channel(BATCHES_WAITING);
        let reader = self.reader(header, asked, rows);
        let chunks = ChunkReader { files: &self.files, request };
        join(reader.run(&ids), chunks.run(received_rows, sender)).await;
        Ok(())
    }

    /// What reads the entries of series, and hands their rows to `sender`.
    fn reader<'a>(&'a self, header: &'a IndexHeader, asked: &'a Asked, sender: Rows) -> SeriesReader<'a> {
        SeriesReader {
            files: &self.files,
            header,
            request: &asked.request,
            reorder: Reorder::new(self.relabel(header, &asked.without)),
            staged: Staged::default(),
            sender,
        }
    }

    /// Reads the labels of the series that all `matchers` accept, and hands on their rows.
    ///
    /// # Errors
    /// As for series.
    pub(crate) async fn rows(&self, asked: &Asked, mut each: impl FnMut(RowBatch)) -> Result<(), BlockError> {
        let request = &*asked.request;
        let header = self.header().await?;
        let (ids, _for_ids) = self.ids(&asked.matchers, &request.means).await?;
        count_first(&ids, request)?;
        let (rows, mut received) = mpsc::channel(BATCHES_WAITING);
        let reader = self.reader(header, asked, rows);
        let take = async {
            while let Some(batch) = received.recv().await {
                each(batch?);
            }
            Ok(())
        };
        join(reader.run(&ids), take).await.1
    }
}

/// Counts the series of the first window, before the first is read. As Thanos: more than are asked for do not count.
fn count_first(ids: &[u32], request: &BlockRequest) -> Result<(), BlockError> {
    let count = ids.len().min(request.limit.unwrap_or(usize::MAX));
    Ok(request.means.touched.series(count as u64)?)
}

/// What is asked of one block.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Those that are not decided by external labels.
    pub(crate) matchers: Arc<[Matcher]>,
    pub(crate) without: Arc<[Vec<u8>]>,
    pub(crate) partial: PartialResponse,
    pub(crate) request: Arc<BlockRequest>,
}

/// What comes of reading a block.
struct BlockStream {
    block: Arc<LiveBlock>,
    store: Arc<str>,
    partial: PartialResponse,
    received: mpsc::Receiver<Result<BlockBatch, BlockFailure>>,
    /// Ends with the stream.
    task: JoinSet<()>,
    /// For what was handed out last: whoever merges holds one batch and waits for the next.
    alive: VecDeque<Reservation>,
    ended: bool,
}

impl BlockStream {
    async fn next(&mut self, metrics: &crate::metrics::RequestMetrics) -> Option<Result<SeriesFrame, StoreError>> {
        if self.ended {
            return None;
        }
        match self.received.recv().await {
            Some(Ok(batch)) => {
                if self.alive.len() > 1 {
                    self.alive.pop_front();
                }
                self.alive.push_back(batch._reservation);
                Some(Ok(SeriesFrame::Series(SeriesBatch::Chunks(batch.series))))
            }
            Some(Err(failure)) => {
                self.ended = true;
                if let Some(reason) = failure.refused_for() {
                    metrics.dropped(reason);
                }
                Some(match failure.spoils_all(self.partial) {
                    true => Err(failure.of_store(&self.store)),
                    false => Ok(SeriesFrame::Warning(failure.to_string())),
                })
            }
            None => {
                self.ended = true;
                // A task that panicked must not look like one that ended.
                let panic = self.task.join_next().await?.err()?;
                let (store, block) = (self.store.to_string(), self.block.meta.ulid);
                Some(Err(StoreError::Internal { store, reason: format!("reading block {block}: {panic}") }))
            }
        }
    }
}

//! A store in another process.

use super::codes::error_of;
use super::incoming::{self, Incoming};
use super::joined::{Joined, Redone};
use super::request::{for_tenant, write_names, write_series, write_values};
use super::{Channel, exemplars, labels, metadata};
use crate::exemplars::{ExemplarsAnswer, ExemplarsRequest};
use crate::metadata::{MetadataAnswer, MetadataRequest};
use crate::store::{
    LabelsAnswer, LabelsRequest, SeriesBatch, SeriesFrame, SeriesRequest, SeriesStream, Store, StoreError, StoreInfo,
    size_of_warning,
};
use futures::future::BoxFuture;
use futures::stream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use parking_lot::RwLock;
use proto::thanos::services::store_client::StoreClient;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;
use tsdb::ChunkSeriesBatch;

/// The largest message of a peer that is taken.
const MESSAGE_BYTES: usize = 256 << 20;

/// The most bytes that the warnings of one answer may take: series are passed on as they come, warnings are kept to the end
/// of the query.
const MAX_WARNING_BYTES: usize = 4 << 20;

/// How a peer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteOptions {
    /// How long the first frame, and then each further one, may take; zero: as long as it likes.
    pub frame_timeout: Duration,
    /// How many series the peer may put in a frame.
    pub batch_series: usize,
    /// The most bytes that are held of one answer: its names or values of labels, a series that may go on in the next frame,
    /// and all of an answer that has to be sorted again here, for a peer that does not leave labels out itself.
    pub held_bytes: usize,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self { frame_timeout: Duration::ZERO, batch_series: 128, held_bytes: 256 << 20 }
    }
}

/// The [`Store`] over a peer's `thanos.Store`. What the peer cannot do (leave labels out, tell shards apart) is done here.
pub struct RemoteStore<C> {
    channel: C,
    options: RemoteOptions,
    /// What the peer said of itself last.
    info: RwLock<Arc<StoreInfo>>,
}

/// An answer on its way.
struct Answer {
    store: Arc<str>,
    options: RemoteOptions,
    frames: Incoming,
    joined: Joined,
    redone: Option<Redone>,
    ready: VecDeque<SeriesFrame>,
    /// What the warnings took so far.
    warning_bytes: usize,
    ended: bool,
}

impl<C: Channel> RemoteStore<C> {
    /// The peer at the other end of `channel`, which said `info` of itself.
    pub fn new(info: StoreInfo, channel: C, options: RemoteOptions) -> Self {
        Self { channel, options, info: RwLock::new(Arc::new(info)) }
    }

    /// Takes what the peer says of itself now.
    pub fn update(&self, info: StoreInfo) {
        *self.info.write() = Arc::new(info);
    }

    /// What the peer said of itself last, its own abilities among it.
    pub fn peer(&self) -> Arc<StoreInfo> {
        Arc::clone(&self.info.read())
    }

    fn client(&self) -> StoreClient<C> {
        StoreClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES)
    }
}

impl<C: Channel> Store for RemoteStore<C> {
    fn info(&self) -> StoreInfo {
        StoreInfo { drops_labels: true, shards: true, ..(*self.peer()).clone() }
    }

    fn series(&self, request: SeriesRequest) -> SeriesStream {
        let opened = open(self.channel.clone(), self.peer(), self.options, request);
        let frames =
            |answer: Answer| stream::unfold(answer, |mut answer| async move { Some((answer.next().await?, answer)) });
        stream::once(opened).map_ok(frames).try_flatten().boxed()
    }

    fn label_names(&self, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        let (mut client, name, options) = (self.client(), self.peer().name.clone(), self.options);
        async move {
            let message = for_tenant(write_names(&request)?, request.tenant.as_ref())?;
            let answer = in_time(&name, options, client.label_names(message)).await?.into_inner();
            labels::read(&name, &answer.into_bytes(), options.held_bytes)
        }
        .boxed()
    }

    fn label_values(&self, label: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        let (mut client, name, options) = (self.client(), self.peer().name.clone(), self.options);
        async move {
            let message = for_tenant(write_values(label, &request)?, request.tenant.as_ref())?;
            let answer = in_time(&name, options, client.label_values(message)).await?.into_inner();
            labels::read(&name, &answer.into_bytes(), options.held_bytes)
        }
        .boxed()
    }

    fn exemplars(&self, request: ExemplarsRequest) -> BoxFuture<'_, Result<ExemplarsAnswer, StoreError>> {
        exemplars::fetch(self.peer(), self.channel.clone(), self.options, request).boxed()
    }

    fn metadata(&self, request: MetadataRequest) -> BoxFuture<'_, Result<MetadataAnswer, StoreError>> {
        metadata::fetch(self.peer(), self.channel.clone(), self.options, request).boxed()
    }
}

async fn open<C: Channel>(
    channel: C,
    peer: Arc<StoreInfo>,
    options: RemoteOptions,
    request: SeriesRequest,
) -> Result<Answer, StoreError> {
    let message = for_tenant(write_series(&request, options.batch_series)?, request.tenant.as_ref())?;
    let frames = in_time(&peer.name, options, incoming::series(channel, message, MESSAGE_BYTES)).await?;
    let shard = request.shard.filter(|_| !peer.shards);
    let drops = peer.drops_labels || request.without_labels.is_empty();
    let redone = (shard.is_some() || !drops).then(|| Redone::new(request.without_labels, shard));
    let store: Arc<str> = peer.name.as_str().into();
    let joined = Joined::new(Arc::clone(&store), options.held_bytes);
    Ok(Answer { store, options, frames, joined, redone, ready: VecDeque::new(), warning_bytes: 0, ended: false })
}

impl Answer {
    async fn next(&mut self) -> Option<Result<SeriesFrame, StoreError>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(Ok(frame));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.read().await {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }

    /// Reads a frame, or the end.
    async fn read(&mut self) -> Result<(), StoreError> {
        match in_time(&self.store, self.options, self.frames.message()).await? {
            Some(frame) => {
                let warning = self.joined.add(&frame)?;
                while let Some(batch) = self.joined.take_full() {
                    self.pass(batch)?;
                }
                warning.map_or(Ok(()), |warning| self.warn(warning))?;
            }
            None => {
                while let Some(batch) = self.joined.finish() {
                    self.pass(batch)?;
                }
                let batches = self.redone.as_mut().map(Redone::finish).unwrap_or_default();
                self.ready.extend(batches.into_iter().map(|batch| SeriesFrame::Series(SeriesBatch::Chunks(batch))));
                self.ended = true;
            }
        }
        Ok(())
    }

    fn warn(&mut self, warning: String) -> Result<(), StoreError> {
        self.warning_bytes += size_of_warning(&warning);
        if self.warning_bytes > MAX_WARNING_BYTES {
            let text = format!("{}: its warnings take more than {MAX_WARNING_BYTES} bytes", self.store);
            return Err(StoreError::LimitExceeded(text));
        }
        self.ready.push_back(SeriesFrame::Warning(warning));
        Ok(())
    }

    fn pass(&mut self, batch: ChunkSeriesBatch) -> Result<(), StoreError> {
        let Some(redone) = &mut self.redone else {
            self.ready.push_back(SeriesFrame::Series(SeriesBatch::Chunks(batch)));
            return Ok(());
        };
        let (held, most) = (redone.add(&batch), self.options.held_bytes);
        if held <= most {
            return Ok(());
        }
        Err(StoreError::LimitExceeded(format!(
            "{}: an answer of more than {most} bytes has to be sorted again without {} labels, which this peer does not do itself",
            self.store,
            redone.without.len(),
        )))
    }
}

/// Waits for `answer` as long as it may take.
pub(super) async fn in_time<T>(
    store: &str,
    options: RemoteOptions,
    answer: impl Future<Output = Result<T, Status>>,
) -> Result<T, StoreError> {
    let timeout = options.frame_timeout;
    let answer = match timeout.is_zero() {
        true => answer.await,
        false => tokio::time::timeout(timeout, answer).await.map_err(|_| StoreError::TimedOut {
            store: store.to_owned(),
            reason: format!("failed to receive any data in {timeout:?}"),
        })?,
    };
    answer.map_err(|status| error_of(store, &status))
}

impl<C> std::fmt::Debug for RemoteStore<C> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("RemoteStore").field("info", &self.info.read()).finish_non_exhaustive()
    }
}

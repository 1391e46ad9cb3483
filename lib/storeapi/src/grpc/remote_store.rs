//! A store in another process.

use super::codes::error_of;
use super::incoming;
use super::joined::{Joined, Redone};
use super::request::{for_tenant, write_names, write_series, write_values};
use super::unread::PeerFrames;
use super::{Channel, exemplars, labels, metadata};
use crate::exemplars::{ExemplarsAnswer, ExemplarsRequest};
use crate::metadata::{MetadataAnswer, MetadataRequest};
use crate::store::{
    LabelsAnswer, LabelsRequest, SeriesBatch, SeriesFrame, SeriesRequest, SeriesStream, Store, StoreError, StoreInfo,
    UnreadFrame, UnreadStream,
};
use futures::future::BoxFuture;
use futures::stream;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use parking_lot::RwLock;
use proto::thanos::services::store_client::StoreClient;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;
use tsdb::ChunkSeriesBatch;

/// The largest message of a peer that is taken.
const MESSAGE_BYTES: usize = 256 << 20;

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

/// An answer on its way, its series read.
struct Answer {
    frames: PeerFrames,
    joined: Joined,
    redone: Option<Redone>,
    ready: VecDeque<SeriesFrame>,
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
        let peer = self.peer();
        let redone = redone(&peer, &request);
        let opened = open(self.channel.clone(), peer, self.options, request);
        let opened = opened.map_ok(|frames| Answer::new(frames, redone));
        let frames =
            |answer: Answer| stream::unfold(answer, |mut answer| async move { Some((answer.next().await?, answer)) });
        stream::once(opened).map_ok(frames).try_flatten().boxed()
    }

    /// If the peer can do all of it.
    fn unread(&self, request: &SeriesRequest) -> Option<UnreadStream> {
        let peer = self.peer();
        if redone(&peer, request).is_some() {
            return None;
        }
        let opened = open(self.channel.clone(), peer, self.options, request.clone());
        let frames = |frames: PeerFrames| {
            let next = |mut frames: PeerFrames| async move {
                Ok::<_, StoreError>(frames.next().await?.map(|frame| (frame, frames)))
            };
            stream::try_unfold(frames, next)
        };
        Some(stream::once(opened).map_ok(frames).try_flatten().boxed())
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
) -> Result<PeerFrames, StoreError> {
    let message = for_tenant(write_series(&request, options.batch_series)?, request.tenant.as_ref())?;
    let incoming = in_time(&peer.name, options, incoming::series(channel, message, MESSAGE_BYTES)).await?;
    Ok(PeerFrames::new(&peer.name, options, incoming))
}

/// What has to be done to the answer of a peer that cannot do all of the request.
fn redone(peer: &StoreInfo, request: &SeriesRequest) -> Option<Redone> {
    let shard = request.shard.as_ref().filter(|_| !peer.shards);
    let drops = peer.drops_labels || request.without_labels.is_empty();
    (shard.is_some() || !drops).then(|| Redone::new(Arc::clone(&request.without_labels), shard.cloned()))
}

impl Answer {
    fn new(frames: PeerFrames, redone: Option<Redone>) -> Self {
        let joined = Joined::new(Arc::clone(&frames.store), frames.options.held_bytes);
        Self { frames, joined, redone, ready: VecDeque::new(), ended: false }
    }

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
        match self.frames.next().await? {
            Some(UnreadFrame::Warning(text)) => self.ready.push_back(SeriesFrame::Warning(text)),
            Some(UnreadFrame::Series(series)) => {
                self.joined.add(series.fields)?;
                while let Some(batch) = self.joined.take_full() {
                    self.pass(batch)?;
                }
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

    fn pass(&mut self, batch: ChunkSeriesBatch) -> Result<(), StoreError> {
        let Some(redone) = &mut self.redone else {
            self.ready.push_back(SeriesFrame::Series(SeriesBatch::Chunks(batch)));
            return Ok(());
        };
        let (held, most) = (redone.add(&batch), self.frames.options.held_bytes);
        if held <= most {
            return Ok(());
        }
        Err(StoreError::LimitExceeded(format!(
            "{}: an answer of more than {most} bytes has to be sorted again without {} labels, which this peer does not do itself",
            self.frames.store,
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

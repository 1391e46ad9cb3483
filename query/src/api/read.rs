//! `read`: Prometheus' remote read, as samples or as streamed chunks.
//!
//! Whoever reads this way sees no warnings, so what is missing makes it an error.

use super::Api;
use super::language::plain_error;
use super::params::Params;
use super::scope::Scope;
use super::{MAX_BODY_BYTES, envelope::ApiError};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, StreamExt};
use http::{HeaderValue, StatusCode, header};
use model::{Matcher, SampleColumns, TimeRange};
use promql::{BatchError, Reservation, SeriesBatch as _};
use proto::remote_read::{
    ChunkSlice, FrameSplit, ReadQuery, ReadRequest, ResponseKind, SeriesEncoder, frame_of_chunks, push_result,
};
use service::CpuPoolError;
use std::collections::VecDeque;
use std::sync::Arc;
use storeapi::{EngineBatch, ReadOptions, SelectHints, SeriesFrame, SeriesRequest, SeriesStream, StoreError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// The largest request, decompressed, in bytes.
const MAX_REQUEST_BYTES: usize = 8 << 20;
/// A frame of chunks is about so large at most, in bytes.
const FRAME_BYTES: usize = 1 << 20;

/// Why there is no answer, or no more of it.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    /// The client's to mend.
    #[error("{0}")]
    Request(String),
    /// An expression of a matcher; Prometheus takes it for a fault of its own.
    #[error("{0}")]
    Matcher(String),
    #[error("exceeded sample limit ({0})")]
    TooManySamples(usize),
    #[error("remote read would need too much memory: {0}")]
    OverBudget(#[from] promql::OverBudget),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error("a store's answer is not complete: {0}")]
    Missing(String),
    #[error("remote read took longer than it may")]
    TimedOut,
    /// The work panicked.
    #[error("internal: {0}")]
    Work(#[from] CpuPoolError),
}

/// What is asked, and in which form the answer is wanted.
#[derive(Debug)]
struct Wanted {
    kind: ResponseKind,
    asked: Vec<Asked>,
}

/// One query, ready to be asked.
#[derive(Debug)]
struct Asked {
    matchers: Arc<[Matcher]>,
    /// Of the samples.
    range: TimeRange,
    hints: SelectHints,
}

/// What goes on while an answer is read.
#[derive(Debug)]
struct Reading {
    api: Arc<Api>,
    scope: Scope,
    deadline: Instant,
    _permit: Option<OwnedSemaphorePermit>,
}

pub(super) async fn read(State(api): State<Arc<Api>>, request: Request) -> Response {
    match answer(api, request).await {
        Ok(response) => response,
        Err(error) => plain_error(error.status(), &error.to_string()),
    }
}

async fn answer(api: Arc<Api>, request: Request) -> Result<Response, ReadError> {
    let (parts, body) = request.into_parts();
    let body =
        axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|error| ReadError::Request(error.to_string()))?;
    // Eight times as much once it is decompressed, and expressions to compile.
    let work = body.len().saturating_mul(8);
    let request = api.driver.compute(work, move || Wanted::decode(&body)).await??;
    let params = Params::read(parts, &Bytes::new());
    let scope = Scope::of_labels(&api, &params).map_err(|error: ApiError| ReadError::Request(error.to_string()))?;
    let deadline = Instant::now() + api.config.timeout;
    let permit = tokio::time::timeout_at(deadline, api.driver.permit()).await.map_err(|_| ReadError::TimedOut)?;
    let reading = Reading { api, scope, deadline, _permit: permit };
    match request.kind {
        ResponseKind::Samples => reading.samples(&request.asked).await,
        ResponseKind::StreamedChunks => reading.chunks(request.asked).await,
    }
}

impl Wanted {
    fn decode(compressed: &[u8]) -> Result<Self, ReadError> {
        let fault = |error: &dyn std::fmt::Display| ReadError::Request(error.to_string());
        let corrupt = |_| fault(&"snappy: corrupt input");
        let claim = snap::raw::decompress_len(compressed).map_err(corrupt)?;
        if claim > MAX_REQUEST_BYTES {
            return Err(fault(&format_args!(
                "the request says that it becomes {claim} bytes: at most {MAX_REQUEST_BYTES}"
            )));
        }
        let body = snap::raw::Decoder::new().decompress_vec(compressed).map_err(corrupt)?;
        let request = ReadRequest::decode(&body).map_err(|error| fault(&error))?;
        let asked = request.queries.iter().map(Asked::read).collect::<Result<_, _>>()?;
        Ok(Self { kind: request.response_kind(), asked })
    }
}

impl Asked {
    fn read(query: &ReadQuery) -> Result<Self, ReadError> {
        let matcher = |matcher: &proto::remote_read::ReadMatcher| {
            Matcher::new(matcher.op, matcher.name.as_str(), matcher.value.as_str())
                .map_err(|error| ReadError::Matcher(error.to_string()))
        };
        let hints = query.hints.clone().unwrap_or_default();
        let (start_ms, end_ms) = match &query.hints {
            Some(hints) => (hints.start_ms, hints.end_ms),
            None => (query.start_ms, query.end_ms),
        };
        // A range that runs backwards holds nothing, not even its ends.
        let backwards = || ReadError::Request(format!("start {start_ms} is after end {end_ms}"));
        Ok(Self {
            matchers: query.matchers.iter().map(matcher).collect::<Result<_, _>>()?,
            range: TimeRange::new(start_ms, end_ms).ok_or_else(backwards)?,
            hints: SelectHints {
                step_ms: hints.step_ms,
                range_ms: hints.range_ms,
                func: hints.func,
                newest_only: false,
                labels: None,
            },
        })
    }
}

impl Reading {
    fn frames(&self, asked: &Asked) -> SeriesStream {
        let matchers = self.scope.confined(Arc::clone(&asked.matchers));
        let request = SeriesRequest { hints: asked.hints.clone(), ..self.scope.series(matchers, asked.range) };
        self.api.store.series(request)
    }

    /// The next series of a query.
    async fn next(&self, frames: &mut SeriesStream, range: TimeRange) -> Result<Option<EngineBatch>, ReadError> {
        let frame = tokio::time::timeout_at(self.deadline, frames.next()).await.map_err(|_| ReadError::TimedOut)?;
        match frame.transpose()? {
            None => Ok(None),
            Some(SeriesFrame::Warning(warning)) => Err(ReadError::Missing(warning)),
            Some(SeriesFrame::Series(batch)) => {
                Ok(Some(EngineBatch::new(batch).with(ReadOptions { range, ..ReadOptions::default() })))
            }
        }
    }

    async fn samples(self, asked: &[Asked]) -> Result<Response, ReadError> {
        let limits = self.api.query_limits();
        let mut held: Reservation = limits.memory.reserve(0)?;
        let mut written = Written { left: limits.max_samples, most: limits.max_samples, ..Written::default() };
        for asked in asked {
            let mut frames = self.frames(asked);
            while let Some(batch) = self.next(&mut frames, asked.range).await? {
                written = self.api.driver.compute(batch.size_bytes(), move || written.push(&batch)).await??;
                held.grow(written.size_bytes().saturating_sub(held.bytes()))?;
            }
            written = self.api.driver.compute(written.size_bytes(), move || written.end()).await?;
        }
        let compressed = self.api.driver.compute(written.size_bytes(), move || written.compressed()).await??;
        let mut response = compressed.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        Ok(response)
    }

    /// Begins once the first frame is there: what fails before is told by a status, what fails later cuts the answer off.
    async fn chunks(self, asked: Vec<Asked>) -> Result<Response, ReadError> {
        let mut frames = Frames { reading: self, asked: asked.into(), query: 0, open: None, ready: VecDeque::new() };
        let first = frames.next().await?;
        let rest = stream::unfold(Some(frames), |frames| async {
            let mut frames = frames?;
            match frames.next().await {
                Ok(None) => None,
                Ok(Some(frame)) => Some((Ok(frame), Some(frames))),
                Err(error) => Some((Err(error), None)),
            }
        });
        let body = Body::from_stream(stream::iter(first.map(Ok)).chain(rest));
        let kind = HeaderValue::from_static("application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
        Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
    }
}

/// An answer of samples, as far as it is written.
#[derive(Debug, Default)]
struct Written {
    /// The queries that are done.
    results: Vec<u8>,
    /// Of the one that is read.
    series: SeriesEncoder,
    columns: SampleColumns,
    /// So many samples more may come, of so many.
    left: usize,
    most: usize,
}

impl Written {
    fn push(mut self, batch: &EngineBatch) -> Result<Self, ReadError> {
        for index in 0..batch.len() {
            batch.samples_within(index, &mut self.columns)?;
            let left = self.left.checked_sub(self.columns.len());
            self.left = left.ok_or(ReadError::TooManySamples(self.most))?;
            self.series.push(batch.labels(index), &self.columns);
        }
        Ok(self)
    }

    /// The query that is read is done.
    fn end(mut self) -> Self {
        push_result(&self.series, &mut self.results);
        self.series.clear();
        self
    }

    /// The series of the query that is read count twice: they are copied when it is done.
    fn size_bytes(&self) -> usize {
        self.results.len() + 2 * self.series.size_bytes()
    }

    fn compressed(self) -> Result<Vec<u8>, ReadError> {
        let compressed = snap::raw::Encoder::new().compress_vec(&self.results);
        compressed.map_err(|error| ReadError::Missing(error.to_string()))
    }
}

/// An answer of chunks, frame by frame.
#[derive(Debug)]
struct Frames {
    reading: Reading,
    asked: VecDeque<Asked>,
    /// The number of the query that is open, or comes next.
    query: u64,
    open: Option<Open>,
    /// Frames of the batch that was read last.
    ready: VecDeque<Bytes>,
}

/// The query that is read.
struct Open {
    frames: SeriesStream,
    range: TimeRange,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Open").field("range", &self.range).finish_non_exhaustive()
    }
}

impl Frames {
    async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Ok(Some(frame));
            }
            let Some(open) = &mut self.open else {
                let Some(asked) = self.asked.pop_front() else { return Ok(None) };
                self.open = Some(Open { frames: self.reading.frames(&asked), range: asked.range });
                continue;
            };
            match self.reading.next(&mut open.frames, open.range).await? {
                Some(batch) => {
                    let (query, driver) = (self.query, &self.reading.api.driver);
                    self.ready = driver.compute(batch.size_bytes(), move || frames_of(&batch, query)).await??;
                }
                None => (self.open, self.query) = (None, self.query + 1),
            }
        }
    }
}

/// The frames of a batch. A frame holds chunks of one series; a series with many goes over several.
fn frames_of(batch: &EngineBatch, query: u64) -> Result<VecDeque<Bytes>, ReadError> {
    let mut frames = VecDeque::new();
    for index in 0..batch.len() {
        let (labels, chunks) = (batch.labels(index), batch.chunks_within(index)?);
        let slices = chunks.iter().map(|chunk| ChunkSlice {
            min_ms: chunk.min_ms,
            max_ms: chunk.max_ms,
            encoding: chunk.encoding as u8,
            data: &chunk.data,
        });
        let slices: Vec<_> = slices.collect();
        let mut split = FrameSplit::new(labels, FRAME_BYTES);
        let mut rest = slices.as_slice();
        while !rest.is_empty() {
            let full = rest.iter().position(|chunk| split.ends_with(chunk));
            let (frame, after) = rest.split_at(full.map_or(rest.len(), |last| last + 1));
            frames.push_back(frame_of_chunks(labels, frame, query, crc32c::crc32c).into());
            rest = after;
        }
    }
    Ok(frames)
}

impl ReadError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Request(_) | Self::TooManySamples(_) => StatusCode::BAD_REQUEST,
            Self::OverBudget(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            Self::Matcher(_) | Self::Store(_) | Self::Batch(_) | Self::Missing(_) | Self::Work(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }
}

#[cfg(test)]
mod tests;

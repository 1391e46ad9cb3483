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
    let request = decode(&body)?;
    let params = Params::read(&parts, &Bytes::new());
    let scope = Scope::of_labels(&api, &params).map_err(|error: ApiError| ReadError::Request(error.to_string()))?;
    let asked = request.queries.iter().map(Asked::read).collect::<Result<Vec<_>, _>>()?;
    let deadline = Instant::now() + api.config.timeout;
    let permit = tokio::time::timeout_at(deadline, api.driver.permit()).await.map_err(|_| ReadError::TimedOut)?;
    let reading = Reading { api, scope, deadline, _permit: permit };
    match request.response_kind() {
        ResponseKind::Samples => reading.samples(&asked).await,
        ResponseKind::StreamedChunks => reading.chunks(asked).await,
    }
}

fn decode(compressed: &[u8]) -> Result<ReadRequest, ReadError> {
    let fault = |error: &dyn std::fmt::Display| ReadError::Request(error.to_string());
    let corrupt = |_| fault(&"snappy: corrupt input");
    let claim = snap::raw::decompress_len(compressed).map_err(corrupt)?;
    if claim > MAX_REQUEST_BYTES {
        return Err(fault(&format_args!(
            "the request says that it becomes {claim} bytes: at most {MAX_REQUEST_BYTES}"
        )));
    }
    let body = snap::raw::Decoder::new().decompress_vec(compressed).map_err(corrupt)?;
    ReadRequest::decode(&body).map_err(|error| fault(&error))
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
            hints: SelectHints { step_ms: hints.step_ms, range_ms: hints.range_ms, func: hints.func },
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
        let (mut answer, mut series, mut columns) = (Vec::new(), SeriesEncoder::default(), SampleColumns::default());
        let mut left = limits.max_samples;
        for asked in asked {
            series.clear();
            let mut frames = self.frames(asked);
            while let Some(batch) = self.next(&mut frames, asked.range).await? {
                for index in 0..batch.len() {
                    batch.samples_within(index, &mut columns)?;
                    let too_many = ReadError::TooManySamples(limits.max_samples);
                    left = left.checked_sub(columns.len()).ok_or(too_many)?;
                    series.push(batch.labels(index), &columns);
                }
                // The series, and their copy in the answer.
                let needed = answer.len() + 2 * series.size_bytes();
                held.grow(needed.saturating_sub(held.bytes()))?;
            }
            push_result(&series, &mut answer);
        }
        let compressed = snap::raw::Encoder::new().compress_vec(&answer);
        let compressed = compressed.map_err(|error| ReadError::Missing(error.to_string()))?;
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
                Some(batch) => self.push(&batch)?,
                None => (self.open, self.query) = (None, self.query + 1),
            }
        }
    }

    /// A frame holds chunks of one series; a series with many goes over several.
    fn push(&mut self, batch: &EngineBatch) -> Result<(), ReadError> {
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
                self.ready.push_back(frame_of_chunks(labels, frame, self.query, crc32c::crc32c).into());
                rest = after;
            }
        }
        Ok(())
    }
}

impl ReadError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Request(_) | Self::TooManySamples(_) => StatusCode::BAD_REQUEST,
            Self::OverBudget(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            Self::Matcher(_) | Self::Store(_) | Self::Batch(_) | Self::Missing(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

//! One write request, from its headers to its answer.

use crate::admission;
use crate::body::{self, BodyReader};
use crate::budget::{Account, NoMemory, Reserved};
use crate::buffers::{Buffer, BufferPool};
use crate::config::Config;
use crate::log_limit::LogLimit;
use crate::metrics::Metrics;
use crate::protocol::{self, Endpoint};
use crate::status::{Answer, Refusal};
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, EXPECT, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, StatusCode};
use model::{Clock, Fingerprinter, METRIC_NAME, TenantId};
use proto::{Rejection, Rejections, SeriesSlice, Tally, WriteBatch, WriteTarget, count_rows};
use std::sync::Arc;
use tracing::warn;

/// Bodies that decompress to more than this are decoded away from the threads that do I/O.
const DECODED_INLINE_BYTES: usize = 1 << 20;
/// What a table of series usually takes beside its body: a quarter. More is taken if it is needed.
const TABLE_SHARE: usize = 4;

/// Takes write requests; one for all of them.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) config: Config,
    pub(crate) target: Arc<dyn WriteTarget>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bodies: BodyReader,
    pub(crate) decoder: Decoder,
    pub(crate) metrics: Metrics,
    pub(crate) rejections_log: LogLimit,
    pub(crate) failures_log: LogLimit,
}

/// Turns bodies into batches.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    pub(crate) max_bytes: u32,
    pub(crate) account: Account,
    pub(crate) buffers: Arc<BufferPool>,
    pub(crate) fingerprinter: Arc<Fingerprinter>,
}

impl Receiver {
    /// Answers one request.
    pub(crate) async fn handle(&self, endpoint: Endpoint, request: Request) -> Response {
        self.metrics.pending.inc();
        let _done = Pending(&self.metrics);
        let mut carried = None;
        let answer = match self.take_in(endpoint, request).await {
            Ok((tenant, batch, tally)) => {
                let answer = self.store(endpoint, &tenant, batch, &tally).await;
                carried = Some((tenant, tally));
                answer
            }
            Err(refusal) => Answer::Refused(refusal),
        };
        let status = answer.status(endpoint);
        let carried = carried.as_ref().map(|(tenant, tally)| (tenant, tally));
        self.metrics.answered(&answer, status, carried);
        self.log(&answer, status.code, carried.map(|(tenant, _)| tenant));
        respond(&answer, endpoint)
    }

    /// Headers, then body.
    async fn take_in(&self, endpoint: Endpoint, request: Request) -> Result<(TenantId, WriteBatch, Tally), Refusal> {
        let (head, mut body) = request.into_parts();
        let body_of = async {
            let tenant = admission::tenant(&head.headers, &self.config)?;
            let replica = protocol::check(endpoint, &head.headers, &self.config)?;
            Ok((tenant, replica, self.bodies.read(&mut body).await?))
        };
        match body_of.await {
            Ok((tenant, replica, body)) => {
                let (mut batch, tally) = self.decoder.decode(body, self.clock.now_ms()).await?;
                batch.replica = replica;
                Ok((tenant, batch, tally))
            }
            Err(refusal) => {
                self.let_pass(&refusal, &head.headers, body).await;
                Err(refusal)
            }
        }
    }

    /// Lets the rest of a refused body pass, unless its sender waits to be asked for it, or had its time.
    async fn let_pass(&self, refusal: &Refusal, headers: &HeaderMap, body: Body) {
        let had_its_time = matches!(refusal, Refusal::ReadTimeout { .. } | Refusal::BodyBroken(_));
        if !had_its_time && !headers.contains_key(EXPECT) {
            body::discard(body).await;
        }
    }

    async fn store(&self, endpoint: Endpoint, tenant: &TenantId, mut batch: WriteBatch, tally: &Tally) -> Answer {
        self.metrics.walked(tally);
        if let Err(refusal) = admission::check_size(tally, &self.config) {
            return Answer::Refused(refusal);
        }
        if tally.series == 0 && tally.metadata == 0 && tally.unknown_fields > 0 {
            return Answer::Refused(Refusal::NotVersion1);
        }
        let mut rejections = not_storable(tally);
        if endpoint == Endpoint::Write {
            take_out_nameless(&mut batch, &mut rejections);
        }
        if batch.series.iter().all(SeriesSlice::is_void) {
            return if rejections.is_empty() { Answer::Nothing } else { Answer::Rejected(rejections) };
        }
        match self.target.write(tenant, batch).await {
            Ok(outcome) => {
                rejections.merge(outcome.rejections);
                match outcome.durable {
                    _ if !rejections.is_empty() => Answer::Rejected(rejections),
                    Some(durable) => Answer::Stored(durable),
                    None => Answer::Nothing,
                }
            }
            Err(error) => Answer::Refused(Refusal::Write(error)),
        }
    }

    fn log(&self, answer: &Answer, code: StatusCode, tenant: Option<&TenantId>) {
        let now_ms = self.clock.now_ms();
        match answer {
            Answer::Stored(_) | Answer::Nothing => {}
            Answer::Rejected(rejections) => {
                if let Some(held_back) = self.rejections_log.pass(now_ms) {
                    let tenant = tenant.map_or("", TenantId::as_str);
                    let first = rejections.examples().first().map_or("", |example| &example.detail);
                    let (refused, first) = (rejections.total(), first.get(..512).unwrap_or(first));
                    warn!(tenant, refused, first, held_back, "part of a write was refused");
                }
            }
            Answer::Refused(refusal) => {
                if code.is_server_error()
                    && let Some(held_back) = self.failures_log.pass(now_ms)
                {
                    warn!(tenant = tenant.map_or("", TenantId::as_str), error = %refusal, held_back, "write refused");
                }
            }
        }
    }
}

/// Counts a request out, also one whose client went away.
struct Pending<'a>(&'a Metrics);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.pending.dec();
    }
}

impl Decoder {
    /// Decompresses and walks `body`.
    async fn decode(&self, body: Buffer, received_ms: i64) -> Result<(WriteBatch, Tally), Refusal> {
        let claim = claimed_bytes(body.as_ref(), self.max_bytes)?;
        let wanted = (claim + claim / TABLE_SHARE).min(self.account.size_bytes() as usize);
        let reserved = self.account.take(u32::try_from(wanted).unwrap_or(u32::MAX)).await;
        let reserved = reserved.map_err(|_| Refusal::Busy)?;
        if claim <= DECODED_INLINE_BYTES {
            return self.decode_now(body, claim, reserved, received_ms);
        }
        let decoder = self.clone();
        let task = tokio::task::spawn_blocking(move || decoder.decode_now(body, claim, reserved, received_ms));
        task.await.unwrap_or(Err(Refusal::Stopping))
    }

    fn decode_now(
        &self,
        compressed: Buffer,
        claim: usize,
        reserved: Reserved,
        received_ms: i64,
    ) -> Result<(WriteBatch, Tally), Refusal> {
        let mut body = self.buffers.buffer(reserved);
        snap::raw::Decoder::new().decompress(compressed.as_ref(), body.set_len(claim))?;
        drop(compressed);
        let rows = count_rows(body.as_ref())?;
        body.reserve_beside(rows * size_of::<SeriesSlice>()).map_err(|no_memory| match no_memory {
            NoMemory::Now => Refusal::Busy,
            NoMemory::Ever => Refusal::TableTooLarge { rows, budget_bytes: self.account.size_bytes() },
        })?;
        Ok(WriteBatch::walk(Bytes::from_owner(body), rows, &self.fingerprinter, received_ms)?)
    }
}

/// How many bytes a snappy block says it becomes, if that can be and is not too much.
fn claimed_bytes(compressed: &[u8], limit_bytes: u32) -> Result<usize, Refusal> {
    let claim_bytes = snap::raw::decompress_len(compressed)?;
    if claim_bytes > limit_bytes as usize {
        return Err(Refusal::DecodedTooLarge { claim_bytes, limit_bytes });
    }
    // The densest element of the format makes 64 bytes out of three.
    let size_bytes = compressed.len();
    if claim_bytes / 64 > size_bytes / 3 {
        return Err(Refusal::SnappyClaim { size_bytes, claim_bytes });
    }
    Ok(claim_bytes)
}

/// What the walk met that no target would store.
fn not_storable(tally: &Tally) -> Rejections {
    let mut rejections = Rejections::default();
    rejections.add(None, Rejection::InvalidLabels, tally.unlabelled, || "a series has no label".to_owned());
    rejections
}

/// Empties the rows of series without a metric's name, which Prometheus does not take.
fn take_out_nameless(batch: &mut WriteBatch, rejections: &mut Rejections) {
    let nameless: Vec<usize> = (0..batch.series.len()).filter(|row| !has_name(batch, *row)).collect();
    for row in nameless {
        let number = u32::try_from(row).ok();
        rejections.add(number, Rejection::MissingName, 1, || format!("series {}", batch.labels(row)));
        if let Some(series) = batch.series.get_mut(row) {
            series.clear();
        }
    }
}

/// Whether row `row` has a metric's name; the usual sender puts it first. Malformed labels are left to whoever reads them
/// all.
fn has_name(batch: &WriteBatch, row: usize) -> bool {
    batch.labels(row).any(|label| label.map_or(true, |label| label.name == METRIC_NAME))
}

/// The answer on the wire: plain text as Go's `http.Error` writes it.
pub(crate) fn respond(answer: &Answer, endpoint: Endpoint) -> Response {
    let status = answer.status(endpoint);
    let Some(message) = answer.message() else { return status.code.into_response() };
    let mut response = (status.code, message + "\n").into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(after_s) = status.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(after_s));
    }
    if status.code == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

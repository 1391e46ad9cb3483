//! One write request, from its headers to its answer.

use crate::admission;
use crate::body::{self, BodyReader};
use crate::buffers::{Buffer, BufferPool};
use crate::config::Config;
use crate::log_limit::LogLimit;
use crate::metrics::Metrics;
use crate::protocol::{self, Endpoint, Version};
use crate::status::{Answer, Asked, Refusal, Written};
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, EXPECT, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, StatusCode};
use model::{Clock, Fingerprinter, METRIC_NAME, TenantId};
use proto::{
    InvalidRequest2, Malformed, Outline, Rejection, Rejections, Request2, SeriesSlice, Spellings, Tally, WriteBatch,
    WriteError, WriteOutcome, WriteTarget, count_rows,
};
use service::{Account, Reserved};
use std::sync::Arc;
use tracing::warn;

/// Bodies that take more than this, with all that comes of them, are decoded away from the threads that do I/O.
const DECODED_INLINE_BYTES: usize = 1 << 20;
/// What a table of series usually takes beside its body: a quarter.
const TABLE_SHARE: usize = 4;
/// How much a body of 2.0 usually grows when its labels are spelled out.
const SPELLED_SHARE: usize = 5;

static SAMPLES_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
static HISTOGRAMS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-histograms-written");
static EXEMPLARS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

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
    pub(crate) spellings: Arc<Spellings>,
    /// Labels of 2.0 are to be spelled out.
    pub(crate) spells: bool,
}

/// A request that was taken in.
#[derive(Debug)]
struct TakenIn {
    tenant: TenantId,
    body: Decoded,
}

/// A body that was decoded.
#[derive(Debug)]
pub(crate) struct Decoded {
    batch: WriteBatch,
    tally: Tally,
    /// What was refused on the way.
    rejections: Rejections,
}

/// How a body is decoded.
struct Decoding {
    /// How many bytes it says it becomes.
    claim: usize,
    reserved: Reserved,
    version: Version,
    received_ms: i64,
}

/// The memory that decoding takes beside the decompressed body.
struct Beside {
    claim: usize,
    /// How much both may be here.
    most: usize,
    reserved: Reserved,
}

/// Why a body was not decoded.
enum NotDecoded {
    Refused(Refusal),
    /// It takes so much memory in all, or more.
    Needs {
        bytes: usize,
        again: Buffer,
    },
}

/// The same, when the body as it came is not at hand.
enum Failed {
    Refused(Refusal),
    Short { bytes: usize, rows: usize },
}

impl Receiver {
    /// Answers one request.
    pub(crate) async fn handle(&self, endpoint: Endpoint, request: Request) -> Response {
        self.metrics.pending.inc();
        let _done = Pending(&self.metrics);
        let (head, body) = request.into_parts();
        let mut asked = Asked { endpoint, version: Version::One };
        let mut carried = None;
        let answer = match self.take_in(&mut asked, &head.headers, body).await {
            Ok(TakenIn { tenant, body: Decoded { batch, tally, rejections } }) => {
                let answer = self.store(asked, &tenant, (batch, rejections), &tally).await;
                carried = Some((tenant, tally));
                answer
            }
            Err(refusal) => Answer::Refused(refusal),
        };
        let status = answer.status(asked);
        let carried = carried.as_ref().map(|(tenant, tally)| (tenant, tally));
        self.metrics.answered(&answer, status, carried);
        self.log(&answer, status.code, carried.map(|(tenant, _)| tenant));
        respond(&answer, asked)
    }

    /// Headers, then body.
    async fn take_in(&self, asked: &mut Asked, headers: &HeaderMap, mut body: Body) -> Result<TakenIn, Refusal> {
        let body_of = async {
            let tenant = admission::tenant(headers, &self.config)?;
            let said = protocol::check(asked.endpoint, headers, &self.config)?;
            asked.version = said.version;
            Ok((tenant, said.replica, self.bodies.read(&mut body).await?))
        };
        match body_of.await {
            Ok((tenant, replica, body)) => {
                let mut body = self.decoder.decode(body, asked.version, self.clock.now_ms()).await?;
                body.batch.replica = replica;
                Ok(TakenIn { tenant, body })
            }
            Err(refusal) => {
                self.let_pass(&refusal, headers, body).await;
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

    async fn store(
        &self,
        asked: Asked,
        tenant: &TenantId,
        (mut batch, mut rejections): (WriteBatch, Rejections),
        tally: &Tally,
    ) -> Answer {
        self.metrics.walked(tally);
        if let Err(refusal) = admission::check_size(tally, &self.config) {
            return Answer::Refused(refusal);
        }
        if tally.series == 0 && tally.metadata == 0 && tally.unknown_fields > 0 {
            return Answer::Refused(match asked.version {
                Version::One => Refusal::NotVersion1,
                Version::Two => Refusal::NotVersion2,
            });
        }
        rejections.add(None, Rejection::InvalidLabels, tally.unlabelled, || "a series has no label".to_owned());
        if asked.endpoint == Endpoint::Write {
            take_out_odd(&mut batch, asked.version, &mut rejections);
        }
        if batch.series.iter().all(SeriesSlice::is_void) {
            let written = Written::default();
            return if rejections.is_empty() {
                Answer::Nothing(written)
            } else {
                Answer::Rejected(rejections, None, written)
            };
        }
        match self.target.write(tenant, batch).await {
            Ok(outcome) => stored(asked, outcome, rejections, tally),
            Err(error) => Answer::Refused(Refusal::Write(error)),
        }
    }

    fn log(&self, answer: &Answer, code: StatusCode, tenant: Option<&TenantId>) {
        let now_ms = self.clock.now_ms();
        match answer {
            Answer::Stored(..) | Answer::Nothing(_) => {}
            Answer::Rejected(rejections, ..) => {
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

/// What became of a batch that was taken; `rejections` is what was refused before.
fn stored(asked: Asked, outcome: WriteOutcome, mut rejections: Rejections, tally: &Tally) -> Answer {
    let written = Written {
        samples: outcome.samples_accepted,
        histograms: outcome.histograms_accepted,
        exemplars: outcome.exemplars_accepted,
    };
    rejections.merge(outcome.rejections);
    let owed = tally.samples + tally.histograms.saturating_sub(rejections.count(Rejection::InvalidHistogram));
    let answer = match outcome.durable {
        durable if !rejections.is_empty() => Answer::Rejected(rejections, durable, written),
        Some(durable) => Answer::Stored(durable, written),
        None => Answer::Nothing(written),
    };
    // Samples are durable or are refused for a reason that is told.
    if owed > 0 && !answer.is_proved() && answer.status(asked).code.is_success() {
        let nobody = "nobody vouches for the samples".to_owned();
        return Answer::Refused(Refusal::Write(WriteError::Unavailable(nobody)));
    }
    answer
}

/// Counts a request out, also one whose client went away.
struct Pending<'a>(&'a Metrics);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.pending.dec();
    }
}

impl Decoder {
    /// Decompresses `compressed` and finds the series in it. How much memory that takes is guessed at first. Where the guess is
    /// too small and there is no more at once, all is given back, and what is really needed is waited for like any other.
    async fn decode(&self, mut compressed: Buffer, version: Version, received_ms: i64) -> Result<Decoded, Refusal> {
        let claim = claimed_bytes(compressed.as_ref(), self.max_bytes)?;
        let spells = version == Version::Two && self.spells;
        let spelled = if spells { claim.saturating_mul(SPELLED_SHARE) } else { 0 };
        let (with_table, all) = (claim + claim / TABLE_SHARE, self.account.size_bytes() as usize);
        // A guess is no reason to wait until nobody else has anything.
        let mut wanted = with_table.saturating_add(spelled).min((all / 2).max(with_table)).min(all);
        loop {
            let reserved = self.account.take(u32::try_from(wanted).unwrap_or(u32::MAX)).await;
            let reserved = reserved.map_err(|_| Refusal::Busy)?;
            let decoding = Decoding { claim, reserved, version, received_ms };
            let decoded = if wanted <= DECODED_INLINE_BYTES {
                self.decode_now(compressed, decoding)
            } else {
                let decoder = self.clone();
                let task = tokio::task::spawn_blocking(move || decoder.decode_now(compressed, decoding));
                task.await.unwrap_or(Err(NotDecoded::Refused(Refusal::Stopping)))
            };
            match decoded {
                Ok(decoded) => return Ok(decoded),
                Err(NotDecoded::Refused(refusal)) => return Err(refusal),
                // More each time, and at most three times: for the tables, then for what they say.
                Err(NotDecoded::Needs { bytes, again }) => (wanted, compressed) = (bytes, again),
            }
        }
    }

    fn decode_now(&self, compressed: Buffer, decoding: Decoding) -> Result<Decoded, NotDecoded> {
        let Decoding { claim, mut reserved, version, received_ms } = decoding;
        let wanted = reserved.bytes();
        let most = if wanted <= DECODED_INLINE_BYTES { DECODED_INLINE_BYTES } else { usize::MAX };
        let Ok(of_body) = reserved.split_off(claim) else {
            return Err(NotDecoded::Needs { bytes: claim, again: compressed });
        };
        let mut body = self.buffers.buffer(of_body);
        snap::raw::Decoder::new().decompress(compressed.as_ref(), body.set_len(claim)).map_err(Refusal::from)?;
        let beside = Beside { claim, most, reserved };
        match version {
            Version::One => self.walk(body, beside, received_ms),
            Version::Two => self.read(body, beside, received_ms),
        }
        .map_err(|failed| match failed {
            Failed::Refused(refusal) => NotDecoded::Refused(refusal),
            Failed::Short { bytes, rows } => match self.account.size_bytes() {
                budget_bytes if bytes > budget_bytes as usize => {
                    NotDecoded::Refused(Refusal::TableTooLarge { rows, budget_bytes })
                }
                _ => NotDecoded::Needs { bytes, again: compressed },
            },
        })
    }

    fn walk(&self, mut body: Buffer, mut beside: Beside, received_ms: i64) -> Result<Decoded, Failed> {
        let rows = count_rows(body.as_ref())?;
        beside.set(rows * size_of::<SeriesSlice>(), rows)?;
        body.keep_beside(beside.reserved);
        let (batch, tally) = WriteBatch::walk(Bytes::from_owner(body), rows, &self.fingerprinter, received_ms)?;
        Ok(Decoded { batch, tally, rejections: Rejections::default() })
    }

    /// Reads a body of 2.0, and spells it out if that is wanted.
    fn read(&self, mut body: Buffer, mut beside: Beside, received_ms: i64) -> Result<Decoded, Failed> {
        let outline = Outline::of(body.as_ref())?;
        let (of_symbols, of_rows) = (outline.symbols_bytes(), outline.rows_bytes());
        let read = |body| Request2::read(body, outline, &self.spellings, received_ms, self.max_bytes);
        if !self.spells {
            beside.set(of_symbols + of_rows, outline.rows)?;
            body.keep_beside(beside.reserved);
            let Request2 { batch, tally, rejections, .. } = read(Bytes::from_owner(body))?;
            return Ok(Decoded { batch, tally, rejections });
        }
        beside.at_least(of_symbols + of_rows, outline.rows)?;
        let read = read(Bytes::from_owner(body))?;
        let size_bytes = read.spelled_bytes();
        beside.set(of_symbols + of_rows + size_bytes, outline.rows)?;
        let mut of_spelled = beside.reserved;
        // Goes back with the body.
        let _of_symbols = of_spelled.split_off(of_symbols);
        let mut spelled = self.buffers.buffer(of_spelled);
        let Request2 { batch, tally, rejections, .. } = read;
        let series = batch.spell(spelled.set_len(size_bytes))?;
        let batch = WriteBatch { body: Bytes::from_owner(spelled), series, symbols: None, received_ms, replica: 0 };
        Ok(Decoded { batch, tally, rejections })
    }
}

impl Beside {
    /// Has so much memory beside the body, and no more. `rows` is for people.
    fn set(&mut self, bytes: usize, rows: usize) -> Result<(), Failed> {
        self.within(bytes, rows)?;
        self.reserved.set(bytes).map_err(|_| self.short(bytes, rows))
    }

    /// Has at least so much memory beside the body.
    fn at_least(&mut self, bytes: usize, rows: usize) -> Result<(), Failed> {
        self.within(bytes, rows)?;
        self.reserved.grow_to(bytes).map_err(|_| self.short(bytes, rows))
    }

    fn within(&self, bytes: usize, rows: usize) -> Result<(), Failed> {
        if self.claim.saturating_add(bytes) > self.most { Err(self.short(bytes, rows)) } else { Ok(()) }
    }

    fn short(&self, bytes: usize, rows: usize) -> Failed {
        Failed::Short { bytes: self.claim.saturating_add(bytes), rows }
    }
}

impl From<Refusal> for NotDecoded {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Malformed> for Failed {
    fn from(malformed: Malformed) -> Self {
        Self::Refused(Refusal::Malformed(malformed))
    }
}

impl From<InvalidRequest2> for Failed {
    fn from(invalid: InvalidRequest2) -> Self {
        Self::Refused(match invalid {
            InvalidRequest2::Malformed(malformed) => Refusal::Malformed(malformed),
            InvalidRequest2::FirstSymbol => Refusal::FirstSymbol,
            InvalidRequest2::TooLarge { size_bytes, limit_bytes } => {
                Refusal::SpelledTooLarge { claim_bytes: size_bytes, limit_bytes }
            }
        })
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

/// Empties the rows of series that Prometheus does not take: without a metric's name; in 2.0 also those without samples and
/// histograms, and those with both.
fn take_out_odd(batch: &mut WriteBatch, version: Version, rejections: &mut Rejections) {
    for row in 0..batch.series.len() {
        let Some(series) = batch.series.get(row) else { break };
        let why = if !has_name(batch, row) {
            Rejection::MissingName
        } else if version == Version::Two && series.is_bare() {
            Rejection::NoSamples
        } else if version == Version::Two && !series.samples.is_empty() && series.has_histograms() {
            Rejection::MixedSamples
        } else {
            continue;
        };
        rejections.add(u32::try_from(row).ok(), why, 1, || format!("series {}", batch.labels(row)));
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
pub(crate) fn respond(answer: &Answer, asked: Asked) -> Response {
    let status = answer.status(asked);
    let mut response = match answer.message(asked) {
        Some(message) => (status.code, message + "\n").into_response(),
        None => status.code.into_response(),
    };
    let told = response.status().is_client_error() || response.status().is_server_error();
    let headers = response.headers_mut();
    if let Some(Written { samples, histograms, exemplars }) = answer.written(asked) {
        headers.insert(SAMPLES_WRITTEN.clone(), HeaderValue::from(samples));
        headers.insert(HISTOGRAMS_WRITTEN.clone(), HeaderValue::from(histograms));
        headers.insert(EXEMPLARS_WRITTEN.clone(), HeaderValue::from(exemplars));
    }
    if !told {
        return response;
    }
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

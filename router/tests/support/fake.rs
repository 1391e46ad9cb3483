//! A write target in memory with the rules of a head, and a router in front of it.

use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use model::{Clock, Durable, Fingerprinter, HistogramColumn, HistogramRef, LabelsRef, ManualClock, TenantId};
use parking_lot::Mutex;
use proto::{HistogramScratch, LabelLimits, Rejection, WriteBatch, WriteError, WriteOutcome, WriteTarget, pack_labels};
use router::{App, Config, Parts};
use service::{HttpMetrics, TenantLabel};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use telemetry::{Format, Registry};
use tower::ServiceExt;

/// When all tests take place: 2025-08-17T00:00:00Z, the base time of the recordings.
pub(crate) const NOW_MS: i64 = 1_755_388_800_000;

const AHEAD_MS: i64 = 600_000;

/// Tenant and labels to samples as (milliseconds, sample).
type Stored = BTreeMap<(String, String), Vec<(i64, Sample)>>;

/// The bits of a float, or a histogram as text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sample {
    Float(u64),
    Histogram(String),
}

/// As many characters as an exemplar may have.
const MAX_EXEMPLAR_RUNES: usize = 128;

/// What a failing target fails with.
type Failure = Box<dyn Fn() -> WriteError + Send + Sync>;

#[derive(Default)]
pub(crate) struct FakeTarget {
    stored: Mutex<Stored>,
    /// The newest exemplar of each series.
    exemplars: Mutex<BTreeMap<(String, String), i64>>,
    pub(crate) failure: Option<Failure>,
    /// Takes everything and proves nothing.
    careless: bool,
    /// Reads batches of 2.0 as they are.
    reads_symbols: bool,
}

impl std::fmt::Debug for FakeTarget {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("FakeTarget")
    }
}

impl FakeTarget {
    pub(crate) fn failing(failure: impl Fn() -> WriteError + Send + Sync + 'static) -> Self {
        Self { failure: Some(Box::new(failure)), ..Self::default() }
    }

    /// Takes batches of 2.0 as they are, or not.
    pub(crate) fn reading_symbols(reads_symbols: bool) -> Self {
        Self { reads_symbols, ..Self::default() }
    }

    pub(crate) fn careless() -> Self {
        Self { careless: true, ..Self::default() }
    }

    /// What is stored, one line a sample.
    pub(crate) fn lines(&self) -> Vec<String> {
        let stored = self.stored.lock();
        let line = |(tenant, labels): &(String, String), (timestamp_ms, sample): &(i64, Sample)| match sample {
            Sample::Float(bits) => format!("{tenant} {labels} {timestamp_ms} {:?}", f64::from_bits(*bits)),
            Sample::Histogram(text) => format!("{tenant} {labels} {timestamp_ms} {text}"),
        };
        stored.iter().flat_map(|(series, samples)| samples.iter().map(|sample| line(series, sample))).collect()
    }

    fn store(&self, tenant: &TenantId, batch: &WriteBatch) -> Result<WriteOutcome, WriteError> {
        if let Some(failure) = &self.failure {
            return Err(failure());
        }
        let mut outcome = WriteOutcome::default();
        for row in 0..batch.series.len() {
            self.store_row(tenant, batch, row, &mut outcome)?;
        }
        self.stored.lock().retain(|_, samples| !samples.is_empty());
        let accepted = outcome.samples_accepted + outcome.histograms_accepted + outcome.exemplars_accepted;
        outcome.durable = (accepted > 0 && !self.careless).then(Durable::witnessed);
        Ok(outcome)
    }

    fn store_row(
        &self,
        tenant: &TenantId,
        batch: &WriteBatch,
        row: usize,
        outcome: &mut WriteOutcome,
    ) -> Result<(), WriteError> {
        let number = u32::try_from(row).ok();
        if batch.series[row].is_void() {
            return Ok(());
        }
        let mut packed = Vec::new();
        match pack_labels(batch.labels(row), &LabelLimits::default(), &mut Vec::new(), &mut packed) {
            Ok(_) => {}
            Err(proto::InvalidLabelSet::Malformed(fault)) => return Err(fault.into()),
            Err(invalid) => {
                outcome.rejections.add(number, Rejection::InvalidLabels, 1, || invalid.to_string());
                return Ok(());
            }
        }
        let labels = format!("{:?}", LabelsRef::from_packed(&packed).unwrap());
        let series = (tenant.to_string(), labels.clone());
        let mut stored = self.stored.lock();
        let mut store = |timestamp_ms, sample: Sample, outcome: &mut WriteOutcome| {
            let samples = stored.entry(series.clone()).or_default();
            let refused = refusal(samples, (timestamp_ms, &sample), batch.received_ms.max(NOW_MS));
            if let Some(why) = refused {
                outcome.rejections.add(number, why, 1, || format!("{labels} at {timestamp_ms}"));
                return 0;
            }
            if samples.last().is_none_or(|(last_ms, _)| *last_ms != timestamp_ms) {
                samples.push((timestamp_ms, sample));
            }
            1
        };
        for (timestamp_ms, value) in batch.samples(row) {
            let taken = store(timestamp_ms, Sample::Float(value.to_bits()), outcome);
            outcome.samples_accepted += taken;
        }
        let (mut column, mut scratch) = (HistogramColumn::default(), HistogramScratch::default());
        let mut histograms = batch.histograms(row);
        while let Some(decoded) = histograms.decode_next(&mut column, &mut scratch, MAX_BUCKETS) {
            match decoded {
                Ok(at) => {
                    let histogram = column.get(at.row).unwrap();
                    let HistogramRef { numbers, cells, sum, .. } = histogram;
                    let text = format!("{numbers:?} {cells:?} {:x}", sum.to_bits());
                    let taken = store(at.timestamp_ms, Sample::Histogram(text), outcome);
                    outcome.histograms_accepted += taken;
                }
                Err(bad) => batch.reject_histogram(row, &bad, &mut outcome.rejections),
            }
        }
        let known = stored.get(&series).is_some_and(|samples| !samples.is_empty());
        drop(stored);
        for exemplar in batch.exemplars(row).filter(|_| known) {
            let mut newest = self.exemplars.lock();
            let newest_ms = newest.entry(series.clone()).or_insert(i64::MIN);
            let runes = |label: model::Label<'_>| {
                [label.name, label.value]
                    .map(|text| String::from_utf8_lossy(text).chars().count())
                    .iter()
                    .sum::<usize>()
            };
            let why = if exemplar.labels.clone().map(|label| runes(label.unwrap())).sum::<usize>() > MAX_EXEMPLAR_RUNES
            {
                Rejection::ExemplarTooLong
            } else if exemplar.timestamp_ms < *newest_ms {
                Rejection::ExemplarOutOfOrder
            } else {
                *newest_ms = exemplar.timestamp_ms;
                outcome.exemplars_accepted += 1;
                continue;
            };
            outcome.rejections.add(number, why, 1, || labels.clone());
        }
        Ok(())
    }
}

/// More are refused.
const MAX_BUCKETS: usize = 100;

/// Ten minutes ahead of the clock is too far.
fn refusal(samples: &[(i64, Sample)], (timestamp_ms, sample): (i64, &Sample), now_ms: i64) -> Option<Rejection> {
    if timestamp_ms > now_ms + AHEAD_MS {
        return Some(Rejection::TooFarInFuture);
    }
    match samples.last() {
        Some((last_ms, _)) if timestamp_ms < *last_ms => Some(Rejection::OutOfOrder),
        Some((last_ms, last)) if timestamp_ms == *last_ms && last != sample => Some(Rejection::DuplicateTimestamp),
        _ => None,
    }
}

impl WriteTarget for FakeTarget {
    fn reads_symbols(&self) -> bool {
        self.reads_symbols
    }

    fn write<'a>(
        &'a self,
        tenant: &'a TenantId,
        batch: WriteBatch,
    ) -> Pin<Box<dyn Future<Output = Result<WriteOutcome, WriteError>> + Send + 'a>> {
        Box::pin(async move { self.store(tenant, &batch) })
    }
}

/// A router over a fake target.
pub(crate) struct Rig {
    pub(crate) app: App,
    pub(crate) registry: Registry,
    target: Arc<FakeTarget>,
}

/// An answer, its body as text.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(Config::default(), FakeTarget::default())
    }

    pub(crate) fn with(config: Config, target: FakeTarget) -> Self {
        Self::at(NOW_MS, config, target)
    }

    /// A rig whose clock says `now_ms`.
    pub(crate) fn at(now_ms: i64, config: Config, target: FakeTarget) -> Self {
        let target = Arc::new(target);
        Self::before(Arc::clone(&target) as _, (now_ms, config), target)
    }

    /// A rig that writes to `first`, behind which `target` is.
    pub(crate) fn before(
        first: Arc<dyn WriteTarget>,
        (now_ms, config): (i64, Config),
        target: Arc<FakeTarget>,
    ) -> Self {
        let registry = Registry::default();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(now_ms));
        let headers = vec![config.tenant_header.clone()];
        let http = HttpMetrics::new(&registry, TenantLabel::Header { headers, default: "default-tenant" });
        let fingerprinter = Arc::new(Fingerprinter::new([3; 192]));
        let parts = Parts { target: first, clock, fingerprinter, registry: registry.clone(), http };
        Self { app: App::build(config, parts).unwrap(), registry, target }
    }

    pub(crate) async fn send(&self, request: Request<axum::body::Body>) -> Reply {
        let response = self.app.routes().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        check_form(head.status, &head.headers, &text);
        Reply { status: head.status.as_u16(), headers: head.headers, text }
    }

    /// What is stored, one line a sample.
    pub(crate) fn stored(&self) -> Vec<String> {
        self.target.lines()
    }

    /// The bits of all that is stored, in order.
    pub(crate) fn bits(&self) -> Vec<u64> {
        let bits = |(_, sample): &(i64, Sample)| match sample {
            Sample::Float(bits) => Some(*bits),
            Sample::Histogram(_) => None,
        };
        self.target.stored.lock().values().flatten().filter_map(bits).collect()
    }

    /// The value of a series on `/metrics`, 0 if it is not there.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let text = String::from_utf8(self.registry.encode(Format::Text).unwrap()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }
}

/// What holds for every answer: a body only where something is to be said, short and without control characters.
fn check_form(status: StatusCode, headers: &HeaderMap, text: &str) {
    if status.is_success() {
        assert_eq!(text, "");
        return;
    }
    assert!(text.ends_with('\n') && text.len() > 1, "{status}: {text:?}");
    assert!(text.len() <= 8192, "{} bytes", text.len());
    assert!(!text.contains(|char: char| char.is_control() && char != '\n'), "{text:?}");
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
}

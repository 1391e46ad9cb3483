//! A write target in memory with the rules of a head, and a router in front of it.

use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use model::{Clock, Durable, Fingerprinter, LabelsRef, ManualClock, TenantId};
use parking_lot::Mutex;
use proto::{LabelLimits, Rejection, WriteBatch, WriteError, WriteOutcome, WriteTarget, pack_labels};
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

/// Tenant and labels to samples as (milliseconds, bits).
type Stored = BTreeMap<(String, String), Vec<(i64, u64)>>;

/// What a failing target fails with.
type Failure = Box<dyn Fn() -> WriteError + Send + Sync>;

#[derive(Default)]
pub(crate) struct FakeTarget {
    stored: Mutex<Stored>,
    pub(crate) failure: Option<Failure>,
}

impl std::fmt::Debug for FakeTarget {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("FakeTarget")
    }
}

impl FakeTarget {
    pub(crate) fn failing(failure: impl Fn() -> WriteError + Send + Sync + 'static) -> Self {
        Self { stored: Mutex::default(), failure: Some(Box::new(failure)) }
    }

    /// What is stored, one line a sample.
    pub(crate) fn lines(&self) -> Vec<String> {
        let stored = self.stored.lock();
        let line = |(tenant, labels): &(String, String), (timestamp_ms, bits): &(i64, u64)| {
            format!("{tenant} {labels} {timestamp_ms} {:?}", f64::from_bits(*bits))
        };
        stored.iter().flat_map(|(series, samples)| samples.iter().map(|sample| line(series, sample))).collect()
    }

    fn store(&self, tenant: &TenantId, batch: &WriteBatch) -> Result<WriteOutcome, WriteError> {
        if let Some(failure) = &self.failure {
            return Err(failure());
        }
        let mut rejections = batch.refuse_histograms();
        let mut samples_accepted = 0;
        let mut stored = self.stored.lock();
        for (row, series) in batch.series.iter().enumerate() {
            let number = u32::try_from(row).ok();
            if series.samples.is_empty() {
                continue;
            }
            let mut packed = Vec::new();
            match pack_labels(batch.labels(row), &LabelLimits::default(), &mut Vec::new(), &mut packed) {
                Ok(_) => {}
                Err(proto::InvalidLabelSet::Malformed(fault)) => return Err(fault.into()),
                Err(invalid) => {
                    rejections.add(number, Rejection::InvalidLabels, 1, || invalid.to_string());
                    continue;
                }
            }
            let labels = format!("{:?}", LabelsRef::from_packed(&packed).unwrap());
            for (timestamp_ms, value) in batch.samples(row) {
                let samples = stored.entry((tenant.to_string(), labels.clone())).or_default();
                match refusal(samples, timestamp_ms, value) {
                    Some(why) => rejections.add(number, why, 1, || format!("{labels} at {timestamp_ms}")),
                    None => {
                        samples_accepted += 1;
                        if samples.last() != Some(&(timestamp_ms, value.to_bits())) {
                            samples.push((timestamp_ms, value.to_bits()));
                        }
                    }
                }
            }
        }
        stored.retain(|_, samples| !samples.is_empty());
        let durable = (samples_accepted > 0).then(Durable::witnessed);
        Ok(WriteOutcome { durable, samples_accepted, rejections, ..WriteOutcome::default() })
    }
}

/// An hour behind the newest sample of the tenant is out of bounds; a head does that by its own rules.
fn refusal(samples: &[(i64, u64)], timestamp_ms: i64, value: f64) -> Option<Rejection> {
    if timestamp_ms > NOW_MS + AHEAD_MS {
        return Some(Rejection::TooFarInFuture);
    }
    match samples.last() {
        Some((last_ms, _)) if timestamp_ms < *last_ms => Some(Rejection::OutOfOrder),
        Some((last_ms, bits)) if timestamp_ms == *last_ms && value.to_bits() != *bits => {
            Some(Rejection::DuplicateTimestamp)
        }
        _ => None,
    }
}

impl WriteTarget for FakeTarget {
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
        let (registry, target) = (Registry::default(), Arc::new(target));
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW_MS));
        let headers = vec![config.tenant_header.clone()];
        let http = HttpMetrics::new(&registry, TenantLabel::Header { headers, default: "default-tenant" });
        let fingerprinter = Arc::new(Fingerprinter::new([3; 192]));
        let parts = Parts { target: Arc::clone(&target) as _, clock, fingerprinter, registry: registry.clone(), http };
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
        self.target.stored.lock().values().flatten().map(|(_, bits)| *bits).collect()
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

//! One series: its labels as they go over the wire, and its next value.

use super::random::Random;

/// A series of a pod.
#[derive(Debug)]
pub(crate) struct Series {
    /// The label fields of a `TimeSeries` message.
    region: Vec<u8>,
    kind: Kind,
    value: f64,
    random: Random,
    labels: Vec<(&'static str, String)>,
}

/// How its values move.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Constant,
    IntegerCounter,
    FloatCounter,
    ByteGauge,
    SparseGauge,
}

const LABEL_FIELD: u8 = 0x0a;
const SAMPLE_FIELD: u8 = 0x12;
const SERIES_FIELD: u8 = 0x0a;

impl Series {
    /// Series `metric` of pod `pod`, which was replaced `generation` times.
    pub(crate) fn new(seed: u64, pod: usize, generation: u32, metric: usize) -> Self {
        let mut random = Random::new(seed ^ (pod as u64) << 32 ^ u64::from(generation) << 16 ^ metric as u64);
        let labels = labels(pod, generation, metric);
        let kind = match random.below(100) {
            0..40 => Kind::Constant,
            40..60 => Kind::IntegerCounter,
            60..70 => Kind::FloatCounter,
            70..80 => Kind::ByteGauge,
            _ => Kind::SparseGauge,
        };
        let value = match kind {
            Kind::Constant => random.below(5) as f64,
            Kind::ByteGauge => (random.below(1 << 20) * 4096) as f64,
            _ => random.below(10_000) as f64,
        };
        Self { region: region(&labels), kind, value, random, labels }
    }

    /// Moves on by one sample.
    pub(crate) fn next_sample(&mut self, at_ms: i64, jitter_ms: i64) -> (i64, f64) {
        let random = &mut self.random;
        match self.kind {
            Kind::Constant => {}
            Kind::IntegerCounter => self.value += random.below(50) as f64,
            Kind::FloatCounter => self.value += random.unit() * 3.0,
            Kind::ByteGauge => self.value = (self.value + (random.below(2001) as f64 - 1000.0) * 4096.0).max(0.0),
            Kind::SparseGauge => {
                if random.below(10) == 0 {
                    self.value = random.below(1000) as f64;
                }
            }
        }
        let jitter = match jitter_ms {
            0 => 0,
            limit => i64::try_from(random.below(limit.unsigned_abs() + 1)).unwrap_or(0),
        };
        (at_ms - jitter, self.value)
    }

    /// Moves on by one sample and appends the `timeseries` field with it to a `WriteRequest`.
    pub(crate) fn push_sample(&mut self, at_ms: i64, jitter_ms: i64, body: &mut Vec<u8>) {
        let (at_ms, value) = self.next_sample(at_ms, jitter_ms);
        let mut timestamp = Vec::with_capacity(10);
        push_uvarint(&mut timestamp, at_ms as u64);
        let sample_bytes = 9 + 1 + timestamp.len();
        body.push(SERIES_FIELD);
        push_uvarint(body, (self.region.len() + 2 + sample_bytes) as u64);
        body.extend_from_slice(&self.region);
        body.extend_from_slice(&[SAMPLE_FIELD, sample_bytes as u8, 0x09]);
        body.extend_from_slice(&value.to_le_bytes());
        body.push(0x10);
        body.extend_from_slice(&timestamp);
    }

    /// Names and values.
    pub(super) fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Selects this series and no other.
    pub(crate) fn selector(&self) -> String {
        let matchers: Vec<_> = self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        format!("{{{}}}", matchers.join(","))
    }

    #[cfg(test)]
    pub(super) fn label_bytes(&self) -> usize {
        self.labels.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// What a pod's series number `metric` is called.
pub(crate) fn metric_name(metric: usize) -> String {
    format!("component_{:02}_operation_{metric:03}_total", metric % 16)
}

/// Sorted by name, as every Prometheus sends them.
fn labels(pod: usize, generation: u32, metric: usize) -> Vec<(&'static str, String)> {
    let app = pod % 40;
    let namespace = pod % 12;
    let node = pod % 97;
    let id = Random::new((pod as u64) << 20 | u64::from(generation)).next();
    let pod_name = format!("service-{app:02}-{:08x}-{:05x}", id >> 32, id & 0xf_ffff);
    vec![
        ("__name__", metric_name(metric)),
        ("cluster", "production-eu-central-1".to_owned()),
        ("container", format!("service-{app:02}")),
        ("endpoint", "http-metrics".to_owned()),
        ("instance", format!("10.{}.{}.{}:9090", pod >> 16 & 255, pod >> 8 & 255, pod & 255)),
        ("job", format!("namespace-{namespace:02}/service-{app:02}")),
        ("namespace", format!("namespace-{namespace:02}")),
        ("node", format!("ip-10-0-{node}-17.eu-central-1.compute.internal")),
        ("pod", pod_name),
        ("service", format!("service-{app:02}-headless")),
        ("team", format!("team-{:02}", app % 9)),
    ]
}

/// The label fields of a `TimeSeries` message.
pub(crate) fn region(labels: &[(&'static str, String)]) -> Vec<u8> {
    let mut region = Vec::with_capacity(400);
    for (name, value) in labels {
        let mut label = Vec::with_capacity(64);
        label.push(0x0a);
        push_uvarint(&mut label, name.len() as u64);
        label.extend_from_slice(name.as_bytes());
        label.push(0x12);
        push_uvarint(&mut label, value.len() as u64);
        label.extend_from_slice(value.as_bytes());
        region.push(LABEL_FIELD);
        push_uvarint(&mut region, label.len() as u64);
        region.extend_from_slice(&label);
    }
    region
}

pub(crate) fn push_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

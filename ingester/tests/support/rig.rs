//! An ingester on a simulated disk, requests for it, and what it gives to read.

use bytes::Bytes;
use futures::StreamExt;
use model::{
    Clock, Fingerprinter, HistogramRef, Labels, ManualClock, Matcher, ResetHint, SampleColumns, Span, TenantId,
    TimeRange,
};
use proto::{RequestEncoder, WriteBatch, WriteError, WriteOutcome, WriteTarget, count_rows};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storeapi::{SeriesBatch, SeriesFrame, SeriesRequest, Store};
use telemetry::{Format, Registry};
use testkit::SimFs;
use tsdb::chunk;
use tsdb::db::{DbOptions, Snapshots};
use tsdb::fs::Fs;
use tsdb::head::OutOfOrder;
use tsdb::wal::LogOptions;

/// 2025-08-17T00:00:00Z, the base time of the recordings.
pub(crate) const NOW_MS: i64 = 1_755_388_800_000;

pub(crate) type Pairs<'a> = &'a [(&'a str, &'a str)];

/// Labels to samples as (milliseconds, sample).
pub(crate) type Stored = BTreeMap<Labels, Vec<(i64, Sample)>>;

/// A sample as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sample {
    /// The bits of a float.
    Float(u64),
    /// A histogram as text, without empty buckets.
    Histogram(String),
}

impl Sample {
    pub(crate) fn float(value: f64) -> Self {
        Self::Float(value.to_bits())
    }

    pub(crate) fn histogram(histogram: HistogramRef<'_>) -> Self {
        let HistogramRef { layout, hint, numbers, sum, .. } = histogram;
        let told = |spans: &[Span], cells: &[u64]| {
            let mut index = 0;
            let places = spans.iter().flat_map(|span| {
                index += span.offset;
                let first = index;
                index += span.length as i32;
                first..index
            });
            let full =
                places.zip(cells).map(|(index, cell)| (index, numbers.value(*cell))).filter(|(_, count)| *count != 0.0);
            full.collect::<Vec<_>>()
        };
        let (positive, negative) =
            (told(layout.positive(), histogram.positive()), told(layout.negative(), histogram.negative()));
        let [count, zero_count] = [histogram.count(), histogram.zero_count()].map(|cell| numbers.value(cell));
        let sum = if sum.is_nan() { f64::NAN } else { sum };
        Self::Histogram(format!(
            "{numbers:?} gauge {} schema {} zero {zero_count} up to {} count {count} sum {sum} {positive:?} {negative:?} {:?}",
            hint == ResetHint::Gauge,
            layout.schema(),
            layout.zero_threshold(),
            layout.custom_bounds(),
        ))
    }

    /// Sample `at` of `columns`.
    pub(crate) fn of(columns: &SampleColumns, at: usize) -> Self {
        columns.histogram(at).map_or_else(|| Self::float(columns.values[at]), Self::histogram)
    }
}

/// All samples of `columns`.
pub(crate) fn samples_of(columns: &SampleColumns) -> impl Iterator<Item = (i64, Sample)> {
    columns.timestamps_ms.iter().enumerate().map(|(at, timestamp_ms)| (*timestamp_ms, Sample::of(columns, at)))
}

pub(crate) struct Rig {
    pub(crate) app: ingester::App,
    pub(crate) ingester: Arc<ingester::Ingester>,
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<ManualClock>,
    fingerprinter: Arc<Fingerprinter>,
}

/// Where tests keep their data.
pub(crate) fn dir() -> PathBuf {
    Path::new("/data/receive").to_owned()
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub(crate) fn config() -> ingester::Config {
    let db = DbOptions {
        block_range_ms: 7_200_000,
        retention_ms: None,
        external_labels: BTreeMap::new(),
        log: LogOptions::default(),
        out_of_order: OutOfOrder::default(),
        max_exemplars: 0,
        snapshots: Snapshots::default(),
        cores: NonZeroUsize::MIN,
    };
    let external = Labels::from_pairs([("replica", "standalone")]).unwrap();
    let mut config = ingester::Config::standalone(dir(), db, tenant("default-tenant"), external);
    config.free_space_floor_bytes = 1000;
    config.free_space_check_interval = Duration::from_millis(5);
    config
}

impl Rig {
    /// An ingester on `fs`, not open yet.
    pub(crate) fn closed(fs: &(impl Fs + Clone + 'static), config: ingester::Config) -> Self {
        let (registry, clock) = (Registry::default(), Arc::new(ManualClock::at(NOW_MS)));
        let fingerprinter = Arc::new(Fingerprinter::new(std::array::from_fn(|at| (at * 31) as u8)));
        let parts = ingester::Parts {
            fs: Arc::new(fs.clone()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            fingerprinter: Arc::clone(&fingerprinter),
            registry: registry.clone(),
        };
        let app = ingester::App::build(config, parts).unwrap();
        Self { ingester: app.ingester(), app, registry, clock, fingerprinter }
    }

    pub(crate) async fn open_with(fs: &(impl Fs + Clone + 'static), config: ingester::Config) -> Self {
        let rig = Self::closed(fs, config);
        rig.ingester.open().await.unwrap();
        rig
    }

    pub(crate) async fn open(fs: &SimFs) -> Self {
        Self::open_with(fs, config()).await
    }

    pub(crate) fn batch(&self, body: &[u8]) -> WriteBatch {
        let rows = count_rows(body).unwrap();
        let body = Bytes::copy_from_slice(body);
        WriteBatch::walk(body, rows, &self.fingerprinter, self.clock.now_ms()).unwrap().0
    }

    pub(crate) async fn write(&self, name: &str, body: &[u8]) -> Result<WriteOutcome, WriteError> {
        let outcome = self.ingester.write(&tenant(name), self.batch(body)).await;
        if let Ok(outcome) = &outcome {
            let accepted = outcome.samples_accepted + outcome.histograms_accepted;
            assert_eq!(outcome.durable.is_some(), accepted > 0);
        }
        outcome
    }

    /// Writes what must be accepted as a whole.
    pub(crate) async fn writes(&self, name: &str, body: &[u8], samples: u64) {
        let outcome = self.write(name, body).await.unwrap();
        assert_eq!((outcome.samples_accepted, outcome.rejections.examples()), (samples, &[][..]));
    }

    /// All that the store gives, of all tenants.
    pub(crate) async fn stored(&self) -> Stored {
        self.select(&[]).await
    }

    pub(crate) async fn select(&self, matchers: &[Matcher]) -> Stored {
        let request = SeriesRequest::new(matchers, TimeRange::ALL);
        let mut frames = self.app.store().series(request);
        let (mut stored, mut columns) = (Stored::new(), SampleColumns::default());
        while let Some(frame) = frames.next().await {
            let SeriesFrame::Series(SeriesBatch::Chunks(batch)) = frame.unwrap() else { panic!("no chunks") };
            for (labels, chunks) in batch.iter() {
                columns.clear();
                for part in chunks {
                    chunk::decode(part.encoding, &part.data, &mut columns).unwrap();
                }
                let samples = samples_of(&columns).collect();
                assert!(stored.insert(labels.to_owned(), samples).is_none(), "{labels:?} comes twice");
            }
        }
        stored
    }

    /// The value of a series on `/metrics`, if it is there.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        metric(&self.registry, series)
    }
}

pub(crate) fn metric(registry: &Registry, series: &str) -> Option<f64> {
    let text = String::from_utf8(registry.encode(Format::Text).unwrap()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

/// A request of series, labels in the order given.
pub(crate) fn body(series: &[(Pairs<'_>, &[(i64, f64)])]) -> Vec<u8> {
    let mut request = RequestEncoder::default();
    for (labels, samples) in series {
        request.series(labels.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())), samples.iter().copied());
    }
    request.take()
}

/// A series as the store gives it: with the external labels of `tenant`.
pub(crate) fn external(name: &str, labels: Pairs<'_>) -> Labels {
    let added = [("replica", "standalone"), ("tenant_id", name)];
    Labels::from_pairs(labels.iter().copied().chain(added)).unwrap()
}

/// What a store gives of one series.
pub(crate) fn one(name: &str, labels: Pairs<'_>, samples: &[(i64, f64)]) -> Stored {
    let samples = samples.iter().map(|(timestamp_ms, value)| (*timestamp_ms, Sample::float(*value))).collect();
    Stored::from([(external(name, labels), samples)])
}

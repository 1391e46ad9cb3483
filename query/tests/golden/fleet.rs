//! The stores that answers of Thanos' querier were recorded over, in this process: the raw blocks of the bucket as its store
//! gateway serves them, and two receivers.
//!
//! What the receivers were sent is not recorded as such. Their samples are those of the recorded `Series` answers, whose rule
//! the other series follow: sample `i` at minute `i`, of the second receiver seven seconds later and with a gap.

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use model::{Labels, Matcher, MetricKind, TimeRange};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use storeapi::{
    Component, EndpointStatus, ExemplarsAnswer, ExemplarsRequest, LabelsAnswer, LabelsRequest, LocalStore,
    MetadataAnswer, MetadataRequest, MetricSaid, SeriesRequest, SeriesStream, SeriesWalk, SourceGroup, SourceProvider,
    StatusProvider, Store, StoreError, StoreInfo,
};
use tsdb::block::Block;
use tsdb::chunk::xor::XorState;
use tsdb::fs::StdFs;
use tsdb::head::{Exemplar, ExemplarSeries};
use tsdb::{Chunk, ChunkSeriesBatch, Encoding, SeriesCursor, SeriesSource, SourceError};

const START_MS: i64 = 1_755_388_800_000;
const SAMPLES: i64 = 120;
/// Counters begin anew after so many samples.
const RESET: f64 = 50.0;
/// Which samples the second receiver lacks.
const GAP: std::ops::Range<i64> = 40..55;

pub(crate) const STORE: &str = "127.0.0.1:21511";
pub(crate) const RECEIVE: &str = "127.0.0.1:21521";
pub(crate) const RECEIVE_2: &str = "127.0.0.1:21526";

#[derive(Debug)]
struct Groups(Vec<SourceGroup>);

impl SourceProvider for Groups {
    fn groups(&self, range: TimeRange) -> Vec<SourceGroup> {
        let holds = |source: &&Arc<dyn SeriesSource>| source.time_range().is_some_and(|held| held.overlaps(range));
        let group = |group: &SourceGroup| SourceGroup {
            external: group.external.clone(),
            sources: group.sources.iter().filter(holds).cloned().collect(),
        };
        self.0.iter().map(group).collect()
    }
}

/// The blocks that are raw and not marked for deletion, by their external labels.
pub(crate) fn bucket(folder: &Path) -> Arc<dyn Store> {
    let mut groups: BTreeMap<Labels, Vec<Arc<dyn SeriesSource>>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(meta) = std::fs::read_to_string(path.join("meta.json")) else { continue };
        let meta: Value = serde_json::from_str(&meta).unwrap();
        let thanos = &meta["thanos"];
        if path.join("deletion-mark.json").exists() || thanos["downsample"]["resolution"] != 0 {
            continue;
        }
        let labels = thanos["labels"].as_object().unwrap();
        let external = Labels::from_pairs(labels.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())));
        groups.entry(external.unwrap()).or_default().push(Arc::new(Block::open(&StdFs, &path).unwrap()));
    }
    assert!(!groups.is_empty(), "no blocks in {}", folder.display());
    let groups = groups.into_iter().map(|(external, sources)| SourceGroup { external, sources }).collect();
    Arc::new(LocalStore::new(STORE, Component::Store, Arc::new(Groups(groups))))
}

/// The receiver with external label `replica`.
pub(crate) fn receiver(name: &str, replica: &str, late_ms: i64, gap: bool) -> Arc<dyn Store> {
    let group = |tenant: &str, series: Vec<Memory>| SourceGroup {
        external: Labels::from_pairs([("replica", replica), ("tenant_id", tenant)]).unwrap(),
        sources: vec![Arc::new(MemorySource(series)) as Arc<dyn SeriesSource>],
    };
    let at = |i: i64| START_MS + late_ms + i * 60_000;
    let minutes: Vec<i64> = (0..SAMPLES).filter(|i| !(gap && GAP.contains(i))).collect();
    let series = |labels: &[(&str, &str)], value: &dyn Fn(f64) -> f64| Memory {
        labels: Labels::from_pairs(labels.iter().copied()).unwrap(),
        samples: minutes.iter().map(|i| (at(*i), value(*i as f64))).collect(),
    };
    let mut a = vec![
        series(&[("__name__", "temperature_celsius"), ("room", "a"), ("site", "Zürich")], &|_| 24.5),
        series(&[("__name__", "rpc_native_seconds"), ("job", "api")], &|_| 0.0),
    ];
    for (le, per_minute) in [("0.1", 5.0), ("1", 8.0), ("+Inf", 10.0)] {
        a.push(series(&[("__name__", "latency_seconds_bucket"), ("job", "api"), ("le", le)], &|i| i * per_minute));
    }
    let mut exemplars = Vec::new();
    for (instance, first) in [("i0", 0.0), ("i1", 1.0)] {
        a.push(series(&[("__name__", "up"), ("instance", instance), ("job", "api")], &|_| 1.0));
        for (code, per_minute) in [("200", 90.0), ("500", 9.0)] {
            let labels = [("__name__", "http_requests_total"), ("code", code), ("instance", instance), ("job", "api")];
            a.push(series(&labels, &|i| i % RESET * per_minute + first));
            // With the first sample, and every thirtieth from there.
            let exemplar = |(k, minute): (usize, &i64)| Exemplar {
                labels: Labels::from_pairs([("trace_id", format!("t{first}{code}{k}"))]).unwrap(),
                timestamp_ms: at(*minute),
                value: k as f64 + 0.5,
            };
            let external = [("replica", replica), ("tenant_id", "team-a")];
            exemplars.push(ExemplarSeries {
                labels: Labels::from_pairs(labels.into_iter().chain(external)).unwrap(),
                exemplars: minutes.iter().step_by(30).take(3).enumerate().map(exemplar).collect(),
            });
        }
    }
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let mut odd_values = series(&[("__name__", "odd_values")], &|_| 0.0);
    odd_values.samples = odd.iter().zip(0..).map(|(value, i)| (at(i), *value)).collect();
    let c = vec![
        odd_values,
        series(&[("__name__", "metric.ü"), ("lbl-ß", "値")], &|i| i),
        series(&[("__name__", "spread_total"), ("i", "x")], &|i| i),
    ];
    let mut groups = vec![group("team-a", a), group("team-c", c)];
    // A tenant of another day, of whom only the name matters.
    groups.extend((name == RECEIVE_2).then(|| group("router-tenant", Vec::new())));
    exemplars.sort_by(|one, other| one.labels.cmp(&other.labels));
    with_exemplars(Arc::new(LocalStore::new(name, Component::Receive, Arc::new(Groups(groups)))), exemplars)
}

/// A store, and what it is told to have besides series.
#[derive(Debug)]
struct With {
    store: Arc<dyn Store>,
    exemplars: Option<Vec<ExemplarSeries>>,
    metadata: Option<MetadataAnswer>,
}

impl Store for With {
    fn info(&self) -> StoreInfo {
        let info = self.store.info();
        StoreInfo {
            exemplars: self.exemplars.as_ref().map_or(info.exemplars, |_| Some(TimeRange::ALL)),
            metadata: info.metadata || self.metadata.is_some(),
            ..info
        }
    }

    fn series(&self, request: SeriesRequest) -> SeriesStream {
        self.store.series(request)
    }

    fn walk(&self, request: &SeriesRequest) -> Option<SeriesWalk> {
        self.store.walk(request)
    }

    fn label_names(&self, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        self.store.label_names(request)
    }

    fn label_values(&self, name: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        self.store.label_values(name, request)
    }

    fn exemplars(&self, request: ExemplarsRequest) -> BoxFuture<'_, Result<ExemplarsAnswer, StoreError>> {
        let Some(all) = &self.exemplars else { return self.store.exemplars(request) };
        let in_range = |one: &ExemplarSeries| ExemplarSeries {
            exemplars: one.exemplars.iter().filter(|one| request.range.contains(one.timestamp_ms)).cloned().collect(),
            ..one.clone()
        };
        let accepted = all.iter().filter(|one| request.accepts(&one.labels)).map(in_range);
        let series = accepted.filter(|one| !one.exemplars.is_empty()).collect();
        std::future::ready(Ok(ExemplarsAnswer { series, warnings: Vec::new() })).boxed()
    }

    /// All of it, whatever was asked.
    fn metadata(&self, request: MetadataRequest) -> BoxFuture<'_, Result<MetadataAnswer, StoreError>> {
        match &self.metadata {
            Some(told) => std::future::ready(Ok(told.clone())).boxed(),
            None => self.store.metadata(request),
        }
    }
}

/// `store` with these exemplars, in order of their series.
pub(crate) fn with_exemplars(store: Arc<dyn Store>, exemplars: Vec<ExemplarSeries>) -> Arc<dyn Store> {
    Arc::new(With { store, exemplars: Some(exemplars), metadata: None })
}

/// `store`, which says of metrics what the recorded answer `data` says.
pub(crate) fn with_metadata(store: Arc<dyn Store>, data: &Value) -> Arc<dyn Store> {
    let said = |meta: &Value| {
        let text = |name: &str| meta[name].as_str().unwrap().to_owned();
        let kind = (0..8).map(MetricKind::from_number).find(|kind| kind.as_str() == text("type")).unwrap();
        MetricSaid { kind, help: text("help"), unit: text("unit") }
    };
    let metrics = data.as_object().unwrap().iter();
    let metrics = metrics.map(|(name, metas)| (name.clone(), metas.as_array().unwrap().iter().map(said).collect()));
    let told = MetadataAnswer { metrics: metrics.collect(), warnings: Vec::new() };
    Arc::new(With { store, exemplars: None, metadata: Some(told) })
}

/// A strict endpoint that is not there.
#[derive(Debug)]
pub(crate) struct Dead;

impl Dead {
    fn error() -> StoreError {
        StoreError::Unavailable {
            store: "127.0.0.1:1".to_owned(),
            reason: "connection error: desc = \"transport: Error while dialing: dial tcp 127.0.0.1:1: connect: \
                     connection refused\""
                .to_owned(),
        }
    }
}

impl Store for Dead {
    fn info(&self) -> StoreInfo {
        StoreInfo {
            name: "127.0.0.1:1".to_owned(),
            component: Component::Unknown,
            label_sets: Vec::new(),
            time_range: Some(TimeRange::ALL),
            tsdbs: Vec::new(),
            drops_labels: true,
            shards: true,
            exemplars: None,
            metadata: false,
        }
    }

    fn series(&self, _: SeriesRequest) -> SeriesStream {
        futures::stream::iter([Err(Self::error())]).boxed()
    }

    fn label_names(&self, _: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        std::future::ready(Err(Self::error())).boxed()
    }

    fn label_values(&self, _: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        self.label_names(request)
    }
}

/// What stores say of themselves, as if all were polled.
#[derive(Debug)]
pub(crate) struct Statuses(pub(crate) Vec<Arc<dyn Store>>);

impl StatusProvider for Statuses {
    fn statuses(&self) -> Vec<EndpointStatus> {
        let status = |store: &Arc<dyn Store>| EndpointStatus {
            info: Arc::new(store.info()),
            last_check_ms: Some(START_MS),
            last_error: None,
        };
        self.0.iter().map(status).collect()
    }
}

/// Series with their samples in memory.
#[derive(Debug, Clone)]
struct Memory {
    labels: Labels,
    samples: Vec<(i64, f64)>,
}

#[derive(Debug)]
struct MemorySource(Vec<Memory>);

struct MemoryCursor {
    series: Vec<Memory>,
    at: usize,
}

impl Memory {
    fn chunk(&self) -> Option<Chunk> {
        let (mut state, mut words) = (XorState::default(), Vec::new());
        for (timestamp_ms, value) in &self.samples {
            state.append(*timestamp_ms, *value, &mut words);
        }
        let (first, last) = (self.samples.first()?.0, self.samples.last()?.0);
        Some(Chunk::raw(first, last, Encoding::Xor, state.finish(&words)))
    }
}

impl MemorySource {
    fn accepted(&self, matchers: &[Matcher]) -> Vec<Memory> {
        let value = |series: &Memory, name: &[u8]| series.labels.get(name).unwrap_or_default().to_vec();
        let accepts = |series: &&Memory| matchers.iter().all(|matcher| matcher.matches(&value(series, matcher.name())));
        let mut accepted: Vec<_> = self.0.iter().filter(accepts).cloned().collect();
        accepted.sort_by(|left, right| left.labels.cmp(&right.labels));
        accepted
    }
}

impl SeriesSource for MemorySource {
    fn time_range(&self) -> Option<TimeRange> {
        let times = self.0.iter().flat_map(|series| &series.samples).map(|(timestamp_ms, _)| *timestamp_ms);
        times.filter_map(|time| TimeRange::new(time, time)).reduce(TimeRange::hull)
    }

    fn select(&self, matchers: &[Matcher], range: TimeRange) -> Result<Box<dyn SeriesCursor>, SourceError> {
        let mut series = self.accepted(matchers);
        let overlaps = |chunk: Chunk| chunk.min_ms <= range.max_ms() && range.min_ms() <= chunk.max_ms;
        series.retain(|series| series.chunk().is_some_and(overlaps));
        Ok(Box::new(MemoryCursor { series, at: 0 }))
    }

    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError> {
        let accepted = self.accepted(matchers);
        let names: BTreeSet<_> =
            accepted.iter().flat_map(|series| series.labels.iter().map(|label| label.name.to_vec())).collect();
        Ok(names.into_iter().collect())
    }

    fn label_values(&self, name: &[u8], matchers: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError> {
        let accepted = self.accepted(matchers);
        let values: BTreeSet<_> =
            accepted.iter().filter_map(|series| series.labels.get(name).map(<[u8]>::to_vec)).collect();
        Ok(values.into_iter().collect())
    }
}

impl SeriesCursor for MemoryCursor {
    fn next_batch(
        &mut self,
        max_series: usize,
        skip_chunks: bool,
        batch: &mut ChunkSeriesBatch,
    ) -> Result<(), SourceError> {
        batch.clear();
        for series in self.series.iter().skip(self.at).take(max_series) {
            batch.push(series.labels.as_ref(), series.chunk().filter(|_| !skip_chunks));
        }
        self.at += batch.len();
        Ok(())
    }
}

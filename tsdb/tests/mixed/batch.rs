//! Batches of samples of all kinds, with what comes beside them.

#![allow(dead_code, reason = "several test programs share this, each uses a part")]

use super::samples::{Sample, TestHistogram};
use crate::rig;
use model::{ExemplarRef, Fingerprint, HistogramRef, Labels, LabelsRef, MetadataRef, MetricKind};
use tsdb::AppendSource;

/// Series with all they bring.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mixed {
    pub(crate) series: Vec<MixedSeries>,
    /// As a sender's that is known already: what the head does not know is missed.
    pub(crate) without_labels: bool,
}

/// One series of a batch: its floats go before its histograms.
#[derive(Debug, Clone)]
pub(crate) struct MixedSeries {
    pub(crate) labels: Labels,
    pub(crate) floats: Vec<(i64, f64)>,
    pub(crate) histograms: Vec<(i64, TestHistogram)>,
    pub(crate) exemplars: Vec<TestExemplar>,
    pub(crate) help: Option<String>,
}

/// An exemplar by its time and value; its label follows from them.
#[derive(Debug, Clone)]
pub(crate) struct TestExemplar {
    pub(crate) at_ms: i64,
    pub(crate) value: f64,
    labels: Labels,
}

impl TestExemplar {
    pub(crate) fn new(at_ms: i64, value: f64) -> Self {
        let labels = Labels::from_pairs([("trace_id", format!("{at_ms}-{value}"))]).unwrap();
        Self { at_ms, value, labels }
    }

    fn as_ref(&self) -> ExemplarRef<'_> {
        ExemplarRef { labels: self.labels.as_ref(), timestamp_ms: self.at_ms, value: self.value }
    }
}

impl MixedSeries {
    pub(crate) fn new(labels: Labels) -> Self {
        Self { labels, floats: Vec::new(), histograms: Vec::new(), exemplars: Vec::new(), help: None }
    }

    /// Its samples in the order in which they are appended.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (i64, Sample)> {
        let floats = self.floats.iter().map(|(at_ms, value)| (*at_ms, Sample::Float(value.to_bits())));
        floats.chain(self.histograms.iter().map(|(at_ms, histogram)| (*at_ms, Sample::of(histogram.as_ref()))))
    }
}

impl Mixed {
    pub(crate) fn samples_len(&self) -> u64 {
        self.series.iter().map(|series| series.samples().count() as u64).sum()
    }
}

impl AppendSource for Mixed {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn fingerprint(&self, index: usize) -> Fingerprint {
        rig::names().of_labels(self.series[index].labels.as_ref(), &mut Vec::new())
    }

    fn samples(&self, index: usize) -> impl Iterator<Item = (i64, f64)> {
        self.series[index].floats.iter().copied()
    }

    fn histograms(&self, index: usize) -> impl Iterator<Item = (i64, HistogramRef<'_>)> {
        self.series[index].histograms.iter().map(|(at_ms, histogram)| (*at_ms, histogram.as_ref()))
    }

    fn exemplars(&self, index: usize) -> impl Iterator<Item = ExemplarRef<'_>> {
        self.series[index].exemplars.iter().map(TestExemplar::as_ref)
    }

    fn metadata(&self, index: usize) -> Option<MetadataRef<'_>> {
        let help = self.series[index].help.as_ref()?;
        Some(MetadataRef { kind: MetricKind::Counter, unit: b"seconds", help: help.as_bytes() })
    }

    fn labels(&self, index: usize) -> Option<LabelsRef<'_>> {
        (!self.without_labels).then(|| self.series[index].labels.as_ref())
    }
}

//! What is known of a series besides its samples: exemplars and metadata.

use crate::LabelsRef;

/// What a metric is. The numbers are those of remote write 2.0 and of records in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MetricKind {
    #[default]
    Unknown = 0,
    Counter = 1,
    Gauge = 2,
    Histogram = 3,
    GaugeHistogram = 4,
    Summary = 5,
    Info = 6,
    StateSet = 7,
}

/// What somebody said of a metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MetadataRef<'a> {
    pub kind: MetricKind,
    pub unit: &'a [u8],
    pub help: &'a [u8],
}

/// One observation behind a sample, most often with a trace id.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExemplarRef<'a> {
    pub labels: LabelsRef<'a>,
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    pub value: f64,
}

impl MetricKind {
    /// The kind of that number; those not known are [`MetricKind::Unknown`].
    pub fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Counter,
            2 => Self::Gauge,
            3 => Self::Histogram,
            4 => Self::GaugeHistogram,
            5 => Self::Summary,
            6 => Self::Info,
            7 => Self::StateSet,
            _ => Self::Unknown,
        }
    }

    /// As the HTTP API and the text format name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }
}

//! Values every part of the product shares: label sets, matchers, samples in columns, time, tenants.
//!
//! Nothing here does I/O, knows a protocol or holds a lock. A write meets [`Fingerprinter`] first (raw label bytes to a
//! 128-bit name for the series), [`Labels`] only when the series is new, and ends in a [`Durable`]. A query meets
//! [`Matcher`] and [`TimeRange`] on the way in, and [`SampleColumns`] on the way out.

mod clock;
mod columns;
mod durable;
mod fingerprint;
mod go_float;
mod hash;
mod histogram;
mod labels;
mod matcher;
mod metric;
mod overlay;
mod quote;
mod regex;
mod tenant;
mod time;
mod value;

pub use clock::{Clock, ManualClock, SystemClock};
pub use columns::SampleColumns;
pub use durable::Durable;
pub use fingerprint::{Fingerprint, Fingerprinter, push_label_field};
pub use go_float::{PlainFloat, SampleFloat, ShortFloat, not_finite};
pub use hash::ring_hash;
pub use histogram::{
    Added, BUCKET_CELLS, Bucket, BucketPlace, BucketPlaces, Buckets, COUNT_CELL, CUSTOM_BUCKETS_SCHEMA, CannotReduce,
    ClassicHistogram, FloatHistogram, HistogramColumn, HistogramLayout, HistogramMatrix, HistogramMean, HistogramRef,
    IncompatibleBuckets, InvalidClassicHistogram, InvalidHistogram, KahanColumn, KahanHistogram, LayoutParts, Numbers,
    Reduction, ResetHint, SideBuckets, Span, TestExpression, TooManyBuckets, ZERO_COUNT_CELL,
};
pub use labels::{InvalidLabels, Label, LabelIter, Labels, LabelsBuilder, LabelsRef, METRIC_NAME, PackedBuilder};
pub use matcher::{InvalidMatcher, MatchOp, Matcher};
pub use metric::{ExemplarRef, MetadataRef, MetricKind};
pub use quote::{Quoted, QuotedName};
pub use regex::{Captures, InvalidRegex, Regex, RegexFault};
pub use tenant::{InvalidTenant, TenantId};
pub use time::TimeRange;
pub use value::{NORMAL_NAN, STALE_NAN, SeriesRef, is_stale};

//! Which hints of histograms survive storage.
//!
//! A chunk of Prometheus says once for all its histograms whether they are gauges; of counters, that none but its first may
//! come after a reset. So a histogram is read as a gauge, as no reset, or, the first of a chunk, as nothing known. What is to
//! be imitated is where chunks end. That they also end when they are full is not imitated: it takes a hundred histograms or so
//! of one series that never reset.

use model::{FloatHistogram, HistogramRef, ResetHint, Span};

/// A day: the time that one chunk spans at most, counted from the epoch.
const CHUNK_RANGE_MS: i64 = 24 * 3_600_000;

/// The chunk that the next histogram may be appended to.
#[derive(Debug, Clone)]
pub(super) struct OpenChunk {
    newest: FloatHistogram,
    is_gauge: bool,
    end_ms: i64,
}

impl OpenChunk {
    /// Appends a histogram to the chunk that is open, or to a new one: the hint that it is read with, and the chunk it is in.
    pub(super) fn append(open: Option<Self>, timestamp_ms: i64, histogram: HistogramRef<'_>) -> (ResetHint, Self) {
        let is_gauge = histogram.hint == ResetHint::Gauge;
        let fits = open
            .as_ref()
            .is_some_and(|chunk| timestamp_ms < chunk.end_ms && is_gauge == chunk.is_gauge && chunk.takes(histogram));
        let end_ms = match open {
            Some(chunk) if fits => chunk.end_ms,
            _ => (timestamp_ms.div_euclid(CHUNK_RANGE_MS) + 1).saturating_mul(CHUNK_RANGE_MS),
        };
        let hint = match (is_gauge, fits) {
            (true, _) => ResetHint::Gauge,
            (false, true) => ResetHint::NotReset,
            (false, false) => ResetHint::Unknown,
        };
        (hint, Self { newest: FloatHistogram::from_ref(histogram), is_gauge, end_ms })
    }

    /// Whether a counter goes on with `next`.
    fn takes(&self, next: HistogramRef<'_>) -> bool {
        let last = self.newest.as_ref();
        if self.is_gauge || next.is_stale() {
            return true;
        }
        let (layout, others) = (last.layout, next.layout);
        let value = |histogram: HistogramRef<'_>, cell: u64| histogram.numbers.value(cell);
        next.hint != ResetHint::Reset
            && !last.is_stale()
            && layout.schema() == others.schema()
            && layout.zero_threshold() == others.zero_threshold()
            && layout.custom_bounds() == others.custom_bounds()
            && value(next, next.count()) >= value(last, last.count())
            && value(next, next.zero_count()) >= value(last, last.zero_count())
            && none_falls((layout.positive(), last.positive()), (others.positive(), next.positive()), next)
            && none_falls((layout.negative(), last.negative()), (others.negative(), next.negative()), next)
    }
}

/// Whether no bucket of `last`, whose counts are floats, has less in `next`.
fn none_falls(last: (&[Span], &[u64]), next: (&[Span], &[u64]), histogram: HistogramRef<'_>) -> bool {
    let mut others = buckets(next.0, next.1).peekable();
    buckets(last.0, last.1).all(|(index, cell)| {
        while others.next_if(|(other, _)| *other < index).is_some() {}
        let now = others.next_if(|(other, _)| *other == index).map_or(0.0, |(_, cell)| histogram.numbers.value(cell));
        now >= f64::from_bits(cell)
    })
}

/// Index and cell of each bucket.
fn buckets<'a>(spans: &'a [Span], cells: &'a [u64]) -> impl Iterator<Item = (i64, u64)> + 'a {
    let mut next = 0_i64;
    let indices = spans.iter().flat_map(move |span| {
        let first = next + i64::from(span.offset);
        next = first + i64::from(span.length);
        first..next
    });
    indices.zip(cells.iter().copied())
}

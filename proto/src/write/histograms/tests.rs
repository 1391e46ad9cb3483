//! Histograms against generated messages, and against a table of what is wrong with them.

use super::super::{Malformed, count_rows, messages};
use super::*;
use bytes::Bytes;
use model::{Fingerprinter, HistogramLayout, HistogramRef};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

const MAX_BUCKETS: usize = 100;

/// Hint, kind, cells and sum of a histogram with its layout, as text: NaN is not itself, texts are.
fn told(histogram: HistogramRef<'_>) -> String {
    let HistogramRef { layout, hint, numbers, cells, sum } = histogram;
    let cells = &cells[..layout.cells()];
    format!("{:?} {hint:?} {numbers:?} {cells:?} {:x}", layout.parts(), sum.to_bits())
}

/// What a message decodes to, from a generated one.
fn expected(message: &messages::Histogram) -> Result<String, HistogramFault> {
    // A generated writer leaves out zeros, so of the two the float counts if it is there.
    let float = message.count_float != 0.0;
    let sums = |deltas: &[i64]| {
        let sum = |count: &mut i64, delta: &i64| {
            *count = count.wrapping_add(*delta);
            Some(count.cast_unsigned())
        };
        deltas.iter().scan(0i64, sum).collect::<Vec<_>>()
    };
    let bits = |counts: &[f64]| counts.iter().map(|count| count.to_bits()).collect::<Vec<_>>();
    let (numbers, count, positive, negative) = match float {
        true => {
            let (positive, negative) = (bits(&message.positive_counts), bits(&message.negative_counts));
            (Numbers::Float, message.count_float.to_bits(), positive, negative)
        }
        false => {
            let (positive, negative) = (sums(&message.positive_deltas), sums(&message.negative_deltas));
            (Numbers::Integer, message.count_int, positive, negative)
        }
    };
    let zero_count = match (float, message.zero_count_float == 0.0) {
        (true, false) => message.zero_count_float.to_bits(),
        (false, true) => message.zero_count_int,
        (true, true) | (false, false) => 0,
    };
    let buckets = (positive.len() + negative.len()).max(message.custom_values.len());
    if buckets > MAX_BUCKETS {
        return Err(HistogramFault::TooMany { buckets: buckets as u64, limit: MAX_BUCKETS });
    }
    let spans = |spans: &[messages::BucketSpan]| {
        spans.iter().map(|span| Span { offset: span.offset, length: span.length }).collect::<Vec<_>>()
    };
    let (positive_spans, negative_spans) = (spans(&message.positive_spans), spans(&message.negative_spans));
    check_buckets("negative", &negative_spans, negative.len())?;
    check_buckets("positive", &positive_spans, positive.len())?;
    let (schema, threshold) = (message.schema, message.zero_threshold);
    let layout =
        HistogramLayout::new(schema, threshold, positive_spans, negative_spans, message.custom_values.clone()).unwrap();
    let cells = [vec![count, zero_count], positive, negative].concat();
    let hint = ResetHint::from_number(message.reset_hint as u64).unwrap_or_default();
    let histogram = HistogramRef { layout: &layout, hint, numbers, cells: &cells, sum: message.sum };
    histogram.validate()?;
    Ok(told(histogram))
}

fn body(histograms: &[messages::Histogram]) -> Vec<u8> {
    let labels = vec![messages::Label { name: b"__name__".to_vec(), value: b"h".to_vec() }];
    let series = messages::TimeSeries { labels, histograms: histograms.to_vec(), ..Default::default() };
    messages::WriteRequest { timeseries: vec![series], metadata: vec![] }.encode_to_vec()
}

fn walk(body: &[u8]) -> Result<WriteBatch, Malformed> {
    let rows = count_rows(body)?;
    let batch = WriteBatch::walk(Bytes::copy_from_slice(body), rows, &Fingerprinter::new([7; 192]), 0)?;
    Ok(batch.0)
}

/// Everything decoded: (timestamp, histogram).
fn decode(batch: &WriteBatch) -> Vec<(i64, Result<String, HistogramFault>)> {
    let (mut column, mut scratch) = (HistogramColumn::default(), HistogramScratch::default());
    let (mut fields, mut all) = (batch.histograms(0), Vec::new());
    while let Some(one) = fields.decode_next(&mut column, &mut scratch, MAX_BUCKETS) {
        all.push(match one {
            Ok(at) => (at.timestamp_ms, Ok(told(column.get(at.row).unwrap()))),
            Err(bad) => (bad.timestamp_ms, Err(bad.fault)),
        });
    }
    all
}

// === generated messages ===

/// Spans, and how many buckets they need.
fn spans() -> impl Strategy<Value = Vec<messages::BucketSpan>> {
    let span = (0i32..5, 0u32..6).prop_map(|(offset, length)| messages::BucketSpan { offset, length });
    vec(span, 0..4)
}

fn needed(spans: &[messages::BucketSpan]) -> usize {
    spans.iter().map(|span| span.length as usize).sum()
}

prop_compose! {
    /// Mostly sound ones: counts fit the spans, and the total fits the counts.
    fn sound()(
        positive_spans in spans(),
        negative_spans in spans(),
        counts in vec(0i64..1000, 40),
        (float, zero, hint) in (any::<bool>(), 0u64..9, 0i32..5),
        (schema, sum, zero_threshold) in (-4i32..9, any::<f64>(), 0.0f64..1.0),
        (timestamp, start_timestamp) in (any::<i64>(), any::<i64>()),
    ) -> messages::Histogram {
        let (positive, negative) = (needed(&positive_spans), needed(&negative_spans));
        let (positive, negative) = (&counts[..positive], &counts[positive..positive + negative]);
        let deltas = |counts: &[i64]| {
            let difference = |last: &mut i64, count: &i64| Some(count - std::mem::replace(last, *count));
            counts.iter().scan(0, difference).collect::<Vec<_>>()
        };
        let total = positive.iter().chain(negative).sum::<i64>() as u64 + zero;
        let head = messages::Histogram {
            sum, schema, zero_threshold, reset_hint: hint, timestamp, start_timestamp, ..Default::default()
        };
        let floats = |counts: &[i64]| counts.iter().map(|count| *count as f64).collect::<Vec<_>>();
        match float {
            true => messages::Histogram {
                count_float: total as f64 + 0.5,
                zero_count_float: zero as f64,
                positive_counts: floats(positive),
                negative_counts: floats(negative),
                positive_spans, negative_spans, ..head
            },
            false => messages::Histogram {
                count_int: total,
                zero_count_int: zero,
                positive_deltas: deltas(positive),
                negative_deltas: deltas(negative),
                positive_spans, negative_spans, ..head
            },
        }
    }
}

prop_compose! {
    /// Sound ones with something changed.
    fn damaged()(
        mut histogram in sound(),
        what in 0..10,
        (number, float) in (any::<i64>(), any::<f64>()),
        bounds in vec(any::<f64>(), 0..4),
    ) -> messages::Histogram {
        match what {
            0 => histogram.count_int = number as u64,
            1 => histogram.count_float = float,
            2 => histogram.positive_deltas.push(number),
            3 => histogram.negative_counts.push(float),
            4 => histogram.schema = number as i32,
            5 => histogram.custom_values = bounds,
            6 => (histogram.schema, histogram.custom_values) = (-53, bounds),
            7 => {
                // Buckets that nobody sent.
                let length = number.unsigned_abs() as u32 % 70_000;
                histogram.positive_spans.push(messages::BucketSpan { offset: 0, length });
            }
            8 => histogram.positive_spans.push(messages::BucketSpan { offset: number as i32, length: 0 }),
            _ => histogram.zero_count_float = float,
        }
        histogram
    }
}

proptest! {
    #[test]
    fn histograms_decode_to_what_a_generated_decoder_reads(
        histograms in vec(prop_oneof![sound(), sound(), damaged()], 1..6),
    ) {
        let bytes = body(&histograms);
        // The generated writer takes −0 for 0.
        let series = messages::WriteRequest::decode(&*bytes).unwrap().timeseries.remove(0);
        let batch = walk(&bytes).unwrap();
        let got = decode(&batch);
        let mut refused = 0;
        prop_assert_eq!(got.len(), histograms.len());
        for (got, message) in got.iter().zip(&series.histograms) {
            let want = expected(message);
            prop_assert_eq!(got.0, message.timestamp);
            // A fault may name a NaN.
            prop_assert_eq!(format!("{:?}", got.1), format!("{want:?}"));
            refused += u64::from(want.is_err());
        }
        let (valid, rejections) = batch.check_histograms(MAX_BUCKETS);
        prop_assert_eq!((valid, rejections.total()), (got.len() as u64 - refused, refused));
    }

    /// Whatever a walk lets through is decoded without a fault, and holds no more than its bytes warrant.
    #[test]
    fn damaged_bytes_are_decoded_if_they_are_walked(
        histogram in prop_oneof![sound(), damaged()],
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = body(&[histogram]);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let (Ok(batch), Ok(decoded)) = (walk(&bytes), messages::WriteRequest::decode(&*bytes)) {
            let messages = decoded.timeseries.first().map_or(0, |series| series.histograms.len());
            if batch.series.len() == 1 && decoded.timeseries.len() == 1 {
                prop_assert_eq!(decode(&batch).len(), messages);
            }
            let mut column = HistogramColumn::default();
            let mut scratch = HistogramScratch::default();
            let mut fields = batch.histograms(0);
            while fields.decode_next(&mut column, &mut scratch, MAX_BUCKETS).is_some() {}
            prop_assert!(column.cells() <= 2 * bytes.len(), "{} cells of {} bytes", column.cells(), bytes.len());
        }
    }
}

// === one by one ===

fn one() -> messages::Histogram {
    messages::Histogram {
        count_int: 6,
        sum: 3.5,
        zero_threshold: 0.001,
        positive_spans: vec![messages::BucketSpan { offset: 0, length: 3 }],
        positive_deltas: vec![1, 1, 1],
        timestamp: 7,
        ..Default::default()
    }
}

#[track_caller]
fn refused(histogram: messages::Histogram, why: &str, rejection: Rejection) {
    let (_, rejections) = walk(&body(&[one(), histogram])).unwrap().check_histograms(MAX_BUCKETS);
    assert_eq!(rejections.counts().collect::<Vec<_>>(), [(rejection, 1)], "{why}");
    assert_eq!(rejections.examples()[0].detail, format!("{why}: series {{\"__name__\"=\"h\"}} at 7 ms"));
}

#[test]
fn what_is_wrong_is_told() {
    use Rejection::{InvalidHistogram, TooManyBuckets};
    let span = |offset, length| messages::BucketSpan { offset, length };
    let count = "12 observations found in buckets, but the count field is 6";
    let mut wrong = one();
    wrong.positive_deltas = vec![3, 1, 1];
    refused(wrong, count, InvalidHistogram);
    let mut wrong = one();
    wrong.positive_spans = vec![span(0, 2)];
    refused(wrong, "positive side: spans need 2 buckets, have 3 buckets", InvalidHistogram);
    let mut wrong = one();
    wrong.negative_spans = vec![span(0, u32::MAX), span(0, u32::MAX)];
    refused(wrong, "negative side: spans need 8589934590 buckets, have 0 buckets", InvalidHistogram);
    refused(messages::Histogram { schema: 53, ..one() }, "invalid schema 53", InvalidHistogram);
    refused(messages::Histogram { schema: -5, ..one() }, "invalid schema -5", InvalidHistogram);
    let mut wrong = one();
    (wrong.positive_spans, wrong.positive_deltas) = (vec![span(0, 101)], vec![0; 101]);
    refused(wrong, "there are 101 buckets, 100 are allowed", TooManyBuckets);
    let many = messages::Histogram { schema: -53, custom_values: vec![1.0; 101], ..one() };
    refused(many, "there are 101 buckets, 100 are allowed", TooManyBuckets);
}

type Spans<'a> = &'a [(i32, u32)];

/// A histogram of whole or of broken numbers with these buckets, the positive ones first.
fn with(schema: i32, [positive, negative]: [Spans<'_>; 2], counts: &[i64], float: bool) -> messages::Histogram {
    let spans = |spans: Spans<'_>| {
        spans.iter().map(|(offset, length)| messages::BucketSpan { offset: *offset, length: *length }).collect()
    };
    let (positive_spans, negative_spans): (Vec<_>, Vec<_>) = (spans(positive), spans(negative));
    let (positive, negative) = counts.split_at(needed(&positive_spans));
    let total = counts.iter().sum::<i64>() + 1;
    let mut histogram = messages::Histogram { schema, positive_spans, negative_spans, ..one() };
    if float {
        let floats = |counts: &[i64]| counts.iter().map(|count| *count as f64 / 4.0).collect();
        (histogram.count_float, histogram.zero_count_float) = (total as f64, 1.0);
        (histogram.positive_counts, histogram.negative_counts) = (floats(positive), floats(negative));
        histogram.positive_deltas.clear();
    } else {
        let deltas = |counts: &[i64]| {
            counts.iter().scan(0, |last, count| Some(count - std::mem::replace(last, *count))).collect()
        };
        (histogram.count_int, histogram.zero_count_int) = (total.cast_unsigned(), 1);
        (histogram.positive_deltas, histogram.negative_deltas) = (deltas(positive), deltas(negative));
    }
    histogram
}

/// A histogram finer than schema 8 is as good as the one of schema 8 with its buckets added up.
#[test]
fn finer_histograms_are_made_coarser() {
    for float in [false, true] {
        for (schema, fine, fine_counts, coarse, coarse_counts) in [
            (9, [&[(1, 4)][..], &[]], &[1, 2, 3, 4][..], [&[(1, 2)][..], &[]], &[3, 7][..]),
            (9, [&[(1000, 2), (1, 1)], &[(5, 1)]], &[1, 2, 3, 4], [&[(500, 3)], &[(3, 1)]], &[1, 2, 3, 4]),
            (10, [&[(-3, 4), (7, 1)], &[]], &[1, 2, 3, 4, 5], [&[(0, 1), (1, 1)], &[]], &[10, 5]),
            (52, [&[(0, 3)], &[(-9, 2)]], &[1, 2, 3, 4, 5], [&[(0, 2)], &[(0, 1)]], &[1, 5, 9]),
            (12, [&[], &[]], &[], [&[], &[]], &[]),
            // A bucket below zero, and nothing wrong with what it is added to.
            (9, [&[(1, 2)], &[]], &[-1, 3], [&[(1, 1)], &[]], &[2]),
        ] {
            let want = with(8, coarse, coarse_counts, float);
            let batch = walk(&body(&[with(schema, fine, fine_counts, float), want.clone()])).unwrap();
            let [got, want] = <[_; 2]>::try_from(decode(&batch)).unwrap();
            assert!(want.1.is_ok());
            assert_eq!(got, want, "{schema} {fine:?}");
            assert_eq!(batch.check_histograms(MAX_BUCKETS).0, 2);
        }
    }
    let bounds = messages::Histogram { custom_values: vec![1.0], ..with(9, [&[], &[]], &[], false) };
    refused(bounds, "bounds are listed, but the schema is 9", Rejection::InvalidHistogram);
    let back = with(9, [&[(8, 1), (-3, 1)], &[]], &[1, 2], true);
    let why = "positive side: span number 2 with offset -3: span offset must be non-negative";
    refused(back, why, Rejection::InvalidHistogram);
    let mut short = with(9, [&[(1, 2)], &[]], &[1, 2], false);
    short.count_int = 1;
    let why = "4 observations found in buckets, but the count field is 1";
    refused(short, why, Rejection::InvalidHistogram);
}

/// What is beyond the buckets there may be is counted, and not kept.
#[test]
fn a_large_histogram_takes_little_memory() {
    const MANY: usize = 100_000;
    let spans = vec![messages::BucketSpan::default(); MANY];
    let deltas = vec![0; MANY];
    let counts = vec![0.0; MANY];
    let huge = [
        messages::Histogram { positive_spans: spans.clone(), ..one() },
        messages::Histogram { negative_spans: spans, ..one() },
        messages::Histogram { positive_deltas: deltas.clone(), ..one() },
        messages::Histogram { negative_deltas: deltas, ..one() },
        messages::Histogram { positive_counts: counts.clone(), count_float: 1.0, ..one() },
        messages::Histogram { negative_counts: counts.clone(), count_float: 1.0, ..one() },
        messages::Histogram { custom_values: counts, schema: -53, ..one() },
        one(),
    ];
    let batch = walk(&body(&huge)).unwrap();
    let (mut column, mut scratch) = (HistogramColumn::default(), HistogramScratch::default());
    let (mut fields, mut faults) = (batch.histograms(0), Vec::new());
    while let Some(decoded) = fields.decode_next(&mut column, &mut scratch, MAX_BUCKETS) {
        faults.push(decoded.err().map(|bad| bad.fault));
    }
    let limit = MAX_BUCKETS;
    let too_many = |buckets| Some(HistogramFault::TooMany { buckets, limit });
    let too_many_spans = |spans| Some(HistogramFault::TooManySpans { spans, limit });
    let many = MANY as u64;
    assert_eq!(
        faults,
        [
            too_many_spans(MANY),
            too_many_spans(MANY),
            too_many(many),
            too_many(many + 3),
            too_many(many),
            too_many(many),
            too_many(many),
            None,
        ]
    );
    assert_eq!(Rejection::TooManyBuckets, HistogramFault::TooManySpans { spans: MANY, limit }.rejection());
    // Seven lists, each of which may have grown to twice what it has.
    assert!(scratch.held_bytes() <= 7 * 2 * 8 * MAX_BUCKETS, "{} bytes", scratch.held_bytes());
    assert!(column.cells() <= 5);
}

/// Differences one by one, in two packs, and in both ways mixed.
#[test]
fn buckets_may_come_in_any_packing() {
    let [single, packed] = [vec![0x60, 2], vec![0x62, 1, 2]];
    for deltas in [[&single[..], &packed, &single].concat(), [&packed[..], &packed, &single].concat()] {
        let span = [0x5a, 2, 0x10, 3];
        let message = [&[0x08, 6][..], &span, &deltas].concat();
        let field = [&[0x22, message.len() as u8][..], &message].concat();
        let series = [&[0x0a, 0][..], &field].concat();
        let bytes = [&[0x0a, series.len() as u8][..], &series].concat();
        let batch = walk(&bytes).unwrap();
        let mut column = HistogramColumn::default();
        let decoded = batch.histograms(0).decode_next(&mut column, &mut HistogramScratch::default(), 9);
        assert_eq!(decoded, Some(Ok(HistogramAt { timestamp_ms: 0, row: 0 })));
        assert_eq!(column.get(0).unwrap().positive(), [1, 2, 3]);
    }
}

use super::*;
use model::{FloatHistogram, Numbers, ResetHint, Span};

/// A histogram of a schema, a zero threshold and custom bounds whose cells are the count, that of the zero bucket, and ascending
/// numbers, every fourth of them 0.
fn histogram(schema: i32, zero_threshold: f64, sides: [&[(i32, u32)]; 2], custom_bounds: &[f64]) -> FloatHistogram {
    let [positive, negative] =
        sides.map(|spans| spans.iter().map(|&(offset, length)| Span { offset, length }).collect::<Vec<_>>());
    let layout = HistogramLayout::new(schema, zero_threshold, positive, negative, custom_bounds.to_vec()).unwrap();
    let cells: Vec<u64> = (0..layout.cells()).map(|at| (at % 4) as f64 * 0.3).map(f64::to_bits).collect();
    let numbers = Numbers::Float;
    FloatHistogram::from_ref(HistogramRef {
        layout: &layout,
        hint: ResetHint::Unknown,
        numbers,
        cells: &cells,
        sum: 0.1,
    })
}

/// The text without anything kept.
fn plain(time_ms: i64, histogram: HistogramRef<'_>) -> String {
    let quoted = |number: f64| format!("\"{}\"", model::SampleFloat(number));
    let mut text = format!("[{}", time_ms / 1000);
    text += &format!(",{{\"count\":{}", quoted(histogram.numbers.value(histogram.count())));
    text += &format!(",\"sum\":{}", quoted(histogram.sum));
    let buckets = histogram.buckets().filter(|bucket| bucket.count != 0.0).map(|bucket| {
        let numbers = [bucket.lower, bucket.upper, bucket.count].map(quoted).join(",");
        format!("[{},{numbers}]", bucket.boundary_code())
    });
    let buckets: Vec<_> = buckets.collect();
    if !buckets.is_empty() {
        text += &format!(",\"buckets\":[{}]", buckets.join(","));
    }
    text + "}]"
}

/// Written in turn by one writer, all are what they are alone.
#[track_caller]
fn check(histograms: &[FloatHistogram]) {
    let mut writer = HistogramWriter::default();
    for time_ms in [1_000, 2_000, 3_000] {
        for histogram in histograms {
            let mut out = Vec::new();
            writer.push(time_ms, histogram.as_ref(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), plain(time_ms, histogram.as_ref()));
        }
    }
}

/// How many bounds of buckets are kept as `histogram` left them.
fn kept(writer: &HistogramWriter) -> usize {
    writer.kept.iter().filter(|kept| kept.key.is_some_and(|key| key.scale == writer.scale)).count()
}

const BOTH: [&[(i32, u32)]; 2] = [&[(-2, 5), (3, 9)], &[(-7, 3), (2, 8)]];

#[test]
fn all_schemas_one_after_the_other() {
    let all: Vec<_> = (-4..=8).map(|schema| histogram(schema, 1e-3, BOTH, &[])).collect();
    check(&all);
}

#[test]
fn far_from_zero_and_where_finite_numbers_end() {
    for schema in -4..=8 {
        let last = (1024_i64 << 8 >> (8 - schema)) as i32;
        let sides: [&[(i32, u32)]; 2] = [&[(-last - 50 * (schema + 5), 7), (last, 3)], &[(last - 3, 6)]];
        check(&[histogram(schema, 0.0, sides, &[])]);
    }
}

#[test]
fn other_zero_buckets_have_other_neighbours() {
    let thresholds = [0.0, -0.0, 1e-128, 0.4, 0.75, f64::NAN];
    check(&thresholds.map(|threshold| histogram(0, threshold, BOTH, &[])));
}

#[test]
fn custom_bounds_and_exponential_ones() {
    let custom = |bounds: &[f64]| histogram(model::CUSTOM_BUCKETS_SCHEMA, 0.0, [&[(0, 3), (1, 2)], &[]], bounds);
    let tiny = [-1.234_567_890_123_456_7e-6, 1.234_567_890_123_456_7e-6, 1.797_693_134_862_315_7e308];
    check(&[
        custom(&[1.0, 2.0, 5.0]),
        custom(&[1.0, 2.5, 5.0]),
        histogram(3, 0.0, BOTH, &[]),
        custom(&tiny),
        custom(&[]),
    ]);
}

#[test]
fn buckets_that_share_a_slot() {
    let far = SLOTS as i32;
    let sides: [&[(i32, u32)]; 2] = [&[(0, 3), (far - 3, 700)], &[(0, 3), (far / 2 - 3, 3)]];
    let (one, other) = (histogram(8, 0.5, sides, &[]), histogram(7, 0.5, [&[(SCHEMA_STRIDE, 9)], &[]], &[]));
    check(&[one, other]);
}

#[test]
fn nothing_in_any_bucket() {
    check(&[histogram(0, 0.0, [&[], &[]], &[])]);
}

#[test]
fn bounds_of_the_histogram_before_are_kept() {
    let mut writer = HistogramWriter::default();
    let (one, other) = (histogram(3, 0.0, BOTH, &[]), histogram(3, 0.5, BOTH, &[]));
    writer.push(0, one.as_ref(), &mut Vec::new());
    let buckets = one.as_ref().buckets().filter(|bucket| bucket.count != 0.0).count();
    assert_eq!(kept(&writer), buckets);
    let texts = |writer: &HistogramWriter| writer.kept.iter().map(|kept| kept.key).collect::<Vec<_>>();
    let before = texts(&writer);
    writer.push(0, one.as_ref(), &mut Vec::new());
    assert_eq!(texts(&writer), before);
    writer.push(0, other.as_ref(), &mut Vec::new());
    assert_eq!((writer.scale, kept(&writer)), (1, buckets));
}

use super::*;

#[test]
fn parts_of_a_metric_are_said_to_be_it() {
    use MetricKind::{Counter, Gauge, GaugeHistogram, Histogram, Summary, Unknown};
    for (name, kind, want) in [
        ("a_bucket", Histogram, "a"),
        ("a_count", Histogram, "a"),
        ("a_sum", Histogram, "a"),
        ("a", Histogram, "a"),
        ("a_bucket", GaugeHistogram, "a"),
        ("a_gcount", GaugeHistogram, "a"),
        ("a_gsum", GaugeHistogram, "a"),
        ("a_count", Summary, "a"),
        ("a_sum", Summary, "a"),
        ("a_bucket", Summary, "a_bucket"),
        ("a_count", Gauge, "a_count"),
        ("a_total", Counter, "a_total"),
        ("a_sum", Unknown, "a_sum"),
        ("_sum", Summary, "_sum"),
    ] {
        assert_eq!(family(name, kind), want, "{name} {kind:?}");
    }
}

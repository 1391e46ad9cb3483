use crate::{Format, Registry};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

type Labels = Vec<(&'static str, &'static str)>;

#[track_caller]
fn check(registry: &Registry, want: &str) {
    let text = String::from_utf8(registry.encode(Format::Text).unwrap()).unwrap();
    assert_eq!(text, want);
}

#[test]
fn names_and_help_appear_as_registered() {
    let registry = Registry::default();
    let counter: Counter = Counter::default();
    counter.inc_by(1_500_000);
    registry.register("b_total", "Counts things", counter);
    let gauge: Gauge = Gauge::default();
    gauge.set(-3);
    registry.register("a_bytes", "Ends in a full stop.", gauge);
    check(
        &registry,
        "# HELP a_bytes Ends in a full stop.\n# TYPE a_bytes gauge\na_bytes -3\n\
         # HELP b_total Counts things\n# TYPE b_total counter\nb_total 1.5e+06\n",
    );
}

#[test]
fn labels_are_sorted_escaped_and_left_out_when_empty() {
    let registry = Registry::default();
    let family: Family<Labels, Gauge> = Family::default();
    family.get_or_create(&vec![("z", "1"), ("a", "say \"x\\y\"\n"), ("m", "")]).set(1);
    family.get_or_create(&vec![("z", "0"), ("a", "")]).set(2);
    registry.register("g", "", family);
    check(&registry, "# TYPE g gauge\ng{a=\"say \\\"x\\\\y\\\"\\n\",z=\"1\"} 1\ng{z=\"0\"} 2\n");
}

#[test]
fn a_histogram_ends_in_infinity_once() {
    let registry = Registry::default();
    let histogram = Histogram::new([0.005, 1.0, 2e6]);
    [0.001, 0.5, 0.5, 3e6].into_iter().for_each(|value| histogram.observe(value));
    registry.register("h_seconds", "H", histogram);
    check(
        &registry,
        "# HELP h_seconds H\n# TYPE h_seconds histogram\nh_seconds_bucket{le=\"0.005\"} 1\nh_seconds_bucket{le=\"1\"} 3\n\
         h_seconds_bucket{le=\"2e+06\"} 3\nh_seconds_bucket{le=\"+Inf\"} 4\nh_seconds_sum 3.000001001e+06\nh_seconds_count 4\n",
    );
}

#[test]
fn a_name_registered_twice_is_one_family() {
    let registry = Registry::default();
    for component in ["query", "ingester"] {
        let family: Family<Labels, Gauge> = Family::default();
        family.get_or_create(&vec![("component", component)]).set(1);
        registry.register("up", "Is up.", family);
    }
    check(&registry, "# HELP up Is up.\n# TYPE up gauge\nup{component=\"ingester\"} 1\nup{component=\"query\"} 1\n");
}

#[derive(Debug)]
struct Seven;

impl Collector for Seven {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let seven = ConstCounter::new(7u64);
        seven.encode(encoder.encode_descriptor("seven_total", "Is seven.", None, seven.metric_type())?)
    }
}

#[test]
fn collectors_are_asked_each_time() {
    let registry = Registry::default();
    registry.register_collector(Box::new(Seven));
    check(&registry, "# HELP seven_total Is seven.\n# TYPE seven_total counter\nseven_total 7\n");
}

#[test]
fn protobuf_carries_the_same_names() {
    let registry = Registry::default();
    registry.register_collector(Box::new(Seven));
    let bytes = registry.encode(Format::Protobuf).unwrap();
    let name = bytes.windows(11).any(|window| window == b"seven_total");
    let doubled = bytes.windows(17).any(|window| window == b"seven_total_total");
    assert!(name && !doubled);
    assert_eq!(usize::from(bytes[0]) + 1, bytes.len(), "one message behind its length");
}

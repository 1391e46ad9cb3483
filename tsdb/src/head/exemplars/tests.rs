use super::{ExemplarFault, Exemplars};
use model::{ExemplarRef, Fingerprint, Labels, MatchOp, Matcher, TimeRange};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

struct Bench(Exemplars);

impl Bench {
    fn new(max: usize, late_window_ms: i64) -> Self {
        Self(Exemplars::new(max, late_window_ms))
    }

    fn add(&self, series: u8, timestamp_ms: i64, value: f64, trace: &str) -> Result<bool, ExemplarFault> {
        let text = labels(&[("trace_id", trace)]);
        let exemplar = ExemplarRef { labels: text.as_ref(), timestamp_ms, value };
        let name = labels(&[("__name__", "m"), ("id", &series.to_string())]);
        let append = |packed: &mut Vec<u8>| packed.extend_from_slice(name.as_ref().as_packed());
        self.0.append(Fingerprint(u128::from(series)), exemplar, append)
    }

    /// By series: times and traces.
    fn all(&self) -> Vec<(String, Vec<(i64, String)>)> {
        let text = |labels: &Labels, name: &[u8]| String::from_utf8(labels.get(name).unwrap_or_default().to_vec());
        let one = |e: &super::Exemplar| (e.timestamp_ms, text(&e.labels, b"trace_id").unwrap());
        let found = self.0.select(&[Vec::new()], TimeRange::ALL);
        found.iter().map(|s| (text(&s.labels, b"id").unwrap(), s.exemplars.iter().map(one).collect())).collect()
    }
}

fn series(id: u8, exemplars: &[(i64, &str)]) -> (String, Vec<(i64, String)>) {
    (id.to_string(), exemplars.iter().map(|&(t, trace)| (t, trace.to_owned())).collect())
}

#[test]
fn the_ring_keeps_the_last_to_come() {
    let bench = Bench::new(3, 0);
    for (id, at_ms) in [(1, 10), (2, 11), (1, 20), (3, 5), (2, 30)] {
        assert_eq!(bench.add(id, at_ms, 1.0, "x"), Ok(true));
    }
    assert_eq!(bench.all(), [series(1, &[(20, "x")]), series(2, &[(30, "x")]), series(3, &[(5, "x")])]);
    let in_order = bench.0.in_order().into_iter();
    let order: Vec<_> = in_order.map(|(fingerprint, exemplar)| (fingerprint.0, exemplar.timestamp_ms)).collect();
    assert_eq!(order, [(1, 20), (3, 5), (2, 30)]);
    for round in 0..10_000 {
        assert_eq!(bench.add(4, 100 + round, 1.0, &round.to_string()), Ok(true));
    }
    assert_eq!(bench.all(), [series(4, &[(10_097, "9997"), (10_098, "9998"), (10_099, "9999")])]);
    assert!(bench.0.size_bytes() < 20_000, "{}", bench.0.size_bytes());
}

#[test]
fn order_and_repeats_are_told_as_in_prometheus() {
    let bench = Bench::new(10, 0);
    assert_eq!(bench.add(1, 10, 2.0, "a"), Ok(true));
    assert_eq!(bench.add(1, 10, 2.0, "a"), Ok(false));
    assert_eq!(bench.add(1, 9, 2.0, "a"), Err(ExemplarFault::OutOfOrder));
    assert_eq!(bench.add(1, 10, 1.0, "a"), Err(ExemplarFault::OutOfOrder));
    assert_eq!(bench.add(1, 10, 3.0, "a"), Ok(true));
    // Of equal values one order of labels is right, the other is not.
    let (one, other) = (labels(&[("trace_id", "a")]), labels(&[("trace_id", "b")]));
    let rises = one.as_ref().packed_hash() < other.as_ref().packed_hash();
    assert_eq!(bench.add(1, 10, 3.0, "b"), if rises { Ok(true) } else { Err(ExemplarFault::OutOfOrder) });
    assert_eq!(bench.add(2, 9, 2.0, "a"), Ok(true));
    assert_eq!(bench.add(1, 11, f64::NAN, "a"), Ok(true));
    assert_eq!(bench.add(1, 11, f64::NAN, "a"), Ok(false));
}

#[test]
fn late_ones_take_their_place_within_the_window() {
    let bench = Bench::new(4, 10);
    for (at_ms, trace) in [(100, "c"), (95, "a"), (97, "b")] {
        assert_eq!(bench.add(1, at_ms, 1.0, trace), Ok(true));
    }
    assert_eq!(bench.add(1, 97, 1.0, "other"), Ok(false));
    assert_eq!(bench.add(1, 90, 1.0, "old"), Err(ExemplarFault::OutOfOrder));
    assert_eq!(bench.all(), [series(1, &[(95, "a"), (97, "b"), (100, "c")])]);
    assert_eq!(bench.add(1, 91, 1.0, "first"), Ok(true));
    // The place taken next is that of the newest by time, behind which this one belongs.
    assert_eq!(bench.add(1, 101, 1.0, "d"), Ok(true));
    assert_eq!(bench.all(), [series(1, &[(91, "first"), (95, "a"), (97, "b"), (101, "d")])]);
    // Now it is that of the one before.
    assert_eq!(bench.add(1, 96, 1.0, "e"), Ok(true));
    assert_eq!(bench.all(), [series(1, &[(91, "first"), (96, "e"), (97, "b"), (101, "d")])]);
}

#[test]
fn a_ring_of_one_holds_the_last() {
    let bench = Bench::new(1, 0);
    for at_ms in 0..10 {
        assert_eq!(bench.add(1, at_ms, 1.0, "x"), Ok(true));
        assert_eq!(bench.all(), [series(1, &[(at_ms, "x")])]);
    }
    assert_eq!(bench.add(2, 0, 1.0, "y"), Ok(true));
    assert_eq!(bench.all(), [series(2, &[(0, "y")])]);
}

#[test]
fn labels_are_measured_in_characters() {
    let bench = Bench::new(4, 0);
    // 8 in the name.
    assert_eq!(bench.add(1, 1, 1.0, &"\u{e9}".repeat(120)), Ok(true));
    assert_eq!(bench.add(1, 2, 1.0, &"\u{e9}".repeat(121)), Err(ExemplarFault::LabelsTooLong));
}

#[test]
fn matchers_and_range_select() {
    let bench = Bench::new(10, 0);
    for (id, at_ms) in [(2, 10), (1, 20), (3, 30), (2, 40)] {
        assert_eq!(bench.add(id, at_ms, 1.0, "x"), Ok(true));
    }
    let id = |value: &str| vec![Matcher::new(MatchOp::Equal, "id", value).unwrap()];
    let select = |sets: &[Vec<Matcher>], from_ms, to_ms| {
        let found = bench.0.select(sets, TimeRange::new(from_ms, to_ms).unwrap());
        let times = |s: &super::ExemplarSeries| s.exemplars.iter().map(|e| e.timestamp_ms).collect::<Vec<_>>();
        found.iter().flat_map(times).collect::<Vec<_>>()
    };
    assert_eq!(select(&[id("1"), id("2")], 0, 100), [20, 10, 40]);
    assert_eq!(select(&[id("1"), id("2")], 11, 39), [20]);
    assert_eq!(select(&[], 0, 100), [0; 0]);
    assert_eq!(select(&[Vec::new()], 30, 30), [30]);
}

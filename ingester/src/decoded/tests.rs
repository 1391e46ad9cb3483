//! Batches of all kinds of samples, decoded and appended to a head that writes down what it is given.

use super::*;
use crate::append::{AppendTo, Naming, NotTaken, Source, append};
use crate::wire_cache::WireCache;
use bytes::Bytes;
use model::{Fingerprint, Fingerprinter};
use parking_lot::Mutex;
use proto::{LabelLimits, count_rows};
use std::collections::BTreeSet;
use std::convert::Infallible;
use tsdb::{AppendSource, Appended};

const T: i64 = 1_755_388_800_000;

/// Takes everything of series it knows, and writes it down by the row's number in its samples.
#[derive(Debug, Default)]
struct Recording {
    known: BTreeSet<u128>,
    lines: Vec<String>,
    passes: usize,
    /// The most that was decoded for one pass.
    most_bytes: usize,
}

impl AppendTo for Recording {
    type Error = Infallible;

    fn append(&mut self, source: &Source<'_>) -> Result<Appended, Infallible> {
        self.passes += 1;
        self.most_bytes = self.most_bytes.max(source.decoded_bytes());
        let mut appended = Appended::default();
        for index in 0..source.len() {
            let Fingerprint(name) = source.fingerprint(index);
            let brings = source.samples(index).count() + source.histograms(index).count();
            match source.labels(index) {
                Some(_) if brings > 0 => _ = self.known.insert(name),
                None if !self.known.contains(&name) => appended.missed.push(u32::try_from(index).unwrap()),
                Some(_) | None => {}
            }
            if !self.known.contains(&name) {
                continue;
            }
            for (timestamp_ms, value) in source.samples(index) {
                self.lines.push(format!("{} = {value}", timestamp_ms - T));
                appended.accepted += 1;
            }
            for (timestamp_ms, histogram) in source.histograms(index) {
                self.lines.push(format!("{} = {:?}", timestamp_ms - T, histogram.cells.get(..3)));
                appended.histograms += 1;
            }
            for exemplar in source.exemplars(index) {
                self.lines.push(format!("{} ~ {:?} {}", exemplar.timestamp_ms - T, exemplar.labels, exemplar.value));
                appended.exemplars += 1;
            }
            if let Some(said) = source.metadata(index) {
                self.lines.push(format!("{:?} {:?}", said.kind, String::from_utf8_lossy(said.help)));
            }
        }
        Ok(appended)
    }

    fn series(&self) -> u64 {
        self.known.len() as u64
    }
}

// === messages by hand ===

fn field(number: u8, message: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(message.len()).unwrap()][..], message].concat()
}

fn uvarint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn at(key: u8, step: i64) -> Vec<u8> {
    [vec![key], uvarint((T + step) as u64)].concat()
}

fn label(name: &str, value: &str) -> Vec<u8> {
    field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat())
}

fn float(step: i64) -> Vec<u8> {
    field(2, &[&[0x09][..], &1f64.to_le_bytes(), &at(0x10, step)].concat())
}

/// A histogram of `count` observations in `buckets` buckets, all of them in the first.
fn histogram(step: i64, count: u8, buckets: u8) -> Vec<u8> {
    let deltas = [&[2 * count, 2 * count - 1][..], &[0; 30][..usize::from(buckets) - 2]].concat();
    let message = [&[0x08, count, 0x5a, 2, 0x10, buckets][..], &field(12, &deltas), &at(0x78, step)].concat();
    field(4, &message)
}

fn exemplar(step: i64, labels: &[Vec<u8>]) -> Vec<u8> {
    field(3, &[&labels.concat()[..], &[0x11], &2f64.to_le_bytes(), &at(0x18, step)].concat())
}

fn series(name: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    let message = [&label("__name__", name)[..], &fields.concat()].concat();
    [vec![0x0a], uvarint(message.len() as u64), message].concat()
}

// === appending them ===

const DECODING: Decoding = Decoding { max_buckets: 20, keeps_exemplars: true, window_bytes: WINDOW_BYTES };

fn taken(head: &mut Recording, body: &[u8], decoding: Decoding) -> Result<crate::append::Taken, NotTaken<Infallible>> {
    taken_with(head, body, decoding, &mut Decoded::default())
}

fn taken_with(
    head: &mut Recording,
    body: &[u8],
    decoding: Decoding,
    decoded: &mut Decoded,
) -> Result<crate::append::Taken, NotTaken<Infallible>> {
    let fingerprinter = Fingerprinter::new([9; 192]);
    let rows = count_rows(body).unwrap();
    let (batch, _) = WriteBatch::walk(Bytes::copy_from_slice(body), rows, &fingerprinter, T).unwrap();
    let cache = Mutex::new(WireCache::default());
    let naming = Naming { fingerprinter: &fingerprinter, limits: LabelLimits::default(), cache: &cache };
    append(&batch, &naming, decoding, decoded, head)
}

#[test]
fn all_kinds_reach_the_head() {
    let said = field(15, &[&[0x08, 3][..], &field(4, b"help")].concat());
    let trace = [label("trace_id", "x"), label("a", "b")];
    let body = [
        series("f", &[float(1), exemplar(1, &trace), exemplar(2, &[])]),
        series("h", &[histogram(1, 3, 2), histogram(2, 4, 3), said]),
        series("both", &[float(5), histogram(6, 1, 2)]),
    ]
    .concat();
    let mut head = Recording::default();
    let taken = taken(&mut head, &body, DECODING).unwrap_or_else(|_| panic!("not taken"));
    assert_eq!((taken.accepted, taken.histograms, taken.exemplars, taken.rejections.total()), (2, 3, 2, 0));
    assert_eq!(
        head.lines,
        [
            "1 = 1",
            r#"1 ~ {a="b", trace_id="x"} 2"#,
            "2 ~ {} 2",
            "1 = Some([3, 0, 3])",
            "2 = Some([4, 0, 4])",
            r#"Histogram "help""#,
            "5 = 1",
            "6 = Some([1, 0, 1])",
        ]
    );
}

#[test]
fn what_is_invalid_is_left_out_and_told() {
    let twice = [label("a", "b"), label("a", "c")];
    let wrong = field(4, &[0x08, 7]);
    let body = [
        series("f", &[float(1), exemplar(1, &twice), exemplar(2, &[])]),
        series("h", &[histogram(1, 3, 2), wrong.clone(), histogram(2, 4, 21), histogram(3, 5, 20)]),
        // Nothing in it is valid, so there is nothing to create a series for.
        series("g", &[wrong]),
        series("e", &[exemplar(1, &[])]),
    ]
    .concat();
    let mut head = Recording::default();
    let taken = taken(&mut head, &body, DECODING).unwrap_or_else(|_| panic!("not taken"));
    assert_eq!((taken.accepted, taken.histograms, taken.exemplars, head.known.len()), (1, 2, 1, 2));
    let counts: Vec<_> = taken.rejections.counts().collect();
    let want = [(Rejection::InvalidHistogram, 2), (Rejection::TooManyBuckets, 1), (Rejection::InvalidExemplar, 1)];
    assert_eq!(counts, want);
    let told: Vec<_> = taken.rejections.examples().iter().map(|told| &*told.detail).collect();
    let count = "0 observations found in buckets, but the count field is 7: series {\"__name__\"=\"h\"} at 0 ms";
    let buckets = format!("there are 21 buckets, 20 are allowed: series {{\"__name__\"=\"h\"}} at {} ms", T + 2);
    let labels = r#"label name "a" occurs more than once: an exemplar of series {"__name__"="f"}"#;
    assert_eq!(told[..3], [labels, count, &buckets]);
}

#[test]
fn exemplars_that_nobody_keeps_count_as_taken() {
    let body = series("f", &[float(1), exemplar(1, &[]), exemplar(0, &[label("", "")])]);
    let mut head = Recording::default();
    let decoding = Decoding { keeps_exemplars: false, ..DECODING };
    let taken = taken(&mut head, &body, decoding).unwrap_or_else(|_| panic!("not taken"));
    assert_eq!((taken.exemplars, taken.rejections.total(), head.lines.len()), (2, 0, 1));
}

/// Histograms beyond the memory of a window go in by the next, wherever the border falls; floats go in once.
#[test]
fn windows_split_a_batch_anywhere() {
    let rows: Vec<_> = (0..4u8)
        .map(|row| {
            let step = i64::from(row) * 100;
            let histograms = (0..row * 3).map(|number| histogram(step + 1 + i64::from(number), number + 1, 2));
            let fields: Vec<_> = std::iter::once(float(step)).chain(histograms).chain([exemplar(step, &[])]).collect();
            series(&format!("s{row}"), &fields)
        })
        .collect();
    let body = rows.concat();
    let mut all = Recording::default();
    taken(&mut all, &body, DECODING).unwrap_or_else(|_| panic!("not taken"));
    assert_eq!((all.lines.len(), all.passes), (4 + 18 + 4, 2));
    all.lines.sort();
    // Each histogram takes 4 cells and more; the last exemplar is the last thing.
    let whole = 18 * (4 * 8 + HISTOGRAM_BYTES);
    for window_bytes in (1..2 * whole).step_by(7) {
        let mut head = Recording::default();
        let taken = taken(&mut head, &body, Decoding { window_bytes, ..DECODING });
        let taken = taken.unwrap_or_else(|_| panic!("not taken"));
        assert_eq!((taken.accepted, taken.histograms, taken.exemplars), (4, 18, 4));
        let histograms = head.lines.iter().filter(|line| line.contains("Some"));
        assert!(histograms.map(|line| line.split(' ').next().unwrap().parse::<i64>().unwrap()).is_sorted());
        head.lines.sort();
        assert_eq!(head.lines, all.lines, "{window_bytes} bytes");
        assert!(head.passes > 2 || window_bytes > whole, "{window_bytes} bytes");
    }
}

/// Ten thousand exemplars of one series, and a thousand layouts: a window holds some of them, and afterwards nothing is kept
/// of all that memory.
#[test]
fn windows_end_by_exemplars_and_layouts() {
    let trace = label("trace_id", "0123456789abcdef0123456789abcdef");
    let exemplars: Vec<_> = (0..10_000).map(|step| exemplar(step, std::slice::from_ref(&trace))).collect();
    let spans = |offset: u8| {
        // Many spans of nothing, and one bucket.
        let spans = [&[0x5a, 0].repeat(18)[..], &[0x5a, 4, 0x08, 2 * offset, 0x10, 1]].concat();
        let message = [&[0x08, 1][..], &spans, &[0x62, 1, 2], &at(0x78, 0)].concat();
        field(4, &message)
    };
    let layouts: Vec<_> = (0..10_000).map(|number| spans((number % 60) as u8)).collect();
    for (fields, kinds) in [(exemplars, [1, 0, 10_000]), (layouts, [1, 10_000, 0])] {
        let body = series("s", &[&[float(0)][..], &fields].concat());
        let (mut head, mut decoded) = (Recording::default(), Decoded::default());
        let decoding = Decoding { window_bytes: 64 << 10, ..DECODING };
        let taken = taken_with(&mut head, &body, decoding, &mut decoded).unwrap_or_else(|_| panic!("not taken"));
        assert_eq!([taken.accepted, taken.histograms, taken.exemplars], kinds);
        assert!(head.passes > 10, "{} passes", head.passes);
        assert!(head.most_bytes < 65 << 10, "{} bytes", head.most_bytes);
    }
}

/// After a batch that needed much, what one thread keeps is little.
#[test]
fn memory_is_given_back() {
    let trace = label("trace_id", "0123456789abcdef0123456789abcdef");
    let exemplars: Vec<_> = (0..40_000).map(|step| exemplar(step, std::slice::from_ref(&trace))).collect();
    let body = series("s", &[&[float(0)][..], &exemplars].concat());
    let mut decoded = Decoded::default();
    taken_with(&mut Recording::default(), &body, DECODING, &mut decoded).unwrap_or_else(|_| panic!("not taken"));
    let kept = decoded.packed.capacity() + decoded.exemplars.capacity() * size_of::<PackedExemplar>();
    assert!(kept <= KEPT_BYTES, "{kept} bytes");
}

/// A row that is split over windows is one row, and what it says of exemplars that nobody keeps counts if it is stored.
#[test]
fn a_row_whose_labels_are_none_is_refused_once() {
    let histograms: Vec<_> = (0..20).map(|step| histogram(step, 1, 2)).collect();
    let fields = [&[label("a", "b"), label("a", "c")][..], &histograms, &[exemplar(1, &[]), exemplar(2, &[])]].concat();
    let body = [series("bad", &fields), series("good", &[float(1), exemplar(1, &[])])].concat();
    for window_bytes in [100, 1000, WINDOW_BYTES] {
        let decoding = Decoding { window_bytes, keeps_exemplars: false, ..DECODING };
        let taken = taken(&mut Recording::default(), &body, decoding).unwrap_or_else(|_| panic!("not taken"));
        assert_eq!(
            taken.rejections.counts().collect::<Vec<_>>(),
            [(Rejection::InvalidLabels, 1)],
            "{window_bytes} bytes"
        );
        assert_eq!((taken.accepted, taken.histograms, taken.exemplars), (1, 0, 1), "{window_bytes} bytes");
    }
}

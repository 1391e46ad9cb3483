//! Histograms as tests write them.

use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, HistogramLayout, HistogramRef, Numbers, ResetHint, Span};
use std::fmt::Write;

/// A histogram from a text such as `s2 c10 x5.5 z1@0.001 p-1:1,2 4:3 n0:1 hreset`: schema, count, sum, zero count and
/// threshold, positive and negative spans (each the index it begins at and its counts), hint. `b1,2.5` are custom bounds.
#[track_caller]
pub(super) fn histogram(text: &str) -> FloatHistogram {
    let (mut schema, mut threshold, mut hint, mut sum) = (0, 0.0, ResetHint::Unknown, 0.0);
    let (mut count, mut zero_count) = (0.0, 0.0);
    let mut bounds = Vec::new();
    let mut sides = [Side::default(), Side::default()];
    let mut side = 0;
    for word in text.split_whitespace() {
        let (letter, rest) = word.split_at(1);
        match letter {
            "s" => schema = rest.parse().unwrap(),
            "c" => count = number(rest),
            "x" => sum = number(rest),
            "z" => {
                let (at, width) = rest.split_once('@').unwrap_or((rest, "0"));
                (zero_count, threshold) = (number(at), number(width));
            }
            "b" => (schema, bounds) = (CUSTOM_BUCKETS_SCHEMA, numbers(rest).collect()),
            "h" => hint = *HINTS.iter().find(|(_, name)| *name == rest).map(|(hint, _)| hint).unwrap(),
            "p" | "n" => {
                side = usize::from(letter == "n");
                sides[side].span(rest);
            }
            _ => sides[side].span(word),
        }
    }
    let [positive, negative] = sides;
    let cells = [count, zero_count].into_iter().chain(positive.counts).chain(negative.counts).map(f64::to_bits);
    let layout = HistogramLayout::new(schema, threshold, positive.spans, negative.spans, bounds).unwrap();
    let cells: Vec<u64> = cells.collect();
    FloatHistogram::from_ref(HistogramRef { layout: &layout, hint, numbers: Numbers::Float, cells: &cells, sum })
}

/// The text that [`histogram`] reads.
pub(super) fn text(histogram: &FloatHistogram) -> String {
    let view = histogram.as_ref();
    let layout = view.layout;
    let mut text = match layout.has_custom_buckets() {
        true => {
            let bounds: Vec<_> = layout.custom_bounds().iter().map(f64::to_string).collect();
            format!("b{}", bounds.join(","))
        }
        false => format!("s{}", layout.schema()),
    };
    write!(text, " c{} x{}", histogram.count(), histogram.sum()).unwrap();
    // With custom buckets there is none, whatever became of its count.
    if !layout.has_custom_buckets() && (histogram.zero_count() != 0.0 || layout.zero_threshold() != 0.0) {
        write!(text, " z{}", histogram.zero_count()).unwrap();
        if layout.zero_threshold() != 0.0 {
            write!(text, "@{}", layout.zero_threshold()).unwrap();
        }
    }
    for (letter, spans, cells) in [('p', layout.positive(), view.positive()), ('n', layout.negative(), view.negative())]
    {
        let (mut index, mut cells) = (0_i64, cells.iter());
        for (number, span) in spans.iter().enumerate() {
            index += i64::from(span.offset);
            let counts: Vec<_> =
                cells.by_ref().take(span.length as usize).map(|cell| f64::from_bits(*cell).to_string()).collect();
            write!(
                text,
                " {}{index}:{}",
                if number == 0 { letter.to_string() } else { String::new() },
                counts.join(",")
            )
            .unwrap();
            index += i64::from(span.length);
        }
    }
    for (_, name) in HINTS.iter().filter(|(hint, _)| *hint == histogram.hint()) {
        write!(text, " h{name}").unwrap();
    }
    text
}

const HINTS: [(ResetHint, &str); 3] =
    [(ResetHint::Reset, "reset"), (ResetHint::NotReset, "kept"), (ResetHint::Gauge, "gauge")];

#[derive(Default)]
struct Side {
    spans: Vec<Span>,
    counts: Vec<f64>,
    end: i64,
}

impl Side {
    /// Adds the span of a text such as `-1:1,2`.
    #[track_caller]
    fn span(&mut self, text: &str) {
        let (index, counts) = text.split_once(':').unwrap();
        let index: i64 = index.parse().unwrap();
        let before = self.counts.len();
        self.counts.extend(numbers(counts));
        let length = self.counts.len() - before;
        self.spans.push(Span { offset: (index - self.end) as i32, length: length as u32 });
        self.end = index + length as i64;
    }
}

#[track_caller]
fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn numbers(text: &str) -> impl Iterator<Item = f64> {
    text.split(',').filter(|number| !number.is_empty()).map(number)
}

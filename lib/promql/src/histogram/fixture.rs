//! Native histograms as tests write them.

use model::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, HistogramLayout, HistogramRef, Numbers, ResetHint, Span};

/// A histogram from a text such as `s2 c10 x5.5 z1@0.001 p-1:1,2 4:3 n0:1`: schema, count, sum, zero count and threshold,
/// positive and negative spans (each the index it begins at and its counts). `b1,2.5` are custom bounds.
#[track_caller]
pub(crate) fn histogram(text: &str) -> FloatHistogram {
    let (mut schema, mut threshold, mut sum) = (0, 0.0, 0.0);
    let mut counts = [0.0, 0.0];
    let mut bounds = Vec::new();
    let mut sides = [Side::default(), Side::default()];
    let mut side = 0;
    for word in text.split_whitespace() {
        let (letter, rest) = word.split_at(1);
        match letter {
            "s" => schema = rest.parse().unwrap(),
            "c" => counts[0] = rest.parse().unwrap(),
            "x" => sum = rest.parse().unwrap(),
            "z" => {
                let (count, width) = rest.split_once('@').unwrap_or((rest, "0"));
                (counts[1], threshold) = (count.parse().unwrap(), width.parse().unwrap());
            }
            "b" => (schema, bounds) = (CUSTOM_BUCKETS_SCHEMA, numbers(rest).collect()),
            "p" | "n" => {
                side = usize::from(letter == "n");
                sides[side].span(rest);
            }
            _ => sides[side].span(word),
        }
    }
    let [positive, negative] = sides;
    let cells = counts.into_iter().chain(positive.counts).chain(negative.counts).map(f64::to_bits);
    let layout = HistogramLayout::new(schema, threshold, positive.spans, negative.spans, bounds).unwrap();
    let cells: Vec<u64> = cells.collect();
    let (hint, numbers) = (ResetHint::Unknown, Numbers::Float);
    FloatHistogram::from_ref(HistogramRef { layout: &layout, hint, numbers, cells: &cells, sum })
}

#[derive(Default)]
struct Side {
    spans: Vec<Span>,
    counts: Vec<f64>,
    end: i32,
}

impl Side {
    /// Adds the span of a text such as `-1:1,2`.
    fn span(&mut self, text: &str) {
        let (index, counts) = text.split_once(':').unwrap();
        let index: i32 = index.parse().unwrap();
        let before = self.counts.len();
        self.counts.extend(numbers(counts));
        let length = (self.counts.len() - before) as u32;
        self.spans.push(Span { offset: index - self.end, length });
        self.end = index.wrapping_add_unsigned(length);
    }
}

fn numbers(text: &str) -> impl Iterator<Item = f64> {
    text.split(',').map(|number| number.parse().unwrap())
}

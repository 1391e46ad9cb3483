//! Native histograms as JSON.

use super::number::{push_time, push_value};
use model::{BucketPlace, HistogramLayout, HistogramRef};

/// Writes histograms, one after the other. Two of the three numbers of a bucket are its bounds, and they are those of the
/// histogram before: their text is kept and copied.
#[derive(Debug, Default)]
pub(crate) struct HistogramWriter {
    zero_threshold: f64,
    custom_bounds: Vec<f64>,
    /// Counts how often threshold or bounds became others: texts of before are no good any more.
    scale: u64,
    /// [`SLOTS`] texts, each where its key puts it instead of the one that was there, and that of the zero bucket; none before
    /// the first histogram.
    kept: Vec<BoundsText>,
}

/// Histograms have up to some 160 buckets; one of two sides, with neighbours of another schema, finds room.
const SLOTS: usize = 512;

/// So far apart are the same indices of schemas that follow each other.
const SCHEMA_STRIDE: i32 = 64;

/// Up to the count of a bucket, `[0,"0.5","1","`: no number has more than 25 characters.
const TEXT_BYTES: usize = 63;

#[derive(Debug, Clone)]
struct BoundsText {
    /// `None`: nothing is kept here.
    key: Option<Key>,
    length: u8,
    text: [u8; TEXT_BYTES],
}

/// What the bounds of a bucket follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    scale: u64,
    schema: i32,
    place: BucketPlace,
}

impl HistogramWriter {
    /// Appends `[time, {"count": …, "sum": …, "buckets": …}]`, without buckets in which there is nothing.
    pub(crate) fn push(&mut self, time_ms: i64, histogram: HistogramRef<'_>, out: &mut Vec<u8>) {
        self.take_scale(histogram.layout);
        out.push(b'[');
        push_time(time_ms, out);
        out.extend_from_slice(b",{\"count\":\"");
        push_value(histogram.numbers.value(histogram.count()), out);
        out.extend_from_slice(b"\",\"sum\":\"");
        push_value(histogram.sum, out);
        out.push(b'"');
        let mut before = &b",\"buckets\":["[..];
        for (place, count) in histogram.bucket_places().filter(|(_, count)| *count != 0.0) {
            out.extend_from_slice(before);
            before = b",";
            self.push_bounds(histogram.layout, place, out);
            push_value(count, out);
            out.extend_from_slice(b"\"]");
        }
        if before == b"," {
            out.push(b']');
        }
        out.extend_from_slice(b"}]");
    }

    /// Keeps texts only if they are those of `layout`'s threshold and bounds.
    fn take_scale(&mut self, layout: &HistogramLayout) {
        let same = |one: &[f64], other: &[f64]| {
            one.iter().map(|bound| bound.to_bits()).eq(other.iter().map(|bound| bound.to_bits()))
        };
        if self.kept.is_empty() {
            self.kept.resize(SLOTS + 1, BoundsText { key: None, length: 0, text: [0; TEXT_BYTES] });
        }
        if !same(&[layout.zero_threshold()], &[self.zero_threshold])
            || !same(layout.custom_bounds(), &self.custom_bounds)
        {
            self.zero_threshold = layout.zero_threshold();
            self.custom_bounds.clear();
            self.custom_bounds.extend_from_slice(layout.custom_bounds());
            self.scale += 1;
        }
    }

    /// Appends what stands in front of the count of the bucket at `place`.
    #[inline]
    fn push_bounds(&mut self, layout: &HistogramLayout, place: BucketPlace, out: &mut Vec<u8>) {
        let key = Key { scale: self.scale, schema: layout.schema(), place };
        let kept = &mut self.kept[key.slot()];
        if kept.key == Some(key) {
            kept.append_to(out);
        } else {
            let start = out.len();
            print_bounds(layout, place, out);
            kept.keep(key, &out[start..]);
        }
    }
}

fn print_bounds(layout: &HistogramLayout, place: BucketPlace, out: &mut Vec<u8>) {
    let bucket = layout.bucket(place, 0.0);
    out.extend_from_slice(&[b'[', b'0' + bucket.boundary_code(), b',', b'"']);
    for bound in [bucket.lower, bucket.upper] {
        push_value(bound, out);
        out.extend_from_slice(b"\",\"");
    }
}

impl Key {
    /// Neighbours have neighbouring slots; that of the zero bucket is behind all others.
    fn slot(self) -> usize {
        let side = match self.place {
            BucketPlace::Positive(index) => index,
            BucketPlace::Negative(index) => index.wrapping_add((SLOTS / 2) as i32),
            BucketPlace::Zero => return SLOTS,
        };
        side.wrapping_add(self.schema.wrapping_mul(SCHEMA_STRIDE)) as usize % SLOTS
    }
}

impl BoundsText {
    fn keep(&mut self, key: Key, text: &[u8]) {
        if let Some(room) = self.text.get_mut(..text.len()) {
            room.copy_from_slice(text);
            (self.key, self.length) = (Some(key), text.len() as u8);
        }
    }

    /// Copies all there is room for, as that is of one size, and drops what is too much.
    fn append_to(&self, out: &mut Vec<u8>) {
        let end = out.len() + usize::from(self.length);
        out.extend_from_slice(&self.text);
        out.truncate(end);
    }
}

#[cfg(test)]
mod tests;

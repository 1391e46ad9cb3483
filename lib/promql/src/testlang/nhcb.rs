//! Histograms with custom buckets made of classic ones, as `load_with_nhcb` does.

#[cfg(test)]
mod tests;

use crate::number;
use model::{ClassicHistogram, FloatHistogram, InvalidClassicHistogram, Labels, METRIC_NAME};
use std::collections::BTreeMap;

/// Classic histograms being put together: by what their series have in common, then by time.
#[derive(Debug, Default)]
pub(super) struct Families(BTreeMap<Labels, BTreeMap<i64, ClassicHistogram>>);

/// The labels of a family, and its histograms with their times.
pub(super) type Family = (Labels, Vec<(i64, FloatHistogram)>);

/// What a series says of its family.
#[derive(Debug, Clone, Copy)]
enum Part {
    Bucket(f64),
    Count,
    Sum,
}

/// A series whose name ends with `_bucket` has no bound.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a series called {0} has no label \"le\"")]
pub(super) struct NoBound(String);

impl Families {
    /// Takes the floats of a series, if it belongs to a classic histogram.
    ///
    /// # Errors
    /// A bucket without a bound.
    pub(super) fn add(&mut self, labels: &Labels, floats: impl Iterator<Item = (i64, f64)>) -> Result<(), NoBound> {
        let name = labels.get(METRIC_NAME).unwrap_or_default();
        let (base, part) = if let Some(base) = name.strip_suffix(b"_bucket") {
            let Some(le) = labels.get(b"le") else { return Err(NoBound(String::from_utf8_lossy(name).into_owned())) };
            match number::parse(le).filter(|bound| !bound.is_nan()) {
                Some(bound) => (base, Part::Bucket(bound)),
                None => return Ok(()),
            }
        } else if let Some(base) = name.strip_suffix(b"_sum") {
            (base, Part::Sum)
        } else if let Some(base) = name.strip_suffix(b"_count") {
            (base, Part::Count)
        } else {
            return Ok(());
        };
        let mut common = labels.edit();
        common.set(METRIC_NAME, base);
        common.remove(b"le");
        // What is left of a valid set is valid.
        let Ok(common) = common.build() else { return Ok(()) };
        let by_time = self.0.entry(common).or_default();
        for (at, value) in floats {
            let classic = by_time.entry(at).or_default();
            // What is wrong is remembered, and told in the end.
            let _told_later = match part {
                Part::Bucket(bound) => classic.set_bucket(bound, value),
                Part::Count => classic.set_count(value),
                Part::Sum => {
                    classic.set_sum(value);
                    Ok(())
                }
            };
        }
        Ok(())
    }

    /// The histograms of each family, in order of time.
    ///
    /// # Errors
    /// Counts that contradict each other.
    pub(super) fn finish(self) -> Result<Vec<Family>, InvalidClassicHistogram> {
        let convert = |(at, classic): (i64, ClassicHistogram)| Ok((at, classic.convert()?.0));
        let family = |(labels, by_time): (Labels, BTreeMap<i64, ClassicHistogram>)| {
            Ok((labels, by_time.into_iter().map(convert).collect::<Result<_, InvalidClassicHistogram>>()?))
        };
        self.0.into_iter().map(family).collect()
    }
}

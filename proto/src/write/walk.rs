//! The borrowed walk over a remote write 1.0 body.
//!
//! On the way nothing is copied: a series becomes the slice of its labels, the slice of its samples, and the keyed hash
//! of the former. Labels are stepped over by their sizes and read only if the series turns out to be unknown; samples
//! are read once here, so that whoever appends them under a lock meets no error. Exemplars, histograms and metadata are
//! checked against their shape and counted; of the former two a row knows where the first lies, and they are read from there.
//!
//! The table of series is the one thing allocated. Only a series that has both a label and a sample, a histogram or an
//! exemplar gets a row, which takes six bytes of body at the very least, so that the table cannot outgrow the body more than
//! eightfold.

use super::extras::{EXEMPLARS, SERIES_METADATA};
use super::fields::{self, LABELS, LABELS_KEY, LabelFields, SAMPLES, SAMPLES_KEY, SampleFields};
use super::histograms::HISTOGRAMS;
use super::shape::{EXEMPLAR, HISTOGRAM, LABEL, METADATA, Shape};
use super::version_2::ReferredLabels;
use super::{SCATTERED, SeriesSlice, WriteBatch};
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire};
use bytes::Bytes;
use model::Fingerprinter;
use std::ops::Range;

// WriteRequest
pub(super) const TIMESERIES: u32 = 1;
pub(super) const TIMESERIES_KEY: u8 = 0x0a;
const METADATA_FIELD: u32 = 3;

/// The smallest series that gets a row: an empty label and an empty sample.
pub(super) const SMALLEST_ROW_BYTES: usize = 4;

const _: () = assert!(size_of::<SeriesSlice>() <= 8 * (SMALLEST_ROW_BYTES + 2));

/// Why a body is no remote write request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("series {series} at byte {at}: {what}")]
pub struct Malformed {
    /// How many series came before, whether they have a row or not.
    pub series: u32,
    /// The byte of the decompressed body.
    pub at: usize,
    pub what: &'static str,
}

/// What a request carried, stored or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// All series, those without a row among them.
    pub series: u64,
    /// Samples in rows.
    pub samples: u64,
    pub exemplars: u64,
    pub histograms: u64,
    pub metadata: u64,
    /// Series that have samples or histograms but not one label; they have no row.
    pub unlabelled: u64,
    /// Fields of the request that version 1.0 does not know. A 2.0 request has nothing else.
    pub unknown_fields: u64,
}

/// How many rows the walk of `body` will make at most: what to reserve before it is walked.
///
/// # Errors
/// A body whose outermost fields are malformed.
pub fn count_rows(body: &[u8]) -> Result<usize, Malformed> {
    let (mut rows, mut series, mut at) = (0, 0, 0);
    while let Some(&first) = body.get(at) {
        let is_series = match first {
            TIMESERIES_KEY => {
                at += 1;
                Ok(true)
            }
            _ => wire::key(body, &mut at).and_then(|key| match (key.number, key.wire) {
                (TIMESERIES, Wire::Len) => Ok(true),
                (_, wire) => wire::skip(body, wire, &mut at).map(|()| false),
            }),
        };
        if is_series.map_err(|fault| fault.in_series(series))? {
            let end = wire::end_of_len(body, &mut at).map_err(|fault| fault.in_series(series))?;
            rows += usize::from(end - at >= SMALLEST_ROW_BYTES);
            series += 1;
            at = end;
        }
    }
    Ok(rows)
}

impl WriteBatch {
    /// Walks a decompressed remote write 1.0 request. `rows` is what [`count_rows`] said of it; it sizes the table and
    /// nothing else.
    ///
    /// # Errors
    /// Anything a protobuf decoder would refuse outside the labels of series that get a row; those are checked by
    /// whoever reads them.
    pub fn walk(
        body: Bytes,
        rows: usize,
        fingerprinter: &Fingerprinter,
        received_ms: i64,
    ) -> Result<(Self, Tally), Malformed> {
        if u32::try_from(body.len()).is_err() {
            return Err(Malformed { series: 0, at: body.len(), what: "body over 4 GiB" });
        }
        let mut walk = Walk { series: Vec::with_capacity(rows), tally: Tally::default(), fingerprinter };
        walk.request(&body).map_err(|fault| fault.in_series(walk.number()))?;
        Ok((Self { body, series: walk.series, symbols: None, received_ms, replica: 0 }, walk.tally))
    }

    /// The labels of row `index`, as they were sent; nothing beyond the last row.
    pub fn labels(&self, index: usize) -> LabelFields<'_> {
        let (fields, at) = self.cut(self.series.get(index).map(|series| &series.labels));
        let series = u32::try_from(index).unwrap_or(u32::MAX);
        match &self.symbols {
            None => LabelFields::new(fields, at, series),
            Some(symbols) => LabelFields::referred(ReferredLabels::new(symbols, &self.body, fields, at), series),
        }
    }

    /// The samples of row `index`, in the order they were sent; nothing beyond the last row.
    #[inline]
    pub fn samples(&self, index: usize) -> SampleFields<'_> {
        let (body, at) = self.cut(self.series.get(index).map(|series| &series.samples));
        SampleFields::new(body, at)
    }

    /// The body cut off behind `range`, and where that begins.
    #[inline]
    pub(super) fn cut(&self, range: Option<&Range<u32>>) -> (&[u8], usize) {
        let range = range.map_or(0..0, |range| range.start as usize..range.end as usize);
        (self.body.get(..range.end).unwrap_or_default(), range.start)
    }
}

pub(super) struct Walk<'f> {
    pub(super) series: Vec<SeriesSlice>,
    pub(super) tally: Tally,
    pub(super) fingerprinter: &'f Fingerprinter,
}

/// Where the fields of one number lie in their message.
#[derive(Clone, Copy, Default)]
pub(super) struct Run {
    pub(super) start: usize,
    /// 0: there is none yet.
    pub(super) end: usize,
    /// Another field lies between two of them.
    pub(super) broken: bool,
}

/// Where the first of what a series has besides labels and samples lies; 0: it has none.
#[derive(Clone, Copy, Default)]
struct Others {
    histograms_at: usize,
    exemplars_at: usize,
    metadata_at: usize,
}

impl Walk<'_> {
    /// The number of the series at hand.
    pub(super) fn number(&self) -> u32 {
        u32::try_from(self.tally.series).unwrap_or(u32::MAX)
    }

    fn request(&mut self, body: &[u8]) -> Result<(), Fault> {
        let mut at = 0;
        while let Some(&first) = body.get(at) {
            let start = at;
            if first == TIMESERIES_KEY {
                at = self.message(body, start, at + 1)?;
                continue;
            }
            let key = wire::key(body, &mut at)?;
            match (key.number, key.wire) {
                (TIMESERIES, Wire::Len) => at = self.message(body, start, at)?,
                (METADATA_FIELD, Wire::Len) => {
                    at = check(&METADATA, body, at)?;
                    self.tally.metadata += 1;
                }
                (TIMESERIES | METADATA_FIELD, _) => return Err(Fault { at: start, what: WRONG_WIRE_TYPE }),
                (_, wire) => {
                    wire::skip(body, wire, &mut at)?;
                    self.tally.unknown_fields += 1;
                }
            }
        }
        Ok(())
    }

    /// One series, whose key is at `key` and whose size at `at`; returns where it ends.
    #[inline]
    pub(super) fn message(&mut self, body: &[u8], key: usize, mut at: usize) -> Result<usize, Fault> {
        let end = wire::end_of_len(body, &mut at)?;
        self.one_series(body.get(..end).unwrap_or_default(), key, at)?;
        self.tally.series += 1;
        Ok(end)
    }

    /// One series, from `start` to the end of `body`; its key is at `key`.
    fn one_series(&mut self, body: &[u8], key: usize, start: usize) -> Result<(), Fault> {
        let (mut labels, mut samples, mut others) = (Run::default(), Run::default(), Others::default());
        let mut sample_count = 0;
        let mut at = start;
        while let Some(&first) = body.get(at) {
            let field = at;
            let (number, wire) = match first {
                LABELS_KEY | SAMPLES_KEY => {
                    at += 1;
                    (u32::from(first >> 3), Wire::Len)
                }
                _ => {
                    let key = wire::key(body, &mut at)?;
                    (key.number, key.wire)
                }
            };
            match (number, wire) {
                (LABELS, Wire::Len) => {
                    at = usual_labels(body, wire::end_of_len(body, &mut at)?)?;
                    labels.add(field, at);
                }
                (SAMPLES, Wire::Len) => {
                    at = one_sample(body, at)?;
                    samples.add(field, at);
                    sample_count += 1;
                }
                (EXEMPLARS, Wire::Len) => {
                    at = check(&EXEMPLAR, body, at)?;
                    self.tally.exemplars += 1;
                    note(&mut others.exemplars_at, field);
                }
                (HISTOGRAMS, Wire::Len) => {
                    at = check(&HISTOGRAM, body, at)?;
                    self.tally.histograms += 1;
                    note(&mut others.histograms_at, field);
                }
                // Not of 1.0: whoever reads it checks it.
                (SERIES_METADATA, Wire::Len) => {
                    note(&mut others.metadata_at, field);
                    wire::skip(body, wire, &mut at)?;
                }
                (LABELS | SAMPLES | EXEMPLARS | HISTOGRAMS, _) => {
                    return Err(Fault { at: field, what: WRONG_WIRE_TYPE });
                }
                (_, wire) => wire::skip(body, wire, &mut at)?,
            }
        }
        if labels.end > 0 && samples.end > 0 {
            self.tally.samples += sample_count;
            self.add_row(body, key..start, [labels, samples], others);
            return Ok(());
        }
        if labels.end > 0 && (others.histograms_at > 0 || others.exemplars_at > 0) {
            self.add_row(body, key..start, [labels, samples], others);
        }
        self.tally.unlabelled += u64::from(labels.end == 0 && (samples.end > 0 || others.histograms_at > 0));
        check_labels(body, start)
    }

    /// A row for the series whose key and size lie in `head`.
    fn add_row(&mut self, body: &[u8], head: Range<usize>, [labels, samples]: [Run; 2], others: Others) {
        let scattered = labels.broken || samples.broken;
        let whole = head.end..body.len();
        let samples = if scattered && samples.end > 0 { whole.clone() } else { samples.start..samples.end };
        let labels = if scattered { whole } else { labels.start..labels.end };
        let fingerprint = match body.get(labels.clone()) {
            Some(region) if !scattered => self.fingerprinter.of_region(region),
            _ => SCATTERED,
        };
        let extras = [others.exemplars_at, others.metadata_at].into_iter().filter(|at| *at > 0);
        self.series.push(SeriesSlice {
            field: narrow(head.start, body.len()),
            labels: narrow(labels.start, labels.end),
            samples: narrow(samples.start, samples.end),
            histograms_at: narrow(others.histograms_at, 0).start,
            extras_at: narrow(extras.min().unwrap_or(0), 0).start,
            fingerprint,
        });
    }
}

/// Remembers `at`, if nothing is remembered yet.
fn note(remembered: &mut usize, at: usize) {
    if *remembered == 0 {
        *remembered = at;
    }
}

/// Steps over the labels that follow at `at` as long as key and size have a byte each; returns where they end. All but a
/// few labels are like that, and this loop is what the walk spends its time in.
#[inline]
fn usual_labels(body: &[u8], mut at: usize) -> Result<usize, Fault> {
    let mut last = at;
    while let Some(&[LABELS_KEY, size @ ..0x80]) = body.get(at..).and_then(|rest| rest.first_chunk::<2>()) {
        last = at;
        at += 2 + usize::from(size);
    }
    if at > body.len() { Err(wire::truncated(last + 1)) } else { Ok(at) }
}

/// A sample whose size is at `at`; returns where it ends.
#[inline]
pub(super) fn one_sample(body: &[u8], mut at: usize) -> Result<usize, Fault> {
    let end = wire::end_of_len(body, &mut at)?;
    fields::sample(body.get(..end).unwrap_or_default(), at)?;
    Ok(end)
}

/// A message of `shape` whose size is at `at`; returns where it ends.
pub(super) fn check(shape: &Shape, body: &[u8], mut at: usize) -> Result<usize, Fault> {
    let end = wire::end_of_len(body, &mut at)?;
    shape.check(body.get(..end).unwrap_or_default(), at)?;
    Ok(end)
}

/// Checks the labels of a series that gets no row, because nobody will look at them later. Its other fields are known to
/// be well formed.
#[cold]
fn check_labels(body: &[u8], mut at: usize) -> Result<(), Fault> {
    while at < body.len() {
        let key = wire::key(body, &mut at)?;
        match key.number {
            LABELS => at = check(&LABEL, body, at)?,
            _ => wire::skip(body, key.wire, &mut at)?,
        }
    }
    Ok(())
}

/// A range of the body; bodies over 4 GiB were refused.
pub(super) fn narrow(start: usize, end: usize) -> Range<u32> {
    u32::try_from(start).unwrap_or(u32::MAX)..u32::try_from(end).unwrap_or(u32::MAX)
}

impl Run {
    #[inline]
    pub(super) fn add(&mut self, start: usize, end: usize) {
        if self.end == 0 {
            self.start = start;
        }
        self.broken |= self.end != 0 && self.end != start;
        self.end = end;
    }
}

impl Fault {
    pub(super) fn in_series(self, series: u32) -> Malformed {
        Malformed { series, at: self.at, what: self.what }
    }
}

#[cfg(test)]
mod tests;

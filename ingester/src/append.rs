//! A batch into a head: at first by the regions as they came, then, for what the head does not know, by labels.
//!
//! Nearly every series of nearly every request is known and its region is canonical, so the first pass is the only one and
//! reads no label. What it misses is either in another form (the wire cache knows it, and a second pass goes by the
//! canonical fingerprint) or new (labels are parsed, checked and sorted, and a pass brings them along). A series that the
//! wire cache knows but the head has dropped meanwhile needs one pass more.
//!
//! What a row has besides floats is decoded before (see [`crate::decoded`]), and comes along in each pass.

use crate::decoded::{Cursor, Decoded, DecodedCounts, Decoding, Window};
use crate::wire_cache::WireCache;
use model::{ExemplarRef, Fingerprint, Fingerprinter, HistogramRef, LabelsRef, MetadataRef};
use parking_lot::Mutex;
use proto::{InvalidLabelSet, LabelLimits, Malformed, Rejection, Rejections, WriteBatch, pack_labels};
use std::ops::Range;
use tsdb::{AppendSource, Appended, ExemplarRefusals, MAX_EXEMPLAR_RUNES, Refused, RefusedBecause};

/// Appends whatever it is given to one head.
pub(crate) trait AppendTo {
    /// Why it could not.
    type Error;

    /// Appends `source`.
    fn append(&mut self, source: &Source<'_>) -> Result<Appended, Self::Error>;

    /// How many series the head has.
    fn series(&self) -> u64;
}

/// Rows of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    batch: &'a WriteBatch,
    window: &'a Window,
    decoded: &'a Decoded,
    /// `None`: all of the window, by the fingerprints of their regions.
    named: Option<Named<'a>>,
}

/// Some rows by canonical fingerprint; those that may be new with labels.
#[derive(Debug, Clone, Copy)]
struct Named<'a> {
    rows: &'a [NamedRow],
    packed: &'a [u8],
}

/// A row of a batch with the name its series has in the head.
#[derive(Debug)]
pub(crate) struct NamedRow {
    row: u32,
    fingerprint: Fingerprint,
    /// Where its packed labels lie; `None` if it goes without.
    labels: Option<Range<usize>>,
}

/// How series come to their names in the head.
#[derive(Debug)]
pub(crate) struct Naming<'a> {
    pub(crate) fingerprinter: &'a Fingerprinter,
    pub(crate) limits: LabelLimits,
    pub(crate) cache: &'a Mutex<WireCache>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Floats.
    pub(crate) accepted: u64,
    /// How many of those came late.
    pub(crate) late: u64,
    pub(crate) histograms: u64,
    pub(crate) exemplars: u64,
    pub(crate) created: u64,
    pub(crate) rejections: Rejections,
    /// The newest row whose labels were refused; a row that is split is refused once.
    refused_row: Option<u32>,
    /// Exemplars of rows that no series was created for, and the newest of those rows.
    exemplars_of_none: u64,
    row_of_none: Option<u32>,
    /// Some series were not created, because there are as many as there may be.
    pub(crate) series_limited: bool,
}

/// Why a batch was not taken, though parts of it may have been.
#[derive(Debug)]
pub(crate) enum NotTaken<E> {
    Malformed(Malformed),
    Head(E),
    /// So many series were dropped from the head as often as they were created.
    Missed(usize),
}

/// Passes after the first: by the wire cache, with labels.
const MAX_NAMED_PASSES: usize = 2;

impl AppendSource for Source<'_> {
    fn len(&self) -> usize {
        self.named.map_or(self.window.rows.len(), |named| named.rows.len())
    }

    fn fingerprint(&self, index: usize) -> Fingerprint {
        match self.named {
            None => self.batch.series[self.window.rows.start + index].fingerprint,
            Some(named) => named.rows[index].fingerprint,
        }
    }

    fn samples(&self, index: usize) -> impl Iterator<Item = (i64, f64)> {
        let row = self.row_of(index);
        // Beyond the last row there are none.
        self.batch.samples(if self.window.resumed && row == self.window.rows.start { usize::MAX } else { row })
    }

    fn histograms(&self, index: usize) -> impl Iterator<Item = (i64, HistogramRef<'_>)> {
        self.decoded.histograms(self.row_of(index))
    }

    fn exemplars(&self, index: usize) -> impl Iterator<Item = ExemplarRef<'_>> {
        self.decoded.exemplars(self.row_of(index))
    }

    fn metadata(&self, index: usize) -> Option<MetadataRef<'_>> {
        self.batch.metadata(self.row_of(index))
    }

    fn labels(&self, index: usize) -> Option<LabelsRef<'_>> {
        let Named { rows, packed } = self.named?;
        let labels = rows[index].labels.clone()?;
        Some(LabelsRef::from_packed_unchecked(packed.get(labels)?))
    }
}

impl Source<'_> {
    #[inline]
    fn row_of(&self, index: usize) -> usize {
        match self.named {
            None => self.window.rows.start + index,
            Some(named) => named.rows[index].row as usize,
        }
    }

    /// How many bytes what was decoded for it takes.
    #[cfg(test)]
    pub(crate) fn decoded_bytes(&self) -> usize {
        self.decoded.taken_bytes()
    }

    /// The row of the batch that `index` is.
    fn row(&self, index: u32) -> u32 {
        match self.named {
            None => u32::try_from(self.window.rows.start + index as usize).unwrap_or(u32::MAX),
            Some(named) => named.rows.get(index as usize).map_or(index, |named| named.row),
        }
    }
}

/// Appends `batch` to `head`.
///
/// # Errors
/// Malformed labels, or the head takes nothing. In both cases earlier rows may be in the head; an equal repeat of the batch
/// is harmless.
pub(crate) fn append<H: AppendTo>(
    batch: &WriteBatch,
    naming: &Naming<'_>,
    decoding: Decoding,
    decoded: &mut Decoded,
    head: &mut H,
) -> Result<Taken, NotTaken<H::Error>> {
    let (mut taken, mut counts) = (Taken::default(), DecodedCounts::default());
    let mut cursor = Cursor::new(batch);
    let mut next_window = || {
        let window = decoded.fill(&mut cursor, decoding, &mut counts).map_err(NotTaken::Malformed)?;
        let source = Source { batch, window: &window, decoded, named: None };
        append_window(source, naming, head, &mut taken).map(|()| cursor.is_done())
    };
    let done = loop {
        match next_window() {
            Ok(false) => {}
            Ok(true) => break Ok(()),
            Err(not_taken) => break Err(not_taken),
        }
    };
    decoded.clear();
    done?;
    // Those that nobody keeps are taken with the series they came with.
    taken.exemplars += counts.exemplars.saturating_sub(taken.exemplars_of_none);
    taken.rejections.merge(counts.rejections);
    Ok(taken)
}

fn append_window<H: AppendTo>(
    whole: Source<'_>,
    naming: &Naming<'_>,
    head: &mut H,
    taken: &mut Taken,
) -> Result<(), NotTaken<H::Error>> {
    let appended = head.append(&whole).map_err(NotTaken::Head)?;
    taken.add(&whole, &appended);
    if appended.missed.is_empty() {
        return Ok(());
    }
    let mut names = Names { source: whole, naming, packed: Vec::new(), rows: Vec::new() };
    let missed: Vec<u32> = appended.missed.iter().map(|index| whole.row(*index)).collect();
    let unknown = names.recall(&missed);
    names.make(&unknown, taken).map_err(NotTaken::Malformed)?;
    for _ in 0..MAX_NAMED_PASSES {
        // Two spellings of a series were missed by different shards; its samples must go in as they came.
        names.rows.sort_by_key(|named| named.row);
        let part = Source { named: Some(Named { rows: &names.rows, packed: &names.packed }), ..whole };
        let appended = head.append(&part).map_err(NotTaken::Head)?;
        taken.add(&part, &appended);
        let missed: Vec<u32> = appended.missed.iter().map(|index| part.row(*index)).collect();
        names.remember(WireCache::capacity(head.series()));
        if missed.is_empty() {
            return Ok(());
        }
        names.rows.clear();
        names.packed.clear();
        names.make(&missed, taken).map_err(NotTaken::Malformed)?;
    }
    // A series that brings its labels is created or refused, so there are none but what the last pass left out.
    if names.rows.is_empty() { Ok(()) } else { Err(NotTaken::Missed(names.rows.len())) }
}

/// The names of rows that the head did not know by their regions.
struct Names<'a> {
    source: Source<'a>,
    naming: &'a Naming<'a>,
    packed: Vec<u8>,
    rows: Vec<NamedRow>,
}

impl Names<'_> {
    /// Names those of `rows` that the wire cache knows; returns the others.
    fn recall(&mut self, rows: &[u32]) -> Vec<u32> {
        let mut unknown = Vec::with_capacity(rows.len());
        let mut cache = self.naming.cache.lock();
        for &row in rows {
            let series = self.source.batch.series.get(row as usize);
            match series.and_then(|series| cache.get(series.fingerprint)) {
                Some(fingerprint) => self.rows.push(NamedRow { row, fingerprint, labels: None }),
                None => unknown.push(row),
            }
        }
        unknown
    }

    /// Names `rows` by their labels. Rows with nothing to create a series for and rows whose labels are no label set are left
    /// out, the latter counted.
    fn make(&mut self, rows: &[u32], taken: &mut Taken) -> Result<(), Malformed> {
        let (mut order, mut region) = (Vec::new(), Vec::new());
        let Source { batch, decoded, .. } = self.source;
        for &row in rows {
            let has_floats = batch.series.get(row as usize).is_some_and(|series| !series.samples.is_empty());
            if !has_floats && !decoded.has_histograms(row as usize) {
                taken.has_no_series(batch, row);
                continue;
            }
            let labels = batch.labels(row as usize);
            match pack_labels(labels, &self.naming.limits, &mut order, &mut self.packed) {
                Ok(labels) => {
                    let set = LabelsRef::from_packed_unchecked(self.packed.get(labels.clone()).unwrap_or_default());
                    let fingerprint = self.naming.fingerprinter.of_labels(set, &mut region);
                    self.rows.push(NamedRow { row, fingerprint, labels: Some(labels) });
                }
                Err(InvalidLabelSet::Malformed(malformed)) => return Err(malformed),
                Err(invalid) => taken.refuse_labels(batch, row, &invalid),
            }
        }
        Ok(())
    }

    /// Remembers the names that were found by labels where they are not those of the regions.
    fn remember(&self, capacity: usize) {
        let row = |named: &NamedRow| self.source.batch.series.get(named.row as usize);
        let other = self.rows.iter().filter(|named| named.labels.is_some()).filter_map(|named| {
            let series =
                row(named).filter(|series| !series.is_scattered() && series.fingerprint != named.fingerprint)?;
            Some((series.fingerprint, named.fingerprint))
        });
        let mut other = other.peekable();
        if other.peek().is_some() {
            let mut cache = self.naming.cache.lock();
            other.for_each(|(raw, canonical)| cache.insert(raw, canonical, capacity));
        }
    }
}

impl Taken {
    /// Adds what a pass over `source` came to.
    fn add(&mut self, source: &Source<'_>, appended: &Appended) {
        self.accepted += appended.accepted;
        self.late += appended.late;
        self.histograms += appended.histograms;
        self.exemplars += appended.exemplars;
        self.created += appended.created;
        let unlisted = appended.refused_total.saturating_sub(appended.refused.len() as u64);
        for (place, refused) in appended.refused.iter().enumerate() {
            // The head lists some and counts all: what is not listed goes with the last that is.
            let count = if place + 1 == appended.refused.len() { 1 + unlisted } else { 1 };
            self.refuse(source.batch, source.row(refused.series), refused, count);
        }
        let ExemplarRefusals { out_of_order, labels_too_long } = appended.exemplars_refused;
        let older = || "an exemplar is older than the newest of its series".to_owned();
        self.rejections.add(None, Rejection::ExemplarOutOfOrder, out_of_order, older);
        let long = || format!("labels of an exemplar have more than {MAX_EXEMPLAR_RUNES} characters");
        self.rejections.add(None, Rejection::ExemplarTooLong, labels_too_long, long);
    }

    /// Counts row `row` as refused, whose labels are no label set.
    fn refuse_labels(&mut self, batch: &WriteBatch, row: u32, invalid: &InvalidLabelSet) {
        self.has_no_series(batch, row);
        // Rows come in order, and those of a window that was resumed begin with the last one before.
        if self.refused_row.replace(row) == Some(row) {
            return;
        }
        let detail = || format!("series {}: {invalid}", batch.labels(row as usize));
        self.rejections.add(Some(row), Rejection::InvalidLabels, 1, detail);
    }

    /// Counts the exemplars of row `row`, for which no series is created.
    fn has_no_series(&mut self, batch: &WriteBatch, row: u32) {
        if self.row_of_none.replace(row) != Some(row) {
            self.exemplars_of_none += batch.exemplars(row as usize).count() as u64;
        }
    }

    fn refuse(&mut self, batch: &WriteBatch, row: u32, refused: &Refused, count: u64) {
        let why = match refused.why {
            RefusedBecause::OutOfOrder => Rejection::OutOfOrder,
            RefusedBecause::DuplicateTimestamp => Rejection::DuplicateTimestamp,
            RefusedBecause::OutOfBounds => Rejection::OutOfBounds,
            RefusedBecause::TooOld => Rejection::TooOld,
            RefusedBecause::TooFarInFuture => Rejection::TooFarInFuture,
            RefusedBecause::SeriesLimit => {
                self.series_limited = true;
                return;
            }
        };
        let timestamp_ms = refused.timestamp_ms;
        let detail = || format!("series {} at {timestamp_ms} ms", batch.labels(row as usize));
        self.rejections.add(Some(row), why, count, detail);
    }
}

#[cfg(test)]
mod tests;

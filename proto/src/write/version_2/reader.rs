//! A request of 2.0 while it is read: checked, measured, and its series named.

use super::pen::{self, Pen, Sizes, exemplar_message_bytes};
use super::refs::{self, ReferredLabels, Refs};
use super::said::Said;
use super::spellings::{Mixed, Spellings};
use super::symbols::{Field, Outermost, Symbols};
use super::{
    EXEMPLARS, EXEMPLARS_2_KEY, HISTOGRAMS, InvalidRequest2, LABELS_REFS, LABELS_REFS_KEY, LAST_OF_SERIES, METADATA,
};
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire, len_field_size, uvarint_size};
use crate::write::fields::{FieldsOf, SAMPLES, SAMPLES_KEY, sample};
use crate::write::shape::{EXEMPLAR_2, HISTOGRAM};
use crate::write::walk::{Run, check, narrow, one_sample};
use crate::write::{LabelFields, Rejection, Rejections, SCATTERED, SeriesSlice, Tally};
use model::Fingerprint;
use std::ops::Range;

/// How many series are named at once.
const GROUP: usize = 64;
/// Labels that are longer, spelled out, are not hashed: their series is looked up by labels each time.
pub(super) const MAX_HASHED_BYTES: u64 = 64 << 10;

/// A request while it is read.
pub(super) struct Reader<'a> {
    body: &'a [u8],
    symbols: &'a Symbols,
    spellings: &'a Spellings,
    done: Read,
    /// The last rows, whose fingerprints are still to be found.
    unnamed: Vec<Option<Mixed>>,
    scratch: Vec<u8>,
    /// Where [`Spellings`] will look next.
    next: usize,
    minute: u32,
}

/// What was read of a request.
#[derive(Default)]
pub(super) struct Read {
    pub(super) series: Vec<SeriesSlice>,
    pub(super) tally: Tally,
    pub(super) rejections: Rejections,
    /// How many bytes the series have once they are spelled out.
    pub(super) spelled_bytes: usize,
}

/// What a series has.
#[derive(Default)]
struct Parts {
    refs: Refs,
    labels: Run,
    samples: Run,
    sample_count: u64,
    sizes: Sizes,
    histograms: u64,
    histograms_at: usize,
    exemplars: u64,
    exemplars_at: usize,
    said: Said,
    said_at: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `body`, which has these symbols and up to `rows` rows, in that minute.
    pub(super) fn new(
        body: &'a [u8],
        symbols: &'a Symbols,
        spellings: &'a Spellings,
        rows: usize,
        minute: u32,
    ) -> Self {
        let done = Read { series: Vec::with_capacity(rows), ..Read::default() };
        let unnamed = Vec::with_capacity(GROUP);
        Self { body, symbols, spellings, done, unnamed, scratch: Vec::new(), next: usize::MAX, minute }
    }

    /// Reads all of it.
    pub(super) fn read(mut self, limit_bytes: u32) -> Result<Read, InvalidRequest2> {
        let mut fields = Outermost { body: self.body, at: 0 };
        loop {
            let series = u32::try_from(self.done.tally.series).unwrap_or(u32::MAX);
            let in_series = |fault: Fault| fault.in_series(series);
            match fields.next().map_err(in_series)? {
                Some(Field::Series { key, at, end }) => {
                    let bytes = self.one_series(key, at, end).map_err(in_series)?;
                    let size_bytes = bytes.saturating_add(self.done.spelled_bytes as u64);
                    if size_bytes > u64::from(limit_bytes) {
                        return Err(InvalidRequest2::TooLarge { size_bytes, limit_bytes });
                    }
                    self.done.spelled_bytes = size_bytes as usize;
                    self.done.tally.series += 1;
                }
                Some(Field::Symbol { .. }) => {}
                Some(Field::Unknown) => self.done.tally.unknown_fields += 1,
                None => break,
            }
        }
        self.name_rows();
        Ok(self.done)
    }

    /// Reads the series that reaches from `start` to `end`, its key at `key`, and gives it a row, unless it is refused; returns
    /// how many bytes it has spelled out.
    fn one_series(&mut self, key: usize, start: usize, end: usize) -> Result<u64, Fault> {
        if let Some(bytes) = self.usual_series(key, start, end) {
            return Ok(bytes);
        }
        let body = self.body.get(..end).unwrap_or_default();
        let mut parts = Parts::default();
        self.parts(body, start, &mut parts)?;
        let tally = &mut self.done.tally;
        tally.histograms += parts.histograms;
        tally.exemplars += parts.exemplars;
        if parts.refs.are_bad() || !parts.said.is_known(self.symbols) {
            self.refuse(body, start, &parts);
            return Ok(0);
        }
        if parts.refs.count == 0 {
            tally.unlabelled += u64::from(parts.sample_count + parts.histograms > 0);
            return Ok(0);
        }
        tally.samples += parts.sample_count;
        self.row(body, key..start, &mut parts)
    }

    /// The same for the usual series: references in one pack, then floats, and nothing else. `None`: it is another.
    #[inline]
    fn usual_series(&mut self, key: usize, start: usize, end: usize) -> Option<u64> {
        let series = self.body.get(start..end)?;
        let Some((&[LABELS_REFS_KEY, size @ ..0x80], behind)) = series.split_first_chunk::<2>() else { return None };
        let (pack, samples) = behind.split_at_checked(usize::from(size))?;
        let (mut rest, mut count) = (samples, 0);
        while let Some((&[SAMPLES_KEY, size @ ..0x80], behind)) = rest.split_first_chunk::<2>() {
            let (message, behind) = behind.split_at_checked(usize::from(size))?;
            sample(message, 0).ok()?;
            (rest, count) = (behind, count + 1);
        }
        if !rest.is_empty() || count == 0 {
            return None;
        }
        let (labels_bytes, mixed) = refs::usual(pack, self.symbols, &self.spellings.keys)?;
        if labels_bytes > MAX_HASHED_BYTES {
            return None;
        }
        let samples_at = end - samples.len();
        self.done.series.push(SeriesSlice {
            field: narrow(key, end),
            labels: narrow(start, samples_at),
            samples: narrow(samples_at, end),
            fingerprint: SCATTERED,
            histograms_at: 0,
            extras_at: 0,
        });
        self.done.tally.samples += count;
        self.unnamed(Some(mixed));
        // Samples in this form are written as they are.
        Some(Sizes { labels: labels_bytes, samples: samples.len() as u64, ..Sizes::default() }.field())
    }

    /// A row was added that has labels of this mix.
    #[inline]
    fn unnamed(&mut self, mixed: Option<Mixed>) {
        self.unnamed.push(mixed);
        if self.unnamed.len() == GROUP {
            self.name_rows();
        }
    }

    /// What the series that reaches from `start` to the end of `body` has.
    fn parts(&self, body: &[u8], start: usize, parts: &mut Parts) -> Result<(), Fault> {
        let known = (self.symbols, &self.spellings.keys);
        let mut at = start;
        while let Some(&first) = body.get(at) {
            let field = at;
            let (number, wire) = match first {
                LABELS_REFS_KEY | SAMPLES_KEY => {
                    at += 1;
                    (u32::from(first >> 3), Wire::Len)
                }
                _ => {
                    let key = wire::key(body, &mut at)?;
                    (key.number, key.wire)
                }
            };
            let value_at = at;
            match (number, wire) {
                (LABELS_REFS, Wire::Len) => {
                    let end = wire::end_of_len(body, &mut at)?;
                    parts.refs.add_packed(known, body.get(..end).unwrap_or_default(), at)?;
                    at = end;
                    parts.labels.add(field, at);
                }
                (LABELS_REFS, Wire::Varint) => {
                    parts.refs.add(known, wire::uvarint(body, &mut at)? as u32);
                    parts.labels.add(field, at);
                }
                (SAMPLES, Wire::Len) => {
                    at = one_sample(body, at)?;
                    parts.samples.add(field, at);
                    parts.sample_count += 1;
                    parts.sizes.samples += copied_bytes(body, value_at, at)?;
                }
                (HISTOGRAMS, Wire::Len) => {
                    at = check(&HISTOGRAM, body, at)?;
                    parts.histograms += 1;
                    parts.sizes.histograms += copied_bytes(body, value_at, at)?;
                    note(&mut parts.histograms_at, field);
                }
                (EXEMPLARS, Wire::Len) => {
                    at = check(&EXEMPLAR_2, body, at)?;
                    parts.exemplars += 1;
                    note(&mut parts.exemplars_at, field);
                }
                (METADATA, Wire::Len) => {
                    at = parts.said.read(body, at)?;
                    note(&mut parts.said_at, field);
                }
                (1..=LAST_OF_SERIES, _) => return Err(Fault { at: field, what: WRONG_WIRE_TYPE }),
                (_, wire) => wire::skip(body, wire, &mut at)?,
            }
        }
        Ok(())
    }

    /// A row for the series whose key and size lie in `head` and which ends with `body`; returns how many bytes it has spelled
    /// out.
    fn row(&mut self, body: &[u8], head: Range<usize>, parts: &mut Parts) -> Result<u64, Fault> {
        parts.sizes.labels = parts.refs.spelled_bytes;
        if parts.exemplars > 0 {
            self.exemplars(body, head.end, parts)?;
        }
        if parts.said.is_any() && parts.sample_count + parts.histograms > 0 {
            parts.sizes.metadata = parts.said.field_bytes(self.symbols, self.body);
        }
        let exemplars_at = if parts.sizes.exemplars > 0 { parts.exemplars_at } else { 0 };
        let said_at = if parts.sizes.metadata > 0 { parts.said_at } else { 0 };
        let extras = [exemplars_at, said_at].into_iter().filter(|at| *at > 0);
        let place = |run: Run| if run.broken { narrow(head.end, body.len()) } else { narrow(run.start, run.end) };
        self.done.series.push(SeriesSlice {
            field: narrow(head.start, body.len()),
            labels: place(parts.labels),
            samples: place(parts.samples),
            fingerprint: SCATTERED,
            histograms_at: narrow(parts.histograms_at, 0).start,
            extras_at: narrow(extras.min().unwrap_or(0), 0).start,
        });
        let is_short = parts.sizes.labels <= MAX_HASHED_BYTES;
        self.unnamed(parts.refs.mix.finish().filter(|_| is_short));
        Ok(parts.sizes.field())
    }

    /// Measures the exemplars of the series that reaches from `start` to the end of `body`. Those whose references lead nowhere
    /// are refused and take no room.
    #[cold]
    fn exemplars(&mut self, body: &[u8], start: usize, parts: &mut Parts) -> Result<(), Fault> {
        let mut exemplars = FieldsOf::new(body, start, EXEMPLARS, EXEMPLARS_2_KEY);
        while let Some((message, start)) = exemplars.next_message()? {
            let (mut refs, mut timestamp, mut at) = (Refs::default(), 0, start);
            while at < message.len() {
                let key = wire::key(message, &mut at)?;
                match (key.number, key.wire) {
                    (LABELS_REFS, Wire::Len) => {
                        let end = wire::end_of_len(message, &mut at)?;
                        let known = (self.symbols, &self.spellings.keys);
                        refs.add_packed(known, message.get(..end).unwrap_or_default(), at)?;
                        at = end;
                    }
                    (LABELS_REFS, Wire::Varint) => {
                        let reference = wire::uvarint(message, &mut at)? as u32;
                        refs.add((self.symbols, &self.spellings.keys), reference);
                    }
                    (3, Wire::Varint) => timestamp = wire::uvarint(message, &mut at)?,
                    (_, wire) => wire::skip(message, wire, &mut at)?,
                }
            }
            if let Some(fault) = refs.fault(self.symbols) {
                let labels = ReferredLabels::new(self.symbols, self.body, body, parts.labels.start);
                let series = LabelFields::referred(labels, 0);
                let row = u32::try_from(self.done.series.len()).ok();
                let detail = || format!("parsing exemplar for series {series}: {fault}");
                self.done.rejections.add(row, Rejection::InvalidExemplar, 1, detail);
                continue;
            }
            let message = exemplar_message_bytes(refs.spelled_bytes, timestamp);
            let field = message.saturating_add(1 + uvarint_size(message) as u64);
            parts.sizes.exemplars = parts.sizes.exemplars.saturating_add(field);
        }
        Ok(())
    }

    /// Finds the fingerprints of the last rows.
    fn name_rows(&mut self) {
        let Self { unnamed, done: Read { series, .. }, spellings, .. } = self;
        let first = series.len() - unnamed.len();
        let mut found = 0;
        spellings.look_up(unnamed, (&mut self.next, self.minute), |index, fingerprint| {
            if let Some(row) = series.get_mut(first + index) {
                row.fingerprint = fingerprint;
                found += 1;
            }
        });
        if found < unnamed.len() {
            self.spell_rows(first);
        }
        self.unnamed.clear();
    }

    /// Spells the labels of those rows from `first` on that have no fingerprint yet, and remembers what they hash to.
    #[cold]
    fn spell_rows(&mut self, first: usize) {
        for row in self.done.series.get_mut(first..).unwrap_or_default() {
            if row.fingerprint == SCATTERED {
                row.fingerprint = fingerprint(row, (self.symbols, self.body), self.spellings, &mut self.scratch);
            }
        }
        let rows = self.done.series.get(first..).unwrap_or_default();
        let named = self.unnamed.iter().zip(rows).filter(|(_, row)| row.fingerprint != SCATTERED);
        let named = named.filter_map(|(mixed, row)| Some(((*mixed)?, row.fingerprint)));
        self.spellings.remember(named, self.minute);
    }

    /// Counts the series that reaches from `start` to the end of `body` as refused.
    #[cold]
    fn refuse(&mut self, body: &[u8], start: usize, parts: &Parts) {
        let symbols = self.symbols;
        let detail = || {
            let series = told_refs(symbols, body, start);
            match parts.refs.fault(symbols) {
                Some(fault) => format!("parsing labels for series {series}: {fault}"),
                None => {
                    let (Said { help, unit, .. }, size) = (&parts.said, symbols.len());
                    format!(
                        "metadata of series {series}: help {help}, unit {unit} outside of symbols table (size {size})"
                    )
                }
            }
        };
        self.done.rejections.add(None, Rejection::InvalidReference, 1, detail);
    }
}

/// How many bytes a message takes, with a key of one byte, whose size is at `size_at` and which ends at `end`.
#[inline]
fn copied_bytes(body: &[u8], mut size_at: usize, end: usize) -> Result<u64, Fault> {
    wire::end_of_len(body, &mut size_at)?;
    Ok(len_field_size(end - size_at) as u64)
}

/// Remembers `at`, if nothing is remembered yet.
fn note(remembered: &mut usize, at: usize) {
    if *remembered == 0 {
        *remembered = at;
    }
}

/// The fingerprint of a row of `body`, by its labels; those that are too long have none.
fn fingerprint(
    row: &SeriesSlice,
    (symbols, body): (&Symbols, &[u8]),
    spellings: &Spellings,
    scratch: &mut Vec<u8>,
) -> Fingerprint {
    match pen::labels_bytes(symbols, body, row) {
        Ok(bytes @ ..=MAX_HASHED_BYTES) => {
            scratch.resize(scratch.len().max(bytes as usize), 0);
            let mut pen = Pen::new(symbols, body, scratch);
            match pen.labels(row) {
                Ok(()) => spellings.fingerprinter.of_region(pen.written()),
                Err(_) => SCATTERED,
            }
        }
        Ok(_) | Err(_) => SCATTERED,
    }
}

/// The first references of the series that reaches from `start` to the end of `body`, for people.
fn told_refs(symbols: &Symbols, body: &[u8], start: usize) -> String {
    const MAX_REFS: usize = 32;
    let mut labels = ReferredLabels::new(symbols, body, body, start);
    let refs = std::iter::from_fn(|| labels.next_reference().ok().flatten());
    let refs: Vec<_> = refs.take(MAX_REFS + 1).map(|reference| reference.to_string()).collect();
    let more = if refs.len() > MAX_REFS { " …" } else { "" };
    format!("[{}{more}]", refs.get(..MAX_REFS).unwrap_or(&refs).join(" "))
}

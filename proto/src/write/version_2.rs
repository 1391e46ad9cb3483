//! Remote write 2.0.
//!
//! Labels of 2.0 are references into a table of symbols; all else is as in 1.0: samples and histograms byte for byte, for
//! their messages differ in nothing but a start timestamp, which readers of 1.0 step over. So a request of 2.0 becomes a batch
//! as it lies, and the table of symbols goes with it. A series is named by the hash of its labels as 1.0 would have them,
//! which [`Spellings`] knows without spelling them; labels are looked at when a head does not know their series.
//!
//! Routers that slice a request for their peers need it spelled out, as one of 1.0. A symbol may be named any number of
//! times, so a small request may mean a large one. So there are three steps, and each knows how much memory it takes before it
//! takes any: [`Outline::of`] counts what the tables will have; [`Request2::read`] checks all of the request, refuses what is
//! to be refused, and knows how long the rest would be to the byte; [`WriteBatch::spell`] spells it out. The first two take time
//! for each byte of the request, the third for each that it writes.

mod pen;
mod refs;
mod spellings;
mod symbols;

use super::extras::{MAX_UNIT_BYTES, cut_help};
use super::fields::{FieldsOf, SAMPLES, SAMPLES_KEY, sample};
use super::shape::{EXEMPLAR_2, HISTOGRAM};
use super::walk::{Run, SMALLEST_ROW_BYTES, check, narrow, one_sample};
use super::{LabelFields, Malformed, Rejection, Rejections, SCATTERED, SeriesSlice, SpelledBatch, Tally, WriteBatch};
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire, len_field_size, uvarint_size};
use bytes::Bytes;
use model::{Fingerprint, MetadataRef, MetricKind};
use pen::{Pen, Sizes, exemplar_message_bytes};
pub(super) use refs::ReferredLabels;
use refs::Refs;
use spellings::Mixed;
pub use spellings::Spellings;
use std::ops::Range;
use std::sync::Arc;
pub use symbols::Symbols;
use symbols::{Field, Outermost};

// Request
const SYMBOLS: u32 = 4;
const TIMESERIES: u32 = 5;
// TimeSeries; 6 is where older senders said when a counter began.
const LABELS_REFS: u32 = 1;
const LABELS_REFS_KEY: u8 = 0x0a;
pub(super) const HISTOGRAMS: u32 = 3;
pub(super) const HISTOGRAMS_2_KEY: u8 = 0x1a;
pub(super) const EXEMPLARS: u32 = 4;
pub(super) const EXEMPLARS_2_KEY: u8 = 0x22;
const METADATA: u32 = 5;
const METADATA_2_KEY: u8 = 0x2a;
const LAST_OF_SERIES: u32 = METADATA;

/// What a request of 2.0 has: how long its tables are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outline {
    pub symbols: usize,
    /// How many rows there will be at most.
    pub rows: usize,
}

/// A request of 2.0 that was read.
#[derive(Debug)]
pub struct Request2 {
    /// All series that have labels, those with nothing to store among them; with the table of symbols.
    pub batch: WriteBatch,
    pub tally: Tally,
    /// Series and exemplars whose references lead nowhere. Such series have no row.
    pub rejections: Rejections,
    spelled_bytes: usize,
}

/// Why a request of 2.0 is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest2 {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the first of the symbols must be an empty string")]
    FirstSymbol,
    #[error("spelled out, it has {size_bytes} bytes or more, {limit_bytes} are allowed")]
    TooLarge { size_bytes: u64, limit_bytes: u32 },
}

impl Outline {
    /// What a decompressed request of 2.0 has.
    ///
    /// # Errors
    /// A body whose outermost fields are malformed.
    pub fn of(body: &[u8]) -> Result<Self, Malformed> {
        let (mut outline, mut series) = (Self::default(), 0);
        let mut fields = Outermost { body, at: 0 };
        while let Some(field) = fields.next().map_err(|fault| fault.in_series(series))? {
            match field {
                Field::Symbol { .. } => outline.symbols += 1,
                Field::Series { at, end, .. } => {
                    series += 1;
                    outline.rows += usize::from(end - at >= SMALLEST_ROW_BYTES);
                }
                Field::Unknown => {}
            }
        }
        Ok(outline)
    }

    /// How many bytes the table of symbols takes.
    pub fn symbols_bytes(&self) -> usize {
        self.symbols * Symbols::ENTRY_BYTES
    }

    /// How many bytes the rows take.
    pub fn rows_bytes(&self) -> usize {
        self.rows * size_of::<SeriesSlice>()
    }
}

impl Request2 {
    /// Reads a decompressed request of 2.0. `outline` is what [`Outline::of`] said of it; it sizes the tables and nothing else.
    ///
    /// # Errors
    /// Anything a protobuf decoder would refuse, a first symbol that is not empty, or one that has more than `limit_bytes` once
    /// it is spelled out.
    pub fn read(
        body: Bytes,
        outline: Outline,
        spellings: &Spellings,
        received_ms: i64,
        limit_bytes: u32,
    ) -> Result<Self, InvalidRequest2> {
        if u32::try_from(body.len()).is_err() {
            return Err(Malformed { series: 0, at: body.len(), what: "body over 4 GiB" }.into());
        }
        let symbols = Symbols::of(&body, outline.symbols, &spellings.fingerprinter);
        let symbols = symbols.map_err(|fault| fault.in_series(0))?;
        if !symbols.text(&body, 0).is_empty() {
            return Err(InvalidRequest2::FirstSymbol);
        }
        // Minutes are told apart, no more.
        let minute = received_ms.div_euclid(60_000) as u32;
        let mut reader = Reader {
            body: &body,
            symbols: &symbols,
            spellings,
            series: Vec::with_capacity(outline.rows),
            tally: Tally::default(),
            rejections: Rejections::default(),
            spelled_bytes: 0,
            unnamed: Vec::with_capacity(GROUP),
            scratch: Vec::new(),
            next: usize::MAX,
            minute,
        };
        reader.request(limit_bytes)?;
        let Reader { series, tally, rejections, spelled_bytes, .. } = reader;
        let batch = WriteBatch { body, series, symbols: Some(Arc::new(symbols)), received_ms, replica: 0 };
        Ok(Self { batch, tally, rejections, spelled_bytes })
    }

    /// How many bytes [`WriteBatch::spell`] writes.
    pub fn spelled_bytes(&self) -> usize {
        self.spelled_bytes
    }
}

impl WriteBatch {
    /// Writes a batch of 2.0 as a request of 1.0 into `out`, which is as long as that is; returns its series, in the table of
    /// those that were read. One that is spelled out is not written.
    ///
    /// # Errors
    /// `out` has another length. What was read has no other fault.
    pub fn spell(self, out: &mut [u8]) -> Result<Vec<SeriesSlice>, Malformed> {
        let Self { body, mut series, symbols, .. } = self;
        let Some(symbols) = symbols else { return Ok(series) };
        let size_bytes = out.len();
        let mut pen = Pen::new(&symbols, &body, out);
        for (number, row) in (0u32..).zip(&mut series) {
            pen.series(row).map_err(|fault| fault.in_series(number))?;
        }
        if !pen.is_at_end() {
            return Err(Malformed { series: 0, at: size_bytes, what: "room of another size" });
        }
        Ok(series)
    }

    /// The batch with its labels spelled out, to be sliced. One that came so is as it was; else it takes memory for all that it
    /// means, which whoever reads a request of 2.0 may limit.
    ///
    /// # Errors
    /// Rows that are not of the batch's body.
    pub fn spelled(self) -> Result<SpelledBatch, Malformed> {
        let Some(symbols) = &self.symbols else { return Ok(SpelledBatch(self)) };
        let mut size_bytes = 0u64;
        for (number, row) in (0u32..).zip(&self.series) {
            let sizes = Sizes::of(symbols, &self.body, row).map_err(|fault| fault.in_series(number))?;
            size_bytes = size_bytes.saturating_add(sizes.field());
        }
        let too_long = Malformed { series: 0, at: self.body.len(), what: "over 4 GiB spelled out" };
        let size_bytes = u32::try_from(size_bytes).map_err(|_| too_long)?;
        let mut out = vec![0; size_bytes as usize];
        let (received_ms, replica) = (self.received_ms, self.replica);
        let series = self.spell(&mut out)?;
        Ok(SpelledBatch(Self { body: out.into(), series, symbols: None, received_ms, replica }))
    }
}

/// How many series are named at once.
const GROUP: usize = 64;
/// Labels that are longer, spelled out, are not hashed: their series is looked up by labels each time.
const MAX_HASHED_BYTES: u64 = 64 << 10;

/// A request while it is read.
struct Reader<'a> {
    body: &'a [u8],
    symbols: &'a Symbols,
    spellings: &'a Spellings,
    series: Vec<SeriesSlice>,
    tally: Tally,
    rejections: Rejections,
    spelled_bytes: usize,
    /// The last rows, whose fingerprints are still to be found.
    unnamed: Vec<Option<Mixed>>,
    scratch: Vec<u8>,
    /// Where [`Spellings`] will look next.
    next: usize,
    minute: u32,
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

/// Metadata of a series.
#[derive(Default)]
struct Said {
    kind: u64,
    help: u32,
    unit: u32,
}

impl Reader<'_> {
    fn request(&mut self, limit_bytes: u32) -> Result<(), InvalidRequest2> {
        let mut fields = Outermost { body: self.body, at: 0 };
        loop {
            let series = u32::try_from(self.tally.series).unwrap_or(u32::MAX);
            let in_series = |fault: Fault| fault.in_series(series);
            match fields.next().map_err(in_series)? {
                Some(Field::Series { key, at, end }) => {
                    let bytes = self.one_series(key, at, end).map_err(in_series)?;
                    let size_bytes = bytes.saturating_add(self.spelled_bytes as u64);
                    if size_bytes > u64::from(limit_bytes) {
                        return Err(InvalidRequest2::TooLarge { size_bytes, limit_bytes });
                    }
                    self.spelled_bytes = size_bytes as usize;
                    self.tally.series += 1;
                }
                Some(Field::Symbol { .. }) => {}
                Some(Field::Unknown) => self.tally.unknown_fields += 1,
                None => break,
            }
        }
        self.name_rows();
        Ok(())
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
        let tally = &mut self.tally;
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
        self.series.push(SeriesSlice {
            field: narrow(key, end),
            labels: narrow(start, samples_at),
            samples: narrow(samples_at, end),
            fingerprint: SCATTERED,
            histograms_at: 0,
            extras_at: 0,
        });
        self.tally.samples += count;
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
        self.series.push(SeriesSlice {
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
                let row = u32::try_from(self.series.len()).ok();
                let detail = || format!("parsing exemplar for series {series}: {fault}");
                self.rejections.add(row, Rejection::InvalidExemplar, 1, detail);
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
        let Self { unnamed, series, spellings, .. } = self;
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
        for row in self.series.get_mut(first..).unwrap_or_default() {
            if row.fingerprint == SCATTERED {
                row.fingerprint = fingerprint(row, (self.symbols, self.body), self.spellings, &mut self.scratch);
            }
        }
        let rows = self.series.get(first..).unwrap_or_default();
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
        self.rejections.add(None, Rejection::InvalidReference, 1, detail);
    }
}

impl Said {
    /// Reads a Metadata whose size is at `at`; returns where it ends.
    fn read(&mut self, body: &[u8], mut at: usize) -> Result<usize, Fault> {
        let end = wire::end_of_len(body, &mut at)?;
        self.message(body.get(..end).unwrap_or_default(), at)?;
        Ok(end)
    }

    /// Reads the Metadata that reaches from `at` to the end of `body`.
    fn message(&mut self, body: &[u8], mut at: usize) -> Result<(), Fault> {
        while at < body.len() {
            let field = at;
            let key = wire::key(body, &mut at)?;
            match (key.number, key.wire) {
                (1, Wire::Varint) => self.kind = wire::uvarint(body, &mut at)?,
                (3, Wire::Varint) => self.help = wire::uvarint(body, &mut at)? as u32,
                (4, Wire::Varint) => self.unit = wire::uvarint(body, &mut at)? as u32,
                (1 | 3 | 4, _) => return Err(Fault { at: field, what: WRONG_WIRE_TYPE }),
                (_, wire) => wire::skip(body, wire, &mut at)?,
            }
        }
        Ok(())
    }

    /// Whether what it refers to is there. A request without any symbol says nothing with its zeros.
    fn is_known(&self, symbols: &Symbols) -> bool {
        [self.help, self.unit].into_iter().all(|reference| reference == 0 || symbols.has(reference))
    }

    fn is_any(&self) -> bool {
        self.kind > 0 || self.help > 0 || self.unit > 0
    }

    /// That of `row` of a request that was read; `None` if it says nothing, or there is nothing to be said of.
    fn of(body: &[u8], row: &SeriesSlice) -> Result<Option<Self>, Fault> {
        let mut said = Self::default();
        if row.extras_at == 0 || row.is_bare() {
            return Ok(None);
        }
        let body = body.get(..row.field.end as usize).unwrap_or_default();
        let mut fields = FieldsOf::new(body, row.extras_at as usize, METADATA, METADATA_2_KEY);
        while let Some((message, at)) = fields.next_message()? {
            said.message(message, at)?;
        }
        Ok(said.is_any().then_some(said))
    }

    fn field_bytes(&self, symbols: &Symbols, body: &[u8]) -> u64 {
        len_field_size(self.spelled(symbols, body).message_bytes()) as u64
    }

    /// What is written of it. A text that is too long would be written with every series that names it.
    fn spelled<'a>(&self, symbols: &Symbols, body: &'a [u8]) -> SpelledSaid<'a> {
        let unit = symbols.text(body, self.unit);
        let unit = if unit.len() <= MAX_UNIT_BYTES { unit } else { &[] };
        SpelledSaid { kind: self.kind, help: cut_help(symbols.text(body, self.help)), unit }
    }
}

/// Metadata of a series as they are written.
struct SpelledSaid<'a> {
    kind: u64,
    help: &'a [u8],
    unit: &'a [u8],
}

impl SpelledSaid<'_> {
    fn message_bytes(&self) -> usize {
        1 + uvarint_size(self.kind) + len_field_size(self.help.len()) + len_field_size(self.unit.len())
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

impl WriteBatch {
    /// What a series of 2.0 says of its metric.
    pub(super) fn referred_metadata(&self, symbols: &Symbols, row: &SeriesSlice) -> Option<MetadataRef<'_>> {
        let said = Said::of(&self.body, row).ok()??;
        let SpelledSaid { kind, help, unit } = said.spelled(symbols, &self.body);
        Some(MetadataRef { kind: MetricKind::from_number(kind), help, unit })
    }
}

#[cfg(test)]
mod tests;

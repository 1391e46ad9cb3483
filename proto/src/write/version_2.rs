//! Remote write 2.0, rewritten as 1.0 in one pass.
//!
//! Labels of 2.0 are references into a table of symbols, so none of its series can be hashed or forwarded as it lies. Each is
//! written anew as a series of 1.0 with its labels spelled out. All else stays as it came: samples and histograms byte for
//! byte, for their messages differ in nothing but a start timestamp, which readers of 1.0 step over. From there on a request
//! of 2.0 is one like any other, for routers that slice it, peers of Thanos that read it, and the wire cache. Fingerprints
//! are taken while labels are still in the processor's cache.
//!
//! A symbol may be named any number of times, so a small request may mean a large one. It is written into a [`BodySink`],
//! which says when there is too much of it.

use super::extras::{EXEMPLARS_KEY, SERIES_METADATA_KEY};
use super::fields::{FieldsOf, LABELS_KEY, LabelFields, NAME_KEY, SAMPLES, SAMPLES_KEY, VALUE_KEY};
use super::histograms::HISTOGRAMS_KEY;
use super::shape::{EXEMPLAR_2, HISTOGRAM, METADATA_2};
use super::walk::{Run, SMALLEST_ROW_BYTES, TIMESERIES_KEY, check, narrow, one_sample};
use super::{Malformed, Rejection, Rejections, SeriesSlice, Tally};
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire, push_uvarint, uvarint_size};
use model::Fingerprinter;

// Request
const SYMBOLS: u32 = 4;
const TIMESERIES: u32 = 5;
// TimeSeries; 6 is where older senders said when a counter began.
const LABELS_REFS: u32 = 1;
const HISTOGRAMS: u32 = 3;
const HISTOGRAMS_2_KEY: u8 = 0x1a;
const EXEMPLARS: u32 = 4;
const EXEMPLARS_2_KEY: u8 = 0x22;
const METADATA: u32 = 5;
const LAST_OF_SERIES: u32 = METADATA;

/// Takes a body piece by piece, as much as it has room for.
pub trait BodySink {
    /// Why it takes no more.
    type Full;

    /// How many more bytes it takes at most.
    fn room(&self) -> usize;

    /// What to say when `wanted` more bytes are to come, for which there is no room.
    fn full(&self, wanted: usize) -> Self::Full;

    /// Appends `bytes`.
    ///
    /// # Errors
    /// There is no room for them.
    fn push(&mut self, bytes: &[u8]) -> Result<(), Self::Full>;
}

/// What a request of 2.0 has: what to reserve before it is rewritten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outline {
    pub symbols: usize,
    /// How many rows its rewriting makes at most.
    pub rows: usize,
}

/// The series of a request of 2.0. Their ranges are those of the body that was written.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// All that have labels, those with nothing to store among them.
    pub series: Vec<SeriesSlice>,
    pub tally: Tally,
    /// Series and exemplars whose references lead nowhere. Such series have no row.
    pub rejections: Rejections,
}

/// Why a request of 2.0 cannot be rewritten.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotRewrite<F> {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the first of the symbols must be an empty string")]
    FirstSymbol,
    #[error("there is no room for all that its symbols spell")]
    Full(F),
}

/// Where a symbol lies, from its size on.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    start: u32,
    end: u32,
}

/// The table of symbols.
struct Symbols<'a> {
    body: &'a [u8],
    table: Vec<Symbol>,
}

/// References to labels while they are spelled out.
#[derive(Debug, Default)]
struct Refs {
    count: usize,
    /// The last reference to a name.
    name: u32,
    /// The first name and value that are not both there.
    beyond: Option<(u32, u32)>,
}

/// Why rewriting stops.
enum Stop<F> {
    Fault(Fault),
    /// So many bytes are too many.
    Beyond(usize),
    Full(F),
}

impl<F> From<Fault> for Stop<F> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Outline {
    /// How many bytes rewriting takes beside the body it writes.
    pub fn size_bytes(&self) -> usize {
        self.symbols * size_of::<Symbol>() + self.rows * size_of::<SeriesSlice>()
    }

    /// What a decompressed request of 2.0 has.
    ///
    /// # Errors
    /// A body whose outermost fields are malformed.
    pub fn of(body: &[u8]) -> Result<Self, Malformed> {
        let (mut outline, mut series) = (Self::default(), 0);
        let mut fields = Outermost { body, at: 0 };
        while let Some(field) = fields.next().map_err(|fault| fault.in_series(series))? {
            match field {
                Field::Symbol(_) => outline.symbols += 1,
                Field::Series { at, end } => {
                    series += 1;
                    outline.rows += usize::from(end - at >= SMALLEST_ROW_BYTES);
                }
                Field::Unknown => {}
            }
        }
        Ok(outline)
    }
}

/// Rewrites a decompressed request of 2.0 into `out`. `outline` is what [`Outline::of`] said of it; it sizes the tables and
/// nothing else.
///
/// # Errors
/// Anything a protobuf decoder would refuse, a first symbol that is not empty, or more than `out` takes. What was written by
/// then is of no use.
pub fn rewrite_v2<S: BodySink>(
    body: &[u8],
    outline: Outline,
    fingerprinter: &Fingerprinter,
    out: &mut S,
) -> Result<Rewritten, CannotRewrite<S::Full>> {
    if u32::try_from(body.len()).is_err() {
        return Err(Malformed { series: 0, at: body.len(), what: "body over 4 GiB" }.into());
    }
    let symbols = Symbols::of(body, outline.symbols).map_err(|fault| fault.in_series(0))?;
    if symbols.text(0).is_some_and(|first| !first.is_empty()) {
        return Err(CannotRewrite::FirstSymbol);
    }
    let rewritten = Rewritten { series: Vec::with_capacity(outline.rows), ..Rewritten::default() };
    let mut rewrite =
        Rewrite { symbols, message: Vec::new(), exemplar: Vec::new(), written: 0, fingerprinter, out, rewritten };
    let mut fields = Outermost { body, at: 0 };
    loop {
        let series = u32::try_from(rewrite.rewritten.tally.series).unwrap_or(u32::MAX);
        let stopped = |stop, out: &S| match stop {
            Stop::Fault(fault) => CannotRewrite::Malformed(Fault::in_series(fault, series)),
            Stop::Beyond(wanted) => CannotRewrite::Full(out.full(wanted)),
            Stop::Full(full) => CannotRewrite::Full(full),
        };
        match fields.next().map_err(|fault| fault.in_series(series))? {
            Some(Field::Series { at, end }) => {
                rewrite.series(at, end).map_err(|stop| stopped(stop, rewrite.out))?;
                rewrite.rewritten.tally.series += 1;
            }
            Some(Field::Symbol(_)) => {}
            Some(Field::Unknown) => rewrite.rewritten.tally.unknown_fields += 1,
            None => return Ok(rewrite.rewritten),
        }
    }
}

/// Walks the fields of a request.
struct Outermost<'a> {
    body: &'a [u8],
    at: usize,
}

enum Field {
    Symbol(Symbol),
    Series { at: usize, end: usize },
    Unknown,
}

impl Outermost<'_> {
    #[inline]
    fn next(&mut self) -> Result<Option<Field>, Fault> {
        if self.at >= self.body.len() {
            return Ok(None);
        }
        let (start, mut at) = (self.at, self.at);
        let key = wire::key(self.body, &mut at)?;
        let size_at = at;
        let field = match (key.number, key.wire) {
            (SYMBOLS, Wire::Len) => {
                at = wire::end_of_len(self.body, &mut at)?;
                let range = narrow(size_at, at);
                Field::Symbol(Symbol { start: range.start, end: range.end })
            }
            (TIMESERIES, Wire::Len) => {
                let end = wire::end_of_len(self.body, &mut at)?;
                Field::Series { at: std::mem::replace(&mut at, end), end }
            }
            (SYMBOLS | TIMESERIES, _) => return Err(Fault { at: start, what: WRONG_WIRE_TYPE }),
            (_, wire) => {
                wire::skip(self.body, wire, &mut at)?;
                Field::Unknown
            }
        };
        self.at = at;
        Ok(Some(field))
    }
}

impl<'a> Symbols<'a> {
    /// The symbols of a request; its sender may have written them behind the series that name them.
    fn of(body: &'a [u8], count: usize) -> Result<Self, Fault> {
        let mut table = Vec::with_capacity(count);
        let mut fields = Outermost { body, at: 0 };
        while let Some(field) = fields.next()? {
            if let Field::Symbol(symbol) = field {
                table.push(symbol);
            }
        }
        Ok(Self { body, table })
    }

    /// A symbol with its size in front of it.
    #[inline]
    fn sized(&self, reference: u32) -> Option<&'a [u8]> {
        let Symbol { start, end } = *self.table.get(reference as usize)?;
        self.body.get(start as usize..end as usize)
    }

    fn text(&self, reference: u32) -> Option<&'a [u8]> {
        let (sized, mut at) = (self.sized(reference)?, 0);
        wire::end_of_len(sized, &mut at).ok()?;
        sized.get(at..)
    }

    /// Spells out the references that lie packed from `at` to the end of `body`; `out` gets at most `room` bytes.
    #[inline]
    fn spell<F>(
        &self,
        (body, mut at): (&[u8], usize),
        refs: &mut Refs,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<(), Stop<F>> {
        while at < body.len() {
            let reference = wire::uvarint(body, &mut at)?;
            self.spell_one(reference, refs, out, room)?;
        }
        Ok(())
    }

    /// Takes one reference, and writes a label with every second.
    #[inline]
    fn spell_one<F>(&self, reference: u64, refs: &mut Refs, out: &mut Vec<u8>, room: usize) -> Result<(), Stop<F>> {
        // As in every decoder, what is over 32 bits is cut off.
        let reference = reference as u32;
        refs.count += 1;
        if !refs.count.is_multiple_of(2) {
            refs.name = reference;
            return Ok(());
        }
        let (Some(name), Some(value)) = (self.sized(refs.name), self.sized(reference)) else {
            refs.beyond.get_or_insert((refs.name, reference));
            return Ok(());
        };
        let size = 2 + name.len() + value.len();
        let wanted = out.len() + 1 + uvarint_size(size as u64) + size;
        if wanted > room {
            return Err(Stop::Beyond(wanted));
        }
        out.push(LABELS_KEY);
        push_uvarint(out, size as u64);
        out.push(NAME_KEY);
        out.extend_from_slice(name);
        out.push(VALUE_KEY);
        out.extend_from_slice(value);
        Ok(())
    }
}

impl Refs {
    /// What is wrong with them, in Prometheus' words.
    fn fault(&self, symbols: &Symbols<'_>) -> Option<String> {
        if !self.count.is_multiple_of(2) {
            return Some(format!("invalid labelRefs length {}", self.count));
        }
        let (name, value) = self.beyond?;
        let size = symbols.table.len();
        Some(format!("labelRefs {name} (name) = {value} (value) outside of symbols table (size {size})"))
    }

    fn are_bad(&self) -> bool {
        !self.count.is_multiple_of(2) || self.beyond.is_some()
    }
}

/// What a series has besides labels.
#[derive(Default)]
struct Parts {
    samples: Run,
    sample_count: u64,
    histograms: u64,
    exemplars: u64,
    said: Said,
}

/// Metadata of a series.
#[derive(Default)]
struct Said {
    kind: u64,
    help: u32,
    unit: u32,
}

/// Where in the message its parts begin; 0: there is none.
#[derive(Default)]
struct Places {
    labels_end: usize,
    samples: usize,
    samples_end: usize,
    exemplars: usize,
    histograms: usize,
    metadata: usize,
}

struct Rewrite<'a, S> {
    symbols: Symbols<'a>,
    /// The series at hand as it is written, behind [`HEAD_BYTES`] for its key and size.
    message: Vec<u8>,
    /// The labels of the exemplar at hand.
    exemplar: Vec<u8>,
    /// How much `out` has.
    written: usize,
    fingerprinter: &'a Fingerprinter,
    out: &'a mut S,
    rewritten: Rewritten,
}

/// A key, and a size of less than 4 GiB.
const HEAD_BYTES: usize = 6;

impl<S: BodySink> Rewrite<'_, S> {
    /// One series, which reaches from `start` to `end`.
    fn series(&mut self, start: usize, end: usize) -> Result<(), Stop<S::Full>> {
        let body = self.symbols.body.get(..end).unwrap_or_default();
        let room = self.out.room().saturating_add(HEAD_BYTES);
        self.message.clear();
        self.message.extend_from_slice(&[0; HEAD_BYTES]);
        let (mut refs, mut parts, mut at) = (Refs::default(), Parts::default(), start);
        while at < end {
            let field = at;
            let key = wire::key(body, &mut at)?;
            match (key.number, key.wire) {
                (LABELS_REFS, Wire::Len) => {
                    let end = wire::end_of_len(body, &mut at)?;
                    let packed = (body.get(..end).unwrap_or_default(), at);
                    self.symbols.spell(packed, &mut refs, &mut self.message, room)?;
                    at = end;
                }
                (LABELS_REFS, Wire::Varint) => {
                    let reference = wire::uvarint(body, &mut at)?;
                    self.symbols.spell_one(reference, &mut refs, &mut self.message, room)?;
                }
                (SAMPLES, Wire::Len) => {
                    at = one_sample(body, at)?;
                    parts.samples.add(field, at);
                    parts.sample_count += 1;
                }
                (HISTOGRAMS, Wire::Len) => {
                    at = check(&HISTOGRAM, body, at)?;
                    parts.histograms += 1;
                }
                (EXEMPLARS, Wire::Len) => {
                    at = check(&EXEMPLAR_2, body, at)?;
                    parts.exemplars += 1;
                }
                (METADATA, Wire::Len) => at = parts.said.read(body, at)?,
                (1..=LAST_OF_SERIES, _) => return Err(Fault { at: field, what: WRONG_WIRE_TYPE }.into()),
                (_, wire) => wire::skip(body, wire, &mut at)?,
            }
        }
        let tally = &mut self.rewritten.tally;
        tally.histograms += parts.histograms;
        tally.exemplars += parts.exemplars;
        if refs.are_bad() || !parts.said.is_known(&self.symbols) {
            self.refuse(body, start, &refs, &parts.said);
            return Ok(());
        }
        if refs.count == 0 {
            tally.unlabelled += u64::from(parts.sample_count + parts.histograms > 0);
            return Ok(());
        }
        tally.samples += parts.sample_count;
        let places = self.rest(body, start, &parts)?;
        self.finish(&places)
    }

    /// Writes what follows the labels.
    fn rest(&mut self, body: &[u8], start: usize, parts: &Parts) -> Result<Places, Stop<S::Full>> {
        let mut places = Places { labels_end: self.message.len(), ..Places::default() };
        if parts.sample_count > 0 {
            places.samples = self.message.len();
            if parts.samples.broken {
                self.copy(FieldsOf::new(body, start, SAMPLES, SAMPLES_KEY), SAMPLES_KEY)?;
            } else {
                let run = body.get(parts.samples.start..parts.samples.end);
                self.message.extend_from_slice(run.unwrap_or_default());
            }
            places.samples_end = self.message.len();
        }
        if parts.exemplars > 0 {
            let begin = self.message.len();
            let mut exemplars = FieldsOf::new(body, start, EXEMPLARS, EXEMPLARS_2_KEY);
            while let Some((message, at)) = exemplars.next_message()? {
                self.one_exemplar(message, at, places.labels_end)?;
            }
            places.exemplars = if self.message.len() > begin { begin } else { 0 };
        }
        if parts.histograms > 0 {
            places.histograms = self.message.len();
            self.copy(FieldsOf::new(body, start, HISTOGRAMS, HISTOGRAMS_2_KEY), HISTOGRAMS_KEY)?;
        }
        if parts.sample_count + parts.histograms > 0 && parts.said.is_any() {
            places.metadata = self.message.len();
            self.metadata(&parts.said)?;
        }
        Ok(places)
    }

    /// Copies messages under another key.
    fn copy(&mut self, mut fields: FieldsOf<'_>, key: u8) -> Result<(), Fault> {
        while let Some((message, at)) = fields.next_message()? {
            let message = message.get(at..).unwrap_or_default();
            self.message.push(key);
            push_uvarint(&mut self.message, message.len() as u64);
            self.message.extend_from_slice(message);
        }
        Ok(())
    }

    /// Writes the exemplar that reaches from `at` to the end of `body`, unless its references lead nowhere.
    fn one_exemplar(&mut self, body: &[u8], mut at: usize, labels_end: usize) -> Result<(), Stop<S::Full>> {
        let room = (self.out.room().saturating_add(HEAD_BYTES)).saturating_sub(self.message.len());
        self.exemplar.clear();
        let (mut refs, mut bits, mut timestamp) = (Refs::default(), 0, 0);
        while at < body.len() {
            let key = wire::key(body, &mut at)?;
            match (key.number, key.wire) {
                (1, Wire::Len) => {
                    let end = wire::end_of_len(body, &mut at)?;
                    let packed = (body.get(..end).unwrap_or_default(), at);
                    self.symbols.spell(packed, &mut refs, &mut self.exemplar, room)?;
                    at = end;
                }
                (1, Wire::Varint) => {
                    let reference = wire::uvarint(body, &mut at)?;
                    self.symbols.spell_one(reference, &mut refs, &mut self.exemplar, room)?;
                }
                (2, Wire::Fixed64) => bits = wire::fixed64(body, &mut at)?,
                (3, Wire::Varint) => timestamp = wire::uvarint(body, &mut at)?,
                (_, wire) => wire::skip(body, wire, &mut at)?,
            }
        }
        if let Some(fault) = refs.fault(&self.symbols) {
            let Rewritten { series, rejections, .. } = &mut self.rewritten;
            let labels = LabelFields::new(self.message.get(..labels_end).unwrap_or_default(), HEAD_BYTES, 0);
            let detail = || format!("parsing exemplar for series {labels}: {fault}");
            rejections.add(u32::try_from(series.len()).ok(), Rejection::InvalidExemplar, 1, detail);
            return Ok(());
        }
        self.exemplar.push(0x11);
        self.exemplar.extend_from_slice(&bits.to_le_bytes());
        self.exemplar.push(0x18);
        push_uvarint(&mut self.exemplar, timestamp);
        self.message.push(EXEMPLARS_KEY);
        push_uvarint(&mut self.message, self.exemplar.len() as u64);
        self.message.extend_from_slice(&self.exemplar);
        Ok(())
    }

    fn metadata(&mut self, said: &Said) -> Result<(), Stop<S::Full>> {
        let texts = [(0x22, said.help), (0x2a, said.unit)];
        let texts = texts.map(|(key, reference)| (key, self.symbols.sized(reference).unwrap_or_default()));
        let kind_bytes = 1 + uvarint_size(said.kind);
        let size = kind_bytes + texts.iter().map(|(_, sized)| 1 + sized.len()).sum::<usize>();
        let wanted = self.message.len() + 1 + uvarint_size(size as u64) + size;
        if wanted > self.out.room().saturating_add(HEAD_BYTES) {
            return Err(Stop::Beyond(wanted));
        }
        self.message.push(SERIES_METADATA_KEY);
        push_uvarint(&mut self.message, size as u64);
        self.message.push(0x08);
        push_uvarint(&mut self.message, said.kind);
        for (key, sized) in texts {
            self.message.push(key);
            self.message.extend_from_slice(sized);
        }
        Ok(())
    }

    /// Puts key and size in front of the message, hands it over, and makes its row.
    fn finish(&mut self, places: &Places) -> Result<(), Stop<S::Full>> {
        let size = self.message.len() - HEAD_BYTES;
        let skipped = HEAD_BYTES - 1 - uvarint_size(size as u64).min(HEAD_BYTES - 1);
        let whole = self.message.len() - skipped;
        if whole > self.out.room() || u32::try_from(self.written + whole).is_err() {
            return Err(Stop::Beyond(whole));
        }
        let mut rest = size;
        for (at, byte) in self.message.iter_mut().enumerate().take(HEAD_BYTES).skip(skipped) {
            let more = if at + 1 < HEAD_BYTES { 0x80 } else { 0 };
            *byte = if at == skipped { TIMESERIES_KEY } else { (rest & 0x7f) as u8 | more };
            rest = if at == skipped { rest } else { rest >> 7 };
        }
        let message = self.message.get(skipped..).unwrap_or_default();
        self.out.push(message).map_err(Stop::Full)?;
        // From a place in the message to that in the body.
        let place = |at: usize| self.written + at - skipped;
        let at = |at: usize| if at > 0 { narrow(place(at), 0).start } else { 0 };
        let labels = self.message.get(HEAD_BYTES..places.labels_end).unwrap_or_default();
        let extras = [places.exemplars, places.metadata].into_iter().filter(|at| *at > 0).min();
        let row = SeriesSlice {
            field: narrow(self.written, self.written + whole),
            labels: narrow(place(HEAD_BYTES), place(places.labels_end)),
            samples: if places.samples > 0 { narrow(place(places.samples), place(places.samples_end)) } else { 0..0 },
            fingerprint: self.fingerprinter.of_region(labels),
            histograms_at: at(places.histograms),
            extras_at: at(extras.unwrap_or(0)),
        };
        self.rewritten.series.push(row);
        self.written += whole;
        Ok(())
    }

    /// Counts the series that reaches from `start` to the end of `body` as refused.
    #[cold]
    fn refuse(&mut self, body: &[u8], start: usize, refs: &Refs, said: &Said) {
        let symbols = &self.symbols;
        let detail = || {
            let series = told_refs(body, start);
            match refs.fault(symbols) {
                Some(fault) => format!("parsing labels for series {series}: {fault}"),
                None => {
                    let (Said { help, unit, .. }, size) = (said, symbols.table.len());
                    format!(
                        "metadata of series {series}: help {help}, unit {unit} outside of symbols table (size {size})"
                    )
                }
            }
        };
        self.rewritten.rejections.add(None, Rejection::InvalidReference, 1, detail);
    }
}

impl Said {
    /// Reads a Metadata whose size is at `at`; returns where it ends.
    fn read(&mut self, body: &[u8], mut at: usize) -> Result<usize, Fault> {
        let end = wire::end_of_len(body, &mut at)?;
        let body = body.get(..end).unwrap_or_default();
        METADATA_2.check(body, at)?;
        while at < end {
            let key = wire::key(body, &mut at)?;
            match (key.number, key.wire) {
                (1, Wire::Varint) => self.kind = wire::uvarint(body, &mut at)?,
                (3, Wire::Varint) => self.help = wire::uvarint(body, &mut at)? as u32,
                (4, Wire::Varint) => self.unit = wire::uvarint(body, &mut at)? as u32,
                (_, wire) => wire::skip(body, wire, &mut at)?,
            }
        }
        Ok(end)
    }

    /// Whether what it refers to is there. A request without any symbol says nothing with its zeros.
    fn is_known(&self, symbols: &Symbols<'_>) -> bool {
        [self.help, self.unit].into_iter().all(|reference| reference == 0 || symbols.sized(reference).is_some())
    }

    fn is_any(&self) -> bool {
        self.kind > 0 || self.help > 0 || self.unit > 0
    }
}

/// The first references of a series, for people.
fn told_refs(body: &[u8], start: usize) -> String {
    const MAX_REFS: usize = 32;
    let mut refs = Vec::new();
    let mut at = start;
    // It was read before, so there is no fault in it.
    let _ = (|| {
        while at < body.len() && refs.len() <= MAX_REFS {
            let key = wire::key(body, &mut at)?;
            if key.number != LABELS_REFS {
                wire::skip(body, key.wire, &mut at)?;
                continue;
            }
            let end = if key.wire == Wire::Len { wire::end_of_len(body, &mut at)? } else { at + 1 };
            while at < end && refs.len() <= MAX_REFS {
                refs.push((wire::uvarint(body, &mut at)? as u32).to_string());
            }
            at = at.max(end);
        }
        Ok::<_, Fault>(())
    })();
    let more = if refs.len() > MAX_REFS { " …" } else { "" };
    refs.truncate(MAX_REFS);
    format!("[{}{more}]", refs.join(" "))
}

#[cfg(test)]
mod tests;

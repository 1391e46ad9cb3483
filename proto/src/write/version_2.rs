//! Remote write 2.0, rewritten as 1.0.
//!
//! Labels of 2.0 are references into a table of symbols, so none of its series can be hashed or forwarded as it lies. Each is
//! written anew as a series of 1.0 with its labels spelled out. All else stays as it came: samples and histograms byte for
//! byte, for their messages differ in nothing but a start timestamp, which readers of 1.0 step over. From there on a request
//! of 2.0 is one like any other, for routers that slice it, peers of Thanos that read it, and the wire cache. Fingerprints
//! are taken while labels are still in the processor's cache.
//!
//! A symbol may be named any number of times, so a small request may mean a large one. So there are three steps, and each
//! knows how much memory it takes before it takes any: [`Outline::of`] counts what the tables will have; [`Rewrite::measure`]
//! checks all of the request, refuses what is to be refused, and knows how long the rest will be to the byte;
//! [`Rewrite::write`] spells it out. The first two take time for each byte of the request, the third for each that it writes.

mod pen;
mod symbols;

use super::extras::{MAX_UNIT_BYTES, cut_help};
use super::fields::{FieldsOf, SAMPLES};
use super::shape::{EXEMPLAR_2, HISTOGRAM};
use super::walk::{Run, SMALLEST_ROW_BYTES, check, narrow, one_sample};
use super::{Excerpt, Malformed, Rejection, Rejections, SeriesSlice, Tally};
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire, len_field_size, uvarint_size};
use model::{Fingerprint, Fingerprinter};
use pen::Pen;
use std::fmt::Write;
use symbols::{Field, Outermost, Refs, Symbol, Symbols};

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

/// What a request of 2.0 has: how long its tables are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outline {
    pub symbols: usize,
    /// How many rows its rewriting makes at most.
    pub rows: usize,
}

/// A request of 2.0 that was checked and measured.
#[derive(Debug)]
pub struct Rewrite<'a> {
    symbols: Symbols<'a>,
    rewritten: Rewritten,
    size_bytes: usize,
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
pub enum CannotRewrite {
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

    /// How many bytes the table of symbols takes, which is needed until all is written.
    pub fn symbols_bytes(&self) -> usize {
        self.symbols * size_of::<Symbol>()
    }

    /// How many bytes the rows take, which stay with the body that was written.
    pub fn rows_bytes(&self) -> usize {
        self.rows * size_of::<SeriesSlice>()
    }
}

/// Where a row lies in the request, while it waits to be written: kept in place of its fingerprint, which is not known
/// before, lest there be a second table.
struct Origin {
    /// The message of the series.
    series: [u32; 2],
    /// Its samples, if no other field lies between them; else both are 0.
    samples: [u32; 2],
}

impl Origin {
    fn keep(self) -> Fingerprint {
        let [a, b, c, d] = [self.series[0], self.series[1], self.samples[0], self.samples[1]].map(u128::from);
        Fingerprint(a | b << 32 | c << 64 | d << 96)
    }

    fn of(row: &SeriesSlice) -> Self {
        let Fingerprint(kept) = row.fingerprint;
        let [a, b, c, d] = [0, 32, 64, 96].map(|shift| (kept >> shift) as u32);
        Self { series: [a, b], samples: [c, d] }
    }
}

/// What a series has besides labels.
#[derive(Default)]
struct Parts {
    samples: Run,
    sample_count: u64,
    /// How many bytes the samples take if they are copied one by one.
    samples_bytes: u64,
    histograms: u64,
    histograms_bytes: u64,
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

impl<'a> Rewrite<'a> {
    /// Checks and measures a decompressed request of 2.0. `outline` is what [`Outline::of`] said of it; it sizes the tables
    /// and nothing else.
    ///
    /// # Errors
    /// Anything a protobuf decoder would refuse, a first symbol that is not empty, or one that becomes larger than
    /// `limit_bytes`.
    pub fn measure(body: &'a [u8], outline: Outline, limit_bytes: u32) -> Result<Self, CannotRewrite> {
        if u32::try_from(body.len()).is_err() {
            return Err(Malformed { series: 0, at: body.len(), what: "body over 4 GiB" }.into());
        }
        let symbols = Symbols::of(body, outline.symbols).map_err(|fault| fault.in_series(0))?;
        if symbols.text(0).is_some_and(|first| !first.is_empty()) {
            return Err(CannotRewrite::FirstSymbol);
        }
        let rewritten = Rewritten { series: Vec::with_capacity(outline.rows), ..Rewritten::default() };
        let mut rewrite = Self { symbols, rewritten, size_bytes: 0 };
        let mut fields = Outermost { body, at: 0 };
        loop {
            let series = u32::try_from(rewrite.rewritten.tally.series).unwrap_or(u32::MAX);
            let in_series = |fault: Fault| fault.in_series(series);
            match fields.next().map_err(in_series)? {
                Some(Field::Series { at, end }) => {
                    let bytes = rewrite.series(at, end).map_err(in_series)?;
                    let size_bytes = bytes.saturating_add(rewrite.size_bytes as u64);
                    if size_bytes > u64::from(limit_bytes) {
                        return Err(CannotRewrite::TooLarge { size_bytes, limit_bytes });
                    }
                    rewrite.size_bytes = size_bytes as usize;
                    rewrite.rewritten.tally.series += 1;
                }
                Some(Field::Symbol(_)) => {}
                Some(Field::Unknown) => rewrite.rewritten.tally.unknown_fields += 1,
                None => return Ok(rewrite),
            }
        }
    }

    /// How many bytes [`Rewrite::write`] writes.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Measures the series that reaches from `start` to `end` and gives it a row, unless it is refused; returns how many bytes
    /// it will have.
    fn series(&mut self, start: usize, end: usize) -> Result<u64, Fault> {
        let body = self.symbols.body().get(..end).unwrap_or_default();
        let (mut refs, mut parts, mut at) = (Refs::default(), Parts::default(), start);
        while at < end {
            let field = at;
            let key = wire::key(body, &mut at)?;
            match (key.number, key.wire) {
                (LABELS_REFS, Wire::Len) => {
                    let end = wire::end_of_len(body, &mut at)?;
                    refs.add_packed(&self.symbols, body.get(..end).unwrap_or_default(), at)?;
                    at = end;
                }
                (LABELS_REFS, Wire::Varint) => refs.add(&self.symbols, wire::uvarint(body, &mut at)?),
                (SAMPLES, Wire::Len) => {
                    let size_at = at;
                    at = one_sample(body, at)?;
                    parts.samples.add(field, at);
                    parts.sample_count += 1;
                    parts.samples_bytes += copied_bytes(body, size_at, at)?;
                }
                (HISTOGRAMS, Wire::Len) => {
                    let size_at = at;
                    at = check(&HISTOGRAM, body, at)?;
                    parts.histograms += 1;
                    parts.histograms_bytes += copied_bytes(body, size_at, at)?;
                }
                (EXEMPLARS, Wire::Len) => {
                    at = check(&EXEMPLAR_2, body, at)?;
                    parts.exemplars += 1;
                }
                (METADATA, Wire::Len) => at = parts.said.read(body, at)?,
                (1..=LAST_OF_SERIES, _) => return Err(Fault { at: field, what: WRONG_WIRE_TYPE }),
                (_, wire) => wire::skip(body, wire, &mut at)?,
            }
        }
        let tally = &mut self.rewritten.tally;
        tally.histograms += parts.histograms;
        tally.exemplars += parts.exemplars;
        if refs.are_bad() || !parts.said.is_known(&self.symbols) {
            self.refuse(body, start, &refs, &parts.said);
            return Ok(0);
        }
        if refs.count == 0 {
            tally.unlabelled += u64::from(parts.sample_count + parts.histograms > 0);
            return Ok(0);
        }
        tally.samples += parts.sample_count;
        self.row(body, start, &refs, &parts)
    }

    /// A row for the series that reaches from `start` to the end of `body`; returns how many bytes it will have.
    fn row(&mut self, body: &[u8], start: usize, refs: &Refs, parts: &Parts) -> Result<u64, Fault> {
        let mut exemplars_bytes = 0u64;
        if parts.exemplars > 0 {
            let mut exemplars = FieldsOf::new(body, start, EXEMPLARS, EXEMPLARS_2_KEY);
            while let Some((message, at)) = exemplars.next_message()? {
                exemplars_bytes = exemplars_bytes.saturating_add(self.exemplar((message, at), (body, start))?);
            }
        }
        let run = if parts.samples.broken { 0..0 } else { parts.samples.start..parts.samples.end };
        let samples_bytes = if parts.samples.broken { parts.samples_bytes } else { run.len() as u64 };
        let said = parts.sample_count + parts.histograms > 0 && parts.said.is_any();
        let metadata_bytes = if said { parts.said.spelled(&self.symbols).field_bytes() } else { 0 };
        let sizes = [refs.spelled_bytes, samples_bytes, exemplars_bytes, parts.histograms_bytes, metadata_bytes];
        let message = sizes.into_iter().fold(0u64, u64::saturating_add);
        let head = 1 + uvarint_size(message) as u64;
        // Where each of them begins, and where the last ends. What is beyond 4 GiB is over the limit.
        let mut place = (self.size_bytes as u64).saturating_add(head);
        let places = sizes.map(|size| {
            let start = place;
            place = place.saturating_add(size);
            narrow(usize::try_from(start).unwrap_or(usize::MAX), usize::try_from(place).unwrap_or(usize::MAX))
        });
        let begin = |index: usize| if places[index].is_empty() { 0 } else { places[index].start };
        let extras = [begin(2), begin(4)].into_iter().filter(|at| *at > 0).min();
        let [labels, samples, .., last] = places.clone();
        let series = narrow(start, body.len());
        let run = narrow(run.start, run.end);
        let origin = Origin { series: [series.start, series.end], samples: [run.start, run.end] };
        self.rewritten.series.push(SeriesSlice {
            field: narrow(self.size_bytes, 0).start..last.end,
            labels,
            samples: if samples.is_empty() { 0..0 } else { samples },
            fingerprint: origin.keep(),
            histograms_at: begin(3),
            extras_at: extras.unwrap_or(0),
        });
        Ok(head.saturating_add(message))
    }

    /// How many bytes the exemplar takes that reaches from `at` to the end of `message`; one whose references lead nowhere is
    /// refused and takes none. `series` is where its series lies.
    fn exemplar(&mut self, (message, at): (&[u8], usize), series: (&[u8], usize)) -> Result<u64, Fault> {
        let exemplar = Exemplar::read(&self.symbols, message, at)?;
        if let Some(fault) = exemplar.refs.fault(&self.symbols) {
            let (symbols, Rewritten { series: rows, rejections, .. }) = (&self.symbols, &mut self.rewritten);
            let detail =
                || format!("parsing exemplar for series {}: {fault}", told_labels(symbols, series.0, series.1));
            rejections.add(u32::try_from(rows.len()).ok(), Rejection::InvalidExemplar, 1, detail);
            return Ok(0);
        }
        Ok(exemplar.field_bytes())
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
                    let (Said { help, unit, .. }, size) = (said, symbols.len());
                    format!(
                        "metadata of series {series}: help {help}, unit {unit} outside of symbols table (size {size})"
                    )
                }
            }
        };
        self.rewritten.rejections.add(None, Rejection::InvalidReference, 1, detail);
    }

    /// Writes the request of 1.0 into `out`, which is [`Rewrite::size_bytes`] long.
    ///
    /// # Errors
    /// `out` has another length. A request that was measured has no other fault.
    pub fn write(self, fingerprinter: &Fingerprinter, out: &mut [u8]) -> Result<Rewritten, Malformed> {
        let Self { symbols, mut rewritten, size_bytes } = self;
        let mut pen = Pen::new(&symbols, out);
        for (number, row) in (0u32..).zip(&mut rewritten.series) {
            pen.series(row).map_err(|fault| fault.in_series(number))?;
            row.fingerprint = fingerprinter.of_region(pen.written(&row.labels));
        }
        if !pen.is_at_end() {
            return Err(Malformed { series: 0, at: size_bytes, what: "room of another size" });
        }
        Ok(rewritten)
    }
}

/// How many bytes a message takes, with a key of one byte, whose size is at `size_at` and which ends at `end`.
#[inline]
fn copied_bytes(body: &[u8], mut size_at: usize, end: usize) -> Result<u64, Fault> {
    wire::end_of_len(body, &mut size_at)?;
    Ok(len_field_size(end - size_at) as u64)
}

impl Said {
    /// Reads a Metadata whose size is at `at`; returns where it ends.
    fn read(&mut self, body: &[u8], mut at: usize) -> Result<usize, Fault> {
        let end = wire::end_of_len(body, &mut at)?;
        let body = body.get(..end).unwrap_or_default();
        while at < end {
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
        Ok(end)
    }

    /// Whether what it refers to is there. A request without any symbol says nothing with its zeros.
    fn is_known(&self, symbols: &Symbols<'_>) -> bool {
        [self.help, self.unit].into_iter().all(|reference| reference == 0 || symbols.has(reference))
    }

    fn is_any(&self) -> bool {
        self.kind > 0 || self.help > 0 || self.unit > 0
    }

    /// What is written of it. A text that is too long would be written with every series that names it.
    fn spelled<'a>(&self, symbols: &Symbols<'a>) -> SpelledSaid<'a> {
        let unit = symbols.text(self.unit).filter(|unit| unit.len() <= MAX_UNIT_BYTES);
        let help = cut_help(symbols.text(self.help).unwrap_or_default());
        SpelledSaid { kind: self.kind, help, unit: unit.unwrap_or_default() }
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

    fn field_bytes(&self) -> u64 {
        len_field_size(self.message_bytes()) as u64
    }
}

/// An exemplar, its labels counted.
struct Exemplar {
    refs: Refs,
    bits: u64,
    timestamp: u64,
}

impl Exemplar {
    /// Reads the exemplar that reaches from `at` to the end of `body`.
    fn read(symbols: &Symbols<'_>, body: &[u8], mut at: usize) -> Result<Self, Fault> {
        let mut exemplar = Self { refs: Refs::default(), bits: 0, timestamp: 0 };
        while at < body.len() {
            let key = wire::key(body, &mut at)?;
            match (key.number, key.wire) {
                (1, Wire::Len) => {
                    let end = wire::end_of_len(body, &mut at)?;
                    exemplar.refs.add_packed(symbols, body.get(..end).unwrap_or_default(), at)?;
                    at = end;
                }
                (1, Wire::Varint) => exemplar.refs.add(symbols, wire::uvarint(body, &mut at)?),
                (2, Wire::Fixed64) => exemplar.bits = wire::fixed64(body, &mut at)?,
                (3, Wire::Varint) => exemplar.timestamp = wire::uvarint(body, &mut at)?,
                (_, wire) => wire::skip(body, wire, &mut at)?,
            }
        }
        Ok(exemplar)
    }

    fn message_bytes(&self) -> u64 {
        let rest = 1 + size_of::<u64>() + 1 + uvarint_size(self.timestamp);
        self.refs.spelled_bytes.saturating_add(rest as u64)
    }

    fn field_bytes(&self) -> u64 {
        let message = self.message_bytes();
        message.saturating_add(1 + uvarint_size(message) as u64)
    }
}

/// The first references of a series.
fn first_refs(body: &[u8], start: usize, max: usize) -> Vec<u32> {
    let (mut refs, mut at) = (Vec::new(), start);
    // It was read before, so there is no fault in it.
    let _ = (|| {
        while at < body.len() && refs.len() < max {
            let key = wire::key(body, &mut at)?;
            if key.number != LABELS_REFS {
                wire::skip(body, key.wire, &mut at)?;
                continue;
            }
            let end = if key.wire == Wire::Len { wire::end_of_len(body, &mut at)? } else { at + 1 };
            while at < end && refs.len() < max {
                refs.push(wire::uvarint(body, &mut at)? as u32);
            }
            at = at.max(end);
        }
        Ok::<_, Fault>(())
    })();
    refs
}

/// The first references of a series, for people.
fn told_refs(body: &[u8], start: usize) -> String {
    const MAX_REFS: usize = 32;
    let refs = first_refs(body, start, MAX_REFS + 1);
    let more = if refs.len() > MAX_REFS { " …" } else { "" };
    let refs: Vec<_> = refs.iter().take(MAX_REFS).map(u32::to_string).collect();
    format!("[{}{more}]", refs.join(" "))
}

/// The first labels of a series whose references are sound, for people: as those of 1.0 are told.
fn told_labels(symbols: &Symbols<'_>, body: &[u8], start: usize) -> String {
    const MAX_LABELS: usize = 3;
    let refs = first_refs(body, start, 2 * (MAX_LABELS + 1));
    let text = |reference: u32| Excerpt::of(symbols.text(reference).unwrap_or_default());
    let mut told = String::from("{");
    for (position, [name, value]) in refs.as_chunks::<2>().0.iter().enumerate() {
        let comma = if position == 0 { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = match position {
            MAX_LABELS => write!(told, "{comma}…"),
            _ => write!(told, "{comma}{}={}", text(*name), text(*value)),
        };
    }
    told.push('}');
    told
}

#[cfg(test)]
mod tests;

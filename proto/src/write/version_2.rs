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
mod reader;
mod refs;
mod said;
mod spellings;
mod symbols;

use super::walk::SMALLEST_ROW_BYTES;
use super::{Malformed, Rejections, SeriesSlice, SpelledBatch, Tally, WriteBatch};
use bytes::Bytes;
use pen::{Pen, Sizes};
use reader::{Read, Reader};
pub(super) use refs::ReferredLabels;
pub use spellings::Spellings;
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
        let read = Reader::new(&body, &symbols, spellings, outline.rows, minute).read(limit_bytes)?;
        let Read { series, tally, rejections, spelled_bytes } = read;
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

#[cfg(test)]
mod tests;

//! The walk over a frame.

mod chunks;
mod fields;

use super::{MalformedFrame, ReadChunk};
use crate::wire::Fault;
use bytes::Bytes;
use chunks::read_chunks;
use fields::{Fields, malformed};
use model::{LabelsRef, PackedBuilder};
use std::ops::Range;

/// What a frame carries.
#[derive(Debug, Clone)]
pub enum FrameContent {
    /// A series, or a batch of them.
    Series(SeriesFields),
    /// Text, of which nothing is checked.
    Warning(Bytes),
    /// An encoded `google.protobuf.Any`.
    Hints(Bytes),
    /// No field that is known.
    Nothing,
}

/// The series of a frame, one after the other.
#[derive(Debug, Clone)]
pub struct SeriesFields {
    frame: Bytes,
    /// Where the rest lies.
    rest: Range<usize>,
    in_batch: bool,
}

/// Where in its frame a series lies, which may not have been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSeries(Range<usize>);

// SeriesResponse
const SERIES: u32 = 1;
const WARNING: u32 = 2;
const HINTS: u32 = 3;
const BATCH: u32 = 4;
// SeriesBatch
const BATCH_SERIES: u32 = 1;
// Series
const LABELS: u32 = 1;
const CHUNKS: u32 = 2;
// Label
const NAME: u32 = 1;
const VALUE: u32 = 2;
// The keys of a label among the fields of a series, and of what is in it.
const SHORT_LABEL: u8 = (LABELS << 3 | 2) as u8;
const SHORT_NAME: u8 = (NAME << 3 | 2) as u8;
const SHORT_VALUE: u8 = (VALUE << 3 | 2) as u8;
/// Reads the outermost message of `frame`, which has one result.
///
/// # Errors
/// Malformed bytes, and more than one result: no writer makes such a frame.
pub fn read_frame(frame: &Bytes) -> Result<FrameContent, MalformedFrame> {
    let mut fields = Fields::new(frame, 0..frame.len(), "SeriesResponse");
    let mut content = FrameContent::Nothing;
    let series = |rest, in_batch| FrameContent::Series(SeriesFields { frame: frame.clone(), rest, in_batch });
    while let Some(field) = fields.next()? {
        let found = match field.number {
            SERIES => series(field.range()?, false),
            BATCH => series(field.range()?, true),
            WARNING => FrameContent::Warning(frame.slice(field.range()?)),
            HINTS => FrameContent::Hints(frame.slice(field.range()?)),
            _ => continue,
        };
        if !matches!(content, FrameContent::Nothing) {
            return Err(fields.fault(Fault { at: field.at, what: "more than one result" }));
        }
        content = found;
    }
    Ok(content)
}

impl SeriesFields {
    /// Reads the next series: its labels into `labels`, whose former contents are forgotten, and each chunk to `chunk`.
    /// `None` at the end.
    ///
    /// # Errors
    /// Malformed bytes, a type of chunk that is not known, or labels that are no label set. The frame is to be given up;
    /// chunks may have been handed out already.
    pub fn next_series<'b>(
        &mut self,
        labels: &'b mut PackedBuilder,
        chunk: &mut impl FnMut(ReadChunk),
    ) -> Result<Option<LabelsRef<'b>>, MalformedFrame> {
        let Some(found) = self.find_next()? else { return Ok(None) };
        Ok(Some(self.read(&found, labels, chunk)?.0))
    }

    /// Passes the next series without reading it. `None` at the end.
    ///
    /// # Errors
    /// Malformed bytes. The frame is to be given up.
    pub fn find_next(&mut self) -> Result<Option<FoundSeries>, MalformedFrame> {
        if !self.in_batch {
            let all = self.rest.clone();
            (self.in_batch, self.rest.start) = (true, all.end);
            return Ok(Some(FoundSeries(all)));
        }
        let mut fields = Fields::new(&self.frame, self.rest.clone(), "SeriesBatch");
        let mut found = None;
        while found.is_none() {
            let Some(field) = fields.next()? else { break };
            if field.number == BATCH_SERIES {
                found = Some(FoundSeries(field.range()?));
            }
        }
        self.rest.start = fields.at;
        Ok(found)
    }

    /// How many bytes all series have that were not found yet.
    pub fn size_bytes(&self) -> usize {
        self.rest.len()
    }

    /// The bytes of a series that was found. Equal bytes are equal series.
    pub fn bytes(&self, found: &FoundSeries) -> &[u8] {
        self.frame.get(found.0.clone()).unwrap_or_default()
    }

    /// Reads a series that was found, as [`SeriesFields::next_series`]. Of its bytes so many are labels, if these lie at its
    /// front.
    ///
    /// # Errors
    /// As [`SeriesFields::next_series`].
    pub fn read<'b>(
        &self,
        FoundSeries(series): &FoundSeries,
        labels: &'b mut PackedBuilder,
        chunk: &mut impl FnMut(ReadChunk),
    ) -> Result<(LabelsRef<'b>, Option<usize>), MalformedFrame> {
        labels.clear();
        let start = series.start;
        let (mut fields, mut labels_end) = (Fields::new(&self.frame, series.clone(), "Series"), Some(start));
        loop {
            let at = fields.at;
            // Nearly all fields are labels, and these short.
            while let Some((name, value)) = fields.next_short_label() {
                labels.push(name, value).map_err(|error| invalid("Label", start, &error))?;
            }
            if fields.at > at {
                labels_end = labels_end.filter(|end| *end == at).map(|_| fields.at);
            }
            let Some(field) = fields.next()? else { break };
            match field.number {
                LABELS => {
                    read_label(&self.frame, field.range()?, labels)?;
                    labels_end = labels_end.filter(|end| *end == field.at).map(|_| fields.at);
                }
                CHUNKS => read_chunks(&self.frame, field.range()?, chunk)?,
                _ => {}
            }
        }
        let set = labels.finish().map_err(|error| invalid("Series.labels", start, &error))?;
        Ok((set, labels_end.map(|end| end - start)))
    }

    /// Reads the chunks of a series that was found, whose first `labels` bytes are known. `false`: it has more labels behind
    /// these, and chunks may have been handed out.
    ///
    /// # Errors
    /// As [`SeriesFields::next_series`].
    pub fn read_behind(
        &self,
        FoundSeries(series): &FoundSeries,
        labels: usize,
        chunk: &mut impl FnMut(ReadChunk),
    ) -> Result<bool, MalformedFrame> {
        let start = series.start.saturating_add(labels).min(series.end);
        let mut fields = Fields::new(&self.frame, start..series.end, "Series");
        while let Some(field) = fields.next()? {
            match field.number {
                LABELS => return Ok(false),
                CHUNKS => read_chunks(&self.frame, field.range()?, chunk)?,
                _ => {}
            }
        }
        Ok(true)
    }
}

fn read_label(frame: &Bytes, label: Range<usize>, labels: &mut PackedBuilder) -> Result<(), MalformedFrame> {
    let start = label.start;
    let mut fields = Fields::new(frame, label, "Label");
    let (mut name, mut value) = (0..0, 0..0);
    while let Some(field) = fields.next()? {
        match field.number {
            NAME => name = field.range()?,
            VALUE => value = field.range()?,
            _ => {}
        }
    }
    let text = |range| frame.get(range).unwrap_or_default();
    labels.push(text(name), text(value)).map_err(|error| invalid("Label", start, &error))
}

#[cold]
fn invalid(field: &'static str, at: usize, error: &model::InvalidLabels) -> MalformedFrame {
    malformed(field, at, error.to_string())
}

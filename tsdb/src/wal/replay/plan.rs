//! Which segments are read, in which order.

use super::LogPlace;
use crate::file_error::FileError;
use crate::fs::Fs;
use crate::wal::assemble::StoredRecords;
use crate::wal::codec::Unpacker;
use crate::wal::reader::{ReadReport, SegmentReader, decode_stored};
use crate::wal::record::{Decoded, Floats};
use crate::wal::segment::{Numbered, SegmentDir};
use std::path::Path;

/// The segments of a replay, in order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) checkpoint: Option<u32>,
    pub(super) segments: Vec<Numbered>,
    /// What the names alone say: segments that are missing or empty.
    pub(super) report: ReadReport,
}

/// Where a replay begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begin {
    /// With the latest checkpoint, or else segment 0.
    Log,
    /// There.
    Place(LogPlace),
    /// With whatever segment is the first: a log without checkpoints is cut at its beginning.
    FirstSegment,
}

impl Plan {
    /// The latest checkpoint, then the segments behind it.
    ///
    /// If that checkpoint is damaged and there is still something of what it stands for, an older checkpoint or segments,
    /// that is read before it: what it lost may be there.
    ///
    /// From a place on only what is behind it, and the checkpoint only if that stands for something behind it.
    pub(super) fn make(fs: &dyn Fs, dir: &Path, begin: Begin) -> Result<Self, FileError> {
        let found = match SegmentDir::read(fs, dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            found => found.map_err(FileError::at(dir))?,
        };
        let mut plan = Self::default();
        let place = match begin {
            Begin::Place(place) => Some(place),
            Begin::Log | Begin::FirstSegment => None,
        };
        let mut first = place.map_or(0, |place| place.segment);
        let mut checkpoints = found.checkpoints;
        if let Some(latest) = checkpoints.pop_if(|latest| latest.number >= first) {
            first = latest.number.saturating_add(1);
            plan.checkpoint = Some(latest.number);
            let latest = SegmentDir::read(fs, &latest.path).map_err(FileError::at(&latest.path))?.segments;
            let covered = found.segments.iter().filter(|segment| segment.number < first);
            let has_older = covered.clone().next().is_some() || !checkpoints.is_empty();
            if has_older && !is_sound(fs, &latest)? {
                if let Some(older) = checkpoints.pop() {
                    plan.segments = SegmentDir::read(fs, &older.path).map_err(FileError::at(&older.path))?.segments;
                }
                plan.segments.extend(covered.cloned());
            }
            plan.note_gaps(0, &latest);
            plan.segments.extend(latest);
        }
        let mut segments: Vec<_> = found.segments.into_iter().filter(|segment| segment.number >= first).collect();
        if let Some(begun) = segments.first_mut()
            && let Some(place) = place.filter(|place| place.segment == begun.number)
        {
            begun.skip_bytes = place.offset_bytes;
        }
        if matches!(begin, Begin::FirstSegment) {
            first = segments.first().map_or(first, |segment| segment.number);
        }
        plan.note_gaps(first, &segments);
        plan.segments.extend(segments);
        Ok(plan)
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size_bytes.saturating_sub(segment.skip_bytes)).sum()
    }

    /// Notes numbers from `first` on that are missing among `segments`, and segments that hold nothing though there are
    /// later ones.
    fn note_gaps(&mut self, first: u32, segments: &[Numbered]) {
        let mut expected = first;
        for (index, segment) in segments.iter().enumerate() {
            let room = ReadReport::MAX_LISTED.saturating_sub(self.report.missing_segments.len());
            self.report.missing_segments.extend((expected..segment.number).take(room));
            if segment.size_bytes == 0 && index + 1 < segments.len() {
                self.report.empty_segments.push(segment.number);
            }
            expected = segment.number.saturating_add(1);
        }
    }
}

/// Whether all of a checkpoint can be read.
fn is_sound(fs: &dyn Fs, segments: &[Numbered]) -> Result<bool, FileError> {
    let (mut stored, mut unpacker) = (StoredRecords::default(), Unpacker::default());
    let (mut decoded, mut report) = (Decoded::default(), ReadReport::default());
    for (number, segment) in (0..).zip(segments) {
        let mut reader = SegmentReader::open(fs, &segment.path).map_err(FileError::at(&segment.path))?;
        while reader.next(&mut stored, &mut report).map_err(FileError::at(&segment.path))? {
            decoded.clear();
            decode_stored(&segment.path, &stored, Floats::Read, &mut unpacker, &mut decoded, &mut report);
        }
        if report.damages_total > 0 || segment.number != number {
            return Ok(false);
        }
    }
    Ok(true)
}

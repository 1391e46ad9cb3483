//! The chunk files of a block: every frame from front to end, and every chunk that the index names.

use super::Findings;
use super::set_hash::SetHash;
use crate::chunk;
use crate::cursor::{Corruption, Cursor, Fault};
use crate::downsample::{self, split_aggregates};
use crate::fs::Fs;
use crate::index::ChunkMeta;
use crate::segment::{ChunkRef, RawFrame, decode_header, decode_raw_frame, file_name};
use crate::series::Encoding;
use bytes::Bytes;
use model::SampleColumns;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Behind the header of a chunk file the frames begin.
const FIRST_FRAME: usize = 8;
const CRC_BYTES: usize = 4;

/// The files, walked over.
#[derive(Debug, Default)]
pub(super) struct ChunkFiles {
    files: Vec<(PathBuf, Bytes)>,
    /// Where frames begin, sound or not.
    frames: SetHash,
    /// Where frames are damaged: their chunks are not spoken of again.
    damaged: BTreeSet<ChunkRef>,
    columns: SampleColumns,
}

/// What a chunk was found to hold.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) floats: u64,
    pub(super) histograms: u64,
}

impl ChunkFiles {
    /// Maps the files in `dir` and checks their frames.
    pub(super) fn walk(fs: &dyn Fs, dir: &Path, findings: &mut Findings) -> Self {
        let mut all = Self::default();
        for entry in findings.read_dir(fs, dir) {
            if entry.is_dir || entry.name.parse::<u32>().is_err() {
                findings.note(&entry.path, 0, "no chunk file: nobody reads it");
                continue;
            }
            let index = all.files.len() as u32;
            if entry.name != file_name(index) {
                findings.fault(&entry.path, 0, format!("the file before it, {}, is missing", file_name(index)));
                return all;
            }
            match fs.map(&entry.path) {
                Ok(bytes) => {
                    let frames = all.walk_file(index, &entry.path, &bytes, findings);
                    findings.checked(&entry.path, bytes.len() as u64, format!("{frames} chunks"));
                    all.files.push((entry.path, bytes));
                }
                Err(error) => {
                    findings.fault(&entry.path, 0, error);
                    all.files.push((entry.path, Bytes::new()));
                }
            }
        }
        all
    }

    /// How many frames there are.
    fn walk_file(&mut self, index: u32, path: &Path, bytes: &[u8], findings: &mut Findings) -> u64 {
        if let Err(corruption) = decode_header(bytes) {
            findings.corrupt(path, 0, corruption);
        }
        let (mut at, mut frames) = (FIRST_FRAME, 0);
        while at < bytes.len() {
            let section = bytes.get(at..).unwrap_or_default();
            // Beyond 4 GiB no reference reaches.
            let place = ChunkRef::new(index, u32::try_from(at).unwrap_or(u32::MAX));
            frames += 1;
            self.frames.add(place.0);
            let (corruption, size) = match decode_raw_frame(section) {
                Ok(frame) => (unknown_encoding(&frame), Some(frame.frame_bytes)),
                Err(corruption) => (Some(corruption), size_of(section, corruption.fault)),
            };
            if let Some(corruption) = corruption {
                findings.corrupt(path, at as u64, corruption);
                self.damaged.insert(place);
            }
            match size {
                Some(size) => at += size,
                None => break,
            }
        }
        frames
    }

    /// Whether there is something at `place`: files that were walked to their ends have whole frames, and nothing else.
    pub(super) fn reach(&self, place: ChunkRef) -> bool {
        self.files.get(place.file_index() as usize).is_some_and(|(_, bytes)| (place.offset() as usize) < bytes.len())
    }

    /// Checks the chunk that `meta` tells of. `at` is the place of the series in `index`, for faults of the reference.
    pub(super) fn check(&mut self, meta: &ChunkMeta, index: &Path, at: u64, findings: &mut Findings) -> Held {
        let place = meta.place;
        if self.damaged.contains(&place) {
            return Held::default();
        }
        let Some((path, bytes)) = self.files.get(place.file_index() as usize) else {
            let fault = format!("chunk in file {}, which is not there", file_name(place.file_index()));
            findings.fault(index, at, fault);
            return Held::default();
        };
        let section = bytes.get(place.offset() as usize..).unwrap_or_default();
        let begins_behind_header = place.offset() as usize >= FIRST_FRAME;
        match decode_raw_frame(section) {
            Ok(frame) if begins_behind_header => {
                let data = bytes.slice_ref(frame.data);
                let checked = check_data(frame.encoding, &data, meta, &mut self.columns);
                checked.unwrap_or_else(|fault| {
                    findings.fault(path, u64::from(place.offset()), fault);
                    Held::default()
                })
            }
            _ => {
                let (file, offset) = (file_name(place.file_index()), place.offset());
                findings.fault(
                    index,
                    at,
                    format!("no chunk is at byte {offset} of file {file}, which the series names"),
                );
                Held::default()
            }
        }
    }

    /// Compares the chunks that the index named with those that are there.
    pub(super) fn compare(&self, named: SetHash, dir: &Path, findings: &mut Findings) {
        if named == self.frames {
            return;
        }
        let (named, there) = (named.count, self.frames.count);
        findings.fault(
            dir,
            0,
            match named == there {
                true => format!("{there} chunks are there, and as many are named, but not each of them once"),
                false => format!("{there} chunks are there, {named} are named by series"),
            },
        );
    }
}

/// What is wrong with samples of a chunk, in words.
fn check_data(encoding: u8, data: &Bytes, meta: &ChunkMeta, columns: &mut SampleColumns) -> Result<Held, String> {
    if encoding == downsample::ENCODING {
        return check_aggregates(data, meta, columns);
    }
    let encoding = Encoding::from_byte(encoding).ok_or("encoding is not known")?;
    check_samples(encoding, data, meta.min_ms, meta.max_ms, columns)
}

/// Decodes a chunk; its samples must be as many as it says, in order, and reach from `min_ms` to `max_ms`.
pub(super) fn check_samples(
    encoding: Encoding,
    data: &[u8],
    min_ms: i64,
    max_ms: i64,
    columns: &mut SampleColumns,
) -> Result<Held, String> {
    columns.clear();
    let said = chunk::sample_count(encoding, data).map_err(|error| error.to_string())?;
    chunk::decode(encoding, data, columns).map_err(|error| error.to_string())?;
    let times = &columns.timestamps_ms;
    let (Some(&first_ms), Some(&last_ms)) = (times.first(), times.last()) else {
        return Err("chunk holds no sample".to_owned());
    };
    if usize::from(said) != times.len() {
        return Err(format!("chunk says it holds {said} samples, it has {}", times.len()));
    }
    if let Some(at) = times.windows(2).position(|pair| matches!(pair, [left, right] if left >= right)) {
        return Err(format!("sample {} is not later than the one before", at + 1));
    }
    if (first_ms, last_ms) != (min_ms, max_ms) {
        return Err(format!(
            "chunk is said to reach from {min_ms} to {max_ms}, its samples from {first_ms} to {last_ms}"
        ));
    }
    let histograms = columns.histogram_at.len() as u64;
    Ok(Held { floats: times.len() as u64 - histograms, histograms })
}

/// The aggregates of a downsampled chunk. Only that they decode can be said: their times are those of windows, and one of
/// them repeats its last sample.
fn check_aggregates(data: &Bytes, meta: &ChunkMeta, columns: &mut SampleColumns) -> Result<Held, String> {
    let aggregates = split_aggregates(meta.min_ms, meta.max_ms, data).map_err(|error| error.to_string())?;
    let mut most = 0;
    for chunk in aggregates.iter().flatten() {
        columns.clear();
        chunk::decode(chunk.encoding, &chunk.data, columns).map_err(|error| error.to_string())?;
        most = most.max(columns.len() as u64);
    }
    Ok(Held { floats: most, histograms: 0 })
}

fn unknown_encoding(frame: &RawFrame<'_>) -> Option<Corruption> {
    let known = frame.encoding == downsample::ENCODING || Encoding::from_byte(frame.encoding).is_some();
    let at = (frame.frame_bytes - frame.data.len() - 1 - CRC_BYTES) as u64;
    (!known).then_some(Corruption { offset: at, fault: Fault::Encoding(frame.encoding) })
}

/// The size of a damaged frame, if its checksum is all that is wrong with it.
fn size_of(section: &[u8], fault: Fault) -> Option<usize> {
    let Fault::Checksum { .. } = fault else { return None };
    let mut cursor = Cursor::new(section);
    let size = cursor.uvarint_usize().ok()?;
    cursor.offset().checked_add(size)?.checked_add(1 + CRC_BYTES)
}

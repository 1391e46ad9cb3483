//! A block: the samples of a closed range, in a directory that never changes.
//!
//! Format: `tsdb/docs/format/meta.md`, `index.md`, `chunks.md` beside it.

mod cursor;
mod delete;
mod meta;
mod tombstones;
pub(crate) mod trim;
mod writer;

pub use meta::{
    BlockFile, Compaction, Deletion, Downsample, FileHash, GoText, IndexStats, Interval, InvalidUploadTime,
    MAX_META_BYTES, Meta, Parent, Relabel, Rewrite, RewriteMatcher, Stats, Thanos, UploadTime,
};
pub use tombstones::Tombstones;
pub use writer::{BlockSpec, BlockWriteError, BlockWriter};

pub use crate::deleted::Deleted;

use crate::cursor::{Corruption, Fault};
use crate::file_error::FileError;
use crate::fs::Fs;
use crate::index::{IndexReader, SeriesEntry, select};
use crate::segment::Segments;
use crate::series::{SeriesCursor, SeriesSource, SourceError};
use cursor::BlockCursor;
use model::{Matcher, TimeRange};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use ulid::Ulid;

/// What a block's directory is called while it is written.
pub const CREATION_SUFFIX: &str = ".tmp-for-creation";
/// What a block's directory is called while it is removed.
pub const DELETION_SUFFIX: &str = ".tmp-for-deletion";

/// An open block. Cloning is a reference count; the files stay readable as long as a clone or a cursor is there, even if
/// the directory is removed.
#[derive(Debug, Clone)]
pub struct Block {
    files: Arc<BlockFiles>,
}

#[derive(Debug)]
struct BlockFiles {
    dir: PathBuf,
    meta: Meta,
    index: Arc<IndexReader>,
    segments: Arc<Segments>,
    tombstones: Tombstones,
    tombstones_fault: Option<SourceError>,
    /// Of all that its meta file says, and of the chunks of its first series, or of all.
    range: Option<TimeRange>,
}

/// How many series' chunks are looked at when a block is opened that begins and ends where blocks are cut.
const FIRST_SERIES: usize = 64;
/// Blocks are cut at multiples of two hours, in Prometheus and Thanos. A time in a meta file in which a bit flipped is none: it
/// differs by 1, 2, 4 or 8 times a power of ten, and nine divides two hours.
const CUT_MS: i64 = 2 * 3_600_000;

impl Block {
    /// Opens the block in `dir`.
    ///
    /// A damaged tombstones file does not keep the rest from being read: see [`Block::tombstones_fault`].
    ///
    /// # Errors
    /// A file that is missing or damaged. Chunks are checked when they are read.
    pub fn open(fs: &dyn Fs, dir: &Path) -> Result<Self, SourceError> {
        let meta = read_meta(fs, dir)?;
        if meta.compaction.level == 0 {
            // Every writer says one; without it there may be no hints either.
            let fault = Fault::Malformed("it says no compaction level");
            return Err(Corruption::in_file(&dir.join("meta.json"), 0)(Corruption { offset: 0, fault }));
        }
        let index = Arc::new(IndexReader::open(fs, &dir.join("index"))?);
        let segments = Arc::new(Segments::open(fs, &dir.join("chunks"))?);
        let (tombstones, tombstones_fault) = match read_tombstones(fs, &dir.join("tombstones"), &meta) {
            Ok(tombstones) => (tombstones, None),
            Err(fault) => (Tombstones::default(), Some(fault)),
        };
        let dir = dir.to_owned();
        let said = TimeRange::new(meta.min_ms, meta.max_ms.saturating_sub(1));
        let is_cut = [meta.min_ms, meta.max_ms].iter().all(|at_ms| at_ms.rem_euclid(CUT_MS) == 0);
        let looked_at = if is_cut { FIRST_SERIES } else { usize::MAX };
        let range = chunk_ranges(&index).take(looked_at).chain(said).reduce(TimeRange::hull);
        let files = BlockFiles { dir, meta, index, segments, tombstones, tombstones_fault, range };
        Ok(Self { files: Arc::new(files) })
    }

    /// Where the block ends, outside: as its meta file says, if it says so of a parent, too, or if that is a multiple of `cut_ms`
    /// and a chunk comes within `cut_ms` of it, and else where its chunks end. No checksum guards the meta file, and on this
    /// end depends what is removed.
    pub fn end_ms(&self, cut_ms: i64) -> i64 {
        let (said_ms, mut last_ms) = (self.meta().max_ms, None);
        // What was rewritten may have lost its newest chunks.
        if self.meta().compaction.parents.iter().any(|parent| parent.max_ms == said_ms) {
            return said_ms;
        }
        let near = said_ms.saturating_sub(cut_ms)..said_ms;
        let is_cut = said_ms.checked_rem_euclid(cut_ms) == Some(0);
        for range in chunk_ranges(self.index()) {
            last_ms = last_ms.max(Some(range.max_ms()));
            if is_cut && near.contains(&range.max_ms()) {
                return said_ms;
            }
        }
        last_ms.map_or(said_ms, |last_ms| last_ms.saturating_add(1))
    }

    /// What it is.
    pub fn meta(&self) -> &Meta {
        &self.files.meta
    }

    /// Where it lies.
    pub fn dir(&self) -> &Path {
        &self.files.dir
    }

    /// Its index.
    pub fn index(&self) -> &IndexReader {
        &self.files.index
    }

    /// Its chunks.
    pub fn segments(&self) -> &Segments {
        &self.files.segments
    }

    /// What was deleted from it; left out of everything [`SeriesSource`] answers.
    pub fn tombstones(&self) -> &Tombstones {
        &self.files.tombstones
    }

    /// Why the tombstones could not be read. Nothing is left out then, nothing is deleted, and the
    /// block must not be rewritten.
    pub fn tombstones_fault(&self) -> Option<&SourceError> {
        self.files.tombstones_fault.as_ref()
    }

    /// Whether this may be a block that `parent` was rewritten into, alone or with others, so that `parent` is needed no more:
    /// it says so, has its range, and, unless something was deleted from `parent`, no fewer series and samples. No checksum
    /// guards what it says.
    pub(crate) fn may_replace(&self, parent: &Block) -> bool {
        let deleted = parent.tombstones_fault().is_some() || parent.tombstones().ranges() > 0;
        self.meta().says_it_replaces(parent.meta()) && (deleted || self.meta().lacks_of(parent.meta()).is_none())
    }

    /// Bytes of index and chunk files.
    pub fn size_bytes(&self) -> u64 {
        self.files.index.size_bytes() + self.files.segments.size_bytes()
    }
}

impl SeriesSource for Block {
    /// What the meta file says, widened by the chunks of the first series, or of all if blocks are not cut at such times: no
    /// checksum guards that file, and a block that nobody asks is a hole without a word.
    fn time_range(&self) -> Option<TimeRange> {
        self.files.range
    }

    fn select(&self, matchers: &[Matcher], range: TimeRange) -> Result<Box<dyn SeriesCursor>, SourceError> {
        let ids = select::series_ids(self.index(), matchers)?;
        Ok(Box::new(BlockCursor::new(Arc::clone(&self.files), ids, range)))
    }

    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError> {
        select::label_names(self.index(), matchers)
    }

    fn label_values(&self, name: &[u8], matchers: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError> {
        select::label_values(self.index(), name, matchers)
    }
}

/// The ranges of the series' chunks, of those that have some; what is damaged is for who reads it.
fn chunk_ranges(index: &IndexReader) -> impl Iterator<Item = TimeRange> {
    let mut entry = SeriesEntry::default();
    index.all_postings().unwrap_or_default().iter().filter_map(move |id| {
        index.series(id, &mut entry).ok()?;
        TimeRange::new(entry.chunks.first()?.min_ms, entry.chunks.last()?.max_ms)
    })
}

/// The block that a directory of that name holds, if it is a block's name.
pub fn parse_name(name: &str) -> Option<Ulid> {
    // Crockford's alphabet reads letters of both cases, names are written in one.
    Ulid::from_string(name).ok().filter(|ulid| ulid.to_string() == name)
}

/// Whether that is what the directory of a block is called while it is written or removed.
pub(crate) fn is_unfinished(name: &str) -> bool {
    let without = [CREATION_SUFFIX, DELETION_SUFFIX].iter().find_map(|suffix| name.strip_suffix(suffix));
    without.is_some_and(|name| parse_name(name).is_some())
}

/// Reads the meta file of the block in `dir`.
///
/// # Errors
/// A file that is missing or damaged.
pub fn read_meta(fs: &dyn Fs, dir: &Path) -> Result<Meta, SourceError> {
    let path = dir.join("meta.json");
    let bytes = fs.map(&path).map_err(FileError::at(&path))?;
    Meta::decode(&bytes, &path)
}

/// As for Prometheus, a file that is not there has no stone in it: a block that comes from a bucket has none. But where the
/// meta file tells of stones, they are lost.
fn read_tombstones(fs: &dyn Fs, path: &Path, meta: &Meta) -> Result<Tombstones, SourceError> {
    match fs.map(path) {
        Ok(file) => Tombstones::decode(&file).map_err(Corruption::in_file(path, 0)),
        Err(error) if error.kind() == ErrorKind::NotFound && meta.stats.num_tombstones == 0 => {
            Ok(Tombstones::default())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let fault = Fault::Malformed("the file is missing, and meta.json says that something was deleted");
            Err(Corruption::in_file(path, 0)(Corruption { offset: 0, fault }))
        }
        Err(source) => Err(FileError { path: path.to_owned(), source }.into()),
    }
}

//! The files themselves: the one that grows, and all of them as readers see them.

use super::buffer::Piece;
use super::frame;
use super::newest::Newest;
use super::recovery::{self, Scanned};
use super::{ChunkFile, HeadChunkError, HeadChunkRef, file_name};
use crate::cursor::{Corruption, Fault};
use crate::file_error::FileError;
use crate::fs::{AppendFile, Fs, ReadFile, make_way};
use crate::prefetch::prefetch_bytes;
use crate::series::SourceError;
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is read at once of a chunk whose size is not known yet.
const READ_BYTES: u64 = 512;
/// A file that grows is mapped anew once it has grown by so much: until then what is new is read.
const MAP_MORE_BYTES: u64 = 256 << 10;
/// Most of a chunk, which is asked for in memory.
const PREFETCH_BYTES: usize = 256;

/// All files of a directory, by number.
#[derive(Debug)]
pub(super) struct Files {
    dir: PathBuf,
    quarantine: PathBuf,
    /// What stood at the name of a new file, and where it is now.
    in_the_way: Mutex<Vec<(PathBuf, PathBuf)>>,
    files: RwLock<BTreeMap<u32, File>>,
    /// Chunks of late samples up to this one may go.
    late_through: AtomicU64,
}

/// A file as readers see it.
#[derive(Debug)]
struct File {
    content: Content,
    size_bytes: u64,
    newest: Newest,
    /// Why a sync failed.
    in_doubt: Option<ErrorKind>,
}

#[derive(Debug, Clone)]
enum Content {
    /// The file still grows, or could not be mapped when it no longer did. Of what it had a while ago there is a map.
    Read(Arc<dyn ReadFile>, Bytes),
    Mapped(Bytes),
}

/// The file that grows.
#[derive(Debug)]
pub(super) struct Active {
    number: u32,
    path: PathBuf,
    file: Box<dyn AppendFile>,
    written_bytes: u64,
    /// An append failed: the file may be longer than what was written.
    ragged: bool,
    unsynced: bool,
}

impl Files {
    pub(super) fn new(dir: &Path, quarantine: &Path, scanned: Vec<Scanned>) -> Self {
        let file = |scanned: Scanned| {
            let size_bytes = scanned.mapped.len() as u64;
            let content = Content::Mapped(scanned.mapped);
            (scanned.number, File { content, size_bytes, newest: scanned.newest, in_doubt: None })
        };
        let files = RwLock::new(scanned.into_iter().map(file).collect());
        Self {
            dir: dir.to_owned(),
            quarantine: quarantine.to_owned(),
            in_the_way: Mutex::default(),
            files,
            late_through: AtomicU64::new(HeadChunkRef::NONE.0),
        }
    }

    /// Appends a piece to its file, which is `active` or the one after it.
    pub(super) fn write(&self, fs: &dyn Fs, active: &mut Option<Active>, piece: &Piece) -> Result<(), HeadChunkError> {
        if active.as_ref().is_none_or(|active| active.number != piece.file) {
            let next = self.create(fs, piece.file)?;
            if let Some(full) = active.replace(next) {
                self.seal(fs, full);
            }
        }
        let Some(active) = active else { return Ok(()) };
        active.append(fs, &piece.bytes)?;
        if let Some(file) = self.files.write().get_mut(&piece.file) {
            file.size_bytes = active.written_bytes;
            file.newest.join(piece.newest);
        }
        Ok(())
    }

    /// Syncs the active file and the names of all; says whether the file's content is durable now.
    pub(super) fn sync(&self, fs: &dyn Fs, active: &mut Option<Active>) -> Result<bool, HeadChunkError> {
        let durable = active.as_mut().is_none_or(|active| self.sync_one(active));
        fs.sync_dir(&self.dir).map_err(FileError::at(&self.dir))?;
        Ok(durable)
    }

    /// A file whose sync failed, if there is one, and why.
    pub(super) fn in_doubt(&self) -> Option<(PathBuf, ErrorKind)> {
        self.files.read().iter().find_map(|(number, file)| Some((self.dir.join(file_name(*number)), file.in_doubt?)))
    }

    /// Bytes that begin with the frame at `place`, and may go on beyond it.
    pub(super) fn section(&self, fs: &dyn Fs, place: HeadChunkRef) -> Result<Bytes, SourceError> {
        let found = self.files.read().get(&place.file()).map(|file| (file.content.clone(), file.size_bytes));
        let Some((content, size_bytes)) = found else {
            return Err(FileError::at(&self.path(place))(ErrorKind::NotFound.into()).into());
        };
        let left = size_bytes.saturating_sub(place.offset());
        match content {
            Content::Mapped(bytes) => Ok(bytes.slice((bytes.len() as u64 - left) as usize..)),
            Content::Read(file, mut mapped) => {
                let path = self.path(place);
                if place.offset() >= mapped.len() as u64
                    && size_bytes.saturating_sub(mapped.len() as u64) >= MAP_MORE_BYTES
                {
                    mapped = self.map_more(fs, &path, (place, size_bytes));
                }
                if let Some(section) = whole_frame(&mapped, place.offset()) {
                    return Ok(section);
                }
                let read = |size| read_at(&*file, place.offset(), size).map_err(FileError::at(&path));
                let begin = read(left.min(READ_BYTES))?;
                let size = frame::size_of(&begin).map_err(Corruption::in_file(&path, place.offset()))?;
                if size <= begin.len() as u64 {
                    return Ok(begin);
                }
                if size > left {
                    let fault = Fault::Truncated { want: size, left };
                    return Err(Corruption::in_file(&path, place.offset())(Corruption { offset: 0, fault }));
                }
                Ok(read(size)?)
            }
        }
    }

    /// Maps the file at `path`, that of `place`, which grows, as far as it was written. Nothing, if it cannot be mapped.
    fn map_more(&self, fs: &dyn Fs, path: &Path, (place, size_bytes): (HeadChunkRef, u64)) -> Bytes {
        let mut mapped = fs.map(path).unwrap_or_default();
        // What lies behind may be taken back.
        mapped.truncate(size_bytes as usize);
        if let Some(File { content: Content::Read(_, known), .. }) = self.files.write().get_mut(&place.file())
            && known.len() < mapped.len()
        {
            *known = mapped.clone();
        }
        mapped
    }

    /// Asks for the memory of frames that will be read.
    pub(super) fn prefetch(&self, places: impl Iterator<Item = HeadChunkRef>) {
        let files = self.files.read();
        for place in places {
            let Some(File { content: Content::Mapped(bytes) | Content::Read(_, bytes), .. }) = files.get(&place.file())
            else {
                continue;
            };
            let section = bytes.get(place.offset() as usize..).unwrap_or_default();
            prefetch_bytes(section.get(..PREFETCH_BYTES).unwrap_or(section));
        }
    }

    /// The bytes of the frame at `place`, whatever they are: as many as its size says, and no more than the file has. None, if
    /// the file is not there.
    pub(super) fn raw(&self, place: HeadChunkRef) -> Result<Bytes, FileError> {
        let found = self.files.read().get(&place.file()).map(|file| (file.content.clone(), file.size_bytes));
        let Some((content, size_bytes)) = found else { return Ok(Bytes::new()) };
        let left = size_bytes.saturating_sub(place.offset());
        let read = |size: u64| match &content {
            Content::Mapped(bytes) => {
                let start = (bytes.len() as u64).saturating_sub(left) as usize;
                Ok(bytes.slice(start..start + size as usize))
            }
            Content::Read(file, _) => read_at(&**file, place.offset(), size).map_err(FileError::at(&self.path(place))),
        };
        let begin = read(left.min(READ_BYTES))?;
        read(frame::size_of(&begin).unwrap_or(left).min(left))
    }

    /// Blanks the frames at `places`, in files that do not grow.
    pub(super) fn blank(&self, fs: &dyn Fs, places: &[HeadChunkRef]) -> Result<(), FileError> {
        let mut files = self.files.write();
        for some in places.chunk_by(|one, next| one.file() == next.file()) {
            let Some((first, file)) = some.first().and_then(|first| Some((first, files.get_mut(&first.file())?)))
            else {
                continue;
            };
            let Content::Mapped(bytes) = &file.content else { continue };
            let mut bytes = bytes.to_vec();
            for place in some {
                let section = bytes.get_mut(place.offset() as usize..).unwrap_or_default();
                // What has no end is met, and set aside, when the directory is opened again.
                let _ = frame::blank(section, place.0);
            }
            let path = self.path(*first);
            recovery::replace(fs, &path, &bytes)?;
            file.content = Content::Mapped(recovery::map(fs, &path)?);
        }
        Ok(())
    }

    /// Chunks of late samples up to the one at `through` are not needed any longer.
    pub(super) fn let_go_of_late(&self, through: HeadChunkRef) {
        self.late_through.fetch_max(through.0, Ordering::AcqRel);
    }

    /// Removes sealed files from the front whose chunks all end before `min_ms`, those of late samples aside: these must
    /// have been let go. Durably, for the log may soon say no longer what was deleted of them.
    pub(super) fn truncate(&self, fs: &dyn Fs, min_ms: i64) -> Result<(), FileError> {
        let late = HeadChunkRef(self.late_through.load(Ordering::Acquire));
        let mut any = false;
        let removed = loop {
            let may_go = |(_, file): &(&u32, &File)| file.may_go(min_ms, late);
            let oldest = self.files.read().first_key_value().filter(may_go).map(|(&n, _)| n);
            let Some(number) = oldest else { break Ok(()) };
            let path = self.dir.join(file_name(number));
            match fs.remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => break Err(FileError { path, source: error }),
                _ => self.files.write().remove(&number),
            };
            any = true;
        };
        let synced = if any { fs.sync_dir(&self.dir).map_err(FileError::at(&self.dir)) } else { Ok(()) };
        removed.and(synced)
    }

    /// All files, by number.
    pub(super) fn list(&self) -> Vec<ChunkFile> {
        let one = |(&number, file): (&u32, &File)| {
            let (size_bytes, newest_ms) = (file.size_bytes, file.newest.in_order_ms());
            ChunkFile { number, size_bytes, newest_ms }
        };
        self.files.read().iter().map(one).collect()
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.files.read().values().map(|file| file.size_bytes).sum()
    }

    /// The file of that place.
    pub(super) fn path(&self, place: HeadChunkRef) -> PathBuf {
        self.dir.join(file_name(place.file()))
    }

    fn create(&self, fs: &dyn Fs, number: u32) -> Result<Active, FileError> {
        let path = self.dir.join(file_name(number));
        let file = self.create_new(fs, &path).map_err(FileError::at(&path))?;
        // Or a crash could take this file and leave a later one, and with it a hole in the middle of a series.
        if let Err(source) = fs.sync_dir(&self.dir) {
            // The next attempt begins again with the same name.
            let _ = fs.remove_file(&path);
            return Err(FileError { path: self.dir.clone(), source });
        }
        let content = Content::Read(file.reader().map_err(FileError::at(&path))?.into(), Bytes::new());
        let entry = File { content, size_bytes: 0, newest: Newest::NONE, in_doubt: None };
        self.files.write().insert(number, entry);
        Ok(Active { number, path, file, written_bytes: 0, ragged: false, unsynced: true })
    }

    /// Creates a file. What has its name is none of ours, since numbers only rise, and is set aside: chunks have their places
    /// in this file already, and another program would not open a directory in which a number is missing.
    fn create_new(&self, fs: &dyn Fs, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        match fs.create_new(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let to = make_way(fs, path, &self.quarantine)?;
                self.in_the_way.lock().push((path.to_owned(), to));
                fs.create_new(path)
            }
            created => created,
        }
    }

    /// What was set aside since the last call.
    pub(super) fn take_in_the_way(&self) -> Vec<(PathBuf, PathBuf)> {
        std::mem::take(&mut self.in_the_way.lock())
    }

    /// Ends a file: synced, and mapped from now on.
    fn seal(&self, fs: &dyn Fs, mut full: Active) {
        self.sync_one(&mut full);
        // A file that cannot be mapped is read as before.
        let mapped = fs.map(&full.path).ok().filter(|mapped| mapped.len() as u64 == full.written_bytes);
        if let (Some(file), Some(mapped)) = (self.files.write().get_mut(&full.number), mapped) {
            file.content = Content::Mapped(mapped);
        }
    }

    /// Syncs a file, or notes that it is in doubt.
    fn sync_one(&self, active: &mut Active) -> bool {
        if !std::mem::take(&mut active.unsynced) {
            return true;
        }
        let Err(error) = active.file.sync_data() else { return true };
        if let Some(file) = self.files.write().get_mut(&active.number) {
            file.in_doubt = Some(error.kind());
        }
        false
    }
}

impl File {
    fn may_go(&self, min_ms: i64, late: HeadChunkRef) -> bool {
        self.newest.are_before(min_ms, late) && matches!(self.content, Content::Mapped(_))
    }
}

impl Active {
    fn append(&mut self, fs: &dyn Fs, bytes: &[u8]) -> Result<(), FileError> {
        if self.ragged {
            fs.truncate(&self.path, self.written_bytes).map_err(FileError::at(&self.path))?;
        }
        self.ragged = true;
        self.unsynced = true;
        self.file.append(bytes).map_err(FileError::at(&self.path))?;
        self.ragged = false;
        self.written_bytes += bytes.len() as u64;
        Ok(())
    }
}

/// Bytes that begin with the frame at `offset`, if all of it is in `mapped`.
fn whole_frame(mapped: &Bytes, offset: u64) -> Option<Bytes> {
    let section = mapped.get(offset as usize..)?;
    let is_whole = frame::size_of(section).is_ok_and(|size| size <= section.len() as u64);
    is_whole.then(|| mapped.slice(offset as usize..))
}

fn read_at(file: &dyn ReadFile, offset: u64, size: u64) -> io::Result<Bytes> {
    let mut bytes = vec![0; size as usize];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes.into())
}

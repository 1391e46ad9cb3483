//! A file system that is read through and never changed: for tools that look at data which is not theirs.
//!
//! Whatever is written, renamed or removed is so only for who looks through the overlay. New files lie in a scratch
//! directory, which is made when it is first needed and goes with the overlay. So whoever opens a data directory, and puts
//! in order what a crash left of it, does the same here, and the directory stays as it is, byte for byte.

use super::{AppendFile, DirEntry, Fs, LockGuard, ReadFile};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the module's page.
#[derive(Debug)]
pub struct Overlay {
    base: Arc<dyn Fs>,
    scratch: PathBuf,
    growing: BTreeSet<PathBuf>,
    changes: Mutex<Changes>,
}

/// What differs from the base.
#[derive(Debug, Default)]
struct Changes {
    /// By path; what lies below a changed directory goes with it, unless it is here itself.
    paths: BTreeMap<PathBuf, Seen>,
    /// How many files were made in the scratch directory.
    made: u64,
}

/// What is to be seen under a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Nothing,
    /// A directory with nothing of the base's in it.
    Directory,
    /// What the base has under that path: in the scratch directory, or where it lay before it was renamed.
    Base(PathBuf),
}

/// A scratch file, which nobody needs after a crash.
#[derive(Debug)]
struct Scratch(Box<dyn AppendFile>);

#[derive(Debug)]
struct NoLock;

impl Overlay {
    /// Over `base`. `scratch` must not exist. Files that are `growing` (another process writes them) are read where others
    /// are mapped: a mapping of a file that is cut is no memory any more.
    pub fn new(base: Arc<dyn Fs>, scratch: PathBuf, growing: BTreeSet<PathBuf>) -> Self {
        Self { base, scratch, growing, changes: Mutex::default() }
    }

    fn seen(&self, path: &Path) -> Seen {
        self.changes.lock().seen(path)
    }

    /// The base's path of a file that is to be read.
    fn base_path(&self, path: &Path) -> io::Result<PathBuf> {
        match self.seen(path) {
            Seen::Nothing => Err(ErrorKind::NotFound.into()),
            Seen::Directory => Err(ErrorKind::IsADirectory.into()),
            Seen::Base(path) => Ok(path),
        }
    }

    fn is_dir(&self, path: &Path) -> bool {
        match self.seen(path) {
            Seen::Nothing => false,
            Seen::Directory => true,
            // Above all names there is always a directory.
            Seen::Base(path) => path.as_os_str().is_empty() || self.base.read_dir(&path).is_ok(),
        }
    }

    /// `NotFound` if there is nothing.
    fn must_exist(&self, path: &Path) -> io::Result<()> {
        match self.seen(path) {
            Seen::Base(at) => self.base.open(&at).map(|_| ()).or_else(|error| match self.is_dir(path) {
                true => Ok(()),
                false => Err(error),
            }),
            Seen::Directory => Ok(()),
            Seen::Nothing => Err(ErrorKind::NotFound.into()),
        }
    }

    /// A new file in the scratch directory.
    fn make(&self) -> io::Result<(PathBuf, Box<dyn AppendFile>)> {
        let number = {
            let mut changes = self.changes.lock();
            changes.made += 1;
            changes.made
        };
        self.base.create_dir_all(&self.scratch)?;
        let path = self.scratch.join(format!("{number:06}"));
        let file = self.base.create_new(&path)?;
        Ok((path, file))
    }
}

impl Changes {
    fn seen(&self, path: &Path) -> Seen {
        for above in path.ancestors() {
            let Some(seen) = self.paths.get(above) else { continue };
            return match (seen, path.strip_prefix(above)) {
                (seen, Ok(rest)) if rest.as_os_str().is_empty() => seen.clone(),
                (Seen::Base(base), Ok(rest)) => Seen::Base(base.join(rest)),
                _ => Seen::Nothing,
            };
        }
        Seen::Base(path.to_owned())
    }

    /// Forgets what is noted of `path` and below it; returns that.
    fn take_below(&mut self, path: &Path) -> Vec<(PathBuf, Seen)> {
        let below: Vec<PathBuf> = self.paths.keys().filter(|at| at.starts_with(path)).cloned().collect();
        below.into_iter().filter_map(|at| self.paths.remove_entry(&at)).collect()
    }
}

impl Fs for Overlay {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        if self.must_exist(path).is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if !path.parent().is_some_and(|parent| self.is_dir(parent)) {
            return Err(ErrorKind::NotFound.into());
        }
        let (at, file) = self.make()?;
        self.changes.lock().paths.insert(path.to_owned(), Seen::Base(at));
        Ok(Box::new(Scratch(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        self.base.open(&self.base_path(path)?)
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        let path = self.base_path(path)?;
        if !self.growing.contains(&path) {
            return self.base.map(&path);
        }
        read(&*self.base.open(&path)?, u64::MAX).map(Bytes::from)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.must_exist(path)
    }

    fn truncate(&self, path: &Path, size_bytes: u64) -> io::Result<()> {
        let mut content = read(&*self.open(path)?, size_bytes)?;
        content.resize(usize::try_from(size_bytes).map_err(io::Error::other)?, 0);
        let (at, mut file) = self.make()?;
        file.append(&content)?;
        self.changes.lock().paths.insert(path.to_owned(), Seen::Base(at));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.must_exist(from)?;
        if !to.parent().is_some_and(|parent| self.is_dir(parent)) {
            return Err(ErrorKind::NotFound.into());
        }
        let mut changes = self.changes.lock();
        let moved = changes.seen(from);
        let below = changes.take_below(from);
        changes.take_below(to);
        for (path, seen) in below {
            if let Ok(rest) = path.strip_prefix(from) {
                changes.paths.insert(to.join(rest), seen);
            }
        }
        // A joined empty path has a slash at its end, but compares as one without.
        changes.paths.insert(to.to_owned(), moved);
        changes.paths.insert(from.to_owned(), Seen::Nothing);
        Ok(())
    }

    /// Whoever writes on under one name is not seen under the other: nobody does.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let at = self.base_path(from)?;
        if self.is_dir(from) {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.must_exist(from)?;
        if self.must_exist(to).is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if !to.parent().is_some_and(|parent| self.is_dir(parent)) {
            return Err(ErrorKind::NotFound.into());
        }
        self.changes.lock().paths.insert(to.to_owned(), Seen::Base(at));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.must_exist(path)?;
        self.changes.lock().paths.insert(path.to_owned(), Seen::Nothing);
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.must_exist(path)?;
        let mut changes = self.changes.lock();
        changes.take_below(path);
        changes.paths.insert(path.to_owned(), Seen::Nothing);
        Ok(())
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let missing: Vec<&Path> = path.ancestors().take_while(|at| !self.is_dir(at)).collect();
        let mut changes = self.changes.lock();
        for at in missing {
            changes.paths.insert(at.to_owned(), Seen::Directory);
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.must_exist(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = match self.seen(path) {
            Seen::Nothing => return Err(ErrorKind::NotFound.into()),
            Seen::Directory => Vec::new(),
            Seen::Base(at) => self.base.read_dir(&at)?,
        };
        let own: Vec<(PathBuf, Seen)> = {
            let changes = self.changes.lock();
            let here = |at: &&PathBuf| at.parent() == Some(path);
            changes.paths.keys().filter(here).map(|at| (at.clone(), changes.seen(at))).collect()
        };
        entries.retain(|entry| !own.iter().any(|(at, _)| at.file_name().is_some_and(|name| *name == *entry.name)));
        for entry in &mut entries {
            entry.path = path.join(&entry.name);
        }
        for (at, seen) in own {
            let Some(name) = at.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
            let (is_dir, size_bytes) = match seen {
                Seen::Nothing => continue,
                Seen::Directory => (true, 0),
                Seen::Base(_) if self.is_dir(&at) => (true, 0),
                Seen::Base(file) => (false, self.base.open(&file)?.size_bytes()?),
            };
            entries.push(DirEntry { path: at, name, is_dir, size_bytes });
        }
        entries.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        Ok(entries)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.base.free_bytes(path)
    }

    /// None is taken: nothing can be changed, and who holds the lock is not kept out.
    fn lock(&self, _path: &Path) -> io::Result<Box<dyn LockGuard>> {
        Ok(Box::new(NoLock))
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        if self.changes.get_mut().made > 0 {
            // It is of no use to anybody; where it cannot be removed, it can only be left.
            let _ = self.base.remove_dir_all(&self.scratch);
        }
    }
}

impl AppendFile for Scratch {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reader(&self) -> io::Result<Box<dyn ReadFile>> {
        self.0.reader()
    }
}

impl LockGuard for NoLock {}

/// The file's content, of which at most so much.
pub(crate) fn read(file: &dyn ReadFile, at_most: u64) -> io::Result<Vec<u8>> {
    let size = usize::try_from(file.size_bytes()?.min(at_most)).map_err(io::Error::other)?;
    let mut content = vec![0; size];
    file.read_exact_at(&mut content, 0)?;
    Ok(content)
}

#[cfg(test)]
mod tests;

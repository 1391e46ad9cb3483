//! A file system in memory that forgets, at a crash, what nobody made durable.
//!
//! Every file and directory is kept twice: as the process sees it, and as the disk has it. Between the two lie the steps
//! that were not synced. [`SimFs::crash`] decides which of those reached the disk, in one of the ways of [`Loss`].
//! [`SimFs::stop_after`] ends the life of a process in the middle of its work.

mod loss;
#[cfg(test)]
mod tests;
mod tree;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tree::{NodeId, Tree};
use tsdb::fs::{AppendFile, DirEntry, Fs, LockGuard, ReadFile};

/// A file system in memory. Clones share it. Paths are absolute.
#[derive(Debug, Clone)]
pub struct SimFs {
    shared: Arc<Shared>,
}

/// Which of the steps that were not made durable a crash leaves on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// None of them.
    All,
    /// Those before a point in time: of each file's writes a run from the front, torn at a byte or at a sector of 512;
    /// of the changes of names the first so many. The seed chooses.
    Torn(u64),
    /// Some: each sector and each change of a name is there or not, whatever came before it. The seed chooses.
    Reordered(u64),
}

/// A kind of step, to make it fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Create,
    Append,
    SyncData,
    SyncFile,
    Truncate,
    Rename,
    Link,
    Remove,
    CreateDir,
    SyncDir,
}

/// A step that shall fail.
#[derive(Debug, Clone)]
pub struct Fault {
    pub step: Step,
    /// Only on paths that contain this.
    pub path_part: String,
    /// So many matching steps succeed first.
    pub skip: u32,
    /// Then so many fail.
    pub times: u32,
    pub error: io::ErrorKind,
    /// How many bytes a failing append leaves in the file.
    pub written_bytes: usize,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Told when syncs are no longer held.
    released: Condvar,
}

#[derive(Debug, Default)]
struct State {
    tree: Tree,
    /// Steps taken, failed ones among them.
    steps: u64,
    stop_after: Option<u64>,
    stopped: bool,
    hold_syncs: bool,
    capacity_bytes: Option<u64>,
    faults: Vec<Fault>,
    locked: BTreeSet<PathBuf>,
    journal: Vec<String>,
}

#[derive(Debug)]
struct SimFile {
    fs: SimFs,
    path: PathBuf,
    node: NodeId,
}

#[derive(Debug)]
struct SimLock {
    fs: SimFs,
    path: PathBuf,
}

impl Default for SimFs {
    fn default() -> Self {
        Self::new()
    }
}

impl SimFs {
    /// An empty file system.
    pub fn new() -> Self {
        Self::with_state(State::default())
    }

    fn with_state(state: State) -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::new(state), released: Condvar::new() }) }
    }

    /// How many steps were taken: operations that change something, or make a change durable.
    pub fn steps(&self) -> u64 {
        self.shared.state.lock().steps
    }

    /// Lets `steps` steps in all succeed; the next one, and then every operation, fails and does nothing.
    pub fn stop_after(&self, steps: u64) {
        self.shared.state.lock().stop_after = Some(steps);
    }

    /// Whether the end that [`SimFs::stop_after`] set was reached.
    pub fn is_stopped(&self) -> bool {
        self.shared.state.lock().stopped
    }

    /// What a new process finds after this one was cut off now. This file system, and all that was opened in it, is
    /// stopped.
    pub fn crash(&self, loss: Loss) -> SimFs {
        let mut state = self.shared.state.lock();
        state.stopped = true;
        let tree = state.tree.after_crash(loss);
        let capacity_bytes = state.capacity_bytes;
        drop(state);
        self.shared.released.notify_all();
        Self::with_state(State { tree, capacity_bytes, ..State::default() })
    }

    /// From now on syncs of content succeed and do nothing: a disk that lies.
    pub fn ignore_sync_data(&self) {
        self.shared.state.lock().tree.ignore_sync_data = true;
    }

    /// From now on syncs of directories succeed and do nothing.
    pub fn ignore_sync_dir(&self) {
        self.shared.state.lock().tree.ignore_sync_dir = true;
    }

    /// The disk holds so many bytes of file content; an append beyond writes what fits and fails.
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<u64>) {
        self.shared.state.lock().capacity_bytes = capacity_bytes;
    }

    /// Makes a step fail. Several faults may wait at once; the first that matches counts.
    pub fn fail(&self, fault: Fault) {
        self.shared.state.lock().faults.push(fault);
    }

    /// Takes back all faults.
    pub fn heal(&self) {
        self.shared.state.lock().faults.clear();
    }

    /// While `hold`, syncs of file content wait.
    pub fn hold_syncs(&self, hold: bool) {
        self.shared.state.lock().hold_syncs = hold;
        self.shared.released.notify_all();
    }

    /// The steps taken since the last call, as `name path`, with the size where bytes were written.
    pub fn take_journal(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state.lock().journal)
    }

    /// The content of a file, as the process sees it.
    ///
    /// # Errors
    /// As a file system's.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.shared.state.lock();
        let node = state.tree.find(path)?;
        Ok(state.tree.content(node)?.to_vec())
    }

    /// Makes `path` a file with this content, all of it durable: how a test damages or prepares a disk. No step.
    ///
    /// # Errors
    /// A missing directory.
    pub fn plant(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.shared.state.lock().tree.plant(path, content)
    }

    /// Changes what a file holds where it stands, durably: how a disk goes bad while the file is open. No step.
    ///
    /// # Errors
    /// No such file.
    pub fn damage(&self, path: &Path, change: impl Fn(&mut [u8])) -> io::Result<()> {
        self.shared.state.lock().tree.damage(path, change)
    }

    /// Runs `change` as one step on `path`.
    fn step<T>(&self, step: Step, path: &Path, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.shared.state.lock();
        state.begin(step, path, None)?;
        change(&mut state)
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> io::Result<T>) -> io::Result<T> {
        let state = self.shared.state.lock();
        if state.stopped { Err(stopped()) } else { look(&state) }
    }

    fn wait_for_release(&self) {
        let mut state = self.shared.state.lock();
        while state.hold_syncs && !state.stopped {
            self.shared.released.wait(&mut state);
        }
    }
}

impl State {
    /// Counts a step, and fails it if it is past the end or was chosen to fail.
    fn begin(&mut self, step: Step, path: &Path, size_bytes: Option<usize>) -> io::Result<()> {
        match self.begin_or_fault(step, path, size_bytes)? {
            None => Ok(()),
            Some(fault) => Err(fault.error.into()),
        }
    }

    /// As [`State::begin`], but hands out the fault.
    fn begin_or_fault(&mut self, step: Step, path: &Path, size_bytes: Option<usize>) -> io::Result<Option<Fault>> {
        if self.stopped || self.stop_after.is_some_and(|last| self.steps >= last) {
            self.stopped = true;
            return Err(stopped());
        }
        self.steps += 1;
        let size = size_bytes.map(|size| format!(" {size}")).unwrap_or_default();
        self.journal.push(format!("{step:?} {}{size}", path.display()));
        let text = path.to_string_lossy();
        for fault in &mut self.faults {
            if fault.step != step || !text.contains(&fault.path_part) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                return Ok(Some(fault.clone()));
            }
        }
        Ok(None)
    }

    fn free_bytes(&self) -> u64 {
        self.capacity_bytes.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.tree.used_bytes()))
    }
}

fn stopped() -> io::Error {
    io::Error::other("the simulated process has ended")
}

// === impl Fs ===

impl Fs for SimFs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        let node = self.step(Step::Create, path, |state| state.tree.create_file(path))?;
        Ok(Box::new(SimFile { fs: self.clone(), path: path.to_owned(), node }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        let node = self.look(|state| {
            let node = state.tree.find(path)?;
            state.tree.content(node).map(|_| node)
        })?;
        Ok(Box::new(SimFile { fs: self.clone(), path: path.to_owned(), node }))
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        self.look(|state| Ok(Bytes::copy_from_slice(state.tree.content(state.tree.find(path)?)?)))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.wait_for_release();
        let mut state = self.shared.state.lock();
        let fault = state.begin_or_fault(Step::SyncFile, path, None)?;
        let node = state.tree.find(path)?;
        state.tree.sync_content(node, fault.is_some())?;
        fault.map_or(Ok(()), |fault| Err(fault.error.into()))
    }

    fn truncate(&self, path: &Path, size_bytes: u64) -> io::Result<()> {
        self.step(Step::Truncate, path, |state| state.tree.truncate(path, size_bytes))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Rename, from, |state| state.tree.rename(from, to))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Link, to, |state| state.tree.hard_link(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.step(Step::Remove, path, |state| state.tree.remove_file(path))
    }

    /// Each name that goes is a step of its own.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        for entry in self.read_dir(path)? {
            if entry.is_dir { self.remove_dir_all(&entry.path)? } else { self.remove_file(&entry.path)? }
        }
        self.step(Step::Remove, path, |state| state.tree.remove_empty_dir(path))
    }

    /// Each directory that is made is a step of its own.
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut missing = Vec::new();
        for dir in path.ancestors() {
            match self.look(|state| state.tree.list(dir).map(|_| ())) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(dir),
                Err(error) => return Err(error),
            }
        }
        for dir in missing.into_iter().rev() {
            self.step(Step::CreateDir, dir, |state| state.tree.create_dir(dir))?;
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step(Step::SyncDir, path, |state| state.tree.sync_names(path))
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.look(|state| state.tree.list(path))
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.look(|state| state.tree.find(path).map(|_| state.free_bytes()))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        if self.look(|state| Ok(state.tree.find(path).is_err()))? {
            self.step(Step::Create, path, |state| state.tree.create_file(path))?;
        }
        if !self.shared.state.lock().locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { fs: self.clone(), path: path.to_owned() }))
    }
}

impl AppendFile for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.fs.shared.state.lock();
        let fault = state.begin_or_fault(Step::Append, &self.path, Some(bytes.len()))?;
        let free = usize::try_from(state.free_bytes()).unwrap_or(usize::MAX);
        let (fits, error) = match fault {
            Some(fault) => (fault.written_bytes, Some(fault.error)),
            None if bytes.len() > free => (free, Some(io::ErrorKind::StorageFull)),
            None => (bytes.len(), None),
        };
        state.tree.append(self.node, &bytes[..fits.min(bytes.len())])?;
        error.map_or(Ok(()), |error| Err(error.into()))
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.fs.wait_for_release();
        let mut state = self.fs.shared.state.lock();
        let fault = state.begin_or_fault(Step::SyncData, &self.path, None)?;
        state.tree.sync_content(self.node, fault.is_some())?;
        fault.map_or(Ok(()), |fault| Err(fault.error.into()))
    }

    fn reader(&self) -> io::Result<Box<dyn ReadFile>> {
        Ok(Box::new(SimFile { fs: self.fs.clone(), path: self.path.clone(), node: self.node }))
    }
}

impl ReadFile for SimFile {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.fs.look(|state| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let content = state.tree.content(self.node)?;
            let end = start.saturating_add(buf.len());
            let part = content.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
            buf.copy_from_slice(part);
            Ok(())
        })
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.fs.look(|state| Ok(state.tree.content(self.node)?.len() as u64))
    }
}

impl LockGuard for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.fs.shared.state.lock().locked.remove(&self.path);
    }
}

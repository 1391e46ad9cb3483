//! One log: the buffer that shards sequence into, and those who wait for it.

mod commit;
mod flush;

pub use commit::Commit;

use super::codec::Compression;
use super::committers::{Committers, Queue};
use super::record::Records;
use super::segment::{self, SegmentDir, SegmentFile};
use super::writer::{Durability, Writer};
use crate::fs::Fs;
use commit::Waiters;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a log is kept.
#[derive(Debug, Clone, Copy)]
pub struct LogOptions {
    pub durability: Durability,
    pub compression: Compression,
    /// A segment is ended when it has so many bytes; at least a page of 32 KiB.
    pub segment_bytes: u64,
    /// So much may wait in memory, uncompressed, while the disk is slow or fails; beyond it appends are refused.
    pub buffer_bytes: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            compression: Compression::default(),
            segment_bytes: 128 << 20,
            buffer_bytes: 64 << 20,
        }
    }
}

/// A place in the log's life: all that was sequenced up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[must_use = "nothing is written before its position is committed"]
pub struct Position(u64);

/// Why the log could not take a batch, or does not vouch for it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// The group was not written; it will be with the next one, but nobody was told so.
    #[error("write-ahead log {dir}: {source}", dir = dir.display())]
    Failed { dir: PathBuf, source: Arc<io::Error> },
    /// The disk does not keep up, or fails.
    #[error("write-ahead log {dir}: {buffered_bytes} bytes wait to be written, {limit_bytes} are allowed", dir = dir.display())]
    Full { dir: PathBuf, buffered_bytes: usize, limit_bytes: usize },
    #[error("write-ahead log {dir} is closed", dir = dir.display())]
    Closed { dir: PathBuf },
}

/// What a log did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogStats {
    /// The segment that is written, or the next to be created.
    pub segment: u32,
    /// Groups written.
    pub groups: u64,
    /// Bytes written, as framed.
    pub written_bytes: u64,
    /// Groups that could not be written.
    pub failed_groups: u64,
    /// Segments that were given up with something confirmed in them, and then could not be cut behind it.
    pub failed_repairs: u64,
    /// Bytes in memory that are not written, uncompressed.
    pub buffered_bytes: u64,
}

/// The log of one data directory. Clones share it.
#[derive(Debug, Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    options: LogOptions,
    queue: Arc<Queue>,
    state: Mutex<State>,
    /// Told when a cut or the close is done.
    turned: Condvar,
    /// Taken by the one committer that flushes this log.
    files: Mutex<Files>,
}

#[derive(Debug)]
struct Files {
    writer: Writer,
    segment: SegmentFile,
}

#[derive(Debug, Default)]
struct State {
    /// What could not be written and goes first, then what was sequenced since.
    retained: Vec<u8>,
    pending: Vec<u8>,
    /// Where the last record of `pending` stands, if it is one of samples.
    open_samples: Option<usize>,
    in_flight_bytes: usize,
    /// Bytes sequenced in all, and how many of them are as durable as was asked.
    sequenced: u64,
    durable: u64,
    /// The last failure, and up to where it reached.
    failed: Option<(u64, LogError)>,
    waiters: Waiters,
    /// Waiting for a committer, or with one.
    queued: bool,
    flushing: bool,
    /// Turns (cuts, the close) asked for and done; a turn is done at the end of a flush that began after it was asked for.
    turns_wanted: u64,
    turns_done: u64,
    closing: bool,
    closed: bool,
    stats: LogStats,
}

/// More than this does not wait for a commit to be flushed.
const EAGER_BYTES: usize = 256 << 10;

/// What an idle log keeps of its buffer.
const IDLE_BUFFER_BYTES: usize = 4 << 10;

impl Log {
    /// Opens the log in `dir`, which is created if it is not there. Old segments are never written again: the first
    /// record creates the next one. Checkpoints that were not finished are removed.
    ///
    /// # Errors
    /// The directory cannot be made or read.
    pub fn open(fs: Arc<dyn Fs>, dir: &Path, options: LogOptions, committers: &Committers) -> io::Result<Self> {
        segment::create_dir(&*fs, dir)?;
        let found = SegmentDir::read(&*fs, dir)?;
        for unfinished in &found.unfinished {
            fs.remove_dir_all(unfinished)?;
        }
        for unplaced in &found.unplaced {
            fs.remove_file(unplaced)?;
        }
        let next = found.next_segment();
        let writer = Writer::new(next, options.segment_bytes, options.durability);
        let stats = LogStats { segment: next, ..LogStats::default() };
        let shared = Shared {
            fs,
            dir: dir.to_owned(),
            options,
            queue: committers.queue(),
            state: Mutex::new(State { stats, ..State::default() }),
            turned: Condvar::new(),
            files: Mutex::new(Files { writer, segment: SegmentFile::new(dir) }),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Puts `records` behind all that was sequenced before. Copies memory, does no I/O: to be called under the lock that
    /// gives the records their order.
    ///
    /// When it refuses, series records are taken all the same: a later sample may name them.
    ///
    /// # Errors
    /// [`LogError::Full`], until the disk has caught up; [`LogError::Closed`].
    pub fn sequence(&self, records: &Records) -> Result<Position, LogError> {
        let shared = &self.shared;
        let mut guard = shared.state.lock();
        let state = &mut *guard;
        if state.pending.capacity() == 0 {
            state.pending = shared.queue.take_buffer();
        }
        let before = state.pending.len();
        let refused = shared.refuses(state);
        records.copy_series(&mut state.pending);
        let open = state.open_samples.take().filter(|_| state.pending.len() == before);
        if refused.is_none() {
            state.open_samples = records.copy_others(&mut state.pending, open);
        }
        state.sequenced += (state.pending.len() - before) as u64;
        if refused.is_some() || state.pending.len() >= EAGER_BYTES {
            // A refusal asks for a flush, too: that is how the log finds out that the disk has recovered.
            shared.kick(state);
        }
        match refused {
            None => Ok(Position(state.sequenced)),
            Some(error) => Err(error),
        }
    }

    /// Whether [`Log::sequence`] would refuse now: asked before a batch is applied to the head, it keeps the head from
    /// growing while nothing can be logged.
    ///
    /// # Errors
    /// As [`Log::sequence`].
    pub fn accepts(&self) -> Result<(), LogError> {
        let mut state = self.shared.state.lock();
        match self.shared.refuses(&state) {
            None => Ok(()),
            Some(error) => {
                self.shared.kick(&mut state);
                Err(error)
            }
        }
    }

    /// Up to where was sequenced by now.
    pub fn sequenced(&self) -> Position {
        Position(self.shared.state.lock().sequenced)
    }

    /// Has all up to `position` written, and gives what to wait on.
    pub fn commit(&self, position: Position) -> Commit {
        let mut state = self.shared.state.lock();
        if position.0 > state.durable {
            self.shared.kick(&mut state);
        }
        drop(state);
        Commit::new(Arc::clone(&self.shared), position)
    }

    /// Ends the segment that is written, and returns the number of the one that follows: whatever is sequenced from now
    /// on is in it or in a later one. Waits for a flush.
    ///
    /// # Errors
    /// [`LogError::Closed`].
    pub fn cut(&self) -> Result<u32, LogError> {
        let mut state = self.shared.state.lock();
        if state.closed || state.closing {
            return Err(self.shared.closed());
        }
        self.shared.turn(&mut state);
        if state.closed { Err(self.shared.closed()) } else { Ok(state.stats.segment) }
    }

    /// Removes the segments below `segment`, a number that [`Log::cut`] returned, and the checkpoints that the one before
    /// `segment` supersedes.
    ///
    /// # Errors
    /// The first file that cannot be removed. Those behind it stay, so that there is no gap.
    pub fn truncate(&self, segment: u32) -> io::Result<()> {
        SegmentDir::read(&*self.shared.fs, &self.shared.dir)?.remove_below(&*self.shared.fs, segment)
    }

    /// Writes and syncs what is there, and takes nothing more.
    ///
    /// # Errors
    /// What was sequenced last could not be written, or the log is closed already.
    pub fn close(&self) -> Result<(), LogError> {
        let mut state = self.shared.state.lock();
        if state.closed || state.closing {
            return Err(self.shared.closed());
        }
        state.closing = true;
        self.shared.turn(&mut state);
        match &state.failed {
            Some((through, error)) if state.durable < state.sequenced && *through >= state.sequenced => {
                Err(error.clone())
            }
            _ => Ok(()),
        }
    }

    /// What it did so far.
    pub fn stats(&self) -> LogStats {
        let state = self.shared.state.lock();
        LogStats { buffered_bytes: state.buffered_bytes() as u64, ..state.stats }
    }

    /// The directory of the segments.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }
}

impl Shared {
    fn refuses(&self, state: &State) -> Option<LogError> {
        if state.closed || state.closing {
            return Some(self.closed());
        }
        let (buffered_bytes, limit_bytes) = (state.buffered_bytes(), self.options.buffer_bytes);
        (buffered_bytes > limit_bytes).then(|| LogError::Full { dir: self.dir.clone(), buffered_bytes, limit_bytes })
    }

    fn closed(&self) -> LogError {
        LogError::Closed { dir: self.dir.clone() }
    }

    /// Sees to it that a committer comes.
    fn kick(self: &Arc<Self>, state: &mut State) {
        if state.queued || state.flushing || state.closed {
            return;
        }
        state.queued = self.queue.push(Arc::clone(self));
        if !state.queued {
            self.end(state);
        }
    }

    /// Asks for a turn and waits for it.
    fn turn(self: &Arc<Self>, state: &mut parking_lot::MutexGuard<'_, State>) {
        state.turns_wanted += 1;
        let wanted = state.turns_wanted;
        self.kick(state);
        while state.turns_done < wanted && !state.closed {
            self.turned.wait(state);
        }
    }

    /// Nothing will be written any more: all that is not durable has failed.
    fn end(&self, state: &mut State) {
        state.closed = true;
        state.failed.get_or_insert((0, self.closed())).0 = state.sequenced;
        let mut wakers = Vec::new();
        state.waiters.take_through(u64::MAX, &mut wakers);
        self.turned.notify_all();
        wakers.into_iter().for_each(std::task::Waker::wake);
    }
}

impl State {
    fn buffered_bytes(&self) -> usize {
        self.retained.len() + self.pending.len() + self.in_flight_bytes
    }
}

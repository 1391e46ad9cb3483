//! One group: taken from the log, written, and its commits completed. Runs on a committer thread.

use super::{Files, IDLE_BUFFER_BYTES, LogError, Shared, State};
use crate::wal::committers::Scratch;
use crate::wal::record::split_records;
use crate::wal::segment::segment_path;
use crate::wal::writer::{Effect, Repair};
use std::io;
use std::sync::Arc;

/// What a flush took from the log.
struct Taken {
    retained: Vec<u8>,
    pending: Vec<u8>,
    /// All up to here is in it.
    through: u64,
    /// Turns that were asked for before.
    turns: u64,
    turn: bool,
    closing: bool,
}

/// A group that could not be written.
struct Failure {
    error: io::Error,
    /// The segment was cut or removed.
    repaired: bool,
}

impl Shared {
    /// Writes what the log holds as one group.
    pub(in crate::wal) fn flush(self: &Arc<Self>, scratch: &mut Scratch) {
        let guard = EndOnPanic(self);
        let taken = self.take();
        let mut files = self.files.lock();
        let written = self.write(&mut files, &taken, scratch);
        let segment = files.writer.segment();
        drop(files);
        self.complete(taken, written, segment, scratch);
        std::mem::forget(guard);
        scratch.wakers.drain(..).for_each(std::task::Waker::wake);
    }

    fn take(&self) -> Taken {
        let mut state = self.state.lock();
        (state.queued, state.flushing, state.open_samples) = (false, true, None);
        let (retained, pending) = (std::mem::take(&mut state.retained), std::mem::take(&mut state.pending));
        state.in_flight_bytes = retained.len() + pending.len();
        let turn = state.turns_wanted > state.turns_done;
        Taken { retained, pending, through: state.sequenced, turns: state.turns_wanted, turn, closing: state.closing }
    }

    fn write(&self, files: &mut Files, taken: &Taken, scratch: &mut Scratch) -> Result<usize, Failure> {
        let Scratch { packer, group, .. } = scratch;
        files.writer.begin(group);
        for record in split_records(&taken.retained).chain(split_records(&taken.pending)) {
            let (stored, coding) = packer.pack(record, self.options.compression);
            files.writer.add(stored, coding, group);
        }
        files.writer.finish(taken.turn, group);
        for effect in group.effects() {
            match files.segment.perform(&*self.fs, effect, group) {
                Ok(()) => files.writer.done(effect),
                Err(error) => {
                    let repaired = self.give_up(files, effect, &error);
                    return Err(Failure { error, repaired });
                }
            }
        }
        Ok(group.size_bytes())
    }

    /// Leaves the open segment, which is never written again, in a state that nobody trips over.
    fn give_up(&self, files: &mut Files, effect: &Effect, error: &io::Error) -> bool {
        files.segment.abandon();
        if matches!(effect, Effect::Create(_)) && error.kind() == io::ErrorKind::AlreadyExists {
            files.writer.name_is_taken();
        }
        match files.writer.failed() {
            None => true,
            Some(Repair::Remove(number)) => {
                let removed = self.fs.remove_file(&segment_path(&self.dir, number)).is_ok();
                if removed {
                    files.writer.removed(number);
                }
                removed
            }
            Some(Repair::Cut { segment, size_bytes }) => {
                let path = segment_path(&self.dir, segment);
                self.fs.truncate(&path, size_bytes).and_then(|()| self.fs.sync_file(&path)).is_ok()
            }
        }
    }

    fn complete(
        self: &Arc<Self>,
        mut taken: Taken,
        written: Result<usize, Failure>,
        segment: u32,
        scratch: &mut Scratch,
    ) {
        let mut state = self.state.lock();
        state.flushing = false;
        state.in_flight_bytes = 0;
        state.stats.segment = segment;
        let failed = written.is_err();
        match written {
            Ok(size_bytes) => {
                state.durable = taken.through;
                state.stats.groups += u64::from(size_bytes > 0);
                state.stats.written_bytes += size_bytes as u64;
                self.give_back(&mut state, taken.pending);
            }
            Err(failure) => self.retain(&mut state, &mut taken, failure),
        }
        state.waiters.take_through(taken.through, &mut scratch.wakers);
        state.turns_done = taken.turns;
        if taken.turn {
            self.turned.notify_all();
        }
        if taken.closing {
            self.end(&mut state);
        }
        // A failed group is not tried again before somebody asks; what was sequenced since has not been tried yet.
        let asked = !failed || !state.waiters.is_empty();
        if (asked && !state.pending.is_empty()) || state.turns_wanted > state.turns_done {
            self.kick(&mut state);
        }
    }

    fn retain(&self, state: &mut State, taken: &mut Taken, failure: Failure) {
        state.stats.failed_groups += 1;
        state.stats.failed_repairs += u64::from(!failure.repaired);
        let source = Arc::new(failure.error);
        state.failed = Some((taken.through, LogError::Failed { dir: self.dir.clone(), source }));
        if taken.retained.is_empty() {
            state.retained = std::mem::take(&mut taken.pending);
        } else {
            state.retained = std::mem::take(&mut taken.retained);
            state.retained.extend_from_slice(&taken.pending);
        }
    }

    /// Keeps a small buffer for the log's next group, and hands a large one on.
    fn give_back(&self, state: &mut State, mut buffer: Vec<u8>) {
        if state.pending.capacity() == 0 && buffer.capacity() <= IDLE_BUFFER_BYTES {
            buffer.clear();
            state.pending = buffer;
        } else {
            self.queue.return_buffer(buffer);
        }
    }
}

/// Fails what waits for a log whose committer panicked, so that nobody waits for ever.
struct EndOnPanic<'a>(&'a Arc<Shared>);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        self.0.end(&mut self.0.state.lock());
    }
}

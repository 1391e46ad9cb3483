//! Readers keep no writer waiting, however long the disk keeps them.

use crate::rig::{Contents, append, contents, open_on, options};
use bytes::Bytes;
use model::TimeRange;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use testkit::SimFs;
use tsdb::ChunkSeriesBatch;
use tsdb::fs::{AppendFile, DirEntry, Fs, LockGuard, ReadFile};

/// No test waits longer for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where reads of head chunks stop while it is closed.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    turned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    reached: bool,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock();
        state.reached |= state.closed;
        self.turned.notify_all();
        while state.closed {
            self.turned.wait(&mut state);
        }
    }

    fn close(&self) {
        *self.state.lock() = State { closed: true, reached: false };
    }

    fn open(&self) {
        self.state.lock().closed = false;
        self.turned.notify_all();
    }

    /// Whether somebody stands before it.
    fn is_reached(&self) -> bool {
        let mut state = self.state.lock();
        !self.turned.wait_while_for(&mut state, |state| !state.reached, PATIENCE).timed_out()
    }
}

/// A file system whose head chunks are read through a gate.
#[derive(Debug)]
struct GatedFs(SimFs, Arc<Gate>);

#[derive(Debug)]
struct GatedFile<File: ?Sized>(Arc<Gate>, Box<File>);

impl AppendFile for GatedFile<dyn AppendFile> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.1.append(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.1.sync_data()
    }

    fn reader(&self) -> io::Result<Box<dyn ReadFile>> {
        Ok(Box::new(GatedFile(Arc::clone(&self.0), self.1.reader()?)))
    }
}

impl ReadFile for GatedFile<dyn ReadFile> {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.pass();
        self.1.read_exact_at(buf, offset)
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.1.size_bytes()
    }
}

impl Fs for GatedFs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        let file = self.0.create_new(path)?;
        let is_gated = path.to_string_lossy().contains("chunks_head");
        Ok(if is_gated { Box::new(GatedFile(Arc::clone(&self.1), file)) } else { file })
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        self.0.open(path)
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        self.0.map(path)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.0.sync_file(path)
    }

    fn truncate(&self, path: &Path, size_bytes: u64) -> io::Result<()> {
        self.0.truncate(path, size_bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.remove_dir_all(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.0.read_dir(path)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.0.free_bytes(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        self.0.lock(path)
    }
}

/// One reader has a batch and has not asked for the next, another is in the middle of one: samples of the series that they read,
/// and new series, are taken all the same.
#[test]
fn a_reader_that_waits_for_the_disk_keeps_no_append_waiting() {
    let gate = Arc::new(Gate::default());
    let fs = Arc::new(GatedFs(SimFs::new(), Arc::clone(&gate)));
    let db = Arc::new(open_on(fs, Path::new("/data"), options()).unwrap());
    let mut expected = Contents::new();
    (0..145_000).step_by(300).for_each(|at_ms| append(&db, 5, at_ms, &mut expected));
    // The file that grows is read; what is buffered need not be.
    assert_eq!(db.maintain().unwrap().len(), 0);
    let source = db.sources(TimeRange::ALL).pop().unwrap();
    let mut paused = source.select(&[], TimeRange::ALL).unwrap();
    let mut batch = ChunkSeriesBatch::default();
    paused.next_batch(1, false, &mut batch).unwrap();
    assert_eq!(batch.len(), 1);

    gate.close();
    let reader = thread::spawn({
        let db = Arc::clone(&db);
        move || contents(&db, TimeRange::ALL)
    });
    assert!(gate.is_reached(), "no file is read");
    let (done, is_done) = mpsc::channel();
    let writer = thread::spawn({
        let db = Arc::clone(&db);
        move || {
            append(&db, 20, 145_000, &mut Contents::new());
            done.send(()).unwrap();
        }
    });
    let taken = is_done.recv_timeout(PATIENCE);
    gate.open();
    let read = reader.join().unwrap();
    writer.join().unwrap();
    taken.expect("an append waited for a reader");
    assert!(expected.iter().all(|(key, value)| read.get(key) == Some(value)));
    let mut rest = 0;
    while !batch.is_empty() {
        paused.next_batch(2, false, &mut batch).unwrap();
        rest += batch.len();
    }
    assert_eq!(rest, 4, "series younger than the reader are not seen");
}

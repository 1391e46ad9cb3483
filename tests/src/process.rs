//! A process that is listened to.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take that should be quick. Generous: test machines are slow when they are busy.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// A running process; what it says is kept. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
    readers: Vec<JoinHandle<()>>,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// All it said on stderr, and on stdout where that is heard.
    pub stderr: String,
}

impl Ended {
    /// The exit code; `None` if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The last line on stderr.
    pub fn last_line(&self) -> &str {
        self.stderr.lines().last().unwrap_or_default()
    }
}

impl Process {
    /// Starts `command` and hears its stderr; its stdout is thrown away.
    pub fn start(command: &mut Command) -> Self {
        Self::spawn(command.stdout(Stdio::null()))
    }

    /// Starts `command` and hears its stdout, too.
    pub fn start_and_hear_all(command: &mut Command) -> Self {
        Self::spawn(command.stdout(Stdio::piped()))
    }

    fn spawn(command: &mut Command) -> Self {
        let spawned = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|err| panic!("{command:?}: {err}"));
        let (sender, lines) = channel();
        let stderr = child.stderr.take().map(|stderr| read(stderr, sender.clone()));
        let stdout = child.stdout.take().map(|stdout| read(stdout, sender));
        Self { child, lines, heard: Vec::new(), readers: stderr.into_iter().chain(stdout).collect() }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for a line on stderr from which `find` takes something.
    ///
    /// # Panics
    /// When the process ends, or does not say it in time.
    pub fn hear<T>(&mut self, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        if let Some(found) = self.heard.iter().find_map(|line| find(line)) {
            return found;
        }
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = find(&line);
                    self.heard.push(line);
                    if let Some(found) = found {
                        return found;
                    }
                }
                Err(err) => panic!("{err}; what it said until then:\n{}", self.heard.join("\n")),
            }
        }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Sends `signal`.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).unwrap();
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn ended(mut self) -> Ended {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > until => {
                    self.heard.extend(self.lines.try_iter());
                    panic!("it does not end; what it said:\n{}", self.heard.join("\n"));
                }
                None => std::thread::sleep(POLL),
            }
        };
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        self.heard.extend(self.lines.try_iter());
        Ended { status, stderr: self.heard.join("\n") }
    }
}

fn read(from: impl std::io::Read + Send + 'static, to: Sender<String>) -> JoinHandle<()> {
    let mut read = BufReader::new(from).lines().map_while(Result::ok);
    std::thread::spawn(move || {
        // The story may have ended.
        let _ = read.try_for_each(|line| to.send(line));
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

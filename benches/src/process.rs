//! A system under load: a process on a core of its own, and what the kernel says of it.

use anyhow::{Context, bail, ensure};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where systems run; the generator takes the other core.
pub(crate) const SYSTEM_CORE: &str = "0";
const GENERATOR_CORE: &str = "1";
/// Clock ticks a second in `/proc/<pid>/stat`: the same on every Linux of ours.
const TICKS: f64 = 100.0;
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A running process, killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Not backed by files.
    pub(crate) anonymous: u64,
    /// The rest of what is resident.
    pub(crate) file: u64,
}

/// CPU time that each thread of a process had so far, in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct ThreadTimes(BTreeMap<OsString, u64>);

impl ThreadTimes {
    /// Of all threads of some processes.
    pub(crate) fn of(processes: &[&Process]) -> anyhow::Result<Self> {
        let times = processes.iter().map(|process| process.thread_times());
        Ok(Self(times.collect::<anyhow::Result<Vec<_>>>()?.into_iter().flat_map(|times| times.0).collect()))
    }

    /// What all threads together had since `before`. Threads that ended in between are missing: those of pools end idle.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let grown = |(thread, &now): (&OsString, &u64)| now - before.0.get(thread).copied().unwrap_or(0).min(now);
        Duration::from_nanos(self.0.iter().map(grown).sum())
    }
}

impl Process {
    /// Starts `program` pinned to the core of systems; its output goes to `log`.
    pub(crate) fn start(program: &Path, args: &[impl AsRef<OsStr>], log: &Path) -> anyhow::Result<Self> {
        let log = std::fs::File::create(log).context("no log can be written")?;
        let child = Command::new("taskset")
            .args(["-c", SYSTEM_CORE])
            .arg(program)
            .args(args)
            .env("GOMAXPROCS", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        Ok(Self { child })
    }

    /// User and system time used so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        // The name stands in brackets and may hold spaces; user and system time are fields 14 and 15.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        match (ticks(11), ticks(12)) {
            (Some(user), Some(system)) => Ok((user + system) / TICKS),
            _ => bail!("/proc says nothing of CPU time"),
        }
    }

    /// CPU time by thread. Exact while the process rests; the kernel brings that of a running thread up to date at each tick.
    pub(crate) fn thread_times(&self) -> anyhow::Result<ThreadTimes> {
        let mut times = BTreeMap::new();
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let task = task?;
            // A thread may end meanwhile.
            let Ok(text) = std::fs::read_to_string(task.path().join("schedstat")) else {
                continue;
            };
            let time = text.split_whitespace().next().and_then(|first| first.parse().ok());
            times.insert(task.file_name(), time.context("/proc says nothing of a thread's CPU time")?);
        }
        Ok(ThreadTimes(times))
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let rollup = self.proc("smaps_rollup")?;
        let kib = |name: &str| {
            let line = rollup.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        };
        let (Some(resident), Some(anonymous)) = (kib("Rss:"), kib("Anonymous:")) else {
            bail!("/proc says nothing of memory");
        };
        Ok(Memory { anonymous: anonymous * 1024, file: (resident - anonymous) * 1024 })
    }

    /// The most that was resident since [`Process::forget_peak`], in bytes.
    pub(crate) fn peak(&self) -> anyhow::Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kib.context("/proc says nothing of a peak")? * 1024)
    }

    /// Lets the peak of resident memory begin anew at what is resident now.
    pub(crate) fn forget_peak(&self) -> anyhow::Result<()> {
        const PEAK: &str = "5";
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), PEAK)?)
    }

    /// Waits until `ready` answers 200.
    pub(crate) fn wait_until(&mut self, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + STARTS_WITHIN;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("the system under load ended by itself: {status}");
            }
            if ready() {
                return Ok(());
            }
            // What it does once it is ready is not to be counted with what it did before.
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the system under load was not ready within {STARTS_WITHIN:?}")
    }

    /// Tells it to stop and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let told = Command::new("kill").arg(self.child.id().to_string()).status()?;
        ensure!(told.success(), "the system under load cannot be told to stop");
        let status = self.child.wait()?;
        ensure!(status.success(), "the system under load ended with {status}");
        Ok(())
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Moves this program off the core of systems.
pub(crate) fn pin_generator() -> anyhow::Result<()> {
    let pid = std::process::id().to_string();
    let status = Command::new("taskset").args(["-acp", GENERATOR_CORE, &pid]).stdout(Stdio::null()).status()?;
    anyhow::ensure!(status.success(), "the generator cannot be pinned to core {GENERATOR_CORE}");
    Ok(())
}

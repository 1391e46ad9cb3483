//! `gauntlet tools demo`: the fleet on one machine.
//!
//! Each member is this program again, as a child process with its log in a file. A member that ends while the others run is
//! told of, and they go on: that is what a fleet is for. All that run stop together.

mod plan;

use clap::Args;
use plan::{Member, Ports, plan};
use service::StopSignals;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long members may take to become ready, and to stop.
const START_TIME: Duration = Duration::from_secs(60);
const STOP_TIME: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    /// The directory for everything the fleet keeps: data, bucket, logs; what is there is used again
    #[arg(long = "dir", default_value = "./demo", value_name = "DIR")]
    dir: PathBuf,
}

/// Why there is no fleet, or none any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("no free port on this machine: {0}")]
    Port(io::Error),
    #[error("signals cannot be caught: {0}")]
    Signals(io::Error),
    #[error("{name} did not start: {source}")]
    Start { name: &'static str, source: io::Error },
    #[error("{name} ended by itself ({status}); see {log}", log = log.display())]
    Ended { name: &'static str, status: String, log: PathBuf },
    #[error("{name} is not ready after {seconds} s; see {log}", seconds = START_TIME.as_secs(), log = log.display())]
    NotReady { name: &'static str, log: PathBuf },
    #[error("no member is left; their logs are in {}", .0.display())]
    NoneLeft(PathBuf),
}

/// A member that runs. Killed when dropped: nothing is left behind, however this ends.
struct Running {
    name: &'static str,
    http: String,
    log: PathBuf,
    child: Child,
}

/// Starts the fleet, tells its addresses on stdout, and stops it when a signal comes.
///
/// # Errors
/// A member that does not start, or ends before it is told to.
pub(crate) async fn run(flags: Flags) -> Result<(), DemoError> {
    let mut signals = StopSignals::catch().map_err(DemoError::Signals)?;
    std::fs::create_dir_all(&flags.dir).map_err(at(&flags.dir))?;
    let dir = flags.dir.canonicalize().map_err(at(&flags.dir))?;
    let members = plan(&dir, free_ports()?);
    let mut running = start(&dir, &members)?;
    let served = tokio::select! {
        served = serve(&mut running, &members, &dir) => served,
        _ = signals.next() => Ok(()),
    };
    println!("stopping");
    stop(running).await;
    served
}

fn start(dir: &Path, members: &[Member]) -> Result<Vec<Running>, DemoError> {
    let program = std::env::current_exe().map_err(at(Path::new("this program")))?;
    let logs = dir.join("logs");
    std::fs::create_dir_all(&logs).map_err(at(&logs))?;
    members.iter().map(|member| start_one(&program, &logs, member)).collect()
}

fn start_one(program: &Path, logs: &Path, member: &Member) -> Result<Running, DemoError> {
    for (path, text) in &member.files {
        std::fs::write(path, text).map_err(at(path))?;
    }
    let path = logs.join(format!("{}.log", member.name));
    let log = File::create(&path).map_err(at(&path))?;
    let mut command = Command::new(program);
    command.args(&member.args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
    // A signal from the terminal goes to all of its group; the members are told one after another.
    command.process_group(0);
    let child = command.spawn().map_err(|source| DemoError::Start { name: member.name, source })?;
    Ok(Running { name: member.name, http: member.http.clone(), log: path, child })
}

/// Waits until all are ready, tells of them and of those that end, and returns when none is left.
async fn serve(running: &mut Vec<Running>, members: &[Member], dir: &Path) -> Result<(), DemoError> {
    for member in running.iter_mut() {
        member.ready().await?;
    }
    println!("The fleet is ready. It keeps everything in {}.\n", dir.display());
    for member in members {
        println!("  {:<12} {}", member.name, member.about);
    }
    println!("\nCtrl-C stops it.");
    while !running.is_empty() {
        for ended in take_ended(running) {
            println!("{ended}; {} go on", running.len());
        }
        sleep(POLL).await;
    }
    Err(DemoError::NoneLeft(dir.join("logs")))
}

/// Takes out the members that ended by themselves; how each did.
fn take_ended(running: &mut Vec<Running>) -> Vec<DemoError> {
    let mut ended = Vec::new();
    running.retain_mut(|member| match member.check() {
        Ok(()) => true,
        Err(how) => {
            ended.push(how);
            false
        }
    });
    ended
}

impl Running {
    async fn ready(&mut self) -> Result<(), DemoError> {
        let until = Instant::now() + START_TIME;
        while !is_ready(&self.http).await {
            self.check()?;
            if Instant::now() > until {
                return Err(DemoError::NotReady { name: self.name, log: self.log.clone() });
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), DemoError> {
        let (name, log) = (self.name, self.log.clone());
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(DemoError::Ended { name, status: status.to_string(), log }),
            Err(source) => Err(DemoError::Start { name, source }),
        }
    }
}

/// Whether `/-/ready` of that address answers with 200.
async fn is_ready(http: &str) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(http).await?;
        stream.write_all(format!("GET /-/ready HTTP/1.0\r\nHost: {http}\r\n\r\n").as_bytes()).await?;
        let mut status = [0_u8; 12];
        stream.read_exact(&mut status).await?;
        Ok::<_, io::Error>(status.ends_with(b"200"))
    };
    timeout(Duration::from_secs(2), ask).await.is_ok_and(|answered| answered.unwrap_or(false))
}

/// Tells all to stop, those that take requests first, and waits for each.
async fn stop(running: Vec<Running>) {
    for mut member in running.into_iter().rev() {
        let pid = member.child.id().and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if timeout(STOP_TIME, member.child.wait()).await.is_err() {
            println!("{} does not stop: killed; see {}", member.name, member.log.display());
        }
    }
}

/// Ports that were free a moment ago. Held together, so that they differ.
fn free_ports() -> Result<Ports, DemoError> {
    let mut held = Vec::new();
    let mut port = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        held.push(listener);
        Ok(port)
    };
    Ports::from(&mut port).map_err(DemoError::Port)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DemoError {
    let path = path.to_owned();
    move |source| DemoError::File { path, source }
}

#[cfg(test)]
mod tests;

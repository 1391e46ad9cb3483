//! The signals that ask a process to stop.

use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// A signal that follows another so soon is the same one: terminals and wrappers deliver to the group and then again to the
/// process.
const ECHO: Duration = Duration::from_secs(1);

/// SIGTERM and SIGINT, caught from the moment this exists.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    told: Option<Instant>,
}

impl StopSignals {
    /// Starts to catch them. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            told: None,
        })
    }

    /// Waits for the next one and tells its name. May be dropped while it waits.
    pub async fn next(&mut self) -> &'static str {
        loop {
            let name = tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
            };
            if self.told.is_none_or(|told| told.elapsed() >= ECHO) {
                self.told = Some(Instant::now());
                return name;
            }
        }
    }
}

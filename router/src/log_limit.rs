//! Log lines that peers can cause as often as they like.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Lets one line through in a while and counts the others.
#[derive(Debug)]
pub(crate) struct LogLimit {
    next_ms: AtomicI64,
    held_back: AtomicU64,
}

/// How long it is quiet after a line.
const QUIET_MS: i64 = 10_000;

impl LogLimit {
    pub(crate) fn new() -> Self {
        Self { next_ms: AtomicI64::new(i64::MIN), held_back: AtomicU64::new(0) }
    }

    /// Whether a line may be written now, and how many were held back since the last one.
    pub(crate) fn pass(&self, now_ms: i64) -> Option<u64> {
        let next_ms = self.next_ms.load(Ordering::Relaxed);
        let after_ms = now_ms.saturating_add(QUIET_MS);
        // A clock that was set back must not silence the log until it has caught up.
        let due = next_ms <= now_ms || next_ms > after_ms;
        let won = || self.next_ms.compare_exchange(next_ms, after_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if due && won() {
            return Some(self.held_back.swap(0, Ordering::Relaxed));
        }
        self.held_back.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests;

//! What readers may still be looking at.
//!
//! A reader pins the epoch it began in. Numbers of lines and pairs that fell free in an epoch are given out again only
//! when no reader of that epoch or an earlier one is left, and what a truncation drops stays until the readers that began
//! before it and look that far back are gone. Nobody waits: whoever wants to reuse or drop asks, and asks again later.

use parking_lot::Mutex;
use std::sync::Arc;

/// The epochs of a head.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    now: u32,
    next_pin: u64,
    pins: Vec<PinState>,
}

#[derive(Debug)]
struct PinState {
    number: u64,
    epoch: u32,
    min_ms: i64,
}

/// Keeps an epoch from being over until dropped.
#[derive(Debug)]
pub(super) struct Pin {
    epochs: Arc<Epochs>,
    number: u64,
}

impl Epochs {
    /// Pins the present epoch for a reader that looks at `min_ms` and later.
    pub(super) fn pin(self: &Arc<Self>, min_ms: i64) -> Pin {
        let mut state = self.state.lock();
        let (number, epoch) = (state.next_pin, state.now);
        state.next_pin += 1;
        state.pins.push(PinState { number, epoch, min_ms });
        Pin { epochs: Arc::clone(self), number }
    }

    /// Begins the next epoch and says which one ended.
    pub(super) fn advance(&self) -> u32 {
        let mut state = self.state.lock();
        state.now += 1;
        state.now - 1
    }

    /// The present epoch.
    pub(super) fn now(&self) -> u32 {
        self.state.lock().now
    }

    /// The oldest epoch that a reader may still be in.
    pub(super) fn oldest(&self) -> u32 {
        let state = self.state.lock();
        state.pins.iter().map(|pin| pin.epoch).min().unwrap_or(state.now)
    }

    /// Whether a reader that began in `epoch` or before looks at times before `min_ms`.
    pub(super) fn is_read(&self, epoch: u32, min_ms: i64) -> bool {
        self.state.lock().pins.iter().any(|pin| pin.epoch <= epoch && pin.min_ms < min_ms)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut state = self.epochs.state.lock();
        if let Some(at) = state.pins.iter().position(|pin| pin.number == self.number) {
            state.pins.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests;

//! Memory for requests, taken before it is filled.
//!
//! Whoever fetches, decodes or buffers bytes for a request reserves them first. A reservation that does not fit waits, and
//! the request that waits too long is refused by name. It goes with the bytes: [`Reservation::hold`] ties it to a
//! [`Bytes`], so that chunks on their way to a slow client still count.
//!
//! Requests hold memory while they wait for more, so they could all wait for each other. They do not: as much as one
//! request may hold is kept for the oldest request alone. It never waits for the others, ends, and makes the next the
//! oldest.

use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How much memory requests may hold, and how long they wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLimits {
    /// All requests together, inside.
    pub total_bytes: u64,
    /// One request, inside. More than half of `total_bytes` counts as half.
    pub request_bytes: u64,
    /// How long a reservation waits before it is refused.
    pub wait: Duration,
}

/// The memory of all requests. Clones share it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Pool>);

/// The memory of one request. Clones share it; with the last one the request is over.
#[derive(Debug, Clone)]
pub struct RequestBudget(Arc<Request>);

/// Bytes taken from a budget, given back on drop.
#[derive(Debug)]
pub struct Reservation {
    pool: Arc<Pool>,
    request: u64,
    bytes: u64,
    part: Part,
}

/// Why bytes were not given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    #[error(
        "memory of one request: {need_bytes} bytes are needed while {held_bytes} are held, and the limit is \
         {limit_bytes} (half of --chunk-pool-size): ask for fewer series or a shorter time, or raise --chunk-pool-size"
    )]
    RequestTooLarge { need_bytes: u64, held_bytes: u64, limit_bytes: u64 },
    #[error(
        "memory of all requests: {need_bytes} bytes were not free within {waited:?}, other requests hold \
         {held_bytes} and the limit is {limit_bytes} (--chunk-pool-size): ask again later, or raise --chunk-pool-size"
    )]
    Busy { need_bytes: u64, held_bytes: u64, limit_bytes: u64, waited: Duration },
}

#[derive(Debug)]
struct Pool {
    limits: BudgetLimits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Request {
    pool: Arc<Pool>,
    number: u64,
}

#[derive(Debug, Default)]
struct State {
    /// Taken by anybody.
    shared_bytes: u64,
    /// Taken by requests while they were the oldest.
    kept_bytes: u64,
    peak_bytes: u64,
    last_number: u64,
    /// Requests by number, which rises with time.
    accounts: BTreeMap<u64, Account>,
    /// First come, first served.
    waiting: VecDeque<Waiter>,
}

#[derive(Debug, Default)]
struct Account {
    held_bytes: u64,
    /// The request is over, but some of its bytes are still on their way.
    over: bool,
}

#[derive(Debug)]
struct Waiter {
    request: u64,
    bytes: u64,
    grant: oneshot::Sender<Reservation>,
}

/// Out of which part bytes were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Shared,
    /// What is kept for the oldest request.
    Kept,
}

/// Bytes with the reservation that they were fetched under.
#[derive(Debug)]
struct Held {
    bytes: Bytes,
    _reservation: Reservation,
}

impl Budget {
    /// A budget of which nothing is taken.
    pub fn new(limits: BudgetLimits) -> Self {
        let request_bytes = limits.request_bytes.min(limits.total_bytes / 2);
        Self(Arc::new(Pool { limits: BudgetLimits { request_bytes, ..limits }, state: Mutex::default() }))
    }

    /// The memory of a new request.
    pub fn request(&self) -> RequestBudget {
        let mut state = self.0.state.lock();
        state.last_number += 1;
        let number = state.last_number;
        state.accounts.insert(number, Account::default());
        RequestBudget(Arc::new(Request { pool: Arc::clone(&self.0), number }))
    }

    /// The limits in force.
    pub fn limits(&self) -> BudgetLimits {
        self.0.limits
    }

    /// How much is taken.
    pub fn used_bytes(&self) -> u64 {
        self.0.state.lock().used_bytes()
    }

    /// The most that was ever taken.
    pub fn peak_bytes(&self) -> u64 {
        self.0.state.lock().peak_bytes
    }

    /// How many reservations wait.
    pub fn waiting(&self) -> usize {
        self.0.state.lock().waiting.len()
    }
}

impl RequestBudget {
    /// Takes `bytes`, waiting for them if need be.
    ///
    /// # Errors
    /// More than a request may hold, or not free in time.
    pub async fn reserve(&self, bytes: u64) -> Result<Reservation, BudgetError> {
        let Request { pool, number } = &*self.0;
        if bytes > pool.limits.request_bytes {
            return Err(pool.refusal(*number, bytes));
        }
        let granted = {
            let mut state = pool.state.lock();
            match state.queued_before(*number) {
                false => pool.take(&mut state, *number, bytes),
                true => None,
            }
            .ok_or_else(|| {
                let (grant, granted) = oneshot::channel();
                state.waiting.push_back(Waiter { request: *number, bytes, grant });
                granted
            })
        };
        match granted {
            Ok(reservation) => Ok(reservation),
            Err(granted) => {
                // Who is the oldest passes the queue.
                pool.settle();
                match timeout(pool.limits.wait, granted).await {
                    Ok(Ok(reservation)) => Ok(reservation),
                    Ok(Err(_)) | Err(_) => Err(pool.refusal(*number, bytes)),
                }
            }
        }
    }

    /// Takes `bytes` for work that could be done later as well: only while nobody waits, and at most the first half of
    /// what the request may hold.
    pub fn reserve_ahead(&self, bytes: u64) -> Option<Reservation> {
        let Request { pool, number } = &*self.0;
        let mut state = pool.state.lock();
        let held_bytes = state.held_by(*number);
        let modest = held_bytes.saturating_add(bytes) <= pool.limits.request_bytes / 2;
        let room = state.shared_bytes.saturating_add(bytes) <= pool.shared_limit() / 2;
        (modest && room && state.waiting.is_empty()).then(|| pool.take(&mut state, *number, bytes)).flatten()
    }

    /// The most this request may hold.
    pub fn limit_bytes(&self) -> u64 {
        self.0.pool.limits.request_bytes
    }

    /// What it holds.
    pub fn held_bytes(&self) -> u64 {
        self.0.pool.state.lock().held_by(self.0.number)
    }
}

impl Reservation {
    /// How many bytes it is for.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives back what is beyond `bytes`.
    pub fn shrink_to(&mut self, bytes: u64) {
        let surplus = self.bytes.saturating_sub(bytes);
        if surplus > 0 {
            self.bytes -= surplus;
            self.pool.give_back(self.request, surplus, self.part);
        }
    }

    /// Parts with `bytes` of it, or with all if it is for less.
    pub fn split_off(&mut self, bytes: u64) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { pool: Arc::clone(&self.pool), request: self.request, bytes, part: self.part }
    }

    /// `bytes` which hold the reservation until the last slice of them is dropped.
    pub fn hold(mut self, bytes: Bytes) -> Bytes {
        self.shrink_to(bytes.len() as u64);
        Bytes::from_owner(Held { bytes, _reservation: self })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.pool.give_back(self.request, self.bytes, self.part);
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock();
        if let Some(account) = state.accounts.get_mut(&self.number) {
            account.over = true;
        }
        state.forget_if_done(self.number);
        drop(state);
        self.pool.settle();
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Pool {
    fn shared_limit(&self) -> u64 {
        self.limits.total_bytes - self.limits.request_bytes
    }

    /// Takes bytes if they are free.
    fn take(self: &Arc<Self>, state: &mut State, request: u64, bytes: u64) -> Option<Reservation> {
        if state.held_by(request).saturating_add(bytes) > self.limits.request_bytes {
            return None;
        }
        let part = if state.shared_bytes.saturating_add(bytes) <= self.shared_limit() {
            state.shared_bytes += bytes;
            Part::Shared
        } else if state.oldest() == Some(request) && state.kept_bytes.saturating_add(bytes) <= self.limits.request_bytes
        {
            state.kept_bytes += bytes;
            Part::Kept
        } else {
            return None;
        };
        if let Some(account) = state.accounts.get_mut(&request) {
            account.held_bytes += bytes;
        }
        state.peak_bytes = state.peak_bytes.max(state.used_bytes());
        Some(Reservation { pool: Arc::clone(self), request, bytes, part })
    }

    fn give_back(self: &Arc<Self>, request: u64, bytes: u64, part: Part) {
        let mut state = self.state.lock();
        match part {
            Part::Shared => state.shared_bytes = state.shared_bytes.saturating_sub(bytes),
            Part::Kept => state.kept_bytes = state.kept_bytes.saturating_sub(bytes),
        }
        if let Some(account) = state.accounts.get_mut(&request) {
            account.held_bytes = account.held_bytes.saturating_sub(bytes);
        }
        state.forget_if_done(request);
        drop(state);
        self.settle();
    }

    /// Serves those who wait, as far as it goes. A request that is full itself is passed over; who finds the shared part
    /// full stops those behind, so that much is not starved by little. The oldest request is no part of that queue.
    fn settle(self: &Arc<Self>) {
        let mut granted = Vec::new();
        let mut state = self.state.lock();
        let mut left = VecDeque::new();
        let mut shared_is_full = false;
        while let Some(waiter) = state.waiting.pop_front() {
            if waiter.grant.is_closed() {
                continue;
            }
            let passes = !shared_is_full || state.oldest() == Some(waiter.request);
            let taken = if passes { self.take(&mut state, waiter.request, waiter.bytes) } else { None };
            match taken {
                Some(reservation) => granted.push((waiter.grant, reservation)),
                None => {
                    let full_itself =
                        state.held_by(waiter.request).saturating_add(waiter.bytes) > self.limits.request_bytes;
                    shared_is_full |= !full_itself;
                    left.push_back(waiter);
                }
            }
        }
        state.waiting = left;
        drop(state);
        for (grant, reservation) in granted {
            // Who waits no longer gives it back by dropping it.
            drop(grant.send(reservation));
        }
    }

    fn refusal(&self, request: u64, need_bytes: u64) -> BudgetError {
        let state = self.state.lock();
        let (held_bytes, limit_bytes) = (state.held_by(request), self.limits.request_bytes);
        if held_bytes.saturating_add(need_bytes) > limit_bytes {
            return BudgetError::RequestTooLarge { need_bytes, held_bytes, limit_bytes };
        }
        BudgetError::Busy {
            need_bytes,
            held_bytes: state.used_bytes() - held_bytes,
            limit_bytes: self.limits.total_bytes,
            waited: self.limits.wait,
        }
    }
}

impl State {
    fn used_bytes(&self) -> u64 {
        self.shared_bytes + self.kept_bytes
    }

    fn held_by(&self, request: u64) -> u64 {
        self.accounts.get(&request).map_or(0, |account| account.held_bytes)
    }

    /// The oldest request that is not over.
    fn oldest(&self) -> Option<u64> {
        self.accounts.iter().find(|(_, account)| !account.over).map(|(&number, _)| number)
    }

    /// Whether somebody waits before whom `request` must not be served.
    fn queued_before(&self, request: u64) -> bool {
        !self.waiting.is_empty() && self.oldest() != Some(request)
    }

    fn forget_if_done(&mut self, request: u64) {
        if self.accounts.get(&request).is_some_and(|account| account.over && account.held_bytes == 0) {
            self.accounts.remove(&request);
        }
    }
}

#[cfg(test)]
mod tests;

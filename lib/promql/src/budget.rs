//! How many bytes may be held, in levels: process, tenant, query.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that may be reserved, within that of a wider budget. Cloning gives another handle of the same.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Level>);

#[derive(Debug)]
struct Level {
    name: &'static str,
    limit_bytes: usize,
    used_bytes: AtomicUsize,
    peak_bytes: AtomicUsize,
    wider: Option<Budget>,
}

/// More was asked for than is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {level} would hold {wanted_bytes} bytes, which is over its memory limit of {limit_bytes}")]
pub struct OverBudget {
    pub level: &'static str,
    pub wanted_bytes: usize,
    pub limit_bytes: usize,
}

/// Reserved bytes, given back on drop.
#[derive(Debug)]
pub struct Reservation {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// A budget of its own: that of a process.
    pub fn new(name: &'static str, limit_bytes: usize) -> Self {
        Self::level(name, limit_bytes, None)
    }

    /// A budget within this one: what it gives out is taken from both.
    pub fn within(&self, name: &'static str, limit_bytes: usize) -> Self {
        Self::level(name, limit_bytes, Some(self.clone()))
    }

    /// A budget that refuses nothing.
    pub fn unlimited() -> Self {
        Self::new("process", usize::MAX)
    }

    fn level(name: &'static str, limit_bytes: usize, wider: Option<Self>) -> Self {
        let (used_bytes, peak_bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self(Arc::new(Level { name, limit_bytes, used_bytes, peak_bytes, wider }))
    }

    /// Bytes that are reserved now.
    pub fn used_bytes(&self) -> usize {
        self.0.used_bytes.load(Ordering::Relaxed)
    }

    /// The most bytes that were reserved at any time.
    pub fn peak_bytes(&self) -> usize {
        self.0.peak_bytes.load(Ordering::Relaxed)
    }

    /// Reserves `bytes`.
    ///
    /// # Errors
    /// The first level, from the narrowest, that has not so many left; then nothing is reserved.
    pub fn reserve(&self, bytes: usize) -> Result<Reservation, OverBudget> {
        self.take(bytes)?;
        Ok(Reservation { budget: self.clone(), bytes })
    }

    fn take(&self, bytes: usize) -> Result<(), OverBudget> {
        let level = &*self.0;
        let before = level.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        let wanted_bytes = before.saturating_add(bytes);
        if wanted_bytes > level.limit_bytes {
            level.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(OverBudget { level: level.name, wanted_bytes, limit_bytes: level.limit_bytes });
        }
        if let Some(wider) = &level.wider {
            wider.take(bytes).inspect_err(|_| {
                level.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
            })?;
        }
        level.peak_bytes.fetch_max(wanted_bytes, Ordering::Relaxed);
        Ok(())
    }

    fn give_back(&self, bytes: usize) {
        self.0.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(wider) = &self.0.wider {
            wider.give_back(bytes);
        }
    }
}

impl Reservation {
    /// How many bytes it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves `bytes` more.
    ///
    /// # Errors
    /// As [`Budget::reserve`]; what was held before stays held.
    pub fn grow(&mut self, bytes: usize) -> Result<(), OverBudget> {
        self.budget.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives back all but `bytes`, if it holds more.
    pub fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.budget.give_back(surplus);
        self.bytes -= surplus;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

//! Memory for requests, taken before it is used and given back on drop.
//!
//! Whoever holds some never waits for more of the same account, lest enough of them wait for each other: it gets more at once,
//! or gives all of it back and asks for the whole. What is needed in two steps comes from two accounts.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One account of memory, shared by all requests that take from it.
#[derive(Debug, Clone)]
pub struct Account {
    free: Arc<Semaphore>,
    size_bytes: u32,
    patience: Duration,
}

/// Memory taken from an account.
#[derive(Debug)]
pub struct Reserved {
    permit: OwnedSemaphorePermit,
    account: Account,
}

/// Why there is no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoMemory {
    /// Others have it. Later there will be some.
    Now,
    /// The account is smaller than what is asked for.
    Ever,
}

impl Account {
    /// An account of `size_bytes`, whose memory is waited for at most as long as `patience`.
    pub fn new(size_bytes: u32, patience: Duration) -> Self {
        Self { free: Arc::new(Semaphore::new(size_bytes as usize)), size_bytes, patience }
    }

    /// Takes `bytes`, waiting for others to give back, first come first served.
    ///
    /// # Errors
    /// The account is smaller, or others did not give back in time.
    pub async fn take(&self, bytes: u32) -> Result<Reserved, NoMemory> {
        if bytes > self.size_bytes {
            return Err(NoMemory::Ever);
        }
        let permit = Arc::clone(&self.free).acquire_many_owned(bytes);
        match tokio::time::timeout(self.patience, permit).await {
            Ok(Ok(permit)) => Ok(Reserved { permit, account: self.clone() }),
            Ok(Err(_)) | Err(_) => Err(NoMemory::Now),
        }
    }

    /// Its size.
    pub fn size_bytes(&self) -> u32 {
        self.size_bytes
    }

    /// How much is taken now.
    pub fn taken_bytes(&self) -> u32 {
        self.size_bytes.saturating_sub(u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX))
    }
}

impl Reserved {
    /// How much it is.
    pub fn bytes(&self) -> usize {
        self.permit.num_permits()
    }

    /// Gives `bytes` of it to another owner.
    ///
    /// # Errors
    /// It is less.
    pub fn split_off(&mut self, bytes: usize) -> Result<Self, NoMemory> {
        let permit = self.permit.split(bytes).ok_or(NoMemory::Now)?;
        Ok(Self { permit, account: self.account.clone() })
    }

    /// Takes over what another owner had, from the same account.
    pub fn join(&mut self, other: Self) {
        self.permit.merge(other.permit);
    }

    /// Takes more, so that it is `bytes` in all, without waiting; if it is that much already, does nothing.
    ///
    /// # Errors
    /// The account is smaller, or others have it.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let bytes = u32::try_from(bytes).map_err(|_| NoMemory::Ever)?;
        if bytes > self.account.size_bytes {
            return Err(NoMemory::Ever);
        }
        let more = bytes.saturating_sub(u32::try_from(self.bytes()).unwrap_or(u32::MAX));
        let permit = Arc::clone(&self.account.free).try_acquire_many_owned(more).map_err(|_| NoMemory::Now)?;
        self.permit.merge(permit);
        Ok(())
    }

    /// Takes more as [`Reserved::grow_to`] does, or gives back what is beyond.
    ///
    /// # Errors
    /// As [`Reserved::grow_to`].
    pub fn set(&mut self, bytes: usize) -> Result<(), NoMemory> {
        // Dropped, it goes back.
        drop(self.permit.split(self.bytes().saturating_sub(bytes)));
        self.grow_to(bytes)
    }
}

#[cfg(test)]
mod tests;

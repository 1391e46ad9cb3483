//! An allocator that counts.

#![allow(unsafe_code, reason = "an allocator is unsafe by nature; this one only counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// The system's allocator, counted.
pub(crate) struct Counting;

/// What was allocated while something ran, on any thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) allocations: u64,
    /// What it holds on to.
    pub(crate) held_bytes: i64,
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static HELD_BYTES: AtomicI64 = AtomicI64::new(0);

// SAFETY: every call goes to the system's allocator as it came; counting touches atomics only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        HELD_BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD_BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: `pointer` came from `alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs `run` and counts.
pub(crate) fn counted<T>(run: impl FnOnce() -> T) -> (T, Counted) {
    let before = (ALLOCATIONS.load(Ordering::Relaxed), HELD_BYTES.load(Ordering::Relaxed));
    let result = run();
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before.0;
    (result, Counted { allocations, held_bytes: HELD_BYTES.load(Ordering::Relaxed) - before.1 })
}

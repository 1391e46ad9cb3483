//! An allocator that counts, for each thread.

#![allow(unsafe_code, reason = "a global allocator is unsafe to write")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<i64> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<i64> = const { Cell::new(0) };
}

/// Allocations of this thread so far, growth in place among them.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

/// Bytes this thread allocated, less those it freed.
pub(crate) fn live_bytes() -> i64 {
    LIVE_BYTES.with(Cell::get)
}

/// By how much [`live_bytes`] grew at most while `work` ran.
pub(crate) fn growth(work: impl FnOnce()) -> i64 {
    let before = live_bytes();
    PEAK_BYTES.with(|peak| peak.set(before));
    work();
    PEAK_BYTES.with(Cell::get) - before
}

fn count(allocations: u64, bytes: i64) {
    // A thread that ends may free after its counters are gone.
    let _ = ALLOCATIONS.try_with(|counter| counter.set(counter.get() + allocations));
    let _ = LIVE_BYTES.try_with(|counter| {
        let live = counter.get() + bytes;
        counter.set(live);
        let _ = PEAK_BYTES.try_with(|peak| peak.set(peak.get().max(live)));
    });
}

// SAFETY: everything is handed to the system's allocator as it came; counting allocates nothing, because the counters are
// plain cells that need no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: the pointer came from `System`, since all allocations do.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(1, new_size as i64 - layout.size() as i64);
        // SAFETY: as in `dealloc`.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

//! An allocator that knows how much a piece of work had at once.

#![allow(unsafe_code, reason = "a global allocator is unsafe to write")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Metering;

#[global_allocator]
static ALLOCATOR: Metering = Metering;

thread_local! {
    static LIVE_BYTES: Cell<i64> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<i64> = const { Cell::new(0) };
}

/// Does `work`, which may have `factor` bytes in memory for each of `input_bytes` at once, and `fixed_bytes` besides.
///
/// Only what this thread allocates is seen.
///
/// # Panics
/// When it had more: a length from outside was believed.
#[track_caller]
pub fn within<T>(input_bytes: usize, factor: usize, fixed_bytes: usize, work: impl FnOnce() -> T) -> T {
    let before = LIVE_BYTES.with(Cell::get);
    PEAK_BYTES.with(|peak| peak.set(before));
    let done = work();
    let peak = usize::try_from(PEAK_BYTES.with(Cell::get) - before).unwrap_or(0);
    let allowed = input_bytes.saturating_mul(factor).saturating_add(fixed_bytes);
    assert!(peak <= allowed, "{input_bytes} bytes of input took {peak} bytes of memory, {allowed} are allowed");
    done
}

fn count(bytes: i64) {
    // A thread that ends may free after its counters are gone.
    let _ = LIVE_BYTES.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = PEAK_BYTES.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: everything is handed to the system's allocator as it came; counting allocates nothing, because the counters are
// plain cells that need no destructor.
unsafe impl GlobalAlloc for Metering {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the pointer came from `System`, since all allocations do.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as i64 - layout.size() as i64);
        // SAFETY: as in `dealloc`.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

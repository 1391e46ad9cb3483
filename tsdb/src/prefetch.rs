//! A hint to the processor that memory will be needed.

/// Asks for the cache line at the beginning of `place`. Where the processor is not known, nothing happens.
#[inline(always)]
#[allow(unsafe_code, reason = "the instruction takes a pointer")]
pub(crate) fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and faults on no address; this one is that of a living reference anyway. Every
    // x86_64 has the instruction.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// What the processor fetches at once.
const CACHE_LINE_BYTES: usize = 64;

/// Asks for all of `bytes`.
#[inline]
pub(crate) fn prefetch_bytes(bytes: &[u8]) {
    bytes.chunks(CACHE_LINE_BYTES).filter_map(<[u8]>::first).for_each(prefetch);
}

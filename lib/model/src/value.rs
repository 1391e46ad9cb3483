//! Sample values with a meaning of their own, and the name a series has in a log.

/// The value that says "this series ended here". Only these very bits mean it: every other NaN is a sample.
pub const STALE_NAN: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// The NaN that Prometheus writes for an ordinary "not a number".
pub const NORMAL_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Whether `value` is the stale marker.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN.to_bits()
}

/// What a series is called in WAL, head chunks and snapshots: unique in its head, rising, never reused, below 2^40
/// (Prometheus refuses larger ones).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesRef(pub u64);

impl SeriesRef {
    /// The first number that is no longer a valid reference.
    pub const END: u64 = 1 << 40;
}

#[cfg(test)]
mod tests;

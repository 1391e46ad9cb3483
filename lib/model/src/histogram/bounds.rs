//! Where the buckets of a histogram end.

use super::HistogramLayout;
use std::sync::OnceLock;

/// The finest schema there is, and how many bounds it has between one power of two and the next.
const FINEST: i32 = 8;
const FRACTIONS: usize = 1 << FINEST;

impl HistogramLayout {
    /// The upper bound of positive bucket `index`, inside the bucket; that of `index - 1` is its lower one, outside. Of
    /// negative buckets the same numbers below zero. The last bucket of finite numbers ends at the largest of them, the
    /// one behind it, of infinities, at infinity.
    pub fn bound(&self, index: i32) -> f64 {
        if !self.has_custom_buckets() {
            return exponential_bound(self.schema(), index);
        }
        match usize::try_from(index) {
            Ok(index) => self.custom_bounds().get(index).copied().unwrap_or(f64::INFINITY),
            Err(_) => f64::NEG_INFINITY,
        }
    }
}

/// The upper bound of bucket `index` where bounds follow from the schema.
pub(super) fn exponential_bound(schema: i32, index: i32) -> f64 {
    match schema {
        ..0 => match i64::from(index).checked_shl(schema.unsigned_abs()).unwrap_or(i64::MAX) {
            1024 => f64::MAX,
            exponent => scaled(1.0, exponent),
        },
        0..=FINEST => {
            let part = (index & ((1 << schema) - 1)) as usize;
            let fraction = fractions()[part << (FINEST - schema)];
            match i64::from(index >> schema) + 1 {
                1025 if part == 0 => f64::MAX,
                exponent => scaled(fraction, exponent),
            }
        }
        // Reserved: no buckets of that kind are kept by anyone yet.
        finer => f64::from(index).div_euclid(2_f64.powi(finer)).exp2(),
    }
}

/// The bounds from a half to one, one outside, of the finest schema; those of coarser ones are among them.
///
/// Prometheus has them as a table of 17 digits each, which are not those nearest to the true bounds but what comes of
/// multiplying roots of two, the largest first. A bucket's bounds must be the same everywhere, so these are, too.
fn fractions() -> &'static [f64; FRACTIONS] {
    static TABLE: OnceLock<[f64; FRACTIONS]> = OnceLock::new();
    TABLE.get_or_init(|| {
        let half = FRACTIONS / 2;
        std::array::from_fn(|number| {
            let (mut bound, mut root) = (if number < half { 0.5 } else { 1.0 / 2_f64.sqrt() }, 2_f64.sqrt());
            let mut bit = half;
            while bit > 1 {
                bit /= 2;
                root = root.sqrt();
                if number & bit != 0 {
                    bound *= root;
                }
            }
            bound
        })
    })
}

/// `fraction` times two to the power of `exponent`, rounded once.
fn scaled(fraction: f64, exponent: i64) -> f64 {
    const UP: i64 = 1023;
    // The smallest power less the digits of a fraction: on the way down nothing is rounded twice.
    const DOWN: i64 = 1022 - 53;
    let (mut value, mut exponent) = (fraction, exponent.clamp(-3000, 3000));
    while exponent > UP {
        (value, exponent) = (value * power(UP), exponent - UP);
    }
    while exponent < -1022 {
        (value, exponent) = (value * power(-DOWN), exponent + DOWN);
    }
    value * power(exponent)
}

/// Two to the power of `exponent`, -1022 to 1023.
fn power(exponent: i64) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests;

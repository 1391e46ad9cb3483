//! Numbers as Go prints them.

use model::ShortFloat;
use std::fmt::Write;

/// Appends `value` as Go's `strconv.FormatFloat(value, 'g', -1, 64)`: the shortest digits that read back as the same
/// number, scientific below 1e-4 and from 1e6 on, the exponent with a sign and at least two digits.
pub fn write_float(value: f64, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{}", ShortFloat(value));
}

#[cfg(test)]
mod tests;

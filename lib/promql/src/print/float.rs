//! Durations as Prometheus writes them.

use std::fmt::{self, Display, Formatter};

/// Milliseconds as a duration. Nothing but a zero gives `0s`; a negative one gives nothing, its sign is written by the
/// caller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DurationText(pub(crate) i64);

impl Display for DurationText {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        /// Unit, milliseconds, and whether it is used only if nothing remains: 90d reads better than 12w6d.
        const UNITS: [(&str, i64, bool); 7] = [
            ("y", 365 * 24 * 3_600_000, true),
            ("w", 7 * 24 * 3_600_000, true),
            ("d", 24 * 3_600_000, false),
            ("h", 3_600_000, false),
            ("m", 60_000, false),
            ("s", 1_000, false),
            ("ms", 1, false),
        ];
        let mut ms = self.0;
        if ms == 0 {
            return out.write_str("0s");
        }
        for (unit, unit_ms, only_whole) in UNITS {
            if ms < unit_ms || only_whole && ms % unit_ms != 0 {
                continue;
            }
            write!(out, "{}{unit}", ms / unit_ms)?;
            ms %= unit_ms;
        }
        Ok(())
    }
}

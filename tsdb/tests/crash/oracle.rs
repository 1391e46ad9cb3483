//! Who knows what was written and what was acknowledged.

use std::collections::BTreeSet;

/// Series by number and time in milliseconds: the value follows from them.
type Sample = (u64, i64);

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    written: BTreeSet<Sample>,
    acknowledged: BTreeSet<Sample>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    /// Acknowledged, and not there.
    Lost(Vec<Sample>),
    /// There, and never written: or with another value.
    Phantom(Vec<Sample>),
    Unreadable(String),
}

/// The bits of the value that a sample must have.
pub(crate) fn value((number, timestamp_ms): Sample) -> u64 {
    // Nothing that ends in zeros: what a tear takes off must be missed.
    (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(timestamp_ms as u64) >> 12 | 1
}

impl Oracle {
    pub(crate) fn written(&mut self, samples: &[Sample]) {
        self.written.extend(samples);
    }

    pub(crate) fn acknowledged(&mut self, samples: &[Sample]) {
        self.acknowledged.extend(samples);
    }

    /// Judges what is there.
    pub(crate) fn check(&self, there: &[(u64, i64, u64)]) -> Verdict {
        let told: BTreeSet<Sample> = there.iter().map(|&(number, timestamp_ms, _)| (number, timestamp_ms)).collect();
        let is_phantom = |&&(number, timestamp_ms, bits): &&(u64, i64, u64)| {
            let sample = (number, timestamp_ms);
            !self.written.contains(&sample) || bits != value(sample)
        };
        let phantoms: Vec<_> = there.iter().filter(is_phantom).map(|&(number, at, _)| (number, at)).collect();
        let lost: Vec<_> = self.acknowledged.difference(&told).copied().collect();
        if !lost.is_empty() {
            Verdict::Lost(lost)
        } else if !phantoms.is_empty() {
            Verdict::Phantom(phantoms)
        } else {
            Verdict::Good
        }
    }
}

#[test]
fn the_oracle_judges() {
    let mut oracle = Oracle::default();
    oracle.written(&[(1, 10), (1, 20)]);
    oracle.acknowledged(&[(1, 10)]);
    let there = |samples: &[Sample]| samples.iter().map(|&s| (s.0, s.1, value(s))).collect::<Vec<_>>();
    assert_eq!(oracle.check(&there(&[(1, 10)])), Verdict::Good);
    assert_eq!(oracle.check(&there(&[(1, 10), (1, 20)])), Verdict::Good);
    assert_eq!(oracle.check(&there(&[(1, 20)])), Verdict::Lost(vec![(1, 10)]));
    assert_eq!(oracle.check(&there(&[(1, 10), (2, 10)])), Verdict::Phantom(vec![(2, 10)]));
    assert_eq!(oracle.check(&[(1, 10, 0)]), Verdict::Phantom(vec![(1, 10)]));
}

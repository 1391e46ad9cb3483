//! The buckets of one side of a sample of whole counts.

use super::super::varbit;
use crate::bitstream::BitReader;

/// Reads the buckets of one side. What is written is how much the change of the difference to the bucket before changed; the
/// sum of that up to a bucket is how much the change of its own count changed.
#[inline(always)]
pub(super) fn read_side(reader: &mut BitReader<'_>, mut counts: &mut [u64], mut changes: &mut [u64]) {
    let mut numbers = varbit::Numbers::new(reader);
    let mut more = 0_u64;
    while let (Some((count, other_counts)), Some((change, other_changes))) =
        (std::mem::take(&mut counts).split_first_mut(), std::mem::take(&mut changes).split_first_mut())
    {
        let run = numbers.pass_zeros(other_counts.len() + 1);
        if run == 0 {
            more = more.wrapping_add_signed(numbers.next());
        }
        *change = change.wrapping_add(more);
        *count = count.wrapping_add(*change);
        (counts, changes) = (other_counts, other_changes);
        if run > 1 {
            (counts, changes) = go_on(counts, changes, (run - 1, more));
        }
    }
    numbers.stop();
}

/// Lets the next buckets change by `more` than they did; returns those behind them.
#[inline(never)]
fn go_on<'n, 'g>(
    counts: &'n mut [u64],
    changes: &'g mut [u64],
    (buckets, more): (usize, u64),
) -> (&'n mut [u64], &'g mut [u64]) {
    let (counts, other_counts) = counts.split_at_mut_checked(buckets).unwrap_or_default();
    let (changes, other_changes) = changes.split_at_mut_checked(buckets).unwrap_or_default();
    for (count, change) in counts.iter_mut().zip(changes) {
        *change = change.wrapping_add(more);
        *count = count.wrapping_add(*change);
    }
    (other_counts, other_changes)
}

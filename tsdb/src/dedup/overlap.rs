//! Which chunk belongs to which replica, guessed from their ranges.

/// Replaces `replicas` by a number from 0 for each of `ranges` (first and last timestamp, both inside, sorted by the
/// first): ranges of equal numbers do not overlap. Each goes to the lowest number whose last range ends before it begins.
/// Returns how many numbers there are.
///
/// `ends` is memory for the work.
pub fn overlap_split(
    ranges: impl IntoIterator<Item = (i64, i64)>,
    ends: &mut Vec<i64>,
    replicas: &mut Vec<u32>,
) -> usize {
    ends.clear();
    replicas.clear();
    for (min_ms, max_ms) in ranges {
        let replica = ends.iter().position(|end| *end < min_ms).unwrap_or(ends.len());
        match ends.get_mut(replica) {
            Some(end) => *end = max_ms,
            None => ends.push(max_ms),
        }
        replicas.push(replica as u32);
    }
    ends.len()
}

#[cfg(test)]
mod tests;

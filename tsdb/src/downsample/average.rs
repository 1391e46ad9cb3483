//! The average of the samples of each window.

use crate::chunk::ChunkError;
use model::SampleColumns;

/// Appends to `out` the averages of windows that have these counts and sums.
///
/// # Errors
/// [`ChunkError::NotAligned`] if counts and sums do not stand at the same timestamps; `out` is as it was before.
pub fn average(count: &SampleColumns, sum: &SampleColumns, out: &mut SampleColumns) -> Result<(), ChunkError> {
    let (counts, sums) = (&count.timestamps_ms, &sum.timestamps_ms);
    if counts != sums {
        let sample = counts.iter().zip(sums).take_while(|(count, sum)| count == sum).count();
        return Err(ChunkError::NotAligned { sample });
    }
    out.timestamps_ms.extend_from_slice(counts);
    out.values.extend(sum.values.iter().zip(&count.values).map(|(sum, count)| sum / count));
    Ok(())
}

#[cfg(test)]
mod tests;

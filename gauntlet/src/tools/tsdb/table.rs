//! Texts as Go lays them out: columns, times, sizes.

use flags::GoDuration;
use std::io::{self, Write};
use tsdb::block::Meta;

/// A block with the bytes of all its files.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) meta: Meta,
    pub(super) size_bytes: u64,
}

const HEADER: [&str; 8] =
    ["BLOCK ULID", "MIN TIME", "MAX TIME", "DURATION", "NUM SAMPLES", "NUM CHUNKS", "NUM SERIES", "SIZE"];

/// The least width of a column, and what is left between it and the next.
const MIN_WIDTH: usize = 13;
const GAP: usize = 2;

/// Prints a line a block.
///
/// # Errors
/// Those of `out`.
pub(super) fn print_blocks(out: &mut dyn Write, rows: &[Row], header: bool, for_people: bool) -> io::Result<()> {
    let mut lines = Vec::with_capacity(rows.len() + 1);
    if header {
        lines.push(HEADER.map(str::to_owned));
    }
    lines.extend(rows.iter().map(|row| cells(row, for_people)));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count() + GAP).max().unwrap_or(0);
    let widths: [usize; HEADER.len()] = std::array::from_fn(|column| width(column).max(MIN_WIDTH));
    for line in &lines {
        let (last, padded) = line.split_last().map_or(("", [].as_slice()), |(last, padded)| (last.as_str(), padded));
        for (cell, width) in padded.iter().zip(widths) {
            write!(out, "{cell:<width$}")?;
        }
        writeln!(out, "{last}")?;
    }
    Ok(())
}

fn cells(row: &Row, for_people: bool) -> [String; HEADER.len()] {
    let Row { meta, size_bytes } = row;
    let time = |ms: i64| if for_people { date(ms) } else { ms.to_string() };
    [
        meta.ulid.to_string(),
        time(meta.min_ms),
        time(meta.max_ms),
        duration(meta).to_string(),
        meta.stats.num_samples.to_string(),
        meta.stats.num_chunks.to_string(),
        meta.stats.num_series.to_string(),
        if for_people { size(*size_bytes) } else { size_bytes.to_string() },
    ]
}

/// How long a block's range is.
pub(super) fn duration(meta: &Meta) -> GoDuration {
    GoDuration::from_ms(meta.max_ms.saturating_sub(meta.min_ms))
}

/// To the second, as Go prints a time.
pub(super) fn date(ms: i64) -> String {
    match jiff::Timestamp::from_second(ms / 1000) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

/// `9KiB478B`: units of 1024, those that are 0 left out.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut parts = Vec::new();
    let mut rest = bytes;
    for (index, unit) in UNITS.into_iter().enumerate() {
        if !rest.is_multiple_of(1024) || index == 0 && rest == 0 {
            parts.push(format!("{}{unit}", rest % 1024));
        }
        rest /= 1024;
        if rest == 0 {
            break;
        }
    }
    parts.into_iter().rev().collect()
}

#[cfg(test)]
mod tests;

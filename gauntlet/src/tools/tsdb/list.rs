//! `list`: the blocks of a data directory.

use super::TsdbToolError;
use super::table::{Row, print_blocks};
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use tracing::warn;
use tsdb::FileError;
use tsdb::block::{parse_name, read_meta};
use tsdb::fs::{Fs, StdFs};

#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    /// The data directory, or a folder of blocks
    #[arg(value_name = "DIR", default_value = "data/")]
    dir: PathBuf,
    /// Times and sizes for people
    #[arg(short = 'r', long = "human-readable")]
    for_people: bool,
}

pub(super) fn run(flags: &Flags, out: &mut dyn Write) -> Result<(), TsdbToolError> {
    let (rows, fault) = blocks(&flags.dir)?;
    print_blocks(out, &rows, true, flags.for_people).map_err(TsdbToolError::Output)?;
    fault.map_or(Ok(()), Err)
}

/// The blocks in `dir` by their first millisecond, and the last fault of those that are damaged.
fn blocks(dir: &Path) -> Result<(Vec<Row>, Option<TsdbToolError>), TsdbToolError> {
    let (mut rows, mut last_fault) = (Vec::new(), None);
    for entry in StdFs.read_dir(dir).map_err(FileError::at(dir))? {
        if !entry.is_dir || parse_name(&entry.name).is_none() {
            continue;
        }
        match row(&entry.path) {
            Ok(row) => rows.push(row),
            Err(fault) => {
                warn!(block = entry.name, %fault, "block is damaged");
                last_fault = Some(fault);
            }
        }
    }
    rows.sort_by_key(|row| row.meta.min_ms);
    Ok((rows, last_fault))
}

/// The block in `dir`.
pub(super) fn row(dir: &Path) -> Result<Row, TsdbToolError> {
    let meta = read_meta(&StdFs, dir)?;
    let mut size_bytes = 0;
    for entry in StdFs.read_dir(dir).map_err(FileError::at(dir))? {
        if matches!(entry.name.as_str(), "meta.json" | "index" | "tombstones") {
            size_bytes += entry.size_bytes;
        }
    }
    let chunks = dir.join("chunks");
    for entry in StdFs.read_dir(&chunks).map_err(FileError::at(&chunks))? {
        size_bytes += entry.size_bytes;
    }
    Ok(Row { meta, size_bytes })
}

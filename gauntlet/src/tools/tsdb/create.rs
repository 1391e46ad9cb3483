//! `create-blocks-from-openmetrics`: samples of a text become blocks.
//!
//! The text is read once for the times in it, then once more for each block that has samples. Memory is that of one
//! block's samples, encoded.

mod series;

use super::TsdbToolError;
use super::list::row;
use super::table::print_blocks;
use clap::Args;
use flags::GoDuration;
use model::{Clock as _, PackedBuilder, SystemClock};
use proto::openmetrics::{InvalidText, Reader};
use series::BlockSeries;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use tsdb::FileError;
use tsdb::block::{BlockSpec, BlockWriteError, BlockWriter, Meta};
use tsdb::fs::{Fs, StdFs};
use ulid::Ulid;

/// The narrowest blocks, and how much wider the next are.
const NARROWEST_MS: i64 = 2 * 3_600_000;
const WIDER: i64 = 3;
const WIDTHS: usize = 10;

#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    /// The text; a pipe is read into memory
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    /// The data directory that gets the blocks
    #[arg(value_name = "OUTPUT", default_value = "data/")]
    output: PathBuf,
    /// The longest a block may be; below 2h has no effect
    #[arg(long, value_name = "DURATION", default_value = "2h")]
    max_block_duration: GoDuration,
    /// Do not list the blocks
    #[arg(short = 'q', long)]
    quiet: bool,
    /// List them with times and sizes for people
    #[arg(short = 'r', long = "human-readable")]
    for_people: bool,
    /// A label for all series, in place of one of that name
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
}

/// Why there are no blocks, or not all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateError {
    #[error("{}: {source}", path.display())]
    Text { path: PathBuf, source: InvalidText },
    #[error("{}: line {line}: {source}", path.display())]
    Labels { path: PathBuf, line: u64, source: model::InvalidLabels },
    #[error("{}: series {series} has two values at {timestamp_ms} ms", path.display())]
    TwoValues { path: PathBuf, series: String, timestamp_ms: i64 },
    #[error(transparent)]
    Block(#[from] BlockWriteError),
}

/// A text that can be read more than once.
enum Input {
    File(PathBuf),
    Memory(PathBuf, Vec<u8>),
}

pub(super) fn run(flags: &Flags, out: &mut dyn Write) -> Result<(), TsdbToolError> {
    let input = Input::open(&flags.input)?;
    let width_ms = width_ms(flags.max_block_duration);
    let ranges = input.ranges(width_ms)?;
    StdFs.create_dir_all(&flags.output).map_err(FileError::at(&flags.output))?;
    for (number, range) in ranges.into_iter().enumerate() {
        let series = input.collect(range, width_ms, &flags.labels)?;
        let Some(meta) = write(&flags.output, series, input.path())? else { continue };
        if !flags.quiet {
            let row = row(&flags.output.join(meta.ulid.to_string()))?;
            print_blocks(out, &[row], number == 0, flags.for_people).map_err(TsdbToolError::Output)?;
        }
    }
    Ok(())
}

/// The widest blocks of at most so long.
fn width_ms(longest: GoDuration) -> i64 {
    let longest_ms = longest.as_ns() / 1_000_000;
    let widths = std::iter::successors(Some(NARROWEST_MS), |width| width.checked_mul(WIDER)).take(WIDTHS);
    widths.take_while(|width| *width <= longest_ms).last().unwrap_or(NARROWEST_MS)
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is no name=value")),
    }
}

impl Input {
    fn open(path: &Path) -> Result<Self, TsdbToolError> {
        let metadata = std::fs::metadata(path).map_err(FileError::at(path))?;
        if metadata.is_file() {
            return Ok(Self::File(path.to_owned()));
        }
        let mut content = Vec::new();
        File::open(path).and_then(|mut file| file.read_to_end(&mut content)).map_err(FileError::at(path))?;
        Ok(Self::Memory(path.to_owned(), content))
    }

    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Memory(path, _) => path,
        }
    }

    fn reader(&self) -> Result<Reader<Box<dyn BufRead + '_>>, TsdbToolError> {
        let from: Box<dyn BufRead> = match self {
            Self::File(path) => {
                Box::new(BufReader::with_capacity(1 << 18, File::open(path).map_err(FileError::at(path))?))
            }
            Self::Memory(_, content) => Box::new(io::Cursor::new(content)),
        };
        Ok(Reader::new(from))
    }

    fn bad_text(&self) -> impl Fn(InvalidText) -> CreateError {
        |source| CreateError::Text { path: self.path().to_owned(), source }
    }

    /// Reads all of the text: the numbers of the ranges that have samples.
    fn ranges(&self, width_ms: i64) -> Result<BTreeSet<i64>, TsdbToolError> {
        let (mut reader, mut labels, mut ranges) = (self.reader()?, PackedBuilder::default(), BTreeSet::new());
        while let Some(sample) = reader.next(&mut labels).map_err(self.bad_text())? {
            ranges.insert(sample.timestamp_ms.div_euclid(width_ms));
        }
        Ok(ranges)
    }

    /// The samples of one range.
    fn collect(&self, range: i64, width_ms: i64, own: &[(String, String)]) -> Result<BlockSeries, TsdbToolError> {
        let (mut reader, mut labels, mut with_own) =
            (self.reader()?, PackedBuilder::default(), PackedBuilder::default());
        let mut series = BlockSeries::default();
        while let Some(sample) = reader.next(&mut labels).map_err(self.bad_text())? {
            if sample.timestamp_ms.div_euclid(width_ms) != range {
                continue;
            }
            let line = reader.line_number();
            let bad_labels = |source| CreateError::Labels { path: self.path().to_owned(), line, source };
            let set = labels.finish().map_err(bad_labels)?;
            if own.is_empty() {
                series.push(set, sample.timestamp_ms, sample.value);
                continue;
            }
            with_own.clear();
            for label in set.iter().filter(|label| own.iter().all(|(name, _)| name.as_bytes() != label.name)) {
                with_own.push(label.name, label.value).map_err(bad_labels)?;
            }
            for (at, (name, value)) in own.iter().enumerate() {
                // Of a name given twice, the last counts.
                if own.iter().skip(at + 1).all(|(later, _)| later != name) {
                    with_own.push(name.as_bytes(), value.as_bytes()).map_err(bad_labels)?;
                }
            }
            series.push(with_own.finish().map_err(bad_labels)?, sample.timestamp_ms, sample.value);
        }
        Ok(series)
    }
}

/// Writes a block from the first to the last of the samples, as a head does that is written out whole.
fn write(dir: &Path, series: BlockSeries, input: &Path) -> Result<Option<Meta>, TsdbToolError> {
    let Some((min_ms, max_ms)) = series.range_ms() else { return Ok(None) };
    let now_ms = u64::try_from(SystemClock.now_ms()).unwrap_or(0);
    let ulid = Ulid::from_parts(now_ms, Ulid::generate().random());
    let spec = BlockSpec::new(ulid, min_ms, max_ms.saturating_add(1));
    let mut writer = BlockWriter::create(&StdFs, dir, spec)?;
    series.write(&mut writer, input)?;
    let meta = writer.finish().map_err(CreateError::from)?;
    Ok(meta)
}

#[cfg(test)]
mod tests;

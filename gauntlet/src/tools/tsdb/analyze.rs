//! `analyze`: which labels make a block large, and how full its chunks are.
//!
//! Everything is counted in one walk over the series; memory is that of the block's label pairs.

use super::TsdbToolError;
use super::histogram::Spread;
use super::open::selector;
use super::table::duration;
use clap::Args;
use model::{Matcher, SampleColumns};
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tsdb::block::{Block, parse_name};
use tsdb::fs::{Fs, StdFs};
use tsdb::index::{SeriesEntry, select};
use tsdb::{Encoding, FileError, SampleError, chunk};

#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    /// The data directory, or a folder of blocks
    #[arg(value_name = "DIR", default_value = "data/")]
    dir: PathBuf,
    /// The block; without, the one that was made last
    #[arg(value_name = "BLOCK")]
    block: Option<String>,
    /// How many items each list shows
    #[arg(long, default_value = "20", value_name = "N")]
    limit: usize,
    /// Look at the chunks, too
    #[arg(long)]
    extended: bool,
    /// Only series that this selector accepts
    #[arg(long = "match", value_name = "SELECTOR", default_value = "")]
    matching: String,
}

/// A label pair, or a name, and what its series have.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    series: u64,
    /// How much of the block's range they leave empty, in milliseconds.
    uncovered_ms: u64,
    /// Of a name: its values, and their bytes.
    values: u64,
    value_bytes: u64,
}

/// What the series of a block have, by the numbers of symbols.
#[derive(Debug, Default)]
struct Weights {
    pairs: HashMap<(u32, u32), Weight>,
    names: HashMap<u32, Weight>,
    entries: u64,
}

/// The chunks of a block, each a number in every spread that is for its kind.
#[derive(Debug, Default)]
struct Chunks {
    count: usize,
    float_samples: Spread,
    float_bytes: Spread,
    histogram_samples: Spread,
    histogram_bytes: Spread,
    histogram_buckets: Spread,
}

pub(super) fn run(flags: &Flags, out: &mut dyn Write) -> Result<(), TsdbToolError> {
    let matchers = match flags.matching.as_str() {
        "" => Vec::new(),
        text => selector(text)?,
    };
    let name = match &flags.block {
        Some(id) => parse_name(id).map(|_| id.clone()).ok_or_else(|| TsdbToolError::BlockName { id: id.clone() })?,
        None => newest(&flags.dir)?,
    };
    let block = Block::open(&StdFs, &flags.dir.join(name))?;
    let ids = ids(&block, &matchers)?;
    let weights = Weights::of(&block, &ids)?;
    weights.print(&block, flags, ids.len(), out)?;
    if flags.extended {
        Chunks::of(&block, &ids)?.print(out).map_err(TsdbToolError::Output)?;
    }
    Ok(())
}

/// The block whose name tells the latest time.
fn newest(dir: &Path) -> Result<String, TsdbToolError> {
    let entries = StdFs.read_dir(dir).map_err(FileError::at(dir))?;
    let blocks = entries.into_iter().filter_map(|entry| Some((parse_name(&entry.name)?.timestamp_ms(), entry.name)));
    // Of equal times, the first.
    let newest = blocks.reduce(|best, next| if next.0 > best.0 { next } else { best });
    newest.map(|(_, name)| name).ok_or_else(|| TsdbToolError::NoBlock(dir.to_owned()))
}

fn ids(block: &Block, matchers: &[Matcher]) -> Result<Vec<u32>, TsdbToolError> {
    Ok(select::series_ids(block.index(), matchers)?)
}

impl Weights {
    fn of(block: &Block, ids: &[u32]) -> Result<Self, TsdbToolError> {
        let range_ms = range_ms(block);
        let (mut weights, mut entry) = (Self::default(), SeriesEntry::default());
        for &id in ids {
            block.index().series(id, &mut entry)?;
            let (first, last) = (entry.chunks.first(), entry.chunks.last());
            let covered_ms = first.zip(last).map_or(0, |(first, last)| last.max_ms.wrapping_sub(first.min_ms));
            let uncovered_ms = range_ms.wrapping_sub(covered_ms.cast_unsigned());
            for &pair in &entry.labels {
                for weight in [weights.pairs.entry(pair).or_default(), weights.names.entry(pair.0).or_default()] {
                    weight.series += 1;
                    weight.uncovered_ms = weight.uncovered_ms.wrapping_add(uncovered_ms);
                }
                weights.entries += 1;
            }
        }
        for &(name, value) in weights.pairs.keys() {
            let weight = weights.names.entry(name).or_default();
            weight.values += 1;
            weight.value_bytes += block.index().symbol(value)?.len() as u64;
        }
        Ok(weights)
    }

    fn print(&self, block: &Block, flags: &Flags, matched: usize, out: &mut dyn Write) -> Result<(), TsdbToolError> {
        let meta = block.meta();
        let range_ms = range_ms(block);
        let churn = |weight: &Weight| (weight.uncovered_ms as f64 / range_ms as f64) as u64;
        let mut head =
            format!("Block ID: {}\nDuration: {}\nTotal Series: {}\n", meta.ulid, duration(meta), meta.stats.num_series);
        if !flags.matching.is_empty() {
            head += &format!("Matcher: {}\n", flags.matching);
        }
        head += &format!("Label names: {}\n", self.names.len());
        if !flags.matching.is_empty() {
            head += &format!("Matched series: {matched}\n");
        }
        head += &format!("Postings (unique label pairs): {}\n", self.pairs.len());
        head += &format!("Postings entries (total label pairs): {}\n", self.entries);
        out.write_all(head.as_bytes()).map_err(TsdbToolError::Output)?;

        let mut list = |title: &str, items: Vec<(u64, Vec<u8>)>| print_list(title, items, flags.limit, out);
        list("Label pairs most involved in churning", self.pairs(block, churn)?)?;
        list("Label names most involved in churning", self.names(block, churn)?)?;
        list("Most common label pairs", self.pairs(block, |weight| weight.series)?)?;
        list(
            "Label names with highest cumulative label value length",
            self.names(block, |weight| weight.value_bytes)?,
        )?;
        list("Highest cardinality labels", self.names(block, |weight| weight.values)?)?;
        list("Highest cardinality metric names", self.metrics(block)?)
    }

    fn names(&self, block: &Block, weigh: impl Fn(&Weight) -> u64) -> Result<Vec<(u64, Vec<u8>)>, TsdbToolError> {
        self.names.iter().map(|(&name, weight)| Ok((weigh(weight), block.index().symbol(name)?.to_vec()))).collect()
    }

    fn pairs(&self, block: &Block, weigh: impl Fn(&Weight) -> u64) -> Result<Vec<(u64, Vec<u8>)>, TsdbToolError> {
        let pair = |(&(name, value), weight): (&(u32, u32), &Weight)| {
            let (name, value) = (block.index().symbol(name)?, block.index().symbol(value)?);
            Ok((weigh(weight), [name, b"=", value].concat()))
        };
        self.pairs.iter().map(pair).collect()
    }

    fn metrics(&self, block: &Block) -> Result<Vec<(u64, Vec<u8>)>, TsdbToolError> {
        let mut metrics = Vec::new();
        for (&(name, value), weight) in &self.pairs {
            if block.index().symbol(name)? == model::METRIC_NAME {
                metrics.push((weight.series, block.index().symbol(value)?.to_vec()));
            }
        }
        Ok(metrics)
    }
}

fn range_ms(block: &Block) -> u64 {
    block.meta().max_ms.wrapping_sub(block.meta().min_ms).cast_unsigned()
}

/// The largest come first; equal ones by their text, where promtool has them in any order.
fn print_list(
    title: &str,
    mut items: Vec<(u64, Vec<u8>)>,
    limit: usize,
    out: &mut dyn Write,
) -> Result<(), TsdbToolError> {
    items.sort_unstable_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
    let mut print = || -> io::Result<()> {
        writeln!(out, "\n{title}:")?;
        for (number, text) in items.iter().take(limit) {
            write!(out, "{number} ")?;
            out.write_all(text)?;
            writeln!(out)?;
        }
        Ok(())
    };
    print().map_err(TsdbToolError::Output)
}

impl Chunks {
    fn of(block: &Block, ids: &[u32]) -> Result<Self, TsdbToolError> {
        let (mut chunks, mut entry, mut columns) = (Self::default(), SeriesEntry::default(), SampleColumns::default());
        for &id in ids {
            block.index().series(id, &mut entry)?;
            for meta in &entry.chunks {
                let (encoding, data) = block.segments().chunk(meta.place)?;
                let at_fault = |source| SampleError::Chunk { labels: format!("with reference {id}"), source };
                let samples = u64::from(chunk::sample_count(encoding, &data).map_err(at_fault)?);
                chunks.count += 1;
                if matches!(encoding, Encoding::Xor | Encoding::Xor2) {
                    chunks.float_samples.push(samples);
                    chunks.float_bytes.push(data.len() as u64);
                    continue;
                }
                columns.clear();
                chunk::decode(encoding, &data, &mut columns).map_err(at_fault)?;
                let histograms = (0..columns.len()).filter_map(|at| columns.histogram(at));
                let buckets = histograms.map(|of| (of.positive().len() + of.negative().len()) as u64).sum();
                chunks.histogram_samples.push(samples);
                chunks.histogram_bytes.push(data.len() as u64);
                chunks.histogram_buckets.push(buckets);
            }
        }
        Ok(chunks)
    }

    fn print(self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "\nCompaction analysis:\n\n")?;
        self.float_samples.print("samples per float chunk", self.count, out)?;
        self.float_bytes.print("bytes per float chunk", self.count, out)?;
        self.histogram_samples.print("samples per histogram chunk", self.count, out)?;
        self.histogram_bytes.print("bytes per histogram chunk", self.count, out)?;
        self.histogram_buckets.print("buckets per histogram chunk", self.count, out)
    }
}

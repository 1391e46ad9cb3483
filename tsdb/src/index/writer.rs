//! Writes an index in one pass over sorted series.
//!
//! The symbol table stands first in the file, but its order is known only when all series were seen. So series are
//! collected in a small form ([`collected`]) and written when they are complete: strings are ranked, entries encoded, and
//! the lists made by counting how often each pair occurs and dealing the series out, some lists at a time. No temporary
//! files, no second look at the input.

mod collected;
mod dictionary;
mod sink;

use super::series::ChunkMeta;
use super::toc::Toc;
use super::{MAGIC, SERIES_ALIGNMENT, VERSION};
use crate::cursor::{push_uvarint, uvarint_bytes};
use crate::file_error::FileError;
use crate::fs::Fs;
use collected::Collected;
use dictionary::Dictionary;
use model::LabelsRef;
use sink::Sink;
use std::path::Path;

/// Why an index could not be written.
#[derive(Debug, thiserror::Error)]
pub enum IndexWriteError {
    #[error("series {labels} does not come after the one before")]
    OutOfOrder { labels: String },
    #[error("chunks of series {labels} overlap or are out of order")]
    ChunksOutOfOrder { labels: String },
    #[error("{what} is {size}, an index can hold {limit}")]
    TooLarge { what: &'static str, size: u64, limit: u64 },
    #[error(transparent)]
    File(#[from] FileError),
}

/// Collects series, then writes them.
///
/// Memory: a few bytes for each label that differs from the series before and for each chunk, four for each series; every
/// distinct string and pair once; and at the end for as many lists as a quarter of the first holds, at least 8 MiB.
#[derive(Debug, Default)]
pub struct IndexWriter {
    dictionary: Dictionary,
    series: Collected,
    /// The labels of the last series, packed, and their pairs while they are looked up.
    last_labels: Vec<u8>,
    pairs: Vec<u32>,
}

/// Lists are dealt out in passes over the series, each for at least so many postings.
const DEALT_POSTINGS: usize = 2 << 20;

/// A list to be: the pair it is of, and how many series have that.
#[derive(Debug, Clone, Copy)]
struct List {
    pair: u32,
    len: u32,
}

/// What is known while writing: the order of strings, and where things came to stand.
struct Layout {
    /// The symbol number of each string of the dictionary.
    ranks: Vec<u32>,
    /// The id of each series.
    ids: Vec<u32>,
    toc: Toc,
}

impl IndexWriter {
    /// An index without series.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a series, which sorts after those before it, with its chunks in order of time.
    ///
    /// # Errors
    /// Series or chunks out of order, more strings than an index can hold.
    pub fn add(&mut self, labels: LabelsRef<'_>, chunks: &[ChunkMeta]) -> Result<(), IndexWriteError> {
        let last = LabelsRef::from_packed_unchecked(&self.last_labels);
        if self.series.len() > 0 && last >= labels {
            return Err(IndexWriteError::OutOfOrder { labels: format!("{labels:?}") });
        }
        let in_order = |pair: &[ChunkMeta]| matches!(pair, [left, right] if left.max_ms <= right.min_ms);
        if !chunks.windows(2).all(in_order) || !chunks.iter().all(|chunk| chunk.min_ms <= chunk.max_ms) {
            return Err(IndexWriteError::ChunksOutOfOrder { labels: format!("{labels:?}") });
        }
        self.find_pairs(labels)?;
        self.series.push(&self.pairs, chunks);
        self.last_labels.clear();
        self.last_labels.extend_from_slice(labels.as_packed());
        Ok(())
    }

    /// How many series there are.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Writes the index to a new file at `path`, and syncs it. Its size.
    ///
    /// # Errors
    /// A file that could not be written, an index larger than the format allows.
    pub fn finish(mut self, fs: &dyn Fs, path: &Path) -> Result<u64, IndexWriteError> {
        // Prometheus has the empty string among the symbols whether it is used or not.
        self.dictionary.string(b"")?;
        let mut sink = Sink::create(fs, path)?;
        sink.put(|out| {
            out.extend_from_slice(&MAGIC.to_be_bytes());
            out.push(VERSION);
        })?;
        let mut layout = Layout { ranks: Vec::new(), ids: Vec::new(), toc: Toc::default() };
        self.write_symbols(&mut sink, &mut layout)?;
        self.write_series(&mut sink, &mut layout)?;
        self.write_postings(&mut sink, &mut layout)?;
        sink.put(|out| out.extend_from_slice(&layout.toc.encode()))?;
        Ok(sink.finish()?)
    }

    /// Most labels are those of the series before: only what differs is looked up.
    fn find_pairs(&mut self, labels: LabelsRef<'_>) -> Result<(), IndexWriteError> {
        self.pairs.clear();
        let mut last = LabelsRef::from_packed_unchecked(&self.last_labels).iter();
        for (index, label) in labels.iter().enumerate() {
            let same = last.next() == Some(label);
            let number = match self.series.last().get(index).filter(|_| same) {
                Some(&number) => number,
                None => self.dictionary.pair(label.name, label.value)?,
            };
            self.pairs.push(number);
        }
        Ok(())
    }

    fn write_symbols(&self, sink: &mut Sink, layout: &mut Layout) -> Result<(), IndexWriteError> {
        let sorted = self.dictionary.sorted_strings();
        layout.ranks = vec![0; sorted.len()];
        let mut size = size_of::<u32>() as u64;
        for (rank, &number) in sorted.iter().enumerate() {
            if let Some(slot) = layout.ranks.get_mut(number as usize) {
                *slot = rank as u32;
            }
            let bytes = self.dictionary.get(number).len();
            size += (uvarint_bytes(bytes as u64) + bytes) as u64;
        }
        layout.toc.symbols = sink.at();
        let size = fits_u32("size of the symbol table", size)?;
        sink.put(|out| out.extend_from_slice(&size.to_be_bytes()))?;
        sink.begin_sum();
        sink.put(|out| out.extend_from_slice(&(sorted.len() as u32).to_be_bytes()))?;
        for number in sorted {
            let symbol = self.dictionary.get(number);
            sink.put(|out| push_string(out, symbol))?;
        }
        sink.put_sum();
        Ok(())
    }

    fn write_series(&self, sink: &mut Sink, layout: &mut Layout) -> Result<(), IndexWriteError> {
        layout.toc.series = sink.at();
        layout.ids.reserve_exact(self.series.len());
        let (mut body, mut walk) = (Vec::new(), self.series.walk());
        while let Some((pairs, chunks)) = walk.next() {
            body.clear();
            push_uvarint(&mut body, pairs.len() as u64);
            for &pair in pairs {
                let (name, value) = self.dictionary.pair_strings(pair);
                push_uvarint(&mut body, u64::from(layout.rank(name)));
                push_uvarint(&mut body, u64::from(layout.rank(value)));
            }
            body.extend_from_slice(chunks);
            sink.align(SERIES_ALIGNMENT);
            layout.ids.push(fits_u32("size of the index in units of 16 bytes", sink.at() / SERIES_ALIGNMENT)?);
            sink.put(|out| {
                push_uvarint(out, body.len() as u64);
                out.extend_from_slice(&body);
                out.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
            })?;
        }
        Ok(())
    }

    fn write_postings(&self, sink: &mut Sink, layout: &mut Layout) -> Result<(), IndexWriteError> {
        // Prometheus lets a section begin with its padding.
        layout.toc.label_indices = sink.at();
        layout.toc.postings = sink.at();
        sink.align(size_of::<u32>() as u64);
        let mut rows = vec![(0, 0, sink.at())];
        write_list(sink, &layout.ids)?;

        let most = DEALT_POSTINGS.max(self.series.size_bytes() / 4 / size_of::<u32>());
        let lists = self.sorted_lists(layout);
        let mut rest = lists.as_slice();
        while !rest.is_empty() {
            let some;
            (some, rest) = rest.split_at(first_lists(rest, most));
            let dealt = self.deal_out(&layout.ids, some);
            let mut dealt = dealt.as_slice();
            for list in some {
                let (name, value) = self.dictionary.pair_strings(list.pair);
                rows.push((name, value, sink.at()));
                let ids;
                (ids, dealt) = dealt.split_at(list.len as usize);
                write_list(sink, ids)?;
            }
        }
        self.write_table(sink, layout, &rows)
    }

    /// The ids of the series of each list, one list behind the other.
    fn deal_out(&self, ids: &[u32], lists: &[List]) -> Vec<u32> {
        /// The pair of another list.
        const NOWHERE: usize = usize::MAX;
        // Where the next id of each pair goes.
        let (mut next, mut sum) = (vec![NOWHERE; self.dictionary.pair_count()], 0);
        for list in lists {
            next[list.pair as usize] = sum;
            sum += list.len as usize;
        }
        let (mut dealt, mut walk) = (vec![0; sum], self.series.walk());
        for &id in ids {
            let Some((pairs, _)) = walk.next() else { break };
            for &pair in pairs {
                if let Some(place) = next.get_mut(pair as usize).filter(|place| **place != NOWHERE) {
                    dealt[*place] = id;
                    *place += 1;
                }
            }
        }
        dealt
    }

    /// The lists in order of name and value.
    fn sorted_lists(&self, layout: &Layout) -> Vec<List> {
        let mut lists: Vec<List> = (0..self.dictionary.pair_count() as u32).map(|pair| List { pair, len: 0 }).collect();
        let mut walk = self.series.walk();
        while let Some((pairs, _)) = walk.next() {
            for &pair in pairs {
                lists[pair as usize].len += 1;
            }
        }
        lists.sort_unstable_by_key(|list| {
            let (name, value) = self.dictionary.pair_strings(list.pair);
            (layout.rank(name), layout.rank(value))
        });
        lists
    }

    /// The postings offset table. The first row, that of all series, has the empty name and value.
    fn write_table(
        &self,
        sink: &mut Sink,
        layout: &mut Layout,
        rows: &[(u32, u32, u64)],
    ) -> Result<(), IndexWriteError> {
        let strings = |index: usize, name: u32, value: u32| match index {
            0 => (&b""[..], &b""[..]),
            _ => (self.dictionary.get(name), self.dictionary.get(value)),
        };
        let string_bytes = |string: &[u8]| (uvarint_bytes(string.len() as u64) + string.len()) as u64;
        let mut size = size_of::<u32>() as u64;
        for (index, &(name, value, list)) in rows.iter().enumerate() {
            let (name, value) = strings(index, name, value);
            size += 1 + string_bytes(name) + string_bytes(value) + uvarint_bytes(list) as u64;
        }
        layout.toc.postings_table = sink.at();
        layout.toc.label_indices_table = sink.at();
        let size = fits_u32("size of the postings table", size)?;
        sink.put(|out| out.extend_from_slice(&size.to_be_bytes()))?;
        sink.begin_sum();
        let count = fits_u32("count of postings", rows.len() as u64)?;
        sink.put(|out| out.extend_from_slice(&count.to_be_bytes()))?;
        for (index, &(name, value, list)) in rows.iter().enumerate() {
            let (name, value) = strings(index, name, value);
            sink.put(|out| {
                out.push(2);
                push_string(out, name);
                push_string(out, value);
                push_uvarint(out, list);
            })?;
        }
        sink.put_sum();
        Ok(())
    }
}

impl Layout {
    /// The symbol number of a string of the dictionary.
    fn rank(&self, number: u32) -> u32 {
        self.ranks.get(number as usize).copied().unwrap_or_default()
    }
}

/// How many lists from the first on have at most so many postings together; at least one, however long it is.
fn first_lists(lists: &[List], most: usize) -> usize {
    let mut sum = 0;
    let fits = |list: &&List| {
        sum += list.len as usize;
        sum <= most
    };
    lists.iter().take_while(fits).count().max(1)
}

fn write_list(sink: &mut Sink, ids: &[u32]) -> Result<(), IndexWriteError> {
    let size = fits_u32("size of a postings list", (ids.len() as u64 + 1) * 4)?;
    sink.put(|out| out.extend_from_slice(&size.to_be_bytes()))?;
    sink.begin_sum();
    sink.put(|out| {
        out.extend_from_slice(&(ids.len() as u32).to_be_bytes());
        ids.iter().for_each(|id| out.extend_from_slice(&id.to_be_bytes()));
    })?;
    sink.put_sum();
    Ok(())
}

fn push_string(out: &mut Vec<u8>, string: &[u8]) {
    push_uvarint(out, string.len() as u64);
    out.extend_from_slice(string);
}

fn fits_u32(what: &'static str, size: u64) -> Result<u32, IndexWriteError> {
    let limit = u64::from(u32::MAX);
    u32::try_from(size).map_err(|_| IndexWriteError::TooLarge { what, size, limit })
}

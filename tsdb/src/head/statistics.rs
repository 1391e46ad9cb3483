//! What a head holds, counted: how many series, and which labels make them so many.
//!
//! The dictionary counts for each pair the series that have it, so that no series' labels are looked at. A list is as long
//! as is wanted of it, however many pairs there are.

use super::Head;
use super::dictionary::PAIRS_PER_LOCK;
use super::selection::LABELS_PER_LOCK;
use model::{Label, METRIC_NAME, TimeRange};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a head holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeadStatistics {
    pub series: u64,
    /// Different pairs of a name and a value.
    pub label_pairs: u64,
    /// Chunks of samples that came in order, full and open ones.
    pub chunks: u64,
    /// The times of samples that came in order, both ends inside.
    pub range: Option<TimeRange>,
    /// The metrics with the most series.
    pub series_by_metric: Vec<Counted>,
    /// The label names with the most values.
    pub values_by_name: Vec<Counted>,
    /// The label names that would take the most bytes, were they kept with each series.
    pub bytes_by_name: Vec<Counted>,
    /// The pairs with the most series, as `name=value`.
    pub series_by_pair: Vec<Counted>,
}

/// How much there is of something. Lists of these begin with the most, and with the first by name of those alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub name: Vec<u8>,
    pub count: u64,
}

/// How the bytes of a label are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelSize {
    /// Each text with its length before it, as Prometheus 3 keeps them.
    Packed,
    /// Each text beside a pointer and a length of 8 bytes, as Thanos keeps them.
    Strings,
}

impl Head {
    /// Counts what is there; at most `most` are in each list. While other threads append, the numbers are of about now.
    pub fn statistics(&self, most: usize, size: LabelSize) -> HeadStatistics {
        let mut names: Vec<Vec<u8>> = self.dictionary.read().names().map(<[u8]>::to_vec).collect();
        names.sort_unstable();
        let mut lists = Lists::new(most);
        // No number of a pair that has series now is given out again while it is counted.
        let _pin = self.epochs.pin(i64::MAX);
        let label_pairs = names.iter().map(|name| self.count_values(name, size, &mut lists)).sum();
        HeadStatistics {
            series: self.series(),
            label_pairs,
            chunks: self.count_chunks(),
            range: self.time_range(),
            series_by_metric: lists.metrics.finish(),
            values_by_name: lists.values.finish(),
            bytes_by_name: lists.bytes.finish(),
            series_by_pair: lists.pairs.finish(),
        }
    }

    /// Counts the values of `name`.
    fn count_values(&self, name: &[u8], size: LabelSize, lists: &mut Lists) -> u64 {
        let (mut values, mut bytes) = (0, 0);
        for some in self.pairs_of(name).chunks(PAIRS_PER_LOCK) {
            let dictionary = self.dictionary.read();
            for &pair in some {
                let series = dictionary.series_with(pair);
                if series == 0 {
                    continue;
                }
                let label = dictionary.label(pair);
                // A number that was free when the list was read may be of another name by now.
                if label.name != name {
                    continue;
                }
                values += 1;
                bytes += series * size.of(label, dictionary.packed(pair).len());
                if name == METRIC_NAME {
                    lists.metrics.offer(series, || label.value.to_vec());
                }
                lists.pairs.offer(series, || [label.name, b"=", label.value].concat());
            }
        }
        // The last series with the name may have gone meanwhile.
        if values > 0 {
            lists.values.offer(values, || name.to_vec());
            lists.bytes.offer(bytes, || name.to_vec());
        }
        values
    }

    /// Counts chunks by the sizes of their lists, without reading these.
    fn count_chunks(&self) -> u64 {
        let mut chunks = 0;
        for shard in &self.shards {
            let mut next = 0;
            loop {
                let shard = shard.lock();
                let end = shard.lines.len().min(next + LABELS_PER_LOCK as u32);
                if next >= end {
                    break;
                }
                chunks += (next..end).map(|number| shard.count_chunks(number)).sum::<u64>();
                next = end;
            }
        }
        chunks
    }
}

impl LabelSize {
    /// The bytes of `label`, which takes so many packed.
    fn of(self, label: Label<'_>, packed_bytes: usize) -> u64 {
        match self {
            Self::Packed => packed_bytes as u64,
            Self::Strings => (label.name.len() + label.value.len() + 2 * 16) as u64,
        }
    }
}

/// The lists while they are made.
struct Lists {
    metrics: Most,
    values: Most,
    bytes: Most,
    pairs: Most,
}

impl Lists {
    fn new(most: usize) -> Self {
        let list = || Most { most, heap: BinaryHeap::new() };
        Self { metrics: list(), values: list(), bytes: list(), pairs: list() }
    }
}

/// Those with the highest counts; the least of them is on top.
struct Most {
    most: usize,
    heap: BinaryHeap<Reverse<(u64, Reverse<Vec<u8>>)>>,
}

impl Most {
    /// Takes one, if it is among them. Most are not, and then it needs no name.
    fn offer(&mut self, count: u64, name: impl FnOnce() -> Vec<u8>) {
        if self.heap.len() < self.most {
            self.heap.push(Reverse((count, Reverse(name()))));
            return;
        }
        let Some(mut least) = self.heap.peek_mut() else { return };
        if count >= least.0.0 {
            let one = Reverse((count, Reverse(name())));
            if one < *least {
                *least = one;
            }
        }
    }

    fn finish(self) -> Vec<Counted> {
        let sorted = self.heap.into_sorted_vec();
        sorted.into_iter().map(|Reverse((count, Reverse(name)))| Counted { name, count }).collect()
    }
}

#[cfg(test)]
mod tests;

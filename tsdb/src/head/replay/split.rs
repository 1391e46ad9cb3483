//! What a batch of the log says, by the shard whose it is.
//!
//! The series of each sample is looked up once, by whichever thread has the batch; whoever applies the samples of a shard sees
//! only those, mostly in the order of their lines.

use crate::head::selection::Located;
use crate::wal::{Decoded, LoggedHistogram, LoggedSample, Run};
use model::SeriesRef;

/// The samples and histograms of a batch, by shard, then by run; reused.
#[derive(Debug, Default)]
pub struct Split {
    shares: Vec<Share>,
}

/// Those of one shard.
#[derive(Debug, Default)]
struct Share {
    items: Vec<Item>,
    /// Where each run ends among them.
    ends: Vec<usize>,
}

/// A sample or a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    /// The line of its series.
    pub(super) number: u32,
    /// Which of its kind it is in the batch.
    pub(super) at: u32,
}

impl Split {
    /// Takes the samples and histograms of a batch whose place `place` tells, given series and time. There are that many
    /// shards.
    #[inline(always)]
    pub(super) fn fill(
        &mut self,
        batch: &Decoded,
        shards: usize,
        mut place: impl FnMut(SeriesRef, i64) -> Option<Located>,
    ) {
        self.begin(shards);
        let (mut samples, mut histograms) = (0, 0);
        for run in batch.runs() {
            match run {
                Run::Samples(run) => {
                    for (at, LoggedSample { series, timestamp_ms, .. }) in (samples..).zip(run.samples) {
                        place(*series, *timestamp_ms).into_iter().for_each(|place| self.push(place, at));
                    }
                    samples += run.samples.len() as u32;
                }
                Run::Histograms(run) => {
                    for (at, LoggedHistogram { series, timestamp_ms, .. }) in (histograms..).zip(run.entries) {
                        place(*series, *timestamp_ms).into_iter().for_each(|place| self.push(place, at));
                    }
                    histograms += run.entries.len() as u32;
                }
                Run::Deletions(_) | Run::Markers(_) => {}
            }
            self.end_run();
        }
    }

    /// Forgets all. There will be so many shards.
    fn begin(&mut self, shards: usize) {
        self.shares.resize_with(shards, Share::default);
        for Share { items, ends } in &mut self.shares {
            items.clear();
            ends.clear();
        }
    }

    #[inline(always)]
    fn push(&mut self, place: Located, at: u32) {
        if let Some(share) = self.shares.get_mut(place.shard as usize) {
            share.items.push(Item { number: place.number, at });
        }
    }

    /// The run ends here.
    fn end_run(&mut self) {
        self.shares.iter_mut().for_each(|share| share.ends.push(share.items.len()));
    }

    /// What is a shard's of each run, in order.
    pub(super) fn runs(&self, shard: usize) -> impl Iterator<Item = &[Item]> {
        let mut start = 0;
        self.shares
            .get(shard)
            .into_iter()
            .flat_map(|share| share.ends.iter().map(move |&end| (share, end)))
            .map(move |(share, end)| share.items.get(std::mem::replace(&mut start, end)..end).unwrap_or_default())
    }
}

//! What a batch of the log says, by the shard whose it is.
//!
//! The series of each sample is looked up once, by whichever thread has the batch; whoever applies the samples of a shard sees
//! only those that no chunk is known to have, mostly in the order of their lines.

use crate::cursor::Fault;
use crate::head::selection::Located;
use crate::wal::{Decoded, LoggedHistogram, LoggedSample, Next, PackedSamples, Run, SampleRun};
use model::SeriesRef;

/// The samples and histograms of a batch, by shard, then by run; reused.
#[derive(Debug, Default)]
pub struct Split {
    shares: Vec<Share>,
    packed_samples: u64,
    passed_over: u64,
    faults: Vec<(u64, Fault)>,
}

/// Those of one shard.
#[derive(Debug, Default)]
struct Share {
    floats: Vec<Float>,
    histograms: Vec<Item>,
    /// Where each run ends among them.
    ends: Vec<End>,
    /// How many floats were there before the record that is read.
    record_start: usize,
}

/// A sample on its way to its series.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sample {
    pub(super) timestamp_ms: i64,
    pub(super) value: f64,
}

/// A sample, and where it goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Float {
    pub(super) sample: Sample,
    /// The line of its series.
    pub(super) number: u32,
    /// It is told when its counter began.
    pub(super) starts: bool,
}

/// A histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    /// The line of its series.
    pub(super) number: u32,
    /// Which of the batch it is.
    pub(super) at: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct End {
    floats: usize,
    histograms: usize,
}

/// What a shard has of a run: one of the two.
#[derive(Debug, Clone, Copy)]
pub(super) struct Items<'a> {
    pub(super) floats: &'a [Float],
    pub(super) histograms: &'a [Item],
}

impl Split {
    /// Takes the samples and histograms of a batch whose place `place` tells, given series and time, and adding to `tally`
    /// what it finds. Samples that `passes` accepts may be left out without that; see [`Split::passed_over`]. There are that many
    /// shards.
    #[inline(always)]
    pub(super) fn fill<T: Clone>(
        &mut self,
        batch: &Decoded,
        shards: usize,
        tally: &mut T,
        place: impl Fn(&mut T, SeriesRef, i64) -> Option<Located>,
        passes: impl Fn(SeriesRef, i64) -> bool,
    ) {
        self.begin(shards);
        let mut histograms = 0;
        for run in batch.runs() {
            match run {
                Run::Packed(records) => records.iter().for_each(|record| self.unpack(record, tally, &place, &passes)),
                Run::Samples(run) => self.fill_floats(run, |series, timestamp_ms| place(tally, series, timestamp_ms)),
                Run::Histograms(run) => {
                    for (at, &LoggedHistogram { series, timestamp_ms, .. }) in (histograms..).zip(run.entries) {
                        let Some(Located { shard, number }) = place(tally, series, timestamp_ms) else { continue };
                        if let Some(share) = self.shares.get_mut(shard as usize) {
                            share.histograms.push(Item { number, at });
                        }
                    }
                    histograms += run.entries.len() as u32;
                }
                Run::Deletions(_) | Run::Markers(_) => {}
            }
            self.end_run();
        }
    }

    /// Takes the samples of a record as it reads them. Nothing is kept of one that is malformed.
    #[inline(always)]
    fn unpack<T: Clone>(
        &mut self,
        record: &PackedSamples,
        tally: &mut T,
        place: impl Fn(&mut T, SeriesRef, i64) -> Option<Located>,
        passes: impl Fn(SeriesRef, i64) -> bool,
    ) {
        let tally_before = tally.clone();
        self.mark();
        let mut samples = 0;
        let read = record.read(passes, |LoggedSample { series, timestamp_ms, value }| {
            samples += 1;
            // What was logged behind it mostly became full chunks with it.
            let Some(Located { shard, number }) = place(tally, series, timestamp_ms) else {
                return Next::WhatDoesNotPass;
            };
            if let Some(share) = self.shares.get_mut(shard as usize) {
                let sample = Sample { timestamp_ms, value };
                share.floats.push(Float { sample, number, starts: false });
            }
            Next::Any
        });
        match read {
            Ok(passed) => {
                self.packed_samples += samples + passed;
                self.passed_over += passed;
            }
            Err(corruption) => {
                *tally = tally_before;
                self.go_back();
                self.faults.push((record.offset(), corruption.fault));
            }
        }
    }

    /// How many samples were in records that were packed.
    pub(crate) fn packed_samples(&self) -> u64 {
        self.packed_samples
    }

    /// How many samples were left out unasked, because they pass.
    pub(super) fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// Of records that were packed and are malformed, where in the segment they begin, and what is wrong.
    pub(crate) fn faults(&self) -> &[(u64, Fault)] {
        &self.faults
    }

    #[inline(always)]
    fn fill_floats(&mut self, run: SampleRun<'_>, mut place: impl FnMut(SeriesRef, i64) -> Option<Located>) {
        let with_starts = !run.starts_ms.is_empty();
        for (at, &LoggedSample { series, timestamp_ms, value }) in run.samples.iter().enumerate() {
            let Some(Located { shard, number }) = place(series, timestamp_ms) else { continue };
            let starts = with_starts && run.start_ms(at) != 0;
            if let Some(share) = self.shares.get_mut(shard as usize) {
                share.floats.push(Float { sample: Sample { timestamp_ms, value }, number, starts });
            }
        }
    }

    /// Forgets all. There will be so many shards.
    fn begin(&mut self, shards: usize) {
        (self.packed_samples, self.passed_over) = (0, 0);
        self.faults.clear();
        self.shares.resize_with(shards, Share::default);
        for Share { floats, histograms, ends, .. } in &mut self.shares {
            floats.clear();
            histograms.clear();
            ends.clear();
        }
    }

    /// A record begins here.
    fn mark(&mut self) {
        self.shares.iter_mut().for_each(|share| share.record_start = share.floats.len());
    }

    /// Forgets the record that was begun.
    fn go_back(&mut self) {
        self.shares.iter_mut().for_each(|share| share.floats.truncate(share.record_start));
    }

    /// The run ends here.
    fn end_run(&mut self) {
        for Share { floats, histograms, ends, .. } in &mut self.shares {
            ends.push(End { floats: floats.len(), histograms: histograms.len() });
        }
    }

    /// What is a shard's of each run, in order.
    pub(super) fn runs(&self, shard: usize) -> impl Iterator<Item = Items<'_>> {
        let mut start = End::default();
        self.shares.get(shard).into_iter().flat_map(|share| share.ends.iter().map(move |&end| (share, end))).map(
            move |(share, end)| {
                let start = std::mem::replace(&mut start, end);
                let floats = share.floats.get(start.floats..end.floats).unwrap_or_default();
                let histograms = share.histograms.get(start.histograms..end.histograms).unwrap_or_default();
                Items { floats, histograms }
            },
        )
    }
}

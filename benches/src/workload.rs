//! The load: what a Kubernetes cluster of pods sends, deterministic to the byte.
//!
//! Each pod has 200 series with 11 labels and about 310 bytes of label text. Of the series 40 % are constant, 20 % integer
//! counters, 10 % float counters, 10 % gauges in bytes and 20 % gauges that change now and then. Every round adds one sample
//! to every series, 15 s after the last.

mod random;
mod series;
mod v2;

use crate::cli::{Protocol, Shape};
use series::Series;

pub(crate) use random::Random;
pub(crate) use series::{metric_name, push_uvarint, region};

/// Virtual time between rounds.
pub(crate) const STEP_MS: i64 = 15_000;
/// Each of another metric.
pub(crate) const SERIES_A_POD: usize = 200;
const ROUNDS_AN_HOUR: f64 = 240.0;

/// All series and where they stand.
#[derive(Debug)]
pub(crate) struct Workload {
    shape: Shape,
    /// The timestamp of the first round.
    start_ms: i64,
    series: Vec<Series>,
    /// How often each pod was replaced.
    generations: Vec<u32>,
    order: Vec<usize>,
    random: Random,
    round: usize,
    /// Series ever made.
    created: usize,
}

/// One remote write request, compressed.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) body: Vec<u8>,
    pub(crate) samples: usize,
}

impl Workload {
    /// The load of `shape`, its last round at `end_ms`.
    pub(crate) fn new(shape: &Shape, end_ms: i64) -> Self {
        let pods = shape.series.div_ceil(SERIES_A_POD);
        let series =
            (0..shape.series).map(|index| Series::new(shape.seed, index / SERIES_A_POD, 0, index % SERIES_A_POD));
        let rounds = i64::try_from(shape.samples).unwrap_or(i64::MAX);
        Self {
            start_ms: end_ms - (rounds - 1) * STEP_MS,
            series: series.collect(),
            generations: vec![0; pods],
            order: (0..shape.series).collect(),
            random: Random::new(shape.seed),
            round: 0,
            created: shape.series,
            shape: shape.clone(),
        }
    }

    /// What it was made from.
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Rounds not yet asked for.
    pub(crate) fn rounds_left(&self) -> usize {
        self.shape.samples - self.round
    }

    /// Series made so far, replaced ones among them.
    pub(crate) fn created(&self) -> usize {
        self.created
    }

    /// The requests of the next round, one list a connection. The series of a connection never move to another, so that
    /// samples of a series arrive in order.
    pub(crate) fn next_round(&mut self) -> Vec<Vec<Request>> {
        if self.round > 0 {
            self.replace_pods();
        }
        if self.shape.shuffle {
            self.random.shuffle(&mut self.order);
        }
        let at_ms = self.start_ms + i64::try_from(self.round).unwrap_or(i64::MAX) * STEP_MS;
        self.round += 1;
        let connections = self.shape.connections.max(1);
        (0..connections).map(|connection| self.requests_of(connection, connections, at_ms)).collect()
    }

    fn requests_of(&mut self, connection: usize, connections: usize, at_ms: i64) -> Vec<Request> {
        let part = self.series.len().div_ceil(connections);
        let mine: Vec<usize> = self.order.iter().copied().filter(|index| index / part == connection).collect();
        let batches = mine.chunks(self.shape.batch.max(1));
        batches
            .map(|batch| {
                let body = match self.shape.protocol {
                    Protocol::V1 => self.body_v1(batch, at_ms),
                    Protocol::V2 => self.body_v2(batch, at_ms),
                };
                Request { body: compress(&body), samples: batch.len() }
            })
            .collect()
    }

    fn body_v1(&mut self, batch: &[usize], at_ms: i64) -> Vec<u8> {
        let mut body = Vec::new();
        for &index in batch {
            self.series[index].push_sample(at_ms, self.shape.jitter, &mut body);
        }
        body
    }

    fn body_v2(&mut self, batch: &[usize], at_ms: i64) -> Vec<u8> {
        let jitter = self.shape.jitter;
        let samples: Vec<_> = batch.iter().map(|&index| self.series[index].next_sample(at_ms, jitter)).collect();
        let mut request = v2::Builder::default();
        for (&index, sample) in batch.iter().zip(samples) {
            request.push(&self.series[index], sample);
        }
        request.finish()
    }

    /// Gives some pods new names, and so all their series.
    fn replace_pods(&mut self) {
        if self.shape.churn <= 0.0 {
            return;
        }
        let chance = self.shape.churn / 100.0 / ROUNDS_AN_HOUR;
        for pod in 0..self.generations.len() {
            if self.random.unit() >= chance {
                continue;
            }
            self.generations[pod] += 1;
            let end = self.series.len().min((pod + 1) * SERIES_A_POD);
            for index in pod * SERIES_A_POD..end {
                self.series[index] = Series::new(self.shape.seed, pod, self.generations[pod], index % SERIES_A_POD);
                self.created += 1;
            }
        }
    }

    /// What series `index` of a load without churn must hold: its selector, and its samples in order.
    pub(crate) fn expected(shape: &Shape, end_ms: i64, index: usize) -> (String, Vec<(i64, f64)>) {
        let mut workload = Self::new(&Shape { series: index + 1, ..shape.clone() }, end_ms);
        let start_ms = workload.start_ms;
        let series = &mut workload.series[index];
        let rounds = (0..shape.samples).map(|round| start_ms + i64::try_from(round).unwrap_or(i64::MAX) * STEP_MS);
        let samples = rounds.map(|at_ms| series.next_sample(at_ms, shape.jitter)).collect();
        (series.selector(), samples)
    }
}

pub(crate) fn compress(body: &[u8]) -> Vec<u8> {
    // Only input of over 4 GiB is refused, and a request is a few hundred KiB.
    snap::raw::Encoder::new().compress_vec(body).unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! Data for questions about few series: metrics of any name, step and length, sent as remote write 1.0, many samples of a
//! series in a request, since it is not ingestion that is counted here.

mod message;
mod values;

use crate::answers;
use crate::cli::Protocol;
use crate::sender::{Connection, Sent};
use crate::workload::{Request, compress, region};
use anyhow::ensure;
use std::ops::Range;

pub(crate) use values::Values;

/// Samples in a request, about.
const BATCH: usize = 10_000;
/// Samples of a series in a request, at most: a chunk's worth.
const ROUNDS: usize = 120;

/// Metrics that all end at the same time.
#[derive(Debug, Default)]
pub(crate) struct Dataset {
    metrics: Vec<Metric>,
}

/// Series of one name on one grid of times.
#[derive(Debug)]
pub(crate) struct Metric {
    name: &'static str,
    step_ms: i64,
    /// Places on the grid; the last is where the data ends.
    rounds: usize,
    series: Vec<Series>,
}

#[derive(Debug)]
struct Series {
    /// The label fields of a `TimeSeries` message.
    region: Vec<u8>,
    /// The places of the grid at which it has samples.
    present: Range<usize>,
    values: Values,
}

impl Metric {
    /// No series yet; `rounds` places, `step_s` seconds apart.
    pub(crate) fn new(name: &'static str, step_s: i64, rounds: usize) -> Self {
        Self { name, step_ms: step_s * 1000, rounds, series: Vec::new() }
    }

    /// One series more, on all places of the grid.
    pub(crate) fn add(&mut self, labels: &[(&'static str, String)], values: Values) {
        self.add_at(labels, 0..self.rounds, values);
    }

    /// One series more, on some places of the grid.
    pub(crate) fn add_at(&mut self, labels: &[(&'static str, String)], present: Range<usize>, values: Values) {
        let mut labels = labels.to_vec();
        labels.push(("__name__", self.name.to_owned()));
        labels.sort();
        self.series.push(Series { region: region(&labels), present, values });
    }

    /// With a series for each of `labels`.
    pub(crate) fn with(
        mut self,
        labels: impl IntoIterator<Item = Vec<(&'static str, String)>>,
        values: impl Fn(u64) -> Values,
    ) -> Self {
        for (number, labels) in (0..).zip(labels) {
            self.add(&labels, values(number));
        }
        self
    }

    fn samples(&self) -> usize {
        self.series.iter().map(|series| series.present.len()).sum()
    }

    /// The requests that hold all of it, in order of time.
    fn requests(&self, end_ms: i64) -> impl Iterator<Item = Request> {
        let start_ms = end_ms - (self.rounds as i64 - 1) * self.step_ms;
        let windows = (0..self.rounds).step_by(ROUNDS).map(|from| from..self.rounds.min(from + ROUNDS));
        windows.flat_map(move |window| {
            let batches = self.series.chunks(BATCH.div_ceil(window.len()));
            batches.map(move |batch| self.request(batch, &window, start_ms)).collect::<Vec<_>>()
        })
    }

    fn request(&self, batch: &[Series], window: &Range<usize>, start_ms: i64) -> Request {
        let (mut body, mut samples) = (Vec::new(), 0);
        for series in batch {
            let places = window.start.max(series.present.start)..window.end.min(series.present.end);
            if places.is_empty() {
                continue;
            }
            samples += places.len();
            let times = places.map(|place| (place as u64, start_ms + place as i64 * self.step_ms));
            message::push_series(&series.region, series.values, times, &mut body);
        }
        Request { body: compress(&body), samples }
    }
}

impl Dataset {
    pub(crate) fn with(mut self, metric: Metric) -> Self {
        self.metrics.push(metric);
        self
    }

    pub(crate) fn series(&self) -> usize {
        self.metrics.iter().map(|metric| metric.series.len()).sum()
    }

    pub(crate) fn samples(&self) -> usize {
        self.metrics.iter().map(Metric::samples).sum()
    }

    /// Sends all of it, and asks whether all of it is there.
    ///
    /// # Errors
    /// Samples that were refused, or that are missing afterwards.
    pub(crate) fn load(&self, write_url: &str, query_url: &str, end_ms: i64) -> anyhow::Result<()> {
        self.write(write_url, end_ms)?;
        self.check(query_url, end_ms)
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// Samples that were refused.
    pub(crate) fn write(&self, write_url: &str, end_ms: i64) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sent = runtime.block_on(self.send(write_url, end_ms))?;
        ensure!(sent.refused == 0, "{} samples were refused", sent.refused);
        Ok(())
    }

    /// Asks whether all of it is there.
    ///
    /// # Errors
    /// Samples that are missing.
    pub(crate) fn check(&self, query_url: &str, end_ms: i64) -> anyhow::Result<()> {
        let names = self.metrics.iter().map(|metric| {
            let range_s = (metric.rounds as i64 + 1) * metric.step_ms / 1000;
            (metric.name.to_owned(), range_s)
        });
        answers::check_count(query_url, &names.collect::<Vec<_>>(), end_ms, self.samples())
    }

    async fn send(&self, url: &str, end_ms: i64) -> anyhow::Result<Sent> {
        let connection = Connection::new(url, Protocol::V1)?;
        let mut sent = Sent::default();
        for metric in &self.metrics {
            for request in metric.requests(end_ms) {
                sent = sent + connection.send(request).await?;
                // One who refuses the first will refuse the rest.
                if sent.refused > 0 {
                    return Ok(sent);
                }
            }
        }
        Ok(sent)
    }
}

#[cfg(test)]
mod tests;

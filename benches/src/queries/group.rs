//! A group of questions, and the data they are about.

use super::question::Question;
use super::{dashboards, histograms, large, shapes, thanos, upstream};
use crate::answers;
use crate::cli::Shape;
use crate::dataset::Dataset;
use crate::ingest::send_rounds;
use crate::systems::Running;
use crate::workload::Workload;
use anyhow::ensure;
use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// Twelve shapes over pods, `--series` and `--samples` of them
    Shapes,
    /// What asking costs at all: constants, single series, a request without a question
    Tiny,
    /// The expressions of Prometheus' own benchmarks: 1 and 100 series, 1, 1,000 and some 10,000 steps
    Upstream,
    /// What Thanos benchmarks its engine with, over about `--series` series
    Thanos,
    /// A burst of fifty small questions over pods
    Dashboards,
    /// Six hours, thirty days, 50,000 buckets, subqueries, joins, over `--series` series
    Large,
    /// Native histograms, a tenth of `--series`
    Histograms,
}

/// What a group is asked about.
#[derive(Debug)]
pub(super) enum Data {
    /// The load of the other comparisons.
    Pods(Shape),
    Own(Dataset),
}

const BUCKETS: usize = 50_000;

impl Group {
    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(super) fn questions(self) -> Vec<Question> {
        match self {
            Self::Shapes => shapes::questions(),
            Self::Tiny => upstream::tiny_questions(),
            Self::Upstream => upstream::questions(),
            Self::Thanos => thanos::questions(),
            Self::Dashboards => dashboards::questions(),
            Self::Large => large::questions(),
            Self::Histograms => histograms::questions(),
        }
    }

    pub(super) fn data(self, shape: &Shape) -> Data {
        match self {
            Self::Shapes | Self::Dashboards => Data::Pods(shape.clone()),
            Self::Tiny => Data::Own(upstream::tiny_data()),
            Self::Upstream => Data::Own(upstream::data()),
            Self::Thanos => Data::Own(thanos::data(shape.series)),
            Self::Large => Data::Own(large::data(shape.series, BUCKETS)),
            Self::Histograms => Data::Own(histograms::data(shape.series / 10)),
        }
    }
}

impl Data {
    /// Sends all of it, and asks whether all of it is there.
    ///
    /// # Errors
    /// Samples that were refused, or that are missing afterwards.
    pub(super) fn load(&self, running: &Running, end_ms: i64) -> anyhow::Result<()> {
        let shape = match self {
            Self::Own(dataset) => return dataset.load(&running.write_url, &running.query_url, end_ms),
            Self::Pods(shape) => shape,
        };
        let mut workload = Workload::new(shape, end_ms);
        let rounds = workload.rounds_left();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sent = runtime.block_on(send_rounds(&running.write_url, &mut workload, rounds))?;
        ensure!(sent.refused == 0, "{} samples were refused", sent.refused);
        answers::check(&running.query_url, shape, end_ms, sent.acknowledged)
    }

    /// How many series and samples it has.
    pub(super) fn size(&self) -> (usize, usize) {
        match self {
            Self::Pods(shape) => (shape.series, shape.series * shape.samples),
            Self::Own(dataset) => (dataset.series(), dataset.samples()),
        }
    }
}

//! What can be asked of the program.

use crate::queries::Group;
use crate::systems::SystemKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Parser)]
#[command(name = "benches", about = "Load generator and comparisons with peers")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sends the load to a running system and says what was acknowledged.
    Load(Load),
    /// Compares ingestion: CPU a sample, CPU a new series, anonymous memory a series.
    Ingest(Ingest),
    /// Compares router and ingesters as separate processes, with one and three replicas: CPU a sample, bytes between them.
    Fleet(Fleet),
    /// Compares the storage engine: bytes of log and block, restarts, a block from the head, answers about labels.
    Storage(Ingest),
    /// Compares queries over the head: CPU a query, question by question.
    Queries(Queries),
    /// Compares queriers over two replicas: CPU of the querier, and of all together.
    Replicas(Fleet),
    /// Compares what queries may not do: take memory by how many series they read, go on when nobody waits any more.
    Limits(Ingest),
    /// Compares stores over one bucket: CPU, reads and memory for few and many series, cold and warm.
    Store(StoreBench),
    /// Compares queriers and stores over downsampled blocks: CPU of both, and of each.
    Downsampled(Downsampled),
}

/// A version of remote write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// 1.0
    V1,
    /// 2.0: neither VictoriaMetrics nor Debian's Prometheus takes it.
    V2,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Shape {
    /// Series at any one time, 200 a pod.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) series: usize,
    /// Samples a series, 15 s apart in virtual time; under 480 no chunk may be full.
    #[arg(long, default_value_t = 480)]
    pub(crate) samples: usize,
    /// Series a request.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) batch: usize,
    /// Connections; each sends its own part of the series.
    #[arg(long, default_value_t = 1)]
    pub(crate) connections: usize,
    /// Orders the series anew in every round.
    #[arg(long)]
    pub(crate) shuffle: bool,
    /// Per cent of the pods replaced in an hour of virtual time.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) churn: f64,
    /// Milliseconds by which timestamps are off the 15 s grid, at most.
    #[arg(long, default_value_t = 0)]
    pub(crate) jitter: i64,
    /// Which remote write is spoken.
    #[arg(long, value_enum, default_value_t = Protocol::V1)]
    pub(crate) protocol: Protocol,
    /// Chooses all that is random.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Where to send remote write requests to.
    #[arg(long)]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    pub(crate) shape: Shape,
    /// Against whom, besides ourselves.
    #[arg(long, value_delimiter = ',', default_value = "prometheus,victoria-metrics")]
    pub(crate) peers: Vec<SystemKind>,
    /// How often each system is measured, in turns.
    #[arg(long, default_value_t = 3)]
    pub(crate) repetitions: usize,
    /// The program under test; by default the one beside this program.
    #[arg(long)]
    pub(crate) gauntlet: Option<PathBuf>,
    /// Seconds without load before memory is read.
    #[arg(long, default_value_t = 30)]
    pub(crate) idle: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Queries {
    #[command(flatten)]
    pub(crate) ingest: Ingest,
    /// Which questions are asked, each group over its own data.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "shapes")]
    pub(crate) group: Vec<Group>,
    /// Asks only questions whose name holds this.
    #[arg(long, default_value = "")]
    pub(crate) only: String,
}

#[derive(Debug, Args)]
pub(crate) struct Fleet {
    #[command(flatten)]
    pub(crate) shape: Shape,
    /// How often each system is measured, in turns.
    #[arg(long, default_value_t = 3)]
    pub(crate) repetitions: usize,
    /// The program under test; by default the one beside this program. The peer is `$THANOS`.
    #[arg(long)]
    pub(crate) gauntlet: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StoreBench {
    #[command(flatten)]
    pub(crate) shape: Shape,
    /// The program under test; by default the one beside this program. The peer is `$THANOS`.
    #[arg(long)]
    pub(crate) gauntlet: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Downsampled {
    /// Series: half of them counters, half of them gauges.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) series: usize,
    /// How often each system is measured, in turns.
    #[arg(long, default_value_t = 3)]
    pub(crate) repetitions: usize,
    /// Asks only questions whose name holds this.
    #[arg(long, default_value = "")]
    pub(crate) only: String,
    /// The program under test; by default the one beside this program. The peer is `$THANOS`, which makes the blocks, too.
    #[arg(long)]
    pub(crate) gauntlet: Option<PathBuf>,
}

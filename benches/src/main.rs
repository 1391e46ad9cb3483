//! The load generator, and comparisons of whole systems under the same load.
//!
//! ```text
//! cargo run --release -p benches -- load --url http://127.0.0.1:10902/api/v1/receive
//! cargo run --release -p benches -- ingest --peers prometheus,victoria-metrics
//! cargo run --release -p benches -- storage --series 100000 --samples 240
//! cargo run --release -p benches -- queries --series 100000 --samples 240 --group shapes
//! cargo run --release -p benches -- limits --series 100000 --samples 240
//! cargo run --release -p benches -- fleet | replicas | store | downsampled
//! ```
//!
//! The rules of a comparison are those of `benches/README.md`: the same bytes to each system, in turns, each pinned to one
//! core with the generator on the other; process CPU seconds and anonymous memory are what counts, and a system that does
//! not return every sample it acknowledged has no figure.

mod answers;
mod asker;
mod bucket;
mod cli;
mod components;
mod dataset;
mod fleet;
mod ingest;
mod limits;
mod process;
mod queries;
mod report;
mod sender;
mod storage;
mod store;
mod systems;
mod workload;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    match cli::Cli::parse().command {
        cli::Command::Load(load) => sender::run(&load),
        cli::Command::Ingest(ingest) => ingest::run(&ingest),
        cli::Command::Fleet(fleet) => fleet::run(&fleet),
        cli::Command::Storage(bench) => storage::run(&bench),
        cli::Command::Queries(bench) => queries::run(&bench),
        cli::Command::Replicas(bench) => queries::run_replicas(&bench),
        cli::Command::Limits(bench) => limits::run(&bench),
        cli::Command::Store(bench) => store::run(&bench),
        cli::Command::Downsampled(bench) => queries::run_downsampled(&bench),
    }
}

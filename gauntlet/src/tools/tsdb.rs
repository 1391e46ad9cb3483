//! `gauntlet tools tsdb`: looking at data directories and blocks, and making blocks.
//!
//! What `promtool tsdb` has too takes its flags and prints what it prints. Nothing here changes what it looks at.

mod analyze;
mod create;
mod dump;
mod histogram;
mod list;
mod open;
mod serve;
mod table;
mod verify;

use crate::common::StartError;
use clap::Subcommand;
use std::io;
use std::path::PathBuf;
use tsdb::db::DbError;
use tsdb::{FileError, SampleError, SourceError};

#[derive(Debug, Subcommand)]
pub(crate) enum TsdbTool {
    /// List the blocks of a data directory
    List(list::Flags),
    /// Which labels make a block large, and how full its chunks are
    Analyze(analyze::Flags),
    /// Print series and their samples, or the series alone
    Dump(dump::Flags),
    /// Print samples as OpenMetrics; native histograms, which it has no words for, are left out
    DumpOpenmetrics(dump::OpenMetricsFlags),
    /// Check every checksum, order, count and reference; exits with 1 if something is wrong
    Verify(verify::Flags),
    /// Make blocks of samples in OpenMetrics text
    CreateBlocksFromOpenmetrics(create::Flags),
    /// Answer the HTTP API of Prometheus over a directory, which is not changed
    Serve(serve::Flags),
}

/// What kept a tool from its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TsdbToolError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Sample(#[from] SampleError),
    #[error(transparent)]
    Create(#[from] create::CreateError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{faults} faults were found")]
    Unsound { faults: u64 },
    #[error("--match={text}: {source}")]
    Selector { text: String, source: Box<promql::ParseError> },
    #[error("there is no block in {}", .0.display())]
    NoBlock(PathBuf),
    #[error("{id} is not the name of a block")]
    BlockName { id: String },
    #[error("the system gives no random bytes: {0}")]
    Random(String),
    #[error("what was found cannot be printed: {0}")]
    Output(#[source] io::Error),
}

/// Runs a tool to its end.
///
/// # Errors
/// What kept it from its work.
pub(crate) async fn run(tool: TsdbTool) -> Result<(), TsdbToolError> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let ended = match tool {
        TsdbTool::List(flags) => list::run(&flags, &mut out),
        TsdbTool::Analyze(flags) => analyze::run(&flags, &mut out),
        TsdbTool::Dump(flags) => dump::run(&flags, &mut out),
        TsdbTool::DumpOpenmetrics(flags) => dump::run_open_metrics(&flags, &mut out),
        TsdbTool::Verify(flags) => verify::run(&flags, &mut out),
        TsdbTool::CreateBlocksFromOpenmetrics(flags) => create::run(&flags, &mut out),
        // It prints by itself, while it runs.
        TsdbTool::Serve(flags) => {
            drop(out);
            return serve::run(flags).await;
        }
    };
    let flushed = io::Write::flush(&mut out).map_err(TsdbToolError::Output);
    match ended.and(flushed) {
        // Whoever reads has seen enough.
        Err(TsdbToolError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        ended => ended,
    }
}

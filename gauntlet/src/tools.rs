//! `gauntlet tools`: what is not a server.

mod demo;
mod tsdb;

use clap::Subcommand;

/// The tools.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// A whole fleet on this machine: a router, three ingesters, a store and a querier as processes of their own
    Demo(demo::Flags),
    /// Look at data directories and blocks, and make blocks
    #[command(subcommand)]
    Tsdb(tsdb::TsdbTool),
}

/// What kept a tool from its work, in words for whoever typed the command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    #[error(transparent)]
    Demo(#[from] demo::DemoError),
    #[error(transparent)]
    Tsdb(#[from] tsdb::TsdbToolError),
}

/// Runs a tool to its end.
///
/// # Errors
/// What went wrong.
pub(crate) async fn run(tool: Tool) -> Result<(), ToolError> {
    match tool {
        Tool::Demo(flags) => Ok(demo::run(flags).await?),
        Tool::Tsdb(tool) => Ok(tsdb::run(tool).await?),
    }
}

//! `gauntlet tools`: what is not a server.

mod demo;

use clap::Subcommand;

/// The tools.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// A whole fleet on this machine: a router, three ingesters, a store and a querier as processes of their own
    Demo(demo::Flags),
}

/// Runs a tool to its end.
///
/// # Errors
/// What went wrong, in words for whoever typed the command.
pub(crate) async fn run(tool: Tool) -> Result<(), demo::DemoError> {
    match tool {
        Tool::Demo(flags) => demo::run(flags).await,
    }
}

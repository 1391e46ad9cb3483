//! `gauntlet tools`: what is not a server.

mod demo;
mod promql_test;
mod rules_test;
mod tsdb;

use clap::Subcommand;

/// The tools.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// A whole fleet on this machine: a router, three ingesters, a store and a querier as processes of their own
    Demo(demo::Flags),
    /// Run files in Prometheus' test language: series, expressions, and what should come; exits with 1 if something else does
    PromqlTest(promql_test::Flags),
    /// Run unit tests of recording and alerting rules, as `promtool test rules` does; exits with 1 if one fails
    RulesTest(rules_test::Flags),
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
    PromqlTest(#[from] promql_test::PromqlTestError),
    #[error(transparent)]
    RulesTest(#[from] rules_test::RulesTestError),
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
        Tool::PromqlTest(flags) => Ok(promql_test::run(&flags)?),
        Tool::RulesTest(flags) => Ok(rules_test::run(&flags)?),
        Tool::Tsdb(tool) => Ok(tsdb::run(tool).await?),
    }
}

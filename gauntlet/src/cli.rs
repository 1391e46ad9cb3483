//! The command line, and what is done with it.

use crate::{query, receive, standalone, store, tools};
use clap::{Args, Parser, Subcommand};
use flags::CommandLine;
use std::ffi::OsString;
use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;
use telemetry::{BuildInfo, LogConfig, LogFormat, LogLevel};
use tracing::info;

/// How long threads of the runtime may still do what they do when all tasks are over: something that blocks in the system
/// must not keep the process.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// The data plane of Thanos in one program: takes Prometheus remote write, keeps it in Prometheus' own format, and answers
/// PromQL over it.
#[derive(Debug, Parser)]
#[command(
    name = "gauntlet",
    version = BuildInfo::CURRENT.version,
    long_version = BuildInfo::CURRENT.long_version("gauntlet"),
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    logs: LogFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct LogFlags {
    /// The least important level that is logged: error, warn, info or debug
    #[arg(long = "log.level", global = true, default_value = "info", value_name = "LEVEL")]
    level: LogLevel,
    /// How log lines are written: logfmt or json
    #[arg(long = "log.format", global = true, default_value = "logfmt", value_name = "FORMAT")]
    format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything in one process: remote write in, storage, PromQL out
    Standalone(Box<standalone::Flags>),
    /// Remote write in: routes series to ingesters, or stores them and ships blocks, or both
    Receive(Box<receive::Flags>),
    /// The Store API over the blocks of a bucket
    Store(Box<store::Flags>),
    /// PromQL over everything that speaks the Store API
    Query(Box<query::Flags>),
    /// What is not a server
    #[command(subcommand)]
    Tools(tools::Tool),
}

/// Runs the program and returns what it exits with: 0 after a clean stop, 1 if it could not start or failed, 2 if a flag's
/// value did not parse.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let CommandLine { flags, values } = match flags::parse::<Cli>(args) {
        Ok(line) => line,
        Err(exit) => {
            eprint!("{}", exit.text);
            return ExitCode::from(exit.code);
        }
    };
    if let Err(err) = telemetry::init_logs(LogConfig { level: flags.logs.level, format: flags.logs.format }) {
        return fail(&err);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => return fail(&format_args!("cannot start threads: {err}")),
    };
    let ended = runtime.block_on(run_command(flags.command, values));
    runtime.shutdown_timeout(LAST_GRACE);
    match ended {
        Ok(()) => {
            info!("exiting");
            ExitCode::SUCCESS
        }
        Err(cause) => fail(&cause),
    }
}

/// Runs one sub-command, for a program that is nothing else: `args` are its own, after the program's name.
pub fn run_as(command: &str, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let program = args.next().unwrap_or_default();
    run([program, command.into()].into_iter().chain(args))
}

/// Checks what a command was told, and runs it to its end. The error is for whoever started it.
async fn run_command(command: Command, values: Vec<(String, String)>) -> Result<(), String> {
    let ended = match command {
        Command::Standalone(own) => standalone::run(standalone::Config::read(*own, values).map_err(text)?).await,
        Command::Receive(own) => receive::run(receive::Config::read(*own).map_err(text)?).await,
        Command::Store(own) => store::run(store::Config::read(*own).map_err(text)?).await,
        Command::Query(own) => query::run(query::Config::read(*own, values).map_err(text)?).await,
        Command::Tools(tool) => return tools::run(tool).await.map_err(text),
    };
    ended.map_err(text)
}

fn text(cause: impl Display) -> String {
    cause.to_string()
}

/// Says the cause in one plain line, the last one: what Kubernetes shows of a container that ended is the end of its log.
fn fail(cause: &dyn Display) -> ExitCode {
    let line = cause.to_string().replace('\n', "; ");
    eprintln!("gauntlet: error: {line}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests;

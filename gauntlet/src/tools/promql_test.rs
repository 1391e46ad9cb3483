//! `gauntlet tools promql-test`: files in Prometheus' test language.

use crate::common::query_features;
use clap::Args;
use flags::{GoDuration, InvalidGoDuration};
use promql::ParseOptions;
use promql::testlang::{Failure, RunOptions, Script, run as run_script};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    /// Files in the language of Prometheus' own tests (`load`, `eval`, `clear`)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Take away metric names in each function, as a server does without promql-delayed-name-removal
    #[arg(long)]
    eager_names: bool,
    /// Run as a server with these features only. Without this flag all of the language is there, as in Prometheus' own tests
    #[arg(long = "enable-feature", value_name = "NAME", value_delimiter = ',')]
    features: Option<Vec<String>>,
    /// How old a sample may be for an instant selector to find it
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = GoDuration::parse_flag)]
    lookback_delta: GoDuration,
    /// Samples that a query may hold
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_samples: usize,
    /// Evaluate instant expressions as they are written only, and not again as a range and with @ at other times
    #[arg(long)]
    once: bool,
}

/// What kept the tests from being run, or that they failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PromqlTestError {
    #[error("{}: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("--lookback-delta: {0}")]
    Lookback(#[from] InvalidGoDuration),
    #[error("{failed} tests failed")]
    Failed { failed: usize },
    #[error("what was found cannot be printed: {0}")]
    Output(#[from] io::Error),
}

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Runs the files, and says what came of each.
pub(super) fn run(flags: &Flags) -> Result<(), PromqlTestError> {
    let options = flags.options()?;
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut passed, mut failed) = (0, 0);
    for path in &flags.files {
        let (file_passed, file_failed) = run_file(path, &options, &mut out)?;
        passed += file_passed;
        failed += file_failed;
    }
    writeln!(out, "{} files: {passed} passed, {failed} failed", flags.files.len())?;
    out.flush()?;
    if failed > 0 { Err(PromqlTestError::Failed { failed }) } else { Ok(()) }
}

impl Flags {
    fn options(&self) -> Result<RunOptions, InvalidGoDuration> {
        let mut options = RunOptions {
            lookback_ms: i64::try_from(self.lookback_delta.as_std()?.as_millis()).unwrap_or(i64::MAX),
            max_samples: self.max_samples,
            again: !self.once,
            ..RunOptions::default()
        };
        if let Some(names) = &self.features {
            let features = query_features(names);
            options.parse = ParseOptions {
                experimental_functions: features.experimental_functions,
                extended_range_selectors: features.extended_range_selectors,
                fill_modifiers: features.fill_modifiers,
                ..ParseOptions::default()
            };
            options.delayed_names = features.delayed_names;
            options.use_start_timestamps = features.use_start_timestamps;
            options.type_and_unit_labels = features.type_and_unit_labels;
        }
        options.delayed_names &= !self.eager_names;
        Ok(options)
    }
}

/// Runs a file; how many of its tests passed and failed. A file that cannot be read as one is a test that failed.
fn run_file(path: &Path, options: &RunOptions, out: &mut dyn Write) -> Result<(usize, usize), PromqlTestError> {
    let name = path.display();
    let script = match Script::parse(&read(path)?) {
        Ok(script) => script,
        Err(error) => {
            writeln!(out, "{name}:{error}\nFAIL {name}: no test was run")?;
            return Ok((0, 1));
        }
    };
    let report = run_script(&script, options);
    for Failure { line, text, form, diff } in &report.failures {
        writeln!(out, "{name}:{line}: {text}")?;
        if let Some(form) = form {
            writeln!(out, "    ({form})")?;
        }
        for line in diff.lines() {
            writeln!(out, "    {line}")?;
        }
    }
    let (passed, failed) = (report.passed, report.failures.len());
    let word = if failed == 0 { "ok  " } else { "FAIL" };
    writeln!(out, "{word} {name}: {passed} passed, {failed} failed")?;
    Ok((passed, failed))
}

fn read(path: &Path) -> Result<String, PromqlTestError> {
    let unreadable = |source| PromqlTestError::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(unreadable(io::Error::other(format!("larger than {MAX_FILE_BYTES} bytes"))));
    }
    Ok(text)
}

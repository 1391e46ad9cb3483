//! `gauntlet tools rules-test`: promtool's unit tests of rules.

mod file;
mod group;
mod rule;
#[cfg(test)]
mod tests;

use clap::Args;
use file::{TestFile, expand, read};
use group::run_group;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    /// Files of unit tests, as `promtool test rules` takes them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// What kept the tests from being run, or that they failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RulesTestError {
    #[error("{failed} of {files} files failed")]
    Failed { failed: usize, files: usize },
    #[error("what was found cannot be printed: {0}")]
    Output(#[from] io::Error),
}

/// How often rules are evaluated where nothing is said of it.
const DEFAULT_INTERVAL_MS: i64 = 60_000;

/// Runs the files, and says what came of each.
pub(super) fn run(flags: &Flags) -> Result<(), RulesTestError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut failed = 0;
    for path in &flags.files {
        let failures = run_file(path);
        for failure in &failures {
            writeln!(out, "{}: {failure}", path.display())?;
        }
        failed += usize::from(!failures.is_empty());
        let word = if failures.is_empty() { "ok  " } else { "FAIL" };
        writeln!(out, "{word} {}", path.display())?;
    }
    out.flush()?;
    if failed > 0 { Err(RulesTestError::Failed { failed, files: flags.files.len() }) } else { Ok(()) }
}

/// Runs a file; what failed of it.
fn run_file(path: &Path) -> Vec<String> {
    let prepared = read::<TestFile>(path).and_then(|mut tests| {
        if tests.evaluation_interval.0 == 0 {
            tests.evaluation_interval.0 = DEFAULT_INTERVAL_MS;
        }
        let order = group_order(&tests)?;
        let base = path.parent().unwrap_or(Path::new(""));
        let mut rule_files = Vec::new();
        for pattern in &tests.rule_files {
            let found = expand(base, pattern)?;
            if found.is_empty() {
                tracing::warn!(pattern, "no file of rules is called like that");
            }
            rule_files.extend(found);
        }
        Ok((tests, order, rule_files))
    });
    let (tests, order, rule_files) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return vec![error],
    };
    let mut failures = Vec::new();
    for (number, group) in tests.tests.iter().enumerate() {
        let name = if group.name.is_empty() { format!("test {}", number + 1) } else { group.name.clone() };
        let failed = run_group(&tests, group, &order, &rule_files);
        failures.extend(failed.into_iter().map(|failure| format!("{name}: {failure}")));
    }
    failures
}

/// Which groups come first; those not named come with the first.
fn group_order(tests: &TestFile) -> Result<BTreeMap<String, usize>, String> {
    let mut order = BTreeMap::new();
    for (at, name) in tests.group_eval_order.iter().enumerate() {
        if order.insert(name.clone(), at).is_some() {
            return Err(format!("group name repeated in evaluation order: {name}"));
        }
    }
    Ok(order)
}

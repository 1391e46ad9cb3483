//! `verify`: whether directories are sound.

use super::TsdbToolError;
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;
use tsdb::fs::StdFs;
use tsdb::verify::{Findings, directory};

#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    /// Data directories, folders of blocks, or blocks
    #[arg(value_name = "DIR", default_value = "data/")]
    dirs: Vec<PathBuf>,
    /// How many faults are listed of each directory; all are counted
    #[arg(long, default_value = "100", value_name = "N")]
    limit: usize,
}

pub(super) fn run(flags: &Flags, out: &mut dyn Write) -> Result<(), TsdbToolError> {
    let mut faults = 0;
    for dir in &flags.dirs {
        let mut findings = Findings::new(flags.limit);
        directory(&StdFs, dir, &mut findings)?;
        print(&findings, out).map_err(TsdbToolError::Output)?;
        faults += findings.faults_total();
    }
    if faults == 0 { Ok(()) } else { Err(TsdbToolError::Unsound { faults }) }
}

/// A line a file, then a line a fault.
fn print(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    for file in findings.files() {
        let verdict = if file.faults == 0 { "ok   " } else { "fault" };
        writeln!(out, "{verdict} {} ({} bytes): {}", file.path.display(), file.size_bytes, file.holds)?;
    }
    for note in findings.notes() {
        writeln!(out, "note  {note}")?;
    }
    for fault in findings.faults() {
        writeln!(out, "{fault}")?;
    }
    let unlisted = findings.faults_total() - findings.faults().len() as u64;
    if unlisted > 0 {
        writeln!(out, "and {unlisted} more faults")?;
    }
    Ok(())
}

//! `cargo xtask tidy`: the shape of the repository, checked.
//!
//! Each check takes what cargo or the file tree says and returns faults, one line each, saying what to do. A check that
//! looked at nothing is a fault itself.

mod crates;
mod files;
mod layers;
mod licences;

use crate::metadata::Metadata;
use anyhow::bail;

/// Runs all checks on the repository around the current directory.
pub(crate) fn run() -> anyhow::Result<()> {
    let metadata = Metadata::load()?;
    let sources = files::Source::read_all(&metadata.workspace_root)?;
    let mut faults = layers::check(&metadata);
    faults.extend(crates::check(&metadata)?);
    faults.extend(licences::check(&metadata)?);
    faults.extend(files::check(&sources));
    for (lines, path) in files::second_looks(&sources) {
        println!("tidy: {path} has {lines} lines: is it still one noun?");
    }
    if !faults.is_empty() {
        for fault in &faults {
            eprintln!("tidy: {fault}");
        }
        bail!("{} faults", faults.len());
    }
    println!("tidy: {} files, {} crates in order", sources.len(), metadata.members().count());
    Ok(())
}

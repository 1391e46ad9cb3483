//! The floor of a head: its checksum, and that it is of this log.

use super::Findings;
use crate::floor::{self, Floor};
use crate::fs::Fs;
use crate::series::SourceError;
use std::path::Path;

/// Checks that of the data directory `dir`.
pub(super) fn check(fs: &dyn Fs, dir: &Path, findings: &mut Findings) {
    let path = floor::path(dir);
    match Floor::read(fs, dir) {
        Ok(Some(floor)) => {
            let holds = format!("the head was cut up to {} ms", floor.at_ms);
            findings.checked(&path, floor.encode().len() as u64, holds);
        }
        Ok(None) => {}
        Err(SourceError::Corrupt { offset, fault, .. }) => findings.fault(&path, offset, fault),
        Err(SourceError::Io { source, .. }) => findings.fault(&path, 0, source),
    }
}

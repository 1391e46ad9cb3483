//! What the tools do to look at a directory.

use super::TsdbToolError;
use crate::common::cores;
use model::{Clock, Fingerprinter, Matcher, SystemClock};
use promql::{ParseOptions, parse_selector};
use std::path::Path;
use std::sync::Arc;
use tracing::warn;
use tsdb::db::{ReadOnly, ReadOnlyParts};
use tsdb::fs::StdFs;
use tsdb::wal::ReplayProgress;

/// Reads a selector of series.
pub(super) fn selector(text: &str) -> Result<Vec<Matcher>, TsdbToolError> {
    parse_selector(text, &ParseOptions::default())
        .map_err(|source| TsdbToolError::Selector { text: text.to_owned(), source: Box::new(source) })
}

/// Opens `dir` without changing it. What has to be written lies below `sandbox` meanwhile.
pub(super) fn open(dir: &Path, sandbox: Option<&Path>) -> Result<ReadOnly, TsdbToolError> {
    let mut random = [0_u8; 8];
    let mut secret = [0_u8; _];
    getrandom::fill(&mut random)
        .and_then(|()| getrandom::fill(&mut secret))
        .map_err(|error| TsdbToolError::Random(error.to_string()))?;
    let name = format!("gauntlet-sandbox-{:016x}", u64::from_be_bytes(random));
    let parts = ReadOnlyParts {
        fs: Arc::new(StdFs),
        clock: Arc::new(SystemClock) as Arc<dyn Clock>,
        fingerprinter: Fingerprinter::new(secret),
        scratch: sandbox.map_or_else(std::env::temp_dir, Path::to_owned).join(name),
        cores: cores(),
    };
    let held = ReadOnly::open(dir, parts, &ReplayProgress::default())?;
    tell(&held);
    Ok(held)
}

/// Says what is not to be had.
fn tell(held: &ReadOnly) {
    if let Some(opened) = held.opened() {
        for passed_over in &opened.set_aside {
            warn!(file = %passed_over.from.display(), fault = passed_over.fault, "damaged, and passed over");
        }
        for damage in &opened.log.report.damages {
            warn!(file = %damage.file.display(), offset = damage.offset, fault = %damage.fault, kept = damage.kept, tail = damage.tail, "damage in the log");
        }
        for number in &opened.log.report.missing_segments {
            warn!(segment = number, "a segment of the log is missing");
        }
    }
    for (meta, fault) in held.tombstone_faults() {
        warn!(block = %meta.ulid, %fault, "tombstones cannot be read: what was deleted is there again");
    }
    for meta in held.coarse() {
        warn!(block = %meta.ulid, "block is downsampled: left out");
    }
}

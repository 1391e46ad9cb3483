//! Where recordings of Prometheus and Thanos lie, and what happens if they do not.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The file or folder `path` below the recordings: `$GAUNTLET_GOLDEN`, or `../shared/golden` beside the repository.
/// `None` if it is not there, and then `test` was told as skipped.
pub fn golden(test: &str, path: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("GAUNTLET_GOLDEN") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden"),
    };
    let found = root.join(path);
    if found.exists() {
        return Some(found);
    }
    skip(test, &format!("golden {path}"), "not there");
    None
}

/// Tells that `test` did nothing, for want of `need`: a line on stderr, and one in the file that `$GAUNTLET_SKIPS` names,
/// from which `.ci/run` makes its table.
pub fn skip(test: &str, need: &str, why: &str) {
    let line = format!("SKIPPED\t{test}\t{need}\t{why}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("GAUNTLET_SKIPS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        // A table that cannot be written must not fail the test it speaks of.
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

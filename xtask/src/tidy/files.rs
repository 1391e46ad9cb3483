//! What source files may look like.

use anyhow::Context;
use std::path::Path;

/// A file of the repository, by its path from the root.
pub(super) struct Source {
    path: String,
    text: String,
}

/// Beyond this a file must be split, unless [`LONG`] still lists it.
const MAX_LINES: usize = 800;
/// Beyond this a file is named, for a second look.
const SECOND_LOOK_LINES: usize = 400;
/// Files over [`MAX_LINES`]. May only shrink.
const LONG: [&str; 0] = [];

/// Who may say that a write is durable: see `model::Durable`. What is fuzzed keeps nothing, and answers nobody.
const WITNESSES: [&str; 4] = ["lib/model/src/durable.rs", "tsdb/src/wal/", "router/src/quorum.rs", "fuzz/"];
/// Where `tsdb` touches the file system by itself; everything else goes through `Fs`.
const FILE_SYSTEM: [&str; 1] = ["tsdb/src/fs/"];
const MARKERS: [&str; 3] = ["TODO", "FIXME", "XXX"];

impl Source {
    /// Reads every Rust file below `root` that git would see.
    pub(super) fn read_all(root: &Path) -> anyhow::Result<Vec<Self>> {
        let mut sources = Vec::new();
        walk(root, root, &mut sources)?;
        Ok(sources)
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs")
            || ["/tests/", "/benches/"].iter().any(|part| self.path.contains(part))
            || ["tests/", "benches/", "xtask/", "lib/testkit/"].iter().any(|start| self.path.starts_with(start))
    }
}

fn walk(root: &Path, directory: &Path, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" {
                walk(root, &path, sources)?;
            }
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            sources.push(Source { path: path.strip_prefix(root)?.display().to_string(), text });
        }
    }
    Ok(())
}

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let mut faults: Vec<String> = sources.iter().flat_map(check_file).collect();
    if sources.is_empty() {
        faults.push("no source file was seen: the check of files would pass on anything".into());
    }
    let shrunk =
        LONG.iter().filter(|long| !sources.iter().any(|source| source.path == **long && lines(source) > MAX_LINES));
    faults.extend(shrunk.map(|path| format!("{path} is short now: take it from LONG in xtask/src/tidy/files.rs")));
    faults
}

/// The files that are long but not too long, longest first.
pub(super) fn second_looks(sources: &[Source]) -> Vec<(usize, &str)> {
    let long = sources.iter().filter(|source| !source.is_test()).map(|source| (lines(source), source.path.as_str()));
    let mut long: Vec<_> = long.filter(|(lines, _)| *lines > SECOND_LOOK_LINES).collect();
    long.sort_unstable_by(|left, right| right.cmp(left));
    long
}

fn lines(source: &Source) -> usize {
    source.text.lines().count()
}

fn check_file(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut faults = Vec::new();
    if path.ends_with("/mod.rs") {
        faults.push(format!("{path}: the module's file stands beside its folder (name.rs), not in it"));
    }
    if !source.is_test() && lines(source) > MAX_LINES && !LONG.contains(&path.as_str()) {
        faults.push(format!("{path} has {} lines, {MAX_LINES} are allowed: split it by noun", lines(source)));
    }
    if path.starts_with("xtask/") {
        return faults;
    }
    if MARKERS.iter().any(|marker| source.text.contains(marker)) {
        faults.push(format!("{path} holds one of {MARKERS:?}: do it, or file an issue"));
    }
    if source.is_test() {
        return faults;
    }
    if source.text.contains("Durable::witnessed(") && !WITNESSES.iter().any(|place| path.starts_with(place)) {
        faults.push(format!("{path} makes a Durable: only the log's completion path and the quorum tracker may"));
    }
    if path.starts_with("tsdb/src/")
        && source.text.contains("std::fs")
        && !FILE_SYSTEM.iter().any(|place| path.starts_with(place))
    {
        faults.push(format!("{path} uses std::fs: go through tsdb::fs::Fs, so that crash tests see it"));
    }
    faults
}

#[cfg(test)]
mod tests;

//! One block: what its files say of themselves and of each other.

use super::Findings;
use super::chunks::{ChunkFiles, Held};
use super::index;
use super::set_hash::SetHash;
use crate::block::{Meta, Parent, Tombstones, read_meta};
use crate::fs::Fs;
use std::io::ErrorKind;
use std::path::Path;

/// What the walk over a block counted.
#[derive(Debug, Default)]
struct Counts {
    series: u64,
    chunks: u64,
    held: Held,
    named: SetHash,
    range_ms: Option<(i64, i64)>,
}

/// No writer makes blocks that are longer, so none leaves so much of one empty.
const LONGEST_MS: i64 = 366 * 24 * 3_600_000;

pub(super) fn check(fs: &dyn Fs, dir: &Path, findings: &mut Findings) {
    let meta = meta(fs, dir, findings);
    let mut files = ChunkFiles::walk(fs, &dir.join("chunks"), findings);
    let tombstones = tombstones(fs, &dir.join("tombstones"), findings);
    let said = meta.as_ref().map_or(0, |meta| meta.stats.num_tombstones);
    if said > 0 && matches!(fs.map(&dir.join("tombstones")), Err(error) if error.kind() == ErrorKind::NotFound) {
        let fault = format!("it is missing, and meta.json says that it has {said} deleted ranges");
        findings.fault(&dir.join("tombstones"), 0, fault);
    }
    let path = dir.join("index");
    let bytes = match fs.map(&path) {
        Ok(bytes) => bytes,
        Err(error) => return findings.fault(&path, 0, error),
    };
    let mut counts = Counts::default();
    let mut stones = 0;
    let whole = index::check(&path, &bytes, findings, &mut |id, entry, findings| {
        let at = u64::from(id) * 16;
        counts.series += 1;
        stones += tombstones.as_ref().map_or(0, |tombstones| tombstones.of_series(id).len() as u64);
        for chunk in &entry.chunks {
            counts.chunks += 1;
            counts.named.add(chunk.place.0);
            let held = files.check(chunk, &path, at, findings);
            counts.held.floats += held.floats;
            counts.held.histograms += held.histograms;
            let (min_ms, max_ms) = counts.range_ms.unwrap_or((chunk.min_ms, chunk.max_ms));
            counts.range_ms = Some((min_ms.min(chunk.min_ms), max_ms.max(chunk.max_ms)));
        }
    });
    findings.checked(&path, bytes.len() as u64, format!("{} series, {} chunks", counts.series, counts.chunks));
    if whole {
        files.compare(counts.named, &dir.join("chunks"), findings);
        let all: u64 = tombstones.as_ref().map_or(0, Tombstones::ranges);
        if all != stones {
            let fault = format!("{} of {all} deleted ranges are of series that the block does not have", all - stones);
            findings.fault(&dir.join("tombstones"), 0, fault);
        }
    }
    if let Some(meta) = meta.filter(|_| whole) {
        compare(&meta, &counts, tombstones.as_ref(), &dir.join("meta.json"), findings);
    }
}

fn meta(fs: &dyn Fs, dir: &Path, findings: &mut Findings) -> Option<Meta> {
    let path = dir.join("meta.json");
    let bytes = fs.map(&path).map_err(|error| findings.fault(&path, 0, error)).ok()?;
    let meta = Meta::decode(&bytes, &path).map_err(|error| findings.source(error)).ok();
    findings.checked(
        &path,
        bytes.len() as u64,
        meta.as_ref().map_or_else(String::new, |meta| {
            format!("level {}, {} samples", meta.compaction.level, meta.stats.num_samples)
        }),
    );
    let meta = meta?;
    check_parents(&meta, &path, findings);
    for file in meta.thanos.iter().flat_map(|thanos| &thanos.files).filter(|file| file.size_bytes > 0) {
        let listed = dir.join(&file.rel_path);
        match fs.open(&listed).and_then(|file| file.size_bytes()) {
            Ok(size) if size == file.size_bytes => {}
            Ok(size) => findings.fault(&listed, size, format!("meta.json says it has {} bytes", file.size_bytes)),
            Err(error) => findings.fault(&listed, 0, error),
        }
    }
    Some(meta)
}

/// What it says of the blocks it was made of. Whoever has those removes them for it.
fn check_parents(meta: &Meta, path: &Path, findings: &mut Findings) {
    // One without a name says that only late samples are in the block.
    for Parent { ulid, min_ms, max_ms } in meta.compaction.parents.iter().filter(|parent| !parent.ulid.is_nil()) {
        if *ulid == meta.ulid {
            findings.fault(path, 0, "it says that it was made of itself");
        }
        if min_ms > max_ms || *min_ms < meta.min_ms || meta.max_ms < *max_ms {
            let (from_ms, to_ms) = (meta.min_ms, meta.max_ms);
            let fault = format!(
                "it says that {ulid}, from {min_ms} to {max_ms}, went into it, and that all lies from {from_ms} to {to_ms}"
            );
            findings.fault(path, 0, fault);
        }
    }
}

/// Blocks that others of the same folder say they were made of must be in these.
pub(super) fn check_family(fs: &dyn Fs, dirs: &[&Path], findings: &mut Findings) {
    let metas: Vec<(&Path, Meta)> = dirs.iter().filter_map(|dir| Some((*dir, read_meta(fs, dir).ok()?))).collect();
    let has_stones = |dir: &Path| {
        let tombstones = fs.map(&dir.join("tombstones")).ok();
        tombstones.is_some_and(|file| Tombstones::decode(&file).map_or(true, |tombstones| tombstones.ranges() > 0))
    };
    for (dir, child) in &metas {
        for (parent_dir, parent) in &metas {
            let named = child.compaction.parents.iter().any(|each| each.ulid == parent.ulid);
            if !named || parent.ulid == child.ulid || parent.stats.num_tombstones > 0 || has_stones(parent_dir) {
                continue;
            }
            let path = dir.join("meta.json");
            if !child.says_it_replaces(parent) {
                findings.fault(&path, 0, format!("it says that {} went into it, whose range it has not", parent.ulid));
            } else if let Some(lacks) = child.lacks_of(parent) {
                findings.fault(&path, 0, format!("it says that {} went into it, but {lacks}", parent.ulid));
            }
        }
    }
}

/// `None` if there is no such file, or a damaged one.
fn tombstones(fs: &dyn Fs, path: &Path, findings: &mut Findings) -> Option<Tombstones> {
    let bytes = match fs.map(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            findings.fault(path, 0, error);
            return None;
        }
    };
    let tombstones = Tombstones::decode(&bytes).map_err(|corruption| findings.corrupt(path, 0, corruption)).ok();
    let ranges = tombstones.as_ref().map_or(0, Tombstones::ranges);
    findings.checked(path, bytes.len() as u64, format!("{ranges} deleted ranges"));
    tombstones
}

/// What `meta.json` says of the other files.
fn compare(meta: &Meta, counts: &Counts, tombstones: Option<&Tombstones>, path: &Path, findings: &mut Findings) {
    let stats = &meta.stats;
    let Held { floats, histograms } = counts.held;
    let coarse = meta.thanos.as_ref().is_some_and(|thanos| thanos.downsample.resolution_ms > 0);
    let mut differ = |what: &str, said: u64, counted: u64| {
        if said != counted {
            findings.fault(path, 0, format!("it says {said} {what}, there are {counted}"));
        }
    };
    differ("series", stats.num_series, counts.series);
    differ("chunks", stats.num_chunks, counts.chunks);
    // Downsampled blocks count what they were made of.
    if !coarse {
        differ("samples", stats.num_samples, floats + histograms);
        if stats.num_float_samples + stats.num_histogram_samples > 0 {
            differ("float samples", stats.num_float_samples, floats);
            differ("histogram samples", stats.num_histogram_samples, histograms);
        }
    }
    if let Some(tombstones) = tombstones {
        let (said, there) = (stats.num_tombstones, tombstones.ranges());
        // They are written before the number: after a crash in between it is behind, which nobody minds.
        match said < there {
            true => findings.note(path, 0, format!("it says {said} deleted ranges, there are {there}")),
            false => differ("deleted ranges", said, there),
        }
    }
    if let Some((min_ms, max_ms)) = counts.range_ms
        && (min_ms < meta.min_ms || max_ms >= meta.max_ms)
    {
        let fault = format!(
            "it says all lies from {} on and before {}, chunks reach from {min_ms} to {max_ms}",
            meta.min_ms, meta.max_ms
        );
        findings.fault(path, 0, fault);
    }
    if let Some((min_ms, max_ms)) = counts.range_ms
        && (min_ms.saturating_sub(meta.min_ms) > LONGEST_MS || meta.max_ms.saturating_sub(max_ms) > LONGEST_MS)
    {
        let (from_ms, to_ms) = (meta.min_ms, meta.max_ms);
        let fault = format!("it says its range is from {from_ms} to {to_ms}, chunks reach from {min_ms} to {max_ms}");
        findings.fault(path, 0, fault);
    }
}

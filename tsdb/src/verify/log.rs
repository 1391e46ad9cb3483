//! A log: its segments, its checkpoints, what they say, and whether series come before their samples.

use super::Findings;
use crate::cursor::Fault;
use crate::fs::Fs;
use crate::wal::{Damage, Decoded, decode_record, read_segment, segment_number};
use model::SeriesRef;
use roaring::RoaringTreemap;
use std::path::Path;

/// The references of the series that a log names.
#[derive(Debug, Default)]
pub(super) struct Logged {
    series: RoaringTreemap,
}

/// What a segment holds.
#[derive(Debug, Default)]
struct Counts {
    records: u64,
    series: u64,
    samples: u64,
    orphans: u64,
    unknown_records: u64,
}

const CHECKPOINT: &str = "checkpoint.";

impl Logged {
    /// Whether there was a record of that series.
    pub(super) fn knows(&self, series: SeriesRef) -> bool {
        self.series.contains(series.0)
    }

    /// Takes note of one that something else than the log names.
    pub(super) fn add(&mut self, series: SeriesRef) {
        self.series.insert(series.0);
    }
}

/// Checks the log in `dir`; the series that it names are added to `logged`.
pub(super) fn check(fs: &dyn Fs, dir: &Path, logged: &mut Logged, findings: &mut Findings) {
    let entries = findings.read_dir(fs, dir);
    let checkpoints = entries.iter().filter(|entry| entry.is_dir && entry.name.starts_with(CHECKPOINT));
    let mut behind = None;
    for checkpoint in checkpoints {
        match checkpoint.name.strip_prefix(CHECKPOINT).and_then(segment_number) {
            None => findings.note(&checkpoint.path, 0, "a checkpoint that was not finished"),
            Some(number) => {
                behind = behind.max(Some(number));
                let segments = findings.read_dir(fs, &checkpoint.path);
                let numbered = segments.iter().filter_map(|entry| Some((segment_number(&entry.name)?, &*entry.path)));
                check_segments(fs, &numbered.collect::<Vec<_>>(), Some(0), false, logged, findings);
            }
        }
    }
    let segments = entries.iter().filter(|entry| !entry.is_dir);
    let segments = segments.filter_map(|entry| Some((segment_number(&entry.name)?, &*entry.path)));
    // Segments that a checkpoint stands for may be gone, or not yet.
    let segments: Vec<(u32, &Path)> = segments.collect();
    let first = segments.first().map(|(number, _)| *number);
    let expected =
        behind.map(|number| number.saturating_add(1)).filter(|&next| first.is_some_and(|first| first > next));
    check_segments(fs, &segments, expected, true, logged, findings);
}

/// Checks segments, the first of which should have number `expected`. Only the last one that is `growing` may be torn.
fn check_segments(
    fs: &dyn Fs,
    segments: &[(u32, &Path)],
    mut expected: Option<u32>,
    growing: bool,
    logged: &mut Logged,
    findings: &mut Findings,
) {
    for (at, (number, path)) in segments.iter().enumerate() {
        if let Some(missing) = expected.filter(|expected| expected != number) {
            findings.fault(path, 0, format!("the segment before it, number {missing}, is missing"));
        }
        expected = Some(number.saturating_add(1));
        check_segment(fs, path, growing && at + 1 == segments.len(), logged, findings);
    }
}

fn check_segment(fs: &dyn Fs, path: &Path, last: bool, logged: &mut Logged, findings: &mut Findings) {
    let size_bytes = match fs.open(path).and_then(|file| file.size_bytes()) {
        Ok(size_bytes) => size_bytes,
        Err(error) => return findings.fault(path, 0, error),
    };
    if size_bytes == 0 && !last {
        findings.fault(path, 0, "segment is empty, and there is a later one");
    }
    let (mut counts, mut decoded) = (Counts::default(), Decoded::default());
    let report = read_segment(fs, path, |_, record| {
        decoded.clear();
        // What cannot be decoded is in the report.
        if decode_record(record, &mut decoded).is_ok() {
            counts.take(&decoded, logged);
        }
    });
    match report {
        Ok(report) => {
            for damage in &report.damages {
                tell(damage, last, path, findings);
            }
            let unlisted = report.damages_total - report.damages.len() as u64;
            if unlisted > 0 {
                findings.fault(path, 0, format!("{unlisted} more places are damaged"));
            }
        }
        Err(error) => findings.fault(path, 0, error.source),
    }
    if counts.orphans > 0 {
        findings.fault(path, 0, format!("{} samples are of series that no record before names", counts.orphans));
    }
    if counts.unknown_records > 0 {
        findings.note(path, 0, format!("{} records are of types that are not known", counts.unknown_records));
    }
    let holds = format!("{} records, {} series, {} samples", counts.records, counts.series, counts.samples);
    findings.checked(path, size_bytes, holds);
}

/// At the end of the last segment damage is what a crash leaves: nothing in it was acknowledged.
pub(super) fn tell(damage: &Damage, last: bool, path: &Path, findings: &mut Findings) {
    let Damage { offset, fault, tail, kept, .. } = damage;
    match (*tail && last, kept) {
        (true, _) => findings.note(path, *offset, format!("torn by a crash: {fault}")),
        (false, true) => findings.fault(path, *offset, format!("{fault} (the record can be read all the same)")),
        (false, false) => findings.fault(path, *offset, TornRecord(fault)),
    }
}

/// A record that is lost.
struct TornRecord<'a>(&'a Fault);

impl std::fmt::Display for TornRecord<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} (the record is lost)", self.0)
    }
}

impl Counts {
    fn take(&mut self, decoded: &Decoded, logged: &mut Logged) {
        self.records += 1;
        for series in decoded.series() {
            self.series += 1;
            logged.series.insert(series.series.0);
        }
        let samples = decoded.samples.iter().map(|sample| sample.series);
        for series in samples.chain(decoded.histograms.iter().map(|sample| sample.series)) {
            self.samples += 1;
            self.orphans += u64::from(!logged.knows(series));
        }
        self.unknown_records += decoded.left_out.unknown_records;
    }
}

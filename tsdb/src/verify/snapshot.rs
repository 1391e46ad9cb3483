//! A snapshot of a head: its segments, the order of what they hold, its chunks, and the references in it.

use super::Findings;
use super::chunks::check_samples;
use super::log::{Logged, tell};
use crate::fs::Fs;
use crate::head_chunks::ChunkFile;
use crate::snapshot::{BESIDE, DELETIONS, LastSample, OpenChunk, SERIES, SnapshotDecoder, SnapshotDir, SnapshotItem};
use crate::snapshot::{SnapshotSeries, read_beside};
use crate::wal::{PublishedError, Tombstone, read_framed};
use model::{SampleColumns, SeriesRef};
use roaring::RoaringTreemap;
use std::path::Path;

/// What was met of a snapshot so far.
#[derive(Debug, Default)]
struct Met {
    series: RoaringTreemap,
    open_chunks: u64,
    samples: u64,
    deletions: u64,
    exemplars: u64,
    /// References of no series of the snapshot.
    strange_deletions: u64,
    strange_exemplars: u64,
    strange_said: u64,
    /// Series that the log does not name.
    unlogged: u64,
    is_whole: bool,
    columns: SampleColumns,
}

/// Checks the snapshot in `dir`; its series are added to `logged`, which has those of the log.
pub(super) fn check(fs: &dyn Fs, snapshot: &SnapshotDir, logged: &mut Logged, findings: &mut Findings) {
    let dir = &snapshot.path;
    let mut met = Met::default();
    let (mut expected, mut size_bytes) = (0_u32, 0);
    for entry in findings.read_dir(fs, dir) {
        match entry.name.parse::<u32>() {
            Ok(number) if !entry.is_dir => {
                if number != expected {
                    let missing = format!("the segment before it, number {expected}, is missing");
                    findings.fault(&entry.path, 0, missing);
                }
                expected = number.saturating_add(1);
                size_bytes += entry.size_bytes;
                met.segment(fs, &entry.path, logged, findings);
            }
            _ if entry.is_dir && entry.name == BESIDE => {}
            _ => findings.note(&entry.path, 0, "nothing of a snapshot: nobody reads it"),
        }
    }
    if !met.is_whole {
        findings.fault(dir, 0, "the end is missing");
    }
    met.beside(fs, dir, findings);
    met.tell(dir, findings);
    for series in &met.series {
        logged.add(SeriesRef(series));
    }
    let Met { series, open_chunks, samples, deletions, exemplars, .. } = &met;
    let holds = format!(
        "{} series, {open_chunks} open chunks, {samples} samples, {deletions} deleted ranges, {exemplars} exemplars",
        series.len()
    );
    findings.checked(dir, size_bytes, holds);
}

impl Met {
    fn segment(&mut self, fs: &dyn Fs, path: &Path, logged: &Logged, findings: &mut Findings) {
        let mut decoder = SnapshotDecoder::default();
        let read = read_framed(fs, path, |at, unpacked| {
            let record = match unpacked {
                Ok(record) => record,
                Err(fault) => return findings.fault(path, at, fault),
            };
            self.order(record, path, at, findings);
            let decoded = decoder.decode(record, &mut |item| self.item(&item, (path, at), logged, findings));
            match decoded {
                Ok(true) => {}
                Ok(false) => findings.fault(path, at, "record is of a type that is not known"),
                Err(corruption) => findings.fault(path, at, corruption.fault),
            }
        });
        match read {
            // Never what a crash leaves: a snapshot appears whole.
            Ok(report) => report.damages.iter().for_each(|damage| tell(damage, false, path, findings)),
            Err(error) => findings.fault(path, 0, error.source),
        }
    }

    /// Series come before deletions, exemplars behind them.
    fn order(&mut self, record: &[u8], path: &Path, at: u64, findings: &mut Findings) {
        match record.first() {
            Some(&SERIES) if self.is_whole => findings.fault(path, at, "a series comes behind the deletions"),
            Some(&DELETIONS) if self.is_whole => findings.fault(path, at, "deletions come twice"),
            Some(&DELETIONS) => self.is_whole = true,
            Some(&SERIES) => {}
            _ if self.is_whole => {}
            _ => findings.fault(path, at, "exemplars come before the deletions"),
        }
    }

    fn item(&mut self, item: &SnapshotItem<'_>, place: (&Path, u64), logged: &Logged, findings: &mut Findings) {
        match item {
            SnapshotItem::Series(series) => self.one_series(series, place, logged, findings),
            SnapshotItem::Deletion(Tombstone { series, .. }) => {
                self.deletions += 1;
                self.strange_deletions += u64::from(!self.series.contains(series.0));
            }
            SnapshotItem::Exemplar(series, _) => {
                self.exemplars += 1;
                self.strange_exemplars += u64::from(!self.series.contains(series.0));
            }
        }
    }

    fn one_series(
        &mut self,
        item: &SnapshotSeries<'_>,
        (path, at): (&Path, u64),
        logged: &Logged,
        findings: &mut Findings,
    ) {
        if !self.series.insert(item.series.0) {
            findings.fault(path, at, format!("reference {} comes twice", item.series.0));
        }
        self.unlogged += u64::from(!logged.knows(item.series));
        let Some(OpenChunk { min_ms, max_ms, encoding, data, last, .. }) = item.open else { return };
        self.open_chunks += 1;
        match check_samples(encoding, data, min_ms, max_ms, &mut self.columns) {
            Ok(held) => self.samples += held.floats + held.histograms,
            Err(fault) => return findings.fault(path, at, format!("series {}: {fault}", item.series.0)),
        }
        let newest = self.columns.values.last().map(|value| value.to_bits());
        if let LastSample::Float(value) = last
            && newest != Some(value.to_bits())
        {
            findings.fault(path, at, format!("series {}: the chunk does not end with the last value", item.series.0));
        }
    }

    /// What Prometheus' format has no place for.
    fn beside(&mut self, fs: &dyn Fs, dir: &Path, findings: &mut Findings) {
        let mut said = 0_u64;
        let read = read_beside(fs, dir, |series, _| {
            said += 1;
            self.strange_said += u64::from(!self.series.contains(series.0));
        });
        let relied = match read {
            Ok(Some(relied)) => relied,
            Ok(None) => return,
            Err(PublishedError::Damaged { file, offset, fault }) => return findings.fault(&file, offset, fault),
            Err(error) => return findings.fault(&dir.join(BESIDE), 0, error),
        };
        if self.series.max().is_some_and(|highest| highest > relied.highest.0) {
            let fault = format!("a series has a higher reference than {}", relied.highest.0);
            findings.fault(&dir.join(BESIDE), 0, fault);
        }
        let chunk_files = dir.with_file_name("chunks_head");
        for ChunkFile { number, size_bytes, .. } in relied.chunk_files {
            let path = chunk_files.join(format!("{number:06}"));
            if !fs.open(&path).and_then(|file| file.size_bytes()).is_ok_and(|there| there >= size_bytes) {
                let note =
                    "a snapshot relies on more of this file: without it blocks have it, or the log is read instead";
                findings.note(&path, 0, note);
            }
        }
        findings.checked(&dir.join(BESIDE), 0, format!("metadata of {said} series"));
    }

    fn tell(&self, dir: &Path, findings: &mut Findings) {
        for (count, what) in [
            (self.strange_exemplars, "exemplars are of series that the snapshot does not have"),
            (self.strange_said, "metadata are of series that the snapshot does not have"),
        ] {
            if count > 0 {
                findings.fault(dir, 0, format!("{count} {what}"));
            }
        }
        for (count, what) in [
            (self.strange_deletions, "deleted ranges are of series that the snapshot does not have"),
            (self.unlogged, "series are not named by the log"),
        ] {
            if count > 0 {
                findings.note(dir, 0, format!("{count} {what}"));
            }
        }
    }
}

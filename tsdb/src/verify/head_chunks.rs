//! The files of full chunks of a head.

use super::Findings;
use super::chunks::check_samples;
use super::log::Logged;
use crate::fs::{Fs, read};
use crate::head_chunks::{self, walk_file};
use model::SampleColumns;
use std::path::Path;

pub(super) fn check(fs: &dyn Fs, dir: &Path, logged: &Logged, findings: &mut Findings) {
    let mut columns = SampleColumns::default();
    let mut last = None;
    for entry in findings.read_dir(fs, dir) {
        let number = match head_chunks::number(&entry.name) {
            Some(number) if !entry.is_dir => number,
            _ => {
                findings.note(&entry.path, 0, "no file of head chunks: nobody reads it");
                continue;
            }
        };
        if let Some(missing) = last.map(|last: u32| last.saturating_add(1)).filter(|&next| next != number) {
            findings.fault(&entry.path, 0, format!("the file before it, number {missing}, is missing"));
        }
        last = Some(number);
        // Not mapped: a process that has the directory open may cut the newest.
        let bytes = match fs.open(&entry.path).and_then(|file| read(&*file, u64::MAX)) {
            Ok(bytes) => bytes,
            Err(error) => {
                findings.fault(&entry.path, 0, error);
                continue;
            }
        };
        let (mut chunks, mut unknown) = (0_u64, 0_u64);
        let corruption = walk_file(&bytes, &mut |at, frame| {
            chunks += 1;
            unknown += u64::from(!logged.knows(frame.series));
            let checked = check_samples(frame.encoding, frame.data, frame.min_ms, frame.max_ms, &mut columns);
            if let Err(fault) = checked {
                findings.fault(&entry.path, at, fault);
            }
        });
        if let Some(corruption) = corruption {
            findings.corrupt(&entry.path, 0, corruption);
        }
        if unknown > 0 {
            findings.note(&entry.path, 0, format!("{unknown} chunks are of series that the log does not name"));
        }
        findings.checked(&entry.path, bytes.len() as u64, format!("{chunks} chunks"));
    }
}

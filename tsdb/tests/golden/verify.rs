//! All recorded blocks and data directories are sound.

use std::path::Path;
use tsdb::fs::StdFs;
use tsdb::verify::{Findings, directory};

fn check(dir: &Path) -> (u64, Findings) {
    let mut findings = Findings::new(20);
    directory(&StdFs, dir, &mut findings).unwrap();
    (findings.files().count() as u64, findings)
}

#[test]
fn recorded_blocks_are_sound() {
    let Some(root) = testkit::golden("recorded_blocks_are_sound", "tsdb/blocks") else { return };
    let mut blocks = 0;
    for case in std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let (files, findings) = check(&case);
        assert!(findings.is_sound(), "{}: {:#?}", case.display(), findings.faults());
        assert!(files >= 3, "{}: {files} files", case.display());
        blocks += 1;
    }
    assert!(blocks >= 20, "{blocks} cases");
}

#[test]
fn recorded_directories_are_sound() {
    let Some(root) = testkit::golden("recorded_directories_are_sound", "tsdb/head") else { return };
    for case in std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let (files, findings) = check(&case.join("data"));
        assert!(findings.is_sound(), "{}: {:#?}", case.display(), findings.faults());
        assert!(files > 4, "{}: {files} files", case.display());
        let torn = findings.notes().iter().any(|note| note.fault.contains("torn"));
        let killed = case.file_name().unwrap().to_string_lossy().contains("killed");
        assert!(!torn || killed, "{}: {:#?}", case.display(), findings.notes());
    }
}

//! Files in Prometheus' test language: those of upstream, and our own in `testdata`.
#![allow(clippy::unwrap_used, reason = "test code")]

use promql::testlang::{Report, RunOptions, Script, run};
use std::path::{Path, PathBuf};

/// What all files of a folder gave.
#[derive(Default)]
struct Sum {
    passed: usize,
    failures: Vec<String>,
}

impl Sum {
    fn add(&mut self, path: &Path) {
        let script = Script::parse(&std::fs::read_to_string(path).unwrap());
        let script = script.unwrap_or_else(|error| panic!("{}:{error}", path.display()));
        let Report { passed, failures } = run(&script, &RunOptions::default());
        let name = path.file_name().unwrap().to_string_lossy();
        println!("{name}: {passed} passed, {} failed", failures.len());
        self.passed += passed;
        self.failures.extend(failures.iter().map(|failure| {
            let form = failure.form.as_ref().map_or_else(String::new, |form| format!("\n  ({form})"));
            format!("{name}:{}: {}{form}\n{}", failure.line, failure.text, failure.diff)
        }));
    }
}

fn test_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    files
}

/// The files of upstream.
#[test]
fn upstream() {
    // Beside the recordings, and not among them.
    let Some(folder) = testkit::golden("upstream test files", "../promqltest") else { return };
    let mut sum = Sum::default();
    for path in test_files(&folder) {
        sum.add(&path);
    }
    println!("{} passed", sum.passed);
    assert!(sum.failures.is_empty(), "{} failed:\n{}", sum.failures.len(), sum.failures.join("\n"));
    assert!(sum.passed > 2000, "{}", sum.passed);
}

/// Our own files.
#[test]
fn our_own() {
    let mut sum = Sum::default();
    for path in test_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")) {
        sum.add(&path);
    }
    assert!(sum.failures.is_empty(), "{} failed:\n{}", sum.failures.len(), sum.failures.join("\n"));
    assert!(sum.passed > 200, "{}", sum.passed);
}

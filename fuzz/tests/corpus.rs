//! Every target over its corpus, and over damaged copies of it.
//!
//! `GAUNTLET_FUZZ=100000` damages that many copies a target instead of a few; `GAUNTLET_FUZZ_SEED` begins elsewhere;
//! `GAUNTLET_FUZZ_TARGET` runs one target alone.

use fuzz::mutate::damage;
use fuzz::{TARGETS, Target};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use testkit::Chance;

/// Damaged copies a target where nobody asks for more.
const FEW: u64 = 400;

/// What a corpus may take, all targets together.
const MAX_CORPUS_BYTES: u64 = 2 << 20;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("it is a number"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    entries.map(|entry| entry.expect("it is listed").file_name().to_string_lossy().into_owned()).collect()
}

fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = root().join("corpus").join(target.name);
    let files = names(&dir).into_iter().map(|name| dir.join(name));
    files.map(|path| (path.clone(), std::fs::read(path).expect("it is a file"))).collect()
}

/// Runs the target; where it fails, says on what.
fn run(target: &Target, input: &[u8], what: &str) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        let path = std::env::temp_dir().join(format!("gauntlet-fuzz-{}", target.name));
        let kept = std::fs::write(&path, input).map(|()| path.display().to_string());
        eprintln!("target {} failed on {what}; the input is in {kept:?}", target.name);
        std::panic::resume_unwind(panic);
    }
}

fn check(target: &Target) {
    let corpus = corpus(target);
    assert!(!corpus.is_empty(), "{} has no corpus", target.name);
    for (path, input) in &corpus {
        run(target, input, &path.display().to_string());
    }
    let first = number("GAUNTLET_FUZZ_SEED").unwrap_or(0);
    for seed in first..first + number("GAUNTLET_FUZZ").unwrap_or(FEW) {
        let mut chance = Chance::new(seed);
        let (mut input, other) = (corpus[chance.below(corpus.len())].1.clone(), chance.below(corpus.len()));
        damage(&mut chance, &mut input, &corpus[other].1);
        run(target, &input, &format!("seed {seed}"));
    }
}

#[test]
fn every_target_holds_over_its_corpus_and_damaged_copies_of_it() {
    let only = std::env::var("GAUNTLET_FUZZ_TARGET").ok();
    let chosen: Vec<&Target> =
        TARGETS.iter().filter(|target| only.as_deref().is_none_or(|only| only == target.name)).collect();
    assert!(!chosen.is_empty(), "{only:?} is no target");
    // Each on a thread of its own: what a target allocates is counted by thread.
    std::thread::scope(|scope| {
        for half in chosen.chunks(chosen.len().div_ceil(2)) {
            scope.spawn(move || half.iter().for_each(|target| check(target)));
        }
    });
}

#[test]
fn every_target_has_its_corpus_and_its_file() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len(), "two have one name");
    assert_eq!(names(&root().join("corpus")), targets);
    let files = names(&root().join("fuzz_targets"));
    assert_eq!(files.iter().map(|file| file.trim_end_matches(".rs").to_owned()).collect::<BTreeSet<_>>(), targets);
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("it is there");
    for target in TARGETS {
        let text =
            std::fs::read_to_string(root().join(format!("fuzz_targets/{}.rs", target.name))).expect("it is there");
        assert!(text.contains(&format!("fuzz::fuzz_{}(", target.name)), "{}", target.name);
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{}.rs\"", target.name)), "{}", target.name);
    }
    let size: u64 = TARGETS.iter().flat_map(corpus).map(|(_, input)| input.len() as u64).sum();
    assert!(size <= MAX_CORPUS_BYTES, "corpora take {size} bytes");
}

#[test]
fn seeds_are_as_they_are_made() {
    for (target, seeds) in fuzz::seeds::all() {
        for (number, seed) in seeds.iter().enumerate() {
            let path = root().join(format!("corpus/{target}/seed-{number}"));
            let kept = std::fs::read(&path).unwrap_or_default();
            assert!(kept == *seed, "{} is not what `cargo run --bin seed` writes", path.display());
        }
    }
}

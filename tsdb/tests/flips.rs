//! One bit of one file is flipped: no panic, and no other answer without a word.
//!
//! Every kind of file is read by what reads it in the program, from a file system in memory in which that one bit differs, and
//! what is found is compared with what was written. A flip under a checksum is always noticed. Bytes that no checksum covers
//! are listed by name in [`UNCOVERED`], each with what guards it, which `tsdb/docs/recovery.md` repeats for the files that a start reads; a byte that is in no
//! region of the list must be under a checksum.
//!
//! `GAUNTLET_FLIPS=1000000` flips so many bits (with `--release`), `GAUNTLET_FLIPS_SEED` begins elsewhere.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "mixed/batch.rs"]
mod batch;
#[path = "flips/block.rs"]
mod block;
#[path = "mixed/contents.rs"]
mod contents;
#[path = "flips/database.rs"]
mod database;
#[path = "flips/frozen.rs"]
mod frozen;
#[path = "flips/head_chunks.rs"]
mod head_chunks;
#[path = "mixed/life.rs"]
mod life;
#[path = "flips/log.rs"]
mod log;
#[path = "mixed/oracle.rs"]
mod oracle;
#[path = "db/rig.rs"]
mod rig;
#[path = "mixed/samples.rs"]
mod samples;

use std::collections::BTreeMap;
use std::thread;
use testkit::Chance;

/// How many bits are flipped where nobody asks for more.
const FEW: u64 = 4_000;

/// From so many flips on, nothing is left to chance.
const MANY: u64 = 100_000;

/// What came of a flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Somebody said so: an error, a damage, a file set aside. Whatever else was found was written.
    Noticed,
    /// Nobody said anything, and everything was found as it was written.
    Nothing,
}

/// What may come of a flip in bytes that no checksum covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    /// It is noticed every time.
    BeNoticed,
    /// It means nothing, and is not noticed.
    MeanNothing,
    /// Either, by which bit it is.
    Both,
}

/// Bytes that no checksum covers: the kind of file, the region, what guards it, and what may come of a flip.
const UNCOVERED: [(&str, &str, &str, May); 24] = [
    ("index", "magic", "compared", May::BeNoticed),
    ("index", "version", "2 and 3 mean the same, others are refused", May::Both),
    ("index", "section size", "the checksum is looked for elsewhere, and is wrong there", May::BeNoticed),
    ("index", "entry size", "the checksum is looked for elsewhere, and is wrong there", May::BeNoticed),
    ("index", "padding", "not read", May::MeanNothing),
    ("chunks", "magic", "compared", May::BeNoticed),
    ("chunks", "version", "compared", May::BeNoticed),
    ("chunks", "padding", "not read", May::MeanNothing),
    ("chunks", "chunk size", "the checksum is looked for elsewhere, and is wrong there", May::BeNoticed),
    ("tombstones", "magic", "compared", May::BeNoticed),
    ("tombstones", "version", "compared", May::BeNoticed),
    ("meta.json", "ulid", "compared with the name of the directory; a letter of the other case is the same", May::Both),
    ("meta.json", "version", "compared", May::BeNoticed),
    (
        "meta.json",
        "minTime",
        "no longer a multiple of two hours, so that the chunks of all series widen the range",
        May::Both,
    ),
    (
        "meta.json",
        "maxTime",
        "no longer a multiple of two hours, so that the chunks of all series widen the range",
        May::Both,
    ),
    ("meta.json", "the rest", "JSON; what it says changes no answer", May::Both),
    (
        "log",
        "kind",
        "the place in the page says the part; a coding that makes no sense is tried the other ways",
        May::Both,
    ),
    ("log", "size", "the checksum of what it then covers is wrong", May::BeNoticed),
    ("log", "zeros", "are compared to the end of the page", May::BeNoticed),
    (
        "snapshot",
        "kind",
        "as in a log; a snapshot with any damage is of no use, and the log is read instead",
        May::Both,
    ),
    ("snapshot", "size", "the checksum of what it then covers is wrong", May::BeNoticed),
    ("chunks_head", "magic and version", "compared", May::BeNoticed),
    ("chunks_head", "padding", "not read", May::MeanNothing),
    ("chunks_head", "zeros", "are compared to the end of the file", May::BeNoticed),
];

/// The name of a region that a checksum covers.
const COVERED: &str = "checksum";

/// A file of which bits are flipped, and what reads it.
trait Subject: Sync {
    fn kind(&self) -> &'static str;
    fn size_bytes(&self) -> usize;
    /// The region that a byte is in.
    fn region(&self, at: usize) -> &'static str;
    /// Flips a bit, reads everything, compares. Panics where something is found that was not written, or is missing without
    /// a word.
    fn flip(&self, at: usize, bit: u8) -> Outcome;
}

/// How often a flip in a region of a kind of file had an outcome.
type Counts = BTreeMap<(&'static str, &'static str, Outcome), u64>;

fn flip_some(subjects: &[Box<dyn Subject>], flips: u64, mut chance: Chance) -> Counts {
    let mut counts = Counts::new();
    for _ in 0..flips {
        let subject = &subjects[chance.below(subjects.len())];
        let at = chance.below(subject.size_bytes());
        let outcome = subject.flip(at, chance.below(8) as u8);
        *counts.entry((subject.kind(), subject.region(at), outcome)).or_insert(0) += 1;
    }
    counts
}

/// Whether the outcome is one that the region may have.
fn is_stated(kind: &str, region: &str, outcome: Outcome) -> bool {
    // In a whole database, what is noticed depends on who has the samples besides.
    if kind == "database" {
        return true;
    }
    if region == COVERED {
        return outcome == Outcome::Noticed;
    }
    let stated = UNCOVERED.iter().find(|(of, name, _, _)| (*of, *name) == (kind, region));
    stated.is_some_and(|(_, _, _, may)| match may {
        May::BeNoticed => outcome == Outcome::Noticed,
        May::MeanNothing => outcome == Outcome::Nothing,
        May::Both => true,
    })
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

fn check(subjects: &[Box<dyn Subject>], flips: u64) -> Counts {
    let seed = number("GAUNTLET_FLIPS_SEED").unwrap_or(1);
    let mut counts = Counts::new();
    thread::scope(|scope| {
        let halves = [0, 1].map(|half| {
            let chance = Chance::new(seed << 1 | half);
            scope.spawn(move || flip_some(subjects, flips / 2, chance))
        });
        for half in halves {
            for (what, count) in half.join().unwrap() {
                *counts.entry(what).or_insert(0) += count;
            }
        }
    });
    for ((kind, region, outcome), count) in &counts {
        println!("{kind:12} {region:18} {outcome:?} {count}");
    }
    let not_stated = counts.keys().filter(|(kind, region, outcome)| !is_stated(kind, region, *outcome));
    assert_eq!(not_stated.collect::<Vec<_>>(), [&("", "", Outcome::Nothing); 0]);
    counts
}

#[test]
fn a_flipped_bit_is_noticed_or_means_nothing() {
    let mut subjects = block::subjects();
    subjects.extend(log::subjects());
    subjects.push(head_chunks::subject());
    let flips = number("GAUNTLET_FLIPS").unwrap_or(FEW);
    let counts = check(&subjects, flips);
    let under_a_checksum: u64 =
        counts.iter().filter(|((_, region, _), _)| *region == COVERED).map(|(_, count)| count).sum();
    assert!(under_a_checksum > flips / 4, "{under_a_checksum} of {flips}");
    if flips >= MANY {
        for (kind, region, _, _) in UNCOVERED {
            assert!(counts.keys().any(|(of, name, _)| (*of, *name) == (kind, region)), "no flip in {region} of {kind}");
        }
    }
}

#[test]
fn a_database_with_a_flipped_bit_opens_and_says_so() {
    let subjects = database::subjects();
    let flips = number("GAUNTLET_FLIPS").unwrap_or(10_000);
    check(&subjects, flips / 50);
    if flips >= MANY {
        // Nothing but what it says guards a meta file, so each bit of it.
        for subject in subjects.iter().filter(|subject| subject.region(0) == "meta.json") {
            let all = (0..subject.size_bytes()).flat_map(|at| (0..8).map(move |bit| (at, bit)));
            for (at, bit) in all {
                let _either = subject.flip(at, bit);
            }
        }
    }
}

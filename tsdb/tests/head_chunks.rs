//! Head chunk files: what was appended is there, before and after a restart, and what is damaged is not lost silently.

#![allow(clippy::unwrap_used, reason = "test code")]

use model::SeriesRef;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use testkit::{Fault, Loss, SimFs, Step};
use tsdb::Encoding;
use tsdb::fs::Fs;
use tsdb::head_chunks::{Damage, HeadChunk, HeadChunkError, HeadChunkRef, HeadChunks, HeadFrame, MAX_FILE_BYTES};

const DIR: &str = "/data/chunks_head";
const QUARANTINE: &str = "/data/quarantine";

/// A chunk of series `n` with `size` bytes, which ends at time 10 n + 9.
fn data(n: u64, size: usize) -> Vec<u8> {
    let mut data = vec![0, 7];
    data.extend((2..size).map(|at| (at as u64 * 31 + n) as u8));
    data
}

fn append(chunks: &HeadChunks, n: u64, size: usize) -> Result<HeadChunkRef, HeadChunkError> {
    let data = data(n, size);
    let min_ms = n as i64 * 10;
    chunks.append(&HeadFrame {
        series: SeriesRef(n),
        min_ms,
        max_ms: min_ms + 9,
        encoding: Encoding::Xor,
        out_of_order: n % 2 == 1,
        data: &data,
    })
}

#[track_caller]
fn check_read(chunks: &HeadChunks, place: HeadChunkRef, n: u64, size: usize) {
    let chunk = chunks.read(place).unwrap();
    assert_eq!((chunk.min_ms, chunk.max_ms, chunk.encoding), (n as i64 * 10, n as i64 * 10 + 9, Encoding::Xor));
    assert_eq!(chunk.data, data(n, size));
}

/// A disk with an empty data directory.
fn sim_fs() -> SimFs {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new("/data")).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    fs
}

struct Opened {
    chunks: HeadChunks,
    found: Vec<HeadChunk>,
    damages: Vec<Damage>,
}

fn open_sized(fs: &SimFs, max_file_bytes: u64) -> Opened {
    let mut found = Vec::new();
    let (chunks, damages) =
        HeadChunks::open(Arc::new(fs.clone()), Path::new(DIR), Path::new(QUARANTINE), max_file_bytes, &mut |chunk| {
            found.push(chunk)
        })
        .unwrap();
    Opened { chunks, found, damages }
}

fn open(fs: &SimFs) -> Opened {
    open_sized(fs, MAX_FILE_BYTES)
}

fn names(fs: &SimFs, dir: &str) -> Vec<String> {
    fs.read_dir(Path::new(dir)).unwrap_or_default().into_iter().map(|entry| entry.name).collect()
}

#[test]
fn chunks_are_read_from_buffer_growing_file_and_mapping() {
    let fs = sim_fs();
    let opened = open_sized(&fs, 2000);
    let sizes = [100, 11, 700, 1500, 300, 600, 1200];
    let mut places = Vec::new();
    for (n, &size) in sizes.iter().enumerate() {
        places.push(append(&opened.chunks, n as u64, size).unwrap());
        for (n, (&place, &size)) in places.iter().zip(&sizes).enumerate() {
            check_read(&opened.chunks, place, n as u64, size);
        }
        if n % 3 == 1 {
            opened.chunks.flush().unwrap();
        }
    }
    opened.chunks.sync().unwrap();
    for (n, (&place, &size)) in places.iter().zip(&sizes).enumerate() {
        check_read(&opened.chunks, place, n as u64, size);
    }
    assert_eq!(names(&fs, DIR), ["000001", "000002", "000003"]);

    let again = open_sized(&fs.crash(Loss::All), 2000);
    assert_eq!(again.damages, []);
    let want: Vec<_> = (0..7)
        .map(|n| HeadChunk {
            series: SeriesRef(n),
            place: places[n as usize],
            min_ms: n as i64 * 10,
            max_ms: n as i64 * 10 + 9,
            encoding: Encoding::Xor,
            samples: 7,
            out_of_order: n % 2 == 1,
        })
        .collect();
    assert_eq!(again.found, want);
    for (n, (&place, &size)) in places.iter().zip(&sizes).enumerate() {
        check_read(&again.chunks, place, n as u64, size);
    }
    // Refs are never given twice.
    let place = append(&again.chunks, 7, 100).unwrap();
    assert_eq!(place, HeadChunkRef(4 << 32 | 8));
}

/// Also while writes fail and are repeated: what a write left that failed is not taken for written.
#[test]
fn a_file_that_grows_is_mapped_as_far_as_it_was_written() {
    const SIZE: usize = 1000;
    let fs = sim_fs();
    let opened = open(&fs);
    let mut places = Vec::new();
    for n in 0..700 {
        places.push(append(&opened.chunks, n, SIZE).unwrap());
        if n % 100 < 99 {
            continue;
        }
        let (step, path_part) = (Step::Append, "chunks_head".to_owned());
        fs.fail(Fault { step, path_part, skip: 0, times: 1, error: ErrorKind::StorageFull, written_bytes: 5000 });
        assert!(opened.chunks.flush().is_err());
        places.iter().zip(0..).for_each(|(&place, n)| check_read(&opened.chunks, place, n, SIZE));
        opened.chunks.flush().unwrap();
    }
    // Whoever has to read does not find anything any more. Maps were made when something of a failed write was behind them.
    fs.truncate(&Path::new(DIR).join("000001"), 0).unwrap();
    let mapped = places.iter().take_while(|&&place| opened.chunks.read(place).is_ok()).count();
    assert_eq!(mapped, 600, "of 700 chunks need not be read");
}

#[test]
fn places_where_no_chunk_is_are_errors() {
    let fs = sim_fs();
    let opened = open_sized(&fs, 2000);
    append(&opened.chunks, 0, 1500).unwrap();
    append(&opened.chunks, 1, 1500).unwrap();
    for flushed in [false, true] {
        if flushed {
            opened.chunks.flush().unwrap();
        }
        for bits in
            [0, 8, 1 << 32, 1 << 32 | 9, 1 << 32 | 1999, 2 << 32, 2 << 32 | 500, 2 << 32 | 5000, 9 << 32 | 8, u64::MAX]
        {
            assert!(opened.chunks.read(HeadChunkRef(bits)).is_err(), "{bits:x}, flushed {flushed}");
        }
    }
}

#[test]
fn synced_chunks_survive_a_crash_and_buffered_ones_do_not_pretend_to() {
    let fs = sim_fs();
    let opened = open(&fs);
    append(&opened.chunks, 0, 100).unwrap();
    opened.chunks.sync().unwrap();
    append(&opened.chunks, 1, 100).unwrap();
    opened.chunks.flush().unwrap();
    append(&opened.chunks, 2, 100).unwrap();
    let again = open(&fs.crash(Loss::All));
    assert_eq!(again.found.iter().map(|chunk| chunk.series.0).collect::<Vec<_>>(), [0]);
    assert_eq!(again.damages, []);
}

/// Writes three files, applies `damage` to the second, opens. Returns the series found, and the bytes set aside.
fn after_damage(damage: impl FnOnce(&mut Vec<u8>)) -> (Vec<u64>, Vec<(String, Vec<u8>)>) {
    let fs = sim_fs();
    let opened = open_sized(&fs, 300);
    for n in 0..6 {
        append(&opened.chunks, n, 100).unwrap();
    }
    opened.chunks.sync().unwrap();
    let path = Path::new(DIR).join("000002");
    let mut bytes = fs.read(&path).unwrap();
    damage(&mut bytes);
    fs.plant(&path, &bytes).unwrap();

    let again = open_sized(&fs, 300);
    for chunk in &again.found {
        check_read(&again.chunks, chunk.place, chunk.series.0, 100);
    }
    let aside: Vec<_> = again
        .damages
        .iter()
        .map(|damage| {
            let bytes = fs.read(&damage.set_aside).unwrap();
            assert_eq!(damage.bytes, bytes.len() as u64);
            (damage.fault.to_string(), bytes)
        })
        .collect();
    // What was set aside is not met again, and there is no gap in the numbers.
    let fs = fs.crash(Loss::All);
    let third = open_sized(&fs, 300);
    assert_eq!(third.damages, []);
    assert_eq!(third.found, again.found);
    assert_eq!(names(&fs, DIR), ["000001", "000002", "000003"]);
    (again.found.iter().map(|chunk| chunk.series.0).collect(), aside)
}

const FRAME: usize = 25 + 1 + 100 + 4;

#[test]
fn a_damaged_tail_is_set_aside_and_the_rest_is_kept() {
    let (found, aside) = after_damage(|bytes| bytes[8 + FRAME + 40] ^= 1);
    assert_eq!(found, [0, 1, 2, 4, 5]);
    assert_eq!(aside.len(), 1);
    assert!(aside[0].0.starts_with("at byte 264: checksum is"), "{}", aside[0].0);
    assert_eq!(aside[0].1.len(), FRAME);

    let (found, aside) = after_damage(|bytes| bytes[8 + 24] = 9);
    assert_eq!(found, [0, 1, 4, 5]);
    assert_eq!(aside[0].1.len(), 2 * FRAME);
}

#[test]
fn w24_any_cut_of_a_file_opens_and_keeps_what_stands_before_it() {
    for size in 0..8 + 2 * FRAME {
        let (found, aside) = after_damage(|bytes| bytes.truncate(size));
        let whole = size.saturating_sub(8) / FRAME;
        assert_eq!(found, [&[0, 1], &[2, 3][..whole], &[4, 5]].concat(), "cut to {size}");
        let rest = if size < 8 { size } else { (size - 8) % FRAME };
        // A series number begins with seven zeros: they look like the end.
        let at_end = size >= 8 && rest <= 7;
        let aside: Vec<_> = aside.iter().map(|(_, bytes)| bytes.len()).collect();
        assert_eq!(aside, if at_end { vec![] } else { vec![rest] }, "cut to {size}");
    }
}

#[test]
fn any_flipped_bit_costs_at_most_what_stands_behind_it() {
    for bit in 0..(8 + 2 * FRAME) * 8 {
        let (found, aside) = after_damage(|bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        // Padding has no meaning.
        let harmless = (40..64).contains(&bit);
        let whole = if harmless { 2 } else { (bit / 8).saturating_sub(8) / FRAME };
        assert_eq!(found, [&[0, 1], &[2, 3][..whole], &[4, 5]].concat(), "bit {bit}");
        assert_eq!(aside.is_empty(), harmless, "bit {bit}");
    }
}

#[test]
fn preallocated_zeros_end_a_file_but_a_hole_is_damage() {
    let (found, aside) = after_damage(|bytes| bytes.resize(4096, 0));
    assert_eq!((found.len(), aside.len()), (6, 0));
    let (found, aside) = after_damage(|bytes| bytes[8..8 + FRAME].fill(0));
    assert_eq!(found, [0, 1, 4, 5]);
    assert_eq!(aside[0].1.len(), 2 * FRAME);
}

#[test]
fn a_missing_file_leaves_no_gap() {
    let fs = sim_fs();
    let opened = open_sized(&fs, 200);
    for n in 0..4 {
        append(&opened.chunks, n, 100).unwrap();
    }
    opened.chunks.sync().unwrap();
    fs.remove_file(&Path::new(DIR).join("000002")).unwrap();
    let again = open_sized(&fs, 200);
    assert_eq!(again.found.iter().map(|chunk| chunk.series.0).collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!(names(&fs, DIR), ["000001", "000002", "000003", "000004"]);
}

#[test]
fn w07_a_crash_at_any_step_of_a_repair_leaves_a_directory_that_opens() {
    let prepare = || {
        let fs = sim_fs();
        let opened = open_sized(&fs, 300);
        for n in 0..6 {
            append(&opened.chunks, n, 100).unwrap();
        }
        opened.chunks.sync().unwrap();
        for (name, at) in [("000001", 3), ("000002", 200)] {
            let path = Path::new(DIR).join(name);
            let mut bytes = fs.read(&path).unwrap();
            bytes[at] ^= 1;
            fs.plant(&path, &bytes).unwrap();
        }
        fs
    };
    let whole = prepare();
    let before = whole.steps();
    assert_eq!(open_sized(&whole, 300).damages.len(), 2);
    let steps = whole.steps() - before;
    assert!(steps > 10, "{steps} steps");
    for step in 0..steps {
        for loss in [Loss::All, Loss::Torn(step), Loss::Reordered(step)] {
            let fs = prepare();
            fs.stop_after(before + step);
            let stopped =
                HeadChunks::open(Arc::new(fs.clone()), Path::new(DIR), Path::new(QUARANTINE), 300, &mut |_| ());
            assert!(stopped.is_err(), "step {step}");
            let again = open_sized(&fs.crash(loss), 300);
            let found: Vec<_> = again.found.iter().map(|chunk| chunk.series.0).collect();
            assert_eq!(found, [2, 4, 5], "step {step}, {loss:?}");
        }
    }
}

#[test]
fn a_failed_write_loses_nothing() {
    let fs = sim_fs();
    let opened = open_sized(&fs, 300);
    let mut places = vec![append(&opened.chunks, 0, 100).unwrap()];
    opened.chunks.flush().unwrap();
    for (n, step) in [(1, Step::Append), (2, Step::Create), (3, Step::Append)] {
        fs.fail(Fault {
            step,
            path_part: "chunks_head".into(),
            skip: 0,
            times: 2,
            error: ErrorKind::StorageFull,
            written_bytes: 17,
        });
        places.push(append(&opened.chunks, n, 100).unwrap());
        assert!(opened.chunks.flush().is_err());
        assert!(opened.chunks.sync().is_err());
        for (n, &place) in places.iter().enumerate() {
            check_read(&opened.chunks, place, n as u64, 100);
        }
        fs.heal();
    }
    opened.chunks.sync().unwrap();
    let again = open_sized(&fs.crash(Loss::All), 300);
    assert_eq!(again.damages, []);
    assert_eq!(again.found.iter().map(|chunk| chunk.place).collect::<Vec<_>>(), places);
    places.iter().enumerate().for_each(|(n, &place)| check_read(&again.chunks, place, n as u64, 100));
}

#[test]
fn a_file_whose_sync_failed_stays_in_doubt_until_it_is_gone() {
    let fs = sim_fs();
    let opened = open(&fs);
    append(&opened.chunks, 0, 100).unwrap();
    fs.fail(Fault {
        step: Step::SyncData,
        path_part: "000001".into(),
        skip: 0,
        times: 1,
        error: ErrorKind::Other,
        written_bytes: 0,
    });
    assert!(matches!(opened.chunks.sync(), Err(HeadChunkError::InDoubt { .. })));
    assert!(matches!(opened.chunks.sync(), Err(HeadChunkError::InDoubt { .. })));
    // What comes later goes elsewhere.
    let place = append(&opened.chunks, 9, 100).unwrap();
    assert_eq!(place, HeadChunkRef(2 << 32 | 8));
    opened.chunks.flush().unwrap();
    opened.chunks.truncate(10).unwrap();
    opened.chunks.sync().unwrap();
    assert_eq!(names(&fs, DIR), ["000002"]);
}

#[test]
fn truncation_removes_whole_files_from_the_front() {
    let fs = sim_fs();
    let opened = open_sized(&fs, 300);
    // None of them late: those go by their order.
    let places: Vec<_> = [2, 4, 18, 0, 6, 8].iter().map(|&n| append(&opened.chunks, n, 100).unwrap()).collect();
    opened.chunks.flush().unwrap();
    opened.chunks.truncate(49).unwrap();
    assert_eq!(names(&fs, DIR), ["000001", "000002", "000003"]);
    opened.chunks.truncate(50).unwrap();
    assert_eq!(names(&fs, DIR), ["000002", "000003"]);
    assert!(opened.chunks.read(places[0]).is_err());
    check_read(&opened.chunks, places[2], 18, 100);
    // The second holds a chunk that ends at 189; the third grew when it was asked last, and ends at 89.
    opened.chunks.truncate(90).unwrap();
    assert_eq!(names(&fs, DIR), ["000002", "000003"]);
    append(&opened.chunks, 20, 100).unwrap();
    opened.chunks.flush().unwrap();
    opened.chunks.truncate(190).unwrap();
    assert_eq!(names(&fs, DIR), ["000004"]);
}

/// By then the log may not say any longer what was deleted of them, and their numbers are given out again.
#[test]
fn files_that_were_removed_do_not_come_back() {
    let fs = sim_fs();
    let opened = open_sized(&fs, 400);
    for n in 0..6 {
        append(&opened.chunks, n * 2, 150).unwrap();
    }
    opened.chunks.sync().unwrap();
    assert_eq!(names(&fs, DIR).len(), 3);
    opened.chunks.truncate(50).unwrap();
    let left = names(&fs, DIR);
    assert_eq!(left.len(), 2);
    assert_eq!(names(&fs.crash(Loss::All), DIR), left);

    // A process that ended between the two steps.
    let fs = fs.crash(Loss::All);
    fs.remove_file(&Path::new(DIR).join(&left[0])).unwrap();
    open(&fs);
    assert_eq!(names(&fs.crash(Loss::All), DIR), left[1..]);
}

/// What was removed before one that cannot be does not come back either.
#[test]
fn files_that_were_removed_before_one_that_stays_do_not_come_back() {
    let fs = sim_fs();
    let opened = open_sized(&fs, 400);
    for n in 0..6 {
        append(&opened.chunks, n * 2, 150).unwrap();
    }
    opened.chunks.sync().unwrap();
    let fault = Fault {
        step: Step::Remove,
        path_part: "000002".into(),
        skip: 0,
        times: 1,
        error: ErrorKind::PermissionDenied,
        written_bytes: 0,
    };
    fs.fail(fault);
    assert!(opened.chunks.truncate(90).unwrap_err().to_string().contains("000002"));
    assert_eq!(names(&fs.crash(Loss::All), DIR), ["000002", "000003"]);
}

#[test]
fn memory_is_bounded_while_the_disk_takes_nothing() {
    let fs = sim_fs();
    let opened = open(&fs);
    fs.set_capacity_bytes(Some(0));
    let (mut taken, mut wanted) = (0, 0);
    let error = loop {
        match append(&opened.chunks, taken, 1 << 20) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        if opened.chunks.wants_flush() {
            wanted += 1;
            assert!(opened.chunks.flush().is_err());
        }
        assert!(taken < 100);
    };
    assert!(matches!(error, HeadChunkError::Full { .. }), "{error}");
    assert_eq!((taken, wanted), (64, 64));
    fs.set_capacity_bytes(None);
    opened.chunks.flush().unwrap();
    append(&opened.chunks, taken, 1 << 20).unwrap();
}

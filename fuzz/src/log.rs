//! The write-ahead log: records, segments, and damage to either.

use crate::meter;
use crate::parts::Parts;
use crate::seeds;
use model::Labels;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use testkit::{ModelHead, SimFs};
use tsdb::cursor::Corruption;
use tsdb::fs::Fs;
use tsdb::snapshot::{SnapshotDecoder, read_snapshot};
use tsdb::wal::{
    Decoded, LoggedSample, Next, RecordKind, ReplayProgress, Replayed, Run, decode_record, replay, salvage,
};

/// A record, unpacked. One that is damaged leaves nothing behind; one that is not says the same again.
pub fn fuzz_wal_record(data: &[u8]) {
    let mut decoded = Decoded::default();
    let result = meter::within(data.len(), 256, 16 << 10, || decode_record(data, &mut decoded));
    let once = Said::of(&decoded);
    if data.first() == Some(&(RecordKind::Samples as u8)) {
        read_later(data, result.map(|_| &decoded));
    }
    match result {
        Ok(_) => {
            decode_record(data, &mut decoded).expect("it decoded before");
            let mut twice = Said::of(&decoded);
            for (twice, once) in twice.0.iter_mut().zip(once.0) {
                assert_eq!(twice.split_off(once.len()), once, "a second time it says something else");
                assert_eq!(*twice, once, "what was said before is no longer");
            }
            assert!(decoded.series().all(|series| series.labels.iter().all(|label| !label.name.is_empty())));
        }
        Err(fault) => {
            assert!(fault.offset <= data.len() as u64, "{fault}");
            assert_eq!((once, decoded.left_out), (Said::default(), Decoded::default().left_out));
        }
    }
}

/// Samples that are read later are those that are read now, and so is what is wrong with them.
fn read_later(data: &[u8], now: Result<&Decoded, Corruption>) {
    let mut later = Decoded::default();
    later.keep_samples(&mut data.to_vec(), data.len(), 0);
    let mut samples = Vec::new();
    let mut take = |sample: LoggedSample| {
        samples.push(format!("{sample:?}"));
        Next::Any
    };
    for run in later.runs() {
        let Run::Packed(records) = run else { panic!("nothing else was kept") };
        let read = records.iter().try_for_each(|record| record.read(|_, _| false, &mut take).map(drop));
        assert_eq!(read.err(), now.err());
    }
    if let Ok(now) = now {
        let now: Vec<_> = now.samples.iter().map(|sample| format!("{sample:?}")).collect();
        assert_eq!(samples, now);
    }
}

/// All that records said, kind by kind, as text: a number that is none equals itself there.
#[derive(Debug, Default, PartialEq)]
struct Said([Vec<String>; 7]);

impl Said {
    fn of(decoded: &Decoded) -> Self {
        fn text<T: std::fmt::Debug>(all: impl Iterator<Item = T>) -> Vec<String> {
            all.map(|one| format!("{one:?}")).collect()
        }
        let samples = (0..).zip(&decoded.samples).map(|(at, sample)| (sample, decoded.start_ms(at)));
        let histograms = decoded.histograms.iter().map(|one| {
            let row = decoded.histogram_rows.get(one.row as usize).expect("each has a row");
            (one.series, one.timestamp_ms, one.start_ms, row)
        });
        Self([
            text(decoded.series()),
            text(samples),
            text(histograms),
            text(decoded.exemplars()),
            text(decoded.metadata()),
            text(decoded.tombstones.iter()),
            text(decoded.markers.iter()),
        ])
    }
}

/// A record of a snapshot, unpacked: it says the same again, and its chunks can be taken for what they say.
pub fn fuzz_snapshot_record(data: &[u8]) {
    let mut decoder = SnapshotDecoder::default();
    let mut decode = |data: &[u8]| {
        let mut said = Vec::new();
        let decoded = decoder.decode(data, &mut |item| said.push(format!("{item:?}")));
        (decoded, said)
    };
    let once = decode(data);
    if let Err(fault) = once.0 {
        assert!(fault.offset <= data.len() as u64, "{fault}");
    }
    assert_eq!(decode(data), once);
    // Without the text that is made of it.
    meter::within(data.len(), 256, 16 << 10, || decoder.decode(data, &mut |_| ())).ok();
}

/// A snapshot, as it is.
pub fn fuzz_snapshot(data: &[u8]) {
    let (fs, dir) = (SimFs::new(), Path::new("/chunk_snapshot.000001.0000000000"));
    fs.create_dir_all(dir).expect("the disk is empty");
    fs.plant(&dir.join("00000000"), data).expect("the directory is there");
    let read = || {
        let mut items = 0;
        let read = read_snapshot(&fs, dir, |_| items += 1).map_err(|error| error.to_string());
        (read, items)
    };
    let once = read();
    assert_eq!(read(), once);
    if let Err(error) = once.0 {
        assert!(error.contains("chunk_snapshot"), "{error}");
    }
}

/// Values by time, by series.
pub(crate) type Samples = BTreeMap<Labels, BTreeMap<i64, u64>>;

const DIR: &str = "/wal";

fn replayed(fs: &SimFs) -> (Samples, Replayed) {
    let head = ModelHead::default();
    let progress = ReplayProgress::default();
    let replayed = replay(fs, Path::new(DIR), &head, NonZeroUsize::MIN, &progress).expect("damage is no error");
    let (read, total) = progress.bytes();
    assert_eq!(read, total);
    (head.into_series().into_iter().map(|series| (series.labels, series.samples)).collect(), replayed)
}

/// Replays what is there; sets aside what is damaged; replays again: to the same, without damage.
fn replay_and_salvage(fs: &SimFs) -> Samples {
    let (samples, first) = replayed(fs);
    let salvaged = salvage(fs, Path::new("/quarantine"), &first.report).expect("the disk is sound");
    let listed = first.report.damages.len() as u64;
    assert_eq!(salvaged.is_empty(), listed == 0);
    for one in &salvaged {
        assert_eq!(fs.read(&one.set_aside).expect("it was set aside").len() as u64, one.bytes);
    }
    let (again, second) = replayed(fs);
    assert_eq!(again, samples);
    if first.report.damages_total == listed {
        assert_eq!((second.report.damages_total, second.samples), (0, first.samples));
    }
    samples
}

/// A segment, as it is.
pub fn fuzz_wal_segment(data: &[u8]) {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new(DIR)).expect("the disk is empty");
    fs.plant(Path::new("/wal/00000000"), data).expect("the directory is there");
    replay_and_salvage(&fs);
}

/// A sound log of a checkpoint and three segments, and damage to it: nothing is found in it that was never written, and if
/// nothing was touched, all of it is found.
pub fn fuzz_wal_damage(data: &[u8]) {
    let (fs, written) = seeds::a_log();
    let paths =
        ["checkpoint.00000000/00000000", "00000001", "00000002", "00000003"].map(|name| Path::new(DIR).join(name));
    let mut files = paths.each_ref().map(|path| fs.read(path).expect("it is in the log"));
    let mut parts = Parts::of(data);
    let mut touched = false;
    while !parts.is_empty() {
        let (what, at, bits) = (parts.u8(), usize::from(parts.u16()), parts.u8());
        let file = &mut files[usize::from(what % 4)];
        let at = at % file.len().max(1);
        touched |= !file.is_empty() && (what / 4 % 4 != 0 || bits != 0);
        match what / 4 % 4 {
            0 => file.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bits),
            1 => file.truncate(at),
            2 => file.iter_mut().skip(at).take(usize::from(bits) * 64 + 1).for_each(|byte| *byte = 0),
            _ => drop(file.splice(at..at, std::iter::repeat_n(bits, 1 + usize::from(bits)))),
        }
    }
    for (path, file) in paths.iter().zip(&files) {
        fs.plant(path, file).expect("the directory is there");
    }
    let found = replay_and_salvage(&fs);
    for (labels, samples) in &found {
        let written = written.get(labels);
        let is_written = |(at, bits): (&i64, &u64)| written.and_then(|all| all.get(at)) == Some(bits);
        assert!(samples.iter().all(is_written), "samples of {labels:?} were never written");
    }
    if !touched {
        assert_eq!(found, written);
    }
}

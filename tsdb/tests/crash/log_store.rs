//! A log with the plainest head above it: series in a map, blocks as text.

use super::Store;
use super::oracle::value;
use model::{Labels, SeriesRef};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use testkit::{ModelHead, SimFs};
use tsdb::fs::{Fs, publish_dir};
use tsdb::wal::{CheckpointWriter, Committers, Compression, Log, LogOptions, Records, ReplayProgress, replay, salvage};

pub(crate) struct LogStore {
    fs: SimFs,
    log: Log,
    _committers: Committers,
    /// In memory: by number of the series its reference, and times with values.
    series: BTreeMap<u64, (SeriesRef, BTreeMap<i64, u64>)>,
    /// References by which the log may know a series besides its own.
    aliases: Vec<(SeriesRef, u64)>,
    blocks: Vec<(u64, i64, u64)>,
    next_ref: u64,
    next_block: u64,
}

fn dir() -> &'static Path {
    Path::new("/data")
}

fn labels(number: u64) -> Labels {
    Labels::from_pairs([("__name__", "up".to_owned()), ("number", number.to_string())]).unwrap()
}

fn number(labels: &Labels) -> u64 {
    std::str::from_utf8(labels.get(b"number").unwrap()).unwrap().parse().unwrap()
}

fn text<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

impl LogStore {
    fn read_blocks(&mut self) -> Result<(), String> {
        for entry in self.fs.read_dir(dir()).map_err(text)? {
            let Some(block) = entry.name.strip_prefix("block-") else { continue };
            if let Ok(number) = block.parse::<u64>() {
                self.next_block = self.next_block.max(number + 1);
                let content = self.fs.read(&entry.path.join("samples")).map_err(text)?;
                for line in String::from_utf8_lossy(&content).lines() {
                    let numbers: Vec<i64> = line.split(' ').flat_map(str::parse).collect();
                    if let [number, at, bits] = numbers[..] {
                        self.blocks.push((number as u64, at, bits as u64));
                    }
                }
            } else {
                self.fs.remove_dir_all(&entry.path).map_err(text)?;
            }
        }
        Ok(())
    }

    fn write_block(&mut self, before_ms: i64) -> std::io::Result<()> {
        let name = |suffix: &str| dir().join(format!("block-{}{suffix}", self.next_block));
        let (tmp, to) = (name(".tmp"), name(""));
        self.fs.create_dir_all(&tmp)?;
        let mut file = self.fs.create_new(&tmp.join("samples"))?;
        let mut moved = Vec::new();
        for (&number, (_, samples)) in &mut self.series {
            let kept = samples.split_off(&before_ms);
            moved.extend(std::mem::replace(samples, kept).into_iter().map(|(at, bits)| (number, at, bits)));
        }
        for (number, at, bits) in &moved {
            file.append(format!("{number} {at} {}\n", *bits as i64).as_bytes())?;
        }
        publish_dir(&self.fs, &tmp, &to)?;
        self.next_block += 1;
        self.blocks.extend(moved);
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), String> {
        let first_kept = self.log.cut().map_err(text)?;
        let mut checkpoint =
            CheckpointWriter::create(&self.fs, &dir().join("wal"), first_kept - 1, Compression::Snappy, 32 << 10)
                .map_err(text)?;
        for (&number, (series, samples)) in &self.series {
            checkpoint.series(*series, labels(number).as_ref()).map_err(text)?;
            for (&at, &bits) in samples {
                checkpoint.sample(*series, at, f64::from_bits(bits)).map_err(text)?;
            }
        }
        for &(series, number) in &self.aliases {
            checkpoint.series(series, labels(number).as_ref()).map_err(text)?;
        }
        checkpoint.publish().map_err(text)?;
        self.log.truncate(first_kept).map_err(text)
    }
}

impl Store for LogStore {
    fn open(fs: &SimFs) -> Result<Self, String> {
        let wal = dir().join("wal");
        fs.create_dir_all(dir()).and_then(|()| fs.sync_dir(Path::new("/"))).map_err(text)?;
        let head = ModelHead::default();
        let replayed = replay(fs, &wal, &head, NonZeroUsize::MIN, &ReplayProgress::default()).map_err(text)?;
        salvage(fs, &dir().join("quarantine"), &replayed.report).map_err(text)?;
        let next_ref = head.highest_ref().map_or(1, |highest| highest.0 + 1);
        let aliases = head.aliases().into_iter().map(|(series, labels)| (series, number(&labels))).collect();
        let of = |series: testkit::ModelSeries| (number(&series.labels), (series.reference, series.samples));
        let series = head.into_series().into_iter().map(of).collect();
        let committers = Committers::start(NonZeroUsize::MIN).map_err(text)?;
        let options = LogOptions { segment_bytes: 32 << 10, ..LogOptions::default() };
        let log = Log::open(Arc::new(fs.clone()), &wal, options, &committers).map_err(text)?;
        let (fs, blocks, _committers) = (fs.clone(), Vec::new(), committers);
        let mut store = Self { fs, log, _committers, series, aliases, blocks, next_ref, next_block: 0 };
        store.read_blocks()?;
        Ok(store)
    }

    fn append(&mut self, samples: &[(u64, i64)]) -> Result<(), String> {
        let mut records = Records::default();
        for &(number, at) in samples {
            let next = SeriesRef(self.next_ref);
            let (series, held) = self.series.entry(number).or_insert_with(|| (next, BTreeMap::new()));
            if *series == next {
                self.next_ref += 1;
                records.series(next, labels(number).as_ref());
            }
            held.insert(at, value((number, at)));
            records.sample(*series, at, f64::from_bits(value((number, at))));
        }
        let position = self.log.sequence(&records).map_err(text)?;
        self.log.commit(position).wait().map(drop).map_err(text)
    }

    fn cut_block(&mut self, before_ms: i64) -> Result<(), String> {
        self.write_block(before_ms).map_err(text)?;
        // A series without samples goes; if it comes again it gets another reference.
        self.series.retain(|_, (_, samples)| !samples.is_empty());
        self.checkpoint()
    }

    fn samples(&self) -> Result<Vec<(u64, i64, u64)>, String> {
        let of = |(&number, (_, samples)): (&u64, &(SeriesRef, BTreeMap<i64, u64>))| {
            samples.iter().map(|(&at, &bits)| (number, at, bits)).collect::<Vec<_>>()
        };
        Ok(self.series.iter().flat_map(of).chain(self.blocks.iter().copied()).collect())
    }

    fn close(self) -> Result<(), String> {
        self.log.close().map_err(text)
    }
}

//! The database itself.

use super::Store;
use super::oracle::value;
use model::{Fingerprint, Fingerprinter, Labels, LabelsRef, ManualClock, SampleColumns, TimeRange};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::db::{Db, DbOptions, DbParts};
use tsdb::head::{AppendScratch, OutOfOrder};
use tsdb::wal::{Committers, LogOptions, ReplayProgress};
use tsdb::{AppendLimits, AppendSource, ChunkSeriesBatch, chunk};

pub(crate) struct DbStore {
    db: Db,
    scratch: AppendScratch,
}

/// Blocks are due after six rounds of a second.
const BLOCK_RANGE_MS: i64 = 4_000;

struct Batch {
    names: Fingerprinter,
    series: Vec<(Labels, i64, f64)>,
}

impl AppendSource for Batch {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn fingerprint(&self, index: usize) -> Fingerprint {
        self.names.of_labels(self.series[index].0.as_ref(), &mut Vec::new())
    }

    fn samples(&self, index: usize) -> impl Iterator<Item = (i64, f64)> {
        std::iter::once((self.series[index].1, self.series[index].2))
    }

    fn labels(&self, index: usize) -> Option<LabelsRef<'_>> {
        Some(self.series[index].0.as_ref())
    }
}

fn names() -> Fingerprinter {
    Fingerprinter::new([7; 192])
}

fn labels(number: u64) -> Labels {
    Labels::from_pairs([("__name__", "up".to_owned()), ("number", number.to_string())]).unwrap()
}

fn number(labels: LabelsRef<'_>) -> u64 {
    std::str::from_utf8(labels.get(b"number").unwrap()).unwrap().parse().unwrap()
}

fn text<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

impl Store for DbStore {
    fn open(fs: &SimFs) -> Result<Self, String> {
        let options = DbOptions {
            block_range_ms: BLOCK_RANGE_MS,
            retention_ms: None,
            external_labels: BTreeMap::new(),
            log: LogOptions { segment_bytes: 32 << 10, ..LogOptions::default() },
            out_of_order: OutOfOrder::default(),
            max_exemplars: 0,
            cores: NonZeroUsize::MIN,
        };
        let parts = DbParts {
            fs: Arc::new(fs.clone()),
            clock: Arc::new(ManualClock::at(1_700_000_000_000)),
            fingerprinter: names(),
            committers: Arc::new(Committers::start(NonZeroUsize::MIN).map_err(text)?),
        };
        let db = Db::open(Path::new("/data"), options, parts, &ReplayProgress::default()).map_err(text)?;
        Ok(Self { db, scratch: AppendScratch::default() })
    }

    fn append(&mut self, samples: &[(u64, i64)]) -> Result<(), String> {
        let of = |&(number, at): &(u64, i64)| (labels(number), at, f64::from_bits(value((number, at))));
        let batch = Batch { names: names(), series: samples.iter().map(of).collect() };
        let limits = AppendLimits { max_ms: i64::MAX, max_series: u64::MAX };
        let (appended, commit) = self.db.append(&batch, limits, &mut self.scratch).map_err(text)?;
        let _durable = commit.wait().map_err(text)?;
        if appended.accepted < samples.len() as u64 {
            return Err(format!("refused: {:?}", appended.refused));
        }
        Ok(())
    }

    fn cut_block(&mut self, _before_ms: i64) -> Result<(), String> {
        self.db.maintain().map(drop).map_err(text)
    }

    fn samples(&self) -> Result<Vec<(u64, i64, u64)>, String> {
        let (mut samples, mut batch, mut columns) = (Vec::new(), ChunkSeriesBatch::default(), SampleColumns::default());
        for source in self.db.sources(TimeRange::ALL) {
            let mut cursor = source.select(&[], TimeRange::ALL).map_err(text)?;
            loop {
                cursor.next_batch(16, false, &mut batch).map_err(text)?;
                if batch.is_empty() {
                    break;
                }
                for (labels, chunks) in batch.iter() {
                    for each in chunks {
                        columns.clear();
                        chunk::decode(each.encoding, &each.data, &mut columns).map_err(text)?;
                        let pairs = columns.timestamps_ms.iter().zip(&columns.values);
                        samples.extend(pairs.map(|(&at, value)| (number(labels), at, value.to_bits())));
                    }
                }
            }
        }
        Ok(samples)
    }

    fn close(self) -> Result<(), String> {
        self.db.close().map_err(text)
    }
}

//! Series in memory, for the tests beside the code.

use crate::{BatchError, SeriesBatch};
use model::{Labels, LabelsRef, SampleColumns};

/// Some series. Those whose label `broken` is set cannot be decoded.
#[derive(Debug, Clone)]
pub(crate) struct Fixture(pub(crate) Vec<(Labels, SampleColumns)>);

/// `a=1 b=2` as a label set.
pub(crate) fn labels(text: &str) -> Labels {
    Labels::from_pairs(text.split_whitespace().filter_map(|pair| pair.split_once('='))).unwrap()
}

impl Fixture {
    /// A series for each line `a=1 b=2 : 1 2 _ 3`: a value each minute from 0 on.
    pub(crate) fn new(lines: &[&str]) -> Self {
        let series = |line: &&str| {
            let (names, values) = line.split_once(':').unwrap();
            let mut columns = SampleColumns::default();
            for (minute, value) in values.split_whitespace().enumerate() {
                if value != "_" {
                    columns.push(minute as i64 * 60_000, value.parse().unwrap());
                }
            }
            (labels(names), columns)
        };
        Self(lines.iter().map(series).collect())
    }
}

impl SeriesBatch for Fixture {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, index: usize) -> LabelsRef<'_> {
        self.0[index].0.as_ref()
    }

    fn samples(&self, index: usize, columns: &mut SampleColumns) -> Result<(), BatchError> {
        let (labels, own) = &self.0[index];
        if labels.get(b"broken").is_some() {
            return Err(BatchError { labels: format!("{labels:?}"), fault: "chunk of no encoding".to_owned() });
        }
        columns.clone_from(own);
        Ok(())
    }

    fn size_bytes(&self) -> usize {
        0
    }
}

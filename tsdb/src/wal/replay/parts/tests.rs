use super::super::source::Batch;
use super::{Parts, bounded};
use crate::head::Part;
use crate::wal::record::SampleRun;
use crate::wal::replay::ReplayTarget;
use model::{LabelsRef, SeriesRef};
use std::time::Duration;

struct Nothing;

impl ReplayTarget for Nothing {
    type Scratch = ();

    fn series(&self, _series: SeriesRef, _labels: LabelsRef<'_>, (): &mut ()) {}

    fn samples(&self, _samples: SampleRun<'_>, _part: Part, (): &mut ()) {}
}

#[test]
fn every_batch_comes_back() {
    std::thread::scope(|scope| {
        let (empty, take_empty) = bounded(1);
        let parts = Parts::start(&Nothing, scope, 3, empty);
        let mut batch = Batch::default();
        for number in 0..20_000 {
            parts.apply(batch);
            batch = take_empty.recv_timeout(Duration::from_secs(10)).unwrap_or_else(|_| panic!("{number} is lost"));
        }
        parts.finish();
    });
}

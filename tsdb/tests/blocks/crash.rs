//! A crash at any step of writing a block leaves the whole block or none.

use crate::sample::{Series, labels, open, select, spec, write};
use model::TimeRange;
use std::path::Path;
use testkit::{Loss, SimFs};
use tsdb::block::{BlockWriteError, BlockWriter, parse_name};
use tsdb::fs::Fs;

const DIR: &str = "/data";

fn series() -> Series {
    (0..3_u64).map(|number| (labels(&[("n", &number.to_string())]), (0..8).map(|at| (at, number)).collect())).collect()
}

fn sim_fs() -> SimFs {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new(DIR)).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    fs
}

fn try_write(fs: &SimFs) -> Result<(), BlockWriteError> {
    let all = series();
    let spec = tsdb::block::BlockSpec { max_segment_bytes: 100, ..spec(&all) };
    let mut writer = BlockWriter::create(fs, Path::new(DIR), spec)?;
    for (labels, samples) in &all {
        writer.add(labels.as_ref(), &crate::sample::chunks(samples, 5))?;
    }
    writer.finish().map(drop)
}

#[test]
fn w25_a_block_is_there_whole_or_not_at_all() {
    let whole = sim_fs();
    let before = whole.steps();
    try_write(&whole).unwrap();
    let steps = whole.steps() - before;
    assert!(steps > 20, "{steps} steps");
    let mut seen = 0;
    for step in 0..=steps {
        for loss in
            [Loss::All, Loss::Torn(step), Loss::Torn(step + 1000), Loss::Reordered(step), Loss::Reordered(step + 1000)]
        {
            let fs = sim_fs();
            fs.stop_after(before + step);
            let written = try_write(&fs);
            let disk = fs.crash(loss);
            let names: Vec<_> = disk.read_dir(Path::new(DIR)).unwrap().into_iter().map(|entry| entry.name).collect();
            let blocks = names.iter().filter(|name| parse_name(name).is_some()).count();
            assert!(blocks == 1 || written.is_err(), "step {step}, {loss:?}: acknowledged, but there is {names:?}");
            if blocks == 1 {
                let block =
                    open(&disk, Path::new(DIR)).unwrap_or_else(|error| panic!("step {step}, {loss:?}: {error}"));
                assert_eq!(select(&block, &[], TimeRange::ALL).unwrap(), series().into_iter().collect::<Vec<_>>());
                seen += 1;
            }
        }
    }
    assert!(seen > 5);
}

#[test]
fn a_disk_that_does_not_sync_is_caught_by_the_test_above() {
    let fs = sim_fs();
    fs.ignore_sync_data();
    write(&fs, Path::new(DIR), spec(&series()), &series());
    assert!(open(&fs.crash(Loss::All), Path::new(DIR)).is_err());
}

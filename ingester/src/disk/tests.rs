use super::*;
use std::path::Path;
use testkit::SimFs;

#[test]
fn writes_stop_below_the_floor_and_go_on_clearly_above_it() {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new("/data")).unwrap();
    let floor = DiskFloor::new(Arc::new(fs.clone()), "/data".into(), 1000);
    assert_eq!(floor.too_low(), None);
    for (free_bytes, low) in
        [(5000, false), (1000, false), (999, true), (1000, true), (1099, true), (1100, false), (1000, false), (0, true)]
    {
        fs.set_capacity_bytes(Some(free_bytes));
        floor.check().unwrap();
        assert_eq!((floor.too_low(), floor.free_bytes()), (low.then_some(1000), free_bytes));
    }
}

#[test]
fn a_file_system_that_does_not_answer_changes_nothing() {
    let fs = SimFs::new();
    let floor = DiskFloor::new(Arc::new(fs.clone()), "/data".into(), 1000);
    fs.stop_after(0);
    assert!(fs.create_dir_all(Path::new("/data")).is_err());
    assert!(floor.check().is_err());
    assert_eq!(floor.too_low(), None);
}

#[test]
fn before_the_first_start_the_directory_above_is_asked() {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new("/data")).unwrap();
    fs.set_capacity_bytes(Some(500));
    let floor = DiskFloor::new(Arc::new(fs), "/data/receive/not/yet".into(), 1000);
    floor.check().unwrap();
    assert_eq!((floor.too_low(), floor.free_bytes()), (Some(1000), 500));
    // A relative path ends in the working directory.
    let floor = DiskFloor::new(Arc::new(tsdb::fs::StdFs), "not-there/receive".into(), 1);
    floor.check().unwrap();
    assert!(floor.free_bytes() > 0);
}

#[test]
fn a_floor_of_zero_is_none() {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new("/data")).unwrap();
    fs.set_capacity_bytes(Some(0));
    let floor = DiskFloor::new(Arc::new(fs), "/data".into(), 0);
    floor.check().unwrap();
    assert_eq!(floor.too_low(), None);
}

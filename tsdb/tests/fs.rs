//! The real file system keeps the contract that the simulated one keeps.

#[test]
fn std_fs_behaves_as_a_file_system() {
    let dir = tempfile::tempdir().unwrap();
    testkit::fs_contract::check(&tsdb::fs::StdFs, dir.path());
}

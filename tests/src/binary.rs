//! Where the program under test is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program `gauntlet`: `$GAUNTLET_BIN`, or what cargo builds of it now, in the profile this test was built in.
///
/// Cargo builds the programs of a package before that package's tests, but these tests are another package.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("GAUNTLET_BIN").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    // …/target/PROFILE/deps/e2e-HASH
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).expect("a test below target/PROFILE/deps");
    let profile = match folder.file_name().and_then(|name| name.to_str()).expect("a profile") {
        "debug" => "dev",
        name => name,
    };
    let target = folder.parent().expect("a target directory");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", "gauntlet", "--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "gauntlet does not build: {status}");
    folder.join("gauntlet")
}

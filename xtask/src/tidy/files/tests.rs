use super::*;

fn check(path: &str, text: &str, expected: Option<&str>) {
    let found = check_file(&Source { path: path.into(), text: text.into() });
    match expected {
        None => assert!(found.is_empty(), "{found:?}"),
        Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{found:?} does not speak of {part:?}"),
    }
}

#[test]
fn an_ordinary_file_has_no_fault() {
    check("tsdb/src/wal.rs", "//! A log.\n", None);
}

#[test]
fn modules_stand_beside_their_folders() {
    check("tsdb/src/wal/mod.rs", "", Some("beside its folder"));
}

#[test]
fn long_files_are_split_but_tests_may_be_long() {
    let long = "\n".repeat(MAX_LINES + 1);
    check("tsdb/src/wal.rs", &long, Some("split it"));
    check("tsdb/src/wal/tests.rs", &long, None);
}

#[test]
fn durability_is_witnessed_in_two_places() {
    let text = "Durable::witnessed()";
    check("router/src/app.rs", text, Some("makes a Durable"));
    check("tsdb/src/wal/log.rs", text, None);
    check("router/src/app/tests.rs", text, None);
}

#[test]
fn the_engine_reaches_files_through_its_seam() {
    check("tsdb/src/head.rs", "use std::fs::File;", Some("std::fs"));
    check("tsdb/src/fs/std.rs", "use std::fs::File;", None);
}

#[test]
fn markers_are_no_plan() {
    check("query/src/api.rs", "// TODO(me): later", Some("file an issue"));
}

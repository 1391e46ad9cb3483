use super::*;

fn check(members: &[&str], edges: &[(&str, &str, bool)], expected: &[&str]) {
    let members = members.iter().map(|name| (*name, layer(name))).collect();
    let edges = edges.iter().map(|(from, to, dev)| Edge { from, to, dev: *dev });
    let found = faults(&members, edges);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (fault, part) in found.iter().zip(expected) {
        assert!(fault.contains(part), "{fault:?} does not speak of {part:?}");
    }
}

#[test]
fn arrows_point_down() {
    check(&["model", "tsdb", "router"], &[("tsdb", "model", false), ("router", "tsdb", false)], &[]);
}

#[test]
fn a_component_may_not_use_a_component() {
    check(&["router", "query"], &[("router", "query", false)], &["router (layer 3) may not depend on query"]);
}

#[test]
fn nor_may_an_arrow_point_up() {
    check(&["model", "tsdb"], &[("model", "tsdb", false)], &["model (layer 0)"]);
}

#[test]
fn the_top_may_use_anything() {
    check(&["gauntlet", "e2e", "query"], &[("gauntlet", "query", false), ("e2e", "gauntlet", false)], &[]);
}

#[test]
fn the_test_kit_stays_in_tests() {
    check(&["tsdb", "testkit"], &[("tsdb", "testkit", true)], &[]);
    check(&["tsdb", "testkit"], &[("tsdb", "testkit", false)], &["outside its tests"]);
}

#[test]
fn an_unknown_crate_or_an_empty_look_is_a_fault() {
    check(&["model", "common", "tsdb"], &[("tsdb", "model", false)], &["crate common has no layer"]);
    check(&["model"], &[], &["no dependency"]);
}

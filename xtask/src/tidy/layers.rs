//! Dependencies point to lower layers only (ARCHITECTURE.md).

use crate::metadata::Metadata;
use std::collections::BTreeMap;

/// The layer of a crate of this repository; `None` for one the list does not know.
fn layer(name: &str) -> Option<u8> {
    Some(match name {
        "model" => 0,
        "tsdb" | "proto" | "promql" | "telemetry" | "template" | "flags" => 1,
        "service" | "bucket" | "storeapi" => 2,
        "router" | "ingester" | "store" | "query" | "frontend" | "compactor" | "ruler" => 3,
        "gauntlet" | "e2e" | "benches" | "xtask" | "testkit" => 4,
        _ => return None,
    })
}

/// Crates that others may use in tests, and there only.
const FOR_TESTS: [&str; 1] = ["testkit"];

pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    let edges = metadata.members().flat_map(|member| {
        member.dependencies.iter().map(move |dependency| Edge {
            from: &member.name,
            to: &dependency.name,
            dev: dependency.kind.as_deref() == Some("dev"),
        })
    });
    let members: BTreeMap<&str, Option<u8>> =
        metadata.members().map(|member| (member.name.as_str(), layer(&member.name))).collect();
    faults(&members, edges)
}

struct Edge<'a> {
    from: &'a str,
    to: &'a str,
    dev: bool,
}

fn faults<'a>(members: &BTreeMap<&str, Option<u8>>, edges: impl Iterator<Item = Edge<'a>>) -> Vec<String> {
    let mut faults: Vec<String> = members
        .iter()
        .filter(|(_, layer)| layer.is_none())
        .map(|(name, _)| format!("crate {name} has no layer: add it to xtask/src/tidy/layers.rs"))
        .collect();
    let mut seen = 0;
    for Edge { from, to, dev } in edges {
        let (Some(Some(above)), Some(Some(below))) = (members.get(from), members.get(to)) else {
            continue;
        };
        seen += 1;
        if FOR_TESTS.contains(&to) && !dev && *above < 4 {
            faults.push(format!("{from} uses {to} outside its tests: make it a dev-dependency"));
        } else if *above < 4 && below >= above && !dev {
            faults.push(format!("{from} (layer {above}) may not depend on {to} (layer {below})"));
        }
    }
    if seen == 0 {
        faults.push("no dependency between crates was seen: the check of layers would pass on anything".into());
    }
    faults
}

#[cfg(test)]
mod tests;

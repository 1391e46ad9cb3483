//! Foreign crates come under licences that `deny.toml` allows, and those it bans do not come at all.

use crate::metadata::Metadata;
use anyhow::{Context, ensure};
use std::collections::BTreeSet;

pub(super) fn check(metadata: &Metadata) -> anyhow::Result<Vec<String>> {
    let text =
        std::fs::read_to_string(metadata.workspace_root.join("deny.toml")).context("deny.toml cannot be read")?;
    let allowed = strings_of(&text, "allow = [");
    let banned = strings_of(&text, "deny = [");
    ensure!(!allowed.is_empty() && !banned.is_empty(), "deny.toml has no list `allow` or `deny`");
    let mut faults = Vec::new();
    for package in metadata.foreign() {
        let (name, version) = (&package.name, &package.version);
        if banned.contains(name.as_str()) {
            faults.push(format!("{name} {version} is banned by deny.toml: `cargo tree -i {name}` tells who brings it"));
        }
        let licence = package.license.as_deref().unwrap_or("none");
        if !is_allowed(licence, &allowed) {
            faults.push(format!("{name} {version} comes under {licence:?}, which deny.toml does not allow"));
        }
    }
    Ok(faults)
}

/// The quoted strings of the list that `opening` opens.
fn strings_of<'a>(text: &'a str, opening: &str) -> BTreeSet<&'a str> {
    let list = text.split_once(opening).and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).collect()
}

/// Whether an SPDX expression can be met: every `AND` side, one of each `OR`. Brackets only group `OR`s in practice.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    expression.split(" AND ").all(|all| {
        all.split(" OR ")
            .flat_map(|any| any.split('/'))
            .any(|licence| allowed.contains(licence.trim_matches(['(', ')', ' '])))
    })
}

#[cfg(test)]
mod tests;

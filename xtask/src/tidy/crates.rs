//! Every crate says what it is and holds to the workspace's lints; a component has the first files all components have.

use crate::metadata::{Metadata, Package};
use anyhow::Context;

/// The files by which one finds one's way in any component.
const COMPONENT_FILES: [&str; 4] = ["lib.rs", "config.rs", "app.rs", "metrics.rs"];
const COMPONENTS: [&str; 7] = ["router", "ingester", "store", "query", "frontend", "compactor", "ruler"];

pub(super) fn check(metadata: &Metadata) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for member in metadata.members() {
        faults.extend(check_crate(member)?);
    }
    Ok(faults)
}

fn check_crate(member: &Package) -> anyhow::Result<Vec<String>> {
    let name = &member.name;
    let mut faults = Vec::new();
    let mut fault = |what: &str| faults.push(format!("crate {name}: {what}"));
    if member.description.as_deref().is_none_or(str::is_empty) {
        fault("has no description in its Cargo.toml");
    }
    let manifest = std::fs::read_to_string(&member.manifest_path).context("a manifest cannot be read")?;
    if !manifest.contains("[lints]\nworkspace = true") {
        fault("does not take the workspace's lints: add `[lints] workspace = true`");
    }
    for target in member.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "lib" || kind == "bin")) {
        let text = std::fs::read_to_string(&target.src_path).context("a crate root cannot be read")?;
        if !text.starts_with("//!") {
            fault(&format!("{} does not begin with what it is (`//!`)", target.src_path.display()));
        }
    }
    if COMPONENTS.contains(&name.as_str()) {
        let src = member.manifest_path.with_file_name("src");
        for file in COMPONENT_FILES.iter().filter(|file| !src.join(file).exists()) {
            fault(&format!("is a component without src/{file}"));
        }
    }
    Ok(faults)
}

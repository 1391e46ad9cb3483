//! What `/metrics` shows is what dashboards made for Thanos ask for.

use e2e::{Series, Server};
use std::collections::{BTreeMap, BTreeSet};

/// Type and label names of a family; `le` counts, as in the recordings.
type Family = (String, BTreeSet<String>);

/// The families of a text exposition.
fn families(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            assert!(!families.contains_key(name), "{name} appears twice");
            name.clone_into(&mut current);
            families.insert(current.clone(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&current), "{line} stands below {current}");
            let labels = line.split_once('{').map_or("", |(_, rest)| rest.rsplit_once("} ").unwrap_or_default().0);
            let names = labels.split("\",").filter_map(|pair| pair.split_once("=\"")).map(|(name, _)| name.to_owned());
            families.get_mut(&current).unwrap().1.extend(names);
        }
    }
    families
}

/// The recorded families of one component.
fn recorded(test: &str, component: &str) -> Option<BTreeMap<String, Family>> {
    let path = testkit::golden(test, &format!("metrics/{component}.json"))?;
    let rows: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let family = |row: &serde_json::Value| {
        let labels = row["labels"].as_array().unwrap().iter().map(text).collect();
        (text(&row["name"]), (text(&row["type"]), labels))
    };
    Some(rows.iter().map(family).collect())
}

#[tokio::test]
async fn families_that_every_thanos_program_has_are_there() {
    const TEST: &str = "families_that_every_thanos_program_has_are_there";
    let dir = tempfile::tempdir().unwrap();
    let gauntlet = Server::standalone(dir.path()).start().await;
    let now_ms = crate::write_and_query::now_ms();
    assert_eq!(gauntlet.write(&[Series::new("up", &[], &[(now_ms, 1.0)])]).await.status, 200);
    gauntlet.query("up", now_ms).await;
    let ours = families(&gauntlet.get("/metrics").await.body);
    assert!(ours.len() > 30, "{} families", ours.len());
    for component in ["receive", "query"] {
        let Some(theirs) = recorded(TEST, component) else { return };
        let shared = |name: &str| name.starts_with("http_") || name.starts_with("process_") || name == "thanos_status";
        let mut compared = 0;
        for (name, family) in theirs.iter().filter(|(name, _)| shared(name)) {
            assert_eq!(ours.get(name), Some(family), "{name}");
            compared += 1;
        }
        assert!(compared >= 14, "compared only {compared} of {component}");
        // Whatever else both have is of one type.
        for (name, (kind, _)) in &ours {
            assert!(theirs.get(name).is_none_or(|(theirs, _)| theirs == kind), "{name} is a {kind} here");
        }
    }
}

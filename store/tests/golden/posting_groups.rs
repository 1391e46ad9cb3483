//! Which lists matchers need.

use crate::{matchers, rows};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tsdb::cursor::push_uvarint;
use tsdb::index::postings::{PostingsRow, PostingsTable};
use tsdb::index::select::{Plan, Table};

type Values = BTreeMap<String, BTreeSet<String>>;

/// The content of a postings table with those labels, and the list of all series.
fn content(labels: &Values) -> Vec<u8> {
    let labels =
        labels.iter().flat_map(|(name, values)| values.iter().map(move |value| (name.as_str(), value.as_str())));
    let rows: Vec<_> = std::iter::once(("", "")).chain(labels).collect();
    let mut bytes = u32::try_from(rows.len()).unwrap().to_be_bytes().to_vec();
    for (name, value) in rows {
        bytes.push(2);
        for string in [name, value] {
            push_uvarint(&mut bytes, string.len() as u64);
            bytes.extend_from_slice(string.as_bytes());
        }
        bytes.push(0);
    }
    bytes
}

fn texts(of: &Value) -> BTreeSet<String> {
    of.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn values_of<'r>(rows: impl IntoIterator<Item = &'r PostingsRow<'r>>, name: &str) -> BTreeSet<String> {
    let rows = rows.into_iter().filter(|row| row.name == name.as_bytes());
    rows.map(|row| String::from_utf8(row.value.to_vec()).unwrap()).collect()
}

/// A series is found by Thanos' groups if it is found by ours: values that no series has may differ, and where none of a group
/// is left, ours says at once that there is nothing.
fn check(plan: Option<&Plan<'_>>, groups: &Value, have: &Values, row: &Value) {
    let Some(groups) = groups.as_array() else {
        assert!(plan.is_none(), "{row}: {plan:?}");
        return;
    };
    let in_block = |group: &Value, of: &str| {
        let values = have.get(group["name"].as_str().unwrap()).cloned().unwrap_or_default();
        texts(&group[of]).intersection(&values).cloned().collect::<BTreeSet<String>>()
    };
    let (all, picked): (Vec<_>, Vec<_>) = groups.iter().partition(|group| group["add_all"] == true);
    if picked.iter().any(|group| in_block(group, "add").is_empty()) {
        assert!(plan.is_none(), "{row}: {plan:?}");
        return;
    }
    let plan = plan.unwrap_or_else(|| panic!("nothing is found: {row}"));
    assert_eq!(plan.picked().count(), picked.len().max(1), "{row}: {plan:?}");
    for group in &picked {
        let name = group["name"].as_str().unwrap();
        assert_eq!(values_of(plan.picked().flatten(), name), in_block(group, "add"), "{name} {row}");
    }
    for group in &all {
        let name = group["name"].as_str().unwrap();
        assert_eq!(values_of(plan.taken_away(), name), in_block(group, "remove"), "{name} {row}");
    }
    let removed: usize = all.iter().map(|group| in_block(group, "remove").len()).sum();
    assert_eq!(plan.taken_away().len(), removed, "{row}: {plan:?}");
}

#[test]
fn matchers_need_the_lists_they_need_in_thanos() {
    let test = "matchers_need_the_lists_they_need_in_thanos";
    let Some(path) = testkit::golden(test, "store/posting_groups.jsonl") else { return };
    let (mut have, mut compared, mut found) = (Values::new(), 0, 0);
    for row in rows(&path) {
        if let Some(labels) = row["label_values"].as_object() {
            have = labels.iter().map(|(name, values)| (name.clone(), texts(values))).collect();
            continue;
        }
        let content = content(&have);
        let table = PostingsTable::scan(&content).unwrap();
        let plan = Plan::of(Table { table: &table, content: &content }, &matchers(&row["matchers"]));
        check(plan.as_ref(), &row["groups"], &have, &row);
        compared += 1;
        found += usize::from(plan.is_some());
    }
    println!("{compared} sets of matchers compared, {found} of them can find something");
    assert!(compared > 100 && found > 50, "{compared} compared, {found} can find something");
}

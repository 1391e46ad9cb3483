use super::{Found, ShipRules, Step, find_overlap, plan};
use std::collections::BTreeSet;
use std::path::Path;
use tsdb::SourceError;
use tsdb::block::Meta;
use ulid::Ulid;

/// A block of two hours from `hour` on, of a number of samples, at a level.
fn block(id: u128, hour: i64, samples: u64, level: u32) -> Meta {
    let ulid = Ulid(id).to_string();
    let text = format!(
        r#"{{"ulid":"{ulid}","minTime":{},"maxTime":{},"stats":{{"numSamples":{samples}}},"compaction":{{"level":{level}}},
        "version":1,"thanos":{{"labels":{{"a":"b"}}}}}}"#,
        hour * 3_600_000,
        (hour + 2) * 3_600_000,
    );
    Meta::decode(text.as_bytes(), &Path::new(&ulid).join("meta.json")).unwrap()
}

fn found(metas: Vec<Meta>) -> Vec<Found> {
    metas.into_iter().map(|meta| Found::Block(Box::new(meta))).collect()
}

/// What is done with blocks, as `listed 1`, `ship 2`, `ship 2 if alone`.
#[track_caller]
fn check(found: Vec<Found>, listed: &[u128], rules: ShipRules, want: &[&str]) {
    let listed: BTreeSet<Ulid> = listed.iter().map(|id| Ulid(*id)).collect();
    let plan = plan(found, &listed, rules).unwrap();
    let steps: Vec<String> = plan
        .steps
        .iter()
        .map(|step| match step {
            Step::Listed(block) => format!("listed {}", block.0),
            Step::Ship { meta, check_overlap: false } => format!("ship {}", meta.ulid.0),
            Step::Ship { meta, check_overlap: true } => format!("ship {} if alone", meta.ulid.0),
        })
        .chain(plan.passed_over.iter().map(|block| format!("pass {}", block.0)))
        .collect();
    assert_eq!(steps, want);
}

#[test]
fn blocks_go_up_oldest_first() {
    let all = vec![block(1, 4, 9, 1), block(2, 0, 9, 1), block(3, 2, 9, 1)];
    check(found(all.clone()), &[], ShipRules::default(), &["ship 2", "ship 3", "ship 1"]);
    check(found(all), &[3], ShipRules::default(), &["ship 2", "listed 3", "ship 1"]);
}

#[test]
fn empty_and_compacted_blocks_stay() {
    let all = || found(vec![block(1, 0, 0, 1), block(2, 2, 9, 2), block(3, 4, 9, 1)]);
    check(all(), &[], ShipRules::default(), &["ship 3"]);
    let rules = ShipRules { compacted: true, ..ShipRules::default() };
    check(all(), &[], rules, &["ship 2 if alone", "ship 3"]);
    check(all(), &[2], ShipRules::default(), &["listed 2", "ship 3"]);
    check(all(), &[], ShipRules { out_of_order: true, ..rules }, &["ship 2", "ship 3"]);
}

#[test]
fn what_cannot_be_read_ends_it_or_is_passed_over() {
    let all = || {
        let fault = SourceError::Corrupt { file: "meta.json".into(), offset: 0, fault: "torn".into() };
        let mut all = found(vec![block(1, 0, 9, 1)]);
        all.push(Found::Corrupted { block: Ulid(2), fault });
        all
    };
    assert!(plan(all(), &BTreeSet::new(), ShipRules::default()).is_err());
    let rules = ShipRules { skip_corrupted: true, ..ShipRules::default() };
    check(all(), &[], rules, &["ship 1", "pass 2"]);
}

#[test]
fn neighbours_are_no_overlap() {
    let labels = [("a".to_owned(), "b".to_owned())].into();
    let others = [block(1, 0, 9, 1), block(2, 4, 9, 1)];
    assert_eq!(find_overlap(&block(9, 2, 9, 2), &labels, &others), None);
    assert_eq!(find_overlap(&block(9, 1, 9, 2), &labels, &others), Some(Ulid(1)));
    assert_eq!(find_overlap(&block(9, 3, 9, 2), &labels, &others), Some(Ulid(2)));
    assert_eq!(find_overlap(&block(2, 3, 9, 2), &labels, &others), None);
    assert_eq!(find_overlap(&block(9, 0, 9, 2), &[("a".to_owned(), "c".to_owned())].into(), &others), None);
}

#[test]
fn what_was_deleted_from_is_not_shipped_but_stays_listed() {
    let stones = |id| {
        let mut meta = block(id, 0, 10, 1);
        meta.stats.num_tombstones = 1;
        meta
    };
    check(found(vec![stones(1), stones(2), block(3, 2, 10, 1)]), &[2], ShipRules::default(), &["listed 2", "ship 3"]);
}

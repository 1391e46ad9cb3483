use super::{FEW, chain};
use model::SampleColumns;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn columns(samples: &[(i64, f64)]) -> SampleColumns {
    let mut columns = SampleColumns::default();
    samples.iter().for_each(|&(timestamp_ms, value)| columns.push(timestamp_ms, value));
    columns
}

#[track_caller]
fn check(replicas: &[&[(i64, f64)]], want: &[(i64, f64)]) {
    let replicas: Vec<_> = replicas.iter().map(|samples| columns(samples)).collect();
    let mut out = columns(&[(1, 1.0)]);
    chain(&replicas, &mut out);
    assert_eq!(out, columns(want));
}

#[test]
fn all_samples_each_timestamp_once() {
    check(&[], &[]);
    check(&[&[]], &[]);
    check(&[&[(1, 1.0), (2, 2.0)]], &[(1, 1.0), (2, 2.0)]);
    check(&[&[], &[(1, 1.0)], &[]], &[(1, 1.0)]);
    check(&[&[(1, 1.0), (4, 4.0)], &[(2, 2.0), (3, 3.0)]], &[(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]);
    check(&[&[(1, 1.0), (2, 2.0)], &[(1, 11.0), (2, 12.0)]], &[(1, 11.0), (2, 12.0)]);
    check(&[&[(i64::MIN, 1.0)], &[(i64::MAX, 2.0)]], &[(i64::MIN, 1.0), (i64::MAX, 2.0)]);
}

proptest! {
    #[test]
    fn as_a_map_of_timestamps(replicas in prop::collection::vec(prop::collection::btree_map(-50_i64..50, 0_u32..1_000, 0..30), 0..FEW + 4)) {
        let all: Vec<_> = replicas.iter().map(|replica| {
            columns(&replica.iter().map(|(at_ms, value)| (*at_ms, f64::from(*value))).collect::<Vec<_>>())
        }).collect();
        let mut out = SampleColumns::default();
        chain(&all, &mut out);
        let mut want = BTreeMap::<i64, Vec<f64>>::new();
        for (at_ms, value) in replicas.iter().flatten() {
            want.entry(*at_ms).or_default().push(f64::from(*value));
        }
        prop_assert!(out.timestamps_ms.iter().eq(want.keys()));
        for (value, of) in out.values.iter().zip(want.values()) {
            prop_assert!(of.contains(value));
        }
    }
}

//! `store/shard.jsonl`: which shards a label set is in.

use model::Labels;
use serde_json::Value;
use storeapi::Shard;

#[test]
fn shards_hold_what_thanos_says() {
    let Some(path) = testkit::golden("shards_hold_what_thanos_says", "store/shard.jsonl") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for case in &cases {
        let labels = case["labels"].as_object().unwrap().iter();
        let labels = Labels::from_pairs(labels.map(|(name, value)| (name.as_str(), value.as_str().unwrap()))).unwrap();
        let listed = case["shard_labels"].as_array().unwrap().iter();
        let listed: Vec<Vec<u8>> = listed.map(|name| name.as_str().unwrap().as_bytes().to_vec()).collect();
        let total = case["total_shards"].as_u64().unwrap();
        let by = case["by"].as_bool().unwrap();
        let holds = |index: &u64| Shard { index: *index, total, by, labels: listed.clone() }.holds(labels.as_ref());
        let holding: Vec<u64> = (0..total.max(1)).filter(holds).collect();
        let expected: Vec<u64> =
            case["matching_shards"].as_array().unwrap().iter().map(|index| index.as_u64().unwrap()).collect();
        assert_eq!(holding, expected, "{case}");
    }
    assert!(cases.len() > 100, "{}", cases.len());
    eprintln!("{} label sets are in the shards they should be in", cases.len());
}

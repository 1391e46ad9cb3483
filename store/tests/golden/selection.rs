//! Pure decisions: ranges read together, blocks chosen, matchers left for a block.

use crate::{matcher, matchers, rows};
use model::{Labels, TimeRange};
use store::partition::partition;
use store::selection::{Span, for_range, left_for_block};

#[test]
fn ranges_are_joined_as_in_thanos() {
    let Some(path) = testkit::golden("ranges_are_joined_as_in_thanos", "store/partition.jsonl") else { return };
    for row in rows(&path) {
        let pairs = row["ranges"].as_array().into_iter().flatten();
        let ranges: Vec<_> = pairs.map(|pair| pair[0].as_u64().unwrap()..pair[1].as_u64().unwrap()).collect();
        let got = partition(&ranges, row["max_gap"].as_u64().unwrap());
        let got = got
            .iter()
            .map(|part| serde_json::json!([part.range.start, part.range.end, part.members.start, part.members.end]));
        let want = row["parts"].as_array().cloned().unwrap_or_default();
        assert_eq!(got.collect::<Vec<_>>(), want, "{row}");
    }
}

#[test]
fn blocks_are_chosen_as_in_thanos() {
    let Some(path) = testkit::golden("blocks_are_chosen_as_in_thanos", "store/get_for.jsonl") else { return };
    let mut compared = 0;
    for row in rows(&path) {
        let mut blocks: Vec<(String, Span)> = row["blocks"].as_array().into_iter().flatten().map(block).collect();
        blocks.sort_by_key(|(_, span)| span.min_ms);
        let spans: Vec<Span> = blocks.iter().map(|(_, span)| *span).collect();
        for query in row["queries"].as_array().unwrap() {
            let number = |name: &str| query[name].as_i64().unwrap();
            let range = TimeRange::new(number("mint"), number("maxt"));
            let chosen = range.map(|range| for_range(&spans, range, number("max_resolution"))).unwrap_or_default();
            let wanted = matchers(&query["block_matchers"]);
            let ids = chosen.into_iter().map(|index| blocks[index].0.clone());
            let mut got: Vec<_> = ids.filter(|id| wanted.iter().all(|one| one.matches(id.as_bytes()))).collect();
            let want = query["out"].as_array().into_iter().flatten().map(|id| id.as_str().unwrap().to_owned());
            let mut want: Vec<_> = want.collect();
            // Thanos may name a block twice, and the order of equal ones is not defined.
            got.sort();
            want.sort();
            want.dedup();
            assert_eq!(got, want, "{query} {}", row["blocks"]);
            compared += 1;
        }
    }
    assert!(compared > 500, "compared only {compared}");
}

fn block(of: &serde_json::Value) -> (String, Span) {
    let number = |index: usize| of[index].as_i64().unwrap();
    let span = Span { min_ms: number(1), end_ms: number(2), resolution_ms: number(3) };
    (of[0].as_str().unwrap().to_owned(), span)
}

#[test]
fn external_labels_decide_matchers_as_in_thanos() {
    let test = "external_labels_decide_matchers_as_in_thanos";
    let Some(path) = testkit::golden(test, "store/external_labels.jsonl") else { return };
    for row in rows(&path) {
        let pairs = row["external_labels"].as_object().unwrap();
        let external = Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())));
        let left = left_for_block(external.unwrap().as_ref(), &matchers(&row["matchers"]));
        assert_eq!(left.is_some(), row["block_set_matches"].as_bool().unwrap(), "{row}");
        let want = row["block_set_matchers_left"].as_array().into_iter().flatten();
        let want: Vec<_> = want.map(|text| matcher(text.as_str().unwrap())).collect();
        assert!(left.is_none_or(|left| left == want), "{row}");
    }
}

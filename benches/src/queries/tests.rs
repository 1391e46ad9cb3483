use super::*;
use clap::ValueEnum;
use question::Call;
use std::collections::BTreeSet;

#[test]
fn every_question_has_a_name_of_its_own() {
    for group in Group::value_variants() {
        let questions = group.questions();
        let names: BTreeSet<_> = questions.iter().map(|question| &question.name).collect();
        assert_eq!(names.len(), questions.len(), "{group:?}");
    }
}

#[test]
fn no_expression_has_a_gap_left() {
    let gaps = ["ONE", "TWO", "THREE", "FOUR", "IN}", "REQ", "RESP", "BUCKET", "NH", "_X"];
    let calls = Group::value_variants().iter().flat_map(|group| group.questions()).flat_map(|question| question.calls);
    let mut seen = 0;
    for call in calls {
        let (Call::Instant(query) | Call::Range(query, ..)) = call else {
            continue;
        };
        seen += 1;
        assert!(gaps.iter().all(|gap| !query.contains(gap)), "{query}");
    }
    assert!(seen > 300, "{seen} expressions only");
}

#[test]
fn prometheus_benchmarks_have_so_many_questions() {
    assert_eq!(Group::Upstream.questions().len(), 2 * (37 * 2 + 4) + 3 * 2 + 2);
}

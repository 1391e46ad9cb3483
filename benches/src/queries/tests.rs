use super::*;
use clap::ValueEnum;
use question::Call;
use std::collections::BTreeSet;

#[test]
fn every_question_has_a_name_of_its_own() {
    let groups = Group::value_variants().iter().map(|group| group.questions());
    for questions in groups.chain([downsampled()]) {
        let names: BTreeSet<_> = questions.iter().map(|question| &question.name).collect();
        assert_eq!(names.len(), questions.len(), "{names:?}");
    }
}

fn downsampled() -> Vec<Question> {
    downsampled::questions().into_iter().chain(downsampled::auto_questions()).collect()
}

#[test]
fn no_expression_has_a_gap_left() {
    let gaps = ["ONE", "TWO", "THREE", "FOUR", "IN}", "REQ", "RESP", "BUCKET", "NH", "_X", "COUNTER", "GAUGE"];
    let questions = Group::value_variants().iter().flat_map(|group| group.questions()).chain(downsampled());
    let calls = questions.flat_map(|question| question.calls);
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

#[test]
fn what_counts_is_the_least_of_all_processes_and_of_each() {
    let asked = |cpu_ms, process_ms: [f64; 2]| Asked { cpu_ms, process_ms: process_ms.into(), ..Asked::default() };
    let mut least = asked(5.0, [4.0, 1.0]);
    least.keep_least(&asked(5.5, [3.0, 2.5]));
    assert_eq!((least.cpu_ms, least.process_ms.as_slice()), (5.0, &[3.0, 1.0][..]));

    let row = Row { question: Question::instant("a", "a"), asked: vec![("one".to_owned(), least)] };
    assert_eq!(row.of_process(1).asked[0].1.cpu_ms, 1.0);
}

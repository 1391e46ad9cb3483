use super::*;

fn answer(result_type: &str, result: &str) -> Answer {
    let mut answer = Answer::default();
    let body = format!(r#"{{"status":"success","data":{{"resultType":"{result_type}","result":{result}}}}}"#);
    answer.add(0, body.as_bytes());
    answer
}

#[track_caller]
fn check(ours: &Answer, theirs: &Answer, want: &str) {
    assert_eq!(ours.difference(theirs).to_string(), want);
}

#[test]
fn our_external_labels_and_names_make_no_difference() {
    let ours = r#"[{"metric":{"__name__":"a","replica":"r","tenant_id":"t","l":"1"},"value":[7.5,"3"]}]"#;
    check(&answer("vector", ours), &answer("vector", r#"[{"metric":{"l":"1"},"value":[7.5,"3"]}]"#), "equal");
}

#[test]
fn each_value_that_is_missing_counts() {
    let ours = answer("matrix", r#"[{"metric":{},"values":[[1,"3"],[2,"4"],[3,"5"]]}]"#);
    let theirs = answer("matrix", r#"[{"metric":{},"values":[[1,"3"],[3,"6"],[4,"7"]]}]"#);
    check(&ours, &theirs, "3 values here, 3 there, 2 on one side only, others within 2e-1");
    assert!(ours.difference(&theirs).is_real());
    assert_eq!(ours.difference(&theirs).place(), ", at 2000 ms of request 0 {}");
    check(&answer("vector", "[]"), &answer("vector", "[]"), "both empty");
}

#[test]
fn what_is_not_finite_is_equal_to_itself_only() {
    let of = |value: &str| answer("scalar", &format!(r#"[1,"{value}"]"#));
    check(&of("NaN"), &of("NaN"), "equal");
    check(&of("+Inf"), &of("+Inf"), "equal");
    check(&of("+Inf"), &of("1"), "within inf");
    check(&of("NaN"), &of("1"), "within inf");
}

#[test]
fn histograms_are_compared_bucket_by_bucket() {
    let of = |count: u32| {
        let histogram = format!(r#"{{"count":"{count}","sum":"9","buckets":[[0,"1","2","4"],[0,"2","4","{count}"]]}}"#);
        answer("vector", &format!(r#"[{{"metric":{{"l":"1"}},"histogram":[1,{histogram}]}}]"#))
    };
    check(&of(6), &of(6), "equal");
    check(&of(6), &of(8), "within 2e-1");
    assert_eq!(of(6).values(), 4);
}

#[test]
fn equal_values_may_be_of_other_series() {
    let of = |label: &str, value: &str| {
        answer("vector", &format!(r#"[{{"metric":{{"l":"{label}"}},"value":[1,"{value}"]}}]"#))
    };
    assert!(of("a", "3").has_same_values(&of("b", "3")));
    assert!(!of("a", "3").has_same_values(&of("a", "4")));
    assert!(of("a", "3").difference(&of("b", "3")).is_real());
}

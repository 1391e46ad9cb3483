use super::Families;
use model::Labels;

/// Series of one time, as name, bound and value, and the histogram made of them or why there is none.
#[track_caller]
fn check(series: &[(&str, &str, f64)], want: &str) {
    let mut families = Families::default();
    for (name, le, value) in series {
        let labels = Labels::from_pairs([("__name__", *name), ("le", *le), ("a", "b")]).unwrap();
        families.add(&labels, [(0, *value)].into_iter()).unwrap();
    }
    let got = match families.finish() {
        Err(error) => error.to_string(),
        Ok(families) => {
            let of_family = |(labels, histograms): (Labels, Vec<(i64, model::FloatHistogram)>)| {
                let texts = histograms.iter().map(|(at, one)| format!("{at}: {}", one.test_expression()));
                format!("{labels:?} {}", texts.collect::<Vec<_>>().join(" "))
            };
            families.into_iter().map(of_family).collect::<Vec<_>>().join("\n")
        }
    };
    assert_eq!(got, want);
}

#[test]
fn convert() {
    let h = r#"{__name__="h", a="b"} 0: "#;
    let check = |series: &[(&str, &str, f64)], want: &str| {
        check(series, &want.replace('@', h));
    };
    check(&[("other", "1", 1.0)], "");
    check(
        &[
            ("h_bucket", "1", 2.0),
            ("h_bucket", "5", 3.0),
            ("h_bucket", "+Inf", 7.0),
            ("h_count", "", 7.0),
            ("h_sum", "", 9.5),
        ],
        "@{{schema:-53 count:7 sum:9.5 custom_values:[1 5] buckets:[2 1 4]}}",
    );
    // In another order, and without what can be known from the rest.
    check(
        &[("h_bucket", "5", 3.0), ("h_bucket", "1", 2.0), ("h_count", "", 7.0)],
        "@{{schema:-53 count:7 custom_values:[1 5] buckets:[2 1 4]}}",
    );
    check(&[("h_bucket", "1", 2.0)], "@{{schema:-53 count:2 custom_values:[1] buckets:[2]}}");
    check(&[("h_bucket", "NaN", 2.0), ("h_bucket", "x", 2.0)], "");
    check(&[("h_bucket", "1", 2.0), ("h_bucket", "2", 1.0)], "count is not cumulative: 1 < 2");
    check(&[("h_bucket", "1", -2.0)], "bucket count must be non-negative: le=1, count=-2");
    check(&[("h_count", "", -1.0)], "count must be non-negative: count=-1");
    check(&[("h_bucket", "+Inf", 2.0), ("h_count", "", 3.0)], "count mismatch: count=3 != le=+Inf count=2");
}

#[test]
fn a_bucket_needs_a_bound() {
    let labels = Labels::from_pairs([("__name__", "h_bucket")]).unwrap();
    assert!(Families::default().add(&labels, [(0, 1.0)].into_iter()).is_err());
}

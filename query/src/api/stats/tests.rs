use super::*;
use axum::body::Bytes;

fn params(uri: &str) -> Params {
    Params::read(http::Request::get(uri).body(()).unwrap().into_parts().0, &Bytes::new())
}

fn wanted(uri: &str, flavour: Flavour) -> Wanted {
    Wanted::read(&params(uri), flavour, true)
}

fn pushed(uri: &str, flavour: Flavour) -> Option<String> {
    let wanted = wanted(uri, flavour);
    let samples = Statistics { queryable: vec![3, 4], read: vec![3, 1], peak: 9 };
    let [preparing, queued, evaluating] = [1, 2, 4].map(Duration::from_secs);
    let mut out = Vec::new();
    let told = Told { timings: Timings { preparing, queued, evaluating }, samples };
    wanted.push(&told, |step| 1_500 + step as i64 * 500, &mut out);
    wanted.any.then(|| String::from_utf8(out).unwrap())
}

const TIMINGS: &str = r#","stats":{"timings":{"evalTotalTime":5,"resultSortTime":0,"queryPreparationTime":1,"innerEvalTime":4,"execQueueTime":2,"execTotalTime":7},"samples":{"#;

#[test]
fn counts_and_times_are_told_when_asked_for() {
    assert_eq!(pushed("/q?stats=", Flavour::Prometheus), None);
    let totals = r#""totalQueryableSamples":7,"samplesRead":4,"peakSamples":9}}"#;
    assert_eq!(pushed("/q?stats=true", Flavour::Prometheus).unwrap(), format!("{TIMINGS}{totals}"));
    let by_step = r#""totalQueryableSamplesPerStep":[[1.500,3],[2,4]],"totalQueryableSamples":7,"samplesReadPerStep":[[1.500,3],[2,1]],"samplesRead":4,"peakSamples":9}}"#;
    assert_eq!(pushed("/q?stats=all", Flavour::Prometheus).unwrap(), format!("{TIMINGS}{by_step}"));
    let of_thanos = r#""totalQueryableSamples":7,"peakSamples":9}}"#;
    assert_eq!(pushed("/q?stats=all", Flavour::Thanos).unwrap(), format!("{TIMINGS}{of_thanos}"));
}

#[test]
fn other_words_are_warned_of() {
    let warning = |uri: &str, flavour| wanted(uri, flavour).warning(&params(uri));
    assert_eq!(warning("/q?stats=true", Flavour::Prometheus), None);
    assert_eq!(warning("/q?stats=x", Flavour::Thanos), None);
    let warning = warning("/q?stats=x", Flavour::Prometheus).unwrap();
    assert!(warning.starts_with("value \"x\" for parameter \"stats\" is deprecated"), "{warning}");
}

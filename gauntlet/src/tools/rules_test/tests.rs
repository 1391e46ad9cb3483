mod templates;

use super::run_file;
use std::path::Path;
use std::process::Command;

const RULES: &str = r#"
groups:
  - name: alerts
    labels: {team: a}
    rules:
      - alert: Down
        expr: up == 0
        for: 5m
        keep_firing_for: 2m
        labels: {severity: page}
        annotations:
          summary: "{{ $labels.instance }} of {{ $labels.job }} is down: {{ $value }}"
      - alert: Always
        expr: 1
  - name: records
    rules:
      - record: job:test:count_over_time1m
        expr: sum without (instance) (count_over_time(test[1m]))
        labels: {a: "1"}
      - record: fixed_data
        expr: 1
      - record: vanishes
        expr: test < 60
"#;

/// Runs a file with these tests, and what it should give: a part of each failure. `$PROMTOOL`, if it is there, has to think
/// the same of it.
#[track_caller]
fn check(tests: &str, want: &[&str]) {
    check_rules(RULES, tests, want);
}

#[track_caller]
fn check_rules(rules: &str, tests: &str, want: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tests.yml");
    std::fs::write(dir.path().join("rules.yml"), rules).unwrap();
    std::fs::write(&path, format!("rule_files: [\"r*.yml\"]\n{tests}")).unwrap();
    let got = run_file(&path);
    let fits = got.len() == want.len() && got.iter().zip(want).all(|(got, want)| got.contains(want));
    assert!(fits, "{got:#?}\nwant {want:#?}");
    agree(&path, want.is_empty());
}

#[track_caller]
fn agree(path: &Path, is_right: bool) {
    let Some(promtool) = std::env::var_os("PROMTOOL") else {
        return testkit::skip("rules_test", "$PROMTOOL", "not set");
    };
    let theirs = Command::new(promtool).args(["test", "rules"]).arg(path).output().unwrap();
    assert_eq!(theirs.status.success(), is_right, "{}", String::from_utf8_lossy(&theirs.stderr));
}

const UP: &str = "
tests:
  - input_series:
      - series: 'up{job=\"j\", instance=\"i\"}'
        values: 1x4 0x9 1x9
";

#[test]
fn alerts() {
    let firing =
        "exp_labels: {severity: page, team: a, job: j, instance: i}, exp_annotations: {summary: \"i of j is down: 0\"}";
    let test = |eval_time: &str, alerts: &str| {
        format!(
            "{UP}    alert_rule_test:\n      - {{eval_time: {eval_time}, alertname: Down, exp_alerts: [{alerts}]}}\n"
        )
    };
    check(&test("9m59s", ""), &[]);
    check(&test("10m", &format!("{{{firing}}}")), &[]);
    check(&test("10m", ""), &["alert \"Down\" at 600000 ms\n    + {alertname=\"Down\", instance=\"i\""]);
    // It is up again from 15 minutes on, and fires two more.
    check(&test("16m", &format!("{{{firing}}}")), &[]);
    check(&test("17m", ""), &[]);
    check(&test("10m", &format!("{{{}}}", firing.replace("down: 0", "down: 1"))), &["is down: 1\"}\n    + "]);
    check(
        &format!(
            "{UP}    alert_rule_test:\n      - {{eval_time: 0, alertname: Always, exp_alerts: [{{exp_labels: {{team: a}}}}]}}\n"
        ),
        &[],
    );
    check(&format!("{UP}    alert_rule_test:\n      - {{eval_time: 0}}\n"), &["no alertname"]);
}

#[test]
fn expressions() {
    let test = |expr: &str, eval_time: &str, samples: &str| {
        format!(
            "{UP}    promql_expr_test:\n      - {{expr: '{expr}', eval_time: {eval_time}, exp_samples: [{samples}]}}\n"
        )
    };
    check(
        &test(
            "count by (alertname, alertstate) (ALERTS)",
            "6m",
            "{labels: '{alertname=\"Always\",alertstate=\"firing\"}', value: 1}, {labels: '{alertname=\"Down\",alertstate=\"pending\"}', value: 1}",
        ),
        &[],
    );
    check(
        &test(
            "ALERTS_FOR_STATE{alertname=\"Down\"}",
            "6m",
            "{labels: 'ALERTS_FOR_STATE{alertname=\"Down\",instance=\"i\",job=\"j\",severity=\"page\",team=\"a\"}', value: 300}",
        ),
        &[],
    );
    check(&test("count_over_time(fixed_data[1h])", "1h", "{value: 60}"), &[]);
    check(
        &test("up", "1m", "{labels: 'up{job=\"j\", instance=\"i\"}', value: 1.0000000001}"),
        &["up at 60000 ms\n    - {__name__=\"up\""],
    );
    check(&test("up +", "1m", ""), &["up + at 60000 ms: 1:5: parse error: unexpected end of input"]);
    check(&test("up[5m]", "1m", ""), &["rule result is not a vector or scalar"]);
    check(&test("count_over_time(up[5m:])", "10m", "{labels: '{job=\"j\",instance=\"i\"}', value: 5}"), &[]);
}

#[test]
fn series_and_times() {
    let test = |more: &str, expr: &str, eval_time: &str, sample: &str| {
        let series = "series: 'test{instance=\"x\"}', values: '0+1x120'";
        format!(
            "tests:\n  - interval: 1s\n    input_series: [{{{series}}}]\n    {more}\n    promql_expr_test:\n      - {{expr: '{expr}', eval_time: {eval_time}, exp_samples: [{sample}]}}\n"
        )
    };
    check(
        &test(
            "name: a",
            "job:test:count_over_time1m",
            "1m",
            "{labels: 'job:test:count_over_time1m{a=\"1\"}', value: 60}",
        ),
        &[],
    );
    check(&test("name: a", "timestamp(job:test:count_over_time1m)", "1m10s", "{labels: '{a=\"1\"}', value: 60}"), &[]);
    check(&test("name: a", "vanishes", "30s", "{labels: 'vanishes{instance=\"x\"}', value: 0}"), &[]);
    check(&test("name: a", "vanishes", "1m", ""), &[]);
    check(&test("start_timestamp: 1609459200", "time()", "10s", "{value: 1609459210}"), &[]);
    check(
        &test("start_timestamp: '2024-01-01T00:00:00Z'", "test", "0", "{labels: 'test{instance=\"x\"}', value: 0}"),
        &[],
    );
    check(&test("start_timestamp: soon", "time()", "10s", ""), &["start_timestamp \"soon\""]);
    let histogram = "tests:\n  - input_series: [{series: h, values: '{{sum:3 count:2 buckets:[2]}}+{{sum:1.3 count:1 buckets:[1]}}x2'}]\n    promql_expr_test:\n      - {expr: h, eval_time: 2m, exp_samples: [{labels: h, histogram: '{{count:4 sum:5.6 counter_reset_hint:not_reset buckets:[4]}}'}]}\n";
    check(histogram, &[]);
    check(&histogram.replace("sum:5.6", "sum:5.5"), &["h at 120000 ms\n    - {__name__=\"h\"} {{count:4 sum:5.5"]);
}

#[test]
fn files_that_are_none() {
    check("tests: [{interval: 1m, nothing: 1}]\n", &["nothing"]);
    check("evaluation_interval: 1 minute\n", &["duration"]);
    check("group_eval_order: [a, a]\n", &["group name repeated in evaluation order: a"]);
    check(
        "tests: [{input_series: [{series: x, values: y}]}]\n",
        &["x y: 1:3: parse error: unexpected identifier \"y\""],
    );
    let bad = "groups: [{name: g, rules: [{record: r, expr: 'x +'}]}]\n";
    check_rules(
        bad,
        "tests: [{promql_expr_test: [{expr: x}]}]\n",
        &["rules.yml: group \"g\": rule \"r\": 1:4: parse error"],
    );
}

#[test]
fn templates_that_are_none_keep_rules_from_being_read() {
    let rules = "groups: [{name: g, rules: [{alert: r, expr: x, annotations: {a: '{{ nope }}'}}]}]\n";
    let tests = "tests: [{promql_expr_test: [{expr: x}]}]\n";
    let fault = "rule \"r\": annotation \"a\": template: __alert_r:1: function \"nope\" not defined";
    check_rules(rules, tests, &[fault]);
}

/// A template asks what the store holds at the time of its alert.
#[test]
fn templates_ask_at_the_time_of_the_alert() {
    let rules = "groups: [{name: g, rules: [{alert: r, expr: up == 0, annotations: {a: '{{ with query \"up offset 1m\" }}{{ . | first | value }}{{ end }} {{ query \"time()\" | first | value }}'}}]}]\n";
    let alert = |want: &str| {
        format!(
            "{UP}    alert_rule_test: [{{eval_time: 5m, alertname: r, exp_alerts: [{{exp_labels: {{job: j, instance: i}}, exp_annotations: {{a: '{want}'}}}}]}}]\n"
        )
    };
    check_rules(rules, &alert("1 300"), &[]);
    check_rules(rules, &alert("0 300"), &["    + {alertname=\"r\""]);
}

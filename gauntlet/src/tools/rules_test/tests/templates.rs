//! What templates become, beside promtool.

use super::check_rules;
use serde_json::json;
use template::Template;

/// A row of the table: the value of the alert, its template, and what becomes of it.
struct Row {
    value: &'static str,
    text: &'static str,
    want: String,
}

/// The rows of the table, with the names their templates have here.
fn rows() -> Vec<Row> {
    let table = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/templates.txt"));
    let row = |(at, row): (usize, &'static str)| {
        let (value, rest) = row.split_once('\n').unwrap();
        let (text, want) = rest.split_once("\n=>\n").unwrap();
        Row { value, text, want: want.replace("$NAME", &format!("__alert_{}", name(at))) }
    };
    let body = table.strip_suffix('\n').unwrap().split_once("\n%% ").unwrap().1;
    body.split("\n%% ").enumerate().map(row).collect()
}

fn name(at: usize) -> String {
    format!("T{at:03}")
}

/// All templates of the table as rules of one file. `$PROMTOOL`, if it is there, has to find the same.
#[test]
fn templates_become_what_promtool_makes_of_them() {
    let (mut rules, mut series, mut tests) = (Vec::new(), Vec::new(), Vec::new());
    for (a, host, value) in [("x", "h1", "1"), ("y", "h0", "0")] {
        series.push(json!({"series": format!("up{{a=\"{a}\", host=\"{host}\"}}"), "values": value}));
    }
    let rows = rows();
    for (at, Row { value, text, want }) in rows.iter().enumerate().filter(|(_, row)| !row.want.starts_with("!!")) {
        let expr = format!("sum without (case) (v{{case=\"{at:03}\"}})");
        rules.push(json!({"alert": name(at), "expr": expr, "annotations": {"a": text}}));
        let labels = format!("v{{case=\"{at:03}\", instance=\"web-1.example.com:9090\", job=\"api\"}}");
        series.push(json!({"series": labels, "values": value}));
        let expected = json!({
            "exp_labels": {"instance": "web-1.example.com:9090", "job": "api"},
            "exp_annotations": {"a": want},
        });
        tests.push(json!({"eval_time": "0s", "alertname": name(at), "exp_alerts": [expected]}));
    }
    assert!(tests.len() > 180 && tests.len() < rows.len(), "{} of {}", tests.len(), rows.len());
    let rules = json!({"groups": [{"name": "g", "rules": rules}]});
    let test = json!({
        "external_labels": {"region": "eu", "zone": "z1"},
        "external_url": "http://prom.example.com/p/q",
        "input_series": series,
        "alert_rule_test": tests,
    });
    check_rules(&rules.to_string(), &format!("tests: [{test}]\n"), &[]);
}

#[test]
fn what_is_no_template_is_refused_in_the_same_words() {
    let mut refused = 0;
    for (at, Row { text, want, .. }) in rows().iter().enumerate() {
        let error = Template::parse(&name(at), text).err();
        refused += usize::from(error.is_some());
        assert_eq!(error.as_deref(), want.strip_prefix("!!"), "{text}");
    }
    assert!(refused > 35, "{refused}");
}

/// What values are where a query gives a histogram: they have a text, and are no numbers.
#[test]
fn the_value_of_a_histogram_is_its_text() {
    let text = "{count:3, sum:4.5, (0.5,1]:1, (1,2]:2}";
    let failed = |at: &str| {
        format!("<error expanding template: error executing template __alert_A: template: __alert_A:1:{at}>")
    };
    let table = [
        ("{{ $value }} {{ $value.Sum }}", format!("{text} 4.5")),
        ("{{ query \"h\" | first | value }}", text.to_owned()),
        ("{{ with query \"h\" | first }}{{ .Value }} {{ .Value.Count }}{{ end }}", format!("{text} 3")),
        (
            "{{ $value | humanize }}",
            failed(
                "124: executing \"__alert_A\" at <humanize>: error calling humanize: can't convert *histogram.FloatHistogram to float",
            ),
        ),
        (
            "{{ with query \"h\" | first }}{{ .Value.Nothing }}{{ end }}",
            failed(
                "149: executing \"__alert_A\" at <.Value.Nothing>: can't evaluate field Nothing in type interface {}",
            ),
        ),
    ];
    let named = |pairs: Vec<&str>| -> serde_json::Map<_, _> {
        pairs.into_iter().enumerate().map(|(at, text)| (format!("a{at}"), text.into())).collect()
    };
    let texts = named(table.iter().map(|(text, _)| *text).collect());
    let wanted = named(table.iter().map(|(_, want)| want.as_str()).collect());
    let rules = json!({"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "h", "annotations": texts}]}]});
    let test = json!({
        "input_series": [{"series": "h", "values": "{{schema:0 count:3 sum:4.5 buckets:[1 2]}}"}],
        "alert_rule_test": [{"eval_time": "0s", "alertname": "A", "exp_alerts": [{"exp_annotations": wanted}]}],
    });
    check_rules(&rules.to_string(), &format!("tests: [{test}]\n"), &[]);
}

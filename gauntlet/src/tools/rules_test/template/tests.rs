use super::*;
use crate::tools::rules_test::tests::check_rules;
use serde_json::json;

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

#[track_caller]
fn check(text: &str, want: &str) {
    let (labels, external) = (BTreeMap::from([("a".to_owned(), "b".to_owned())]), External::default());
    let query = |text: &str| Ok(text.chars().map(|_| Sample { labels: labels.clone(), value: 1.0 }).collect());
    let alert = Alert { labels: &labels, value: 1.0, external: &external, now_ms: 1500, query: &query };
    let got = Template::parse("a", text).unwrap().expand(&alert);
    assert!(got.contains(want), "{text}: {}", got.chars().take(300).collect::<String>());
}

/// Whoever writes rules is not always whoever runs them.
#[test]
fn templates_are_bounded() {
    let slow = "takes too long";
    check("{{ range 1000000000 }}x{{ end }}", slow);
    check("{{ range 1000 }}{{ range 1000 }}{{ range 1000 }}{{ end }}{{ end }}{{ end }}", slow);
    check("{{ range 10000 }}{{ $x := query \"up\" }}{{ end }}", slow);
    let longer = "{{ $x := \"0123456789\" }}{{ range COUNT }}{{ $x = print $x $x }}{{ end }}";
    check(&longer.replace("COUNT", "30"), "print makes a text of more than 262144 bytes");
    let again = "{{ range 100000 }}{{ $y := toUpper $x }}{{ end }}";
    check(&format!("{}{again}", longer.replace("COUNT", "12")), slow);
    check("{{ range 100000 }}xxxxxxxxxx{{ end }}", "the text has more than 262144 bytes");
    let endless = "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}";
    check(endless, "exceeded maximum template depth (100)");
    check("{{ printf \"%999999999d\" 1 }}", "%!(BADWIDTH)1");
    check(&format!("{{{{ {}1{} }}}}", "(".repeat(90), ")".repeat(90)), "1");
    for deep in [
        format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)),
        "{{ if true }}".repeat(5000),
        format!("{{{{ if false }}}}{}{{{{ end }}}}", "{{ else if false }}".repeat(5000)),
    ] {
        let error = Template::parse("a", &deep).unwrap_err();
        assert!(error.contains("more than 100 blocks or parentheses in each other"), "{error}");
    }
}

/// promtool knows no URL there, and breaks down.
#[test]
fn the_url_is_known_to_functions() {
    let external = External { labels: BTreeMap::new(), url: "https://x:9/p/q?r".to_owned() };
    let (labels, query) = (BTreeMap::new(), |_: &str| Ok(Vec::new()));
    let alert = Alert { labels: &labels, value: 1.0, external: &external, now_ms: 0, query: &query };
    let got = Template::parse("a", "{{ externalURL }} {{ pathPrefix }}").unwrap().expand(&alert);
    assert_eq!(got, "https://x:9/p/q?r /p/q");
}

#[test]
fn odd_texts_are_no_panic() {
    for text in [
        "{{ \"é\\",
        "{{ '",
        "{{ `é",
        "{{é",
        "{{ .é.ü }}",
        "{{- -}}",
        "{{",
        "é{{/*",
        "{{ 0x",
        "{{ \"\\u12",
        "{{ \"\\7é\" }}",
        "{{ -",
        "{{ $",
        "{{ .1.2 }}",
        "{{ (((( ",
        "{{ +é }}",
        "{{ \u{a0} }}",
    ] {
        let _ = Template::parse("a", text);
    }
    let odd = "{{ slice \"é\" 1 }}{{ printf \"%.1s%é\" \"éü\" 5 }}{{ printf \"%[9]d%[x]d%[\" 1 }}{{ .Labels.é }}";
    check(odd, "é");
    check("{{ reReplaceAll \"\" \"-\" \"é\" }}", "-é-");
}

use super::*;

#[track_caller]
fn check(text: &str, want: &str) {
    let (labels, external) = (BTreeMap::from([("a".to_owned(), "b".to_owned())]), External::default());
    let query =
        |text: &str| Ok(text.chars().map(|_| Sample { labels: labels.clone(), value: 1.0, histogram: None }).collect());
    let alert =
        Alert { labels: &labels, value: 1.0, histogram: None, external: &external, now_ms: 1500, query: &query };
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
    // Each 1 becomes 11 in November.
    let in_november = "{{ $t := toTime 1700000000.0 }}{{ $x := \"1\" }}";
    let doubled = format!("{in_november}{{{{ range COUNT }}}}{{{{ $x = $t.Format $x }}}}{{{{ end }}}}");
    check(&doubled.replace("COUNT", "30"), "Format makes a text of more than 262144 bytes");
    let again = "{{ range 1000 }}{{ $y := $t.Format $x }}{{ end }}";
    check(&format!("{}{again}", doubled.replace("COUNT", "14")), slow);
    check("{{ range 100000 }}xxxxxxxxxx{{ end }}", "the text has more than 262144 bytes");
    let replaced = "{{ printf \"%65000d\" 1 | reReplaceAll \"PATTERN\" \"-\" }}";
    check(&replaced.replace("PATTERN", " +"), "-1");
    check(&replaced.replace("PATTERN", ""), "error calling reReplaceAll: too many matches in too long a text");
    check("{{ range 10000 }}{{ $x := match \"a\" \"b\" }}{{ end }}", slow);
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

/// Whoever prints such values goes through all of them, and so does whoever is done with them; blocks take of the stack.
#[test]
fn what_stands_in_each_other_is_bounded() {
    let nested = "{{ $x := 1 }}{{ range COUNT }}{{ $x = args $x }}{{ end }}{{ $x }}";
    check(&nested.replace("COUNT", "100"), "map[arg0:map[arg0:");
    check(&nested.replace("COUNT", "101"), "error calling args: more than 100 in each other");
    let twice = "{{ $x := args 1 }}{{ range 99 }}{{ $x = args $x $x }}{{ end }}{{ $x }}";
    check(twice, "the text has more than 262144 bytes");
    let blocks = ["{{ if true }}".repeat(90), "{{ end }}".repeat(90)];
    let deep = format!(
        "{{{{ define \"r\" }}}}{}{{{{ template \"r\" . }}}}{}{{{{ end }}}}{{{{ template \"r\" . }}}}",
        blocks[0], blocks[1]
    );
    check(&deep, "more than 500 blocks in each other");
    let wide =
        format!("{{{{ $x := printf \"%65536d\" 1 }}}}{{{{ print {0} }}}}{{{{ println {0} }}}}", "$x ".repeat(10_000));
    check(&wide, "print makes a text of more than 262144 bytes");
}

#[test]
fn a_histogram_has_a_text_and_is_no_number() {
    let histogram = FloatHistogram::default();
    let (labels, external, query) = (BTreeMap::new(), External::default(), |_: &str| Ok(Vec::new()));
    let text = "{{ $value }} {{ .Value.Count }} {{ if $value }}there{{ end }} {{ printf \"%s %v\" $value $value }}";
    let expand = |text: &str, histogram| {
        let alert = Alert { labels: &labels, value: 7.0, histogram, external: &external, now_ms: 0, query: &query };
        Template::parse("a", text).unwrap().expand(&alert)
    };
    assert_eq!(expand(text, Some(&histogram)), "{count:0, sum:0} 0 there {count:0, sum:0} {count:0, sum:0}");
    assert_eq!(expand("{{ $value }}", None), "7");
    assert!(
        expand("{{ humanize $value }}", Some(&histogram)).contains("can't convert *histogram.FloatHistogram to float")
    );
    assert!(expand("{{ $value.Other }}", Some(&histogram)).contains("can't evaluate field Other in type"));
}

/// promtool knows no URL there, and breaks down.
#[test]
fn the_url_is_known_to_functions() {
    let external = External { labels: BTreeMap::new(), url: "https://x:9/p/q?r".to_owned() };
    let (labels, query) = (BTreeMap::new(), |_: &str| Ok(Vec::new()));
    let alert = Alert { labels: &labels, value: 1.0, histogram: None, external: &external, now_ms: 0, query: &query };
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

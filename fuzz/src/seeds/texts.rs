//! Text, and JSON, which is text.

use crate::parts::push_sized;

pub(super) fn all() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    let marks = MARK_FIELDS.map(|fields| format!("{{\"id\":\"01HZZZZZZZZZZZZZZZZZZZZZZZ\",\"version\":1,{fields}}}"));
    vec![
        ("promql", texts(&QUERIES)),
        ("promql_selector", texts(&SELECTORS)),
        ("promql_script", texts(&SCRIPTS)),
        ("template", texts(&TEMPLATES)),
        ("series_description", texts(&SERIES)),
        ("openmetrics", texts(&OPENMETRICS)),
        ("matcher", PATTERNS.iter().map(|(pattern, value)| with_size(pattern, &[value.as_bytes()])).collect()),
        (
            "regex",
            PATTERNS
                .iter()
                .map(|(pattern, value)| with_size(pattern, &[b"\0\x08$1-${n}$$", value.as_bytes()]))
                .collect(),
        ),
        (
            "hashring",
            RINGS
                .iter()
                .flat_map(|ring| [[&[0, 1], ring.as_bytes()].concat(), [&[1, 3], ring.as_bytes()].concat()])
                .collect(),
        ),
        ("object_store_config", texts(&BUCKETS)),
        ("flag_values", texts(&FLAG_VALUES)),
        ("tenant", texts(&["default-tenant", "..", "a/b", "a|b", "käse"])),
        ("meta_json", texts(&METAS)),
        ("marks", texts(&marks.each_ref().map(String::as_str))),
        (
            "shipper_list",
            texts(&[
                "{\"version\":1,\"uploaded\":[\"01HZZZZZZZZZZZZZZZZZZZZZZZ\"]}",
                "{\"version\":1,\"uploaded\":null}",
            ]),
        ),
    ]
}

fn with_size(sized: &str, others: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    push_sized(&mut out, sized.as_bytes());
    out.extend(others.concat());
    out
}

const TEMPLATES: [&str; 12] = [
    "Instance {{ $labels.instance }} of {{ .Labels.job }} is down: {{ $value | humanize }}\n",
    "{{ range $i, $s := query \"up\" | sortByLabel \"job\" }}{{ if gt $i 2 }}{{ break }}{{ end }}{{ $s.Value }},{{ else }}none{{ end }}",
    "{{- with $x := first (query \"up\") -}} {{ value $x }} {{ label \"job\" $x }} {{- else with 1 }}{{ . }}{{ end }}",
    "{{ define \"t\" }}<{{ .arg0 }} {{ .arg1 }}>{{ end }}{{ template \"t\" (args $labels.job 0x1f) }}{{ block \"b\" . }}{{ .Value }}{{ end }}",
    "{{ printf \"%-8.3f|%+d|%q|%x|%[2]*d|%T\" 1.5 3 \"a\\n\" 'x' $value }}{{ /* nothing */ }}",
    "{{ if and (eq 1 1 2) (not false) (le 1.5 2.0) }}{{ len \"abc\" }}{{ index $labels \"job\" }}{{ slice \"abcdef\" 1 3 }}{{ end }}",
    "{{ reReplaceAll \"(.*):\\\\d+\" \"$1-${2}\" .Labels.instance }} {{ match \"a.*\" \"xay\" }} {{ stripPort $labels.instance }}",
    "{{ humanize1024 1e9 }} {{ humanizeDuration 3661.5 }} {{ humanizePercentage 0.1 }} {{ humanizeTimestamp 1.7e9 }} {{ toTime now }}",
    "{{ $x := 1 }}{{ range 9 }}{{ $x = args $x `raw` nil }}{{ end }}{{ $x }}{{ println $x | html | js | urlquery }}",
    "{{ $externalLabels.job }}{{ externalURL }}{{ pathPrefix }}{{ graphLink \"up\" }}{{ parseDuration \"1h5m\" | toDuration }}",
    "{{ define \"r\" }}{{ if . }}{{ template \"r\" . }}{{ end }}{{ end }}{{ template \"r\" true }}",
    "{{ .Value.Count }}{{ title \"a b\" }}\n{{ range query \"\" }}{{ end }}",
];

const QUERIES: [&str; 14] = [
    "up",
    "1 + -2 ^ 3 % NaN > bool 0x1F",
    r#"sum by (job, "a b") (rate(http_requests_total{job=~"a|b",instance!~".*x"}[5m] offset -1h30m))"#,
    "a * on (x) group_left (y, z) b unless ignoring () c",
    "max_over_time(rate(x[1m])[1h:30s] @ end()) / 1e3",
    r#"{"a.b", le!="0.5", x='\n\u00e9\xff'}"#,
    "quantile without () (0.9, -(foo)) and bar or baz @ 1609746000.123",
    "topk(5, x) == bool y + scalar(vector(time()))",
    "label_replace(up, `a`, \"$1\", 'b', \"(.*)\") # comment\n",
    "histogram_quantile(.99, sum(rate(x_bucket[5m])) by (le))",
    "a[5m:] offset 5m",
    "rate(x[1m + step() * 2] anchored)",
    "foo + fill(0) bar + fill_left(1) fill_right(2) baz",
    "count_values(\"v\", 1_000.5 * Inf) atan2 absent(x{})",
];

const SELECTORS: [&str; 5] = ["up", "{a=\"b\"}", "up{a!=\"b\",c=~\"d.*\"}", "{\"up\",x!~\"\"}", "{}"];

const PATTERNS: [(&str, &str); 12] = [
    ("", ""),
    (".*", "x\ny"),
    (".+", "a"),
    ("a|b|c", "b"),
    ("prefix.*", "prefix-and-more"),
    (".*suffix", "a suffix"),
    (".*in.*", "begin here"),
    ("(?i)case", "CASE"),
    ("a(b|c)(?P<n>d+)e?", "acdde"),
    ("[^a-c]{2,3}\\d+", "xyz42"),
    ("\\QA.B\\E|x{0}", "A.B"),
    ("\\p{Greek}+\\x{e9}", "αβé"),
];

const RINGS: [&str; 3] = [
    r#"[{"endpoints":["a:10901","b:10901","c:10901"]}]"#,
    r#"[{"hashring":"x","tenants":["a*"],"tenant_matcher_type":"glob","algorithm":"ketama","endpoints":[{"address":"a:1","az":"1"},{"address":"b:1","az":"2"},{"address":"c:1","capnproto_address":"c:2","az":"3"}]},{"endpoints":["d:1"]}]"#,
    r#"[{"hashring":"s","algorithm":"ketama","shuffle_sharding_config":{"shard_size":2,"overrides":[{"shard_size":1,"tenants":["a"]}]},"endpoints":["a:1","b:1","c:1"],"external_labels":{"k":"v"}}]"#,
];

const BUCKETS: [&str; 2] = [
    "type: FILESYSTEM\nconfig:\n  directory: /bucket\nprefix: a/b\n",
    "type: S3\nconfig:\n  bucket: b\n  endpoint: localhost:9000\n  access_key: k\n  secret_key: hush-hush\n  insecure: true\n  http_config:\n    idle_conn_timeout: 90s\n",
];

const FLAG_VALUES: [&str; 12] = [
    "1h30m",
    "1.5s",
    "-2us",
    "15d",
    "1y2w3d",
    "0",
    "10KiB",
    "1.5GB",
    "replica=\"a\\\"b\"",
    "2024-02-29T12:00:00.5+01:00",
    "-6w",
    "a=`raw`",
];

const METAS: [&str; 3] = [
    "{\"ulid\":\"01HZZZZZZZZZZZZZZZZZZZZZZZ\",\"minTime\":0,\"maxTime\":7200000,\"stats\":{\"numSamples\":5,\"numSeries\":1,\"numChunks\":1},\"compaction\":{\"level\":1,\"sources\":[\"01HZZZZZZZZZZZZZZZZZZZZZZZ\"]},\"version\":1}",
    "{\"ulid\":\"01HZZZZZZZZZZZZZZZZZZZZZZZ\",\"minTime\":-5,\"maxTime\":9,\"stats\":null,\"compaction\":{\"level\":2,\"sources\":[],\"parents\":[{\"ulid\":\"01HZZZZZZZZZZZZZZZZZZZZZZZ\",\"minTime\":-5,\"maxTime\":2}],\"hints\":[\"from-out-of-order\"]},\"version\":1,\"thanos\":{\"labels\":{\"a\":\"b\"},\"downsample\":{\"resolution\":300000},\"source\":\"receive\",\"files\":[{\"rel_path\":\"index\",\"size_bytes\":9},{\"rel_path\":\"chunks/000001\"}],\"upload_time\":\"2024-01-02T03:04:05.678Z\",\"extensions\":{\"x\":[1,2.5,null]}},\"more\":{\"y\":true}}",
    "{\"ulid\":\"01HZZZZZZZZZZZZZZZZZZZZZZZ\",\"minTime\":0,\"maxTime\":1,\"version\":2}",
];

const MARK_FIELDS: [&str; 3] = [
    "\"deletion_time\":1700000000,\"details\":\"why\"",
    "\"no_compact_time\":1700000000,\"reason\":\"manual\"",
    "\"no_downsample_time\":1700000000,\"reason\":\"\"",
];

const OPENMETRICS: [&str; 4] = [
    "# TYPE a counter\n# HELP a What it \\n counts.\n# UNIT a seconds\na_total{b=\"c\",d=\"e\\\"f\\\\g\\nh\"} 17 1700000000\n\
     a_total{b=\"\"} 1e-3 1700000000.5 # {trace_id=\"x\"} 0.5 1700000000.25\n# EOF\n",
    "{\"with space\",\"l\u{e4}bel\"=\"v\"} +Inf -1.5\nx:y NaN 0\n# EOF",
    "a 1 1\na 2 2\nb{} 3\n# EOF\n",
    "# EOF\na 1 1\n",
];

const SCRIPTS: [&str; 5] = [
    "# a comment\nload 1m30s\n  x{a=\"1\"} 0+1x10 _ stale\n  y@st -1m 0sx3\n  y 1x4\n\nclear\n",
    "load_with_nhcb 5m\n  h_bucket{le=\"1\"} 1\n  h_bucket{le=\"+Inf\"} 2\n  h_count 2\n  h_sum 1.5\n",
    "eval instant at 5m rate(x[2m])\n  expect info regex: a.*b\n  expect no_warn\n  {a=\"1\"} 5\n\neval_fail instant at 0 -x\n  expected_fail_message a\n",
    "eval range from 0 to 10m step 1m x > bool 1\n  x{a=\"1\"} 1+1x9 _x3 {{sum:1 count:2 buckets:[1 1]}}\n",
    "eval instant at 1m x[1m]\n  expect range vector from 0s to 1m step 10s\n  x 1 2\n\neval instant at 0 \"a\"\n  expect string \"a\"\n\neval instant at 0 1\n  1\n",
];

const SERIES: [&str; 7] = [
    r#"http_requests_total{job="a",'b c'="\n"} 0+10x5 -1e3-.5x2 _ _x3 stale +Inf NaN 1_000"#,
    "{`it is`} 1x10",
    "x {{}} {{sum:1 count:2 buckets:[1 0 -2]}}x3",
    "x {{schema:1 sum:-0.3 count:3.1 z_bucket:7.1 z_bucket_w:0.05 buckets:[5.1 10 7] offset:-3 n_buckets:[4.1 5 6] n_offset:-5}}",
    "x {{schema:-53 sum:1 count:3 custom_values:[1 2.5 10] buckets:[1 1 1]}}+{{schema:-53 custom_values:[2] buckets:[1]}}x3",
    "x {{counter_reset_hint:gauge n_buckets:[1 Inf]}}-{{schema:0 offset:-2147483648 buckets:[1]}}x2",
    "sum 1 {{buckets:[1-2 inf]}}x18446744073709551615",
];

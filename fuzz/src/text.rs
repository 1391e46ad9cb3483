//! Text from people: queries, matchers, configuration, flags.

use crate::meter;
use crate::parts::Parts;
use flags::{ByteSize, GoDuration, LabelFlag, PromDuration, TimeOrDuration};
use model::{FloatHistogram, MatchOp, Matcher, PackedBuilder, Regex, TenantId};
use promql::testlang::{Script, SequenceValue, parse_series};
use promql::{ParseOptions, parse, parse_selector};
use proto::openmetrics::Reader;
use router::hashring::{Algorithm, Rings};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use template::{Alert, External, Sample, Template};

/// A query with everything on: an expression prints to text that parses to what prints so; a fault lies in the text.
pub fn fuzz_promql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let options = ParseOptions {
        experimental_functions: true,
        duration_expressions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        ..ParseOptions::default()
    };
    let expr = match meter::within(text.len(), 1024, 256 << 10, || parse(text, &options)) {
        Ok(expr) => expr,
        Err(error) => {
            assert!(
                error.span.start <= error.span.end && error.span.start <= text.len() + 1,
                "{error}: {:?}",
                error.span
            );
            return;
        }
    };
    assert!(expr.span.start <= expr.span.end && expr.span.end <= text.len());
    let printed = expr.to_string();
    // A printed query may be longer than the one it came from, and so be over the limit.
    if printed.len() <= options.limits.length_bytes {
        let again = parse(&printed, &options).unwrap_or_else(|error| panic!("{printed}: {error}"));
        assert_eq!(again.to_string(), printed);
    }
}

/// So many values may a script or a series have here.
const MAX_VALUES: usize = 1000;

/// A script in the test language: a fault lies in the text, and repetitions are bounded.
pub fn fuzz_promql_script(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Of a pattern an automaton is made, which has a limit of its own.
    let factor = if text.contains("reg") { 64 << 10 } else { 1024 };
    match meter::within(text.len(), factor, 1 << 20, || Script::parse_within(text, MAX_VALUES)) {
        Ok(script) => assert!(script.evaluations() <= text.lines().count()),
        Err(error) => {
            let line = text.split('\n').nth(error.line - 1).unwrap_or_else(|| panic!("{error}: no such line"));
            assert!(error.column <= line.len() + 1, "{error}: {line:?}");
        }
    }
}

/// A template of an alert: a fault names a line of the text, what becomes of it is bounded, and is the same each time.
pub fn fuzz_template(data: &[u8]) {
    // An alert's templates are not many lines; a large one takes long and finds no more.
    let Ok(text) = std::str::from_utf8(data.get(..4 << 10).unwrap_or(data)) else { return };
    let template = match meter::within(text.len(), 1024, 64 << 10, || Template::parse("a", text)) {
        Ok(template) => template,
        Err(fault) => {
            let place = fault.strip_prefix("template: __alert_a:").and_then(|rest| rest.split(':').next());
            let line: usize = place.and_then(|line| line.parse().ok()).unwrap_or_else(|| panic!("{fault}"));
            assert!((1..=text.split('\n').count()).contains(&line), "{fault}");
            return;
        }
    };
    let labels = BTreeMap::from([("job".to_owned(), "api".to_owned()), ("instance".to_owned(), "[::1]:9".to_owned())]);
    let external = External { labels: labels.clone(), url: "http://x.example/p?q".to_owned() };
    let samples = |query: &str| match query.is_empty() {
        true => Err("nothing was asked".to_owned()),
        false => {
            Ok(query.chars().take(9).map(|_| Sample { labels: labels.clone(), value: 1e9, histogram: None }).collect())
        }
    };
    let histogram = FloatHistogram::default();
    for histogram in [None, Some(&histogram)] {
        let alert = Alert {
            labels: &labels,
            value: -1.5,
            histogram,
            external: &external,
            now_ms: 1_700_000_000_123,
            query: &samples,
        };
        // As many turns of a loop as there may be, with a value each, and all the text that may be made.
        let expand = || meter::within(0, 0, 256 << 20, || template.expand(&alert));
        let got = expand();
        assert!(got.len() <= 4 << 20, "{} bytes", got.len());
        assert_eq!(expand(), got);
    }
}

/// A description of a series: a fault lies in the text, repetitions are bounded, and every histogram among the values is there.
pub fn fuzz_series_description(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match meter::within(text.len(), 1024, 1 << 20, || parse_series(text, MAX_VALUES)) {
        Ok(series) => {
            let rows = series.values.iter().filter(|value| matches!(value, SequenceValue::Histogram { .. }));
            assert_eq!(rows.count(), series.histograms.len());
            assert!(series.values.len() - series.histograms.len() + series.histograms.cells() <= MAX_VALUES + 2);
        }
        Err(error) => assert!(error.span.start <= error.span.end && error.span.end <= text.len() + 1, "{error}"),
    }
}

/// OpenMetrics: samples of sorted labels, up to a fault or the end, and a fault names a line of the text.
pub fn fuzz_openmetrics(data: &[u8]) {
    let mut labels = PackedBuilder::default();
    let mut read = |data: &[u8]| {
        let (mut reader, mut samples) = (Reader::new(data), Vec::new());
        loop {
            match reader.next(&mut labels) {
                Ok(Some(sample)) => {
                    let set = labels.finish().expect("the reader packed them");
                    assert!(!set.is_empty() && set.iter().is_sorted_by(|one, other| one.name < other.name), "{set:?}");
                    samples.push((set.to_owned(), sample.timestamp_ms, sample.value.to_bits(), reader.line_number()));
                }
                Ok(None) => return (samples, None),
                Err(fault) => return (samples, Some(fault.to_string())),
            }
        }
    };
    let lines = data.split(|byte| *byte == b'\n').count() as u64;
    let (samples, fault) = meter::within(data.len(), 256, 64 << 10, || read(data));
    assert!(samples.is_sorted_by(|one, other| one.3 < other.3) && samples.iter().all(|sample| sample.3 <= lines));
    // What stands before the first fault is as good as if nothing followed.
    let sound: Vec<&[u8]> =
        data.split(|byte| *byte == b'\n').take(samples.last().map_or(0, |last| last.3) as usize).collect();
    let sound = [&sound.join(&b'\n'), &b"\n# EOF\n"[..]].concat();
    if fault.is_some() && !samples.is_empty() {
        assert_eq!(read(&sound), (samples, None));
    }
}

/// What `match[]` takes.
pub fn fuzz_promql_selector(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Of an expression an automaton may be made, which has a limit of its own.
    if let Ok(matchers) = parse_selector(text, &ParseOptions::default()) {
        assert!(matchers.iter().all(|matcher| !matcher.name().is_empty()));
    }
}

/// An expression and a value: shortcuts and negations agree with what the automaton says.
pub fn fuzz_matcher(data: &[u8]) {
    let mut parts = Parts::of(data);
    let (pattern, value) = (parts.sized(), parts.rest());
    let Ok(matcher) = Matcher::new(MatchOp::Regex, "name", pattern) else { return };
    let matches = matcher.matches(value);
    assert_eq!(matcher.inverse().matches(value), !matches);
    assert!(!matcher.matches_all() || matches);
    assert!(!matcher.matches_any_present() || matches != value.is_empty());
    assert!(!matches || value.starts_with(matcher.prefix()), "prefix {:?}", matcher.prefix());
    if let Some(values) = matcher.set_values() {
        assert_eq!(values.iter().any(|one| **one == *value), matches);
    }
    // The same expression by way of the engine alone. `^(?s:…)$` reads a pattern with parentheses that close too early
    // otherwise.
    let regex = std::str::from_utf8(pattern).ok().filter(|pattern| !pattern.contains([')', '|', '(']));
    if let Some(Ok(regex)) = regex.map(Regex::new) {
        assert_eq!(regex.is_match(value), matches);
    }
}

/// An expression with groups, a value, a template.
pub fn fuzz_regex(data: &[u8]) {
    let mut parts = Parts::of(data);
    let (pattern, template, value) = (parts.sized(), parts.sized(), parts.rest());
    let Some(Ok(regex)) = std::str::from_utf8(pattern).ok().map(Regex::new) else { return };
    let captures = regex.captures(value);
    assert_eq!(captures.is_some(), regex.is_match(value));
    if let Some(captures) = captures {
        let mut out = Vec::new();
        captures.expand(template, &mut out);
        assert!(captures.get(0).is_some());
    }
}

/// A hashring file: what is taken has a place for a tenant, or says why not.
pub fn fuzz_hashring(data: &[u8]) {
    let mut parts = Parts::of(data);
    let (algorithm, replication_factor, file) = (parts.u8() % 2, usize::from(parts.u8() % 4), parts.rest());
    let algorithm = if algorithm == 0 { Algorithm::Hashmod } else { Algorithm::Ketama };
    // A thousand sections for each endpoint, which takes a few bytes of the file to name.
    let rings = meter::within(file.len(), 64 << 10, 256 << 10, || Rings::parse(file, algorithm, replication_factor));
    let Ok(rings) = rings else { return };
    for tenant in ["default-tenant", "a", ""] {
        if let Err(why) = rings.of_tenant(tenant) {
            assert!(!why.to_string().is_empty());
        }
    }
    assert!(rings.configs().count() > 0);
    let _maybe_not_valid = rings.validate(true);
}

/// The YAML of an object store. What it says of secrets is not shown.
pub fn fuzz_object_store_config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(config) = bucket::Config::parse(text) {
        assert!(!format!("{config:?}").contains("hush-hush"));
    }
}

/// Values of flags: what was read prints to what reads the same.
pub fn fuzz_flag_values(data: &[u8]) {
    fn check<T: FromStr + Display + PartialEq + std::fmt::Debug>(text: &str)
    where
        T::Err: Display + std::fmt::Debug,
    {
        match text.parse::<T>() {
            Ok(value) => assert_eq!(value.to_string().parse::<T>().expect("what was printed is read"), value),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    check::<ByteSize>(text);
    check::<GoDuration>(text);
    check::<PromDuration>(text);
    if let Ok(duration) = GoDuration::parse_flag(text) {
        assert_eq!(duration.to_string().parse(), Ok(duration));
    }
    if let Ok(time) = text.parse::<TimeOrDuration>() {
        time.at_ms(i64::MAX);
        time.at_ms(i64::MIN);
    }
    if let Ok(label) = text.parse::<LabelFlag>() {
        assert!(!label.name.is_empty());
    }
}

/// The name of a tenant: as a part of a path it is one directory below where it is put.
pub fn fuzz_tenant(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(tenant) = TenantId::parse(text) {
        let (root, path) = (Path::new("/data/receive"), Path::new("/data/receive").join(tenant.as_str()));
        assert_eq!((path.parent(), path.file_name().and_then(|name| name.to_str())), (Some(root), Some(text)));
    }
}

//! Series descriptions: labels, and values in short forms.

use crate::store::StoredSeries;
use model::{Labels, METRIC_NAME, SampleColumns};
use promql::ParseOptions;

/// A series with a value or a gap for each step.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) labels: Labels,
    pub(crate) step_ms: i64,
    pub(crate) values: Vec<Option<f64>>,
    pub(crate) has_histograms: bool,
}

/// Adds samples to the series that are there.
pub(crate) fn add(series: &mut Vec<StoredSeries>, loaded: Vec<Loaded>) {
    for one in loaded {
        let known = series.iter().position(|series| series.labels == one.labels);
        let at = known.unwrap_or_else(|| {
            let columns = SampleColumns::default();
            series.push(StoredSeries { labels: one.labels.clone(), columns, has_histograms: false });
            series.len() - 1
        });
        series[at].has_histograms |= one.has_histograms;
        let columns = &mut series[at].columns;
        for (step, value) in one.values.iter().enumerate() {
            if let Some(value) = value {
                columns.push(step as i64 * one.step_ms, *value);
            }
        }
    }
}

/// A line such as `x{a="b"} 1 2+1x3 _`.
pub(crate) fn series(line: &str, step_ms: i64) -> Loaded {
    let end = end_of_labels(line);
    let has_histograms = line[end..].contains("{{");
    let values = if has_histograms { Vec::new() } else { line[end..].split_whitespace().flat_map(item).collect() };
    Loaded { labels: labels(line[..end].trim()), step_ms, values, has_histograms }
}

/// Where the name and the braces behind it end.
fn end_of_labels(line: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"' | '\'') if c == '\\' => escaped = true,
            Some(open) if open == c => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if c == '}' => return at + 1,
            // Braces may stand apart from the name; two of them are a histogram.
            None if c.is_whitespace() && !line[..at].contains('{') => {
                let rest = line[at..].trim_start();
                if !rest.starts_with('{') || rest.starts_with("{{") {
                    return at;
                }
            }
            None => {}
        }
    }
    line.len()
}

fn labels(text: &str) -> Labels {
    // `{}` alone is no selector.
    if text.replace(' ', "") == "{}" {
        return Labels::empty();
    }
    let matchers = promql::parse_selector(text, &ParseOptions::default()).unwrap_or_else(|err| panic!("{text}: {err}"));
    Labels::from_pairs(matchers.iter().map(|matcher| (matcher.name(), matcher.value()))).unwrap()
}

/// `_`, `_x3`, `1`, `1x3`, `1+2x3`, `1-2x3`, `stale`
fn item(text: &str) -> Vec<Option<f64>> {
    if text == "stale" {
        return vec![Some(model::STALE_NAN)];
    }
    if let Some(rest) = text.strip_prefix('_') {
        return vec![None; rest.strip_prefix('x').map_or(1, |times| times.parse().unwrap())];
    }
    let Some((values, times)) = text.rsplit_once('x') else {
        return vec![Some(number(text).unwrap_or_else(|| panic!("no value: {text}")))];
    };
    let times: usize = times.parse().unwrap();
    // The sign in the middle, and not that of an exponent.
    let sign =
        values.char_indices().skip(1).find(|(at, c)| matches!(c, '+' | '-') && !values[..*at].ends_with(['e', 'E']));
    let (start, increment) = match sign {
        Some((at, _)) => (number(&values[..at]).unwrap(), number(&values[at..]).unwrap()),
        None => (number(values).unwrap(), 0.0),
    };
    let mut value = start;
    let mut all = vec![Some(value)];
    for _ in 0..times {
        value += increment;
        all.push(Some(value));
    }
    all
}

/// A number, with a sign.
pub(crate) fn number(text: &str) -> Option<f64> {
    let lower = text.trim_start_matches(['+', '-']).to_lowercase();
    if !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') && lower != "inf" && lower != "nan" {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// The histograms with custom buckets that `load_with_nhcb` makes of classic ones: that there are some is all that is kept.
pub(crate) fn add_nhcb(loaded: &mut Vec<Loaded>) {
    let mut more = Vec::new();
    for one in loaded.iter() {
        let name = one.labels.get(METRIC_NAME).unwrap_or_default();
        let base = [b"_bucket".as_slice(), b"_count", b"_sum"].iter().find_map(|suffix| name.strip_suffix(*suffix));
        if let Some(base) = base {
            let mut labels = one.labels.edit();
            labels.set(METRIC_NAME, base);
            labels.remove(b"le");
            let labels = labels.build().unwrap();
            more.push(Loaded { labels, step_ms: one.step_ms, values: Vec::new(), has_histograms: true });
        }
    }
    loaded.extend(more);
}

//! Whether a system returns what it acknowledged.

use crate::asker::{Asker, percent_encoded};
use crate::cli::Shape;
use crate::workload::{SERIES_A_POD, STEP_MS, Workload, metric_name};
use anyhow::{Context, ensure};
use bytes::Bytes;
use serde_json::Value;
use std::time::Duration;

/// A peer may show samples only some seconds after it acknowledged them; VictoriaMetrics none of the last 30 s.
const SHOWN_WITHIN_S: usize = 45;
/// How many series are read back sample for sample.
const READ_BACK: usize = 20;

/// Whether `url` answers 200.
pub(crate) fn is_ok(url: &str) -> bool {
    get(url).is_ok_and(|(status, _)| status == 200)
}

/// Asks for the number of samples of all series, and for all samples of some.
///
/// # Errors
/// A sample that is missing or another, or one too many.
pub(crate) fn check(query_url: &str, shape: &Shape, end_ms: i64, acknowledged: usize) -> anyhow::Result<()> {
    let range_s = (i64::try_from(shape.samples)? + 1) * STEP_MS / 1000;
    // Metric by metric: without their names series of two metrics would be one, and a peer may limit a query's samples.
    let metrics: Vec<_> = (0..SERIES_A_POD).map(|metric| (metric_name(metric), range_s)).collect();
    check_count(query_url, &metrics, end_ms, acknowledged)?;
    if shape.churn > 0.0 {
        return Ok(());
    }
    for pick in 0..READ_BACK {
        let index = pick * shape.series / READ_BACK;
        let (selector, expected) = Workload::expected(shape, end_ms, index);
        let answer = query(query_url, &format!("{selector}[{range_s}s]"), end_ms)?;
        let found = samples(&answer);
        let equal =
            found.len() == expected.len() && found.iter().zip(&expected).all(|(one, other)| is_same(*one, *other));
        ensure!(equal, "series {selector} came back with other samples");
    }
    Ok(())
}

/// Asks for the number of samples of all series of `metrics`, each by its name and the seconds it goes back.
///
/// # Errors
/// Another number than `acknowledged`.
pub(crate) fn check_count(
    query_url: &str,
    metrics: &[(String, i64)],
    end_ms: i64,
    acknowledged: usize,
) -> anyhow::Result<()> {
    let count = || -> anyhow::Result<f64> {
        let mut counted = 0.0;
        for (name, range_s) in metrics {
            let count = format!("sum(count_over_time({name}[{range_s}s]))");
            counted += first_value(&query(query_url, &count, end_ms)?).unwrap_or(0.0);
        }
        Ok(counted)
    };
    let mut counted = count()?;
    for _ in 0..SHOWN_WITHIN_S {
        if counted == acknowledged as f64 {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
        counted = count()?;
    }
    ensure!(counted == acknowledged as f64, "{acknowledged} samples were acknowledged, {counted} came back");
    Ok(())
}

/// VictoriaMetrics keeps values as decimals, so the last digits of a float may be others.
fn is_same(found: (i64, f64), expected: (i64, f64)) -> bool {
    found.0 == expected.0 && (found.1 - expected.1).abs() <= 1e-12 * expected.1.abs()
}

fn query(url: &str, query: &str, time_ms: i64) -> anyhow::Result<Value> {
    let encoded = percent_encoded(query);
    let (status, body) = get(&format!("{url}?query={encoded}&time={}.{:03}", time_ms / 1000, time_ms % 1000))?;
    ensure!(status == 200, "{query}: answer {status}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).context("the answer is no JSON")
}

/// What `url` answers, as text.
pub(crate) fn text(url: &str) -> anyhow::Result<String> {
    let (status, body) = get(url)?;
    ensure!(status == 200, "{url}: answer {status}");
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// What `url` answers to a POST without a body, as JSON.
pub(crate) fn post(url: &str) -> anyhow::Result<Value> {
    let (status, body) = Asker::new()?.call(http::Method::POST, url)?;
    ensure!(status == 200, "{url}: answer {status}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).context("the answer is no JSON")
}

fn get(url: &str) -> anyhow::Result<(u16, Bytes)> {
    Asker::new()?.get(url)
}

fn first_value(answer: &Value) -> Option<f64> {
    answer.pointer("/data/result/0/value/1")?.as_str()?.parse().ok()
}

fn samples(answer: &Value) -> Vec<(i64, f64)> {
    let values = answer.pointer("/data/result/0/values").and_then(Value::as_array);
    let sample = |pair: &Value| {
        let seconds = pair.get(0)?.as_f64()?;
        Some(((seconds * 1000.0).round() as i64, pair.get(1)?.as_str()?.parse().ok()?))
    };
    values.into_iter().flatten().filter_map(sample).collect()
}

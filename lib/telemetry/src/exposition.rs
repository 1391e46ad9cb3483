//! Metric families as bytes: the text format 0.0.4 and delimited protobuf.
//!
//! The text format is described in Prometheus' `docs/instrumenting/exposition_formats.md`; families come sorted by name and
//! numbers are printed as Go prints them, as every scrape of a Go program looks.

use crate::number::write_float;
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prost::Message;
use std::fmt::Write;

/// What a scraper can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text 0.0.4.
    Text,
    /// `io.prometheus.client.MetricFamily`, each with its length before it.
    Protobuf,
}

impl Format {
    /// The format an `Accept` header asks for: the one with the highest weight, the first of equals; text if it names neither.
    pub fn negotiate(accept: &str) -> Self {
        let mut best = (Self::Text, 0.0);
        for range in accept.split(',') {
            let (media, parameters) = range.split_once(';').unwrap_or((range, ""));
            let mut weight = 1.0;
            let mut proto = "";
            for parameter in parameters.split(';') {
                match parameter.trim().split_once('=') {
                    Some(("q", given)) => weight = given.parse().unwrap_or(0.0),
                    Some(("proto", given)) => proto = given,
                    _ => {}
                }
            }
            let format = match media.trim() {
                "text/plain" | "text/*" | "*/*" => Self::Text,
                "application/vnd.google.protobuf" if proto == "io.prometheus.client.MetricFamily" => Self::Protobuf,
                _ => continue,
            };
            if weight > best.1 {
                best = (format, weight);
            }
        }
        best.0
    }

    /// The `Content-Type` of an answer in this format.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    pub(crate) fn encode(self, families: &[MetricFamily]) -> Vec<u8> {
        match self {
            Self::Text => {
                let mut out = String::new();
                families.iter().for_each(|family| write_family(family, &mut out));
                out.into_bytes()
            }
            Self::Protobuf => families.iter().flat_map(Message::encode_length_delimited_to_vec).collect(),
        }
    }
}

fn write_family(family: &MetricFamily, out: &mut String) {
    let kind = family.r#type();
    let type_name = match kind {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Summary => "summary",
        MetricType::Untyped => "untyped",
        MetricType::Histogram | MetricType::GaugeHistogram => "histogram",
    };
    let name = family.name.as_str();
    if !family.help.is_empty() {
        let _ = write!(out, "# HELP {name} ");
        write_escaped(&family.help, false, out);
        out.push('\n');
    }
    let _ = writeln!(out, "# TYPE {name} {type_name}");
    for metric in &family.metric {
        if let Some(histogram) = &metric.histogram {
            write_histogram(name, &metric.label, histogram, out);
        } else {
            write_sample(name, "", &metric.label, None, value_of(metric), out);
        }
    }
}

fn value_of(metric: &Metric) -> f64 {
    let counter = metric.counter.as_ref().map(|counter| counter.value);
    let gauge = metric.gauge.as_ref().map(|gauge| gauge.value);
    let untyped = metric.untyped.as_ref().map(|untyped| untyped.value);
    counter.or(gauge).or(untyped).unwrap_or(f64::NAN)
}

fn write_histogram(name: &str, labels: &[LabelPair], histogram: &Histogram, out: &mut String) {
    #[allow(clippy::cast_precision_loss, reason = "the format has no integers")]
    let float = |count: u64| count as f64;
    for bucket in histogram.bucket.iter().filter(|bucket| bucket.upper_bound != f64::INFINITY) {
        write_sample(name, "_bucket", labels, Some(bucket.upper_bound), float(bucket.cumulative_count), out);
    }
    write_sample(name, "_bucket", labels, Some(f64::INFINITY), float(histogram.sample_count), out);
    write_sample(name, "_sum", labels, None, histogram.sample_sum, out);
    write_sample(name, "_count", labels, None, float(histogram.sample_count), out);
}

fn write_sample(name: &str, suffix: &str, labels: &[LabelPair], le: Option<f64>, value: f64, out: &mut String) {
    out.push_str(name);
    out.push_str(suffix);
    let mut before = '{';
    for label in labels {
        let _ = write!(out, "{before}{}=\"", label.name);
        write_escaped(&label.value, true, out);
        out.push('"');
        before = ',';
    }
    if let Some(le) = le {
        let _ = write!(out, "{before}le=\"");
        write_float(le, out);
        out.push('"');
        before = ',';
    }
    if before == ',' {
        out.push('}');
    }
    out.push(' ');
    // Go's text format has one zero.
    write_float(if value == 0.0 { 0.0 } else { value }, out);
    out.push('\n');
}

fn write_escaped(text: &str, quotes: bool, out: &mut String) {
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests;

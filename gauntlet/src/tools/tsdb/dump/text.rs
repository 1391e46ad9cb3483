//! Series and samples as promtool prints them.

use model::{Label, LabelsRef, METRIC_NAME, Quoted, QuotedName, SampleColumns, ShortFloat};
use serde::Serializer as _;
use serde::ser::SerializeMap as _;
use serde_json::ser::{CompactFormatter, Serializer};
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use tsdb::block::GoText;

/// A series, as it stands before each of its samples: `{a="b", "ü"="c"}`.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeriesText<'a> {
    pub(super) labels: LabelsRef<'a>,
}

/// Labels without spaces, and names as they are, be they such that nobody can read them back.
struct Condensed<'a>(LabelsRef<'a>);

impl SeriesText<'_> {
    /// A line a sample.
    pub(super) fn write(self, columns: &SampleColumns, out: &mut dyn Write) -> io::Result<()> {
        if columns.is_empty() {
            return Ok(());
        }
        let series = self.to_string();
        for (at, (timestamp_ms, &value)) in columns.timestamps_ms.iter().zip(&columns.values).enumerate() {
            match columns.histogram(at) {
                None => writeln!(out, "{series} {} {timestamp_ms}", ShortFloat(value))?,
                Some(histogram) => writeln!(out, "{series} {histogram} {timestamp_ms}")?,
            }
        }
        Ok(())
    }
}

/// A line of JSON: the labels as an object.
pub(super) fn write_json(series: SeriesText<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut json = Serializer::with_formatter(&mut *out, GoText(CompactFormatter));
    let mut object = json.serialize_map(None)?;
    for Label { name, value } in series.labels.iter() {
        object.serialize_entry(&String::from_utf8_lossy(name), &String::from_utf8_lossy(value))?;
    }
    object.end()?;
    writeln!(out)
}

/// A line a float; times in seconds.
pub(super) fn write_open_metrics(
    series: SeriesText<'_>,
    columns: &SampleColumns,
    out: &mut dyn Write,
) -> io::Result<()> {
    let name = series.labels.get(METRIC_NAME).unwrap_or_default();
    let labels = Condensed(series.labels).to_string();
    for (at, (&timestamp_ms, &value)) in columns.timestamps_ms.iter().zip(&columns.values).enumerate() {
        if columns.histogram(at).is_none() {
            out.write_all(name)?;
            writeln!(out, "{labels} {} {:.3}", ShortFloat(value), timestamp_ms as f64 / 1000.0)?;
        }
    }
    Ok(())
}

impl Display for SeriesText<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str("{")?;
        for (at, Label { name, value }) in self.labels.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(out, "{comma}{}={}", QuotedName(name), Quoted(value))?;
        }
        out.write_str("}")
    }
}

impl Display for Condensed<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str("{")?;
        let others = self.0.iter().filter(|label| label.name != METRIC_NAME);
        for (at, Label { name, value }) in others.enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(out, "{comma}{}={}", String::from_utf8_lossy(name), Quoted(value))?;
        }
        out.write_str("}")
    }
}

//! `dump` and `dump-openmetrics`: what is in a data directory, as text.

mod text;

use super::TsdbToolError;
use super::open::{open, selector};
use clap::{Args, ValueEnum};
use model::{SampleColumns, TimeRange};
use std::io::{self, Write};
use std::path::PathBuf;
use text::{SeriesText, write_json, write_open_metrics};
use tsdb::SampleCursor;

#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    what: What,
    /// prom: a line a sample; seriesjson: a line a series
    #[arg(id = "dump-format", long = "format", value_enum, default_value = "prom", value_name = "FORMAT")]
    format: Format,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct OpenMetricsFlags {
    #[command(flatten)]
    what: What,
}

/// Which samples.
#[derive(Debug, Clone, Args)]
struct What {
    /// The data directory, a folder of blocks, or a block
    #[arg(value_name = "DIR", default_value = "data/")]
    dir: PathBuf,
    /// Where a directory is made and removed again, should replaying the log make chunks; without, where the system keeps
    /// temporary files
    #[arg(long, value_name = "DIR")]
    sandbox_dir_root: Option<PathBuf>,
    /// No sample before this, in milliseconds since 1970
    #[arg(long, default_value = "-9223372036854775808", allow_negative_numbers = true, value_name = "MS")]
    min_time: i64,
    /// No sample after this, in milliseconds since 1970
    #[arg(long, default_value = "9223372036854775807", allow_negative_numbers = true, value_name = "MS")]
    max_time: i64,
    /// Only series that this selector accepts, or one of several
    #[arg(long = "match", default_value = "{__name__=~'(?s:.*)'}", value_name = "SELECTOR")]
    matching: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Prom,
    Seriesjson,
}

pub(super) fn run(flags: &Flags, out: &mut dyn Write) -> Result<(), TsdbToolError> {
    match flags.format {
        Format::Prom => flags.what.each(false, &mut |series, columns| series.write(columns, out)),
        Format::Seriesjson => flags.what.each(true, &mut |series, _| write_json(series, out)),
    }
}

pub(super) fn run_open_metrics(flags: &OpenMetricsFlags, out: &mut dyn Write) -> Result<(), TsdbToolError> {
    flags.what.each(false, &mut |series, columns| write_open_metrics(series, columns, out))?;
    writeln!(out, "# EOF").map_err(TsdbToolError::Output)
}

impl What {
    /// Hands out each series with its samples.
    fn each(
        &self,
        labels_only: bool,
        take: &mut dyn FnMut(SeriesText<'_>, &SampleColumns) -> io::Result<()>,
    ) -> Result<(), TsdbToolError> {
        let selectors = self.matching.iter().map(|text| selector(text)).collect::<Result<Vec<_>, _>>()?;
        let held = open(&self.dir, self.sandbox_dir_root.as_deref())?;
        let Some(range) = TimeRange::new(self.min_time, self.max_time) else { return Ok(()) };
        // As promtool has them: sorted, but where one selector asks a log alone.
        let as_created = held.head_as_created(range).filter(|_| selectors.len() == 1);
        let sources = as_created.map_or_else(|| held.sources(range), |head| vec![head]);
        let mut cursors = Vec::new();
        for source in sources {
            for matchers in &selectors {
                cursors.push(source.select(matchers, range)?);
            }
        }
        let mut cursor = SampleCursor::new(cursors, range);
        if labels_only {
            cursor = cursor.labels_only();
        }
        let mut columns = SampleColumns::default();
        while let Some(labels) = cursor.next(&mut columns)? {
            take(SeriesText { labels }, &columns).map_err(TsdbToolError::Output)?;
        }
        Ok(())
    }
}

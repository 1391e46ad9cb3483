//! Log lines on stderr, with the keys Thanos' lines have: `ts caller level msg`, then the fields.
//!
//! Messages are lowercase and values are fields, an error's is `err`. A value longer than [`MAX_VALUE_BYTES`] is cut, so that
//! nobody outside can make a line long.

use jiff::Timestamp;
use model::{Clock, SystemClock};
use std::fmt::{self, Debug, Write};
use std::str::FromStr;
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

/// How much of a value is shown.
const MAX_VALUE_BYTES: usize = 2048;

/// What to log, and how it looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogConfig {
    pub level: LogLevel,
    pub format: LogFormat,
}

/// The least important level that is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Logfmt,
    Json,
}

/// Logs can be set up once in a process.
#[derive(Debug, thiserror::Error)]
#[error("logs are already set up in this process")]
pub struct LogsAlreadySet;

/// A name that is none of those allowed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("enum value must be one of {allowed}, got '{given}'")]
pub struct UnknownName {
    allowed: &'static str,
    given: String,
}

/// Sends the log lines of this process to stderr from now on.
///
/// # Errors
/// If that was done before.
pub fn init_logs(config: LogConfig) -> Result<(), LogsAlreadySet> {
    let subscriber = subscriber(config, Arc::new(SystemClock), std::io::stderr);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogsAlreadySet)
}

fn subscriber<W>(config: LogConfig, clock: Arc<dyn Clock>, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .fmt_fields(Fields(config.format))
        .event_format(Lines { format: config.format, clock });
    tracing_subscriber::registry().with(config.level.filter()).with(lines)
}

impl LogLevel {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
        }
    }
}

impl FromStr for LogLevel {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            other => Err(UnknownName { allowed: "error,warn,info,debug", given: other.to_owned() }),
        }
    }
}

impl FromStr for LogFormat {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "logfmt" => Ok(Self::Logfmt),
            "json" => Ok(Self::Json),
            other => Err(UnknownName { allowed: "logfmt,json", given: other.to_owned() }),
        }
    }
}

/// Writes whole lines.
struct Lines {
    format: LogFormat,
    clock: Arc<dyn Clock>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let now = Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or_default();
        let metadata = event.metadata();
        let level = match *metadata.level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG | Level::TRACE => "debug",
        };
        let file = metadata.file().and_then(|path| path.rsplit(['/', '\\']).next()).unwrap_or("?");
        if self.format == LogFormat::Json {
            out.write_char('{')?;
        }
        let mut pairs = Pairs { format: self.format, first: true, out: &mut out, failed: Ok(()) };
        pairs.pair("ts", &format!("{now:.3}"));
        pairs.pair("caller", &format!("{file}:{}", metadata.line().unwrap_or(0)));
        pairs.pair("level", level);
        event.record(&mut pairs);
        pairs.failed?;
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>().filter(|fields| !fields.is_empty()) {
                out.write_str(fields)?;
            }
        }
        out.write_str(if self.format == LogFormat::Json { "}\n" } else { "\n" })
    }
}

/// Writes the fields of a span, as they will stand at the end of a line.
struct Fields(LogFormat);

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, mut out: Writer<'writer>, fields: R) -> fmt::Result {
        let mut pairs = Pairs { format: self.0, first: false, out: &mut out, failed: Ok(()) };
        fields.record(&mut pairs);
        pairs.failed
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

struct Pairs<'a, W> {
    format: LogFormat,
    first: bool,
    out: &'a mut W,
    failed: fmt::Result,
}

impl<W: Write> Pairs<'_, W> {
    fn pair(&mut self, key: &str, value: &str) {
        self.write(key, value, true);
    }

    fn write(&mut self, key: &str, value: &str, quotable: bool) {
        if self.failed.is_ok() {
            self.failed = self.try_write(key, value, quotable);
        }
    }

    fn try_write(&mut self, key: &str, value: &str, quotable: bool) -> fmt::Result {
        let key = if key == "message" { "msg" } else { key };
        let cut = &value[..value.floor_char_boundary(MAX_VALUE_BYTES)];
        let more = if cut.len() < value.len() { "…" } else { "" };
        let first = std::mem::replace(&mut self.first, false);
        match self.format {
            LogFormat::Logfmt => {
                let space = if first { "" } else { " " };
                let bare = cut.bytes().all(|byte| byte > b' ' && byte != b'=' && byte != b'"' && byte != 0x7f);
                match bare && more.is_empty() {
                    true => write!(self.out, "{space}{key}={cut}"),
                    false => write!(self.out, "{space}{key}={}", quoted(cut, more)),
                }
            }
            LogFormat::Json => {
                let comma = if first { "" } else { "," };
                match quotable {
                    true => write!(self.out, "{comma}\"{key}\":{}", quoted(cut, more)),
                    false => write!(self.out, "{comma}\"{key}\":{cut}"),
                }
            }
        }
    }
}

/// `text` as a JSON string, which is also how logfmt quotes.
fn quoted(text: &str, more: &str) -> String {
    serde_json::Value::String(format!("{text}{more}")).to_string()
}

impl<W: Write> Visit for Pairs<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field.name(), &format!("{value:?}"), true);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field.name(), value, true);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.write(field.name(), &value.to_string(), true);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field.name(), &value.to_string(), false);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field.name(), &value.to_string(), false);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field.name(), if value { "true" } else { "false" }, false);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for infinity.
        self.write(field.name(), &value.to_string(), !value.is_finite());
    }
}

#[cfg(test)]
mod tests;

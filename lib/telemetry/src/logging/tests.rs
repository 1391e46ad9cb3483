use super::{LogConfig, LogFormat, LogLevel, UnknownName, subscriber};
use model::ManualClock;
use parking_lot::Mutex;
use std::io::Write;
use std::sync::Arc;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What `act` logs, with the line numbers of this file taken out.
fn logged(level: LogLevel, format: LogFormat, act: impl FnOnce()) -> String {
    let sink = Sink::default();
    let clock = Arc::new(ManualClock::at(1_785_414_896_007));
    tracing::subscriber::with_default(subscriber(LogConfig { level, format }, clock, sink.clone()), act);
    let text = String::from_utf8(sink.0.lock().clone()).unwrap();
    let mut parts = text.split("tests.rs:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("tests.rs:N");
        out.push_str(part.trim_start_matches(|char: char| char.is_ascii_digit()));
    }
    out
}

#[test]
fn logfmt_lines() {
    let text = logged(LogLevel::Info, LogFormat::Logfmt, || {
        tracing::info!(tenant = "a b", bytes = 7, ok = true, "opening \"head\"");
        tracing::warn!(err = %"no=sign", empty = "", "exiting");
    });
    assert_eq!(
        text,
        "ts=2026-07-30T12:34:56.007Z caller=tests.rs:N level=info msg=\"opening \\\"head\\\"\" tenant=\"a b\" bytes=7 ok=true\n\
         ts=2026-07-30T12:34:56.007Z caller=tests.rs:N level=warn msg=exiting err=\"no=sign\" empty=\n",
    );
}

#[test]
fn json_lines() {
    let text = logged(LogLevel::Info, LogFormat::Json, || {
        tracing::error!(path = ?"/a", ratio = f64::INFINITY, half = 0.5, count = -3, "failed\nbadly");
    });
    assert_eq!(
        text,
        "{\"ts\":\"2026-07-30T12:34:56.007Z\",\"caller\":\"tests.rs:N\",\"level\":\"error\",\"msg\":\"failed\\nbadly\",\
         \"path\":\"\\\"/a\\\"\",\"ratio\":\"inf\",\"half\":0.5,\"count\":-3}\n",
    );
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
}

#[test]
fn fields_of_spans_follow() {
    for (format, want) in
        [(LogFormat::Logfmt, "msg=inside n=1 tenant=t\n"), (LogFormat::Json, "\"n\":1,\"tenant\":\"t\"}\n")]
    {
        let text = logged(LogLevel::Info, format, || {
            let span = tracing::info_span!("request", tenant = "t");
            span.in_scope(|| tracing::info!(n = 1, "inside"));
        });
        assert!(text.ends_with(want), "{text}");
    }
}

#[test]
fn levels_below_are_left_out() {
    let all = || {
        tracing::error!("e");
        tracing::warn!("w");
        tracing::info!("i");
        tracing::debug!("d");
        tracing::trace!("t");
    };
    for (level, want) in [(LogLevel::Error, 1), (LogLevel::Warn, 2), (LogLevel::Info, 3), (LogLevel::Debug, 4)] {
        assert_eq!(logged(level, LogFormat::Logfmt, all).lines().count(), want, "{level:?}");
    }
}

#[test]
fn a_long_value_is_cut_between_characters() {
    let text = logged(LogLevel::Info, LogFormat::Logfmt, || {
        tracing::info!(body = "xä".repeat(10_000), "long");
    });
    assert!(text.len() < 2200, "{} bytes", text.len());
    assert!(text.ends_with("x…\"\n") || text.ends_with("ä…\"\n"), "{text}");
}

#[test]
fn names_are_checked() {
    assert_eq!("debug".parse(), Ok(LogLevel::Debug));
    assert_eq!("json".parse(), Ok(LogFormat::Json));
    let wrong = "zzz".parse::<LogLevel>().unwrap_err();
    assert_eq!(wrong.to_string(), "enum value must be one of error,warn,info,debug, got 'zzz'");
    assert!(matches!("journald".parse::<LogFormat>(), Err(UnknownName { .. })));
}

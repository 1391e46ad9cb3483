//! `stats`: how long the parts of a query took, and how many samples it looked at.

use super::json;
use super::number::push_time;
use super::params::Params;
use crate::config::Flavour;
use promql::Statistics;
use std::io::Write;
use std::time::Duration;

/// What is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Anything at all.
    pub(super) any: bool,
    /// `all`: counts by step, too, where the feature is switched on.
    by_step: bool,
    /// Samples that came new into view, which Thanos does not tell.
    reads: bool,
}

/// How long the parts of a query took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Timings {
    /// From the text to the plan.
    pub(crate) preparing: Duration,
    /// Waiting for a place.
    pub(crate) queued: Duration,
    /// Reading and evaluating.
    pub(crate) evaluating: Duration,
}

/// What is said of a query.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) timings: Timings,
    pub(crate) samples: Statistics,
}

impl Wanted {
    /// Reads `stats`; any text asks for it.
    pub(super) fn read(params: &Params, flavour: Flavour, per_step_stats: bool) -> Self {
        let (text, reads) = (params.get("stats"), flavour == Flavour::Prometheus);
        Self { any: text.is_some(), by_step: text == Some("all") && per_step_stats && reads, reads }
    }

    /// What is to be said of a value that is no longer to be used.
    pub(super) fn warning(self, params: &Params) -> Option<String> {
        let params = Some(params).filter(|_| self.reads)?;
        let text = params.get("stats").filter(|text| !["true", "all"].contains(text))?;
        Some(format!(
            "value {} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \"all\"",
            model::Quoted(text.as_bytes())
        ))
    }

    /// Appends the member, comma included.
    pub(super) fn push(self, told: &Told, times_ms: impl Fn(usize) -> i64, out: &mut Vec<u8>) {
        let Timings { preparing, queued, evaluating } = told.timings;
        let seconds = |duration: Duration| duration.as_secs_f64();
        // Writing to a vector cannot fail. Series are put in order while they are evaluated, so that takes no time of its own.
        let _ = write!(
            out,
            r#","stats":{{"timings":{{"evalTotalTime":{},"resultSortTime":0,"queryPreparationTime":{},"innerEvalTime":{},"execQueueTime":{},"execTotalTime":{}}},"samples":{{"#,
            seconds(preparing + evaluating),
            seconds(preparing),
            seconds(evaluating),
            seconds(queued),
            seconds(preparing + queued + evaluating),
        );
        let mut push_steps = |name: &str, counts: &[u64]| {
            if self.by_step {
                out.extend_from_slice(format!(r#""{name}PerStep":"#).as_bytes());
                json::push_list(counts.iter().enumerate(), out, |(step, count), out| {
                    out.push(b'[');
                    push_time(times_ms(step), out);
                    out.extend_from_slice(format!(",{count}]").as_bytes());
                });
                out.push(b',');
            }
            out.extend_from_slice(format!(r#""{name}":{},"#, counts.iter().sum::<u64>()).as_bytes());
        };
        push_steps("totalQueryableSamples", &told.samples.queryable);
        if self.reads {
            push_steps("samplesRead", &told.samples.read);
        }
        out.extend_from_slice(format!(r#""peakSamples":{}}}}}"#, told.samples.peak).as_bytes());
    }
}

#[cfg(test)]
mod tests;

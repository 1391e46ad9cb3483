//! `load`: series and their samples.

use super::{Reader, ScriptError, duration_ms};
use crate::testlang::{SequenceValue, SeriesDescription};
use model::Labels;

/// Series that begin at the epoch.
#[derive(Debug, Clone)]
pub(in crate::testlang) struct Load {
    /// From 1.
    pub(in crate::testlang) line: usize,
    pub(in crate::testlang) step_ms: i64,
    /// Whether histograms with custom buckets are made of classic ones.
    pub(in crate::testlang) with_nhcb: bool,
    pub(in crate::testlang) series: Vec<LoadedSeries>,
}

#[derive(Debug, Clone)]
pub(in crate::testlang) struct LoadedSeries {
    pub(in crate::testlang) described: SeriesDescription,
    /// When the counter behind each value began, in milliseconds behind the value's time; empty: that is not known.
    pub(in crate::testlang) starts: Vec<Option<i64>>,
}

/// A line of start timestamps, for the line that follows it.
struct Starts {
    line: usize,
    labels: Labels,
    offsets: Vec<Option<i64>>,
}

/// The latest time: what can be counted in nanoseconds.
const MAX_TIME_MS: i64 = i64::MAX / 1_000_000;

impl Reader<'_> {
    /// The command in line `number`, and its block.
    pub(super) fn load(&mut self, number: usize) -> Result<Load, ScriptError> {
        let text = self.text(number);
        let words = text.strip_prefix("load").map(|rest| match rest.strip_prefix("_with_nhcb") {
            Some(rest) => (true, rest),
            None => (false, rest),
        });
        let words = words.filter(|(_, rest)| rest.starts_with(char::is_whitespace) && !rest.trim().is_empty());
        let Some((with_nhcb, rest)) = words else {
            return Err(self.fault(number, "invalid load command. (load[_with_nhcb] <step:duration>)"));
        };
        let step_ms = self.duration(number, "step definition", rest.trim_start())?;
        let mut load = Load { line: number + 1, step_ms, with_nhcb, series: Vec::new() };
        let mut pending: Option<Starts> = None;
        while let Some((number, text)) = self.block_line() {
            if let Some((metric, offsets)) = start_line(text) {
                self.check_used(pending.as_ref())?;
                pending = Some(self.starts(number, metric, offsets)?);
                continue;
            }
            let described = self.series(number, text)?;
            let offsets = match pending.take() {
                Some(starts) if starts.labels != described.labels => {
                    return Err(self.fault(starts.line, "@st metric does not match the following sample line metric"));
                }
                Some(starts) if starts.offsets.len() != described.values.len() => {
                    let (offsets, values) = (starts.offsets.len(), described.values.len());
                    let message = format!("@st line has {offsets} values but sample line has {values}");
                    return Err(self.fault(starts.line, message));
                }
                Some(starts) => starts.offsets,
                None => Vec::new(),
            };
            let end_ms = i64::try_from(described.values.len()).ok().and_then(|len| len.checked_mul(step_ms));
            if end_ms.is_none_or(|end_ms| end_ms > MAX_TIME_MS) {
                return Err(self.fault(number, "the last sample is later than times go"));
            }
            // Of two lines about one series the later counts.
            load.series.retain(|series| series.described.labels != described.labels);
            load.series.push(LoadedSeries { described, starts: offsets });
        }
        self.check_used(pending.as_ref())?;
        Ok(load)
    }

    fn check_used(&self, pending: Option<&Starts>) -> Result<(), ScriptError> {
        match pending {
            Some(starts) => Err(self.fault(starts.line, "@st line has no following sample line")),
            None => Ok(()),
        }
    }

    fn starts(&mut self, number: usize, metric: &str, offsets: &str) -> Result<Starts, ScriptError> {
        let labels = self.series(number, &format!("{metric} _"))?.labels;
        let mut all = Vec::new();
        for item in offsets.split_whitespace() {
            let more = start_item(item, self.room.saturating_sub(all.len()));
            all.extend(more.map_err(|why| self.fault(number, format!("invalid ST item {item:?}: {why}")))?);
        }
        self.room = self.room.saturating_sub(all.len());
        Ok(Starts { line: number, labels, offsets: all })
    }
}

impl LoadedSeries {
    /// The floats, with their times.
    pub(in crate::testlang) fn floats(&self, step_ms: i64) -> impl Iterator<Item = (i64, f64)> {
        let at = move |at: usize| i64::try_from(at).unwrap_or(i64::MAX).saturating_mul(step_ms);
        self.described.values.iter().enumerate().filter_map(move |(index, value)| match value {
            SequenceValue::Float(value) => Some((at(index), *value)),
            _ => None,
        })
    }
}

/// Series and offsets of a line of start timestamps: `metric{…}@st -1m 0s`.
fn start_line(text: &str) -> Option<(&str, &str)> {
    let (metric, offsets) = text.split_once([' ', '\t'])?;
    Some((metric.strip_suffix("@st")?, offsets))
}

/// `_`, `_x3`, `-1m`, `-1mx3`, `-1m+10sx3`: at most `room` offsets.
fn start_item(item: &str, room: usize) -> Result<Vec<Option<i64>>, String> {
    let repeated = |text: &str, more: usize| {
        let times = text.parse::<usize>().map_err(|_| "invalid repeat count".to_owned())?;
        let times = times.saturating_add(more);
        if times > room { Err(format!("{times} more values are more than there may be")) } else { Ok(times) }
    };
    if item == "_" {
        return repeated("1", 0).map(|times| vec![None; times]);
    }
    if let Some(times) = item.strip_prefix("_x") {
        return match repeated(times, 0)? {
            0 => Err("invalid repeat count".to_owned()),
            times => Ok(vec![None; times]),
        };
    }
    let (base, rest) = duration_prefix(item)?;
    let Some(sign) = rest.chars().next() else { return repeated("1", 0).map(|times| vec![Some(base); times]) };
    if sign == 'x' {
        return Ok(vec![Some(base); repeated(&rest[1..], 1)?]);
    }
    if sign != '+' && sign != '-' {
        return Err(format!("unexpected character {sign:?} after duration"));
    }
    let (delta, times) = duration_prefix(&rest[1..]).map_err(|why| format!("invalid step duration: {why}"))?;
    let delta = if sign == '-' { -delta } else { delta };
    let times = times.strip_prefix('x').ok_or("expected 'x<count>' after step duration")?;
    let times = repeated(times, 1)?;
    let offsets = (0..times).map(|time| Some(base.saturating_add(delta.saturating_mul(time as i64))));
    Ok(offsets.collect())
}

/// The duration of one unit in front of `text`, in milliseconds with its sign, and what is behind it.
fn duration_prefix(text: &str) -> Result<(i64, &str), String> {
    let is_negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    if digits == 0 {
        return Err(format!("expected digits in duration {text:?}"));
    }
    let is_unit = |c: char| c.is_ascii_alphabetic() && c != 'x';
    let length = unsigned[digits..].find(|c| !is_unit(c)).map_or(unsigned.len(), |unit| digits + unit);
    let (duration, rest) = unsigned.split_at(length);
    let ms = duration_ms(duration).map_err(|why| format!("invalid duration {duration:?}: {why}"))?;
    Ok((if is_negative { -ms } else { ms }, rest))
}

//! Functions of windows over series that have histograms.

use super::windows::{Histograms, MixedWindow, Samples};
use super::{Kernel, RangeCall};
use crate::QueryError;
use crate::chain::seconds;
use crate::column::{Column, MixedBuilder};

impl RangeCall {
    /// Computes the column of one series some of whose samples are histograms.
    pub(super) fn of_mixed(&self, floats: Samples<'_>, histograms: Histograms<'_>) -> Result<Column, QueryError> {
        let function: fn(MixedWindow<'_>, &mut MixedBuilder) = match self.kernel {
            Kernel::Count => |window, out| out.float(window.step, window.len() as f64),
            Kernel::Present => |window, out| out.float(window.step, 1.0),
            Kernel::First => |window, out| window.first(out),
            Kernel::Last => |window, out| window.last(out),
            Kernel::TsOfFirst => |window, out| {
                let times = [window.floats.timestamps_ms.first(), window.histograms.timestamps_ms.first()];
                times.into_iter().flatten().min().into_iter().for_each(|ms| out.float(window.step, seconds(*ms)));
            },
            Kernel::TsOfLast => |window, out| {
                let times = [window.floats.timestamps_ms.last(), window.histograms.timestamps_ms.last()];
                times.into_iter().flatten().max().into_iter().for_each(|ms| out.float(window.step, seconds(*ms)));
            },
            kernel => return Err(QueryError::Execution(format!("{kernel:?} of histograms is not supported yet"))),
        };
        Ok(self.windows(floats).map_mixed(histograms, function))
    }
}

impl MixedWindow<'_> {
    fn len(&self) -> usize {
        self.floats.values.len() + self.histograms.rows.len()
    }

    fn first(self, out: &mut MixedBuilder) {
        let float = self.floats.timestamps_ms.first();
        match (self.histograms.timestamps_ms.first(), self.histograms.get(0)) {
            (Some(time_ms), Some(histogram)) if float.is_none_or(|float| time_ms < float) => {
                out.histogram(self.step, histogram);
            }
            _ => self.floats.values.first().into_iter().for_each(|value| out.float(self.step, *value)),
        }
    }

    fn last(self, out: &mut MixedBuilder) {
        let float = self.floats.timestamps_ms.last();
        match (self.histograms.timestamps_ms.last(), self.histograms.iter().next_back()) {
            (Some(time_ms), Some(histogram)) if float.is_none_or(|float| time_ms > float) => {
                out.histogram(self.step, histogram);
            }
            _ => self.floats.values.last().into_iter().for_each(|value| out.float(self.step, *value)),
        }
    }
}

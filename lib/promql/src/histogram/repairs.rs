//! How often the counts of classic histograms had to be repaired, as it is told.

use super::HistogramPlan;
use crate::annotations::Repair;
use crate::stage::StageContext;

const REPAIRED: &str = "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see \
                        https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";

/// Repairs, step by step.
#[derive(Debug)]
pub(super) struct Repairs {
    steps: usize,
    /// Of the histogram that is being looked at; empty as long as there was none.
    newest: Vec<Option<Repair>>,
    /// Of those before it, by the text of the note.
    said: Vec<(String, Vec<Option<Repair>>)>,
}

impl Repairs {
    pub(super) fn new(steps: usize) -> Self {
        Self { steps, newest: Vec::new(), said: Vec::new() }
    }

    /// Adds a repair of the histogram that is being looked at.
    pub(super) fn add(&mut self, step: usize, repair: Repair) {
        self.newest.resize(self.steps, None);
        join(&mut self.newest[step], &repair);
    }

    /// The histogram was looked at; `text` makes its note.
    pub(super) fn close(&mut self, text: impl Fn(&str) -> String) {
        let newest = std::mem::take(&mut self.newest);
        if newest.is_empty() {
            return;
        }
        let text = text(REPAIRED);
        match self.said.iter_mut().find(|(said, _)| *said == text) {
            None => self.said.push((text, newest)),
            Some((_, steps)) => {
                for (all, new) in steps.iter_mut().zip(&newest) {
                    new.iter().for_each(|new| join(all, new));
                }
            }
        }
    }

    /// Adds the notes.
    pub(super) fn say(self, plan: &HistogramPlan, cx: &mut StageContext<'_>) {
        for (text, steps) in self.said {
            let mut all: Option<Repair> = None;
            for (step, repair) in steps.into_iter().enumerate() {
                let was_said = all.is_some();
                if let Some(repair) = repair {
                    let ms = plan.grid.time_ms(step);
                    join(&mut all, &Repair { first_ms: ms, last_ms: ms, ..repair });
                }
                // Prometheus counts what it has said before once more at each step that follows.
                if let Some(all) = all.as_mut().filter(|_| was_said) {
                    all.more_samples = all.more_samples.wrapping_mul(2).wrapping_add(1);
                }
            }
            if let Some(all) = all {
                cx.notes.add_repair(text, plan.node, plan.blamed, all);
            }
        }
    }
}

fn join(all: &mut Option<Repair>, new: &Repair) {
    match all {
        Some(all) => all.merge(new),
        None => *all = Some(*new),
    }
}

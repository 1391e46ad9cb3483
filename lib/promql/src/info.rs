//! `info`: labels of info metrics added to the series they speak of.
//!
//! Series belong together that have the same `instance` and `job`. Which info series speaks for them may change from step to
//! step: of several with one name it is the one with the newest sample.

#[cfg(test)]
mod tests;

use crate::QueryError;
use crate::binary::{RIGHT, note, show};
use crate::chain::Row;
use crate::column::Presence;
use crate::labelset::{LabelScratch, LabelTable, NameSet};
use crate::series::same_labels;
use crate::stage::{Stage, StageContext};
use hashbrown::{HashMap, HashSet};
use model::{Labels, LabelsRef, METRIC_NAME, MatchOp, Matcher};

/// The labels by which series and info series belong together.
const IDENTIFYING: [&[u8]; 2] = [b"instance", b"job"];

/// How series are joined with what is known of them.
#[derive(Debug, Clone)]
pub(crate) struct InfoPlan {
    /// Which names info series have; what has such a name itself gets no labels.
    names: Vec<Matcher>,
    /// Which labels are taken over, and what has to be said by them; none: all labels.
    data: Vec<Matcher>,
    steps: usize,
}

/// A running `info`.
#[derive(Debug)]
pub(crate) struct Info {
    plan: InfoPlan,
    bases: Vec<Row>,
    /// Their values are the times of samples, in seconds.
    infos: Vec<Row>,
    open_inputs: usize,
}

/// Info series by whom they speak for.
#[derive(Debug, Default)]
struct Speakers {
    keys: LabelTable,
    /// By key, then name: positions of info series, in order.
    by_name: Vec<Vec<(Vec<u8>, Vec<usize>)>>,
}

/// A fault at a step: the first one counts.
type Fault = Option<(usize, String)>;

impl InfoPlan {
    /// `matchers` are those of the second argument.
    pub(crate) fn new(matchers: &[Matcher], steps: usize) -> Self {
        let (mut names, data): (Vec<Matcher>, Vec<Matcher>) =
            matchers.iter().cloned().partition(|matcher| matcher.name() == METRIC_NAME);
        let default = |op, value| Matcher::new(op, METRIC_NAME, value).ok();
        if names.is_empty() {
            names.extend(default(MatchOp::Equal, "target_info"));
        } else if names.iter().all(|matcher| matcher.op().is_negative()) {
            names.extend(default(MatchOp::Regex, ".+_info"));
        }
        Self { names, data, steps }
    }

    /// Which info series are wanted from the stores.
    pub(crate) fn matchers(&self) -> Vec<Matcher> {
        self.data.iter().chain(&self.names).cloned().collect()
    }

    fn is_info(&self, labels: LabelsRef<'_>) -> bool {
        let name = labels.get(METRIC_NAME).unwrap_or_default();
        self.names.iter().all(|matcher| matcher.matches(name))
    }

    /// Whether the label is taken over.
    fn takes(&self, name: &[u8]) -> bool {
        name != METRIC_NAME && (self.data.is_empty() || self.data.iter().any(|matcher| matcher.name() == name))
    }

    /// Whether a series nothing is known of passes.
    fn keeps_unknown(&self) -> bool {
        self.data.iter().all(Matcher::matches_empty)
    }
}

impl Info {
    pub(crate) fn new(plan: InfoPlan) -> Self {
        Self { plan, bases: Vec::new(), infos: Vec::new(), open_inputs: 2 }
    }

    /// Forgets info series that speak for nobody.
    fn keep_wanted(&mut self) {
        let bases = self.bases.iter().filter(|row| !self.plan.is_info(row.labels.as_ref()));
        let mut wanted: [HashSet<&[u8]>; 2] = Default::default();
        for row in bases {
            for (name, values) in IDENTIFYING.iter().zip(&mut wanted) {
                values.extend(row.labels.get(name));
            }
        }
        let nobody = wanted.iter().all(HashSet::is_empty);
        let is_wanted = |labels: &Labels| {
            let mut both = IDENTIFYING.iter().zip(&wanted);
            both.all(|(name, values)| values.is_empty() || values.contains(labels.get(name).unwrap_or_default()))
        };
        self.infos.retain(|row| !nobody && is_wanted(&row.labels));
    }

    fn join(&mut self, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        self.keep_wanted();
        if let Some(row) = self.infos.iter().find(|row| !row.column.histograms.is_empty()) {
            let labels = show(&row.labels);
            let text = format!("this should be an info metric, with float samples: {labels}");
            return Err(QueryError::Execution(text));
        }
        let speakers = Speakers::of(&self.infos);
        let mut fault = self.doubles(&speakers);
        let mut given: HashMap<Labels, Presence> = HashMap::new();
        for base in std::mem::take(&mut self.bases) {
            let parts = match self.plan.is_info(base.labels.as_ref()) {
                true => vec![(base.labels.clone(), base.column.present().into_owned())],
                false => self.parts(&base, &speakers, &mut fault),
            };
            for (labels, present) in parts {
                if let Some(step) = note(&mut given, &labels, &present, cx)? {
                    earlier(&mut fault, step, || same_labels().to_string());
                }
                let mut column = base.column.clone();
                column.restrict_to(&present);
                cx.out.push(Row::new(labels, base.drop_name, column));
            }
        }
        match fault {
            Some((_, text)) => Err(QueryError::Execution(text)),
            None => Ok(()),
        }
    }

    /// The first step at which two info series with one name speak for the same series, and neither is newer.
    fn doubles(&self, speakers: &Speakers) -> Fault {
        let mut has_base = Presence::none(self.plan.steps);
        self.bases.iter().for_each(|row| has_base.unite(&row.column.present()));
        let mut fault = None;
        let several = speakers.by_name.iter().flatten().filter(|(_, infos)| infos.len() > 1);
        for (_, infos) in several {
            for step in has_base.iter() {
                let mut newest: Option<(usize, f64)> = None;
                for info in infos {
                    let Some(time) = self.infos[*info].column.floats.get(step) else { continue };
                    match newest {
                        Some((before, newest)) if newest == time => {
                            let (one, other) = (&self.infos[before].labels, &self.infos[*info].labels);
                            let ms = (time * 1000.0).round();
                            earlier(&mut fault, step, || {
                                let (one, other) = (show(one), show(other));
                                format!(
                                    "found duplicate series for info metric: existing {one} @ {ms}, new {other} @ {ms}"
                                )
                            });
                        }
                        Some((_, newest)) if newest > time => {}
                        _ => newest = Some((*info, time)),
                    }
                }
            }
        }
        fault
    }

    /// The label sets of a series, and at which steps it has them.
    fn parts(&self, base: &Row, speakers: &Speakers, fault: &mut Fault) -> Vec<(Labels, Presence)> {
        let candidates = speakers.of_base(base.labels.as_ref());
        let mut parts: Vec<(Vec<usize>, Labels, Presence)> = Vec::new();
        let mut chosen = Vec::new();
        for step in base.column.present().iter() {
            let newest = |infos: &Vec<usize>| {
                let times = infos.iter().filter_map(|info| Some((*info, self.infos[*info].column.floats.get(step)?)));
                times.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(info, _)| info)
            };
            chosen.clear();
            chosen.extend(candidates.iter().filter_map(|(_, infos)| newest(infos)));
            if chosen.is_empty() && !self.plan.keeps_unknown() {
                continue;
            }
            if let Some((_, _, present)) = parts.iter_mut().find(|(known, ..)| *known == chosen) {
                present.set(step);
                continue;
            }
            match self.labels(base.labels.as_ref(), &chosen) {
                Ok(labels) => {
                    let mut present = Presence::none(self.plan.steps);
                    present.set(step);
                    parts.push((chosen.clone(), labels, present));
                }
                Err(label) => earlier(fault, step, || format!("conflicting label: {label}")),
            }
        }
        let sealed = |(_, labels, mut present): (_, _, Presence)| {
            present.seal();
            (labels, present)
        };
        parts.into_iter().map(sealed).collect()
    }

    /// The labels of a series with what the `chosen` say of it.
    ///
    /// # Errors
    /// The label of which two of them say something else.
    fn labels(&self, base: LabelsRef<'_>, chosen: &[usize]) -> Result<Labels, String> {
        let mut found: HashMap<&[u8], &[u8]> = HashMap::new();
        let mut scratch = LabelScratch::default();
        scratch.start(base);
        for info in chosen {
            let labels = self.infos[*info].labels.iter().filter(|label| self.plan.takes(label.name));
            for label in labels {
                if found.get(label.name).is_some_and(|value| *value != label.value) {
                    return Err(String::from_utf8_lossy(label.name).into_owned());
                }
                if base.get(label.name).is_none() {
                    found.insert(label.name, label.value);
                    scratch.set(label.name, label.value);
                }
            }
        }
        Ok(scratch.labels().to_owned())
    }
}

impl Speakers {
    fn of(infos: &[Row]) -> Self {
        let mut speakers = Self::default();
        for (at, row) in infos.iter().enumerate() {
            let key = key_of(row.labels.as_ref());
            let (id, is_new) = speakers.keys.insert(LabelsRef::from_packed_unchecked(&key));
            if is_new {
                speakers.by_name.push(Vec::new());
            }
            let name = row.labels.get(METRIC_NAME).unwrap_or_default();
            let names = &mut speakers.by_name[id];
            match names.iter_mut().find(|(known, _)| known == name) {
                Some((_, infos)) => infos.push(at),
                None => names.push((name.to_vec(), vec![at])),
            }
        }
        speakers
    }

    fn of_base(&self, labels: LabelsRef<'_>) -> &[(Vec<u8>, Vec<usize>)] {
        let key = key_of(labels);
        let id = self.keys.find(LabelsRef::from_packed_unchecked(&key));
        id.map_or(&[][..], |id| &self.by_name[id])
    }
}

/// What series and info series have in common, packed.
fn key_of(labels: LabelsRef<'_>) -> Vec<u8> {
    let mut key = Vec::new();
    NameSet::only(&IDENTIFYING.map(<[u8]>::to_vec)).write(labels, &mut key);
    key
}

fn earlier(fault: &mut Fault, step: usize, text: impl FnOnce() -> String) {
    if fault.as_ref().is_none_or(|(before, _)| step < *before) {
        *fault = Some((step, text()));
    }
}

impl Stage for Info {
    fn push(&mut self, input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        cx.hold(row.size_bytes())?;
        if input == RIGHT {
            self.infos.push(row)
        } else {
            self.bases.push(row)
        }
        Ok(())
    }

    fn finish(&mut self, _input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        self.open_inputs -= 1;
        if self.open_inputs == 0 { self.join(cx) } else { Ok(()) }
    }
}

//! Who knows what was sent, what was acknowledged, and what was deleted.
//!
//! Of each sample it knows which values it may have and whether it must be there. A sample that was sent may be there;
//! one that was acknowledged must be, until a deletion of it begins; one whose deletion was acknowledged must not.

#![allow(dead_code, reason = "several test programs share this, each uses a part")]

use super::batch::{Mixed, MixedSeries};
use super::contents::{Contents, Samples};
use super::samples::Sample;
use model::{Labels, Numbers, TimeRange};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use tsdb::Appended;

/// See the module's page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Oracle {
    samples: BTreeMap<Labels, BTreeMap<i64, Fate>>,
    /// What was deleted of a series, acknowledged or not.
    deleted: BTreeMap<Labels, Vec<TimeRange>>,
    /// Whether each was acknowledged.
    exemplars: BTreeMap<(Labels, i64, u64), bool>,
    /// All helps that were sent, and how many of them came before the newest that was acknowledged, with it.
    help: BTreeMap<Labels, (Vec<String>, usize)>,
}

#[derive(Debug, Clone, Default)]
struct Fate {
    may: HashSet<Sample>,
    must: bool,
    /// What it was before it was deleted.
    was: HashSet<Sample>,
}

/// What is wrong with what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Acknowledged, and not there.
    Lost(Labels, i64),
    /// There, and never sent, or deleted.
    Phantom(Labels, i64, Sample),
    Exemplar(&'static str, Labels, i64),
    Help(Labels, Option<String>),
    Unreadable(String),
}

impl Oracle {
    /// All series of which anything was sent.
    pub(crate) fn series(&self) -> impl Iterator<Item = &Labels> {
        self.samples.keys()
    }

    /// A batch is about to be appended.
    pub(crate) fn sent(&mut self, batch: &Mixed) {
        for series in &batch.series {
            let held = self.samples.entry(series.labels.clone()).or_default();
            for (at_ms, sample) in series.samples() {
                let may = &mut held.entry(at_ms).or_default().may;
                if sample.is_stale() {
                    // That a series ended is said as its other samples are.
                    may.extend([Sample::Stale(Numbers::Integer), Sample::Stale(Numbers::Float)]);
                }
                may.insert(sample);
            }
            for one in &series.exemplars {
                self.exemplars.entry((series.labels.clone(), one.at_ms, one.value.to_bits())).or_default();
            }
            if let Some(help) = &series.help {
                self.help.entry(series.labels.clone()).or_default().0.push(help.clone());
            }
        }
    }

    /// What of a batch was not refused is durable.
    pub(crate) fn acknowledged(&mut self, batch: &Mixed, appended: &Appended) {
        assert!(appended.refused_total <= Appended::MAX_REFUSED as u64, "the refused cannot be told");
        assert!(appended.exemplars_refused == tsdb::ExemplarRefusals::default() && appended.missed.is_empty());
        for (index, series) in (0..).zip(&batch.series) {
            let is_refused =
                |at_ms| appended.refused.iter().any(|refused| (refused.series, refused.timestamp_ms) == (index, at_ms));
            self.series_acknowledged(series, is_refused);
        }
    }

    fn series_acknowledged(&mut self, series: &MixedSeries, is_refused: impl Fn(i64) -> bool) {
        let deleted = self.deleted.get(&series.labels);
        let held = self.samples.entry(series.labels.clone()).or_default();
        for (at_ms, _) in series.samples().filter(|(at_ms, _)| !is_refused(*at_ms)) {
            // What comes late to where late samples were deleted stays hidden as long as these are in the head.
            let is_hidden = deleted.is_some_and(|ranges| ranges.iter().any(|range| range.contains(at_ms)));
            held.entry(at_ms).or_default().must |= !is_hidden;
        }
        for one in &series.exemplars {
            self.exemplars.insert((series.labels.clone(), one.at_ms, one.value.to_bits()), true);
        }
        if let (Some(_), Some((all, newest))) = (&series.help, self.help.get_mut(&series.labels)) {
            *newest = all.len();
        }
    }

    /// What was found was durable, and must be there from now on, be it that it came late to where something was deleted.
    pub(crate) fn seen(&mut self, found: &Samples) {
        for (labels, held) in found {
            let fates = self.samples.entry(labels.clone()).or_default();
            held.keys().for_each(|&at_ms| fates.entry(at_ms).or_default().must = true);
        }
    }

    /// Exemplars of other series than these need not be there from now on.
    pub(crate) fn exemplars_may_go(&mut self, but_for: &BTreeSet<Labels>) {
        let gone = self.exemplars.iter_mut().filter(|((labels, ..), _)| !but_for.contains(labels));
        gone.for_each(|(_, must)| *must = false);
    }

    /// Series may leave the head, and what was said of them with them.
    pub(crate) fn help_may_go(&mut self) {
        self.help.values_mut().for_each(|(_, newest)| *newest = 0);
    }

    /// A deletion of what the series that `is_meant` accepts have in `range` is about to begin.
    pub(crate) fn deleting(&mut self, is_meant: impl Fn(&Labels) -> bool, range: TimeRange) {
        for (labels, held) in self.samples.iter_mut().filter(|(labels, _)| is_meant(labels)) {
            let Some((&newest_ms, _)) = held.last_key_value() else { continue };
            held.range_mut(range.min_ms()..=range.max_ms()).for_each(|(_, fate)| fate.must = false);
            // It takes what is there, so it ends with the newest sample.
            let range = TimeRange::new(range.min_ms(), range.max_ms().min(newest_ms));
            self.deleted.entry(labels.clone()).or_default().extend(range);
        }
    }

    /// That deletion is durable.
    pub(crate) fn deleted(&mut self, is_meant: impl Fn(&Labels) -> bool, range: TimeRange) {
        for (_, held) in self.samples.iter_mut().filter(|(labels, _)| is_meant(labels)) {
            let gone = held.range_mut(range.min_ms()..=range.max_ms());
            gone.for_each(|(_, fate)| fate.was.extend(fate.may.drain()));
        }
    }

    /// Nothing is there that was not sent, deleted or not.
    pub(crate) fn check_sent(&self, found: &Contents) -> Result<(), Fault> {
        let is_known =
            |_: &Labels, _, fate: &Fate, sample: &Sample| fate.may.contains(sample) || fate.was.contains(sample);
        self.check_phantoms(&found.samples, is_known)
    }

    /// Nothing of what was acknowledged is missing, nothing is there that was not sent, nothing of what was deleted.
    pub(crate) fn check(&self, found: &Contents) -> Result<(), Fault> {
        self.check_samples(&found.samples, |_| true, TimeRange::ALL)?;
        self.check_exemplars(found)?;
        self.check_help(found)
    }

    /// The same of the samples in `range` of the series that `is_meant` accepts.
    pub(crate) fn check_samples(
        &self,
        found: &Samples,
        is_meant: impl Fn(&Labels) -> bool,
        range: TimeRange,
    ) -> Result<(), Fault> {
        for (labels, held) in self.samples.iter().filter(|(labels, _)| is_meant(labels)) {
            let there = found.get(labels);
            let mut must = held.range(range.min_ms()..=range.max_ms()).filter(|(_, fate)| fate.must);
            if let Some((&at_ms, _)) = must.find(|(at_ms, _)| there.is_none_or(|there| !there.contains_key(at_ms))) {
                return Err(Fault::Lost(labels.clone(), at_ms));
            }
        }
        let is_known = |labels: &Labels, at_ms, fate: &Fate, sample: &Sample| {
            is_meant(labels) && range.contains(at_ms) && fate.may.contains(sample)
        };
        self.check_phantoms(found, is_known)
    }

    fn check_phantoms(
        &self,
        found: &Samples,
        is_known: impl Fn(&Labels, i64, &Fate, &Sample) -> bool,
    ) -> Result<(), Fault> {
        for (labels, held) in found {
            for (&at_ms, sample) in held.iter().flat_map(|(at_ms, all)| all.iter().map(move |sample| (at_ms, sample))) {
                let fate = self.samples.get(labels).and_then(|held| held.get(&at_ms));
                if !fate.is_some_and(|fate| is_known(labels, at_ms, fate, sample)) {
                    return Err(Fault::Phantom(labels.clone(), at_ms, sample.clone()));
                }
            }
        }
        Ok(())
    }

    fn check_exemplars(&self, found: &Contents) -> Result<(), Fault> {
        let must = |((_, at_ms, _), must): &(&(Labels, i64, u64), &bool)| **must && *at_ms >= found.floor_ms;
        for ((labels, at_ms, bits), _) in self.exemplars.iter().filter(must) {
            if !found.exemplars.get(labels).is_some_and(|all| all.contains(&(*at_ms, *bits))) {
                return Err(Fault::Exemplar("lost", labels.clone(), *at_ms));
            }
        }
        for (labels, all) in &found.exemplars {
            for &(at_ms, bits) in all {
                if !self.exemplars.contains_key(&(labels.clone(), at_ms, bits)) {
                    return Err(Fault::Exemplar("never sent", labels.clone(), at_ms));
                }
            }
        }
        Ok(())
    }

    /// What is said of a metric is what was said last, or something that was sent since and not acknowledged.
    fn check_help(&self, found: &Contents) -> Result<(), Fault> {
        let is_sent = |labels: &Labels, help: &String| self.help.get(labels).is_some_and(|(all, _)| all.contains(help));
        if let Some((labels, help)) = found.help.iter().find(|(labels, help)| !is_sent(labels, help)) {
            return Err(Fault::Help(labels.clone(), Some(help.clone())));
        }
        for (labels, (all, newest)) in self.help.iter().filter(|(_, (_, newest))| *newest > 0) {
            // It goes with its series, when that has nothing left in the head.
            if !found.in_head.contains(labels) {
                continue;
            }
            let said = found.help.get(labels);
            if !said.is_some_and(|said| all[*newest - 1..].contains(said)) {
                return Err(Fault::Help(labels.clone(), said.cloned()));
            }
        }
        Ok(())
    }
}

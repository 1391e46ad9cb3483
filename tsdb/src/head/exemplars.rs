//! The newest exemplars of a head, in a ring of bounded size.
//!
//! Rules are those of Prometheus (`tsdb/exemplar.go`): of a series they come in order of time, but for as much as the late
//! window allows; among equal times in order of value, then of the hash of their labels; the newest one again is no news.
//! When the ring is full the one that came first goes. A series here is a fingerprint with its labels, not a line of a
//! shard: exemplars outlive what a truncation drops.

use super::slab::{Slab, Slot, Use};
use super::{Head, shard::Shard};
use crate::append::{ExemplarRefusals, MAX_EXEMPLAR_RUNES};
use hashbrown::HashMap;
use model::{ExemplarRef, Fingerprint, Labels, LabelsRef, Matcher, SeriesRef, TimeRange};
use parking_lot::Mutex;

/// The exemplars of one series, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct ExemplarSeries {
    pub labels: Labels,
    pub exemplars: Vec<Exemplar>,
}

/// One exemplar.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    pub labels: Labels,
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    pub value: f64,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Exemplars {
    /// 0: none are kept.
    max: usize,
    /// So far behind the newest of its series an exemplar may come; 0: not at all.
    late_window_ms: i64,
    /// Locked after a shard, before the dictionary.
    ring: Mutex<Ring>,
}

/// Why an exemplar is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExemplarFault {
    OutOfOrder,
    LabelsTooLong,
}

#[derive(Debug, Default)]
struct Ring {
    entries: Vec<Entry>,
    /// The place that the next one takes: of a full ring, that of the oldest by arrival.
    next: u32,
    series: Vec<Series>,
    free_series: Vec<u32>,
    index: HashMap<Fingerprint, u32>,
    text: Slab,
    scratch: Vec<u8>,
}

/// A place in the ring.
#[derive(Debug, Clone, Copy)]
struct Entry {
    timestamp_ms: i64,
    value: f64,
    series: u32,
    /// Of the same series, by time.
    older: u32,
    newer: u32,
    labels: Text,
}

#[derive(Debug, Clone, Copy)]
struct Series {
    fingerprint: Fingerprint,
    labels: Text,
    oldest: u32,
    newest: u32,
}

#[derive(Debug, Clone, Copy)]
struct Text {
    slot: Slot,
    bytes: u32,
}

/// The place of no exemplar.
const NONE: u32 = u32::MAX;

impl Exemplars {
    /// A ring of at most `max` exemplars.
    pub(super) fn new(max: usize, late_window_ms: i64) -> Self {
        let max = max.min(NONE as usize - 1);
        Self { max, late_window_ms: late_window_ms.max(0), ring: Mutex::default() }
    }

    /// Whether any is kept.
    pub(super) fn are_kept(&self) -> bool {
        self.max > 0
    }

    /// Takes an exemplar of the series with that fingerprint, whose packed labels `series_labels` appends if they are not
    /// known here. `false`: it was there already.
    pub(super) fn append(
        &self,
        fingerprint: Fingerprint,
        exemplar: ExemplarRef<'_>,
        series_labels: impl FnOnce(&mut Vec<u8>),
    ) -> Result<bool, ExemplarFault> {
        if rune_count(exemplar.labels) > MAX_EXEMPLAR_RUNES {
            return Err(ExemplarFault::LabelsTooLong);
        }
        let mut ring = self.ring.lock();
        let known = ring.index.get(&fingerprint).copied();
        let older = match known {
            Some(series) => match ring.place(series, exemplar, self.late_window_ms)? {
                Some(older) => older,
                None => return Ok(false),
            },
            None => NONE,
        };
        let series = known.unwrap_or_else(|| ring.add_series(fingerprint, series_labels));
        ring.insert(series, older, exemplar, self.max);
        Ok(true)
    }

    /// All exemplars in the order in which they came, with the fingerprint of their series.
    fn in_order(&self) -> Vec<(Fingerprint, Exemplar)> {
        let ring = self.ring.lock();
        let (newer, older) = ring.entries.split_at((ring.next as usize).min(ring.entries.len()));
        let all = older.iter().chain(newer);
        all.map(|entry| (ring.series[entry.series as usize].fingerprint, ring.exemplar(entry))).collect()
    }

    /// Bytes held, about.
    pub(super) fn size_bytes(&self) -> usize {
        let ring = self.ring.lock();
        ring.entries.capacity() * size_of::<Entry>()
            + ring.series.capacity() * size_of::<Series>()
            + ring.free_series.capacity() * 4
            + ring.index.allocation_size()
            + ring.text.capacity_bytes()
            + ring.scratch.capacity()
    }

    fn select(&self, sets: &[Vec<Matcher>], range: TimeRange) -> Vec<ExemplarSeries> {
        let ring = self.ring.lock();
        let mut found = Vec::new();
        for &number in ring.index.values() {
            let series = &ring.series[number as usize];
            let labels = LabelsRef::from_packed_unchecked(ring.bytes(series.labels));
            let passes = |set: &Vec<Matcher>| set.iter().all(|m| m.matches(labels.get(m.name()).unwrap_or_default()));
            if !sets.iter().any(passes) {
                continue;
            }
            let exemplars = ring.in_range(series, range);
            if !exemplars.is_empty() {
                found.push(ExemplarSeries { labels: labels.to_owned(), exemplars });
            }
        }
        found.sort_unstable_by(|one, other| one.labels.cmp(&other.labels));
        found
    }
}

impl Ring {
    /// Behind which of its series' exemplars it belongs, [`NONE`] before the first. `None`: it is there already.
    fn place(&self, series: u32, exemplar: ExemplarRef<'_>, late_window_ms: i64) -> Result<Option<u32>, ExemplarFault> {
        let newest = self.series[series as usize].newest;
        let last = &self.entries[newest as usize];
        let ExemplarRef { timestamp_ms, value, .. } = exemplar;
        if timestamp_ms > last.timestamp_ms {
            return Ok(Some(newest));
        }
        let last_labels = LabelsRef::from_packed_unchecked(self.bytes(last.labels));
        if timestamp_ms == last.timestamp_ms {
            if value.to_bits() == last.value.to_bits() && is_same(exemplar.labels, last_labels) {
                return Ok(None);
            }
            let lower =
                value < last.value || value == last.value && exemplar.labels.packed_hash() < last_labels.packed_hash();
            return if lower { Err(ExemplarFault::OutOfOrder) } else { Ok(Some(newest)) };
        }
        if timestamp_ms <= last.timestamp_ms.saturating_sub(late_window_ms) {
            return Err(ExemplarFault::OutOfOrder);
        }
        let mut older = last.older;
        while older != NONE && self.entries[older as usize].timestamp_ms > timestamp_ms {
            older = self.entries[older as usize].older;
        }
        // Of one time there may be several, of which those that come late are not told apart.
        let repeated = older != NONE && self.entries[older as usize].timestamp_ms == timestamp_ms;
        Ok((!repeated).then_some(older))
    }

    fn insert(&mut self, series: u32, mut older: u32, exemplar: ExemplarRef<'_>, max: usize) {
        let at = self.next;
        if (at as usize) < self.entries.len() {
            let gone = self.entries[at as usize];
            if at == older {
                // The one it belongs behind makes room for it.
                older = gone.older;
            }
            self.unlink(&gone);
            if gone.series != series {
                self.drop_if_empty(gone.series);
            }
        }
        let owner = self.series[series as usize];
        let newer = match older {
            NONE => owner.oldest,
            older => self.entries[older as usize].newer,
        };
        let labels = self.store_labels(exemplar.labels);
        let ExemplarRef { timestamp_ms, value, .. } = exemplar;
        let entry = Entry { timestamp_ms, value, series, older, newer, labels };
        match self.entries.get_mut(at as usize) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        self.link(older, at, series);
        match newer {
            NONE => self.series[series as usize].newest = at,
            newer => self.entries[newer as usize].older = at,
        }
        self.next = (at + 1) % max as u32;
    }

    /// Lets `older`, or the series if that is none, go on with `newer`.
    fn link(&mut self, older: u32, newer: u32, series: u32) {
        match older {
            NONE => self.series[series as usize].oldest = newer,
            older => self.entries[older as usize].newer = newer,
        }
    }

    fn unlink(&mut self, gone: &Entry) {
        self.link(gone.older, gone.newer, gone.series);
        match gone.newer {
            NONE => self.series[gone.series as usize].newest = gone.older,
            newer => self.entries[newer as usize].older = gone.older,
        }
        self.text.free(gone.labels.slot, gone.labels.bytes as usize);
    }

    fn add_series(&mut self, fingerprint: Fingerprint, labels: impl FnOnce(&mut Vec<u8>)) -> u32 {
        let mut packed = std::mem::take(&mut self.scratch);
        packed.clear();
        labels(&mut packed);
        let series = Series { fingerprint, labels: self.store(&packed), oldest: NONE, newest: NONE };
        self.scratch = packed;
        let number = match self.free_series.pop() {
            Some(number) => {
                self.series[number as usize] = series;
                number
            }
            None => {
                self.series.push(series);
                (self.series.len() - 1) as u32
            }
        };
        self.index.insert(fingerprint, number);
        number
    }

    fn drop_if_empty(&mut self, number: u32) {
        let series = self.series[number as usize];
        if series.newest == NONE {
            self.index.remove(&series.fingerprint);
            self.text.free(series.labels.slot, series.labels.bytes as usize);
            self.free_series.push(number);
        }
    }

    /// Stores labels without those whose value is empty.
    fn store_labels(&mut self, labels: LabelsRef<'_>) -> Text {
        if labels.iter().all(|label| !label.value.is_empty()) {
            return self.store(labels.as_packed());
        }
        let pairs = labels.iter().map(|label| (label.name, label.value));
        // Labels that were packed can be packed again.
        let tidy = Labels::from_pairs(pairs).unwrap_or_else(|_| Labels::empty());
        self.store(tidy.as_ref().as_packed())
    }

    fn store(&mut self, packed: &[u8]) -> Text {
        let slot = self.text.allocate(Use::List, packed.len());
        self.text.bytes_mut(slot, packed.len()).copy_from_slice(packed);
        Text { slot, bytes: packed.len() as u32 }
    }

    fn bytes(&self, text: Text) -> &[u8] {
        self.text.bytes(text.slot, text.bytes as usize)
    }

    fn in_range(&self, series: &Series, range: TimeRange) -> Vec<Exemplar> {
        let mut exemplars = Vec::new();
        let mut at = series.oldest;
        while at != NONE {
            let entry = &self.entries[at as usize];
            if range.contains(entry.timestamp_ms) {
                exemplars.push(self.exemplar(entry));
            }
            at = entry.newer;
        }
        exemplars
    }

    fn exemplar(&self, entry: &Entry) -> Exemplar {
        let labels = LabelsRef::from_packed_unchecked(self.bytes(entry.labels)).to_owned();
        Exemplar { labels, timestamp_ms: entry.timestamp_ms, value: entry.value }
    }
}

/// Whether two label sets are the same but for labels without a value.
fn is_same(one: LabelsRef<'_>, other: LabelsRef<'_>) -> bool {
    one == other || one.iter().filter(|label| !label.value.is_empty()).eq(other.iter())
}

/// How many characters names and values have together. Bytes that are no text count as one each, about.
fn rune_count(labels: LabelsRef<'_>) -> usize {
    let runes = |text: &[u8]| text.utf8_chunks().map(|c| c.valid().chars().count() + c.invalid().len()).sum::<usize>();
    let with_value = labels.iter().filter(|label| !label.value.is_empty());
    with_value.map(|label| runes(label.name) + runes(label.value)).sum()
}

impl ExemplarRefusals {
    pub(super) fn add(&mut self, fault: ExemplarFault) {
        match fault {
            ExemplarFault::OutOfOrder => self.out_of_order += 1,
            ExemplarFault::LabelsTooLong => self.labels_too_long += 1,
        }
    }
}

impl Head {
    /// The exemplars in `range` of the series that all matchers of at least one of `sets` accept, in order of the series'
    /// labels; of a series, oldest first.
    pub fn exemplars(&self, sets: &[Vec<Matcher>], range: TimeRange) -> Vec<ExemplarSeries> {
        self.exemplars.select(sets, range)
    }

    /// Hands all exemplars, in the order in which they came, to `visit`, with the reference of their series; those of series
    /// that are gone are left out.
    pub fn for_each_exemplar(&self, mut visit: impl FnMut(SeriesRef, ExemplarRef<'_>)) {
        for (fingerprint, Exemplar { labels, timestamp_ms, value }) in self.exemplars.in_order() {
            let shard = self.shards[self.shard_of(fingerprint)].lock();
            let Some(series) = shard.find(fingerprint).map(|number| shard.lines[number].reference()) else { continue };
            drop(shard);
            visit(series, ExemplarRef { labels: labels.as_ref(), timestamp_ms, value });
        }
    }

    /// Takes an exemplar of a series of `shard`, if any are kept. One that is there already is taken, too.
    pub(super) fn append_exemplar(
        &self,
        shard: &Shard,
        number: u32,
        fingerprint: Fingerprint,
        exemplar: ExemplarRef<'_>,
    ) -> Result<(), ExemplarFault> {
        if !self.exemplars.are_kept() {
            return Ok(());
        }
        self.exemplars.append(fingerprint, exemplar, |packed| {
            let dictionary = self.dictionary.read();
            shard.pairs(number).for_each(|pair| packed.extend_from_slice(dictionary.packed(pair)));
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Takes the samples of all replicas.

use super::{FEW, Follow, has_more};
use model::SampleColumns;

/// Replaces `out` by the samples of all `replicas`, each timestamp once.
///
/// Which of several values at one timestamp stays is as in Prometheus: it follows from the order in which a binary heap gives
/// up equal elements. A histogram that does not follow the one before it in its replica says nothing of a reset any more,
/// unless it is a gauge. Samples whose timestamps do not rise within a replica are passed over.
pub fn chain<'a>(replicas: &'a [SampleColumns], out: &mut SampleColumns) {
    out.clear();
    if let [one] = replicas {
        return out.clone_from(one);
    }
    let mut few = [const { Place::EMPTY }; FEW];
    let mut many = Vec::new();
    let places = match few.get_mut(..replicas.len()) {
        Some(few) => few,
        None => {
            many.resize(replicas.len(), Place::EMPTY);
            &mut many
        }
    };
    let mut heap = Heap { places, len: 0 };
    let place = |(replica, samples): (usize, &'a SampleColumns)| Place {
        replica,
        timestamps_ms: &samples.timestamps_ms,
        values: &samples.values,
    };
    let mut all = replicas.iter().enumerate().map(place);
    let is_mixed = replicas.iter().any(has_more);
    let mut follow = Follow::default();
    let Some(mut current) = all.next() else { return };
    all.for_each(|place| heap.push(place));
    loop {
        let last_ms = out.timestamps_ms.last().copied();
        let is_told =
            |place: &Place| place.at_ms().is_some_and(|at_ms| last_ms.is_some_and(|last_ms| at_ms <= last_ms));
        if is_told(&current) {
            current.take();
            continue;
        }
        // The replica is read for as long as it is ahead of all others.
        let ahead = match (current.at_ms(), heap.first_ms()) {
            (Some(at_ms), Some(first_ms)) => at_ms < first_ms,
            (at_ms, _) => at_ms.is_some(),
        };
        if !ahead {
            heap.push(current);
            match heap.pop() {
                Some(first) => current = first,
                None => return,
            }
            if is_told(&current) {
                continue;
            }
        }
        let left = current.timestamps_ms.len();
        let Some((timestamp_ms, value)) = current.take() else { continue };
        match replicas.get(current.replica).filter(|_| is_mixed) {
            Some(samples) => follow.push((current.replica, samples.len() - left), samples, out),
            None => out.push(timestamp_ms, value),
        }
    }
}

/// What is left of a replica.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    /// Which one.
    replica: usize,
    timestamps_ms: &'a [i64],
    values: &'a [f64],
}

impl Place<'_> {
    const EMPTY: Self = Self { replica: 0, timestamps_ms: &[], values: &[] };

    fn at_ms(&self) -> Option<i64> {
        self.timestamps_ms.first().copied()
    }

    fn take(&mut self) -> Option<(i64, f64)> {
        let (timestamp_ms, timestamps_ms) = self.timestamps_ms.split_first()?;
        let (value, values) = self.values.split_first()?;
        (self.timestamps_ms, self.values) = (timestamps_ms, values);
        Some((*timestamp_ms, *value))
    }
}

/// The replicas by their next timestamp. Equal ones come in the order in which Go's `container/heap` has them.
#[derive(Debug)]
struct Heap<'a, 'p> {
    places: &'p mut [Place<'a>],
    len: usize,
}

impl<'a> Heap<'a, '_> {
    fn first_ms(&self) -> Option<i64> {
        self.places.get(..self.len)?.first()?.at_ms()
    }

    /// Adds a replica, unless nothing is left of it.
    fn push(&mut self, place: Place<'a>) {
        if place.timestamps_ms.is_empty() {
            return;
        }
        let Some(slot) = self.places.get_mut(self.len) else { return };
        *slot = place;
        let mut child = self.len;
        self.len += 1;
        while child > 0 {
            let parent = (child - 1) / 2;
            if !self.is_less(child, parent) {
                return;
            }
            self.places.swap(parent, child);
            child = parent;
        }
    }

    fn pop(&mut self) -> Option<Place<'a>> {
        self.len = self.len.checked_sub(1)?;
        self.places.swap(0, self.len);
        let mut parent = 0;
        loop {
            let (left, right) = (2 * parent + 1, 2 * parent + 2);
            if left >= self.len {
                break;
            }
            let child = if right < self.len && self.is_less(right, left) { right } else { left };
            if !self.is_less(child, parent) {
                break;
            }
            self.places.swap(parent, child);
            parent = child;
        }
        self.places.get(self.len).copied()
    }

    fn is_less(&self, left: usize, right: usize) -> bool {
        let at_ms = |index: usize| self.places.get(index).and_then(Place::at_ms);
        at_ms(left) < at_ms(right)
    }
}

#[cfg(test)]
mod tests;

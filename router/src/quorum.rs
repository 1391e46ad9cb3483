//! Whether enough replicas of each series took it: the one place, beside the log, that may call a write durable.
//!
//! Sans-io: whoever sends to the replicas reports what each answered, in any order, and asks for the verdict. The verdict
//! is a function of the answers, not of their order, and is there as soon as no further answer can change it.
//!
//! A series is stored once [`Thresholds::success`] replicas have it. It conflicts if so many replicas *took* it, some of
//! them by refusing it for good, that repeating is useless: [`Thresholds::conflict`] refusals, and refusals and successes
//! together a quorum. Anything else is unavailable, and repeating is safe. Thanos counts otherwise for even replication
//! factors; the differences are listed in `docs/components/router.md`.

use model::Durable;

/// How many answers decide about a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// How many replicas are asked.
    pub replicas: usize,
    /// So many successes store it.
    pub success: usize,
    /// With so many refusals it cannot be stored any more.
    pub conflict: usize,
}

/// What one replica answered for the series it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vote {
    /// All of them are durable there.
    Stored,
    /// Some were refused for good, the others are durable there.
    Conflict,
    /// Nothing is promised: no answer, not ready, a full disk, any other error.
    Failed,
}

/// What became of a write.
#[derive(Debug)]
pub enum Verdict {
    /// Every series is durable on a quorum.
    Stored(Durable),
    /// So many series were refused by their replicas; the rest is durable on a quorum.
    Conflict { series: u64 },
    /// At least one series did not reach a quorum.
    Unavailable,
}

/// Counts answers for each series of one write.
#[derive(Debug)]
pub struct Quorum {
    thresholds: Thresholds,
    series: Vec<Votes>,
    undecided: usize,
    conflicts: u64,
    unavailable: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Votes {
    stored: u16,
    conflict: u16,
    failed: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Stored,
    Conflict,
    Unavailable,
}

impl Thresholds {
    /// For a write that is replicated here, `replication_factor` (at least 1) times. A factor of 2 has a quorum of 1, as in
    /// Thanos.
    pub fn new(replication_factor: usize) -> Self {
        let replicas = replication_factor.max(1);
        let success = if replicas == 2 { 1 } else { replicas / 2 + 1 };
        Self { replicas, success, conflict: replicas - success + 1 }
    }

    /// For a write that is one replica already.
    pub fn replicated() -> Self {
        Self { replicas: 1, success: 1, conflict: 1 }
    }
}

impl Quorum {
    /// Nobody has answered for any of `series` series.
    pub fn new(series: usize, thresholds: Thresholds) -> Self {
        Self { thresholds, series: vec![Votes::default(); series], undecided: series, conflicts: 0, unavailable: false }
    }

    /// Takes the answer of one replica for `series`, numbered from 0. Each replica answers once for a series; an answer for
    /// a series that has all its answers counts for nothing.
    pub fn vote(&mut self, series: impl IntoIterator<Item = u32>, vote: Vote) {
        for number in series {
            let Some(votes) = self.series.get_mut(number as usize) else { continue };
            if votes.count() >= self.thresholds.replicas {
                continue;
            }
            let before = votes.state(&self.thresholds);
            match vote {
                Vote::Stored => votes.stored += 1,
                Vote::Conflict => votes.conflict += 1,
                Vote::Failed => votes.failed += 1,
            }
            let after = votes.state(&self.thresholds);
            if before == State::Open && after != State::Open {
                self.undecided -= 1;
                self.conflicts += u64::from(after == State::Conflict);
                self.unavailable |= after == State::Unavailable;
            }
        }
    }

    /// The verdict, once there is one: when a series cannot reach its quorum any more, or every series is decided.
    pub fn verdict(&self) -> Option<Verdict> {
        match (self.unavailable, self.undecided, self.conflicts) {
            (true, _, _) => Some(Verdict::Unavailable),
            (false, 1.., _) => None,
            (false, 0, 0) => Some(Verdict::Stored(Durable::witnessed())),
            (false, 0, series) => Some(Verdict::Conflict { series }),
        }
    }
}

impl Votes {
    fn count(self) -> usize {
        usize::from(self.stored) + usize::from(self.conflict) + usize::from(self.failed)
    }

    fn state(self, of: &Thresholds) -> State {
        let (stored, conflict) = (usize::from(self.stored), usize::from(self.conflict));
        let open = of.replicas.saturating_sub(self.count());
        let conflicts = |conflict: usize| conflict >= of.conflict && stored + conflict >= of.success;
        if stored >= of.success {
            State::Stored
        } else if conflicts(conflict) {
            State::Conflict
        } else if stored + open >= of.success || conflicts(conflict + open) {
            State::Open
        } else {
            State::Unavailable
        }
    }
}

#[cfg(test)]
mod tests;

//! A loser tree: which of many sorted sources comes next, at one comparison a level.
//!
//! The leaves are the sources, each with the labels of its current series; an inner node remembers the *loser* of the match
//! played there, the winner moves up. After the winner's source has moved on, only the matches on its path to the root
//! are played again.

use model::LabelsRef;

/// The labels of a source's current series, packed; none at its end.
type Key = Option<Vec<u8>>;

/// Finds the smallest of the current labels of a fixed set of sources; of equal ones, those of the lowest source.
#[derive(Debug)]
pub struct LoserTree {
    keys: Vec<Key>,
    /// `losers[0]` is the overall winner, `losers[1..]` the inner nodes; the children of node `n` are `2n` and `2n + 1`,
    /// and the leaf of source `s` stands at `sources + s`.
    losers: Vec<usize>,
}

impl LoserTree {
    /// Starts with the first labels of each source, packed.
    pub fn new(keys: Vec<Key>) -> Self {
        let sources = keys.len();
        let mut tree = Self { keys, losers: vec![0; sources.max(1)] };
        if sources > 1 {
            tree.losers[0] = tree.play(1);
        }
        tree
    }

    /// The source whose series comes next, and its packed labels; `None` once all have ended.
    pub fn winner(&self) -> Option<(usize, &[u8])> {
        let source = *self.losers.first()?;
        let key = self.keys.get(source)?.as_deref()?;
        Some((source, key))
    }

    /// The packed labels of the current series of `source`; `None` at its end.
    pub fn labels(&self, source: usize) -> Option<&[u8]> {
        self.keys.get(source)?.as_deref()
    }

    /// Swaps the labels of the winner with `packed`. The winner has to be moved on next.
    pub fn swap_winner(&mut self, packed: &mut Vec<u8>) {
        let winner = self.losers.first().and_then(|source| self.keys.get_mut(*source));
        if let Some(Some(key)) = winner {
            std::mem::swap(key, packed);
        }
    }

    /// Whether all sources but the winner have ended.
    pub fn is_last(&self) -> bool {
        self.keys.iter().flatten().count() == 1
    }

    /// Gives the winner its next labels, if it goes on.
    pub fn advance(&mut self, next: Option<LabelsRef<'_>>) {
        let source = self.losers[0];
        let mut key = self.keys[source].take().unwrap_or_default();
        self.keys[source] = next.map(|labels| {
            key.clear();
            key.extend_from_slice(labels.as_packed());
            key
        });
        let mut winner = source;
        let mut node = (source + self.keys.len()) / 2;
        while node > 0 {
            if self.beats(self.losers[node], winner) {
                std::mem::swap(&mut self.losers[node], &mut winner);
            }
            node /= 2;
        }
        self.losers[0] = winner;
    }

    /// Plays all matches below `node` and returns who won there.
    fn play(&mut self, node: usize) -> usize {
        let sources = self.keys.len();
        if node >= sources {
            return node - sources;
        }
        let (left, right) = (self.play(2 * node), self.play(2 * node + 1));
        let (winner, loser) = if self.beats(right, left) { (right, left) } else { (left, right) };
        self.losers[node] = loser;
        winner
    }

    fn beats(&self, challenger: usize, holder: usize) -> bool {
        match (&self.keys[challenger], &self.keys[holder]) {
            (Some(left), Some(right)) => {
                let (left, right) = (LabelsRef::from_packed_unchecked(left), LabelsRef::from_packed_unchecked(right));
                (left, challenger) < (right, holder)
            }
            (left, right) => left.is_some() && right.is_none(),
        }
    }
}

#[cfg(test)]
mod tests;

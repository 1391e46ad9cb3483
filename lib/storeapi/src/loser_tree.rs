//! A loser tree: which of many sorted sources comes next, at one comparison a level.
//!
//! The leaves are the sources, each with the key of its current item; an inner node remembers the *loser* of the match
//! played there, the winner moves up. After the winner's source has moved on, only the matches on its path to the root
//! are played again.

/// The key of a source's current item, or none at its end.
type Key = Option<Vec<u8>>;

/// Finds the smallest of the current keys of a fixed set of sources; of equal keys, that of the lowest source.
#[derive(Debug)]
pub struct LoserTree {
    keys: Vec<Key>,
    /// `losers[0]` is the overall winner, `losers[1..]` the inner nodes; the children of node `n` are `2n` and `2n + 1`,
    /// and the leaf of source `s` stands at `sources + s`.
    losers: Vec<usize>,
}

impl LoserTree {
    /// Starts with the first key of each source.
    pub fn new(keys: Vec<Key>) -> Self {
        let sources = keys.len();
        let mut tree = Self { keys, losers: vec![0; sources.max(1)] };
        if sources > 1 {
            tree.losers[0] = tree.play(1);
        }
        tree
    }

    /// The source whose item comes next, and its key; `None` once all have ended.
    pub fn winner(&self) -> Option<(usize, &[u8])> {
        let source = *self.losers.first()?;
        let key = self.keys.get(source)?.as_deref()?;
        Some((source, key))
    }

    /// Whether all sources but the winner have ended.
    pub fn is_last(&self) -> bool {
        self.keys.iter().flatten().count() == 1
    }

    /// Gives the winner its next key. `next` gets the old key's buffer to fill, and says whether there is an item.
    pub fn advance(&mut self, next: impl FnOnce(&mut Vec<u8>) -> bool) {
        let source = self.losers[0];
        let mut key = self.keys[source].take().unwrap_or_default();
        self.keys[source] = next(&mut key).then_some(key);
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
            (Some(left), Some(right)) => (left.as_slice(), challenger) < (right.as_slice(), holder),
            (left, right) => left.is_some() && right.is_none(),
        }
    }
}

#[cfg(test)]
mod tests;

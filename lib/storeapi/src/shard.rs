//! Which series a shard holds.

use crate::store::Shard;
use model::LabelsRef;
use xxhash_rust::xxh64::Xxh64;

impl Shard {
    /// Whether a series of these labels is in this shard: the xxHash64 of name, `ff`, value, `ff` of each label that counts,
    /// divided among all shards. Without any shards, each holds everything. As Thanos' `ShardMatcher`.
    pub fn holds(&self, labels: LabelsRef<'_>) -> bool {
        if self.total == 0 {
            return true;
        }
        let mut hash = Xxh64::new(0);
        let is_listed = |name: &[u8]| self.labels.iter().any(|listed| listed == name);
        for label in labels.iter().filter(|label| is_listed(label.name) == self.by) {
            for text in [label.name, label.value] {
                hash.update(text);
                hash.update(&[0xff]);
            }
        }
        hash.digest() % self.total == self.index
    }
}

//! Which blocks count: pure functions over what is known of them, in Thanos' order.

use crate::marks::DeletionMark;
use model::TimeRange;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tsdb::block::Meta;
use ulid::Ulid;

/// Blocks by name.
pub type Metas = BTreeMap<Ulid, Arc<Meta>>;

/// Who writes blocks whose sources are known to all already, so that nobody has to wait for them.
const KNOWN_SOURCES: [&str; 3] = ["compactor", "compactor.repair", "bucket.repair"];

/// Keeps blocks that may hold a sample in `within`, both ends inside; the end of a block counts as inside, too, as Thanos has
/// it. Answers those that went.
pub fn time_partition(metas: &mut Metas, within: TimeRange) -> Vec<Ulid> {
    drop_where(metas, |_, meta| meta.max_ms < within.min_ms() || meta.min_ms > within.max_ms())
}

/// Keeps blocks that were uploaded at least `delay` ago, so that all readers see the same: by the time in their meta, else by
/// that in their name. Answers those that went.
pub fn consistency_delay(metas: &mut Metas, now_ms: i64, delay: Duration) -> Vec<Ulid> {
    let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    drop_where(metas, |ulid, meta| {
        let thanos = meta.thanos.as_ref();
        if thanos.is_some_and(|thanos| KNOWN_SOURCES.contains(&thanos.source.as_str())) {
            return false;
        }
        let named_ms = i64::try_from(ulid.timestamp_ms()).unwrap_or(i64::MAX);
        let uploaded = thanos.map(|thanos| &thanos.upload_time).filter(|time| time.is_set());
        now_ms.saturating_sub(uploaded.map_or(named_ms, |time| time.unix_ms())) < delay_ms
    })
}

/// Keeps blocks that are not marked, or not longer than `delay`: others still read them. Answers those that went.
pub fn deletion_marks(
    metas: &mut Metas,
    marks: &BTreeMap<Ulid, DeletionMark>,
    now_ms: i64,
    delay: Duration,
) -> Vec<Ulid> {
    let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    drop_where(metas, |ulid, _| {
        marks.get(ulid).is_some_and(|mark| now_ms.saturating_sub(mark.deletion_time_s.saturating_mul(1000)) > delay_ms)
    })
}

/// Keeps, among blocks of equal labels and resolution, those whose sources no other holds all of. Answers those that went.
pub fn duplicates(metas: &mut Metas) -> Vec<Ulid> {
    let mut groups: HashMap<_, Vec<&Arc<Meta>>> = HashMap::new();
    for meta in metas.values() {
        let thanos = meta.thanos.as_ref();
        let key = (thanos.map(|thanos| &thanos.labels), thanos.map_or(0, |thanos| thanos.downsample.resolution_ms));
        groups.entry(key).or_default().push(meta);
    }
    let mut gone: Vec<Ulid> = groups.into_values().flat_map(covered).collect();
    gone.sort_unstable();
    for ulid in &gone {
        metas.remove(ulid);
    }
    gone
}

/// The blocks of a group whose sources another holds. The first in the order of most sources, then of names, stays.
fn covered(mut group: Vec<&Arc<Meta>>) -> Vec<Ulid> {
    group.sort_by_key(|meta| (usize::MAX - meta.compaction.sources.len(), meta.ulid));
    // By source, the kept blocks that have it: a block is covered by one that has its first source, and all others.
    let mut kept: Vec<BTreeSet<Ulid>> = Vec::new();
    let mut by_source: HashMap<Ulid, Vec<usize>> = HashMap::new();
    let mut gone = Vec::new();
    for meta in group {
        let sources = &meta.compaction.sources;
        let covers = |at: &usize| kept.get(*at).is_some_and(|all| sources.iter().all(|source| all.contains(source)));
        let is_covered = match sources.first() {
            Some(first) => by_source.get(first).is_some_and(|having| having.iter().any(covers)),
            None => !kept.is_empty(),
        };
        if is_covered {
            gone.push(meta.ulid);
            continue;
        }
        for source in sources {
            by_source.entry(*source).or_default().push(kept.len());
        }
        kept.push(sources.iter().copied().collect());
    }
    gone
}

fn drop_where(metas: &mut Metas, mut goes: impl FnMut(&Ulid, &Meta) -> bool) -> Vec<Ulid> {
    let gone: Vec<Ulid> = metas.iter().filter(|(ulid, meta)| goes(ulid, meta)).map(|(ulid, _)| *ulid).collect();
    for ulid in &gone {
        metas.remove(ulid);
    }
    gone
}

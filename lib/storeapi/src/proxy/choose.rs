//! Which stores may hold something of a request, by what they said of themselves.

use crate::store::{StoreInfo, TsdbInfo};
use model::{Labels, LabelsRef, Matcher, TimeRange};
use std::sync::Arc;

/// The name under which `storeMatch[]` sees a store's name.
const ADDRESS: &[u8] = b"__address__";

/// What a store must be able to hold to be asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) matchers: &'a [Matcher],
    pub(super) range: TimeRange,
    /// As [`crate::SeriesRequest::stores`].
    pub(super) stores: &'a [Arc<[Matcher]>],
}

impl Wanted<'_> {
    /// Whether anything of it may be in the store that said `info`.
    pub(super) fn may_be_in(&self, info: &StoreInfo) -> bool {
        let in_time = info.time_range.is_some_and(|held| held.overlaps(self.range));
        in_time && may_ask(info, self.stores) && self.labels_may_be_in(info)
    }

    fn labels_may_be_in(&self, info: &StoreInfo) -> bool {
        if !info.tsdbs.is_empty() {
            let may_hold =
                |tsdb: &TsdbInfo| tsdb.range.overlaps(self.range) && allows(tsdb.labels.as_ref(), self.matchers);
            return info.tsdbs.iter().any(may_hold);
        }
        sets_allow(info, self.matchers)
    }
}

/// Whether a store is one of those that may be asked, by [`crate::SeriesRequest::stores`].
pub(super) fn may_ask(info: &StoreInfo, stores: &[Arc<[Matcher]>]) -> bool {
    stores.is_empty() || stores.iter().any(|matchers| is_meant(info, matchers))
}

/// Whether series of a store can be accepted, by its external labels at any time.
pub(super) fn sets_allow(info: &StoreInfo, matchers: &[Matcher]) -> bool {
    info.label_sets.is_empty() || info.label_sets.iter().any(|labels| allows(labels.as_ref(), matchers))
}

/// Whether a series with these labels among its own can be accepted: no matcher refuses one of them.
fn allows(labels: LabelsRef<'_>, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| labels.get(matcher.name()).is_none_or(|value| matcher.matches(value)))
}

/// Whether a store is one of those that `matchers` mean.
fn is_meant(info: &StoreInfo, matchers: &[Matcher]) -> bool {
    let (of_address, of_labels): (Vec<Matcher>, Vec<Matcher>) =
        matchers.iter().cloned().partition(|matcher| matcher.name() == ADDRESS);
    let labels_allow = || info.label_sets.iter().any(|labels| allows(labels.as_ref(), &of_labels));
    of_address.iter().all(|matcher| matcher.matches(info.name.as_bytes()))
        && (info.label_sets.is_empty() || labels_allow())
}

/// The matchers that are left once those on labels that all series have are decided; `None` if one of these refuses.
pub(super) fn left_over(matchers: &Arc<[Matcher]>, common: &Labels) -> Option<Arc<[Matcher]>> {
    if common.as_ref().is_empty() {
        return Some(Arc::clone(matchers));
    }
    let is_common = |matcher: &&Matcher| common.get(matcher.name()).is_some();
    let refuses = |matcher: &Matcher| common.get(matcher.name()).is_some_and(|value| !matcher.matches(value));
    (!matchers.iter().any(refuses)).then(|| matchers.iter().filter(|matcher| !is_common(matcher)).cloned().collect())
}

/// `labels` and `more`; where both have a name, the value of `more`.
pub(super) fn extended(labels: &Labels, more: &Labels) -> Labels {
    let mut packed = Vec::new();
    labels.as_ref().overlay(more.as_ref(), |_| false, &mut packed);
    LabelsRef::from_packed_unchecked(&packed).to_owned()
}

/// The same for what is held of a label set.
pub(super) fn tsdb_extended(tsdb: &TsdbInfo, more: &Labels) -> TsdbInfo {
    TsdbInfo { labels: extended(&tsdb.labels, more), range: tsdb.range }
}

//! A store over what lies in this process: heads and blocks.
//!
//! Walking them blocks (files are read, locks are taken). Who may block pulls the frames of a walk; for others each request
//! walks on tokio's blocking pool and hands its frames over a short channel: a slow reader stops the walk, a dropped one ends
//! it.

mod exemplars;
mod labels;
mod last;
mod limits;
mod metadata;
mod series;
mod walk;

pub use exemplars::ExemplarGroup;
pub use limits::SeriesLimits;
pub use metadata::MetadataGroup;

use crate::exemplars::{ExemplarsAnswer, ExemplarsRequest, joined};
use crate::metadata::{Collected, MetadataAnswer, MetadataRequest};
use crate::store::{
    Component, LabelsAnswer, LabelsRequest, PartialResponse, SelectHints, SeriesRequest, SeriesStream, SeriesWalk,
    Store, StoreError, StoreInfo, TsdbInfo,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use model::{Labels, Matcher, TimeRange};
use promql::UsedLabels;
use std::fmt::Debug;
use std::sync::Arc;
use tsdb::SeriesSource;
use tsdb::head::HeadReader;

/// Sources whose series share external labels: one tenant's head and blocks.
#[derive(Debug, Clone)]
pub struct SourceGroup {
    /// Added to each series, in place of labels of the same names.
    pub external: Labels,
    pub sources: Vec<Arc<dyn SeriesSource>>,
}

/// A group that cannot be read now: what it holds is missing in every answer it might have a part in.
#[derive(Debug, Clone)]
pub struct MissingGroup {
    /// As in [`SourceGroup`].
    pub external: Labels,
    /// What is missing, and why, for people.
    pub reason: String,
}

/// A head that holds all samples of a group there are in some range.
#[derive(Debug, Clone)]
pub struct HeadGroup {
    /// As in [`SourceGroup`].
    pub external: Labels,
    pub head: Arc<HeadReader>,
}

/// Knows what there is to read, now.
pub trait SourceProvider: Debug + Send + Sync {
    /// The groups, each with the sources that may hold samples in `range`.
    fn groups(&self, range: TimeRange) -> Vec<SourceGroup>;

    /// Groups that are not among the others because they cannot be read. Asked before the others: one that is read from now
    /// on is then in one of the two, or in both.
    fn missing(&self) -> Vec<MissingGroup> {
        Vec::new()
    }

    /// External labels of each group, and the times of all it holds; `None`: of nothing. For who only wants to know, which is
    /// everyone who chooses whom to ask.
    fn held(&self) -> Vec<(Labels, Option<TimeRange>)> {
        let groups = self.groups(TimeRange::ALL).into_iter();
        groups.map(|group| (group.external.clone(), group.time_range())).collect()
    }

    /// The heads of all groups, if nothing but heads may hold samples in `range`: then the newest samples are had without
    /// decoding a chunk. `None`: something else may.
    fn heads(&self, range: TimeRange) -> Option<Vec<HeadGroup>> {
        let _ = range;
        None
    }

    /// The heads that keep exemplars.
    fn exemplars(&self) -> Vec<ExemplarGroup> {
        Vec::new()
    }

    /// The heads that keep what is said of metrics.
    fn metadata(&self) -> Vec<MetadataGroup> {
        Vec::new()
    }
}

/// The [`Store`] over a [`SourceProvider`].
#[derive(Debug, Clone)]
pub struct LocalStore {
    name: Arc<str>,
    component: Component,
    provider: Arc<dyn SourceProvider>,
    limits: SeriesLimits,
    needs_matchers: bool,
}

impl LocalStore {
    /// A store called `name` in messages, which tells others that it is a `component`.
    pub fn new(name: &str, component: Component, provider: Arc<dyn SourceProvider>) -> Self {
        Self { name: name.into(), component, provider, limits: SeriesLimits::default(), needs_matchers: false }
    }

    /// Refuses requests that take more than `limits`.
    #[must_use]
    pub fn with_limits(self, limits: SeriesLimits) -> Self {
        Self { limits, ..self }
    }

    /// Refuses `Series` requests without a matcher on something else than external labels, as Thanos' receivers and rulers
    /// do: they are for everything there is.
    #[must_use]
    pub fn needing_matchers(self) -> Self {
        Self { needs_matchers: true, ..self }
    }

    /// Runs `answer` on the blocking pool.
    fn blocking<T: Send + 'static>(
        &self,
        answer: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let name = Arc::clone(&self.name);
        let task = tokio::task::spawn_blocking(answer);
        async move { task.await.unwrap_or_else(|panic| Err(internal(&name, panic))) }.boxed()
    }
}

impl Store for LocalStore {
    fn info(&self) -> StoreInfo {
        let missing = self.provider.missing();
        let held = self.provider.held();
        let tsdb = |(external, range): &(Labels, Option<TimeRange>)| {
            Some(TsdbInfo { labels: external.clone(), range: self.open_ended((*range)?) })
        };
        // Whoever does not ask for it is not told that it is missing. Nobody knows what it holds.
        let unknown = missing.iter().map(|group| TsdbInfo { labels: group.external.clone(), range: TimeRange::ALL });
        let tsdbs: Vec<_> = held.iter().filter_map(tsdb).chain(unknown).collect();
        let external = held.into_iter().map(|(external, _)| external);
        StoreInfo {
            name: self.name.to_string(),
            component: self.component,
            time_range: tsdbs.iter().map(|tsdb| tsdb.range).reduce(TimeRange::hull),
            label_sets: external.chain(missing.into_iter().map(|group| group.external)).collect(),
            tsdbs,
            drops_labels: true,
            shards: true,
            exemplars: (!self.provider.exemplars().is_empty()).then_some(TimeRange::ALL),
            metadata: !self.provider.metadata().is_empty(),
        }
    }

    fn series(&self, request: SeriesRequest) -> SeriesStream {
        let hints = SelectHints { labels: None, ..request.hints };
        walk::stream(Arc::clone(&self.name), self.series_walk(&SeriesRequest { hints, ..request }))
    }

    fn walk(&self, request: &SeriesRequest) -> Option<SeriesWalk> {
        Some(self.series_walk(request))
    }

    fn label_names(&self, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        let (name, missing) = (Arc::clone(&self.name), self.missing([&*request.matchers], request.partial));
        let groups = self.provider.groups(request.range);
        self.blocking(move || Ok(labels::names(&name, &groups, &request)?.with_warnings(missing?)))
    }

    fn label_values(&self, label: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        let (name, missing) = (Arc::clone(&self.name), self.missing([&*request.matchers], request.partial));
        let groups = self.provider.groups(request.range);
        self.blocking(move || Ok(labels::values(&name, &groups, &label, &request)?.with_warnings(missing?)))
    }

    fn exemplars(&self, request: ExemplarsRequest) -> BoxFuture<'_, Result<ExemplarsAnswer, StoreError>> {
        let warnings = self.missing(request.selectors.iter().map(|selector| &**selector), request.partial);
        let groups = self.provider.exemplars();
        self.blocking(move || {
            let series = groups.iter().flat_map(|group| group.select(&request)).collect();
            Ok(ExemplarsAnswer { series: joined(series), warnings: warnings? })
        })
    }

    fn metadata(&self, request: MetadataRequest) -> BoxFuture<'_, Result<MetadataAnswer, StoreError>> {
        let (name, warnings) = (Arc::clone(&self.name), self.missing([&*request.external], request.partial));
        let groups = self.provider.metadata();
        self.blocking(move || {
            let mut all = Collected::new(&name, &request);
            for group in groups.iter().filter(|group| request.accepts(&group.external)) {
                group.collect(&mut all)?;
            }
            Ok(MetadataAnswer { warnings: warnings?, ..all.finish() })
        })
    }
}

impl LocalStore {
    fn series_walk(&self, request: &SeriesRequest) -> SeriesWalk {
        // Who answers in full says what is missing.
        if request.hints.newest_only
            && self.provider.missing().is_empty()
            && let Some(heads) = self.provider.heads(request.range)
            && let Some(walk) = last::walk(self, heads, request)
        {
            return walk;
        }
        series::walk(self.clone(), request.clone())
    }

    /// What is to be said of groups that cannot be read and that not all of `selectors` refuse.
    fn missing<'a>(
        &self,
        selectors: impl IntoIterator<Item = &'a [Matcher], IntoIter: Clone>,
        partial: PartialResponse,
    ) -> Result<Vec<String>, StoreError> {
        let (mut missing, selectors) = (self.provider.missing(), selectors.into_iter());
        missing.retain(|group| selectors.clone().any(|matchers| matchers_left(&group.external, matchers).is_some()));
        match (partial, missing.first()) {
            (PartialResponse::Abort, Some(MissingGroup { reason, .. })) => {
                Err(StoreError::Unavailable { store: self.name.to_string(), reason: reason.clone() })
            }
            (PartialResponse::Abort | PartialResponse::Warn, _) => {
                Ok(missing.into_iter().map(|group| group.reason).collect())
            }
        }
    }

    /// What takes writes will hold more tomorrow, and whoever asks knows only what it said a while ago.
    fn open_ended(&self, range: TimeRange) -> TimeRange {
        match self.component {
            Component::Receive | Component::Rule => TimeRange::new(range.min_ms(), i64::MAX).unwrap_or(range),
            Component::Query | Component::Sidecar | Component::Store | Component::Unknown => range,
        }
    }
}

impl SourceGroup {
    /// The time in which it has samples.
    fn time_range(&self) -> Option<TimeRange> {
        self.sources.iter().filter_map(|source| source.time_range()).reduce(TimeRange::hull)
    }

    /// The matchers that are left for the sources; `None` if the group's external labels are refused.
    fn matchers_for_sources(&self, matchers: &[Matcher]) -> Option<Vec<Matcher>> {
        matchers_left(&self.external, matchers)
    }
}

/// The labels that alone are wanted, where a shard does not look at all of them.
fn used_labels(request: &SeriesRequest) -> Option<&UsedLabels> {
    request.hints.labels.as_ref().filter(|_| request.shard.is_none())
}

/// The matchers that are left for series once those on external labels are decided; `None` if one of these refuses.
pub fn matchers_left(external: &Labels, matchers: &[Matcher]) -> Option<Vec<Matcher>> {
    let mut left = Vec::with_capacity(matchers.len());
    for matcher in matchers {
        match external.get(matcher.name()) {
            Some(value) if matcher.matches(value) => {}
            Some(_) => return None,
            None => left.push(matcher.clone()),
        }
    }
    Some(left)
}

/// `labels` without those of the names in `without`.
fn labels_but(labels: &Labels, without: &[Vec<u8>]) -> Labels {
    if without.is_empty() {
        return labels.clone();
    }
    let mut edit = labels.edit();
    edit.retain(|name| !without.iter().any(|without| without == name));
    // Fewer labels of a label set are one, too.
    edit.build().unwrap_or_else(|_| labels.clone())
}

fn internal(store: &str, reason: impl ToString) -> StoreError {
    StoreError::Internal { store: store.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests;

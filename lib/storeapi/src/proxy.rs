//! Many stores as one.
//!
//! A request goes to the stores that may hold something of it, all at once; sorted answers are merged as they arrive. What a
//! store cannot give is a warning or the end of the answer, as the request wants it.

mod choose;
mod exemplars;
mod labels;
mod metadata;
mod told;

use crate::exemplars::{ExemplarsAnswer, ExemplarsRequest};
use crate::merge::{Answer, merge_answers};
use crate::metadata::{MetadataAnswer, MetadataRequest};
use crate::store::{
    Component, LabelsAnswer, LabelsRequest, PartialResponse, SeriesFrame, SeriesRequest, SeriesStream, SeriesWalk,
    Store, StoreError, StoreInfo,
};
use choose::Wanted;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use model::{Labels, TimeRange};
use prometheus_client::metrics::counter::Counter;
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;
use telemetry::Registry;

/// A store that can be asked, and what is known of it now.
#[derive(Debug, Clone)]
pub struct LiveStore {
    pub store: Arc<dyn Store>,
    pub info: Arc<StoreInfo>,
}

/// Knows which stores there are, now.
pub trait StoreProvider: Debug + Send + Sync {
    /// All that can be asked.
    fn stores(&self) -> Vec<LiveStore>;
}

/// The [`Store`] over those of a [`StoreProvider`].
///
/// Each of these must do what a request asks: leave out labels, apply shards and limits, sort, and hand out each series
/// once. Where a peer cannot, whoever speaks with it does it for the peer.
#[derive(Debug, Clone)]
pub struct Proxy {
    name: Arc<str>,
    component: Component,
    provider: Arc<dyn StoreProvider>,
    selector_labels: Labels,
    /// Answers of stores that were asked and had no series.
    empty_answers: Counter,
}

impl Proxy {
    /// The stores of `provider` as one called `name`, which tells others that it is a `component`. All of its series are said
    /// to have `selector_labels`: a request that contradicts them finds nothing.
    pub fn new(
        name: &str,
        component: Component,
        provider: Arc<dyn StoreProvider>,
        selector_labels: Labels,
        registry: &Registry,
    ) -> Self {
        let empty_answers = Counter::default();
        registry.register(
            "thanos_proxy_store_empty_stream_responses_total",
            "Total number of empty responses received.",
            empty_answers.clone(),
        );
        Self { name: name.into(), component, provider, selector_labels, empty_answers }
    }

    /// Which stores to ask; nobody if all are known to hold nothing of it.
    fn choose(&self, may_be_in: impl Fn(&StoreInfo) -> bool, partial: PartialResponse) -> Result<Chosen, StoreError> {
        let live = self.provider.stores();
        if live.is_empty() {
            return match partial {
                PartialResponse::Warn => Ok(Chosen { stores: Vec::new(), warning: Some(NO_STORES.to_owned()) }),
                PartialResponse::Abort => {
                    Err(StoreError::Unavailable { store: self.name.to_string(), reason: NO_STORES.to_owned() })
                }
            };
        }
        let stores = live.into_iter().filter(|live| may_be_in(&live.info)).collect();
        Ok(Chosen { stores, warning: None })
    }
}

/// What is said where there is nobody to ask.
const NO_STORES: &str = "No StoreAPIs matched for this query";

/// The stores to ask, and what is to be said before they are.
#[derive(Debug, Default)]
struct Chosen {
    stores: Vec<LiveStore>,
    warning: Option<String>,
}

impl Store for Proxy {
    fn info(&self) -> StoreInfo {
        let infos: Vec<_> = self.provider.stores().into_iter().map(|live| live.info).collect();
        let mut label_sets = Vec::new();
        for labels in infos.iter().flat_map(|info| &info.label_sets) {
            let labels = choose::extended(labels, &self.selector_labels);
            if !label_sets.contains(&labels) {
                label_sets.push(labels);
            }
        }
        // A store that announces nothing may hold anything, but nothing that contradicts these.
        if label_sets.is_empty() && !self.selector_labels.as_ref().is_empty() {
            label_sets.push(self.selector_labels.clone());
        }
        // Where one of the stores does not tell, what the others tell is not all.
        let told = infos.iter().all(|info| !info.tsdbs.is_empty() || info.time_range.is_none());
        let tsdbs = infos.iter().filter(|_| told).flat_map(|info| &info.tsdbs);
        StoreInfo {
            name: self.name.to_string(),
            component: self.component,
            label_sets,
            time_range: infos.iter().filter_map(|info| info.time_range).reduce(TimeRange::hull),
            tsdbs: tsdbs.map(|tsdb| choose::tsdb_extended(tsdb, &self.selector_labels)).collect(),
            drops_labels: true,
            shards: true,
            exemplars: infos.iter().filter_map(|info| info.exemplars).reduce(TimeRange::hull),
            metadata: infos.iter().any(|info| info.metadata),
        }
    }

    fn series(&self, request: SeriesRequest) -> SeriesStream {
        let (request, Chosen { stores, warning }) = match self.choose_for(&request) {
            Ok(Some(chosen)) => chosen,
            Ok(None) => return futures::stream::empty().boxed(),
            Err(error) => return futures::stream::iter([Err(error)]).boxed(),
        };
        // What is merged with nothing is passed on by the batch.
        let has_several = stores.len() > 1;
        let ask = |live: LiveStore| {
            let (partial, empty_answers) = (request.partial, self.empty_answers.clone());
            match has_several.then(|| live.store.unread(&request)).flatten() {
                Some(answer) => {
                    let late = told::late(Arc::clone(&live.info), partial);
                    Answer::unread(told::answer(answer, live.info, partial, empty_answers), late)
                }
                None => {
                    let answer = live.store.series(request.clone().into_owned());
                    Answer::read(told::answer(answer, live.info, partial, empty_answers))
                }
            }
        };
        let merged = merge_answers(stores.into_iter().map(ask).collect(), request.limit);
        futures::stream::iter(warning.map(|text| Ok(SeriesFrame::Warning(text)))).chain(merged).boxed()
    }

    /// If there is one store to ask.
    fn walk(&self, request: &SeriesRequest) -> Option<SeriesWalk> {
        let (request, Chosen { stores, warning: None }) = self.choose_for(request).ok()?? else { return None };
        let [live] = <[LiveStore; 1]>::try_from(stores).ok()?;
        let walk = live.store.walk(&request)?;
        Some(told::walk(walk, live.info, request.partial, self.empty_answers.clone()))
    }

    fn label_names(&self, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        self.union(request, "names", |store, request| store.label_names(request))
    }

    fn label_values(&self, label: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        self.union(request, "values", move |store, request| store.label_values(label.clone(), request))
    }

    fn exemplars(&self, request: ExemplarsRequest) -> BoxFuture<'_, Result<ExemplarsAnswer, StoreError>> {
        self.all_exemplars(request).boxed()
    }

    fn metadata(&self, request: MetadataRequest) -> BoxFuture<'_, Result<MetadataAnswer, StoreError>> {
        self.all_metadata(request).boxed()
    }
}

impl Proxy {
    /// What the stores are to be asked, and which; `None` if there can be no series.
    fn choose_for<'a>(
        &self,
        request: &'a SeriesRequest,
    ) -> Result<Option<(Cow<'a, SeriesRequest>, Chosen)>, StoreError> {
        let Some(matchers) = choose::left_over(&request.matchers, &self.selector_labels) else {
            return Ok(None);
        };
        if matchers.is_empty() {
            return Err(StoreError::Invalid("no matchers specified (excluding selector labels)".to_owned()));
        }
        let wanted = Wanted { matchers: &matchers, range: request.range, stores: &request.stores };
        let chosen = self.choose(|info| wanted.may_be_in(info), request.partial)?;
        let mut asked = Cow::Borrowed(request);
        if !Arc::ptr_eq(&matchers, &request.matchers) {
            asked.to_mut().matchers = matchers;
        }
        if chosen.stores.len() > 1 {
            // Series of several are merged by who has all of them, by all of their labels.
            let hints = &mut asked.to_mut().hints;
            (hints.newest_only, hints.labels) = (false, None);
        }
        Ok(Some((asked, chosen)))
    }

    /// Asks the chosen stores for label names or values, and joins what they say.
    fn union(
        &self,
        request: LabelsRequest,
        what: &'static str,
        ask: impl Fn(&dyn Store, LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> + Send + Sync + 'static,
    ) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        async move {
            let Some(matchers) = choose::left_over(&request.matchers, &self.selector_labels) else {
                return Ok(LabelsAnswer::default());
            };
            let wanted = Wanted { matchers: &matchers, range: request.range, stores: &request.stores };
            let Chosen { stores, warning } = self.choose(|info| wanted.may_be_in(info), request.partial)?;
            let request = LabelsRequest { matchers, ..request };
            let mut union = labels::Union::new(warning);
            let mut answers: futures::stream::FuturesUnordered<_> = stores
                .iter()
                .map(|live| ask(&*live.store, request.clone()).map(move |answer| (&live.info, answer)))
                .collect();
            while let Some((info, answer)) = answers.next().await {
                union.add(answer.map_err(|error| told::labels_failed(what, info, error)), request.partial)?;
            }
            Ok(union.finish(request.limit))
        }
        .boxed()
    }
}

/// Stores that never change, as they are in one process.
impl StoreProvider for Vec<Arc<dyn Store>> {
    fn stores(&self) -> Vec<LiveStore> {
        self.iter().map(|store| LiveStore { store: Arc::clone(store), info: Arc::new(store.info()) }).collect()
    }
}

#[cfg(test)]
mod tests;

//! `MetricMetadata` of many stores.

use super::{Proxy, choose, told};
use crate::metadata::{Collected, MetadataAnswer, MetadataRequest};
use crate::store::{PartialResponse, StoreError, StoreInfo};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::sync::Arc;

impl Proxy {
    /// Asks all that tell what is said of metrics, at once, and joins what they say.
    pub(super) async fn all_metadata(&self, request: MetadataRequest) -> Result<MetadataAnswer, StoreError> {
        let Some(external) = choose::left_over(&request.external, &self.selector_labels) else {
            return Ok(MetadataAnswer::default());
        };
        let request = MetadataRequest { external, ..request };
        let chosen = self.choose(|info| may_tell(info, &request), request.partial)?;
        let ask = |live: &super::LiveStore| {
            let (store, info, request) = (Arc::clone(&live.store), Arc::clone(&live.info), request.clone());
            async move { (store.metadata(request).await, info) }
        };
        let mut answers: FuturesUnordered<_> = chosen.stores.iter().map(ask).collect();
        let mut all = Collected::new(&self.name, &request);
        chosen.warning.into_iter().try_for_each(|warning| all.warn(warning))?;
        while let Some((answer, info)) = answers.next().await {
            match (answer, request.partial) {
                (Ok(answer), _) => {
                    for (metric, said) in &answer.metrics {
                        said.iter().try_for_each(|one| all.add(metric, one.kind, &one.help, &one.unit))?;
                    }
                    answer.warnings.into_iter().try_for_each(|warning| all.warn(warning))?;
                }
                (Err(error), PartialResponse::Warn) => {
                    all.warn(told::text(&told::metadata_failed(&info, error)))?;
                }
                (Err(error), PartialResponse::Abort) => return Err(told::metadata_failed(&info, error)),
            }
        }
        Ok(all.finish())
    }
}

fn may_tell(info: &StoreInfo, request: &MetadataRequest) -> bool {
    // A store in this process would tell under which labels something is said; a peer cannot, so none is asked that has others.
    let is_meant = || !info.label_sets.is_empty() && info.label_sets.iter().all(|labels| request.accepts(labels));
    info.metadata && choose::may_ask(info, &request.stores) && (request.external.is_empty() || is_meant())
}

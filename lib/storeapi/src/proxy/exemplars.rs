//! `Exemplars` of many stores.

use super::{Proxy, choose, told};
use crate::exemplars::{ExemplarsAnswer, ExemplarsRequest, joined};
use crate::store::{PartialResponse, StoreError, StoreInfo};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use model::Matcher;
use std::sync::Arc;

impl Proxy {
    /// Asks all that may have some, at once, and joins what they say.
    pub(super) async fn all_exemplars(&self, request: ExemplarsRequest) -> Result<ExemplarsAnswer, StoreError> {
        let left = |selector: &Arc<[Matcher]>| choose::left_over(selector, &self.selector_labels);
        let selectors: Arc<[Arc<[Matcher]>]> = request.selectors.iter().filter_map(left).collect();
        if selectors.is_empty() {
            return Ok(ExemplarsAnswer::default());
        }
        let request = ExemplarsRequest { selectors, ..request };
        let chosen = self.choose(|info| may_be_in(info, &request), request.partial)?;
        let ask = |live: &super::LiveStore| {
            let (store, info, request) = (Arc::clone(&live.store), Arc::clone(&live.info), request.clone());
            async move { (store.exemplars(request).await, info) }
        };
        let mut answers: FuturesUnordered<_> = chosen.stores.iter().map(ask).collect();
        let (mut series, mut warnings) = (Vec::new(), Vec::from_iter(chosen.warning));
        while let Some((answer, info)) = answers.next().await {
            match (answer, request.partial) {
                (Ok(answer), _) => {
                    series.extend(answer.series);
                    warnings.extend(answer.warnings);
                }
                (Err(error), PartialResponse::Warn) => {
                    warnings.push(told::text(&told::exemplars_failed(&info, error)));
                }
                (Err(error), PartialResponse::Abort) => return Err(told::exemplars_failed(&info, error)),
            }
        }
        Ok(ExemplarsAnswer { series: joined(series), warnings })
    }
}

fn may_be_in(info: &StoreInfo, request: &ExemplarsRequest) -> bool {
    let in_time = info.exemplars.is_some_and(|held| held.overlaps(request.range));
    in_time && choose::may_ask(info, &request.stores) && {
        // Not by the time of samples: exemplars outlive what they were of.
        let allowed = |selector: &Arc<[Matcher]>| choose::sets_allow(info, selector);
        request.selectors.iter().any(allowed)
    }
}

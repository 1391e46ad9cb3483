//! What is known of each endpoint, and which of them are asked. Pure: whoever polls tells it what came of it.
//!
//! An endpoint is asked from its first answer to `Info` on; a strict one always. One that stops to answer stays among those
//! asked, with what it said last, until it was silent for the unhealthy timeout: while it is gone its absence shows in
//! answers, and a poll that gets lost changes nothing.

use crate::store::{Component, StoreInfo};
use model::TimeRange;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An endpoint as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointStatus {
    /// What it said of itself last; its address is the name.
    pub info: Arc<StoreInfo>,
    /// When it was polled last, in milliseconds since the epoch; `None`: not yet.
    pub last_check_ms: Option<i64>,
    /// What was wrong then.
    pub last_error: Option<String>,
}

/// The endpoints by address.
#[derive(Debug)]
pub(super) struct Book {
    endpoints: BTreeMap<String, Endpoint>,
    unhealthy_timeout_ms: i64,
}

#[derive(Debug, Clone)]
struct Endpoint {
    strict: bool,
    info: Option<Arc<StoreInfo>>,
    /// When it answered last.
    answered_ms: i64,
    last_check_ms: Option<i64>,
    last_error: Option<String>,
}

impl Book {
    pub(super) fn new(unhealthy_timeout_ms: i64) -> Self {
        Self { endpoints: BTreeMap::new(), unhealthy_timeout_ms }
    }

    /// Makes `addresses`, each strict or not, those that there are.
    pub(super) fn set_addresses(&mut self, addresses: &BTreeMap<String, bool>) {
        self.endpoints.retain(|address, _| addresses.contains_key(address));
        for (address, strict) in addresses {
            let new =
                || Endpoint { strict: *strict, info: None, answered_ms: 0, last_check_ms: None, last_error: None };
            self.endpoints.entry(address.clone()).or_insert_with(new).strict = *strict;
        }
    }

    /// Endpoint `address` said `info`.
    pub(super) fn answered(&mut self, address: &str, now_ms: i64, info: Arc<StoreInfo>) {
        if let Some(endpoint) = self.endpoints.get_mut(address) {
            endpoint.info = Some(info);
            endpoint.answered_ms = now_ms;
            endpoint.last_check_ms = Some(now_ms);
            endpoint.last_error = None;
        }
    }

    /// Endpoint `address` did not answer. Says whether that is news.
    pub(super) fn failed(&mut self, address: &str, now_ms: i64, error: String) -> bool {
        let Some(endpoint) = self.endpoints.get_mut(address) else {
            return false;
        };
        if now_ms.saturating_sub(endpoint.answered_ms) >= self.unhealthy_timeout_ms {
            endpoint.info = None;
        }
        endpoint.last_check_ms = Some(now_ms);
        endpoint.last_error.replace(error).is_none()
    }

    /// The endpoints to ask. Of a strict one that nothing is known of, everything is expected.
    pub(super) fn live(&self) -> impl Iterator<Item = (&str, Arc<StoreInfo>)> {
        self.endpoints.iter().filter_map(|(address, endpoint)| {
            let info = match &endpoint.info {
                Some(info) => Arc::clone(info),
                None if endpoint.strict => Arc::new(unknown(address)),
                None => return None,
            };
            Some((address.as_str(), info))
        })
    }

    /// Those that said something of themselves.
    pub(super) fn statuses(&self) -> Vec<EndpointStatus> {
        let status = |endpoint: &Endpoint| {
            let (last_check_ms, last_error) = (endpoint.last_check_ms, endpoint.last_error.clone());
            Some(EndpointStatus { info: Arc::clone(endpoint.info.as_ref()?), last_check_ms, last_error })
        };
        self.endpoints.values().filter_map(status).collect()
    }

    /// All addresses.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &str> {
        self.endpoints.keys().map(String::as_str)
    }
}

/// What is assumed of an endpoint that said nothing: it may hold anything, and can only do what all can.
pub(super) fn unknown(address: &str) -> StoreInfo {
    StoreInfo {
        name: address.to_owned(),
        component: Component::Unknown,
        label_sets: Vec::new(),
        time_range: Some(TimeRange::ALL),
        tsdbs: Vec::new(),
        drops_labels: false,
        shards: false,
        exemplars: None,
        metadata: false,
    }
}

#[cfg(test)]
mod tests;

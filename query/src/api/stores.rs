//! `stores`: the endpoints, by what they are.

use super::envelope::{Answer, ApiError};
use super::status::rfc3339;
use super::{Api, json, status};
use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use storeapi::EndpointStatus;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StoreStatus {
    name: String,
    last_check: String,
    last_error: Option<String>,
    label_sets: Box<RawValue>,
    min_time: i64,
    max_time: i64,
}

pub(super) async fn stores(State(api): State<Arc<Api>>) -> Result<Answer, ApiError> {
    let statuses = match &api.stores {
        Some(stores) => stores.statuses(),
        // It is asked in this process and has no status but what it says now.
        None => vec![EndpointStatus {
            info: Arc::new(api.store.info()),
            last_check_ms: Some(api.clock.now_ms()),
            last_error: None,
        }],
    };
    let mut by_component: BTreeMap<&str, Vec<StoreStatus>> = BTreeMap::new();
    for one in statuses {
        by_component.entry(one.info.component.name()).or_default().push(store_status(one)?);
    }
    status::answer(&by_component)
}

fn store_status(status: EndpointStatus) -> Result<StoreStatus, ApiError> {
    let mut sets = Vec::new();
    json::push_list(&status.info.label_sets, &mut sets, |labels, out| json::push_labels(labels.as_ref(), out));
    let internal = |error: &dyn std::fmt::Display| ApiError::Internal(error.to_string());
    let sets = String::from_utf8(sets).map_err(|error| internal(&error))?;
    // A store that holds nothing has a range that runs backwards.
    let (min_time, max_time) =
        status.info.time_range.map_or((i64::MAX, i64::MIN), |range| (range.min_ms(), range.max_ms()));
    Ok(StoreStatus {
        name: status.info.name.clone(),
        last_check: status.last_check_ms.map(rfc3339).unwrap_or_default(),
        last_error: status.last_error,
        label_sets: RawValue::from_string(sets).map_err(|error| internal(&error))?,
        min_time,
        max_time,
    })
}

//! `LabelNames` and `LabelValues` over local sources.

use super::{SourceGroup, internal};
use crate::store::{LabelsAnswer, LabelsRequest, StoreError, join_strings};
use model::Matcher;
use tsdb::{ChunkSeriesBatch, SourceError};

pub(super) fn names(store: &str, groups: &[SourceGroup], request: &LabelsRequest) -> Result<LabelsAnswer, StoreError> {
    union(store, groups, request, |group, matchers, strings| {
        let before = strings.len();
        for source in &group.sources {
            join_strings(strings, source.label_names(matchers)?);
        }
        if strings.len() > before || has_series(group, matchers, request)? {
            join_strings(strings, group.external.iter().map(|label| label.name.to_vec()).collect());
        }
        strings.retain(|name| !request.without_labels.contains(name));
        Ok(())
    })
}

pub(super) fn values(
    store: &str,
    groups: &[SourceGroup],
    name: &[u8],
    request: &LabelsRequest,
) -> Result<LabelsAnswer, StoreError> {
    if name.is_empty() {
        return Err(StoreError::Invalid("label name parameter cannot be empty".to_owned()));
    }
    if request.without_labels.iter().any(|without| without == name) {
        return Ok(LabelsAnswer::default());
    }
    union(store, groups, request, |group, matchers, strings| {
        if let Some(value) = group.external.get(name) {
            if has_series(group, matchers, request)? {
                join_strings(strings, vec![value.to_vec()]);
            }
            return Ok(());
        }
        for source in &group.sources {
            join_strings(strings, source.label_values(name, matchers)?);
        }
        Ok(())
    })
}

/// What `gather` finds in the groups that the matchers leave, each string once, up to the limit.
fn union(
    store: &str,
    groups: &[SourceGroup],
    request: &LabelsRequest,
    mut gather: impl FnMut(&SourceGroup, &[Matcher], &mut Vec<Vec<u8>>) -> Result<(), SourceError>,
) -> Result<LabelsAnswer, StoreError> {
    let mut strings = Vec::new();
    for group in groups {
        if let Some(matchers) = group.matchers_for_sources(&request.matchers) {
            gather(group, &matchers, &mut strings).map_err(|error| internal(store, error))?;
        }
    }
    strings.truncate(request.limit.unwrap_or(usize::MAX));
    Ok(LabelsAnswer { strings, warnings: Vec::new() })
}

/// Whether any source of the group has a series that `matchers` accept: external labels belong to series only.
fn has_series(group: &SourceGroup, matchers: &[Matcher], request: &LabelsRequest) -> Result<bool, SourceError> {
    let mut batch = ChunkSeriesBatch::default();
    for source in &group.sources {
        source.select(matchers, request.range)?.next_batch(1, true, &mut batch)?;
        if !batch.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

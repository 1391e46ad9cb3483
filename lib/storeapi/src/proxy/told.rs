//! How the failure of one store is told, in the words in which Thanos tells it: people and programs look for them.

use crate::grpc::{code_of, go_text};
use crate::store::{PartialResponse, SeriesFrame, SeriesWalk, StoreError, StoreInfo, UnreadFrame};
use futures::StreamExt;
use futures::stream::BoxStream;
use model::Labels;
use prometheus_client::metrics::counter::Counter;
use std::sync::Arc;

/// The answer of the store that said `info`, its failure told as a warning, which then is the last frame, or as an error.
/// An answer without series is counted.
pub(super) fn answer<F: Frame>(
    answer: BoxStream<'static, Result<F, StoreError>>,
    info: Arc<StoreInfo>,
    partial: PartialResponse,
    empty_answers: Counter,
) -> BoxStream<'static, Result<F, StoreError>> {
    let mut told = Told { info, partial, empty_answers, has_series: false, ended: false };
    let end = futures::stream::iter([None]);
    answer.map(Some).chain(end).filter_map(move |frame| std::future::ready(told.frame(frame))).boxed()
}

/// How a fault is told that is found in series which have come.
pub(super) fn late(
    info: Arc<StoreInfo>,
    partial: PartialResponse,
) -> impl Fn(StoreError) -> Result<SeriesFrame, StoreError> {
    move |error| failed(error, &info, partial, true)
}

/// A step of an answer.
pub(super) trait Frame: Send + 'static {
    fn warning(text: String) -> Self;
    fn is_series(&self) -> bool;
}

impl Frame for SeriesFrame {
    fn warning(text: String) -> Self {
        Self::Warning(text)
    }

    fn is_series(&self) -> bool {
        matches!(self, Self::Series(_))
    }
}

impl Frame for UnreadFrame {
    fn warning(text: String) -> Self {
        Self::Warning(text)
    }

    fn is_series(&self) -> bool {
        matches!(self, Self::Series(_))
    }
}

/// The same for a walk.
pub(super) fn walk(
    walk: SeriesWalk,
    info: Arc<StoreInfo>,
    partial: PartialResponse,
    empty_answers: Counter,
) -> SeriesWalk {
    let mut told = Told { info, partial, empty_answers, has_series: false, ended: false };
    let frames = walk.frames.map(Some).chain([None]).filter_map(move |frame| told.frame(frame));
    SeriesWalk { frames: Box::new(frames), ..walk }
}

struct Told {
    info: Arc<StoreInfo>,
    partial: PartialResponse,
    empty_answers: Counter,
    has_series: bool,
    ended: bool,
}

impl Told {
    /// What becomes of the next frame, or of the end.
    fn frame<F: Frame>(&mut self, frame: Option<Result<F, StoreError>>) -> Option<Result<F, StoreError>> {
        match frame {
            _ if self.ended => None,
            None => {
                self.empty_answers.inc_by(u64::from(!self.has_series));
                None
            }
            Some(Ok(frame)) => {
                self.has_series |= frame.is_series();
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                self.ended = true;
                Some(failed(error, &self.info, self.partial, self.has_series))
            }
        }
    }
}

/// What becomes of a failure, after some series or before.
fn failed<F: Frame>(
    error: StoreError,
    info: &StoreInfo,
    partial: PartialResponse,
    has_series: bool,
) -> Result<F, StoreError> {
    let store = describe(info);
    let is_unreachable = matches!(error, StoreError::Unavailable { .. } | StoreError::TimedOut { .. });
    let error = match has_series || !is_unreachable {
        true => told(error, info, format!("receive series from {store}")),
        false => told(error, info, format!("fetch series for {} {store}", identity(&info.label_sets))),
    };
    match partial {
        PartialResponse::Warn => Ok(F::warning(text(&error))),
        PartialResponse::Abort => Err(error),
    }
}

/// The failure of a store to tell label names or values.
pub(super) fn labels_failed(what: &str, info: &StoreInfo, error: StoreError) -> StoreError {
    told(error, info, format!("fetch label {what} from store {}", describe(info)))
}

/// The failure of a store to tell exemplars.
pub(super) fn exemplars_failed(info: &StoreInfo, error: StoreError) -> StoreError {
    told(error, info, format!("fetch exemplars from store {}", describe(info)))
}

/// The failure of a store to tell what is said of metrics.
pub(super) fn metadata_failed(info: &StoreInfo, error: StoreError) -> StoreError {
    told(error, info, format!("fetch metadata from store {}", describe(info)))
}

/// What is said of a failure: who failed and why, nothing before it.
pub(super) fn text(error: &StoreError) -> String {
    match error {
        StoreError::Invalid(text) | StoreError::LimitExceeded(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The same error, told as that of `store`.
fn told(error: StoreError, info: &StoreInfo, store: String) -> StoreError {
    let said = match &error {
        StoreError::Invalid(text) | StoreError::LimitExceeded(text) => text.as_str(),
        StoreError::Unavailable { reason, .. }
        | StoreError::Aborted { reason, .. }
        | StoreError::TimedOut { reason, .. }
        | StoreError::Unsupported { reason, .. }
        | StoreError::Internal { reason, .. } => reason.as_str(),
        StoreError::Canceled => "canceled",
    };
    // A peer's error says already what a store in this process leaves to be said.
    let said = said.strip_prefix(info.name.as_str()).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(said);
    let reason = match said.starts_with("rpc error: code = ") {
        true => said.to_owned(),
        false => go_text(code_of(&error), said),
    };
    match error {
        StoreError::Invalid(_) => StoreError::Invalid(format!("{store}: {reason}")),
        StoreError::LimitExceeded(_) => StoreError::LimitExceeded(format!("{store}: {reason}")),
        StoreError::Unavailable { .. } | StoreError::Canceled => StoreError::Unavailable { store, reason },
        StoreError::Aborted { .. } => StoreError::Aborted { store, reason },
        StoreError::TimedOut { .. } => StoreError::TimedOut { store, reason },
        StoreError::Unsupported { .. } => StoreError::Unsupported { store, reason },
        StoreError::Internal { .. } => StoreError::Internal { store, reason },
    }
}

/// `Addr: 10.0.0.1:10901 MinTime: 0 MaxTime: 9`.
fn describe(info: &StoreInfo) -> String {
    let (min_ms, max_ms) = info.time_range.map_or((i64::MAX, i64::MIN), |range| (range.min_ms(), range.max_ms()));
    format!("Addr: {} MinTime: {min_ms} MaxTime: {max_ms}", info.name)
}

/// A store by what it holds.
fn identity(label_sets: &[Labels]) -> String {
    match label_sets {
        [] => "Store Gateway".to_owned(),
        some => some.iter().map(|labels| format!("{labels:?}")).collect::<Vec<_>>().join(","),
    }
}

//! `thanos.Exemplars`, both ways.

use super::Channel;
use super::codes::status_of;
use super::remote_store::{RemoteOptions, in_time};
use super::request::{for_tenant, read_tenant};
use crate::exemplars::{ExemplarsAnswer, ExemplarsRequest, joined};
use crate::store::{Component, PartialResponse, Store, StoreError, StoreInfo, size_of_warning};
use futures::stream::{self, BoxStream, StreamExt};
use model::{Labels, MatchOp, Matcher, TenantId, TimeRange};
use promql::ast::{Expr, ExprKind, Span, TimeShift, VectorSelector};
use promql::{ParseOptions, parse};
use proto::thanos::exemplars_client::ExemplarsClient;
use proto::thanos::exemplars_response::Result as Part;
use proto::thanos::{self, ExemplarData, ExemplarsResponse, Label, LabelSet, exemplars_server};
use std::sync::Arc;
use tonic::{Request, Response, Status};
use tsdb::head::{Exemplar, ExemplarSeries};

/// The most bytes that the exemplars of one peer may take, with its warnings.
const MAX_BYTES: usize = 64 << 20;
/// A series with more exemplars than this is told in several messages: none of a peer's is read that has more than 4 MiB.
const MESSAGE_EXEMPLARS: usize = 1000;

/// Answers `thanos.Exemplars` from a [`Store`].
#[derive(Debug, Clone)]
pub struct ExemplarsServer {
    store: Arc<dyn Store>,
}

impl ExemplarsServer {
    /// The service over `store`, to be added to a server's routes.
    pub fn service(store: Arc<dyn Store>) -> exemplars_server::ExemplarsServer<Self> {
        exemplars_server::ExemplarsServer::new(Self { store }).max_encoding_message_size(usize::MAX)
    }
}

#[tonic::async_trait]
impl exemplars_server::Exemplars for ExemplarsServer {
    type ExemplarsStream = BoxStream<'static, Result<ExemplarsResponse, Status>>;

    async fn exemplars(
        &self,
        request: Request<thanos::ExemplarsRequest>,
    ) -> Result<Response<Self::ExemplarsStream>, Status> {
        let tenant = read_tenant(request.metadata()).map_err(|error| status_of(&error))?;
        let request = read_request(&request.into_inner(), tenant).map_err(|error| status_of(&error))?;
        let answer = match request {
            Some(request) => self.store.exemplars(request).await.map_err(|error| status_of(&error))?,
            None => ExemplarsAnswer::default(),
        };
        let series = answer.series.iter().flat_map(write_series).map(Part::Data);
        let parts = series.chain(answer.warnings.into_iter().map(Part::Warning));
        let parts: Vec<_> = parts.map(|part| Ok(ExemplarsResponse { result: Some(part) })).collect();
        Ok(Response::new(stream::iter(parts).boxed()))
    }
}

/// What `peer` has at the other end of `channel`.
pub(super) async fn fetch(
    peer: Arc<StoreInfo>,
    channel: impl Channel,
    options: RemoteOptions,
    request: ExemplarsRequest,
) -> Result<ExemplarsAnswer, StoreError> {
    if peer.exemplars.is_none() {
        return Ok(ExemplarsAnswer::default());
    }
    let mut client = ExemplarsClient::new(channel);
    let message = for_tenant(write_request(&request, &peer), request.tenant.as_ref())?;
    let mut frames = in_time(&peer.name, options, client.exemplars(message)).await?.into_inner();
    let (mut answer, mut bytes) = (ExemplarsAnswer::default(), 0);
    while let Some(frame) = in_time(&peer.name, options, frames.message()).await? {
        match frame.result {
            Some(Part::Data(data)) => {
                let series = read_series(&peer.name, data)?;
                bytes += size_of_series(&series);
                // A peer that was asked for more than is wanted is not believed to have left it out.
                if request.accepts(&series.labels) {
                    answer.series.push(series);
                }
            }
            Some(Part::Warning(warning)) => {
                bytes += size_of_warning(&warning);
                answer.warnings.push(warning);
            }
            None => {}
        }
        if bytes > MAX_BYTES {
            let text = format!("{}: its exemplars and warnings take more than {MAX_BYTES} bytes", peer.name);
            return Err(StoreError::LimitExceeded(text));
        }
    }
    answer.series = joined(answer.series);
    Ok(answer)
}

/// `None` if nothing can be in it.
fn read_request(
    message: &thanos::ExemplarsRequest,
    tenant: Option<TenantId>,
) -> Result<Option<ExemplarsRequest>, StoreError> {
    let options = ParseOptions {
        experimental_functions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        ..ParseOptions::default()
    };
    let expr = parse(&message.query, &options).map_err(|error| StoreError::Invalid(error.to_string()))?;
    let selectors: Arc<[Arc<[Matcher]>]> =
        expr.selectors().into_iter().map(|selector| selector.matchers.as_slice().into()).collect();
    let partial = match message.partial_response_strategy() {
        thanos::PartialResponseStrategy::Warn => PartialResponse::Warn,
        thanos::PartialResponseStrategy::Abort => PartialResponse::Abort,
    };
    let range = TimeRange::new(message.start, message.end);
    Ok(range.map(|range| ExemplarsRequest { partial, tenant, ..ExemplarsRequest::new(selectors, range) }))
}

fn write_request(request: &ExemplarsRequest, peer: &StoreInfo) -> thanos::ExemplarsRequest {
    let selectors: Vec<_> = request.selectors.iter().map(|selector| write_selector(selector, peer)).collect();
    let strategy = match request.partial {
        PartialResponse::Warn => thanos::PartialResponseStrategy::Warn,
        PartialResponse::Abort => thanos::PartialResponseStrategy::Abort,
    };
    thanos::ExemplarsRequest {
        query: selectors.join(" or "),
        start: request.range.min_ms(),
        end: request.range.max_ms(),
        partial_response_strategy: strategy as i32,
    }
}

/// A selector as text. The Prometheus behind a sidecar knows nothing of external labels, so that they are not asked of it.
fn write_selector(selector: &[Matcher], peer: &StoreInfo) -> String {
    let is_external = |matcher: &Matcher| peer.label_sets.iter().any(|labels| labels.get(matcher.name()).is_some());
    let is_asked = |matcher: &&Matcher| peer.component != Component::Sidecar || !is_external(matcher);
    let mut matchers: Vec<Matcher> = selector.iter().filter(is_asked).cloned().collect();
    if matchers.iter().all(Matcher::matches_empty) {
        // Such a selector is none to a parser. Without a pattern a matcher can always be made.
        matchers.extend(Matcher::new(MatchOp::NotEqual, model::METRIC_NAME, ""));
    }
    let kind = ExprKind::Vector(VectorSelector { name: None, matchers, time: TimeShift::default(), boundary: None });
    Expr { span: Span::default(), kind }.to_string()
}

fn read_series(store: &str, data: ExemplarData) -> Result<ExemplarSeries, StoreError> {
    let labels = |set: Option<LabelSet>| {
        let pairs = set.unwrap_or_default().labels.into_iter().map(|label| (label.name, label.value));
        let told = |error| StoreError::Internal { store: store.to_owned(), reason: format!("its exemplars: {error}") };
        Labels::from_pairs(pairs).map_err(told)
    };
    let exemplar = |exemplar: thanos::Exemplar| {
        Ok(Exemplar { labels: labels(exemplar.labels)?, timestamp_ms: exemplar.ts, value: exemplar.value })
    };
    Ok(ExemplarSeries {
        labels: labels(data.series_labels)?,
        exemplars: data.exemplars.into_iter().map(exemplar).collect::<Result<_, StoreError>>()?,
    })
}

fn write_series(series: &ExemplarSeries) -> impl Iterator<Item = ExemplarData> {
    let exemplar = |exemplar: &Exemplar| thanos::Exemplar {
        labels: Some(write_labels(&exemplar.labels)),
        value: exemplar.value,
        ts: exemplar.timestamp_ms,
    };
    series.exemplars.chunks(MESSAGE_EXEMPLARS).map(move |some| ExemplarData {
        series_labels: Some(write_labels(&series.labels)),
        exemplars: some.iter().map(exemplar).collect(),
    })
}

fn write_labels(labels: &Labels) -> LabelSet {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let labels = labels.iter().map(|label| Label { name: text(label.name), value: text(label.value) });
    LabelSet { labels: labels.collect() }
}

fn size_of_series(series: &ExemplarSeries) -> usize {
    let of = |labels: &Labels| labels.as_ref().as_packed().len();
    let exemplars = series.exemplars.iter().map(|exemplar| size_of::<Exemplar>() + of(&exemplar.labels));
    size_of::<ExemplarSeries>() + of(&series.labels) + exemplars.sum::<usize>()
}

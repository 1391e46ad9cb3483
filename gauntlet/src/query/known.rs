//! Flags of `thanos query` that are known only.

use crate::common::{COMMON, SERVERS};
use crate::known::Kind::{List, Switch, Value};
use crate::known::{Known, Table, no_effect, not_yet};

/// The table.
#[derive(Debug, Clone)]
pub(crate) struct QueryTable;

impl Table for QueryTable {
    const FLAGS: &'static [&'static [Known]] = &[COMMON, SERVERS, OWN];
}

/// Why partial answers of what is not stored anywhere cannot be chosen.
const NOT_ASKED: &str = "nobody is asked for these: answers are empty";
/// The same for what is asked as everything else is.
const AS_QUERIES: &str = "query.partial-response and the parameter partial_response decide";
const ONE_ENGINE: &str = "there is one engine, with the answers of Prometheus'";

const OWN: &[Known] = &[
    not_yet("grpc-client-tls-min-version", Value, "1.3"),
    not_yet("web.route-prefix", Value, ""),
    not_yet("web.external-prefix", Value, ""),
    not_yet("web.prefix-header", Value, ""),
    no_effect("query.promql-engine", Value, "prometheus", ONE_ENGINE),
    no_effect("query.disable-fallback", Switch, "false", ONE_ENGINE),
    not_yet("query.enable-x-functions", Switch, "false"),
    not_yet("query.mode", Value, "local"),
    not_yet("query.partition-label", List, ""),
    not_yet("query.distributed-with-overlapping-interval", Switch, "false"),
    no_effect("query.dynamic-lookback-delta", Switch, "true", "raw samples are looked back for by the lookback delta"),
    no_effect("query.max-concurrent-select", Value, "4", "selects are opened in the order of the query's plan"),
    not_yet("query.conn-metric.label", List, "external_labels,store_type"),
    not_yet("query.instant.default.max_source_resolution", Value, "0s"),
    not_yet("query.metadata.default-time-range", Value, "0s"),
    not_yet("selector-label", List, ""),
    not_yet("selector.relabel-config-file", Value, ""),
    not_yet("selector.relabel-config", Value, ""),
    no_effect("rule.partial-response", Switch, "true", NOT_ASKED),
    no_effect("target.partial-response", Switch, "true", NOT_ASKED),
    no_effect("metric-metadata.partial-response", Switch, "true", AS_QUERIES),
    no_effect("exemplar.partial-response", Switch, "true", AS_QUERIES),
    no_effect("status.partial-response", Switch, "true", NOT_ASKED),
    not_yet("query.active-query-path", Value, ""),
    not_yet("query.default-evaluation-interval", Value, "1m"),
    no_effect("alert.query-url", Value, "", NOT_ASKED),
    no_effect("grpc.proxy-strategy", Value, "eager", "answers of stores are streamed with back-pressure"),
    no_effect(
        "query.lazy-retrieval-max-buffered-responses",
        Value,
        "20",
        "answers of stores are streamed with back-pressure",
    ),
    not_yet("query.telemetry.request-duration-seconds-quantiles", List, "0.1,0.25,0.75,1.25,1.75,2.5,3,5,10"),
    not_yet("query.telemetry.request-samples-quantiles", List, "100,1000,10000,100000,1000000"),
    not_yet("query.telemetry.request-series-seconds-quantiles", List, "10,100,1000,10000,100000"),
    not_yet("query.tenant-certificate-field", Value, ""),
    no_effect("store.sd-dns-resolver", Value, "miekgdns", "there is one resolver"),
    not_yet("endpoint.sd-config-file", Value, ""),
    not_yet("endpoint.sd-config", Value, ""),
    no_effect("endpoint.sd-config-reload-interval", Value, "5m", "there is no such file to read again"),
    not_yet("store.sd-files", List, ""),
    no_effect("store.sd-interval", Value, "5m", "there are no such files to read again"),
    not_yet("endpoint-group", List, ""),
    not_yet("endpoint-group-strict", List, ""),
    not_yet("inject-test-addresses", List, ""),
];

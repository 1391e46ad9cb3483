//! Flags of `thanos receive` that are known only.

use crate::common::{COMMON, SERVERS};
use crate::known::Kind::{List, Switch, Value};
use crate::known::{Known, Table, no_effect, not_yet};

/// The table.
#[derive(Debug, Clone)]
pub(crate) struct Receive;

impl Table for Receive {
    const FLAGS: &'static [&'static [Known]] = &[COMMON, SERVERS, OWN];
}

const OWN: &[Known] = &[
    not_yet("remote-write.server-tls-ciphers", List, ""),
    not_yet("remote-write.server-tls-curves", List, ""),
    not_yet("receive.tenant-certificate-field", Value, ""),
    not_yet("receive.artificial-max-delay", Value, "0s"),
    not_yet("receive.replication-protocol", Value, "protobuf"),
    no_effect("receive.capnproto-address", Value, "0.0.0.0:19391", "replication is protobuf over gRPC only"),
    not_yet("receive.grpc-service-config", Value, ""),
    not_yet("receive.relabel-config-file", Value, ""),
    not_yet("receive.relabel-config", Value, ""),
    not_yet("receive.limits-config-file", Value, ""),
    not_yet("receive.limits-config", Value, ""),
    no_effect("receive.limits-config-reload-timer", Value, "1s", "there is no limits file to read again"),
    not_yet("receive.otlp-enable-target-info", Switch, "true"),
    not_yet("receive.otlp-promote-resource-attributes", List, ""),
    no_effect("receive.lazy-retrieval-max-buffered-responses", Value, "20", "answers are streamed with back-pressure"),
    not_yet("remote-write.client-tls-min-version", Value, "1.3"),
    not_yet("tsdb.max-retention-bytes", Value, "0"),
    no_effect("tsdb.allow-overlapping-blocks", Switch, "false", "blocks may overlap always"),
    no_effect("tsdb.no-lockfile", Switch, "false", "the lock goes with the process that held it"),
    no_effect("tsdb.head.expanded-postings-cache-size", Value, "0", "postings are not cached"),
    no_effect("tsdb.block.expanded-postings-cache-size", Value, "0", "postings are not cached"),
    no_effect("tsdb.write-queue-size", Value, "0", "head chunks have no queue"),
    no_effect("tsdb.enable-native-histograms", Switch, "true", "as in Thanos"),
    no_effect("writer.intern", Switch, "false", "labels are always kept once"),
    no_effect("matcher-cache-size", Value, "0", "matchers are not cached"),
    not_yet("hash-func", Value, ""),
    not_yet("shipper.allow-out-of-order-uploads", Switch, "false"),
    not_yet("shipper.skip-corrupted-blocks", Switch, "false"),
    no_effect("shipper.upload-concurrency", Value, "0", "files of a block are uploaded one after another"),
    no_effect("shipper.ignore-unequal-block-size", Switch, "false", "Thanos has removed it, too"),
    not_yet("enable-feature", List, ""),
];

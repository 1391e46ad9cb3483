//! Flags of `thanos store` that are known only.

use crate::common::{COMMON, SERVERS};
use crate::known::Kind::{Switch, Value};
use crate::known::{Known, Table, no_effect, not_yet};

/// The table.
#[derive(Debug, Clone)]
pub(crate) struct StoreTable;

impl Table for StoreTable {
    const FLAGS: &'static [&'static [Known]] = &[COMMON, SERVERS, OWN];
}

/// Why a cache that is configured changes nothing.
const NO_CACHE: &str = "nothing is cached besides index headers: answers are the same, and come from the bucket";
/// Why the handling of index headers cannot be tuned.
const MAPPED: &str = "index headers are mapped, nothing of them is kept in memory";
/// Why what has to do with pages has no effect.
const NO_PAGES: &str = "there are no pages of blocks";

const OWN: &[Known] = &[
    no_effect("cache-index-header", Switch, "true", "index headers are files always"),
    no_effect("index-cache-size", Value, "250MB", NO_CACHE),
    no_effect("index-cache.config-file", Value, "", NO_CACHE),
    no_effect("index-cache.config", Value, "", NO_CACHE),
    no_effect("store.caching-bucket.config-file", Value, "", NO_CACHE),
    no_effect("store.caching-bucket.config", Value, "", NO_CACHE),
    not_yet("objstore-parquet.config-file", Value, ""),
    not_yet("objstore-parquet.config", Value, ""),
    no_effect(
        "block-discovery-strategy",
        Value,
        "concurrent",
        "the bucket's root is listed, then each block is looked at",
    ),
    no_effect("debug.series-batch-size", Value, "10000", "batches are bounded by bytes"),
    no_effect("debug.estimated-max-series-size", Value, "65536", "a longer entry is read again"),
    no_effect("debug.estimated-max-chunk-size", Value, "16000", "a longer chunk is read again"),
    not_yet("selector.relabel-config-file", Value, ""),
    not_yet("selector.relabel-config", Value, ""),
    no_effect("store.index-header-posting-offsets-in-mem-sampling", Value, "32", MAPPED),
    no_effect("store.enable-index-header-lazy-reader", Switch, "false", MAPPED),
    no_effect("store.index-header-lazy-reader-idle-timeout", Value, "5m", MAPPED),
    no_effect("store.index-header-lazy-download-strategy", Value, "eager", MAPPED),
    no_effect("store.enable-lazy-expanded-postings", Switch, "false", "answers are the same"),
    no_effect("store.posting-group-max-key-series-ratio", Value, "100", "answers are the same"),
    no_effect("web.disable", Switch, "false", NO_PAGES),
    no_effect("web.external-prefix", Value, "", NO_PAGES),
    no_effect("web.prefix-header", Value, "", NO_PAGES),
    no_effect("bucket-web-label", Value, "", NO_PAGES),
    no_effect("disable-admin-operations", Switch, "false", NO_PAGES),
    no_effect("matcher-cache-size", Value, "0", "matchers are not cached"),
    no_effect("debug.advertise-compatibility-label", Switch, "true", "Thanos has removed it, too"),
];

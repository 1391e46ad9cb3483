//! Files and vectors written by Prometheus 3.14 and Thanos, read by us (`testkit::golden`; each folder has a README).

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "golden/blocks.rs"]
mod blocks;
#[path = "golden/chunks.rs"]
mod chunks;
#[path = "golden/dedup.rs"]
mod dedup;
#[path = "golden/deletions.rs"]
mod deletions;
#[path = "golden/downsample.rs"]
mod downsample;
#[path = "golden/heads.rs"]
mod heads;
#[path = "golden/json.rs"]
mod json;
#[path = "golden/read_only.rs"]
mod read_only;
#[path = "golden/rewrite.rs"]
mod rewrite;
#[path = "golden/select.rs"]
mod select;
#[path = "golden/snapshot.rs"]
mod snapshot;
#[path = "golden/torn.rs"]
mod torn;
#[path = "golden/verify.rs"]
mod verify;
#[path = "golden/wal.rs"]
mod wal;

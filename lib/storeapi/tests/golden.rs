//! Recordings of Thanos' StoreAPI.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "golden/proxy.rs"]
mod proxy;
#[path = "golden/shard.rs"]
mod shard;

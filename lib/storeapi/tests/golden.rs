//! Recordings of Thanos' StoreAPI.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "golden/shard.rs"]
mod shard;

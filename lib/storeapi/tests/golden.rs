//! Recordings of Thanos' StoreAPI.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "golden/calls.rs"]
mod calls;
#[path = "golden/frames.rs"]
mod frames;
#[path = "golden/metadata.rs"]
mod metadata;
#[path = "golden/requests.rs"]
mod requests;
#[path = "golden/shard.rs"]
mod shard;

//! Recordings of Thanos: its configuration, what its shipper and its metadata code read and write.
#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "golden/config.rs"]
mod config;

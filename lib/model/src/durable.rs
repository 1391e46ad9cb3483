//! The proof that a write is safe.

/// Proof that everything a write carried is as durable as the log was asked to make it. A 2xx needs one.
///
/// Only two places may make it, and `cargo xtask tidy` holds them to it: the completion path of the write-ahead log
/// (`tsdb/src/wal/`) and the quorum tracker (`router/src/quorum.rs`).
#[derive(Debug)]
#[must_use = "a write may be acknowledged only with this in hand"]
pub struct Durable(());

impl Durable {
    /// To be called where durability was witnessed, and nowhere else.
    pub fn witnessed() -> Self {
        Self(())
    }
}

//! The load generator, and comparisons with peers.

//! Remote write in: HTTP, admission, and the way to whoever stores.
//!
//! The life of a write: [`App`] routes a request to its endpoint; headers are judged (tenant, protocol) before a byte of
//! body is read; memory for the body is taken from a budget, the body is read under a deadline and decompressed into a
//! reused buffer; [`proto::WriteBatch::walk`] finds the series in it ([`proto::Rewrite`], if it is of version 2.0); the batch goes to a [`proto::WriteTarget`], and what
//! that says becomes a status by one table, which knows whose software the path imitates: `/api/v1/receive` answers as
//! Thanos does, `/api/v1/write` as Prometheus.
//!
//! A process that routes has a [`Forwarder`] for its target: [`hashring`] says which ingesters a series goes to, [`quorum`]
//! when it is safe, and a [`RingFile`] follows the file with the rings. [`Inbound`] takes what other routers send. A process
//! that only stores has its ingester for a target.
//!
//! Nothing here knows a head, a log or a file.

mod admission;
mod app;
mod body;
mod buffers;
mod config;
mod forwarder;
pub mod hashring;
mod inbound;
mod log_limit;
mod metrics;
mod protocol;
pub mod quorum;
mod remote_write;
mod ring_file;
mod status;

pub use app::{App, Parts};
pub use config::{Config, InvalidConfig};
pub use forwarder::{
    CannotApply, Dial, ForwardForm, ForwardOptions, Forwarder, ForwarderParts, GrpcDial, LocalNode, Transport,
};
pub use inbound::Inbound;
pub use ring_file::{RingFile, RingFileError};

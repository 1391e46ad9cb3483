//! Per-tenant heads and logs behind the write and the store borders.
//!
//! The life of a write: [`Ingester`] is a [`proto::WriteTarget`]; it takes a batch while it is open and the disk has room,
//! finds the tenant (or opens it), and appends: nearly always in one pass that reads no label, else by way of the wire
//! cache or the labels themselves. Then it waits until the log has all of it, and only then answers.
//!
//! A tenant is a directory below the configured one, kept as Prometheus keeps its own. [`App`] opens what is there when the
//! process starts, lets each tenant cut and drop blocks from time to time, watches the disk, and closes all in the end.
//! What is read is read through [`Ingester::store`]. With a bucket ([`Shipping`]), blocks go there, and leave the disk no
//! sooner than others can read them.
//!
//! An administrator deletes through [`Ingester::delete`]. A block from which something was deleted is rewritten before it is
//! shipped: a bucket has no tombstones.
//!
//! Routers write through [`App::remote_write`], a gRPC service.
//!
//! Nothing here knows HTTP, and nothing here writes a file itself.

mod admin;
mod app;
mod append;
mod config;
mod decoded;
mod disk;
mod ingester;
mod metrics;
mod remote_write;
mod shipping;
mod statistics;
mod tenant;
mod tenants;
mod wire_cache;

pub use admin::{AdminError, Deleted};
pub use app::{App, Parts};
pub use config::Config;
pub use ingester::Ingester;
pub use shipping::{ServedElsewhere, Shipping};
pub use tenants::OpenError;

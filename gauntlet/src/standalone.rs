//! `gauntlet standalone`: router, ingester and query in one process, on one HTTP port.

mod admin;
mod app;
mod config;
mod flags;

pub(crate) use app::run;
pub(crate) use config::Config;
pub(crate) use flags::Flags;

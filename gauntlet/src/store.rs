//! `gauntlet store`: the Store API over the blocks of a bucket.

mod app;
mod config;
mod flags;
mod known;

pub(crate) use app::run;
pub(crate) use config::Config;
pub(crate) use flags::Flags;

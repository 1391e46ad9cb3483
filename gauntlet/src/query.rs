//! `gauntlet query`: PromQL over everything that speaks the Store API.

mod app;
mod config;
mod flags;
mod known;

pub(crate) use app::run;
pub(crate) use config::Config;
pub(crate) use flags::Flags;

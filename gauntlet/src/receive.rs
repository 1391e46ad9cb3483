//! `gauntlet receive`: what takes remote write in. It routes, stores, or both, by what its flags say.

mod app;
mod config;
mod flags;
mod known;

pub(crate) use app::run;
pub(crate) use config::Config;
pub(crate) use flags::Flags;

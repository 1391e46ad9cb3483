//! Blocks we write: they answer what a plain list of series answers, survive crashes at every step, and are never read
//! wrongly when a bit is flipped.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "blocks/crash.rs"]
mod crash;
#[path = "blocks/damage.rs"]
mod damage;
#[path = "blocks/delete.rs"]
mod delete;
#[path = "blocks/model.rs"]
mod model_test;
#[path = "blocks/promtool.rs"]
mod promtool;
#[path = "blocks/sample.rs"]
mod sample;
#[path = "blocks/write.rs"]
mod write;

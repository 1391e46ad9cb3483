//! Stories over real processes: here is what they are told with, in `tests/e2e/` are the stories.
//!
//! [`Server::standalone`] starts `gauntlet standalone` on a directory and a free port, asks it, writes to it, stops it or kills
//! it, and hears what it says on stderr. A process that a story leaves behind is killed when the story ends.

#![allow(clippy::unwrap_used, reason = "test code: what goes wrong here fails the test that asked for it")]

mod binary;
mod fleet;
mod http;
mod process;
mod remote_write;
mod server;

pub use binary::binary;
pub use fleet::{Fleet, Ports, Programs, Topology, free_ports};
pub use http::client;
pub use process::{Ended, Process};
pub use remote_write::{Sample, Series, body};
pub use server::{Answer, Launch, Server};

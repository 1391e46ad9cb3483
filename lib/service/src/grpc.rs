//! gRPC: a server for services made elsewhere, and a client that reconnects. Both know the content coding `snappy`.

mod bodies;
mod budget;
mod channel;
mod coding;
mod methods;
mod metrics;
mod server;
mod snappy;

/// What peers may put into one frame of HTTP/2: larger ones cost less.
const MAX_FRAME_BYTES: u32 = 128 << 10;
/// What a call may have written ahead of what the peer took.
const SEND_BUFFER_BYTES: usize = 1 << 20;

pub use budget::{Budgeted, MessageBudget};
pub use channel::{BadAddress, ClientError, ClientMetrics, ClientOptions, Compression, GrpcChannel};
pub use coding::{Snappy, SnappyClient, SnappyClientLayer, SnappyLayer};
pub use methods::{BadDescriptors, Descriptors};
pub use server::{GrpcLimits, GrpcServer};
pub use snappy::{SnappyError, decode as decode_snappy, encode as encode_snappy};

#[cfg(test)]
mod tests;

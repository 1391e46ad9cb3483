//! StoreAPI between processes: `thanos.Store`, `thanos.Exemplars`, `thanos.Metadata` and `thanos.info.Info` over any
//! [`Store`], and a [`Store`] over those of a peer.
//!
//! [`Store`]: crate::Store

mod codes;
mod exemplars;
mod frames;
mod incoming;
mod info;
mod joined;
mod labels;
mod metadata;
mod remote_store;
mod request;
mod store_server;
mod unread;

pub(crate) use codes::{code_of, go_text};
pub use codes::{error_of, status_of};
pub use exemplars::ExemplarsServer;
pub use info::{InfoServer, fetch_info};
pub use metadata::MetadataServer;
pub use remote_store::{RemoteOptions, RemoteStore};
pub use store_server::StoreServer;
pub(crate) use unread::FoundSeries;
pub use unread::UnreadSeries;

use bytes::Bytes;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::{Body as HttpBody, StdError};

/// What carries calls to a peer: a connection, or services in this process.
pub trait Channel:
    GrpcService<
        Body,
        ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
        Error: Into<StdError>,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<T> Channel for T where
    T: GrpcService<
            Body,
            ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
            Error: Into<StdError>,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

#[cfg(test)]
mod tests;

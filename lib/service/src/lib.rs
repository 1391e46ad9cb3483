//! What every long-running program needs around its work: tasks that stop in order, probes, an HTTP server, a gRPC server and
//! client, a pool for work that computes. No word of the field is known here: no line speaks of what is stored or asked.
//!
//! The life of a program: bind an [`HttpServer`] and hand it the [`admin`] routes at once, so that `/-/healthy` answers while
//! the rest still opens; start the parts as [`Tasks`]; each part tells through its [`Readiness`] when it can work;
//! [`Tasks::run`] waits for a signal or a failure and stops everything, last started first.
//!
//! The life of a gRPC server: bind a [`GrpcServer`], give it the [`Descriptors`] of its services and the [`Probes`] that its
//! health service follows, and let a task serve the services (`tonic::service::Routes`). Each call is counted under the name its
//! descriptor gives, ends when its caller's deadline does, and may be compressed with `snappy`, framed, as peers written in Go
//! do. A connection that is old gets no more calls, so that clients spread anew. Told to stop, the server accepts nothing more,
//! lets calls end, and drops those that outlast its grace. A [`GrpcChannel`] is the other end: made at once, it connects with its
//! first call, and anew whenever the connection is gone.

mod admin;
mod cpu_pool;
mod grpc;
mod http_server;
mod listener;
mod memory;
mod middleware;
mod open_files;
mod probes;
mod stop_signals;
mod tasks;
mod tls;

pub use admin::{Entry, admin};
pub use cpu_pool::{CpuPool, CpuPoolError, InOrder};
pub use grpc::{
    BadAddress, BadDescriptors, Budgeted, ClientError, ClientMetrics, ClientOptions, Compression, Descriptors,
    GrpcChannel, GrpcLimits, GrpcServer, MessageBudget, Snappy, SnappyClient, SnappyClientLayer, SnappyError,
    SnappyLayer, decode_snappy, encode_snappy,
};
pub use http_server::{HttpLimits, HttpServer, WebApp};
pub use listener::BindError;
pub use memory::{Account, NoMemory, Reserved};
pub use middleware::{HandlerMetrics, HttpMetrics, TenantLabel, Web, WebOptions, web};
pub use open_files::raise_open_files;
pub use probes::{Probes, Readiness};
pub use stop_signals::StopSignals;
pub use tasks::{Failure, Stop, TaskResult, Tasks, Why};
pub use tls::{BadTlsVersion, PeerCertificates, TlsClientConfig, TlsError, TlsServerConfig, TlsVersion};

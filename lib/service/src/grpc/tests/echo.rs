//! A service of bytes that answers with what it got, and a client for it.

use crate::grpc::{ClientError, ClientMetrics, ClientOptions, Descriptors, GrpcChannel, GrpcLimits, GrpcServer};
use crate::{Probes, Stop};
use bytes::{Buf, BufMut, Bytes};
use http::{Request, Response};
use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto};
use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;
use telemetry::{Format, Registry};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt, iter};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::{Status, Streaming};

pub(super) const SHORT: Duration = Duration::from_millis(200);
pub(super) const LONG: Duration = Duration::from_secs(20);

type BoxStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// `Unary` answers what it got, or does as it says: `panic`, `refuse`, `wait`. `Repeat` answers the same a thousand times;
/// `Endless` begins to answer and does not end; `Bug` panics after the first answer; `Each` answers each message.
#[derive(Debug, Clone)]
pub(super) struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl tower::Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Plain).max_decoding_message_size(usize::MAX);
            Ok(match request.uri().path() {
                "/test.Echo/Unary" => grpc.unary(tower::service_fn(unary), request).await,
                "/test.Echo/Repeat" => grpc.server_streaming(tower::service_fn(repeat), request).await,
                "/test.Echo/Endless" => grpc.server_streaming(tower::service_fn(endless), request).await,
                "/test.Echo/Bug" => grpc.server_streaming(tower::service_fn(bug), request).await,
                "/test.Echo/Each" => grpc.streaming(tower::service_fn(each), request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

async fn unary(request: tonic::Request<Bytes>) -> Result<tonic::Response<Bytes>, Status> {
    assert!(request.remote_addr().is_some());
    match request.get_ref().as_ref() {
        b"panic" => panic!("a bug"),
        b"refuse" => Err(Status::failed_precondition("not now: ü")),
        b"wait" => std::future::pending().await,
        _ => Ok(tonic::Response::new(request.into_inner())),
    }
}

fn repeat(request: tonic::Request<Bytes>) -> impl Future<Output = Result<tonic::Response<BoxStream>, Status>> {
    let message = request.into_inner();
    ready(Ok(tonic::Response::new(Box::pin(iter((0..1000).map(move |_| Ok(message.clone())))) as BoxStream)))
}

fn endless(request: tonic::Request<Bytes>) -> impl Future<Output = Result<tonic::Response<BoxStream>, Status>> {
    let first = iter([Ok(request.into_inner())]);
    ready(Ok(tonic::Response::new(Box::pin(first.chain(tokio_stream::pending())) as BoxStream)))
}

fn bug(request: tonic::Request<Bytes>) -> impl Future<Output = Result<tonic::Response<BoxStream>, Status>> {
    let message = request.into_inner();
    let answers = (0..2).map(move |number| if number == 0 { Ok(message.clone()) } else { panic!("a bug") });
    // The first must be on its way before the bug.
    let slowly = iter(answers).throttle(SHORT / 4);
    ready(Ok(tonic::Response::new(Box::pin(slowly) as BoxStream)))
}

fn each(request: tonic::Request<Streaming<Bytes>>) -> impl Future<Output = Result<tonic::Response<BoxStream>, Status>> {
    ready(Ok(tonic::Response::new(Box::pin(request.into_inner()) as BoxStream)))
}

/// The descriptors of [`Echo`].
pub(super) static ENCODED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let method = |name: &str, client, server| MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(".test.Bytes".to_owned()),
        output_type: Some(".test.Bytes".to_owned()),
        client_streaming: Some(client),
        server_streaming: Some(server),
        ..MethodDescriptorProto::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("Echo".to_owned()),
        method: vec![
            method("Unary", false, false),
            method("Repeat", false, true),
            method("Endless", false, true),
            method("Bug", false, true),
            method("Each", true, true),
        ],
        ..ServiceDescriptorProto::default()
    };
    let bytes = prost_types::DescriptorProto { name: Some("Bytes".to_owned()), ..Default::default() };
    let file = FileDescriptorProto {
        name: Some("test.proto".to_owned()),
        package: Some("test".to_owned()),
        message_type: vec![bytes],
        service: vec![service],
        ..FileDescriptorProto::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
});

/// A server on a free port of this machine.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    pub(super) stop: Stop,
    pub(super) registry: Registry,
    pub(super) probes: Probes,
    tasks: JoinSet<()>,
}

pub(super) async fn serve(limits: GrpcLimits) -> Served {
    serve_as(limits, |server| server).await
}

pub(super) async fn serve_as(limits: GrpcLimits, change: impl FnOnce(GrpcServer) -> GrpcServer) -> Served {
    let registry = Registry::default();
    let probes = Probes::new("test", &registry);
    let server = GrpcServer::bind("127.0.0.1:0", limits, &registry).await.unwrap();
    let server = server.with_probes(&probes).with_descriptors(&Descriptors::parse(&ENCODED).unwrap());
    let server = change(server);
    let (address, stop) = (server.address(), Stop::new());
    let (told, mut tasks) = (stop.clone(), JoinSet::new());
    tasks.spawn(async move { server.serve(Routes::new(Echo), told).await.unwrap() });
    Served { address, stop, registry, probes, tasks }
}

impl Served {
    pub(super) fn metric(&self, line: &str) -> String {
        metric(&self.registry, line)
    }

    pub(super) async fn stopped(mut self) {
        self.stop.cancel();
        while let Some(joined) = self.tasks.join_next().await {
            joined.unwrap();
        }
    }

    pub(super) fn client(&self, options: &ClientOptions) -> Client {
        Client::to(&self.address.to_string(), options)
    }
}

/// What follows `line` in the metrics; empty if there is no such line.
pub(super) fn metric(registry: &Registry, line: &str) -> String {
    let text = String::from_utf8(registry.encode(Format::Text).unwrap()).unwrap();
    text.lines().find_map(|found| found.strip_prefix(line)).unwrap_or_default().trim().to_owned()
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) registry: Registry,
    pub(super) channel: GrpcChannel,
}

impl Client {
    pub(super) fn to(address: &str, options: &ClientOptions) -> Self {
        Self::try_to(address, options).unwrap()
    }

    pub(super) fn try_to(address: &str, options: &ClientOptions) -> Result<Self, ClientError> {
        let registry = Registry::default();
        let metrics = ClientMetrics::new(&registry, &Descriptors::parse(&ENCODED).unwrap());
        Ok(Self { channel: GrpcChannel::new(address, options, &metrics)?, registry })
    }

    pub(super) fn metric(&self, line: &str) -> String {
        metric(&self.registry, line)
    }

    pub(super) fn grpc(&self) -> tonic::client::Grpc<GrpcChannel> {
        tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    pub(super) async fn unary(&self, message: impl Into<Bytes>) -> Result<Bytes, Status> {
        self.call("/test.Echo/Unary", tonic::Request::new(message.into())).await
    }

    pub(super) async fn call(&self, path: &'static str, request: tonic::Request<Bytes>) -> Result<Bytes, Status> {
        let mut grpc = self.grpc();
        let answered = grpc.unary(request, path.parse().unwrap(), Plain);
        let answered = tokio::time::timeout(LONG, answered).await.expect("no answer");
        answered.map(tonic::Response::into_inner)
    }

    pub(super) async fn stream(&self, path: &'static str, message: Bytes) -> Result<Streaming<Bytes>, Status> {
        let mut grpc = self.grpc();
        let answered = grpc.server_streaming(tonic::Request::new(message), path.parse().unwrap(), Plain);
        Ok(answered.await?.into_inner())
    }

    /// Sends what comes out of the channel; the answers.
    pub(super) async fn each(&self, messages: mpsc::Receiver<Bytes>) -> Result<Streaming<Bytes>, Status> {
        let request = tonic::Request::new(ReceiverStream::new(messages));
        Ok(self.grpc().streaming(request, "/test.Echo/Each".parse().unwrap(), Plain).await?.into_inner())
    }
}

/// The message that comes next.
pub(super) async fn next(stream: &mut Streaming<Bytes>) -> Result<Option<Bytes>, Status> {
    tokio::time::timeout(LONG, stream.message()).await.expect("no message")
}

//! The messages of a long answer as they lie in what was received.
//!
//! tonic copies all that it receives into memory of its own before a codec sees it. A `Series` answer is mostly large messages,
//! each of which came as one frame of HTTP: here they are slices of that frame. What is not a usual answer is left to tonic.

use super::Channel;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use proto::grpc::Raw;
use proto::messages::Messages;
use proto::thanos::SeriesRequest;
use proto::thanos::services::store_client::StoreClient;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::http::{Request, Response, StatusCode};
use tonic::codegen::{Body as _, Service};
use tonic::{Status, Streaming};

/// The messages of an answer to `Series`.
pub(super) enum Incoming {
    Direct(Box<Direct>),
    /// An answer that is only a status, or none of gRPC.
    Left(Box<Streaming<Raw>>),
}

/// An answer that tonic does not read.
pub(super) struct Direct {
    body: Body,
    messages: Messages,
    ended: bool,
}

/// Asks for series. Messages of more than `message_bytes` are refused.
pub(super) async fn series<C: Channel>(
    channel: C,
    request: tonic::Request<SeriesRequest>,
    message_bytes: usize,
) -> Result<Incoming, Status> {
    let taken = Arc::default();
    let channel = Taking { channel, taken: Arc::clone(&taken) };
    let mut client = StoreClient::new(channel).max_decoding_message_size(message_bytes);
    let left = client.series(request).await?.into_inner();
    let body = taken.lock().take();
    Ok(match body {
        Some(body) => Incoming::Direct(Box::new(Direct { body, messages: Messages::new(message_bytes), ended: false })),
        None => Incoming::Left(Box::new(left)),
    })
}

impl Incoming {
    /// The next message; `None` at the end.
    pub(super) async fn message(&mut self) -> Result<Option<Bytes>, Status> {
        match self {
            Self::Direct(direct) => poll_fn(|context| direct.poll_message(context)).await,
            Self::Left(left) => Ok(left.message().await?.map(Raw::into_bytes)),
        }
    }
}

impl Direct {
    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        while !self.ended {
            match self.messages.next_message() {
                Ok(Some(message)) if !message.compressed => return Poll::Ready(Ok(Some(message.payload))),
                Ok(Some(_)) => return self.fail(Status::internal("a message is compressed, its answer is not")),
                Ok(None) => {}
                Err(status) => return self.fail(status),
            }
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.messages.push(data),
                    Err(rest) => {
                        let status = rest.trailers_ref().and_then(Status::from_header_map);
                        return self.end(status);
                    }
                },
                Some(Err(status)) => return self.fail(status),
                None => return self.end(None),
            }
        }
        Poll::Ready(Ok(None))
    }

    /// At the end of the stream, with or without a status in trailers.
    fn end(&mut self, status: Option<Status>) -> Poll<Result<Option<Bytes>, Status>> {
        self.ended = true;
        Poll::Ready(match status {
            Some(status) if status.code() != tonic::Code::Ok => Err(status),
            _ if !self.messages.is_empty() => Err(Status::internal("the answer ended within a message")),
            Some(_) => Ok(None),
            None => Err(Status::unknown("the answer ended without a status: it may have been cut short on its way")),
        })
    }

    fn fail(&mut self, status: Status) -> Poll<Result<Option<Bytes>, Status>> {
        self.ended = true;
        Poll::Ready(Err(status))
    }
}

/// A channel that takes the body of an answer away from tonic.
#[derive(Clone)]
struct Taking<C> {
    channel: C,
    taken: Arc<Mutex<Option<Body>>>,
}

impl<C: Channel> Service<Request<Body>> for Taking<C> {
    type Response = Response<Body>;
    type Error = C::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, C::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (answer, taken) = (self.channel.call(request), Arc::clone(&self.taken));
        async move {
            let answer = answer.await?.map(Body::new);
            if answer.status() != StatusCode::OK || answer.headers().contains_key(Status::GRPC_STATUS) {
                return Ok(answer);
            }
            let (head, body) = answer.into_parts();
            *taken.lock() = Some(body);
            Ok(Response::from_parts(head, Body::empty()))
        }
        .boxed()
    }
}

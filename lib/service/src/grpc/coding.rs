//! The content coding `snappy` around a gRPC service or client, which tonic does not know.
//!
//! Messages are rewritten while they stream by: what is inside the layer sees plain messages only.

use super::snappy::{self, SnappyError};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use proto::messages::{Message, Messages, PREFIX_BYTES};
use snap::raw::Encoder;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const SNAPPY: HeaderValue = HeaderValue::from_static("snappy");
const ACCEPTED: HeaderValue = HeaderValue::from_static("snappy,identity");
/// Small messages are handed on together until they have this size.
const BATCH_BYTES: usize = 32 << 10;

/// Lets a gRPC service take requests that are compressed with `snappy`. Such a request is answered with compressed messages,
/// as servers written in Go do; others are not.
#[derive(Debug, Clone, Copy)]
pub struct SnappyLayer {
    /// The largest message, when decompressed. A larger one is `ResourceExhausted`.
    pub message_bytes: usize,
}

/// Lets a gRPC client take answers that are compressed with `snappy`, and compress its requests.
#[derive(Debug, Clone, Copy)]
pub struct SnappyClientLayer {
    /// Whether to compress requests.
    pub compress: bool,
    /// The largest message of an answer, when decompressed. A larger one is `ResourceExhausted`.
    pub message_bytes: usize,
}

/// A service inside a [`SnappyLayer`].
#[derive(Debug, Clone)]
pub struct Snappy<S> {
    inner: S,
    layer: SnappyLayer,
}

/// A client inside a [`SnappyClientLayer`].
#[derive(Debug, Clone)]
pub struct SnappyClient<S> {
    inner: S,
    layer: SnappyClientLayer,
}

impl<S> SnappyClient<S> {
    /// What is inside.
    pub(super) fn inner(&self) -> &S {
        &self.inner
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<S> Layer<S> for SnappyLayer {
    type Service = Snappy<S>;

    fn layer(&self, inner: S) -> Snappy<S> {
        Snappy { inner, layer: *self }
    }
}

impl<S> Layer<S> for SnappyClientLayer {
    type Service = SnappyClient<S>;

    fn layer(&self, inner: S) -> SnappyClient<S> {
        SnappyClient { inner, layer: *self }
    }
}

impl<S> Service<Request<Body>> for Snappy<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let compressed = take_snappy(request.headers_mut());
        if compressed {
            let limit_bytes = self.layer.message_bytes;
            request = request.map(|body| Body::new(Recoded::new(body, Recode::Decompress { limit_bytes })));
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            // Someone inside who refuses a coding names those that it knows, and knows less.
            response.headers_mut().insert(ACCEPT_ENCODING, ACCEPTED);
            // An answer that is only a status has no messages.
            if compressed && !response.headers().contains_key(Status::GRPC_STATUS) {
                response.headers_mut().insert(ENCODING, SNAPPY);
                response = response.map(|body| Body::new(Recoded::new(body, Recode::compress())));
            }
            Ok(response)
        })
    }
}

impl<S> Service<Request<Body>> for SnappyClient<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        request.headers_mut().insert(ACCEPT_ENCODING, ACCEPTED);
        if self.layer.compress {
            request.headers_mut().insert(ENCODING, SNAPPY);
            request = request.map(|body| Body::new(Recoded::new(body, Recode::compress())));
        }
        let limit_bytes = self.layer.message_bytes;
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            if take_snappy(response.headers_mut()) {
                response = response.map(|body| Body::new(Recoded::new(body, Recode::Decompress { limit_bytes })));
            }
            Ok(response)
        })
    }
}

/// Whether `headers` name this coding, which they do not any more.
fn take_snappy(headers: &mut HeaderMap) -> bool {
    let named = headers.get(ENCODING).is_some_and(|value| *value == SNAPPY);
    if named {
        headers.remove(ENCODING);
    }
    named
}

/// What is done to each message.
enum Recode {
    Compress(Box<Encoder>),
    Decompress { limit_bytes: usize },
}

impl Recode {
    fn compress() -> Self {
        Self::Compress(Box::new(Encoder::new()))
    }

    /// The largest message that may come in.
    fn max_bytes(&self) -> usize {
        match self {
            Self::Compress(_) => usize::MAX,
            Self::Decompress { limit_bytes } => snappy::max_encoded_bytes(*limit_bytes),
        }
    }

    /// Appends the frame of `message` to `out`.
    fn write(&mut self, message: &Message, out: &mut BytesMut) -> Result<(), Status> {
        let start = out.len();
        out.put_bytes(0, PREFIX_BYTES);
        let flag = match self {
            // An empty message stays one: Go's peers do the same.
            Self::Compress(encoder) if !message.compressed && !message.payload.is_empty() => {
                snappy::encode(&message.payload, encoder, out);
                1
            }
            Self::Compress(_) => {
                out.put_slice(&message.payload);
                u8::from(message.compressed)
            }
            Self::Decompress { limit_bytes } if message.compressed => {
                snappy::decode(&message.payload, *limit_bytes, out).map_err(status)?;
                0
            }
            Self::Decompress { limit_bytes } if message.payload.len() > *limit_bytes => {
                return Err(status(SnappyError::TooLarge { limit_bytes: *limit_bytes }));
            }
            Self::Decompress { .. } => {
                out.put_slice(&message.payload);
                0
            }
        };
        let len = out.len() - start - PREFIX_BYTES;
        let len = u32::try_from(len).map_err(|_| Status::resource_exhausted(format!("a message of {len} bytes")))?;
        if let Some((first, rest)) = out.get_mut(start..).and_then(<[u8]>::split_first_mut) {
            *first = flag;
            if let Some(place) = rest.first_chunk_mut() {
                *place = len.to_be_bytes();
            }
        }
        Ok(())
    }
}

fn status(err: SnappyError) -> Status {
    match err {
        SnappyError::TooLarge { .. } => Status::resource_exhausted(err.to_string()),
        SnappyError::CutShort { .. }
        | SnappyError::NoMagic
        | SnappyError::UnknownChunk { .. }
        | SnappyError::LargeChunk { .. }
        | SnappyError::Corrupt { .. }
        | SnappyError::Checksum { .. } => Status::internal(err.to_string()),
    }
}

/// A body whose messages are rewritten.
struct Recoded {
    inner: Body,
    recode: Recode,
    messages: Messages,
    /// What comes after the messages before it.
    failure: Option<Status>,
    ended: bool,
}

impl Recoded {
    fn new(inner: Body, recode: Recode) -> Self {
        let messages = Messages::new(recode.max_bytes());
        Self { inner, recode, messages, failure: None, ended: false }
    }

    /// What the messages at hand become; empty if there is none.
    fn drain(&mut self) -> Bytes {
        let mut out = BytesMut::new();
        while out.len() < BATCH_BYTES && self.failure.is_none() {
            let good = out.len();
            let written = match self.messages.next_message() {
                Ok(None) => break,
                Ok(Some(message)) => self.recode.write(&message, &mut out),
                Err(status) => Err(status),
            };
            if let Err(status) = written {
                out.truncate(good);
                self.failure = Some(status);
            }
        }
        out.freeze()
    }
}

impl http_body::Body for Recoded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        while !this.ended {
            let ready = this.drain();
            if !ready.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(ready))));
            }
            if let Some(status) = this.failure.take() {
                this.ended = true;
                return Poll::Ready(Some(Err(status)));
            }
            match ready!(Pin::new(&mut this.inner).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.messages.push(data),
                    Err(trailers) if this.messages.is_empty() || is_failure(&trailers) => {
                        this.ended = true;
                        return Poll::Ready(Some(Ok(trailers)));
                    }
                    Err(_) => this.failure = Some(cut_short()),
                },
                Some(Err(status)) => this.failure = Some(status),
                None if this.messages.is_empty() => this.ended = true,
                None => this.failure = Some(cut_short()),
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || (self.inner.is_end_stream() && self.messages.is_empty() && self.failure.is_none())
    }
}

/// Whether trailers tell of an error.
fn is_failure(trailers: &Frame<Bytes>) -> bool {
    let status = trailers.trailers_ref().and_then(|trailers| trailers.get(Status::GRPC_STATUS));
    status.is_some_and(|code| code.as_bytes() != b"0")
}

fn cut_short() -> Status {
    Status::internal("the stream ended within a message")
}

#[cfg(test)]
mod tests;

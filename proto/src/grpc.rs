//! The messages and services of gRPC. What is generated lies in [`thanos`], [`hintspb`] and [`prometheus_copy`].
//!
//! Messages that carry series or many strings are not turned into structs: they pass the services as [`Raw`] bytes.

use bytes::{Buf, BufMut, Bytes};
use std::marker::PhantomData;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// All messages and services, as the reflection service shows them.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// An encoded message. A received one is one part; one to be sent may be several, which are written one after another.
#[derive(Debug, Clone, Default)]
pub struct Raw {
    pub parts: Vec<Bytes>,
}

impl Raw {
    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message in one piece; copied only if it is several.
    pub fn into_bytes(mut self) -> Bytes {
        match self.parts.len() {
            0 => Bytes::new(),
            1 => self.parts.swap_remove(0),
            _ => self.parts.concat().into(),
        }
    }
}

impl From<Bytes> for Raw {
    fn from(message: Bytes) -> Self {
        Self { parts: vec![message] }
    }
}

/// A message that gRPC can carry.
pub trait Wire: Sized + Send + 'static {
    /// Writes the message.
    fn write(self, out: &mut EncodeBuf<'_>) -> Result<(), Status>;

    /// Reads a message that takes all of `from`.
    ///
    /// # Errors
    /// Bytes that are no such message.
    fn read(from: &mut DecodeBuf<'_>) -> Result<Self, Status>;
}

impl<M: prost::Message + Default + 'static> Wire for M {
    fn write(self, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        self.encode(out).map_err(|error| Status::internal(error.to_string()))
    }

    fn read(from: &mut DecodeBuf<'_>) -> Result<Self, Status> {
        M::decode(from).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Wire for Raw {
    fn write(self, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(self.len());
        for part in self.parts {
            out.put(part);
        }
        Ok(())
    }

    fn read(from: &mut DecodeBuf<'_>) -> Result<Self, Status> {
        Ok(from.copy_to_bytes(from.remaining()).into())
    }
}

/// The codec of all services: `E` is written, `D` is read.
#[derive(Debug, Clone, Copy)]
pub struct WireCodec<E, D>(PhantomData<fn(E) -> D>);

/// Both halves of [`WireCodec`].
#[derive(Debug, Clone, Copy)]
pub struct Half<M>(PhantomData<fn(M) -> M>);

impl<E, D> Default for WireCodec<E, D> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<E: Wire, D: Wire> Codec for WireCodec<E, D> {
    type Encode = E;
    type Decode = D;
    type Encoder = Half<E>;
    type Decoder = Half<D>;

    fn encoder(&mut self) -> Half<E> {
        Half(PhantomData)
    }

    fn decoder(&mut self) -> Half<D> {
        Half(PhantomData)
    }
}

impl<M: Wire> Encoder for Half<M> {
    type Item = M;
    type Error = Status;

    fn encode(&mut self, message: M, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.write(out)
    }
}

impl<M: Wire> Decoder for Half<M> {
    type Item = M;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<M>, Status> {
        M::read(from).map(Some)
    }
}

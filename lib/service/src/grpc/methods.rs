//! The methods a process knows, so that labels of metrics do not come from the network.

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto};
use std::collections::HashMap;
use std::sync::Arc;
use tonic::Status;

/// Stands for every method that is not known.
const UNKNOWN: &str = "unknown";

/// A file descriptor set: which services there are, and what their methods are like. The services for health and reflection are
/// always among them. Clones share it.
#[derive(Debug, Clone)]
pub struct Descriptors {
    pub(super) encoded: Vec<&'static [u8]>,
    methods: Arc<HashMap<String, Method>>,
    unknown: Method,
}

/// Bytes that are no file descriptor set.
#[derive(Debug, thiserror::Error)]
#[error("not a file descriptor set: {0}")]
pub struct BadDescriptors(#[from] prost::DecodeError);

/// One method, as labels name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Method {
    pub(super) kind: &'static str,
    pub(super) service: Arc<str>,
    pub(super) name: Arc<str>,
}

impl Descriptors {
    /// Reads an encoded `google.protobuf.FileDescriptorSet`.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn parse(encoded: &'static [u8]) -> Result<Self, BadDescriptors> {
        let mut methods = HashMap::new();
        let all = [encoded, tonic_health::pb::FILE_DESCRIPTOR_SET];
        for encoded in all {
            for file in FileDescriptorSet::decode(encoded)?.file {
                for service in &file.service {
                    let of_service = service.method.iter().map(|method| entry(&file, service, method));
                    methods.extend(of_service);
                }
            }
        }
        for version in ["v1", "v1alpha"] {
            let service = format!("grpc.reflection.{version}.ServerReflection");
            let method =
                Method { kind: "bidi_stream", service: service.as_str().into(), name: "ServerReflectionInfo".into() };
            methods.insert(format!("/{service}/ServerReflectionInfo"), method);
        }
        let unknown = Method { kind: UNKNOWN, service: UNKNOWN.into(), name: UNKNOWN.into() };
        Ok(Self { encoded: all.to_vec(), methods: Arc::new(methods), unknown })
    }

    /// The method at `path`; all that are not known are one.
    pub(super) fn method(&self, path: &str) -> &Method {
        self.methods.get(path).unwrap_or(&self.unknown)
    }
}

fn entry(
    file: &FileDescriptorProto,
    service: &ServiceDescriptorProto,
    method: &MethodDescriptorProto,
) -> (String, Method) {
    let service = match file.package() {
        "" => service.name().to_owned(),
        package => format!("{package}.{}", service.name()),
    };
    let kind = match (method.client_streaming(), method.server_streaming()) {
        (false, false) => "unary",
        (true, false) => "client_stream",
        (false, true) => "server_stream",
        (true, true) => "bidi_stream",
    };
    let path = format!("/{service}/{}", method.name());
    (path, Method { kind, service: service.into(), name: method.name().into() })
}

/// The name of a code, as Go writes it.
pub(super) fn code_name(code: tonic::Code) -> &'static str {
    use tonic::Code;
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

/// The code that headers or trailers tell, if they do.
pub(super) fn code_of(headers: &http::HeaderMap) -> Option<tonic::Code> {
    Some(tonic::Code::from_bytes(headers.get(Status::GRPC_STATUS)?.as_bytes()))
}

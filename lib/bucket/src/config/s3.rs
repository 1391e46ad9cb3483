//! The keys of an S3 bucket.

use super::http::HttpConfig;
use super::zero::or_zero;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Thanos' keys for S3, with its defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Config {
    #[serde(deserialize_with = "or_zero")]
    pub bucket: String,
    /// Host and port.
    #[serde(deserialize_with = "or_zero")]
    pub endpoint: String,
    /// Empty: what an AWS endpoint names, else `us-east-1`.
    #[serde(deserialize_with = "or_zero")]
    pub region: String,
    /// The endpoint is used as it stands, so this says what is done anyway.
    #[serde(deserialize_with = "or_zero")]
    pub disable_dualstack: bool,
    /// Credentials from where the AWS SDK looks: environment, web identity, container, instance; profiles are not read.
    #[serde(deserialize_with = "or_zero")]
    pub aws_sdk_auth: bool,
    #[serde(deserialize_with = "or_zero")]
    pub access_key: String,
    /// Plain HTTP.
    #[serde(deserialize_with = "or_zero")]
    pub insecure: bool,
    /// Refused.
    #[serde(deserialize_with = "or_zero")]
    pub signature_version2: bool,
    #[serde(deserialize_with = "or_zero")]
    pub secret_key: Secret,
    #[serde(deserialize_with = "or_zero")]
    pub session_token: Secret,
    /// Kept with each object; `X-Amz-Storage-Class` is its storage class.
    #[serde(deserialize_with = "or_zero")]
    pub put_user_metadata: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_zero")]
    pub http_config: HttpConfig,
    #[serde(deserialize_with = "or_zero")]
    pub trace: TraceConfig,
    /// `v1` is refused.
    #[serde(deserialize_with = "or_zero")]
    pub list_objects_version: String,
    #[serde(deserialize_with = "or_zero")]
    pub bucket_lookup_type: BucketLookup,
    /// The signature covers the content, with or without this.
    #[serde(deserialize_with = "or_zero")]
    pub send_content_md5: bool,
    /// Refused: an object would have to be in memory as a whole.
    #[serde(deserialize_with = "or_zero")]
    pub disable_multipart: bool,
    /// A larger file is uploaded in parts of this size, in bytes; 0 is the default, and less than 5 MiB is 5 MiB.
    #[serde(deserialize_with = "or_zero")]
    pub part_size: u64,
    #[serde(deserialize_with = "or_zero")]
    pub sse_config: SseConfig,
    /// Where a web identity is exchanged; empty: AWS'.
    #[serde(deserialize_with = "or_zero")]
    pub sts_endpoint: String,
    /// How often a request is repeated; 0 is 10.
    #[serde(deserialize_with = "or_zero")]
    pub max_retries: u32,
}

/// How a bucket is named in a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BucketLookup {
    /// As a host where the service is known to want it, else as a path.
    #[default]
    Auto,
    VirtualHosted,
    Path,
}

/// `trace`: accepted, with a line in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TraceConfig {
    #[serde(deserialize_with = "or_zero")]
    pub enable: bool,
}

/// How objects are encrypted at rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SseConfig {
    /// `SSE-S3`, `SSE-KMS`, `SSE-C`, or empty for none.
    #[serde(rename = "type", deserialize_with = "or_zero")]
    pub kind: String,
    #[serde(deserialize_with = "or_zero")]
    pub kms_key_id: String,
    /// Refused unless empty.
    #[serde(deserialize_with = "or_zero")]
    pub kms_encryption_context: BTreeMap<String, String>,
    /// The file that holds the 32 bytes of the key.
    #[serde(deserialize_with = "or_zero")]
    pub encryption_key: String,
}

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

/// Keys of S3 that contradict each other, or ask for what cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum S3Fault {
    #[error("no s3 endpoint in config file")]
    NoEndpoint,
    #[error("no bucket in config file")]
    NoBucket,
    #[error("endpoint {0:?} is more than a host and a port")]
    Endpoint(String),
    #[error("aws_sdk_auth and access_key are mutually exclusive configurations")]
    TwoCredentials,
    #[error("of access_key and secret_key one is given; both should be, or neither and the environment's are used")]
    HalfCredentials,
    #[error("kms_key_id must be set if sse_config.type is set to 'SSE-KMS'")]
    NoKmsKey,
    #[error("encryption_key must be set if sse_config.type is set to 'SSE-C'")]
    NoEncryptionKey,
    #[error("sse_config.type {0:?} is not supported; SSE-S3, SSE-KMS and SSE-C are")]
    SseType(String),
    #[error("sse_config.kms_encryption_context is not supported")]
    KmsContext,
    #[error("signature_version2 is not supported, version 4 is")]
    SignatureV2,
    #[error("list_objects_version v1 is not supported, version 2 is")]
    ListV1,
    #[error("disable_multipart is not supported: files above part_size are uploaded in parts")]
    NoMultipart,
    /// Connections are checked against the endpoint's name; another cannot be given.
    #[error("http_config.tls_config.server_name is not supported: the endpoint has to bear the certificate's name")]
    ServerName,
}

/// Thanos' default.
const PART_BYTES: u64 = 64 << 20;
/// What S3 asks of all parts but the last, and what it takes at most.
const PART_BYTES_BOUNDS: (u64, u64) = (5 << 20, 5 << 30);

impl S3Config {
    /// Refuses what contradicts itself and what would silently mean something else here.
    pub(super) fn check(&self) -> Result<(), S3Fault> {
        if self.endpoint.is_empty() {
            return Err(S3Fault::NoEndpoint);
        }
        if self.endpoint.contains(['/', '?', '#', '@', ' ']) {
            return Err(S3Fault::Endpoint(self.endpoint.clone()));
        }
        if self.bucket.is_empty() {
            return Err(S3Fault::NoBucket);
        }
        if self.aws_sdk_auth && !self.access_key.is_empty() {
            return Err(S3Fault::TwoCredentials);
        }
        if self.access_key.is_empty() != self.secret_key.0.is_empty() {
            return Err(S3Fault::HalfCredentials);
        }
        self.sse_config.check()?;
        let refused = [
            (self.signature_version2, S3Fault::SignatureV2),
            (self.list_objects_version == "v1", S3Fault::ListV1),
            (self.disable_multipart, S3Fault::NoMultipart),
            (!self.http_config.tls_config.server_name.is_empty(), S3Fault::ServerName),
        ];
        refused.into_iter().find(|(is_asked, _)| *is_asked).map_or(Ok(()), |(_, fault)| Err(fault))
    }

    /// In parts of how many bytes a file is uploaded.
    pub fn part_bytes(&self) -> u64 {
        let (least, most) = PART_BYTES_BOUNDS;
        if self.part_size == 0 { PART_BYTES } else { self.part_size.clamp(least, most) }
    }
}

impl SseConfig {
    fn check(&self) -> Result<(), S3Fault> {
        match self.kind.as_str() {
            "" | "SSE-S3" => Ok(()),
            "SSE-KMS" if self.kms_key_id.is_empty() => Err(S3Fault::NoKmsKey),
            "SSE-KMS" if !self.kms_encryption_context.is_empty() => Err(S3Fault::KmsContext),
            "SSE-C" if self.encryption_key.is_empty() => Err(S3Fault::NoEncryptionKey),
            "SSE-KMS" | "SSE-C" => Ok(()),
            other => Err(S3Fault::SseType(other.to_owned())),
        }
    }
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            endpoint: String::new(),
            region: String::new(),
            disable_dualstack: false,
            aws_sdk_auth: false,
            access_key: String::new(),
            insecure: false,
            signature_version2: false,
            secret_key: Secret::default(),
            session_token: Secret::default(),
            put_user_metadata: BTreeMap::new(),
            http_config: HttpConfig::default(),
            trace: TraceConfig::default(),
            list_objects_version: String::new(),
            bucket_lookup_type: BucketLookup::default(),
            send_content_md5: true,
            disable_multipart: false,
            part_size: PART_BYTES,
            sse_config: SseConfig::default(),
            sts_endpoint: String::new(),
            max_retries: 0,
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_empty() { "" } else { "<secret>" })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{self:?}"))
    }
}

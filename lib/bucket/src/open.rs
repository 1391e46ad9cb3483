//! From a configuration to a bucket.

use crate::bucket::{Bucket, ReadCost, Writes};
use crate::config::{BucketLookup, Config, HttpConfig, Provider, S3Config};
use crate::metrics::Metrics;
use model::Clock;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{ClientOptions, HttpClient, HttpConnector};
use object_store::limit::LimitStore;
use object_store::local::LocalFileSystem;
use object_store::{Attribute, Attributes, ObjectStore, RetryConfig};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::{info, warn};
use tsdb::fs::{Fs, StdFs};

/// Why a bucket that is configured well cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{path}: {fault}", path = path.display())]
    BadFile { path: PathBuf, fault: String },
    #[error("the HTTP client for the bucket: {0}")]
    Http(reqwest::Error),
    #[error("the bucket: {0}")]
    Storage(#[from] object_store::Error),
}

/// In parts of how many bytes a file is copied into a directory.
const DIRECTORY_PART_BYTES: u64 = 8 << 20;

/// The key of user metadata that is the storage class.
const STORAGE_CLASS: &str = "x-amz-storage-class";

/// The bucket that `config` names. Nothing is asked over the network yet; a directory is created if it is not there, and
/// stays.
///
/// # Errors
/// A file that the configuration names cannot be read, or the directory cannot be created.
pub fn open(config: &Config, metrics: &Metrics, clock: Arc<dyn Clock>) -> Result<Bucket, OpenError> {
    let ((store, writes), read_cost) = match &config.provider {
        Provider::Filesystem { directory } => (directory_store(directory)?, ReadCost::FILES),
        Provider::S3(s3) => (s3_store(s3)?, ReadCost::REMOTE),
    };
    let bucket = Bucket::over(store, &config.name(), &config.prefix, metrics, clock);
    Ok(bucket.with_writes(writes).with_read_cost(read_cost))
}

fn directory_store(directory: &Path) -> Result<(Arc<dyn ObjectStore>, Writes), OpenError> {
    let at = |source| OpenError::File { path: directory.to_owned(), source };
    StdFs.create_dir_all(directory).map_err(at)?;
    for made in directory.ancestors().filter_map(Path::parent) {
        StdFs.sync_dir(if made.as_os_str().is_empty() { Path::new(".") } else { made }).map_err(at)?;
    }
    // Without it, what is uploaded may be gone after a power failure, and the local block with it.
    let store = LocalFileSystem::new_with_prefix(directory)?.with_fsync(true).with_automatic_cleanup(true);
    Ok((Arc::new(store), Writes { part_bytes: DIRECTORY_PART_BYTES, attributes: Attributes::default() }))
}

fn s3_store(config: &S3Config) -> Result<(Arc<dyn ObjectStore>, Writes), OpenError> {
    let region = region(config);
    let retry = RetryConfig {
        max_retries: if config.max_retries == 0 { 10 } else { config.max_retries as usize },
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&config.bucket)
        .with_region(&region)
        .with_endpoint(endpoint(config, &region))
        .with_virtual_hosted_style_request(is_virtual_hosted(config))
        .with_allow_http(config.insecure)
        .with_http_connector(Connector::new(&config.http_config)?)
        .with_retry(retry);
    builder = credentials(builder, config);
    builder = encryption(builder, config)?;
    if config.trace.enable {
        info!("trace of the S3 bucket does nothing here: requests are not traced one by one");
    }
    let store = builder.build()?;
    let limit = config.http_config.max_conns_per_host as usize;
    let store: Arc<dyn ObjectStore> =
        if limit == 0 { Arc::new(store) } else { Arc::new(LimitStore::new(store, limit)) };
    Ok((store, Writes { part_bytes: config.part_bytes(), attributes: attributes(config) }))
}

/// The configured region, else the one in the name of an AWS endpoint.
fn region(config: &S3Config) -> String {
    if !config.region.is_empty() {
        return config.region.clone();
    }
    let host = config.endpoint.split(':').next().unwrap_or_default();
    let named = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"));
    let named = named.and_then(|name| name.rsplit(['.']).next()).map(|name| name.trim_start_matches("s3-"));
    named.filter(|name| name.contains('-')).unwrap_or("us-east-1").to_owned()
}

/// The base of all requests; it has the bucket's name in it where that is to be the host.
fn endpoint(config: &S3Config, region: &str) -> String {
    let scheme = if config.insecure { "http" } else { "https" };
    // The global endpoint answers for one region only.
    let host = match config.endpoint.as_str() {
        "s3.amazonaws.com" => format!("s3.{region}.amazonaws.com"),
        host => host.to_owned(),
    };
    if is_virtual_hosted(config) {
        format!("{scheme}://{}.{host}", config.bucket)
    } else {
        format!("{scheme}://{host}")
    }
}

fn is_virtual_hosted(config: &S3Config) -> bool {
    let host = config.endpoint.split(':').next().unwrap_or_default();
    match config.bucket_lookup_type {
        BucketLookup::VirtualHosted => true,
        BucketLookup::Path => false,
        // A name with dots is no name below the certificate's.
        BucketLookup::Auto if !config.insecure && config.bucket.contains('.') => false,
        BucketLookup::Auto => [".amazonaws.com", ".amazonaws.com.cn", "storage.googleapis.com", ".aliyuncs.com"]
            .iter()
            .any(|suffix| host.ends_with(suffix)),
    }
}

fn credentials(builder: AmazonS3Builder, config: &S3Config) -> AmazonS3Builder {
    let builder = match config.sts_endpoint.as_str() {
        "" => builder,
        endpoint => builder.with_config(AmazonS3ConfigKey::StsEndpoint, endpoint),
    };
    if config.access_key.is_empty() {
        if config.aws_sdk_auth && std::env::var_os("AWS_PROFILE").is_some() {
            warn!(
                "AWS profiles are not read: credentials come from the environment, a web identity, the container or the \
                   instance"
            );
        }
        return from_environment(builder);
    }
    let builder = builder.with_access_key_id(&config.access_key).with_secret_access_key(&config.secret_key.0);
    if config.session_token.0.is_empty() { builder } else { builder.with_token(&config.session_token.0) }
}

/// What says who we are; nothing else of the environment changes where requests go.
fn from_environment(builder: AmazonS3Builder) -> AmazonS3Builder {
    use AmazonS3ConfigKey as Key;
    let keys = [
        ("AWS_ACCESS_KEY_ID", Key::AccessKeyId),
        ("AWS_SECRET_ACCESS_KEY", Key::SecretAccessKey),
        ("AWS_SESSION_TOKEN", Key::Token),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", Key::WebIdentityTokenFile),
        ("AWS_ROLE_ARN", Key::RoleArn),
        ("AWS_ROLE_SESSION_NAME", Key::RoleSessionName),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Key::ContainerCredentialsRelativeUri),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Key::ContainerCredentialsFullUri),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Key::ContainerAuthorizationTokenFile),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", Key::MetadataEndpoint),
    ];
    keys.into_iter().fold(builder, |builder, (name, key)| match std::env::var(name) {
        Ok(value) if !value.is_empty() => builder.with_config(key, value),
        _ => builder,
    })
}

fn encryption(builder: AmazonS3Builder, config: &S3Config) -> Result<AmazonS3Builder, OpenError> {
    let sse = &config.sse_config;
    Ok(match sse.kind.as_str() {
        "SSE-S3" => {
            let key: AmazonS3ConfigKey = "aws_server_side_encryption".parse()?;
            builder.with_config(key, "AES256")
        }
        "SSE-KMS" => builder.with_sse_kms_encryption(&sse.kms_key_id),
        "SSE-C" => {
            let path = Path::new(&sse.encryption_key);
            let key = std::fs::read(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
            if key.len() != 32 {
                let fault = format!("{} bytes, a key has 32", key.len());
                return Err(OpenError::BadFile { path: path.to_owned(), fault });
            }
            builder.with_ssec_encryption(base64(&key))
        }
        _ => builder,
    })
}

fn attributes(config: &S3Config) -> Attributes {
    config
        .put_user_metadata
        .iter()
        .map(|(key, value)| match key.to_ascii_lowercase() {
            name if name == STORAGE_CLASS => (Attribute::StorageClass, value.clone()),
            _ => (Attribute::Metadata(key.clone().into()), value.clone()),
        })
        .collect()
}

/// In the alphabet of RFC 4648, padded.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..4_usize {
            let six = (bits >> (18 - 6 * at) & 63) as usize;
            text.push(if at > group.len() { '=' } else { char::from(ALPHABET[six]) });
        }
    }
    text
}

/// Gives all requests one client, made as `http_config` says.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl Connector {
    fn new(config: &HttpConfig) -> Result<Self, OpenError> {
        // No crate of the tree brings a default; if one was chosen already, it stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent("gauntlet")
            .pool_idle_timeout(config.idle_conn_timeout.0.as_std())
            .pool_max_idle_per_host(config.idle_connections())
            .danger_accept_invalid_certs(config.skips_verify())
            // Sizes are those of the objects.
            .no_gzip();
        let (silence, connect) = (config.response_header_timeout.0, config.tls_handshake_timeout.0);
        if !silence.is_zero() {
            builder = builder.read_timeout(silence.as_std());
        }
        if !connect.is_zero() {
            builder = builder.connect_timeout(connect.as_std());
        }
        let tls = &config.tls_config;
        if !tls.ca_file.is_empty() {
            let path = Path::new(&tls.ca_file);
            let trusted = reqwest::Certificate::from_pem_bundle(&read_pem(path)?).map_err(bad_file(path))?;
            builder = builder.tls_certs_only(trusted);
        }
        if !tls.cert_file.is_empty() || !tls.key_file.is_empty() {
            let path = Path::new(&tls.cert_file);
            let mut pem = read_pem(path)?;
            pem.push(b'\n');
            pem.extend(read_pem(Path::new(&tls.key_file))?);
            builder = builder.identity(reqwest::Identity::from_pem(&pem).map_err(bad_file(path))?);
        }
        builder.build().map(Self).map_err(OpenError::Http)
    }
}

fn read_pem(path: &Path) -> Result<Vec<u8>, OpenError> {
    std::fs::read(path).map_err(|source| OpenError::File { path: path.to_owned(), source })
}

fn bad_file(path: &Path) -> impl FnOnce(reqwest::Error) -> OpenError {
    move |error| OpenError::BadFile { path: path.to_owned(), fault: error.to_string() }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

#[cfg(test)]
mod tests;

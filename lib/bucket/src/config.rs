//! Thanos' objstore YAML: which bucket, how to reach it, and below which prefix.
//!
//! Unknown keys are refused at the top level and by S3, and are named in the log for FILESYSTEM, which Thanos reads without a
//! look at them. `$(NAME)` inside the text has to be replaced before: that belongs to the flags.

mod http;
mod s3;
mod zero;

pub use http::{HttpConfig, TlsConfig};
pub use s3::{BucketLookup, S3Config, S3Fault, Secret, SseConfig, TraceConfig};

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::path::PathBuf;
use zero::or_zero;

/// A larger text is refused before it is parsed.
const MAX_YAML_BYTES: usize = 1 << 20;

/// Kinds of object storage that Thanos knows and this does not speak yet.
const NOT_YET: [&str; 8] = ["GCS", "AZURE", "SWIFT", "COS", "ALIYUNOSS", "BOS", "OCI", "OBS"];

/// A bucket, as configured and checked; nothing was opened or read yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What is put in front of each object's name, without slashes around it; empty for nothing.
    pub prefix: String,
    pub provider: Provider,
}

/// Where a bucket lies.
#[derive(Debug, Clone, PartialEq)]
pub enum Provider {
    /// A directory.
    Filesystem {
        directory: PathBuf,
    },
    S3(Box<S3Config>),
}

/// Why a text is no bucket's configuration.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    #[error("{0} bytes of YAML, at most {MAX_YAML_BYTES} are read")]
    TooLong(usize),
    #[error("{0}")]
    Yaml(String),
    #[error("bucket with type {0} is not supported")]
    UnknownType(String),
    #[error("bucket with type {0} is not supported yet; FILESYSTEM and S3 are")]
    NotYet(String),
    #[error("prefix {0:?}: a name between two slashes is empty, `.` or `..`")]
    Prefix(String),
    #[error("missing directory for filesystem bucket")]
    NoDirectory,
    #[error("S3: {0}")]
    S3(#[from] S3Fault),
}

/// The outer keys; `config` is read again when the type is known.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Outer {
    #[serde(rename = "type", deserialize_with = "or_zero")]
    kind: String,
    #[serde(rename = "config")]
    _config: Option<IgnoredAny>,
    #[serde(deserialize_with = "or_zero")]
    prefix: String,
}

/// The inner keys of one type.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Default + Deserialize<'de>"))]
struct Inner<T> {
    #[serde(default = "T::default", deserialize_with = "or_zero")]
    config: T,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FilesystemKeys {
    #[serde(deserialize_with = "or_zero")]
    directory: String,
    #[serde(flatten)]
    unknown: BTreeMap<String, IgnoredAny>,
}

impl Config {
    /// Reads Thanos' `{type, config, prefix}`.
    ///
    /// # Errors
    /// No YAML, an unknown key, a type that is not spoken, a key whose effect cannot be had, keys that contradict each other.
    pub fn parse(yaml: &str) -> Result<Self, InvalidConfig> {
        if yaml.len() > MAX_YAML_BYTES {
            return Err(InvalidConfig::TooLong(yaml.len()));
        }
        let outer: Outer = read(yaml)?;
        let provider = match outer.kind.to_ascii_uppercase().as_str() {
            "FILESYSTEM" => filesystem(yaml)?,
            "S3" => {
                let Inner { config } = read::<Inner<S3Config>>(yaml)?;
                config.check()?;
                Provider::S3(Box::new(config))
            }
            kind if NOT_YET.contains(&kind) => return Err(InvalidConfig::NotYet(kind.to_owned())),
            _ => return Err(InvalidConfig::UnknownType(outer.kind)),
        };
        Ok(Self { prefix: checked_prefix(&outer.prefix)?, provider })
    }

    /// The directory `directory` as a bucket.
    pub fn filesystem(directory: PathBuf) -> Self {
        Self { prefix: String::new(), provider: Provider::Filesystem { directory } }
    }

    /// What metrics call the bucket.
    pub fn name(&self) -> String {
        match &self.provider {
            Provider::Filesystem { directory } => format!("fs: {}", directory.display()),
            Provider::S3(s3) => s3.bucket.clone(),
        }
    }
}

/// An empty text is one without keys.
fn read<T: for<'de> Deserialize<'de> + Default>(yaml: &str) -> Result<T, InvalidConfig> {
    let read: Option<T> = serde_saphyr::from_str(yaml).map_err(|error| InvalidConfig::Yaml(error.to_string()))?;
    Ok(read.unwrap_or_default())
}

fn filesystem(yaml: &str) -> Result<Provider, InvalidConfig> {
    let Inner { config: FilesystemKeys { directory, unknown } } = read(yaml)?;
    if directory.is_empty() {
        return Err(InvalidConfig::NoDirectory);
    }
    for key in unknown.keys() {
        tracing::warn!(key, "a key of the FILESYSTEM bucket is not known and does nothing");
    }
    Ok(Provider::Filesystem { directory: PathBuf::from(directory) })
}

/// Without slashes around it.
fn checked_prefix(prefix: &str) -> Result<String, InvalidConfig> {
    let trimmed = prefix.trim_matches('/');
    let is_fine = trimmed.is_empty() || trimmed.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if is_fine { Ok(trimmed.to_owned()) } else { Err(InvalidConfig::Prefix(prefix.to_owned())) }
}

impl<T: Default> Default for Inner<T> {
    fn default() -> Self {
        Self { config: T::default() }
    }
}

#[cfg(test)]
mod tests;

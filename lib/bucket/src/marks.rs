//! Marks: small objects beside a block that say what shall become of it. Written once, as Thanos writes them.

use crate::bucket::{Bucket, BucketError};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tsdb::block::GoText;
use ulid::Ulid;

/// The only version there is.
const VERSION: u32 = 1;
/// A larger mark is not read.
const MAX_MARK_BYTES: u64 = 1 << 20;

/// The block is to be deleted, some time after the mark was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionMark {
    #[serde(default)]
    pub id: Ulid,
    #[serde(default)]
    pub version: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub details: String,
    /// When it was made, in seconds since 1970.
    #[serde(rename = "deletion_time", default)]
    pub deletion_time_s: i64,
}

/// The block is not to be compacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoCompactMark {
    #[serde(default)]
    pub id: Ulid,
    #[serde(default)]
    pub version: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub details: String,
    /// When it was made, in seconds since 1970.
    #[serde(rename = "no_compact_time", default)]
    pub no_compact_time_s: i64,
    /// `manual`, `index-size-exceeding` and so on.
    #[serde(default)]
    pub reason: String,
}

/// The block is not to be downsampled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoDownsampleMark {
    #[serde(default)]
    pub id: Ulid,
    #[serde(default)]
    pub version: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub details: String,
    /// When it was made, in seconds since 1970.
    #[serde(rename = "no_downsample_time", default)]
    pub no_downsample_time_s: i64,
    #[serde(default)]
    pub reason: String,
}

/// Bytes that are no mark of the kind.
#[derive(Debug, thiserror::Error)]
pub enum InvalidMark {
    #[error("{0}: no JSON of a mark: {1}")]
    Json(&'static str, serde_json::Error),
    #[error("{0}: version {1} is not known")]
    Version(&'static str, u32),
}

/// Why a mark could not be read.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    #[error(transparent)]
    Bucket(#[from] BucketError),
    #[error("block {0}: {1}")]
    Invalid(Ulid, InvalidMark),
}

/// A kind of mark.
pub trait Mark: Serialize + DeserializeOwned {
    /// The name of its object.
    const NAME: &'static str;

    /// The block that it is for.
    fn id(&self) -> Ulid;

    /// 1.
    fn version(&self) -> u32;

    /// Reads one.
    ///
    /// # Errors
    /// No JSON of a mark, or of another version.
    fn decode(bytes: &[u8]) -> Result<Self, InvalidMark> {
        // `null` is an empty mark, as in Go: of no version.
        let mark: Option<Self> = serde_json::from_slice(bytes).map_err(|error| InvalidMark::Json(Self::NAME, error))?;
        match mark {
            Some(mark) if mark.version() == VERSION => Ok(mark),
            mark => Err(InvalidMark::Version(Self::NAME, mark.map_or(0, |mark| mark.version()))),
        }
    }

    /// The object, on one line.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let format = GoText(serde_json::ser::CompactFormatter);
        // Numbers and texts into memory: nothing of it can fail.
        let _ = self.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, format));
        bytes
    }
}

impl Mark for DeletionMark {
    const NAME: &'static str = "deletion-mark.json";

    fn id(&self) -> Ulid {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }
}

impl Mark for NoCompactMark {
    const NAME: &'static str = "no-compact-mark.json";

    fn id(&self) -> Ulid {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }
}

impl Mark for NoDownsampleMark {
    const NAME: &'static str = "no-downsample-mark.json";

    fn id(&self) -> Ulid {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }
}

impl DeletionMark {
    /// A mark made now.
    pub fn new(id: Ulid, now_ms: i64, details: String) -> Self {
        Self { id, version: VERSION, details, deletion_time_s: now_ms.div_euclid(1000) }
    }
}

impl NoCompactMark {
    /// A mark made now.
    pub fn new(id: Ulid, now_ms: i64, reason: String, details: String) -> Self {
        Self { id, version: VERSION, details, no_compact_time_s: now_ms.div_euclid(1000), reason }
    }
}

impl NoDownsampleMark {
    /// A mark made now.
    pub fn new(id: Ulid, now_ms: i64, reason: String, details: String) -> Self {
        Self { id, version: VERSION, details, no_downsample_time_s: now_ms.div_euclid(1000), reason }
    }
}

impl Bucket {
    /// The mark of a block; `None` if it has none of the kind.
    ///
    /// # Errors
    /// The object cannot be read, or is no mark.
    pub async fn mark<M: Mark>(&self, block: Ulid) -> Result<Option<M>, MarkError> {
        let Some(bytes) = self.find(&format!("{block}/{}", M::NAME), MAX_MARK_BYTES).await? else {
            return Ok(None);
        };
        M::decode(&bytes).map(Some).map_err(|invalid| MarkError::Invalid(block, invalid))
    }

    /// Marks a block, unless it bears a mark of the kind: `false`, and that stays.
    ///
    /// # Errors
    /// The object could not be written, or it is not known whether it was.
    pub async fn put_mark<M: Mark>(&self, mark: &M) -> Result<bool, BucketError> {
        self.put_if_absent(&format!("{}/{}", mark.id(), M::NAME), Bytes::from(mark.encode())).await
    }
}

//! `meta.json`: what a block is, where it came from, and what Thanos adds to that.
//!
//! Fields that are not known here are kept and written back, behind the others.

mod go_text;
mod rewrite;
mod upload_time;

pub use rewrite::{Deletion, Interval, Relabel, Rewrite, RewriteMatcher};
pub use upload_time::{InvalidUploadTime, UploadTime};

use crate::series::SourceError;
pub use go_text::GoText;
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Component, Path};
use ulid::Ulid;

/// The only version there is.
const VERSION: u32 = 1;
/// A larger file is refused before it is parsed.
pub const MAX_META_BYTES: u64 = 16 << 20;

/// The content of `meta.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// The name of the block's directory.
    pub ulid: Ulid,
    /// The first millisecond of the block's range, inside.
    #[serde(rename = "minTime")]
    pub min_ms: i64,
    /// The end of the range, **outside**.
    #[serde(rename = "maxTime")]
    pub max_ms: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub stats: Stats,
    #[serde(default, deserialize_with = "or_default")]
    pub compaction: Compaction,
    pub version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thanos: Option<Thanos>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What is in the block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Stats {
    #[serde(skip_serializing_if = "is_zero")]
    pub num_samples: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub num_float_samples: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub num_histogram_samples: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub num_series: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub num_chunks: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub num_tombstones: u64,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Where the block came from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Compaction {
    /// 1 for a block cut from a head.
    pub level: u32,
    /// The blocks of level 1 that went into it; itself at level 1.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub sources: Vec<Ulid>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deletable: bool,
    /// The blocks it was made of.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub parents: Vec<Parent>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub hints: Vec<String>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A block that another was made of. Range as in [`Meta`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    pub ulid: Ulid,
    #[serde(rename = "minTime")]
    pub min_ms: i64,
    #[serde(rename = "maxTime")]
    pub max_ms: i64,
}

/// What Thanos knows of a block. The fields are in the order in which Thanos writes them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Thanos {
    /// 1, or 0 where it was left out.
    #[serde(skip_serializing_if = "is_zero_version")]
    pub version: u32,
    /// The external labels of all its series.
    #[serde(serialize_with = "or_null", deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    pub downsample: Downsample,
    /// Who wrote it: `receive`, `compactor` and so on.
    #[serde(deserialize_with = "or_default")]
    pub source: String,
    /// The names of the chunk files, as older programs look for them.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub segment_files: Vec<String>,
    /// All files, sorted by path.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub files: Vec<BlockFile>,
    /// What was done to the block by rewriting it, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub rewrites: Vec<Rewrite>,
    #[serde(deserialize_with = "or_default")]
    pub index_stats: IndexStats,
    /// Whatever a program wants to say of the block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Value>,
    #[serde(deserialize_with = "or_default")]
    pub upload_time: UploadTime,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The largest things in the index, in bytes; 0: not known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexStats {
    #[serde(skip_serializing_if = "is_zero")]
    pub series_max_size: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub chunk_max_size: u64,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How coarse the block is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Downsample {
    /// 0 for raw samples.
    #[serde(rename = "resolution")]
    pub resolution_ms: i64,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A file of the block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlockFile {
    /// Below the block's directory, with slashes.
    pub rel_path: String,
    /// 0 and left out for `meta.json`, which cannot tell its own size.
    #[serde(skip_serializing_if = "is_zero")]
    pub size_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<FileHash>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A checksum of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileHash {
    /// `SHA256` is the only one.
    #[serde(rename = "hashFunc")]
    pub function: String,
    /// In hexadecimal.
    pub value: String,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Compaction {
    /// Whether the block holds only some of its range's samples, as its hints say: late ones, or those of certain series. The
    /// others are, or were, still in the head. Who gives a hint names a parent that there is not, too, so it is said twice.
    pub fn is_partial(&self) -> bool {
        !self.hints.is_empty() || self.parents.iter().any(|parent| parent.ulid.is_nil())
    }
}

impl Meta {
    /// Whether it says that the block was made of `parent`, and has its range.
    pub(crate) fn says_it_replaces(&self, parent: &Meta) -> bool {
        let covers = self.min_ms <= parent.min_ms && parent.max_ms <= self.max_ms;
        covers && self.compaction.parents.iter().any(|each| each.ulid == parent.ulid)
    }

    /// What the block has less of than `parent`, from which nothing was deleted, and so is not made of it: in words. Samples of
    /// two parents that are equal become one.
    pub(crate) fn lacks_of(&self, parent: &Meta) -> Option<String> {
        let counts = |of: fn(&Stats) -> u64| (of(&self.stats), of(&parent.stats));
        let told = [("series", counts(|stats| stats.num_series)), ("samples", counts(|stats| stats.num_samples))];
        let (what, (here, there)) = told.into_iter().find(|(_, (here, there))| here < there)?;
        Some(format!("it has {here} {what}, that has {there}"))
    }

    /// Reads the file at `path`, whose directory gives the block's name.
    ///
    /// # Errors
    /// Not JSON, another version (or another of the `thanos` section), another block's name, a range that runs backwards, a
    /// file outside the block.
    pub fn decode(bytes: &[u8], path: &Path) -> Result<Self, SourceError> {
        let corrupt = |fault: String| SourceError::Corrupt { file: path.display().to_string(), offset: 0, fault };
        if bytes.len() as u64 > MAX_META_BYTES {
            return Err(corrupt(format!("{} bytes, at most {MAX_META_BYTES} are read", bytes.len())));
        }
        let meta: Self = serde_json::from_slice(bytes).map_err(|error| corrupt(error.to_string()))?;
        let directory = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let files = meta.thanos.iter().flat_map(|thanos| &thanos.files);
        if meta.version != VERSION {
            return Err(corrupt(format!("version {} is not known", meta.version)));
        }
        if let Some(thanos) = meta.thanos.as_ref().filter(|thanos| thanos.version > VERSION) {
            return Err(corrupt(format!("version {} of the thanos section is not known", thanos.version)));
        }
        if directory != Some(meta.ulid.to_string().as_str()) {
            return Err(corrupt(format!("it speaks of block {}", meta.ulid)));
        }
        if meta.min_ms > meta.max_ms {
            return Err(corrupt(format!("range from {} to {} runs backwards", meta.min_ms, meta.max_ms)));
        }
        match files.into_iter().find(|file| !is_inside(&file.rel_path)) {
            Some(file) => Err(corrupt(format!("file {:?} is not in the block", file.rel_path))),
            None => Ok(meta),
        }
    }

    /// The file, as Prometheus writes it, and with a `thanos` section as Thanos does: that ends its lines.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let format = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, GoText(format));
        // Strings, numbers and lists into memory: nothing of it can fail.
        let _ = self.serialize(&mut serializer);
        if self.thanos.is_some() {
            bytes.push(b'\n');
        }
        bytes
    }
}

/// A path of ordinary names, relative.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// `null` is what is not there.
fn or_default<'de, T: Default + DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// No labels are written as Thanos writes labels that were never set.
fn or_null<S: Serializer>(labels: &BTreeMap<String, String>, to: S) -> Result<S::Ok, S::Error> {
    if labels.is_empty() { to.serialize_none() } else { labels.serialize(to) }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_zero_version(version: &u32) -> bool {
    *version == 0
}

#[cfg(test)]
mod tests;

//! `thanos.shipper.json`: the blocks that were shipped.

use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use tsdb::FileError;
use tsdb::fs::{Fs, replace_file};
use ulid::Ulid;

const NAME: &str = "thanos.shipper.json";
/// The only version there is.
const VERSION: u32 = 1;
/// A larger file is not read: it would list half a million blocks.
const MAX_BYTES: usize = 16 << 20;

/// The list. A list that was never filled is `null`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShipperFile {
    pub uploaded: Option<Vec<Ulid>>,
}

#[derive(Serialize, Deserialize)]
struct Content {
    #[serde(default)]
    version: u32,
    #[serde(default)]
    uploaded: Option<Vec<Ulid>>,
}

/// Why a list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InvalidShipperFile {
    #[error("{NAME}: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{NAME}: version {0} is not known")]
    Version(u32),
    #[error("{NAME}: {0} bytes, at most {MAX_BYTES} are read")]
    TooLong(usize),
    #[error(transparent)]
    File(FileError),
}

impl ShipperFile {
    /// Reads a list.
    ///
    /// # Errors
    /// No list, or one of another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidShipperFile> {
        if bytes.len() > MAX_BYTES {
            return Err(InvalidShipperFile::TooLong(bytes.len()));
        }
        let Content { version, uploaded } = serde_json::from_slice(bytes)?;
        if version != VERSION {
            return Err(InvalidShipperFile::Version(version));
        }
        Ok(Self { uploaded })
    }

    /// The file, as Thanos writes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let format = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let content = Content { version: VERSION, uploaded: self.uploaded.clone() };
        // Numbers and texts into memory: nothing of it can fail.
        let _ = content.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, format));
        bytes.push(b'\n');
        bytes
    }

    /// The list in the data directory `dir`; empty if there is none.
    pub(super) fn read(fs: &dyn Fs, dir: &Path) -> Result<Self, InvalidShipperFile> {
        let path = dir.join(NAME);
        match fs.map(&path) {
            Ok(bytes) => Self::decode(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(InvalidShipperFile::File(FileError::at(&path)(error))),
        }
    }

    /// Replaces the list in `dir`, durably: after a crash there is the old one or this one.
    pub(super) fn write(&self, fs: &dyn Fs, dir: &Path) -> Result<(), FileError> {
        let path = dir.join(NAME);
        replace_file(fs, &path, |file| file.append(&self.encode())).map_err(FileError::at(&path))
    }
}

//! A block goes up: chunks, then the index, and when all of that is there, `meta.json`.

use crate::bucket::{Bucket, BucketError, check_size};
use crate::{CHUNKS, INDEX, META};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tsdb::FileError;
use tsdb::block::{BlockFile, FileHash, MAX_META_BYTES, Meta};
use tsdb::fs::Fs;
use ulid::Ulid;

/// Whether files are hashed before they go up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HashFunction {
    #[default]
    None,
    Sha256,
}

/// A file is hashed in pieces of so many bytes.
const PIECE_BYTES: u64 = 1 << 20;

/// The files of the block in `dir` as its meta lists them: chunks and index with sizes, `meta.json` without. It blocks.
///
/// # Errors
/// A file that is missing or cannot be read.
pub fn list_block_files(fs: &dyn Fs, dir: &Path, hash: HashFunction) -> Result<Vec<BlockFile>, FileError> {
    let chunks = dir.join(CHUNKS);
    let mut files = Vec::new();
    for entry in fs.read_dir(&chunks).map_err(FileError::at(&chunks))? {
        if !entry.is_dir {
            files.push(list_file(fs, dir, format!("{CHUNKS}/{}", entry.name), hash)?);
        }
    }
    files.push(list_file(fs, dir, INDEX.to_owned(), hash)?);
    files.push(BlockFile { rel_path: META.to_owned(), ..BlockFile::default() });
    Ok(files)
}

fn list_file(fs: &dyn Fs, dir: &Path, rel_path: String, hash: HashFunction) -> Result<BlockFile, FileError> {
    let path = dir.join(&rel_path);
    let read = || -> io::Result<(u64, Option<FileHash>)> {
        let file = fs.open(&path)?;
        let size_bytes = file.size_bytes()?;
        if hash == HashFunction::None {
            return Ok((size_bytes, None));
        }
        let mut sum = Sha256::new();
        let mut at = 0;
        while at < size_bytes {
            let mut piece = vec![0; usize::try_from(PIECE_BYTES.min(size_bytes - at)).unwrap_or(0)];
            file.read_exact_at(&mut piece, at)?;
            sum.update(&piece);
            at += piece.len() as u64;
        }
        let value = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((size_bytes, Some(FileHash { function: "SHA256".to_owned(), value, ..FileHash::default() })))
    };
    let (size_bytes, hash) = read().map_err(FileError::at(&path))?;
    Ok(BlockFile { rel_path, size_bytes, hash, ..BlockFile::default() })
}

/// Uploads the block in `dir` as `meta` describes it: its files are those that `meta` lists.
///
/// `meta.json` is written when the bucket has told the sizes of all other files, and then read back. An upload that broke off may
/// be begun anew: files are replaced by the same, and until `meta.json` is there nobody takes them for a block.
///
/// # Errors
/// A file cannot be read, or it is not certain that an object is in the bucket as it should be.
pub async fn upload_block(bucket: &Bucket, fs: &Arc<dyn Fs>, dir: &Path, meta: &Meta) -> Result<(), BucketError> {
    let block = meta.ulid;
    let files = meta.thanos.iter().flat_map(|thanos| &thanos.files).filter(|file| file.rel_path != META);
    for file in files {
        let object = format!("{block}/{}", file.rel_path);
        let sent_bytes = bucket.upload_file(fs, &dir.join(&file.rel_path), &object).await?;
        // The list was made before: a file that changed since is not what the meta says.
        check_size(&object, file.size_bytes, sent_bytes)?;
    }
    put_meta(bucket, block, Bytes::from(meta.encode())).await
}

/// Writes `meta.json`. What a failed write did is not known, so the object is read back in any case.
async fn put_meta(bucket: &Bucket, block: Ulid, content: Bytes) -> Result<(), BucketError> {
    let object = format!("{block}/{META}");
    let put = bucket.put(&object, content.clone()).await;
    match bucket.find(&object, MAX_META_BYTES).await {
        Ok(Some(found)) if found == content => Ok(()),
        Ok(found) => {
            put?;
            Err(if found.is_some() { BucketError::Content { object } } else { BucketError::NotFound { object } })
        }
        Err(error) => put.and(Err(error)),
    }
}

/// Whether the block is in the bucket with all of `files`: its `meta.json` speaks of it, and the others have their sizes.
///
/// # Errors
/// The bucket cannot be read.
pub async fn is_uploaded(bucket: &Bucket, block: Ulid, files: &[BlockFile]) -> Result<bool, BucketError> {
    let object = format!("{block}/{META}");
    let found = match bucket.find(&object, MAX_META_BYTES).await {
        Err(BucketError::TooLarge { .. }) | Ok(None) => return Ok(false),
        found => found?.unwrap_or_default(),
    };
    if Meta::decode(&found, Path::new(&object)).is_err() {
        return Ok(false);
    }
    let listed = bucket.files(block).await?;
    let sizes: BTreeMap<&str, u64> = listed.iter().map(|file| (file.name.as_str(), file.size_bytes)).collect();
    let mut others = files.iter().filter(|file| file.rel_path != META);
    Ok(others.all(|file| sizes.get(format!("{block}/{}", file.rel_path).as_str()) == Some(&file.size_bytes)))
}

#[cfg(test)]
mod tests;

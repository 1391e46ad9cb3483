//! Uploading files: in parts, so that memory holds one part and never the file.

use crate::bucket::{Bucket, BucketError, check_size, fault};
use crate::metrics::Operation;
use bytes::Bytes;
use object_store::{PutMultipartOptions, PutOptions, PutPayload};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tsdb::FileError;
use tsdb::fs::{Fs, ReadFile};

/// A file is read in pieces of so many bytes.
const PIECE_BYTES: u64 = 1 << 20;
/// S3 takes no more parts than that.
const MAX_PARTS: u64 = 10_000;

/// A file that is uploaded: it must not change meanwhile.
#[derive(Debug, Clone)]
struct Source {
    file: Arc<dyn ReadFile>,
    path: PathBuf,
}

impl Bucket {
    /// Uploads the file at `from` as `object`, replacing what is there, and answers its size. What was uploaded is looked at
    /// again: the storage must tell the same size.
    ///
    /// # Errors
    /// The file cannot be read, the object not written, or not all of it is there.
    pub async fn upload_file(&self, fs: &Arc<dyn Fs>, from: &Path, object: &str) -> Result<u64, BucketError> {
        let size_bytes = self.counted(Operation::Upload, |_| false, self.send_file(fs, from, object)).await?;
        self.uploaded(size_bytes);
        let found = self.head(object).await?;
        let found = found.ok_or_else(|| BucketError::NotFound { object: object.to_owned() })?;
        check_size(object, size_bytes, found.size_bytes)?;
        Ok(size_bytes)
    }

    async fn send_file(&self, fs: &Arc<dyn Fs>, from: &Path, object: &str) -> Result<u64, BucketError> {
        let (source, size_bytes) = Source::open(fs, from).await?;
        let attributes = self.writes().attributes.clone();
        let path = self.path(object)?;
        let part_bytes = self.writes().part_bytes.max(size_bytes.div_ceil(MAX_PARTS)).max(1);
        if size_bytes <= part_bytes {
            let options = PutOptions { attributes, ..PutOptions::default() };
            let content = source.read(0, size_bytes).await?;
            self.store().put_opts(&path, content, options).await.map_err(fault(object))?;
            return Ok(size_bytes);
        }
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let mut upload = self.store().put_multipart_opts(&path, options).await.map_err(fault(object))?;
        let send = async {
            let mut at = 0;
            while at < size_bytes {
                let part = source.read(at, part_bytes.min(size_bytes - at)).await?;
                // One part at a time: the next is read when this one's memory is free.
                upload.put_part(part).await.map_err(fault(object))?;
                at = at.saturating_add(part_bytes);
            }
            upload.complete().await.map_err(fault(object))
        };
        match send.await {
            Ok(_) => Ok(size_bytes),
            Err(error) => {
                // The parts would be paid for. If this fails, too, the bucket's own rules have to remove them.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }
}

impl Source {
    async fn open(fs: &Arc<dyn Fs>, path: &Path) -> Result<(Self, u64), BucketError> {
        let (fs, path) = (Arc::clone(fs), path.to_owned());
        let name = path.display().to_string();
        let open = move || {
            let file = fs.open(&path).map_err(FileError::at(&path))?;
            let size_bytes = file.size_bytes().map_err(FileError::at(&path))?;
            Ok((Self { file: Arc::from(file), path }, size_bytes))
        };
        tokio::task::spawn_blocking(open).await.map_err(|_| BucketError::BrokenOff(name))?
    }

    async fn read(&self, from: u64, size_bytes: u64) -> Result<PutPayload, BucketError> {
        let source = self.clone();
        let read = move || source.read_now(from, size_bytes).map_err(FileError::at(&source.path));
        let read = tokio::task::spawn_blocking(read).await;
        Ok(read.map_err(|_| BucketError::BrokenOff(self.path.display().to_string()))??)
    }

    fn read_now(&self, from: u64, size_bytes: u64) -> std::io::Result<PutPayload> {
        let mut pieces = Vec::new();
        let mut done = 0;
        while done < size_bytes {
            let size = PIECE_BYTES.min(size_bytes - done);
            let mut piece = vec![0; usize::try_from(size).unwrap_or(0)];
            self.file.read_exact_at(&mut piece, from.saturating_add(done))?;
            pieces.push(Bytes::from(piece));
            done += size;
        }
        Ok(pieces.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;

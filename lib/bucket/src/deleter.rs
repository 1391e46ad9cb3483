//! The handle that can delete, apart from [`Bucket`], for the one component that may.

use crate::META;
use crate::bucket::{Bucket, BucketError, fault};
use crate::marks::{DeletionMark, Mark};
use crate::metrics::Operation;
use object_store::ObjectStoreExt;
use ulid::Ulid;

/// Deletes from a bucket. It is made where a component that may delete is put together, and handed to nobody else.
#[derive(Debug, Clone)]
pub struct Deleter {
    bucket: Bucket,
}

impl Deleter {
    /// One for `bucket`.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }

    /// Deletes one object; one that is not there is deleted.
    ///
    /// # Errors
    /// The storage refuses, or does not say.
    pub async fn delete(&self, object: &str) -> Result<(), BucketError> {
        let delete = async { self.bucket.store().delete(&self.bucket.path(object)?).await.map_err(fault(object)) };
        let deleted = self.bucket.counted(Operation::Delete, BucketError::is_not_found, delete).await;
        deleted.or_else(|error| if error.is_not_found() { Ok(()) } else { Err(error) })
    }

    /// Deletes a block: `meta.json` first, so that nobody takes what is left for a block, and the mark last, so that whoever
    /// comes after a crash knows that it was to go.
    ///
    /// # Errors
    /// The first object that could not be deleted; another call goes on.
    pub async fn delete_block(&self, block: Ulid) -> Result<(), BucketError> {
        let (meta, mark) = (format!("{block}/{META}"), format!("{block}/{}", DeletionMark::NAME));
        self.delete(&meta).await?;
        for file in self.bucket.files(block).await? {
            if file.name != mark {
                self.delete(&file.name).await?;
            }
        }
        self.delete(&mark).await
    }
}

#[cfg(test)]
mod tests;

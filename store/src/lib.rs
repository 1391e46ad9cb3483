//! StoreAPI over the blocks of a bucket.

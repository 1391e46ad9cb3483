//! StoreAPI over the blocks of a bucket.

pub mod budget;

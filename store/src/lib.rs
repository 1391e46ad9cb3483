//! StoreAPI over the blocks of a bucket.

pub mod budget;
pub mod index_header;
pub mod partition;
pub mod postings;
pub mod selection;

//! What must hold for any bytes, of every decoder that sees bytes from outside.
//!
//! A target is a function from bytes: it decodes them, and panics where a property does not hold. Decoding never panics and
//! never takes memory out of proportion to its input ([`meter`]); what was read is written and read again to the same; an
//! error leaves what it should and speaks of a place inside the input. Where a checksum would keep chance out, the target
//! puts the right one around what it was given.
//!
//! [`TARGETS`] has all of them. `tests/corpus.rs` runs them over `corpus/` and over damaged copies of it on any toolchain;
//! `fuzz_targets/` hands each to libFuzzer.

mod chunks;
mod files;
mod http;
mod index;
mod log;
mod merge;
pub mod meter;
pub mod mutate;
mod parts;
pub mod seeds;
mod text;
mod verify;
mod wire;

pub use chunks::*;
pub use files::*;
pub use http::*;
pub use index::*;
pub use log::*;
pub use merge::*;
pub use text::*;
pub use verify::*;
pub use wire::*;

/// A target: its name, which is that of its corpus and of its file in `fuzz_targets/`, and what it does.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "chunk_xor", run: fuzz_chunk_xor },
    Target { name: "chunk_histogram", run: fuzz_chunk_histogram },
    Target { name: "chunk_float_histogram", run: fuzz_chunk_float_histogram },
    Target { name: "chunk_xor2", run: fuzz_chunk_xor2 },
    Target { name: "chunk_histogram_st", run: fuzz_chunk_histogram_st },
    Target { name: "chunk_float_histogram_st", run: fuzz_chunk_float_histogram_st },
    Target { name: "chunk_aggregates", run: fuzz_chunk_aggregates },
    Target { name: "chunk_segment", run: fuzz_chunk_segment },
    Target { name: "chunks_head", run: fuzz_chunks_head },
    Target { name: "chunks_head_frames", run: fuzz_chunks_head_frames },
    Target { name: "index", run: fuzz_index },
    Target { name: "index_postings", run: fuzz_index_postings },
    Target { name: "index_postings_table", run: fuzz_index_postings_table },
    Target { name: "index_series", run: fuzz_index_series },
    Target { name: "index_symbols", run: fuzz_index_symbols },
    Target { name: "index_toc", run: fuzz_index_toc },
    Target { name: "index_header", run: fuzz_index_header },
    Target { name: "index_header_offsets", run: fuzz_index_header_offsets },
    Target { name: "tombstones", run: fuzz_tombstones },
    Target { name: "head_floor", run: fuzz_head_floor },
    Target { name: "meta_json", run: fuzz_meta_json },
    Target { name: "marks", run: fuzz_marks },
    Target { name: "shipper_list", run: fuzz_shipper_list },
    Target { name: "wal_record", run: fuzz_wal_record },
    Target { name: "wal_segment", run: fuzz_wal_segment },
    Target { name: "wal_damage", run: fuzz_wal_damage },
    Target { name: "snapshot", run: fuzz_snapshot },
    Target { name: "snapshot_record", run: fuzz_snapshot_record },
    Target { name: "remote_write_v2", run: fuzz_remote_write_v2 },
    Target { name: "remote_read", run: fuzz_remote_read },
    Target { name: "remote_write", run: fuzz_remote_write },
    Target { name: "remote_write_forwarded", run: fuzz_remote_write_forwarded },
    Target { name: "series_frame", run: fuzz_series_frame },
    Target { name: "labels_answer", run: fuzz_labels_answer },
    Target { name: "snappy_frames", run: fuzz_snappy_frames },
    Target { name: "snappy_block", run: fuzz_snappy_block },
    Target { name: "http_receive", run: fuzz_http_receive },
    Target { name: "http_query", run: fuzz_http_query },
    Target { name: "hostile_stores", run: fuzz_hostile_stores },
    Target { name: "openmetrics", run: fuzz_openmetrics },
    Target { name: "verify", run: fuzz_verify },
    Target { name: "promql", run: fuzz_promql },
    Target { name: "promql_selector", run: fuzz_promql_selector },
    Target { name: "promql_script", run: fuzz_promql_script },
    Target { name: "template", run: fuzz_template },
    Target { name: "series_description", run: fuzz_series_description },
    Target { name: "matcher", run: fuzz_matcher },
    Target { name: "regex", run: fuzz_regex },
    Target { name: "hashring", run: fuzz_hashring },
    Target { name: "object_store_config", run: fuzz_object_store_config },
    Target { name: "flag_values", run: fuzz_flag_values },
    Target { name: "tenant", run: fuzz_tenant },
];

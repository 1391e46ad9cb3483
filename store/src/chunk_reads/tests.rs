use super::*;

fn plan(places: &[(u32, u32)], estimate_bytes: u64, max_bytes: u64) -> Result<ChunkReads, ChunkRef> {
    let meta = |&(file, offset): &(u32, u32)| ChunkMeta { min_ms: 0, max_ms: 0, place: ChunkRef::new(file, offset) };
    let chunks: Vec<ChunkMeta> = places.iter().map(meta).collect();
    ChunkReads::plan(&chunks, ChunkSizes { estimate_bytes, files: &[100_000_000, 5_000] }, max_bytes)
}

/// Reads as (file, start, end), and the read of each chunk.
#[track_caller]
fn check(places: &[(u32, u32)], max_bytes: u64, want: &[(u32, u64, u64)], read_of: &[usize]) {
    let got = plan(places, 1_000, max_bytes).unwrap();
    let reads: Vec<_> = got.reads.iter().map(|read| (read.file_index, read.range.start, read.range.end)).collect();
    assert_eq!((reads.as_slice(), got.read_of.as_slice()), (want, read_of));
}

#[test]
fn chunks_side_by_side_are_one_read_that_ends_with_an_estimate() {
    check(&[(0, 8), (0, 108), (0, 208)], 1 << 20, &[(0, 8, 1_208)], &[0, 0, 0]);
    check(&[(0, 208), (0, 8), (0, 108)], 1 << 20, &[(0, 8, 1_208)], &[0, 0, 0]);
}

#[test]
fn a_read_ends_with_its_file_and_at_its_limit() {
    check(&[(0, 99_999_900), (1, 8), (1, 4_900)], 1 << 20, &[(0, 99_999_900, 100_000_000), (1, 8, 5_000)], &[0, 1, 1]);
    check(&[(0, 0), (0, 600), (0, 1_200)], 1_500, &[(0, 0, 1_200), (0, 1_200, 2_200)], &[0, 0, 1]);
}

#[test]
fn a_gap_is_read_over_where_it_costs_little() {
    check(&[(0, 0), (0, 2_500)], 1 << 20, &[(0, 0, 3_500)], &[0, 0]);
    // Three reads of 1,000 bytes are not worth two gaps of 200,000.
    let far = [(0, 0), (0, 200_000), (0, 400_000)];
    check(&far, 1 << 20, &[(0, 0, 1_000), (0, 200_000, 201_000), (0, 400_000, 401_000)], &[0, 1, 2]);
}

#[test]
fn a_chunk_outside_of_all_files_is_refused() {
    assert_eq!(plan(&[(0, 8), (2, 8)], 1_000, 1 << 20), Err(ChunkRef::new(2, 8)));
    assert_eq!(plan(&[(1, 5_000)], 1_000, 1 << 20), Err(ChunkRef::new(1, 5_000)));
}

#[test]
fn the_same_place_twice_is_read_once() {
    check(&[(0, 8), (0, 8)], 1 << 20, &[(0, 8, 1_008)], &[0, 0]);
}

#[test]
fn many_neighbours_tell_what_the_last_may_be() {
    let places: Vec<(u32, u32)> = (0..9).map(|number| (0, number * 100)).collect();
    check(&places, 1 << 20, &[(0, 0, 1_000)], &[0; 9]);
    check(&places[..8], 1 << 20, &[(0, 0, 1_700)], &[0; 8]);
}

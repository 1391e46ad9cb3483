use super::*;

const LIMITS: ReadLimits = ReadLimits { gap_bytes: 100_000, max_bytes: 1 << 20 };

fn plan(places: &[(u32, u32)], estimate_bytes: u64, limits: ReadLimits) -> Result<ChunkReads, ChunkRef> {
    let meta = |&(file, offset): &(u32, u32)| ChunkMeta { min_ms: 0, max_ms: 0, place: ChunkRef::new(file, offset) };
    let chunks: Vec<ChunkMeta> = places.iter().map(meta).collect();
    ChunkReads::plan(&chunks, ChunkSizes { estimate_bytes, files: &[100_000_000, 5_000] }, limits)
}

/// Reads as (file, start, end), and the read of each chunk.
#[track_caller]
fn check(places: &[(u32, u32)], limits: ReadLimits, want: &[(u32, u64, u64)], read_of: &[usize]) {
    let got = plan(places, 1_000, limits).unwrap();
    let reads: Vec<_> = got.reads.iter().map(|read| (read.file_index, read.range.start, read.range.end)).collect();
    let mut got_of = vec![usize::MAX; places.len()];
    for (at, read) in got.reads.iter().enumerate() {
        got.order[read.chunks.clone()].iter().for_each(|&chunk| got_of[chunk] = at);
    }
    assert_eq!((reads.as_slice(), got_of.as_slice()), (want, read_of));
}

#[test]
fn chunks_side_by_side_are_one_read_that_ends_with_an_estimate() {
    check(&[(0, 8), (0, 108), (0, 208)], LIMITS, &[(0, 8, 1_208)], &[0, 0, 0]);
    check(&[(0, 208), (0, 8), (0, 108)], LIMITS, &[(0, 8, 1_208)], &[0, 0, 0]);
}

#[test]
fn a_read_ends_with_its_file_and_at_its_limit() {
    check(&[(0, 99_999_900), (1, 8), (1, 4_900)], LIMITS, &[(0, 99_999_900, 100_000_000), (1, 8, 5_000)], &[0, 1, 1]);
    let small = ReadLimits { max_bytes: 1_500, ..LIMITS };
    check(&[(0, 0), (0, 600), (0, 1_200)], small, &[(0, 0, 1_200), (0, 1_200, 2_200)], &[0, 0, 1]);
}

#[test]
fn a_gap_is_read_over_where_it_costs_less_than_a_read_however_little_is_wanted() {
    check(&[(0, 0), (0, 101_000)], LIMITS, &[(0, 0, 102_000)], &[0, 0]);
    check(&[(0, 0), (0, 101_001)], LIMITS, &[(0, 0, 1_000), (0, 101_001, 102_001)], &[0, 1]);
    let far = [(0, 0), (0, 100_000), (0, 200_000), (0, 300_000)];
    check(&far, LIMITS, &[(0, 0, 301_000)], &[0; 4]);
    // Where most is not wanted, the half of what a read may be.
    let small = ReadLimits { max_bytes: 500_000, ..LIMITS };
    check(&far, small, &[(0, 0, 201_000), (0, 300_000, 301_000)], &[0, 0, 0, 1]);
}

#[test]
fn a_chunk_outside_of_all_files_is_refused() {
    assert_eq!(plan(&[(0, 8), (2, 8)], 1_000, LIMITS), Err(ChunkRef::new(2, 8)));
    assert_eq!(plan(&[(1, 5_000)], 1_000, LIMITS), Err(ChunkRef::new(1, 5_000)));
}

#[test]
fn the_same_place_twice_is_read_once() {
    check(&[(0, 8), (0, 8)], LIMITS, &[(0, 8, 1_008)], &[0, 0]);
}

#[test]
fn many_neighbours_tell_what_the_last_may_be() {
    let places: Vec<(u32, u32)> = (0..9).map(|number| (0, number * 100)).collect();
    check(&places, LIMITS, &[(0, 0, 1_000)], &[0; 9]);
    check(&places[..8], LIMITS, &[(0, 0, 1_700)], &[0; 8]);
}

/// A read of a file with so much before it and in it, of which so much is wanted.
fn read(file_index: u32, start: u64, size_bytes: u64, wanted_bytes: u64) -> ChunkRead {
    ChunkRead { file_index, range: start..start + size_bytes, chunks: 0..1, wanted_bytes }
}

#[test]
fn memory_is_for_what_is_kept_and_for_some_reads_of_which_little_is() {
    let (dense, sparse) = (read(0, 0, 1_000, 500), read(0, 0, 1_000, 10));
    for (reads, max_bytes, want) in [
        (vec![], 1_000, 0),
        (vec![dense.clone(); 5], 1_000, 5_000),
        (vec![sparse.clone(); 2], 1_000, 2_000),
        (vec![sparse.clone(); 5], 1_000, 50 + 2 * 1_000),
        (vec![dense.clone(), sparse.clone(), sparse.clone(), sparse], 1_000, 1_000 + 30 + 2 * 1_000),
        // One chunk that is larger than a read may be.
        (vec![dense], 100, 1_000),
    ] {
        assert_eq!(memory_bytes(&reads, max_bytes), want, "{reads:?}");
    }
}

#[test]
fn as_many_reads_as_memory_allows_are_on_their_way() {
    let reads = [read(0, 0, 1_000, 1_000), read(0, 2_000, 500, 10), read(0, 4_000, 2_000, 10), read(0, 9_000, 1, 1)];
    for (bytes, want) in [(0, 1), (1_000, 1), (1_499, 1), (1_500, 2), (3_499, 2), (3_500, 3), (3_501, 4), (9_999, 4)] {
        assert_eq!(fitting(&reads, bytes), want, "{bytes} bytes");
    }
}

#[test]
fn small_reads_of_a_file_are_asked_for_at_once() {
    let small: Vec<ChunkRead> = (0..5).map(|at| read(0, at * 100, 10, 10)).collect();
    let in_two: Vec<ChunkRead> = (0..4).map(|at: u32| read(at.min(1), u64::from(at) * 100, 10, 10)).collect();
    let adjoining = [read(0, 0, 10, 10), read(0, 10, 10, 10), read(0, 21, 10, 10)];
    let large = [read(0, 0, 200 << 10, 10), read(0, 300 << 10, 56 << 10, 10), read(0, 400 << 10, 1, 1)];
    for (reads, parts, want) in [
        (&small[..], 1, &[1_usize, 1, 1, 1, 1][..]),
        (&small, 2, &[2, 2, 1]),
        (&small, 32, &[5]),
        (&in_two, 32, &[1, 3]),
        (&adjoining, 32, &[1, 2]),
        (&large, 32, &[2, 1]),
        (&[], 32, &[]),
    ] {
        let counts: Vec<usize> = at_once(reads, parts).iter().map(|some| some.len()).collect();
        assert_eq!(counts, want, "{reads:?}");
    }
}

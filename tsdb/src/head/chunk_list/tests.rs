use super::{FullChunk, Place, build, chunks};

#[track_caller]
fn check(want: &[FullChunk], size_bytes: usize) {
    let mut list = Vec::new();
    build(want.iter().copied(), &mut list);
    assert_eq!(chunks(&list).collect::<Vec<_>>(), want);
    assert_eq!(list.len(), size_bytes);
}

fn chunk(min_ms: i64, max_ms: i64, place: Place) -> FullChunk {
    FullChunk { min_ms, max_ms, place }
}

#[test]
fn chunks_come_back() {
    check(&[], 0);
    check(&[chunk(-5, 7, Place::File(1 << 32 | 8))], 8 + 16);
    check(
        &[
            chunk(1_700_000_000_000, 1_700_001_785_000, Place::File(u64::from(u32::MAX) << 32 | 77)),
            chunk(1_700_001_800_000, 1_700_003_585_000, Place::Kept(0)),
            chunk(1_700_003_600_000, 1_700_003_600_000, Place::File(3 << 32)),
        ],
        8 + 3 * 16,
    );
}

#[test]
fn chunks_far_apart_take_one_more_entry() {
    check(
        &[
            chunk(i64::MIN, i64::MIN + 10, Place::File(1 << 32)),
            chunk(-20, -10, Place::File(1 << 32 | 100)),
            chunk(i64::MAX - 1, i64::MAX, Place::Kept(9)),
        ],
        8 + 5 * 16,
    );
}

use super::{Collected, PIECE_BYTES};
use crate::index::series::{ChunkMeta, encode_chunks};
use crate::segment::ChunkRef;
use proptest::prelude::*;

fn chunks(count: i64) -> Vec<ChunkMeta> {
    (0..count)
        .map(|at| ChunkMeta { min_ms: at * 10, max_ms: at * 10 + 9, place: ChunkRef(at as u64 * 40 + 8) })
        .collect()
}

fn check(series: &[(Vec<u32>, i64)]) {
    let mut collected = Collected::default();
    for (pairs, count) in series {
        collected.push(pairs, &chunks(*count));
    }
    assert_eq!(collected.len(), series.len());
    let (mut walk, mut found) = (collected.walk(), Vec::new());
    while let Some((pairs, chunks)) = walk.next() {
        found.push((pairs.to_vec(), chunks.to_vec()));
    }
    let encoded = series.iter().map(|(pairs, count)| {
        let mut entry = Vec::new();
        encode_chunks(&chunks(*count), &mut entry);
        (pairs.clone(), entry)
    });
    assert_eq!(found, encoded.collect::<Vec<_>>());
}

#[test]
fn series_that_share_most_pairs_take_few_bytes() {
    let shared: Vec<u32> = (1_000_000..1_000_010).collect();
    let series: Vec<_> = (0..1000).map(|number| ([shared.as_slice(), &[number]].concat(), 1)).collect();
    check(&series);
    let mut collected = Collected::default();
    series.iter().for_each(|(pairs, count)| collected.push(pairs, &chunks(*count)));
    assert!(collected.pieces[0].len() < 1000 * 20, "{} bytes", collected.pieces[0].len());
}

#[test]
fn a_record_larger_than_a_piece_has_its_own() {
    let wide: Vec<u32> = (0..PIECE_BYTES as u32 / 4).map(|pair| pair | 1 << 31).collect();
    check(&[(vec![1], 1), (wide, 3), (Vec::new(), 0), (vec![1, 2], 2)]);
}

proptest! {
    #[test]
    fn whatever_was_collected_comes_back(series in prop::collection::vec((prop::collection::vec(0..20_u32, 0..20), 0..5_i64), 0..50)) {
        check(&series);
    }
}

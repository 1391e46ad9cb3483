use super::Near;
use crate::head_chunks::{HeadChunk, HeadChunkRef};
use crate::series::Encoding;
use model::SeriesRef;

#[test]
fn wherever_it_was_before_it_finds_what_a_search_finds() {
    let chunk = |series| HeadChunk {
        series: SeriesRef(series),
        place: HeadChunkRef(series),
        min_ms: 0,
        max_ms: 0,
        encoding: Encoding::Xor,
        samples: 1,
        out_of_order: false,
    };
    for count in [0, 1, 2, 3, 20] {
        // Of series 2, 5, 8 and so on, some with more than one.
        let mut chunks: Vec<_> = (0..count).map(|n| chunk(2 + 3 * (n / (1 + n % 2)))).collect();
        chunks.sort_by_key(|chunk| chunk.series);
        for before in 0..=chunks.len() + 2 {
            for series in 0..70 {
                let mut near = Near(before);
                let want = chunks.partition_point(|chunk| chunk.series < SeriesRef(series));
                assert_eq!(near.first_of(&chunks, SeriesRef(series)), want, "{count}, {before}, {series}");
                assert_eq!(near.first_of(&chunks, SeriesRef(series + 4)), {
                    chunks.partition_point(|chunk| chunk.series < SeriesRef(series + 4))
                });
            }
        }
    }
}

use super::*;
use crate::head::chunk_list::Place;

const BASE_MS: i64 = 1_000;

/// Checks what a word that holds a chunk of these times says of samples at such times.
#[track_caller]
fn check((min_ms, max_ms): (i64, i64), is_newest: bool, want: &[(i64, Known)]) {
    let word = CoverWord::nothing();
    word.set(FullChunk { min_ms, max_ms, place: Place::File(1) }, is_newest, BASE_MS);
    for &(at_ms, want) in want {
        assert_eq!(word.of(at_ms.wrapping_sub(BASE_MS).cast_unsigned()), want, "{at_ms}");
    }
}

use Known::{Covered, Newer, Nothing};

#[test]
fn both_ends_of_a_chunk_are_in_it() {
    let around = |behind| [(1_099, Nothing), (1_100, Covered), (1_150, Covered), (1_200, Covered), (1_201, behind)];
    check((1_100, 1_200), true, &around(Newer));
    check((1_100, 1_200), false, &around(Nothing));
    check((1_000, 1_000), true, &[(999, Newer), (1_000, Covered), (1_001, Newer)]);
}

#[test]
fn times_that_do_not_fit_are_left_to_the_series() {
    let last = BASE_MS + i64::from(u32::MAX);
    check((last - 5, last), false, &[(last - 6, Nothing), (last, Covered), (last + 1, Nothing), (i64::MAX, Nothing)]);
    check((last - 5, last + 1), false, &[(last, Newer), (last + 1, Newer)]);
    check((999, 1_200), false, &[(1_100, Newer), (999, Newer)]);
    let long = BASE_MS + MAX_SPAN_MS.cast_signed();
    check((BASE_MS, long - 1), false, &[(BASE_MS, Covered), (long - 1, Covered), (long, Nothing)]);
    check((BASE_MS, long), false, &[(BASE_MS + 1, Newer), (long, Newer)]);
    check((i64::MIN, i64::MAX), true, &[(0, Newer), (i64::MIN, Newer), (i64::MAX, Newer)]);
}

#[test]
fn without_chunks_all_is_newer() {
    let word = CoverWord::nothing();
    assert_eq!([1, 5, u64::from(u32::MAX), u64::MAX].map(|since_ms| word.of(since_ms)), [Newer; 4]);
    assert_eq!(word.of(0), Nothing, "the series is asked");
}

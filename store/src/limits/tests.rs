use super::*;

#[test]
fn a_limit_is_inside_and_counts_over_all_blocks() {
    let touched = Touched::new(&RequestLimits { series: Some(3), ..RequestLimits::default() });
    assert_eq!(touched.series(2), Ok(()));
    assert_eq!(touched.series(1), Ok(()));
    let reached = touched.series(2).unwrap_err();
    let text = "rpc error: code = ResourceExhausted desc = exceeded series limit: limit 3 violated (got 5)";
    assert_eq!(reached.to_string(), text);
}

#[test]
fn samples_are_chunks_of_120() {
    let touched = Touched::new(&RequestLimits { samples: Some(2_000), ..RequestLimits::default() });
    assert_eq!(touched.chunks(16), Ok(()));
    assert_eq!(touched.chunks(1), Err(LimitReached { what: What::Chunks, limit: 16, got: 17 }));
}

#[test]
fn bytes_tell_what_they_were_for() {
    let touched = Touched::new(&RequestLimits { downloaded_bytes: Some(9), ..RequestLimits::default() });
    let text = touched.bytes(10, Fetch::Chunks).unwrap_err().to_string();
    assert!(text.ends_with("exceeded bytes limit while fetching chunks: limit 9 violated (got 10)"), "{text}");
}

#[test]
fn without_limits_all_goes() {
    let touched = Touched::new(&RequestLimits::default());
    assert_eq!(touched.series(u64::MAX).and(touched.series(u64::MAX)), Ok(()));
    assert_eq!(touched.bytes(u64::MAX, Fetch::Postings), Ok(()));
}

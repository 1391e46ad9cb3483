use super::Fresh;
use model::{HistogramLayout, HistogramRef, Numbers, ResetHint, SampleColumns};

/// Histograms alone are taken all at once where none is a stale marker, and one by one where one may be.
#[test]
fn histograms_alone_are_seen_as_others_are() {
    let layout = HistogramLayout::default();
    for first_start_ms in [0, 3, i64::MAX] {
        let mut columns = SampleColumns::default();
        for at in 0..5_i64 {
            let cells = [at.cast_unsigned(), 0];
            let (hint, numbers) = (ResetHint::Unknown, Numbers::Integer);
            columns.push_histogram(10 * at, HistogramRef { layout: &layout, hint, numbers, cells: &cells, sum: 1.5 });
            columns.set_start(if at >= first_start_ms { 10 * at - 7 } else { 0 });
        }
        let [mut all, mut each] = [Fresh::default(), Fresh::default()];
        all.sift(&columns, false);
        each.sift(&columns, true);
        assert_eq!((&all.times_ms, &all.rows, &all.starts_ms), (&each.times_ms, &each.rows, &each.starts_ms));
        assert_eq!((all.rows.len(), all.sifted, all.floats.len()), (5, true, 0));
    }
}

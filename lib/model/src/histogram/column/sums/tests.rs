use super::KahanColumn;
use crate::histogram::fixture::{histogram, text};
use crate::{HistogramColumn, KahanHistogram};
use proptest::prelude::*;

/// Histograms in a column; equal layouts of neighbours are shared there.
fn column(rows: &[&str]) -> HistogramColumn {
    let mut column = HistogramColumn::default();
    rows.iter().for_each(|row| column.push(histogram(row).as_ref()));
    column
}

/// A column whose layouts are those of `other` where they are equal.
fn column_like(other: &HistogramColumn, rows: &[&str]) -> HistogramColumn {
    let mut column = HistogramColumn::default();
    for row in rows {
        let row = histogram(row);
        let shared = other.layouts().iter().find(|layout| ***layout == **row.layout()).unwrap_or(row.layout());
        column.push_shared(shared, row.as_ref());
    }
    column
}

fn texts(column: &HistogramColumn) -> Vec<String> {
    column.iter().map(|row| text(&crate::FloatHistogram::from_ref(row))).collect()
}

const WIDE: [&str; 3] =
    ["s2 c10 x5.5 z1@0.001 p1:1,2 5:3 n2:3 hgauge", "s2 c1 x1 p1:1,0 5:1 n2:0", "s2 c0.1 x0.1 p1:0.1,0 5:0.2 n2:0"];

/// Texts of histograms with the layout of most, one that has fewer buckets, or one with others.
fn row(others: bool) -> impl Strategy<Value = String> {
    let number =
        || prop_oneof![Just(0.0), Just(-0.0), Just(0.1), Just(1e17), Just(-1e17), Just(f64::INFINITY), -5.0..5.0];
    let numbers = prop::collection::vec(number(), 7);
    let hint = prop_oneof![Just(""), Just(" hreset"), Just(" hkept"), Just(" hgauge")];
    let kind = if others { 0..6_u8 } else { 0..5 };
    (numbers, hint, kind).prop_map(|(numbers, hint, kind)| {
        let [count, sum, zero, a, b, c, d] = numbers[..] else { unreachable!() };
        let buckets = match kind {
            0..=2 => format!("p1:{a},{b} 5:{c} n2:{d}"),
            3 => format!("p2:{b} n2:{d}"),
            4 => format!("p1:{a} 5:{c}"),
            _ => format!("p1:{a},{b},{c}"),
        };
        format!("s2 c{count} x{sum} z{zero}@0.001 {buckets}{hint}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn rows_are_added_as_histograms_are(
        terms in prop::collection::vec(prop::collection::vec(row(false), 3), 0..4),
        odd in prop::collection::vec(row(true), 3),
    ) {
        let first = column(&["s2 c3 x1 z-0@0.001 p1:1,-0 5:0.1 n2:4"; 3]);
        let mut sums = KahanColumn::new(&first).unwrap();
        let mut wanted: Vec<KahanHistogram> =
            first.iter().map(|row| KahanHistogram::new(crate::FloatHistogram::from_ref(row))).collect();
        for rows in terms.iter().chain([&odd]) {
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let term = column_like(&first, &rows);
            let is_at_home = !rows.iter().any(|row| row.contains("p1:") && !row.contains(" 5:"));
            prop_assert_eq!(sums.add(&term), is_at_home);
            if is_at_home {
                for (sum, row) in wanted.iter_mut().zip(term.iter()) {
                    sum.add(row).unwrap();
                }
            }
        }
        let wanted: Vec<String> = wanted.iter().map(|sum| {
            let mut sum = sum.total();
            sum.compact(0);
            text(&sum)
        }).collect();
        prop_assert_eq!(texts(&sums.total()), wanted);
    }
}

#[test]
fn nothing_is_lost_beside_large_numbers() {
    let first = column(&["c1e17 x1e17 z1e17 p1:1e17", "c1 x1 z1 p1:1"]);
    let mut sums = KahanColumn::new(&first).unwrap();
    for term in [["c1 x1 z1 p1:1", "c1e17 x1e17 z1e17 p1:1e17"], ["c-1e17 x-1e17 z-1e17 p1:-1e17"; 2]] {
        assert!(sums.add(&column_like(&first, &term)));
    }
    assert_eq!(texts(&sums.total()), ["s0 c1 x1 z1 p1:1"; 2]);
}

#[test]
fn sums_go_on_one_by_one() {
    let first = column(&["c1e17 x1e17 z1e17 p1:1e17", "c2 x2 z0 p1:2"]);
    let mut sums = KahanColumn::new(&first).unwrap();
    assert!(sums.add(&column_like(&first, &["c1 x1 z1 p1:1"; 2])));
    let totals = sums.into_rows().map(|mut sum| {
        sum.add(histogram("c-1e17 x-1e17 z-1e17 p1:-1e17").as_ref()).unwrap();
        text(&sum.total())
    });
    let totals: Vec<String> = totals.collect();
    assert_eq!(totals[0], "s0 c1 x1 z1 p1:1");
}

#[test]
fn only_rows_of_one_plain_layout_begin_it() {
    assert!(KahanColumn::new(&column(&WIDE)).is_none(), "zero thresholds differ");
    assert!(KahanColumn::new(&column(&WIDE[1..])).is_some());
    assert!(KahanColumn::new(&column(&["b1,2 c1 x1 p0:1"; 2])).is_none(), "custom buckets");
    assert!(KahanColumn::new(&column(&["z1@9 c1 x1 p0:1"; 2])).is_none(), "hidden buckets");
    let mut sums = KahanColumn::new(&column(&WIDE[1..])).unwrap();
    assert!(!sums.add(&column(&WIDE[1..2])), "fewer rows");
}

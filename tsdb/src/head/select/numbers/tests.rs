use super::Numbers;
use crate::head::postings::Postings;

/// Where bitmaps begin another container.
const CONTAINER: u32 = 1 << 16;

/// Those of `series` that have a pair, as they were created: some in runs, some alone.
fn list(postings: &mut Postings, pair: u32, series: impl Iterator<Item = u32>) -> Vec<u32> {
    series.inspect(|&number| postings.add(&[pair], number)).collect()
}

#[test]
fn what_all_series_have_or_nearly_all_is_handed_out_whole() {
    // Beginnings and ends, these outside.
    const RUNS: &[&[(u32, u32)]] = &[
        &[(0, CONTAINER - 1)],
        &[(0, CONTAINER)],
        &[(1, CONTAINER)],
        &[(0, CONTAINER + 1)],
        &[(0, 2 * CONTAINER)],
        &[(0, 3 * CONTAINER + 5000)],
        &[(5000, 3 * CONTAINER)],
        &[(0, CONTAINER), (CONTAINER + 1, 3 * CONTAINER)],
        &[(0, CONTAINER - 1), (CONTAINER, 2 * CONTAINER), (2 * CONTAINER + 7, 2 * CONTAINER + 9)],
    ];
    for runs in RUNS {
        let mut postings = Postings::default();
        let expected = list(&mut postings, 1, runs.iter().flat_map(|&(from, to)| from..to));
        let seventh = list(&mut postings, 2, expected.iter().copied().step_by(7));
        postings.settle();
        let [all, some] = [1, 2].map(|pair| postings.get(pair).unwrap());
        assert!(Numbers::from_list(all).into_rising() == expected, "{runs:?}");
        let mut both = Numbers::from_list(all);
        both.intersect_list(some);
        assert!(both.into_rising() == seventh, "{runs:?}, a seventh");
        let end = expected.last().unwrap() + 1;
        let mut rest = Numbers::up_to(end);
        rest.subtract_list(some);
        let others: Vec<u32> = (0..end).filter(|number| seventh.binary_search(number).is_err()).collect();
        assert!(rest.into_rising() == others, "{runs:?}, all but a seventh");
    }
}

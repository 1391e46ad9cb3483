use super::jittered;
use std::time::Duration;

#[test]
fn ages_differ_by_a_tenth_at_most() {
    let age = Duration::from_secs(1000);
    let mut ages: Vec<Duration> = (0..1000).map(|_| jittered(age)).collect();
    ages.sort_unstable();
    ages.dedup();
    assert!(ages.len() > 100, "{}", ages.len());
    assert!(ages[0] >= Duration::from_secs(900) && ages[ages.len() - 1] <= Duration::from_secs(1100));
    let spread = ages[ages.len() - 1] - ages[0];
    assert!(spread > Duration::from_secs(150), "{spread:?}");
}

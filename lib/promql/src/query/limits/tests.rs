use super::{Cancel, SampleCount};
use crate::QueryError;

#[test]
fn the_first_reason_to_stop_stays() {
    let cancel = Cancel::default();
    assert_eq!(cancel.check(), Ok(()));
    cancel.clone().time_out();
    cancel.cancel();
    assert_eq!(cancel.check(), Err(QueryError::TimedOut));
}

#[test]
fn samples_count_until_they_are_removed() {
    let count = SampleCount::new(10);
    assert_eq!(count.add(10), Ok(()));
    count.remove(4);
    assert_eq!(count.add(4), Ok(()));
    assert_eq!(count.add(1), Err(QueryError::TooManySamples));
}

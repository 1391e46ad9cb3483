use super::*;

/// The answer to a client is 503: the head will have the series when it is asked again.
#[test]
fn a_write_whose_series_were_missed_is_to_be_repeated() {
    let error = not_taken(NotTaken::Missed(3));
    assert!(matches!(&error, WriteError::NotReady(_)), "{error}");
    assert_eq!(error.to_string(), "not ready: 3 series were dropped meanwhile");
}

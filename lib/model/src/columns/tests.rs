use super::SampleColumns;
use crate::STALE_NAN;

#[test]
fn columns_grow_together_and_keep_their_memory() {
    let mut columns = SampleColumns::default();
    assert!(columns.is_empty());
    columns.push(-1, 0.5);
    columns.push(i64::MAX, STALE_NAN);
    assert_eq!((columns.len(), columns.is_empty()), (2, false));
    assert_eq!(columns.timestamps_ms, [-1, i64::MAX]);
    assert_eq!(columns.values[1].to_bits(), STALE_NAN.to_bits());
    let memory = (columns.timestamps_ms.as_ptr(), columns.values.as_ptr());
    columns.clear();
    assert_eq!((columns.len(), columns.is_empty()), (0, true));
    columns.push(1, 1.0);
    assert_eq!((columns.timestamps_ms.as_ptr(), columns.values.as_ptr()), memory);
}

use super::*;

#[test]
fn all_are_counted_and_the_first_told() {
    let mut rejections = Rejections::default();
    assert!(rejections.is_empty());
    rejections.add(Some(1), Rejection::InvalidHistogram, 0, || unreachable!("nothing happened"));
    for series in 0..20 {
        rejections.add(Some(series), Rejection::OutOfOrder, 2, || "é".repeat(600));
    }
    let mut more = Rejections::default();
    more.add(None, Rejection::InvalidHistogram, 7, || "x".into());
    more.merge(rejections.clone());
    assert_eq!(more.counts().collect::<Vec<_>>(), [(Rejection::OutOfOrder, 40), (Rejection::InvalidHistogram, 7)]);
    assert_eq!(more.total(), 47);
    assert_eq!(more.examples().len(), Rejections::MAX_EXAMPLES);
    assert_eq!(more.examples()[0], Rejected { series: None, why: Rejection::InvalidHistogram, detail: "x".into() });
    assert_eq!(more.examples()[1].detail.len(), Rejections::MAX_DETAIL_BYTES);
    rejections.merge(more);
    assert_eq!(rejections.examples().len(), Rejections::MAX_EXAMPLES);
    assert_eq!(rejections.total(), 87);
    rejections.forget(Rejection::OutOfOrder);
    assert_eq!(rejections.counts().collect::<Vec<_>>(), [(Rejection::InvalidHistogram, 7)]);
    assert!(rejections.examples().iter().all(|example| example.why == Rejection::InvalidHistogram));
}

#[test]
fn reasons_are_in_order_and_named_apart() {
    assert!(Rejection::ALL.iter().enumerate().all(|(index, reason)| *reason as usize == index));
    let mut names = Rejection::ALL.map(Rejection::as_str);
    names.sort_unstable();
    assert!(names.array_windows().all(|[left, right]| left != right));
}

#[test]
fn what_was_told_elsewhere_is_taken_out() {
    let mut rejections = Rejections::default();
    for why in [Rejection::TooManyBuckets, Rejection::TooManyBuckets, Rejection::OutOfOrder] {
        rejections.add(Some(1), why, 2, String::new);
    }
    rejections.deduct(Rejection::TooManyBuckets, 3);
    assert_eq!((rejections.count(Rejection::TooManyBuckets), rejections.examples().len()), (1, 3));
    rejections.deduct(Rejection::TooManyBuckets, 3);
    assert_eq!((rejections.total(), rejections.examples().len()), (2, 1));
}

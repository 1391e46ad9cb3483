use super::Most;

#[track_caller]
fn check(most: usize, offered: &[(&str, u64)], want: &[(&str, u64)]) {
    let mut list = Most { most, heap: Default::default() };
    for (name, count) in offered {
        list.offer(*count, || name.as_bytes().to_vec());
    }
    let found = list.finish();
    let found: Vec<_> = found.iter().map(|one| (std::str::from_utf8(&one.name).unwrap(), one.count)).collect();
    assert_eq!(found, want, "{most} of {offered:?}");
}

#[test]
fn a_list_has_the_most_and_of_those_alike_the_first_by_name() {
    let all = [("d", 2), ("a", 1), ("c", 3), ("b", 2), ("e", 3)];
    check(9, &all, &[("c", 3), ("e", 3), ("b", 2), ("d", 2), ("a", 1)]);
    check(3, &all, &[("c", 3), ("e", 3), ("b", 2)]);
    check(1, &all, &[("c", 3)]);
    check(0, &all, &[]);
    check(2, &[], &[]);
}

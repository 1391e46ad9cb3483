use super::*;

/// The text of series of so many bytes each, and the room it was given.
fn written(sizes: &[usize], limit: usize) -> (usize, usize) {
    let mut out = Vec::new();
    let push = |size: &usize, out: &mut Vec<u8>| out.resize(out.len() + size, b'x');
    assert_eq!(push_limited(sizes, limit, &mut out, push), sizes.len() > limit);
    (out.len(), out.capacity())
}

#[test]
fn room_is_made_once_for_series_that_are_alike() {
    let (length, room) = written(&[1_100; 3_000], usize::MAX);
    assert_eq!(length, 2 + 3_000 * 1_101 - 1);
    assert!((length..=length / 8 * 9).contains(&room), "{length} bytes in {room}");
}

#[test]
fn only_for_those_that_are_written() {
    let (length, room) = written(&[1_100; 3_000], 10);
    assert!((length..=2 * length).contains(&room), "{length} bytes in {room}");
    for sizes in [&[][..], &[5]] {
        assert!(written(sizes, 0).1 < 100);
    }
}

#[test]
fn a_large_first_series_makes_no_more_room_than_there_may_be() {
    let mut sizes = [1; 1_000];
    sizes[0] = 1 << 20;
    let (_, room) = written(&sizes, usize::MAX);
    assert!(room <= MOST_ROOM_BYTES + (2 << 20), "{room}");
}

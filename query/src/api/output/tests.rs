use super::*;
use promql::FloatColumn;

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

/// Of every length of a time's text.
#[test]
fn samples_of_steps_are_written_as_samples_are() {
    for start_ms in [0, 999, -1_500, 1_700_000_000_123, -9_223_372_036_854_775_807, 9_223_372_036_854_770_000] {
        let grid = Grid::range(start_ms, start_ms + 2_500, 1_250);
        let texts = StepTexts::new(&grid);
        for column in [FloatColumn::full([1.5, -2.0, f64::NAN]), FloatColumn::constant(1e300, 3)] {
            let (mut out, mut want) = (Vec::new(), Vec::new());
            texts.push(&column, &mut out);
            json::push_list(grid.times_ms().zip(0..), &mut want, |(time_ms, step), out| {
                json::push_sample(time_ms, column.get(step).unwrap(), out);
            });
            assert_eq!(String::from_utf8(out), String::from_utf8(want));
        }
    }
}

use super::Runes;

#[test]
fn valid_values_are_left_alone() {
    for value in ["", "a", "日本😀\u{fffd}"] {
        assert!(Runes::of_invalid(value.as_bytes()).is_none(), "{value:?}");
    }
}

#[test]
fn each_stray_byte_is_one_character() {
    // A lone byte, a cut-off character (two bytes, so two), a good character, a surrogate (three).
    let value = b"a\xff\xe6\x97\xe6\x97\xa5\xed\xa0\x80";
    let runes = Runes::of_invalid(value).unwrap();
    assert_eq!(runes.bytes(), "a\u{fffd}\u{fffd}\u{fffd}日\u{fffd}\u{fffd}\u{fffd}".as_bytes());
    let at = |range| runes.original(range);
    assert_eq!([at(0..1), at(1..4), at(4..10), at(10..13), at(13..22)], [0..1, 1..2, 2..4, 4..7, 7..10]);
}

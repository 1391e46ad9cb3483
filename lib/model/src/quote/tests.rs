use super::Quoted;

#[track_caller]
fn check(bytes: &[u8], want: &str) {
    assert_eq!(Quoted(bytes).to_string(), want);
}

#[test]
fn quotes_as_go_does() {
    check(b"", r#""""#);
    check(b"plain", r#""plain""#);
    check(br#"a"b\c'"#, r#""a\"b\\c'""#);
    check(b"\x07\x08\x0c\n\r\t\x0b", r#""\a\b\f\n\r\t\v""#);
    check(b"\0\x1b\x7f", r#""\x00\x1b\x7f""#);
    check("é日本😀\u{301}²§".as_bytes(), "\"é日本😀\u{301}²§\"");
    // Spaces and what has no glyph, in and beyond the first 65,536.
    check("\u{a0}\u{2028}\u{200b}\u{e000}\u{feff}".as_bytes(), r#""\u00a0\u2028\u200b\ue000\ufeff""#);
    check("\u{e0001}\u{10ffff}".as_bytes(), r#""\U000e0001\U0010ffff""#);
    // Bytes that are no UTF-8, one by one; a real U+FFFD stays.
    check(b"a\xffb\xe6\x97", r#""a\xffb\xe6\x97""#);
    check("\u{fffd}".as_bytes(), "\"\u{fffd}\"");
}

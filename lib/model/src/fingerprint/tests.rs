use super::{Fingerprinter, write_canonical_region};
use crate::Labels;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

#[track_caller]
fn check(pairs: &[(&str, &str)], want: &[u8]) {
    let mut region = b"kept".to_vec();
    write_canonical_region(labels(pairs).as_ref(), &mut region);
    assert_eq!(region.strip_prefix(b"kept"), Some(want), "{pairs:?}");
}

#[test]
fn the_region_is_what_a_sender_writes() {
    check(&[], b"");
    check(&[("a", "b")], b"\x0a\x06\x0a\x01a\x12\x01b");
    check(&[("job", "node"), ("__name__", "up")], b"\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x0b\x0a\x03job\x12\x04node");
}

#[test]
fn sizes_are_minimal_varints() {
    // (size of the value, the varint of the label, the varint of the value)
    for (size, outer, inner) in [
        // The label's own size needs a second byte before the value's does: 122 + 5 = 127, 123 + 5 = 128.
        (122, &b"\x7f"[..], &b"\x7a"[..]),
        (123, b"\x80\x01", b"\x7b"),
        (127, b"\x84\x01", b"\x7f"),
        (128, b"\x86\x01", b"\x80\x01"),
        (16_383, b"\x85\x80\x01", b"\xff\x7f"),
        (16_384, b"\x87\x80\x01", b"\x80\x80\x01"),
    ] {
        let value = "v".repeat(size);
        let want = [b"\x0a", outer, b"\x0a\x01n\x12", inner, value.as_bytes()].concat();
        check(&[("n", &value)], &want);
    }
}

#[test]
fn labels_and_their_region_have_one_name() {
    let fingerprinter = Fingerprinter::new(std::array::from_fn(|i| i as u8));
    let mut scratch = b"left over".to_vec();
    let of_labels = fingerprinter.of_labels(labels(&[("a", "b")]).as_ref(), &mut scratch);
    assert_eq!(of_labels, fingerprinter.of_region(b"\x0a\x06\x0a\x01a\x12\x01b"));
    assert_ne!(of_labels, fingerprinter.of_labels(labels(&[("a", "c")]).as_ref(), &mut scratch));
    assert_ne!(of_labels, Fingerprinter::new([7; 192]).of_region(&scratch), "another key, another name");
}

#[test]
fn the_key_does_not_print() {
    assert_eq!(format!("{:?}", Fingerprinter::new([65; 192])), "Fingerprinter(secret)");
}

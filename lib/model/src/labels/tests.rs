use super::{InvalidLabels, Labels, LabelsBuilder, LabelsRef, PackedBuilder};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn set(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

fn pairs_of(labels: LabelsRef<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    labels.iter().map(|label| (label.name.to_vec(), label.value.to_vec())).collect()
}

#[track_caller]
fn check_packed(pairs: &[(&str, &str)], want: &[u8]) {
    let labels = set(pairs);
    assert_eq!(labels.as_ref().as_packed(), want, "{labels:?}");
    assert_eq!(Labels::from_packed(want), Ok(labels));
}

#[test]
fn packs_in_order_of_names() {
    check_packed(&[], b"");
    check_packed(&[("a", "b")], b"\x01a\x01b");
    check_packed(&[("b", "2"), ("a", "10")], b"\x01a\x0210\x01b\x012");
    check_packed(&[("job", "x"), ("Zone", "y"), ("__name__", "up")], b"\x04Zone\x01y\x08__name__\x02up\x03job\x01x");
    // Whoever has no value is not there, even twice.
    check_packed(&[("a", ""), ("b", "1"), ("b", "")], b"\x01b\x011");
}

#[test]
fn sizes_change_form_at_255() {
    for (size, prefix) in [
        (254, &b"\xfe"[..]),
        (255, b"\xff\xff\0\0"),
        (256, b"\xff\0\x01\0"),
        (65_535, b"\xff\xff\xff\0"),
        (65_536, b"\xff\0\0\x01"),
        (0xff_ffff, b"\xff\xff\xff\xff"),
    ] {
        let long = vec![b'x'; size];
        for (name, value) in [(b"n".to_vec(), long.clone()), (long.clone(), b"v".to_vec())] {
            let labels = Labels::from_pairs([(name.clone(), value.clone())]).unwrap();
            assert!(labels.as_ref().as_packed().windows(prefix.len()).any(|bytes| bytes == prefix), "size {size}");
            assert_eq!(labels.as_ref().as_packed().len(), size + prefix.len() + 2);
            let again = Labels::from_packed(labels.as_ref().as_packed()).unwrap();
            assert_eq!(again.get(&name), Some(&*value), "size {size}");
        }
    }
    let size_bytes = 0x100_0000;
    assert_eq!(Labels::from_pairs([("n", vec![0; size_bytes])]), Err(InvalidLabels::TooLong { size_bytes }));
}

#[track_caller]
fn check_malformed(packed: &[u8], at: usize) {
    assert_eq!(LabelsRef::from_packed(packed), Err(InvalidLabels::Malformed { at }), "{packed:x?}");
    // Iterating anyway ends, at the latest where the fault is.
    let before = LabelsRef::from_packed(&packed[..at]).unwrap();
    let all = LabelsRef::from_packed_unchecked(packed);
    assert_eq!(pairs_of(all)[..before.len()], pairs_of(before), "{packed:x?}");
}

#[test]
fn malformed_bytes_are_refused() {
    check_malformed(b"\x01", 0);
    check_malformed(b"\x01a", 0);
    check_malformed(b"\x01a\x02b", 0);
    check_malformed(b"\x01a\x01b\x01", 4);
    check_malformed(b"\x01a\x01b\xff", 4);
    check_malformed(b"\x01a\x01b\xff\xff\0", 4);
    check_malformed(b"\x01a\xff\xff\xff\xffb", 0);
    // Empty names, names that do not rise, repeated names.
    check_malformed(b"\0\x01b", 0);
    check_malformed(b"\x01b\x011\x01a\x011", 4);
    check_malformed(b"\x01a\x011\x01a\x012", 4);
    // A size that would fit in one byte.
    check_malformed(b"\x01a\xff\x01\0\0b", 0);
    check_malformed(&[b"\x01a\xff\xfe\0\0", &[b'x'; 254][..]].concat(), 0);
}

#[test]
fn builders_refuse_what_is_no_set() {
    let repeated = || Err(InvalidLabels::DuplicateName("a".into()));
    assert_eq!(Labels::from_pairs([("a", "1"), ("b", "1"), ("a", "1")]), repeated());
    assert_eq!(Labels::from_pairs([("", "1")]), Err(InvalidLabels::EmptyName));
    let mut packed = PackedBuilder::default();
    for name in ["a", "b", "a"] {
        packed.push(name.as_bytes(), b"1").unwrap();
    }
    assert_eq!(packed.finish().map(LabelsRef::to_owned), repeated());
    packed.clear();
    packed.push(b"a", b"1").unwrap();
    packed.push(b"a", b"2").unwrap();
    assert_eq!(packed.finish().map(LabelsRef::to_owned), repeated(), "in a row");
    assert_eq!(packed.push(b"", b"1"), Err(InvalidLabels::EmptyName));
}

#[test]
fn finds_labels() {
    let labels = set(&[("a", "1"), ("ab", "2"), ("c", "3")]);
    let got = ["", "a", "aa", "ab", "b", "c", "d"].map(|name| labels.get(name.as_bytes()));
    assert_eq!(got, [None, Some(&b"1"[..]), None, Some(b"2"), None, Some(b"3"), None]);
    assert_eq!((labels.as_ref().len(), labels.as_ref().is_empty()), (3, false));
    assert_eq!((Labels::empty().as_ref().len(), Labels::empty().as_ref().is_empty()), (0, true));
}

#[test]
fn splits_before_a_name() {
    let labels = set(&[("a", "1"), ("b", "2"), ("c", "3")]);
    let split = |name: &str| labels.as_ref().split_before(name.as_bytes()).to_owned();
    assert_eq!(split("a"), Labels::empty());
    assert_eq!(split("b"), set(&[("a", "1")]));
    assert_eq!(split("bb"), set(&[("a", "1"), ("b", "2")]));
    assert_eq!(split("d"), labels);
}

#[test]
fn edits() {
    #[track_caller]
    fn check(edit: fn(&mut LabelsBuilder), want: &[(&str, &str)]) {
        let labels = set(&[("a", "1"), ("b", "2")]);
        let mut edited = labels.edit();
        edit(&mut edited);
        assert_eq!(edited.build(), Ok(set(want)));
        assert_eq!(labels, set(&[("a", "1"), ("b", "2")]), "the original stays");
    }
    check(|_| {}, &[("a", "1"), ("b", "2")]);
    check(|edited| edited.push("0", "x"), &[("0", "x"), ("a", "1"), ("b", "2")]);
    check(|edited| edited.set(b"a", b"9"), &[("a", "9"), ("b", "2")]);
    check(|edited| edited.set(b"c", b"9"), &[("a", "1"), ("b", "2"), ("c", "9")]);
    check(|edited| edited.set(b"a", b""), &[("b", "2")]);
    check(|edited| edited.remove(b"b"), &[("a", "1")]);
    check(|edited| edited.retain(|name| name == b"b"), &[("b", "2")]);
}

#[test]
fn prints_for_people() {
    assert_eq!(format!("{:?}", set(&[("a", "x\"\n"), ("b", "é")])), r#"{a="x\"\n", b="é"}"#);
    assert_eq!(format!("{:?}", Labels::empty()), "{}");
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Strings that collide, share prefixes, and reach into the long form.
fn string() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(prop::sample::select(&b"ab\0\xff"[..]), 0..4),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (250usize..260).prop_map(|size| vec![b'l'; size]),
    ]
}

fn any_pairs() -> impl Strategy<Value = Pairs> {
    prop::collection::vec((string(), string()), 0..6)
}

fn packed_by_builder(pairs: &Pairs) -> Result<Labels, InvalidLabels> {
    let mut builder = PackedBuilder::default();
    for (name, value) in pairs {
        builder.push(name, value)?;
    }
    builder.finish().map(LabelsRef::to_owned)
}

proptest! {
    #[test]
    fn packing_keeps_all(map in prop::collection::btree_map(string(), string(), 0..6)) {
        let map: BTreeMap<_, _> = map.into_iter().filter(|(name, value)| !name.is_empty() && !value.is_empty()).collect();
        let labels = Labels::from_pairs(map.clone()).unwrap();
        prop_assert_eq!(pairs_of(labels.as_ref()), map.clone().into_iter().collect::<Pairs>());
        prop_assert_eq!(&Labels::from_packed(labels.as_ref().as_packed()).unwrap(), &labels);
        for (name, value) in &map {
            prop_assert_eq!(labels.get(name), Some(&**value));
        }
    }

    #[test]
    fn order_is_that_of_the_pairs(common in any_pairs(), left in any_pairs(), right in any_pairs()) {
        let set = |own: Pairs| Labels::from_pairs(common.clone().into_iter().chain(own).collect::<BTreeMap<_, _>>());
        if let (Ok(left), Ok(right)) = (set(left), set(right)) {
            let pairs = pairs_of(left.as_ref()).cmp(&pairs_of(right.as_ref()));
            prop_assert_eq!(left.cmp(&right), pairs, "{:?} against {:?}", left, right);
            prop_assert_eq!(left == right, pairs.is_eq());
        }
    }

    #[test]
    fn both_builders_agree(pairs in any_pairs()) {
        let built = Labels::from_pairs(pairs.clone());
        let packed = packed_by_builder(&pairs);
        // Which fault is named first may differ, and an empty name without a value is a fault to one only.
        prop_assert!(built == packed || packed.is_err() && pairs.iter().any(|(name, _)| name.is_empty()), "{:?} {:?}", built, packed);
    }

    #[test]
    fn hostile_bytes_are_refused_or_a_set(bytes in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..40)) {
        if let Ok(labels) = LabelsRef::from_packed(&bytes) {
            let mut packed = Vec::new();
            for (name, value) in pairs_of(labels) {
                super::push_packed(&mut packed, &name).unwrap();
                super::push_packed(&mut packed, &value).unwrap();
            }
            prop_assert_eq!(packed, bytes);
        } else {
            let labels = LabelsRef::from_packed_unchecked(&bytes);
            pairs_of(labels);
            let shorter = LabelsRef::from_packed_unchecked(&bytes[..bytes.len() / 2]);
            prop_assert_eq!(labels.cmp(&shorter), shorter.cmp(&labels).reverse());
        }
    }
}

use super::PackedBuilder;

#[test]
fn a_packed_builder_reuses_its_memory() {
    let mut builder = PackedBuilder::default();
    let mut fill = |names: [&str; 3]| {
        builder.clear();
        let kept = (builder.arrived.capacity(), builder.places.capacity(), builder.sorted.capacity());
        for name in names {
            builder.push(name.as_bytes(), &[b'v'; 300]).unwrap();
        }
        builder.push(b"empty", b"").unwrap();
        assert_eq!((builder.len(), builder.is_empty()), (3, false));
        let labels = builder.finish().unwrap();
        let packed = labels.as_packed().as_ptr();
        let labels = labels.to_owned();
        let grown = (builder.arrived.capacity(), builder.places.capacity(), builder.sorted.capacity());
        (labels, kept, grown, packed == builder.arrived.as_ptr())
    };
    let (first, _, grown, _) = fill(["c", "a", "b"]);
    assert_eq!(fill(["c", "a", "b"]), (first.clone(), grown, grown, false));
    // Labels in order stay where they are, also after a set that had to be sorted.
    assert_eq!(fill(["a", "b", "c"]), (first, grown, grown, true));
}

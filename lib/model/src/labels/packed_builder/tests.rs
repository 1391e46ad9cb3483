use super::PackedBuilder;

#[test]
fn a_packed_builder_reuses_its_memory() {
    let mut builder = PackedBuilder::default();
    let mut fill = |names: [&str; 3]| {
        builder.clear();
        for name in names {
            builder.push(name.as_bytes(), &[b'v'; 300]).unwrap();
        }
        builder.push(b"empty", b"").unwrap();
        assert_eq!((builder.len(), builder.is_empty()), (3, false));
        let labels = builder.finish().unwrap().to_owned();
        (labels, builder.arrived.as_ptr(), builder.places.as_ptr(), builder.sorted.as_ptr())
    };
    let first = fill(["c", "a", "b"]);
    assert_eq!(fill(["c", "a", "b"]), first);
    let sorted = fill(["a", "b", "c"]);
    assert_eq!(sorted.0, first.0);
}

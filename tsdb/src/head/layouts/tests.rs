use super::Layouts;
use model::{HistogramLayout, Span};

fn layout(schema: i32, length: u32, bounds: &[f64]) -> HistogramLayout {
    HistogramLayout::new(schema, 0.0, vec![Span { offset: 0, length }], Vec::new(), bounds.to_vec()).unwrap()
}

#[test]
fn equal_layouts_are_one_and_go_with_the_last_that_has_them() {
    let mut layouts = Layouts::default();
    let kinds =
        [layout(0, 1, &[]), layout(1, 1, &[]), layout(0, 2, &[]), layout(-53, 1, &[1.0]), layout(-53, 1, &[2.0])];
    let ids: Vec<_> = kinds.iter().map(|kind| layouts.intern(kind)).collect();
    for (kind, &id) in kinds.iter().zip(&ids) {
        assert_eq!(layouts.intern(kind), id);
        assert_eq!(**layouts.get(id), *kind);
    }
    layouts.release(ids[2]);
    assert_eq!(layouts.intern(&kinds[2]), ids[2], "one has it still");
    layouts.release(ids[2]);
    layouts.release(ids[2]);
    let other = layout(7, 7, &[]);
    assert_eq!(layouts.intern(&other), ids[2], "its number is given out again");
    assert_ne!(layouts.intern(&kinds[2]), ids[2]);
    assert_eq!(**layouts.get(ids[2]), other);
    assert_eq!((layouts.entries.len(), layouts.table.len()), (6, 6));
}

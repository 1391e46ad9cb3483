use super::{Annotations, Level, Repair};
use crate::ast::Span;
use crate::plan::Twins;

/// The notes of a query that has no twins.
fn settled(notes: Annotations) -> Annotations {
    notes.settled(&Twins::default())
}

fn span(start: usize, end: usize) -> Span {
    Span { start, end }
}

#[test]
fn a_text_is_said_once_at_the_place_evaluated_last() {
    let mut notes = Annotations::default();
    notes.add(Level::Info, "odd", span(10, 19), span(11, 12));
    notes.add(Level::Info, "odd", span(0, 9), span(1, 2));
    notes.add(Level::Warning, "bad", span(0, 19), span(0, 19));
    let (warnings, infos) = settled(notes).render("0123456789\n123456789", 0);
    assert_eq!((warnings, infos), (vec!["bad (1:1)".to_owned()], vec!["odd (2:1)".to_owned()]));
}

#[test]
fn what_contains_an_expression_is_evaluated_after_it() {
    let mut notes = Annotations::default();
    notes.add(Level::Info, "odd", span(0, 9), span(0, 9));
    notes.add(Level::Info, "odd", span(4, 9), span(5, 9));
    assert_eq!(settled(notes).render("0123456789", 0).1, ["odd (1:1)"]);
}

#[test]
fn what_is_too_much_is_counted() {
    let mut notes = Annotations::default();
    for text in ["a", "b", "c"] {
        notes.add(Level::Warning, text, span(0, 1), span(0, 1));
    }
    assert_eq!(settled(notes).render("x", 2).0, ["a (1:1)", "b (1:1)", "1 more warning annotations omitted"]);
}

#[test]
fn repairs_speak_together_from_the_first_place() {
    let repair = |bucket, ms| Repair {
        min_bucket: bucket,
        max_bucket: bucket,
        max_diff: bucket,
        first_ms: ms,
        last_ms: ms,
        more_samples: 0,
    };
    let mut notes = Annotations::default();
    notes.add_repair("fixed".to_owned(), span(8, 9), span(8, 9), repair(2.0, 60_000));
    notes.add_repair("fixed".to_owned(), span(2, 3), span(2, 3), repair(0.5, 0));
    let want = "fixed, from buckets 0.5 to 2, with a max diff of 2, over 2 samples from 1970-01-01T00:00:00Z to \
                1970-01-01T00:01:00Z (1:3)";
    assert_eq!(settled(notes).render("0123456789", 0).1, [want]);
}

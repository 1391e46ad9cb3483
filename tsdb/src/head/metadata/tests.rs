use super::Metadata;
use model::{MetadataRef, MetricKind};

fn said(kind: MetricKind, help: &str) -> MetadataRef<'_> {
    MetadataRef { kind, unit: b"s", help: help.as_bytes() }
}

#[test]
fn the_last_word_counts_and_texts_are_shared() {
    let mut metadata = Metadata::default();
    let (old, new) = (said(MetricKind::Counter, "old"), said(MetricKind::Counter, "new"));
    for number in 0..100 {
        assert!(metadata.set(number, old));
        assert!(!metadata.set(number, old));
    }
    assert_eq!(metadata.entries.len(), 1);
    assert!(metadata.set(7, new));
    assert_eq!((metadata.get(7), metadata.get(8), metadata.get(100)), (Some(new), Some(old), None));
    let other_kind = said(MetricKind::Gauge, "old");
    assert!(metadata.set(8, other_kind));
    assert_eq!((metadata.get(8), metadata.entries.len()), (Some(other_kind), 3));
}

#[test]
fn what_no_series_says_any_longer_is_freed() {
    let mut metadata = Metadata::default();
    for round in 0..1000 {
        let help = format!("revision {round} {}", "x".repeat(5000));
        assert!(metadata.set(1, said(MetricKind::Summary, &help)));
        assert_eq!(metadata.get(1), Some(said(MetricKind::Summary, &help)));
    }
    metadata.remove(1);
    metadata.remove(1);
    assert_eq!(metadata.get(1), None);
    assert!(metadata.table.is_empty() && metadata.entries.len() <= 2, "{} entries", metadata.entries.len());
    assert!(metadata.size_bytes() < 100_000, "{}", metadata.size_bytes());
    assert!(metadata.set(1, MetadataRef::default()), "nothing said is something else than an empty word");
}

use super::Regions;
use crate::snapshot::SnapshotDecoder;
use crate::wal::push_labels;
use model::{Fingerprinter, Labels};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Label sets. Most have the same names, so that runs of labels in the middle stay what they were for several in a row.
fn label_sets() -> impl Strategy<Value = Vec<BTreeMap<String, String>>> {
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
    let same_names = prop::array::uniform5("[xy]")
        .prop_map(|values| NAMES.map(str::to_owned).into_iter().zip(values).collect::<BTreeMap<_, _>>());
    let any_names = prop::collection::btree_map("[a-d]", "[xy]{1,2}|z{120,140}", 0..5);
    prop::collection::vec(prop_oneof![3 => same_names, 1 => any_names], 1..10)
}

proptest! {
    /// Neighbours in a snapshot have the fingerprints that they have alone.
    #[test]
    fn a_fingerprint_is_that_of_the_labels_alone(sets in label_sets()) {
        let fingerprinter = Fingerprinter::new([7; 192]);
        let (mut regions, mut decoder, mut scratch) = (Regions::default(), SnapshotDecoder::default(), Vec::new());
        for set in sets {
            let labels = Labels::from_pairs(set).unwrap();
            let mut record = vec![1, 0, 0, 0, 0, 0, 0, 0, 9];
            push_labels(&mut record, labels.as_ref());
            record.extend_from_slice(&[0; 9]);
            let (series, alike) = decoder.series(&record).unwrap();
            let found = regions.fingerprint(series.labels, alike, &fingerprinter);
            prop_assert_eq!(found, fingerprinter.of_labels(labels.as_ref(), &mut scratch));
        }
    }
}

use super::{LabelScratch, LabelTable, NameSet};
use model::Labels;

fn labels(text: &str) -> Labels {
    Labels::from_pairs(text.split_whitespace().filter_map(|pair| pair.split_once('='))).unwrap()
}

#[track_caller]
fn check(from: &str, change: impl FnOnce(&mut LabelScratch), want: &str) {
    let mut scratch = LabelScratch::default();
    scratch.start(labels(from).as_ref());
    change(&mut scratch);
    assert_eq!(scratch.labels().to_owned(), labels(want));
}

#[test]
fn metadata_goes_and_everything_else_stays() {
    check(
        "A=1 __name__=x __type__=counter __unit__=s __x__=1 a=2",
        |set| assert!(set.drop_metadata()),
        "A=1 __x__=1 a=2",
    );
    check("a=1 b=2", |set| assert!(!set.drop_metadata()), "a=1 b=2");
    check("__name__=x", |set| assert!(set.drop_metadata()), "");
    let long = "v".repeat(255);
    let from = format!("A={long} __name__={long} __t=1 __unit__={} a=2", "s".repeat(254));
    check(&from, |set| assert!(set.drop_metadata()), &format!("A={long} __t=1 a=2"));
}

#[test]
fn a_label_is_set_where_it_belongs() {
    check("b=2 d=4", |set| set.set(b"a", b"1"), "a=1 b=2 d=4");
    check("b=2 d=4", |set| set.set(b"c", b"3"), "b=2 c=3 d=4");
    check("b=2 d=4", |set| set.set(b"d", b"5"), "b=2 d=5");
    check("b=2 d=4", |set| set.set(b"e", b"5"), "b=2 d=4 e=5");
    check("b=2 d=4", |set| set.set(b"b", b""), "d=4");
    check("b=2", |set| set.set(b"c", b""), "b=2");
}

#[test]
fn long_values_keep_their_size() {
    let long = "v".repeat(300);
    check(
        &format!("a={long} b=1"),
        |set| set.set(b"c", "w".repeat(255).as_bytes()),
        &format!("a={long} b=1 c={}", "w".repeat(255)),
    );
}

fn kept(names: &NameSet, from: &Labels) -> Labels {
    let mut packed = Vec::new();
    names.write(from.as_ref(), &mut packed);
    Labels::from_packed(packed).unwrap()
}

#[test]
fn a_set_of_names_keeps_or_drops() {
    let from = labels("__name__=x a=1 b=2 c=3");
    let names = [b"a".to_vec(), b"c".to_vec()];
    assert_eq!(kept(&NameSet::only(&names), &from), labels("a=1 c=3"));
    assert_eq!(kept(&NameSet::without(&names), &from), labels("b=2"));
    assert_eq!(kept(&NameSet::except(&names), &from), labels("__name__=x b=2"));
    assert_eq!(kept(&NameSet::only(&names).also(b"b"), &from), labels("a=1 b=2 c=3"));
}

#[test]
fn equal_sets_share_a_number() {
    let mut table = LabelTable::default();
    assert_eq!(table.insert(labels("a=1").as_ref()), (0, true));
    assert_eq!(table.insert(labels("a=2").as_ref()), (1, true));
    assert_eq!(table.insert(labels("a=1").as_ref()), (0, false));
    assert_eq!(table.find(labels("a=3").as_ref()), None);
    assert_eq!((table.find(labels("a=2").as_ref()), table.len()), (Some(1), 2));
    assert_eq!(table.get(1), &labels("a=2"));
    // Those that were compared one by one are found when there are many, and the other way round.
    let many: Vec<Labels> = (1..40).map(|number| labels(&format!("a={number}"))).collect();
    for (id, set) in many.iter().enumerate().rev().chain(many.iter().enumerate()) {
        let was_known = table.find(set.as_ref()).is_some();
        let (found, is_new) = table.insert(set.as_ref());
        assert_eq!((is_new, table.find(set.as_ref()), table.get(found)), (!was_known, Some(found), set), "{id}");
    }
    assert_eq!(table.len(), many.len());
}

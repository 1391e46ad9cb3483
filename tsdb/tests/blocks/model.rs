//! Against a list that is filtered.

use crate::sample::{Series, open, select, spec, write};
use model::{Labels, MatchOp, Matcher, TimeRange};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;
use testkit::SimFs;
use tsdb::SeriesSource;
use tsdb::fs::Fs;

/// Pseudo-random numbers: series in such numbers as are needed here take too long to make of strategies.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn labels(&mut self) -> Labels {
        // "pod" has many values, so that unions take all of their forms.
        let pod = if self.throw(2) == 0 { String::new() } else { format!("pod-{}", self.throw(400)) };
        let one_of = |dice: &mut Self, values: &[&'static str]| values[dice.throw(values.len() as u64) as usize];
        let name = one_of(self, &["", "x", "y"]);
        let job = one_of(self, &["", "a", "aa", "ab", "b", "bb"]);
        let zone = one_of(self, &["", "a", "b"]);
        Labels::from_pairs([("__name__", name), ("job", job), ("zone", zone), ("pod", &pod)]).unwrap()
    }

    fn samples(&mut self) -> Vec<(i64, u64)> {
        let mut at_ms = 0;
        let mut next_ms = |step: u64| {
            at_ms += 1 + step as i64;
            at_ms
        };
        (0..1 + self.throw(12)).map(|_| (next_ms(self.throw(20)), self.throw(9))).collect()
    }
}

fn any_series() -> impl Strategy<Value = Series> {
    let count = prop_oneof![4 => 1..20_usize, 1 => Just(2500_usize)];
    (any::<u64>(), count).prop_map(|(seed, count)| {
        let mut dice = Dice(seed);
        (0..count).map(|_| (dice.labels(), dice.samples())).collect()
    })
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let op = prop_oneof![Just(MatchOp::Equal), Just(MatchOp::NotEqual), Just(MatchOp::Regex), Just(MatchOp::NotRegex)];
    let name = prop_oneof![Just("__name__"), Just("job"), Just("zone"), Just("pod"), Just("none"), Just("")];
    let value = prop_oneof![
        prop::sample::select(vec!["", "a", "ab", "b", "x"]).prop_map(str::to_owned),
        Just("a|b|".to_owned()),
        Just("a|bb|x".to_owned()),
        Just("a.*".to_owned()),
        Just(".*".to_owned()),
        Just(".+".to_owned()),
        Just("pod-1.*".to_owned()),
        Just("pod-.*[02468]".to_owned()),
        Just("pod-17|pod-3|pod-399".to_owned()),
    ];
    (op, name, value).prop_map(|(op, name, value)| Matcher::new(op, name, value).unwrap())
}

fn accepts(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn answers_are_those_of_a_filtered_list(
        series in any_series(),
        matchers in prop::collection::vec(any_matcher(), 0..4),
        (start_ms, length_ms) in (-10_i64..110, 0_i64..120),
    ) {
        let (fs, dir) = (SimFs::new(), Path::new("/data"));
        fs.create_dir_all(dir).unwrap();
        write(&fs, dir, spec(&series), &series).unwrap();
        let block = open(&fs, dir).unwrap();
        let range = TimeRange::new(start_ms, start_ms + length_ms).unwrap();

        let chosen = || series.iter().filter(|(labels, _)| accepts(&matchers, labels));
        // Whole chunks of five samples, if they touch the range.
        let in_range = |samples: &[(i64, u64)]| -> Vec<(i64, u64)> {
            let touches = |chunk: &&[(i64, u64)]| chunk[0].0 <= range.max_ms() && range.min_ms() <= chunk.last().unwrap().0;
            samples.chunks(5).filter(touches).flatten().copied().collect()
        };
        let want: Vec<_> = chosen()
            .map(|(labels, samples)| (labels.clone(), in_range(samples)))
            .filter(|(_, samples)| !samples.is_empty())
            .collect();
        prop_assert_eq!(select(&block, &matchers, range).unwrap(), want);

        let names: BTreeSet<_> = chosen().flat_map(|(labels, _)| labels.iter().map(|label| label.name)).collect();
        prop_assert_eq!(block.label_names(&matchers).unwrap(), names.into_iter().collect::<Vec<_>>());
        for name in ["job", "pod", "none", ""] {
            let values: BTreeSet<_> = chosen().filter_map(|(labels, _)| labels.get(name.as_bytes())).collect();
            prop_assert_eq!(block.label_values(name.as_bytes(), &matchers).unwrap(), values.into_iter().collect::<Vec<_>>());
        }
    }
}

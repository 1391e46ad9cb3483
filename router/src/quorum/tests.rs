use super::*;

const S: Vote = Vote::Stored;
const C: Vote = Vote::Conflict;
const F: Vote = Vote::Failed;

/// The verdict as a word, and after how many answers it was there.
fn judge(replication_factor: usize, votes: &[Vote]) -> (&'static str, usize) {
    let mut quorum = Quorum::new(1, Thresholds::new(replication_factor));
    for (asked, vote) in votes.iter().enumerate() {
        quorum.vote([0], *vote);
        if let Some(verdict) = quorum.verdict() {
            return (word(&verdict), asked + 1);
        }
    }
    ("open", votes.len())
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Stored(_) => "stored",
        Verdict::Conflict { .. } => "conflict",
        Verdict::Unavailable => "unavailable",
    }
}

#[track_caller]
fn check(replication_factor: usize, votes: &[Vote], want: &str, after: usize) {
    assert_eq!(judge(replication_factor, votes), (want, after), "{replication_factor} {votes:?}");
}

#[test]
fn a_verdict_comes_as_soon_as_it_is_sure() {
    check(1, &[S], "stored", 1);
    check(2, &[F, S], "stored", 2);
    check(2, &[C, F], "unavailable", 2);
    check(2, &[C, C], "conflict", 2);
    check(3, &[S, S, F], "stored", 2);
    check(3, &[C, C, F], "conflict", 2);
    check(3, &[F, F, S], "unavailable", 2);
    check(3, &[S, C, F], "unavailable", 3);
    check(4, &[S, S, F, F], "unavailable", 4);
    check(4, &[S, S, C, F], "unavailable", 4);
    check(4, &[C, C, F, F], "unavailable", 4);
    check(4, &[C, C, S, S], "conflict", 3);
    check(5, &[S, F, S, F, S], "stored", 5);
}

/// Every order of every combination of answers gives the same verdict, and there always is one in the end.
#[test]
fn order_does_not_matter() {
    for replication_factor in 1..=5 {
        let mut verdicts = std::collections::BTreeMap::new();
        for number in 0..3usize.pow(replication_factor) {
            let digit = |place: u32| number / 3usize.pow(place) % 3;
            let votes: Vec<Vote> = (0..replication_factor).map(|place| [S, C, F][digit(place)]).collect();
            let (verdict, _) = judge(replication_factor as usize, &votes);
            assert_ne!(verdict, "open", "{votes:?}");
            let count = |of: Vote| votes.iter().filter(|vote| **vote == of).count();
            let key = (count(S), count(C), count(F));
            assert_eq!(*verdicts.entry(key).or_insert(verdict), verdict, "{votes:?}");
        }
    }
}

/// Stored means a quorum, whatever happens afterwards.
#[test]
fn no_write_is_durable_on_less_than_a_quorum() {
    for replication_factor in 1..=7 {
        let of = Thresholds::new(replication_factor);
        let short: Vec<Vote> =
            (0..replication_factor).map(|place| if place + 1 < of.success { S } else { F }).collect();
        assert_eq!(judge(replication_factor, &short).0, "unavailable");
    }
}

#[test]
fn one_series_without_a_quorum_decides_for_all() {
    let mut quorum = Quorum::new(3, Thresholds::new(3));
    quorum.vote([0, 1, 2], S);
    quorum.vote([0, 1], S);
    assert!(quorum.verdict().is_none());
    quorum.vote([2], F);
    quorum.vote([2], F);
    assert!(matches!(quorum.verdict(), Some(Verdict::Unavailable)));
}

#[test]
fn answers_beyond_the_replicas_count_for_nothing() {
    let mut quorum = Quorum::new(1, Thresholds::replicated());
    quorum.vote([0, 0, 7], F);
    quorum.vote([0], S);
    assert!(matches!(quorum.verdict(), Some(Verdict::Unavailable)));
}

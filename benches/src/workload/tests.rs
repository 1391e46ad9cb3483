use super::*;
use model::Fingerprinter;
use proto::{Outline, Request2, Spellings};

fn shape() -> Shape {
    Shape {
        series: 1_000,
        samples: 6,
        batch: 300,
        connections: 1,
        shuffle: false,
        churn: 0.0,
        jitter: 0,
        protocol: Protocol::V1,
        seed: 7,
    }
}

fn all_rounds(shape: &Shape) -> Vec<Vec<Vec<Request>>> {
    let mut workload = Workload::new(shape, 1_700_000_000_000);
    (0..shape.samples).map(|_| workload.next_round()).collect()
}

fn samples_of(rounds: &[Vec<Vec<Request>>]) -> usize {
    rounds.iter().flatten().flatten().map(|request| request.samples).sum()
}

#[test]
fn every_series_gets_a_sample_a_round() {
    let rounds = all_rounds(&shape());
    assert_eq!(samples_of(&rounds), 6_000);
    let requests: Vec<usize> = rounds[0][0].iter().map(|request| request.samples).collect();
    assert_eq!(requests, [300, 300, 300, 100]);
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    let bytes = |seed| {
        let rounds = all_rounds(&Shape { seed, shuffle: true, churn: 500.0, jitter: 40, ..shape() });
        rounds.into_iter().flatten().flatten().map(|request| request.body).collect::<Vec<_>>()
    };
    assert_eq!(bytes(7), bytes(7));
    assert_ne!(bytes(7), bytes(8));
}

#[test]
fn connections_share_the_series() {
    let rounds = all_rounds(&Shape { connections: 8, ..shape() });
    assert_eq!(rounds[0].len(), 8);
    assert_eq!(samples_of(&rounds), 6_000);
}

#[test]
fn churn_makes_new_series() {
    let mut workload = Workload::new(&Shape { samples: 240, churn: 50.0, ..shape() }, 1_700_000_000_000);
    while workload.rounds_left() > 0 {
        workload.next_round();
    }
    assert!(workload.created() > 1_000, "no pod was replaced");
}

#[test]
fn labels_have_the_size_they_should() {
    let series = Series::new(1, 1234, 0, 17);
    let bytes = series.label_bytes();
    assert!((290..=330).contains(&bytes), "{bytes} bytes of label text");
    assert_eq!(series.selector().matches('=').count(), 11);
}

#[test]
fn what_is_expected_is_what_is_sent() {
    let shape = Shape { jitter: 9, ..shape() };
    let (_, samples) = Workload::expected(&shape, 1_700_000_000_000, 421);
    let mut body = Vec::new();
    let mut sent = Workload::new(&shape, 1_700_000_000_000);
    assert_eq!(samples.len(), 6);
    for (round, (at_ms, value)) in samples.iter().enumerate() {
        body.clear();
        sent.series[421].push_sample(sent.start_ms + round as i64 * STEP_MS, 9, &mut body);
        let tail = &body[body.len() - 16..];
        assert!(
            tail.windows(8).any(|window| window == value.to_le_bytes())
                || body.windows(8).any(|window| window == value.to_le_bytes())
        );
        assert!(*at_ms <= sent.start_ms + round as i64 * STEP_MS);
    }
}

#[test]
fn both_versions_say_the_same() {
    let bodies = |protocol| {
        let rounds = all_rounds(&Shape { protocol, churn: 500.0, ..shape() });
        let body = |request: Request| snap::raw::Decoder::new().decompress_vec(&request.body).unwrap();
        rounds.into_iter().flatten().flatten().map(body).collect::<Vec<_>>()
    };
    let spelled_out = |body: Vec<u8>| {
        let (outline, spellings) = (Outline::of(&body).unwrap(), Spellings::new(&Fingerprinter::new([3; 192])));
        let request = Request2::read(body.into(), outline, &spellings, 0, u32::MAX).unwrap();
        let mut spelled = vec![0; request.spelled_bytes()];
        request.batch.spell(&mut spelled).unwrap();
        spelled
    };
    let second: Vec<_> = bodies(Protocol::V2).into_iter().map(spelled_out).collect();
    assert!(second == bodies(Protocol::V1));
}

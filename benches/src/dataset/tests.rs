use super::*;
use model::Fingerprinter;
use proto::{WriteBatch, count_rows};

const END_MS: i64 = 1_700_000_000_000;

fn label(value: usize) -> Vec<(&'static str, String)> {
    vec![("l", value.to_string())]
}

/// What a receiver reads in the requests of `metric`.
fn received(metric: &Metric) -> Vec<WriteBatch> {
    let fingerprinter = Fingerprinter::new([3; 192]);
    let read = |request: Request| {
        let body = snap::raw::Decoder::new().decompress_vec(&request.body).unwrap();
        let rows = count_rows(&body).unwrap();
        WriteBatch::walk(body.into(), rows, &fingerprinter, 0).unwrap().0
    };
    metric.requests(END_MS).map(read).collect()
}

#[test]
fn every_place_of_the_grid_is_sent_once_and_the_last_is_the_end() {
    let metric = Metric::new("a", 15, 250).with((0..3).map(label), |seed| Values::counter(seed, 3.0));
    let batches = received(&metric);
    let mut times = Vec::new();
    for batch in &batches {
        for row in 0..batch.series.len() {
            times.extend(batch.samples(row).map(|sample| sample.0));
        }
    }
    assert_eq!((times.len(), metric.samples()), (750, 750));
    assert_eq!(times.iter().max(), Some(&END_MS));
    assert_eq!(times.iter().min(), Some(&(END_MS - 249 * 15_000)));
}

#[test]
fn a_series_that_is_there_for_a_while_has_no_other_samples() {
    let mut metric = Metric::new("sparse", 15, 1_000);
    metric.add_at(&label(0), 100..130, Values::One);
    let sent: usize = metric.requests(END_MS).map(|request| request.samples).sum();
    assert_eq!(sent, 30);
}

#[test]
fn counters_and_buckets_never_fall() {
    let bucket = |share: f64| Values::Counter { seed: 5, slope: 7.0, share };
    for place in 0..1_000 {
        let (small, large) = (bucket(0.3), bucket(0.9));
        assert!(small.at(place) <= small.at(place + 1), "falls at {place}");
        assert!(small.at(place) <= large.at(place), "falls with the bound at {place}");
    }
    assert!((bucket(1.0).at(1_000) - 7_000.0).abs() <= 7.0);
}

#[test]
fn native_histograms_are_valid() {
    let values = |seed| Values::Native { seed, slope: 40.0 };
    let batches = received(&Metric::new("h", 30, 130).with((0..2).map(label), values));
    let valid: u64 = batches
        .iter()
        .map(|batch| {
            let (valid, _) = batch.check_histograms(100);
            valid
        })
        .sum();
    assert_eq!(valid, 260);
}

#[test]
fn a_counter_that_begins_anew_falls_after_so_many_places_and_nowhere_else() {
    let values = Values::Restarted { seed: 3, slope: 40.0, places: 7 };
    let falls: Vec<u64> = (1..30).filter(|&place| values.at(place) < values.at(place - 1)).collect();
    assert_eq!(falls, [7, 14, 21, 28]);
}

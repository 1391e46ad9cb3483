use super::*;
use std::collections::HashMap;

fn raw(number: u128) -> Fingerprint {
    Fingerprint(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn canonical(number: u128) -> Fingerprint {
    Fingerprint(number + 1)
}

#[test]
fn what_is_asked_for_stays() {
    let mut cache = WireCache::default();
    for number in 0..100 {
        cache.insert(raw(number), canonical(number), 100);
    }
    // Ten of them are in use; a stream of others passes by.
    for number in 100..1000 {
        for used in 0..10 {
            assert_eq!(cache.get(raw(used)), Some(canonical(used)), "{used} at {number}");
        }
        cache.insert(raw(number), canonical(number), 100);
        assert_eq!(cache.len(), 100);
        assert_eq!(cache.get(raw(number)), Some(canonical(number)));
    }
    assert_eq!(cache.get(raw(50)), None);
}

#[test]
fn a_whole_working_set_fits_and_hits() {
    let series = 10_000;
    let capacity = WireCache::capacity(series);
    assert_eq!(capacity, 12_500);
    let mut cache = WireCache::default();
    for round in 0..3 {
        let mut missed = 0;
        for number in 0..u128::from(series) {
            if cache.get(raw(number)).is_none() {
                missed += 1;
                cache.insert(raw(number), canonical(number), capacity);
            }
        }
        assert_eq!(missed, if round == 0 { series } else { 0 });
    }
}

#[test]
fn fewer_series_leave_less() {
    assert_eq!((WireCache::capacity(0), WireCache::capacity(u64::MAX)), (64, usize::MAX));
    let mut cache = WireCache::default();
    for number in 0..10_000 {
        cache.insert(raw(number), canonical(number), 10_000);
    }
    cache.trim(100);
    assert_eq!((cache.len(), cache.asked.len(), cache.table.len()), (100, 100, 100));
    assert!(cache.entries.capacity() <= 256 && cache.table.capacity() <= 512, "{}", cache.table.capacity());
    let entries = cache.entries.clone();
    for (raw, canonical) in entries {
        assert_eq!(cache.get(raw), Some(canonical));
    }
    cache.insert(raw(20_000), canonical(20_000), 0);
    assert_eq!((cache.len(), cache.get(raw(20_000))), (1, Some(canonical(20_000))));
}

#[test]
fn it_answers_as_a_map_does_or_not_at_all() {
    let (mut cache, mut map) = (WireCache::default(), HashMap::new());
    let mut random = 1u64;
    for _ in 0..100_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = u128::from(random >> 33) % 500;
        match random >> 60 {
            0..8 => {
                cache.insert(raw(number), canonical(number), 200);
                map.insert(number, canonical(number));
            }
            8..15 => {
                if let Some(found) = cache.get(raw(number)) {
                    assert_eq!(Some(&found), map.get(&number));
                }
            }
            _ => cache.trim(usize::try_from(number % 200).unwrap()),
        }
        assert_eq!((cache.entries.len(), cache.asked.len()), (cache.table.len(), cache.table.len()));
    }
}

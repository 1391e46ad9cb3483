use super::*;
use bytes::Bytes;
use tsdb::Encoding;

/// A chunk as `min-max aggregate data`.
fn chunk(text: &str) -> Chunk {
    let parts: Vec<&str> = text.split([' ', '-']).collect();
    let [min, max, aggregate, data] = parts.as_slice() else { panic!("{text}") };
    let aggregate = match *aggregate {
        "raw" => Aggregate::Raw,
        "count" => Aggregate::Count,
        "sum" => Aggregate::Sum,
        _ => Aggregate::Counter,
    };
    let data = Bytes::from((*data).to_owned());
    Chunk { min_ms: min.parse().unwrap(), max_ms: max.parse().unwrap(), aggregate, encoding: Encoding::Xor, data }
}

fn chunks(texts: &[&str]) -> Vec<Chunk> {
    texts.iter().map(|text| chunk(text)).collect()
}

#[track_caller]
fn check_order(given: &[&str], want: &[&str]) {
    let mut ordered = chunks(given);
    order_chunks(&mut ordered);
    assert_eq!(ordered, chunks(want));
}

#[track_caller]
fn check_gathered(places: &[&[&str]], want: &[&str]) {
    let mut gathered = Gathered::default();
    for _ in 0..2 {
        for place in places {
            gathered.add(chunks(place).into_iter());
        }
        assert_eq!(gathered.take().collect::<Vec<_>>(), chunks(want));
    }
}

#[test]
fn by_time_then_the_larger_bytes() {
    check_order(&["5-9 raw a", "0-4 raw b"], &["0-4 raw b", "5-9 raw a"]);
    check_order(&["0-9 raw a", "0-5 raw a", "0-9 raw b", "0-9 raw a"], &["0-5 raw a", "0-9 raw b", "0-9 raw a"]);
}

#[test]
fn aggregates_of_one_chunk_stay_together() {
    let cut = ["0-9 count c", "0-9 sum s", "0-9 counter r"];
    check_order(&cut, &cut);
    let other = ["0-9 count c", "0-9 sum t", "0-9 counter r"];
    let both = [other, cut].concat();
    check_order(&[cut, other].concat(), &both);
    check_order(&[cut, other, cut].concat(), &both);
    // One that lacks an aggregate goes first.
    check_order(&["0-9 count c", "0-9 sum s", "0-9 sum a"], &["0-9 sum a", "0-9 count c", "0-9 sum s"]);
}

#[test]
fn bytes_that_came_before_are_left_out() {
    check_gathered(&[&["0-9 raw a"], &["0-9 raw a", "10-19 raw b"]], &["0-9 raw a", "10-19 raw b"]);
    check_gathered(&[&["0-9 raw a"], &["0-9 count a"]], &["0-9 count a", "0-9 raw a"]);
    check_gathered(
        &[&["0-9 count a", "0-9 sum b"], &["0-9 count a", "0-9 sum c"]],
        &["0-9 count a", "0-9 sum c", "0-9 count a", "0-9 sum b"],
    );
}

#[test]
fn many_chunks_are_told_apart_by_hash() {
    let texts: Vec<String> = (10..210).map(|i| format!("{i}-{i} raw d{i}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    check_gathered(&[&texts[100..], &texts, &texts[..150]], &texts);
}

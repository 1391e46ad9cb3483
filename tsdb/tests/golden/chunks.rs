//! `chunks.jsonl`: samples, and the very bytes they became.

use super::json;
use model::{ResetHint, SampleColumns};
use serde_json::Value;
use tsdb::Encoding;
use tsdb::chunk::histogram::{OpenHistograms, Pushed, header_of_first};
use tsdb::chunk::xor::{XorState, decode_xor};
use tsdb::chunk::{self, reset_hint};

#[test]
fn xor_chunks_have_the_bytes_of_prometheus() {
    let Some(path) = testkit::golden("xor_chunks_have_the_bytes_of_prometheus", "tsdb/chunks.jsonl") else { return };
    let mut vectors = 0;
    for vector in json::lines(&path).iter().filter(|vector| vector["enc"] == 1) {
        let name = vector["name"].as_str().unwrap();
        let samples: Vec<_> = vector["in"].as_array().unwrap().iter().filter_map(json::float_sample).collect();
        let resume: Vec<_> = vector["resume"].as_array().into_iter().flatten().filter_map(|at| at.as_u64()).collect();
        let chunks = vector["chunks"].as_array().unwrap();
        assert_eq!(chunks.len(), 1, "{name}");
        let want = json::hex(chunks[0]["hex"].as_str().unwrap());

        assert_eq!(encode(&samples, &resume), want, "{name}");
        let mut columns = SampleColumns::default();
        assert_eq!(decode_xor(&want, &mut columns), Ok(()), "{name}");
        let read: Vec<_> = columns.timestamps_ms.iter().zip(&columns.values).map(|(&t, v)| (t, v.to_bits())).collect();
        assert_eq!(read, samples, "{name}");
        vectors += 1;
    }
    assert!(vectors > 70, "{vectors} vectors");
}

#[test]
fn chunks_of_every_encoding_are_read() {
    let Some(path) = testkit::golden("chunks_of_every_encoding_are_read", "tsdb/chunks.jsonl") else { return };
    let mut read = [0; 7];
    for vector in json::lines(&path) {
        let name = &vector["name"];
        let encoding = Encoding::from_byte(vector["enc"].as_u64().unwrap() as u8).unwrap();
        let (mut columns, mut failed) = (SampleColumns::default(), None);
        for recorded in vector["chunks"].as_array().unwrap() {
            let data = json::hex(recorded["hex"].as_str().unwrap());
            assert_eq!(u64::from(chunk::sample_count(encoding, &data).unwrap()), recorded["n"], "{name}");
            check_reset(recorded, reset_hint(encoding, &data));
            failed = failed.or(chunk::decode(encoding, &data, &mut columns).err());
        }
        assert_eq!(failed.is_some(), vector["read_error"].is_string(), "{name}: {failed:?}");
        let want = if vector["out"].is_array() { &vector["out"] } else { &vector["in"] };
        assert_eq!(Value::Array(json::notation(&columns)), *want, "{name}");
        assert_eq!(json::notation(&json::columns(want)), json::notation(&columns), "{name}: the notation itself");
        read[encoding as usize] += 1;
    }
    assert!(read[1..].iter().all(|&read| read > 40), "{read:?} vectors by encoding");
}

#[test]
fn histogram_chunks_have_the_bytes_of_prometheus() {
    let test = "histogram_chunks_have_the_bytes_of_prometheus";
    let Some(path) = testkit::golden(test, "tsdb/chunks.jsonl") else { return };
    let mut vectors = [0; 4];
    for vector in json::lines(&path) {
        let encoding = Encoding::from_byte(vector["enc"].as_u64().unwrap() as u8).unwrap();
        if !matches!(encoding, Encoding::Histogram | Encoding::FloatHistogram) {
            continue;
        }
        let name = &vector["name"];
        let columns = json::columns(&vector["in"]);
        let resume: Vec<_> = vector["resume"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        let (mut full, mut events) = (Vec::new(), Vec::new());
        let mut open: Option<OpenHistograms> = None;
        for at in 0..columns.len() {
            let (time_ms, histogram) = (columns.timestamps_ms[at], columns.histogram(at).unwrap());
            let Some(chunk) = &mut open else {
                open = Some(OpenHistograms::begin(header_of_first(histogram), time_ms, histogram));
                continue;
            };
            if resume.contains(&(at as u64)) {
                *chunk = OpenHistograms::resume(encoding, &chunk.finish()).unwrap();
            }
            match chunk.push(time_ms, histogram) {
                Ok(Pushed::Appended) => {}
                Ok(Pushed::Recoded) => events.push(serde_json::json!([at, "recoded"])),
                Err(header) => {
                    full.push(chunk.finish());
                    *chunk = OpenHistograms::begin(header, time_ms, histogram);
                    events.push(serde_json::json!([at, "new"]));
                }
            }
        }
        full.extend(open.map(|chunk| chunk.finish()));
        assert_eq!(Value::Array(events), vector["events"], "{name}");
        let want: Vec<_> = vector["chunks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|chunk| json::hex(chunk["hex"].as_str().unwrap()))
            .collect();
        assert_eq!(full, want, "{} {name}", vector["id"]);
        vectors[encoding as usize] += 1;
    }
    assert!(vectors[2] > 60 && vectors[3] > 60, "{vectors:?}");
}

/// The recordings have the header's bits as a number.
fn check_reset(recorded: &Value, hint: Option<ResetHint>) {
    let bits = hint.map(|hint| match hint {
        ResetHint::Unknown => 0,
        ResetHint::NotReset => 1,
        ResetHint::Reset => 2,
        ResetHint::Gauge => 3,
    });
    assert_eq!(bits, recorded["reset"].as_u64(), "{recorded}");
}

fn encode(samples: &[(i64, u64)], resume: &[u64]) -> Vec<u8> {
    let (mut state, mut words) = (XorState::default(), Vec::new());
    for (index, &(timestamp_ms, bits)) in samples.iter().enumerate() {
        if resume.contains(&(index as u64)) {
            let data = state.finish(&words);
            words.clear();
            state = XorState::resume(&data, &mut words).unwrap();
        }
        state.append(timestamp_ms, f64::from_bits(bits), &mut words);
    }
    state.finish(&words).to_vec()
}

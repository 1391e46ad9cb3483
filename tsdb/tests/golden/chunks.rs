//! `chunks.jsonl`: samples, and the very bytes they became.

use super::json;
use model::SampleColumns;
use tsdb::chunk::xor::{XorState, decode_xor};

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

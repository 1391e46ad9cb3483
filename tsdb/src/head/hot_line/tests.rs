use super::HotLine;
use crate::chunk::xor::{XorState, decode_xor};
use model::{Fingerprint, SampleColumns, SeriesRef};

#[test]
fn a_chunk_written_through_the_line_reads_back() {
    let fingerprint = Fingerprint(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
    let reference = SeriesRef(0xff_1234_5678);
    let mut line = HotLine::new(fingerprint, reference);
    let mut words = Vec::new();
    let mut want = SampleColumns::default();
    for index in 0..200_i64 {
        let (time_ms, value) = (index * 15_000 + index * index, (index % 7) as f64 * 1.5);
        let mut state = line.state();
        state.append(time_ms, value, &mut words);
        line.set_state(&state);
        want.push(time_ms, value);
    }
    let mut got = SampleColumns::default();
    decode_xor(&line.state().finish(&words), &mut got).unwrap();
    assert_eq!(got, want);
    assert!(line.is(fingerprint) && line.reference() == reference && line.has_sample());

    line.close_chunk();
    let (last_ms, value_bits) = (line.last_ms, line.value_bits);
    assert_eq!(line.state(), XorState { last_ms, value_bits, ..XorState::default() });
    assert_eq!(last_ms, 199 * 15_000 + 199 * 199);
}

#[test]
fn any_96_bits_tell_lines_apart() {
    let fingerprint = Fingerprint(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
    let mut line = HotLine::new(fingerprint, SeriesRef(1));
    for bit in 0..96 {
        assert!(!line.is(Fingerprint(fingerprint.0 ^ 1 << bit)), "bit {bit}");
    }
    line.kill();
    assert!(!line.is(fingerprint));
}

//! Remote write 1.0 as a client sends it, written independently of the decoder under test.

/// One series of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Sorted by name, `__name__` among them.
    pub labels: Vec<(String, String)>,
    pub samples: Vec<Sample>,
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    pub timestamp_ms: i64,
    pub value: f64,
}

impl Series {
    /// A series called `name` with further `labels`, and `samples` as (time in milliseconds, value).
    pub fn new(name: &str, labels: &[(&str, &str)], samples: &[(i64, f64)]) -> Self {
        let own = [("__name__", name)];
        let mut labels: Vec<_> =
            own.iter().chain(labels).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        labels.sort();
        let samples = samples.iter().map(|&(timestamp_ms, value)| Sample { timestamp_ms, value }).collect();
        Self { labels, samples }
    }
}

/// The body of a request with `series`: a `prometheus.WriteRequest`, snappy as one block.
pub fn body(series: &[Series]) -> Vec<u8> {
    let mut message = Vec::new();
    for one in series {
        let mut out = Vec::new();
        for (name, value) in &one.labels {
            let mut label = Vec::new();
            push_field(1, name.as_bytes(), &mut label);
            push_field(2, value.as_bytes(), &mut label);
            push_field(1, &label, &mut out);
        }
        for sample in &one.samples {
            let mut field = vec![1 << 3 | 1];
            field.extend_from_slice(&sample.value.to_le_bytes());
            field.push(2 << 3);
            push_varint(sample.timestamp_ms.cast_unsigned(), &mut field);
            push_field(2, &field, &mut out);
        }
        push_field(1, &out, &mut message);
    }
    snap::raw::Encoder::new().compress_vec(&message).unwrap()
}

fn push_field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    push_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn push_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

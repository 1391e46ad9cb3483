//! Requests of remote write 2.0, byte by byte.

use std::collections::BTreeMap;

/// A request while it is built: symbols, and series that refer to them.
pub(crate) struct Request2 {
    numbers: BTreeMap<String, u32>,
    symbols: Vec<u8>,
    series: Vec<u8>,
}

/// The content type of 2.0.
pub(crate) const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

impl Request2 {
    pub(crate) fn new() -> Self {
        let mut request = Self { numbers: BTreeMap::new(), symbols: Vec::new(), series: Vec::new() };
        request.symbol("");
        request
    }

    pub(crate) fn symbol(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap();
        self.numbers.insert(text.to_owned(), number);
        self.symbols.extend(field(4, text.as_bytes()));
        number
    }

    /// References to labels, packed.
    pub(crate) fn refs(&mut self, labels: &[(&str, &str)]) -> Vec<u8> {
        let mut refs = Vec::new();
        for text in labels.iter().flat_map(|(name, value)| [name, value]) {
            prost::encoding::encode_varint(u64::from(self.symbol(text)), &mut refs);
        }
        refs
    }

    /// Adds a series of labels, and fields as they are.
    pub(crate) fn series(&mut self, labels: &[(&str, &str)], fields: &[Vec<u8>]) {
        let refs = self.refs(labels);
        self.series.extend(field(5, &[&[field(1, &refs)], fields].concat().concat()));
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        [&self.symbols[..], &self.series].concat()
    }
}

/// A message in a field of that number.
pub(crate) fn field(number: u8, message: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    prost::encoding::encode_varint(message.len() as u64, &mut field);
    [field, message.to_vec()].concat()
}

/// A sample field, the same in both versions.
pub(crate) fn sample(timestamp_ms: i64, value: f64) -> Vec<u8> {
    field(2, &timed(&[&[0x09][..], &value.to_le_bytes()].concat(), 0x10, timestamp_ms))
}

/// A valid histogram of `count` observations; `number` is that of the field.
pub(crate) fn histogram(number: u8, timestamp_ms: i64, count: u8) -> Vec<u8> {
    // The count, one span of one bucket, and that bucket's count.
    let message = [0x08, count, 0x5a, 2, 0x10, 1, 0x62, 1, 2 * count];
    field(number, &timed(&message, 0x78, timestamp_ms))
}

/// An exemplar of 2.0.
pub(crate) fn exemplar(refs: &[u8], timestamp_ms: i64) -> Vec<u8> {
    field(4, &timed(&[&field(1, refs)[..], &[0x11], &1f64.to_le_bytes()].concat(), 0x18, timestamp_ms))
}

fn timed(message: &[u8], key: u8, timestamp_ms: i64) -> Vec<u8> {
    let mut timed = [message, &[key]].concat();
    prost::encoding::encode_varint(timestamp_ms.cast_unsigned(), &mut timed);
    timed
}

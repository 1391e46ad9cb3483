//! Writing remote write 1.0 requests, byte for byte as Prometheus does.

use crate::wire::push_uvarint;

/// Collects series and encodes them.
#[derive(Debug, Default, Clone)]
pub struct RequestEncoder {
    body: Vec<u8>,
    message: Vec<u8>,
    field: Vec<u8>,
}

impl RequestEncoder {
    /// Adds a series. Labels go out in the order given, which should be that of their names; samples are (milliseconds,
    /// value).
    pub fn series<'a>(
        &mut self,
        labels: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        samples: impl IntoIterator<Item = (i64, f64)>,
    ) {
        self.message.clear();
        for (name, value) in labels {
            self.field.clear();
            push_len(&mut self.field, 0x0a, name);
            push_len(&mut self.field, 0x12, value);
            push_len(&mut self.message, 0x0a, &self.field);
        }
        for (timestamp_ms, value) in samples {
            self.field.clear();
            // Zero is what an absent field means, but −0 is not that zero.
            if value.to_bits() != 0 {
                self.field.push(0x09);
                self.field.extend_from_slice(&value.to_le_bytes());
            }
            if timestamp_ms != 0 {
                self.field.push(0x10);
                push_uvarint(&mut self.field, timestamp_ms.cast_unsigned());
            }
            push_len(&mut self.message, 0x12, &self.field);
        }
        push_len(&mut self.body, 0x0a, &self.message);
    }

    /// The request so far, not compressed.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Ends the request and leaves an empty one.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.body)
    }
}

fn push_len(out: &mut Vec<u8>, key: u8, bytes: &[u8]) {
    out.push(key);
    push_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

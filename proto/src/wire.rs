//! The primitives of the protobuf wire, over a borrowed body.
//!
//! A position is absolute in the body. A nested message is read from the body cut off behind it, so that positions in
//! errors stay those of the body and a field cannot reach over the end of its message.

/// Wire types that carry a value. Groups (3 and 4) belong to no message we read and are refused everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Varint,
    Fixed64,
    Len,
    Fixed32,
}

/// The key of a field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) number: u32,
    pub(crate) wire: Wire,
}

/// What is wrong, and at which byte of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

pub(crate) const WRONG_WIRE_TYPE: &str = "wrong wire type for the field";
/// The field whose size or value is at `at` reaches over the end.
pub(crate) fn truncated(at: usize) -> Fault {
    Fault { at, what: "truncated field" }
}

/// Reads a varint at `*at` and moves behind it. At most ten bytes and 64 bits; padding with zero groups is allowed, as
/// everywhere in protobuf.
#[inline]
pub(crate) fn uvarint(body: &[u8], at: &mut usize) -> Result<u64, Fault> {
    match body.get(*at) {
        Some(&byte) if byte < 0x80 => {
            *at += 1;
            Ok(u64::from(byte))
        }
        _ => long_uvarint(body, at),
    }
}

fn long_uvarint(body: &[u8], at: &mut usize) -> Result<u64, Fault> {
    let start = *at;
    let mut value = 0u64;
    for position in 0..10 {
        let &byte = body.get(start + position).ok_or(Fault { at: start, what: "truncated varint" })?;
        if position == 9 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << (7 * position);
        if byte < 0x80 {
            *at = start + position + 1;
            return Ok(value);
        }
    }
    Err(Fault { at: start, what: "varint over 64 bits" })
}

/// Reads the key of a field at `*at` and moves behind it.
pub(crate) fn key(body: &[u8], at: &mut usize) -> Result<Key, Fault> {
    let start = *at;
    let raw = uvarint(body, at)?;
    let number = u32::try_from(raw).map_err(|_| Fault { at: start, what: "field number out of range" })? >> 3;
    if number == 0 {
        return Err(Fault { at: start, what: "field number 0" });
    }
    let wire = match raw & 7 {
        0 => Wire::Varint,
        1 => Wire::Fixed64,
        2 => Wire::Len,
        5 => Wire::Fixed32,
        3 | 4 => return Err(Fault { at: start, what: "a group" }),
        _ => return Err(Fault { at: start, what: "unknown wire type" }),
    };
    Ok(Key { number, wire })
}

/// Reads the size of a length-delimited field at `*at`, moves behind it, and returns where the field ends.
#[inline]
pub(crate) fn end_of_len(body: &[u8], at: &mut usize) -> Result<usize, Fault> {
    let start = *at;
    let size = uvarint(body, at)?;
    match usize::try_from(size).ok().and_then(|size| at.checked_add(size)) {
        Some(end) if end <= body.len() => Ok(end),
        _ => Err(truncated(start)),
    }
}

/// Reads eight little-endian bytes at `*at` and moves behind them.
#[inline]
pub(crate) fn fixed64(body: &[u8], at: &mut usize) -> Result<u64, Fault> {
    match body.get(*at..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(bytes) => {
            *at += 8;
            Ok(u64::from_le_bytes(*bytes))
        }
        None => Err(truncated(*at)),
    }
}

/// Moves behind the value of a field whose key was just read.
pub(crate) fn skip(body: &[u8], wire: Wire, at: &mut usize) -> Result<(), Fault> {
    match wire {
        Wire::Varint => uvarint(body, at).map(drop),
        Wire::Fixed64 => fixed64(body, at).map(drop),
        Wire::Len => {
            *at = end_of_len(body, at)?;
            Ok(())
        }
        Wire::Fixed32 if body.len() - *at >= 4 => {
            *at += 4;
            Ok(())
        }
        Wire::Fixed32 => Err(truncated(*at)),
    }
}

/// Appends a varint.
#[inline]
pub(crate) fn push_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes a varint takes.
#[inline]
pub(crate) fn uvarint_size(value: u64) -> usize {
    // A group holds seven bits, and zero takes one.
    (value | 1).ilog2() as usize / 7 + 1
}

/// How many bytes a length-delimited field of `size` bytes takes, with a key of one byte.
#[inline]
pub(crate) fn len_field_size(size: usize) -> usize {
    1 + uvarint_size(size as u64) + size
}

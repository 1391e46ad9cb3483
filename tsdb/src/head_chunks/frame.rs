//! The bytes of a head chunk file.
//!
//! Format: `tsdb/docs/format/chunks.md`.

use crate::cursor::{Corruption, Cursor, Fault, push_uvarint, uvarint_bytes};
use crate::series::Encoding;
use model::SeriesRef;

/// Magic number, version, three bytes of padding.
pub(super) const HEADER: [u8; 8] = [0x01, 0x30, 0xBC, 0x91, 1, 0, 0, 0];

/// Series, minimum and maximum time, encoding.
const FIXED_BYTES: usize = 25;
const CRC_BYTES: usize = 4;
/// This bit of the encoding says that the chunk's samples came out of order.
const OUT_OF_ORDER: u8 = 0x80;

/// A chunk as a head chunk file holds it. Both ends of its range are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadFrame<'a> {
    pub series: SeriesRef,
    pub min_ms: i64,
    pub max_ms: i64,
    pub encoding: Encoding,
    /// Its samples came after newer ones: it may overlap others.
    pub out_of_order: bool,
    pub data: &'a [u8],
}

/// The size of the frame around `data_bytes` of data.
pub(super) fn frame_bytes(data_bytes: usize) -> u64 {
    (FIXED_BYTES + uvarint_bytes(data_bytes as u64) + data_bytes + CRC_BYTES) as u64
}

/// Appends the frame to `out`.
pub(super) fn encode(frame: &HeadFrame<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&frame.series.0.to_be_bytes());
    out.extend_from_slice(&frame.min_ms.to_be_bytes());
    out.extend_from_slice(&frame.max_ms.to_be_bytes());
    out.push(frame.encoding as u8 | if frame.out_of_order { OUT_OF_ORDER } else { 0 });
    push_uvarint(out, frame.data.len() as u64);
    out.extend_from_slice(frame.data);
    let sum = crc32c::crc32c(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&sum.to_be_bytes());
}

/// Reads the frame that `section` begins with and checks its sum; with it, its size.
///
/// # Errors
/// A frame cut short ([`Fault::Truncated`] says how much is needed), a wrong checksum, an encoding that is not known.
pub(super) fn decode(section: &[u8]) -> Result<(HeadFrame<'_>, usize), Corruption> {
    let mut cursor = Cursor::new(section);
    let series = SeriesRef(cursor.be_u64()?);
    let min_ms = cursor.be_u64()?.cast_signed();
    let max_ms = cursor.be_u64()?.cast_signed();
    let at_encoding = cursor.clone();
    let byte = cursor.u8()?;
    let size = cursor.uvarint()?;
    let (wanted, left) = (size.saturating_add(CRC_BYTES as u64), cursor.rest().len() as u64);
    if left < wanted {
        return Err(cursor.fault(Fault::Truncated { want: wanted, left }));
    }
    // `left` is a length in memory, so `size` is one as well.
    let data = cursor.bytes(size as usize)?;
    let computed = crc32c::crc32c(section.get(..cursor.offset()).unwrap_or_default());
    let at_crc = cursor.clone();
    let stored = cursor.be_u32()?;
    if stored != computed {
        return Err(at_crc.fault(Fault::Checksum { stored, computed }));
    }
    let encoding = Encoding::from_byte(byte & !OUT_OF_ORDER).ok_or_else(|| at_encoding.fault(Fault::Encoding(byte)))?;
    let out_of_order = byte & OUT_OF_ORDER != 0;
    Ok((HeadFrame { series, min_ms, max_ms, encoding, out_of_order, data }, cursor.offset()))
}

/// A series of this number and above is nobody: such a frame was blanked. References are below 2^40.
const NOBODY: u64 = 1 << 63;

/// Makes the frame that `section` begins with, whatever it is, one of the same size that says nothing: without samples, of a
/// series that is none. `number`, below 2^63, is that of no other such frame: of a series Prometheus wants times that rise.
///
/// # Errors
/// It has no end.
pub(super) fn blank(section: &mut [u8], number: u64) -> Result<(), Corruption> {
    let size = size_of(section)?;
    let mut cursor = Cursor::new(section);
    cursor.array::<FIXED_BYTES>()?;
    let _data_bytes = cursor.uvarint()?;
    let (front, left) = (cursor.offset(), section.len() as u64);
    let wanted = |_| Corruption { offset: 0, fault: Fault::Truncated { want: size, left } };
    let (frame, _) = section.split_at_mut_checked(size as usize).ok_or(()).map_err(wanted)?;
    let (checked, sum) = frame.split_at_mut(frame.len() - CRC_BYTES);
    checked[..8].copy_from_slice(&(NOBODY | number).to_be_bytes());
    checked[FIXED_BYTES - 1] = Encoding::Xor as u8;
    checked[front..].fill(0);
    sum.copy_from_slice(&crc32c::crc32c(checked).to_be_bytes());
    Ok(())
}

impl HeadFrame<'_> {
    /// Whether it was blanked.
    pub(super) fn is_blank(&self) -> bool {
        self.series.0 >= NOBODY
    }
}

/// The size of the frame that `section` begins with, of which not all needs to be there.
///
/// # Errors
/// Too little to tell.
pub(super) fn size_of(section: &[u8]) -> Result<u64, Corruption> {
    let mut cursor = Cursor::new(section);
    cursor.array::<FIXED_BYTES>()?;
    let data_bytes = cursor.uvarint()?;
    Ok(data_bytes.saturating_add((cursor.offset() + CRC_BYTES) as u64))
}

/// Checks the header of a file.
///
/// # Errors
/// Another file, another version, or too short.
pub(super) fn decode_header(file: &[u8]) -> Result<(), Corruption> {
    let mut cursor = Cursor::new(file);
    let [a, b, c, d, version, ..] = cursor.array::<{ HEADER.len() }>()?;
    let magic = u32::from_be_bytes([a, b, c, d]);
    match [a, b, c, d, version, 0, 0, 0] {
        HEADER => Ok(()),
        [0x01, 0x30, 0xBC, 0x91, ..] => Err(Corruption { offset: 4, fault: Fault::Version(version) }),
        _ => Err(Corruption { offset: 0, fault: Fault::Magic(magic) }),
    }
}

/// Whether the frames of a file end where `section` begins: nothing follows but the zeros of a preallocation.
pub(super) fn ends(section: &[u8]) -> bool {
    section.iter().all(|&byte| byte == 0)
}

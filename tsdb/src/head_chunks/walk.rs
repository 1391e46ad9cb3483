//! A walk over the chunks of a file, for those who only look.

use super::frame::{self, HEADER, HeadFrame};
use crate::cursor::{Corruption, Fault};

/// Hands each chunk of a file with the place where it begins to `found`, up to the first fault, which is returned: behind it
/// nothing can be found. Those that were blanked are passed over. Zeros at the end are a preallocation.
pub fn walk_file(bytes: &[u8], found: &mut dyn FnMut(u64, &HeadFrame<'_>)) -> Option<Corruption> {
    if let Err(corruption) = frame::decode_header(bytes) {
        return Some(corruption);
    }
    let mut at = HEADER.len();
    loop {
        let section = bytes.get(at..).unwrap_or_default();
        if frame::ends(section) {
            return None;
        }
        if at > u32::MAX as usize {
            let fault = Fault::Malformed("a chunk cannot begin beyond 4 GiB");
            return Some(Corruption { offset: at as u64, fault });
        }
        match frame::decode(section) {
            Ok((frame, size)) => {
                if !frame.is_blank() {
                    found(at as u64, &frame);
                }
                at += size;
            }
            Err(corruption) => return Some(Corruption { offset: at as u64 + corruption.offset, ..corruption }),
        }
    }
}

//! Sealed files as memory.

#![allow(unsafe_code, reason = "a mapping is unsafe by nature; this module is all there is of it")]

use bytes::Bytes;
use std::fs::File;
use std::io;

/// The whole of `file`, mapped. The mapping lives as long as the last of the `Bytes` cut from it.
pub(super) fn map(file: &File) -> io::Result<Bytes> {
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        // The kernel would speak of a device.
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if metadata.len() == 0 {
        // The kernel refuses to map nothing.
        return Ok(Bytes::new());
    }
    // SAFETY: a mapping is unsound when the file changes under it. Only sealed files come here (the contract of
    // `Fs::map`), in a data directory whose lock this process holds; sealed files are replaced by rename and removed,
    // which leaves a mapping whole, but never written or cut.
    let mapping = unsafe { memmap2::Mmap::map(file)? };
    Ok(Bytes::from_owner(mapping))
}

//! The smaller files: tombstones, `meta.json`, marks, the shipper's list, the head's floor, head chunks.

use crate::meter;
use crate::parts::Parts;
use bucket::shipper::ShipperFile;
use bucket::{DeletionMark, Mark, NoCompactMark, NoDownsampleMark};
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::block::{Meta, Tombstones};
use tsdb::cursor::Cursor;
use tsdb::floor::Floor;
use tsdb::fs::Fs;
use tsdb::head_chunks::{HeadChunk, HeadChunks, MAX_FILE_BYTES};

/// Stones, with the right header and checksum around them: each is in the ranges of its series, which are in order.
pub fn fuzz_tombstones(data: &[u8]) {
    let _ = Tombstones::decode(data);
    let mut file = vec![0x01, 0x30, 0xBA, 0x30, 1];
    file.extend_from_slice(data);
    file.extend_from_slice(&crc32c::crc32c(data).to_be_bytes());
    let decoded = meter::within(data.len(), 256, 4 << 10, || Tombstones::decode(&file));
    let Ok(tombstones) = decoded.map_err(|fault| assert!(fault.offset <= file.len() as u64)) else { return };
    assert_eq!(tombstones.is_empty(), data.is_empty());
    assert_eq!(Tombstones::decode(&tombstones.encode()).as_ref(), Ok(&tombstones));
    let mut cursor = Cursor::new(data);
    while let (Ok(series), Ok(min_ms), Ok(max_ms)) = (cursor.uvarint(), cursor.varint(), cursor.varint()) {
        let Ok(series) = u32::try_from(series) else { continue };
        let ranges = tombstones.of_series(series);
        assert!(ranges.iter().any(|range| range.min_ms <= min_ms && max_ms <= range.max_ms));
        assert!(ranges.is_sorted_by(|left, right| left.max_ms < right.min_ms));
    }
}

/// A floor, with the right checksum behind it or as it comes: what is read is what the bytes say.
pub fn fuzz_head_floor(data: &[u8]) {
    let sealed = [data, &crc32c::crc32c(data).to_be_bytes()].concat();
    for file in [data, &sealed] {
        match meter::within(file.len(), 16, 1 << 10, || Floor::decode(file)) {
            Ok(floor) => assert_eq!(floor.encode(), file),
            Err(fault) => assert!(fault.offset <= file.len() as u64),
        }
    }
}

/// What is read is written, and read again to the same.
pub fn fuzz_meta_json(data: &[u8]) {
    let path = Path::new("/data/01HZZZZZZZZZZZZZZZZZZZZZZZ/meta.json");
    // Values of fields that are not known are kept as trees.
    let decoded = meter::within(data.len(), 256, 64 << 10, || Meta::decode(data, path));
    let Ok(meta) = decoded.map_err(|error| assert!(error.to_string().contains("meta.json"))) else { return };
    assert!(meta.min_ms <= meta.max_ms && meta.version == 1);
    let encoded = meta.encode();
    let again = Meta::decode(&encoded, path).expect("what was written is read");
    assert_eq!(again.encode(), encoded);
    assert_eq!(
        (again.ulid, again.min_ms, again.max_ms, &again.stats),
        (meta.ulid, meta.min_ms, meta.max_ms, &meta.stats)
    );
    assert_eq!((&again.compaction, &again.thanos), (&meta.compaction, &meta.thanos));
}

/// Marks beside blocks.
pub fn fuzz_marks(data: &[u8]) {
    fn check<M: Mark + PartialEq + std::fmt::Debug>(data: &[u8]) {
        let Ok(mark) = meter::within(data.len(), 32, 16 << 10, || M::decode(data)) else { return };
        assert_eq!((M::decode(&mark.encode()).expect("what was written is read"), mark.version()), (mark, 1));
    }
    check::<DeletionMark>(data);
    check::<NoCompactMark>(data);
    check::<NoDownsampleMark>(data);
}

/// The list of shipped blocks.
pub fn fuzz_shipper_list(data: &[u8]) {
    let Ok(list) = meter::within(data.len(), 32, 16 << 10, || ShipperFile::decode(data)) else { return };
    assert_eq!(ShipperFile::decode(&list.encode()).expect("what was written is read"), list);
}

/// A file of head chunks, as it is.
pub fn fuzz_chunks_head(data: &[u8]) {
    open_head_chunks(data);
}

/// A file of head chunks with the right header, and the right checksum behind each of them.
pub fn fuzz_chunks_head_frames(data: &[u8]) {
    let mut file = vec![0x01, 0x30, 0xBC, 0x91, 1, 0, 0, 0];
    let mut parts = Parts::of(data);
    while !parts.is_empty() {
        let start = file.len();
        file.extend_from_slice(parts.bytes(25));
        let piece = parts.sized();
        tsdb::cursor::push_uvarint(&mut file, piece.len() as u64);
        file.extend_from_slice(piece);
        let sum = crc32c::crc32c(&file[start..]);
        file.extend_from_slice(&sum.to_be_bytes());
    }
    open_head_chunks(&file);
}

/// Opens a directory with that file. Nothing is lost: what is not in the file any more is in the quarantine. Every chunk that
/// was found can be read. The second opening finds the same chunks and no damage.
fn open_head_chunks(file: &[u8]) {
    let (fs, dir, path) = (SimFs::new(), Path::new("/chunks_head"), Path::new("/chunks_head/000001"));
    fs.create_dir_all(dir).expect("the disk is empty");
    fs.plant(path, file).expect("the directory is there");
    let open = || {
        let (fs, mut found) = (Arc::new(fs.clone()), Vec::<HeadChunk>::new());
        let (chunks, damages) = meter::within(file.len(), 32, 256 << 10, || {
            HeadChunks::open(fs, dir, Path::new("/quarantine"), MAX_FILE_BYTES, &mut |chunk| found.push(chunk))
        })
        .expect("damage is no error");
        for one in &found {
            let chunk = chunks.read(one.place).expect("it was found");
            assert_eq!((chunk.min_ms, chunk.max_ms, chunk.encoding), (one.min_ms, one.max_ms, one.encoding));
        }
        (found, damages)
    };
    let (found, damages) = open();
    let mut kept = fs.read(path).expect("it is not removed");
    for damage in &damages {
        let set_aside = fs.read(&damage.set_aside).expect("it was set aside");
        assert_eq!(set_aside.len() as u64, damage.bytes);
        if damage.bytes == file.len() as u64 {
            kept.clear();
        }
        kept.extend(set_aside);
    }
    assert_eq!(kept, file);
    let (again, damages) = open();
    assert_eq!((again, damages), (found, Vec::new()));
}

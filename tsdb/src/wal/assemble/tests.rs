use super::{Assembler, Flaw, StoredRecords};
use crate::wal::codec::Coding;
use crate::wal::page::{self, PAGE_BYTES};

/// A record, told by the byte it is made of and its size.
type Told = (u8, usize);

/// Records of these sizes, each of bytes of its own, and a segment that holds them.
fn segment(sizes: &[usize]) -> (Vec<Told>, Vec<u8>) {
    let mut segment = Vec::new();
    let records: Vec<_> = (1..).zip(sizes.iter().copied()).collect();
    for &(byte, size) in &records {
        page::frame(segment.len() as u64, &vec![byte; size], Coding::Plain, &mut segment);
    }
    (records, segment)
}

/// The records that are found in a segment, and its flaws.
fn read(segment: &[u8]) -> (Vec<Told>, Vec<Flaw>) {
    let (mut assembler, mut out) = (Assembler::default(), StoredRecords::default());
    let (mut in_parts, mut part) = (Assembler::default(), StoredRecords::default());
    let mut told_in_parts = Vec::new();
    for (number, page) in segment.chunks(PAGE_BYTES).enumerate() {
        let mut whole = page.to_vec();
        whole.resize(PAGE_BYTES, 0);
        assembler.page(&whole, 0..page.len(), (number * PAGE_BYTES) as u64, &mut out);
        // The same comes out if records are handed on with every page.
        in_parts.resume(&mut part);
        in_parts.page(&whole, 0..page.len(), (number * PAGE_BYTES) as u64, &mut part);
        in_parts.suspend(&mut part);
        told_in_parts.append(&mut tell(&part));
        part.clear();
    }
    in_parts.resume(&mut part);
    let (flaws, flaws_in_parts) = (assembler.finish(&mut out), in_parts.finish(&mut part));
    told_in_parts.append(&mut tell(&part));
    assert_eq!((tell(&out), &flaws), (told_in_parts, &flaws_in_parts));
    (tell(&out), flaws)
}

fn tell(records: &StoredRecords) -> Vec<Told> {
    let tell = |record: &[u8]| {
        assert!(record.iter().all(|&byte| byte == record[0]), "mixed");
        (record[0], record.len())
    };
    records.iter().map(|(record, ..)| tell(record)).collect()
}

/// Three pages: small records, one that begins in the first page and ends in the third, small records.
const SIZES: [usize; 9] = [100, 200, 20_000, 50, 50_000, 30, 7, 300, 12_000];

#[test]
fn what_was_framed_is_read() {
    for sizes in [&SIZES[..], &[], &[PAGE_BYTES - 7, PAGE_BYTES - 14, 1, 70_000]] {
        let (records, segment) = segment(sizes);
        assert_eq!(read(&segment), (records, vec![]));
    }
}

#[test]
fn w01_a_cut_takes_no_whole_record() {
    let (records, segment) = segment(&[100, 40_000, 30, 20]);
    let mut ends = Vec::new();
    let mut at = 0;
    for record in &records {
        at += page::framed_bytes(at, record.1);
        ends.push(usize::try_from(at).unwrap());
    }
    let first_cut = ends[1] - 40;
    for cut in (0..300).chain(PAGE_BYTES - 20..PAGE_BYTES + 20).chain(first_cut..segment.len()) {
        let whole = ends.iter().filter(|&&end| end <= cut).count();
        let (found, flaws) = read(&segment[..cut]);
        assert_eq!(found, records[..whole], "cut at {cut}");
        let at_end = cut == 0 || ends.contains(&cut);
        assert_eq!(flaws.len(), usize::from(!at_end), "cut at {cut}: {flaws:?}");
        assert!(flaws.iter().all(|flaw| flaw.tail), "cut at {cut}: {flaws:?}");
    }
}

/// Damages a segment, reads it, and checks that all records are found but those `hit`.
#[track_caller]
fn check_damaged(damage: impl FnOnce(&mut Vec<u8>), hit: &[usize]) -> Vec<Flaw> {
    let (records, mut segment) = segment(&SIZES);
    damage(&mut segment);
    let (found, flaws) = read(&segment);
    let kept = records.iter().enumerate().filter(|(number, _)| !hit.contains(number));
    assert_eq!(found, kept.map(|(_, record)| *record).collect::<Vec<_>>(), "{flaws:?}");
    flaws
}

/// Every fragment: which record it is of, and where it begins.
fn fragments() -> Vec<(usize, usize, usize)> {
    let (_, segment) = segment(&SIZES);
    let (mut at, mut record, mut found) = (0, 0, Vec::new());
    while at < segment.len() {
        let size = usize::from(u16::from_be_bytes([segment[at + 1], segment[at + 2]]));
        found.push((record, at, size));
        record += usize::from(segment[at] == 1 || segment[at] == 4);
        at += 7 + size;
        if PAGE_BYTES - at % PAGE_BYTES < 7 {
            at = at.next_multiple_of(PAGE_BYTES);
        }
    }
    assert_eq!(record, SIZES.len());
    found
}

#[test]
fn w23_a_flipped_bit_of_a_first_byte_loses_no_record_in_silence() {
    for (record, at, _) in fragments() {
        for bit in 0..8 {
            let flip = |segment: &mut Vec<u8>| segment[at] ^= 1 << bit;
            let (records, mut damaged) = segment(&SIZES);
            flip(&mut damaged);
            let (found, flaws) = read(&damaged);
            let others = found.iter().filter(|told| usize::from(told.0) != record + 1).count();
            assert_eq!(others, SIZES.len() - 1, "fragment at {at}, bit {bit}");
            // The compression is judged by whoever unpacks the record.
            assert!(found == records || !flaws.is_empty(), "fragment at {at}, bit {bit}");
            let in_one_piece = SIZES[record] < 20_000;
            assert!(!in_one_piece || found == records, "fragment at {at}, bit {bit}: {flaws:?}");
        }
    }
}

#[test]
fn a_flipped_bit_elsewhere_costs_one_record_and_says_so() {
    for (record, at, size) in fragments() {
        for byte in (1..7).chain([7, 7 + size / 2, 6 + size]) {
            for bit in [0, 3, 7] {
                let flaws = check_damaged(|segment| segment[at + byte] ^= 1 << bit, &[record]);
                assert!(flaws.iter().any(|flaw| flaw.offset == at as u64), "byte {byte} at {at}: {flaws:?}");
                let last = record == SIZES.len() - 1;
                assert!(flaws.iter().all(|flaw| flaw.tail == last), "byte {byte} at {at}: {flaws:?}");
            }
        }
    }
}

#[test]
fn a_page_of_zeros_between_pages_is_reported() {
    let (second, third) = (PAGE_BYTES, 2 * PAGE_BYTES);
    let flaws = check_damaged(|segment| segment[second..third].fill(0), &[4]);
    assert_eq!(flaws[0].offset, fragments().iter().find(|f| f.0 == 4).unwrap().1 as u64);
    let flaws = check_damaged(|segment| segment[..PAGE_BYTES].fill(0), &[0, 1, 2, 3, 4]);
    assert_eq!((flaws[0].offset, flaws[0].tail), (0, false));
}

#[test]
fn zeros_at_the_end_are_no_fault() {
    let (records, mut segment) = segment(&SIZES);
    segment.resize(segment.len() + 3 * PAGE_BYTES, 0);
    assert_eq!(read(&segment), (records, vec![]));
}

#[test]
fn garbage_never_panics_and_is_reported() {
    let mut seed = 7_u64;
    for size in [1, 6, 7, 8, 1000, PAGE_BYTES, 3 * PAGE_BYTES + 5] {
        let mut garbage = Vec::new();
        garbage.resize_with(size, || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        });
        garbage[0] |= 1;
        let (found, flaws) = read(&garbage);
        assert_eq!((found.len(), flaws.is_empty()), (0, false), "{size}");
    }
}

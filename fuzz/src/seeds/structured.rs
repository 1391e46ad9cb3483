//! Files and messages that are made of parts.

use super::bits::chunk_xor;
use super::{odd, regular, servers};
use crate::log::Samples;
use crate::parts::{Parts, push_sized};
use bytes::BytesMut;
use model::{Labels, MatchOp, Matcher, SampleColumns, SeriesRef, TimeRange};
use proto::RequestEncoder;
use proto::series::{Aggr, Encoding, FrameForm, FrameWriter, WireChunk};
use std::path::{Path, PathBuf};
use testkit::SimFs;
use tsdb::block::{Block, BlockSpec, BlockWriter};
use tsdb::chunk::encode;
use tsdb::cursor::{push_uvarint, push_varint};
use tsdb::floor::Floor;
use tsdb::fs::Fs;
use tsdb::snapshot::{ChunkEnd, LastSample, OpenChunk, SnapshotSeries, SnapshotWriter};
use tsdb::wal::{CheckpointWriter, Compression, LogPlace, Tombstone};
use ulid::Ulid;

pub(super) fn all() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let index = an_index();
    let [symbols, _, lists, table] = index_parts();
    let series: Vec<Vec<u8>> = series_bodies();
    let mut first_list = Parts::of(&lists);
    let first_list = first_list.sized().to_vec();
    let toc: Vec<u8> = (1..7_u64).flat_map(|word| (word * 16).to_be_bytes()).collect();
    let mut all = vec![
        ("index", vec![index.clone()]),
        ("index_header", vec![index]),
        ("index_header_offsets", vec![vec![], vec![0; 40], [vec![0; 36], vec![1]].concat()]),
        ("index_symbols", vec![symbols]),
        ("index_series", series),
        ("index_postings", vec![first_list, vec![0; 4]]),
        ("index_postings_table", vec![table]),
        ("index_toc", vec![toc]),
        ("tombstones", vec![vec![], stones()]),
        ("head_floor", floors()),
        ("verify", vec![vec![], vec![0, 0, 0, 40, 1], vec![3, 1, 0, 99, 0], vec![5, 2, 0, 20, 9, 1, 3, 1, 2, 3]]),
        ("chunks_head", vec![head_chunks(true)]),
        ("chunks_head_frames", vec![head_chunks(false)]),
    ];
    all.extend(logs());
    all.extend(messages());
    all
}

/// A floor without its checksum, and with it.
fn floors() -> Vec<Vec<u8>> {
    let floor = Floor { at_ms: 1_700_000_000_000, log: LogPlace { segment: 5, offset_bytes: 32_768 } }.encode();
    vec![floor.get(..floor.len() - 4).unwrap_or_default().to_vec(), floor]
}

/// A data directory: a block with a deletion, a log, head chunks, a floor. Returns where the block is, too.
pub(crate) fn a_directory() -> (SimFs, PathBuf) {
    let (fs, dir) = (SimFs::new(), Path::new("/data"));
    let (log, _) = a_log();
    for name in ["checkpoint.00000000/00000000", "00000001", "00000002", "00000003"] {
        let path = dir.join("wal").join(name);
        fs.create_dir_all(path.parent().expect("it has one")).expect("the disk is sound");
        fs.plant(&path, &log.read(&Path::new("/wal").join(name)).expect("it is there")).expect("the disk is sound");
    }
    fs.create_dir_all(&dir.join("chunks_head")).expect("the disk is sound");
    fs.plant(&dir.join("chunks_head/000001"), &head_chunks(true)).expect("the disk is sound");
    let floor = Floor { at_ms: 1_700_007_200_000, log: LogPlace { segment: 1, offset_bytes: 0 } };
    fs.plant(&dir.join("head_floor"), &floor.encode()).expect("the disk is sound");
    let spec = BlockSpec::new(Ulid(7), 1_700_000_000_000, 1_700_007_200_000);
    let block = dir.join(spec.ulid.to_string());
    let mut writer = BlockWriter::create(&fs, dir, spec).expect("the disk is sound");
    for job in ["a", "b", "c"] {
        let mut columns = SampleColumns::default();
        regular(150).into_iter().for_each(|(at_ms, value)| columns.push(at_ms, value));
        let labels = Labels::from_pairs([("__name__", "up"), ("job", job)]).expect("they are labels");
        writer.add(labels.as_ref(), &encode(&columns)).expect("they are in order");
    }
    writer.finish().expect("the disk is sound");
    let all = [Matcher::new(MatchOp::Equal, "job", "b").expect("it is one")];
    let range = TimeRange::new(1_700_000_100_000, 1_700_000_200_000).expect("it is a range");
    Block::open(&fs, &block).and_then(|block| block.delete(&fs, &all, range)).expect("the block is sound");
    (fs, block)
}

/// Sizes in two bytes before each of `pieces`.
fn sized(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    pieces.iter().for_each(|piece| push_sized(&mut out, piece));
    out
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    push_uvarint(out, text.len() as u64);
    out.extend_from_slice(text);
}

const SYMBOLS: [&str; 6] = ["", "__name__", "a", "b", "job", "up"];

/// Two series: `up{job="a"}` with two chunks and `up{job="b"}` with none.
fn series_bodies() -> Vec<Vec<u8>> {
    let body = |job: u8, chunks: &[(u64, u64, u64)]| {
        let mut body = vec![2, 1, 5, 4, job];
        push_uvarint(&mut body, chunks.len() as u64);
        for (at, &(from_last_ms, width_ms, place)) in chunks.iter().enumerate() {
            match at {
                0 => push_varint(&mut body, from_last_ms.cast_signed()),
                _ => push_uvarint(&mut body, from_last_ms),
            }
            push_uvarint(&mut body, width_ms);
            match at {
                0 => push_uvarint(&mut body, place),
                _ => push_varint(&mut body, place.cast_signed()),
            }
        }
        body
    };
    vec![body(2, &[(1_700_000_000_000, 1_785_000, 8), (15_000, 1_785_000, 300)]), body(3, &[])]
}

/// Symbols, series, lists and postings table of an index, as [`crate::fuzz_index`] takes them.
fn index_parts() -> [Vec<u8>; 4] {
    let mut symbols = (SYMBOLS.len() as u32).to_be_bytes().to_vec();
    SYMBOLS.iter().for_each(|symbol| string(&mut symbols, symbol.as_bytes()));
    let bodies = series_bodies();
    // Header and symbols come before; entries are sixteen bytes apart.
    let first = (5 + 8 + symbols.len()).next_multiple_of(16);
    let second = (first + crate::parts::entry(&bodies[0]).len()).next_multiple_of(16);
    let end = second + crate::parts::entry(&bodies[1]).len();
    let ids = [first, second].map(|offset| (offset / 16) as u32);
    let list = |ids: &[u32]| std::iter::once(&(ids.len() as u32)).chain(ids).flat_map(|id| id.to_be_bytes()).collect();
    let lists: Vec<Vec<u8>> = vec![list(&ids), list(&ids), list(&ids[..1]), list(&ids[1..])];
    let (mut table, mut at) = (4_u32.to_be_bytes().to_vec(), end.next_multiple_of(4));
    for ((name, value), list) in [("", ""), ("__name__", "up"), ("job", "a"), ("job", "b")].iter().zip(&lists) {
        table.push(2);
        string(&mut table, name.as_bytes());
        string(&mut table, value.as_bytes());
        push_uvarint(&mut table, at as u64);
        at += (8 + list.len()).next_multiple_of(4);
    }
    [symbols, sized(&bodies), sized(&lists), table]
}

/// A sound index, as [`crate::fuzz_index`] takes it.
pub(crate) fn an_index() -> Vec<u8> {
    let [symbols, series, lists, table] = index_parts();
    let mut parts = sized(&[symbols, series, lists]);
    parts.extend(table);
    parts
}

fn stones() -> Vec<u8> {
    let mut stones = Vec::new();
    for (series, min_ms, max_ms) in [(2, 5, 9), (2, 9, 20), (3, i64::MIN, -1), (2, 22, i64::MAX), (2, 0, 1)] {
        push_uvarint(&mut stones, series);
        push_varint(&mut stones, min_ms);
        push_varint(&mut stones, max_ms);
    }
    stones
}

/// Head chunks: as a whole file, or as [`crate::fuzz_chunks_head_frames`] takes them.
fn head_chunks(whole: bool) -> Vec<u8> {
    let mut out = if whole { vec![0x01, 0x30, 0xBC, 0x91, 1, 0, 0, 0] } else { Vec::new() };
    for (series, samples, out_of_order) in [(1_u64, regular(20), 0), (2, odd(9), 0x80), (1, regular(3), 0x80)] {
        let start = out.len();
        let data = chunk_xor(&samples);
        out.extend_from_slice(&series.to_be_bytes());
        out.extend_from_slice(&samples[0].0.to_be_bytes());
        out.extend_from_slice(&samples[samples.len() - 1].0.to_be_bytes());
        out.push(1 | out_of_order);
        if whole {
            string(&mut out, &data);
            let sum = crc32c::crc32c(&out[start..]);
            out.extend_from_slice(&sum.to_be_bytes());
        } else {
            push_sized(&mut out, &data);
        }
    }
    out.resize(out.len() + if whole { 32 } else { 0 }, 0);
    out
}

/// The only segment of a checkpoint with those series and samples: it serves as a segment of the log as well.
fn segment(series: &[(u64, Labels)], samples: &[(u64, i64, f64)], compression: Compression) -> Vec<u8> {
    let (fs, dir) = (SimFs::new(), Path::new("/made"));
    fs.create_dir_all(dir).expect("the disk is empty");
    let mut writer = CheckpointWriter::create(&fs, dir, 0, compression, 1 << 20).expect("the disk is sound");
    for (reference, labels) in series {
        writer.series(SeriesRef(*reference), labels.as_ref()).expect("the disk is sound");
    }
    for &(reference, timestamp_ms, value) in samples {
        writer.sample(SeriesRef(reference), timestamp_ms, value).expect("the disk is sound");
    }
    writer.publish().expect("the disk is sound");
    fs.read(Path::new("/made/checkpoint.00000000/00000000")).expect("it was published")
}

fn named(number: u64) -> Labels {
    // One is longer than a page.
    let long = "x".repeat(if number == 3 { 40_000 } else { 3 });
    Labels::from_pairs([("__name__", "up".to_owned()), ("long", long), ("n", number.to_string())])
        .expect("they are sorted")
}

/// A log of a checkpoint and three segments in three codings, and what it holds.
pub(crate) fn a_log() -> (SimFs, Samples) {
    let fs = SimFs::new();
    let mut written = Samples::new();
    fs.create_dir_all(Path::new("/wal/checkpoint.00000000")).expect("the disk is empty");
    let codings = [Compression::Snappy, Compression::None, Compression::Snappy, Compression::Zstd];
    let files = ["checkpoint.00000000/00000000", "00000001", "00000002", "00000003"];
    for ((number, file), compression) in (0..4_u64).zip(files).zip(codings) {
        let series = [(number + 1, named(number))];
        let samples: Vec<(u64, i64, f64)> = (0..=number)
            .flat_map(|series| {
                (0..10).map(move |at| (series + 1, (number as i64 * 10 + at) * 1000, (series * 7) as f64 + at as f64))
            })
            .collect();
        for &(series, at_ms, value) in &samples {
            written.entry(named(series - 1)).or_default().insert(at_ms, value.to_bits());
        }
        fs.plant(&Path::new("/wal").join(file), &segment(&series, &samples, compression)).expect("it has a directory");
    }
    (fs, written)
}

fn logs() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let labels = Labels::from_pairs([("__name__", "up"), ("job", "a")]).expect("they are sorted");
    let samples: Vec<_> = regular(20).into_iter().map(|(at_ms, value)| (1, at_ms, value)).collect();
    let series = [(1, labels), (2, Labels::from_pairs([("__name__", "down")]).expect("it is one"))];
    let codings = [Compression::None, Compression::Snappy, Compression::Zstd];
    let segments: Vec<Vec<u8>> = codings.map(|coding| segment(&series, &samples, coding)).to_vec();
    let mut records = records_of(&segments[0]);
    records.extend(other_records());
    let damage =
        vec![vec![], vec![0, 0, 9, 1], vec![1, 0, 0, 0x18, 13, 0, 100, 7], vec![2 | 4, 0, 80, 0, 3 | 8, 0, 1, 2]];
    let snapshot = snapshot();
    let snapshot_records = records_of(&snapshot);
    vec![
        ("snapshot", vec![snapshot]),
        ("snapshot_record", snapshot_records),
        ("wal_record", records),
        ("wal_segment", segments),
        ("wal_damage", damage),
    ]
}

/// A record of each kind that holds neither series nor floats.
fn other_records() -> Vec<Vec<u8>> {
    let base = |kind: u8| [&[kind][..], &1_u64.to_be_bytes(), &1_700_000_000_000_u64.to_be_bytes()].concat();
    let mut tombstone = [&[3][..], &1_u64.to_be_bytes()].concat();
    push_varint(&mut tombstone, 5);
    push_varint(&mut tombstone, 9);
    let mut exemplar = [base(4), vec![0, 0], 1.5_f64.to_bits().to_be_bytes().to_vec(), vec![1]].concat();
    string(&mut exemplar, b"trace_id");
    string(&mut exemplar, b"abc");
    let markers = [&[5][..], &1_u64.to_be_bytes(), &(1_u64 << 32 | 8).to_be_bytes()].concat();
    let mut metadata = vec![6, 1, 1, 2];
    ["UNIT", "seconds", "HELP", "how long"].iter().for_each(|text| string(&mut metadata, text.as_bytes()));
    let prefix_v2 = |kind: u8| {
        [&[kind, 2][..], &{
            let mut times = Vec::new();
            push_varint(&mut times, 1_700_000_000_000);
            push_varint(&mut times, 1_699_999_000_000);
            times
        }]
        .concat()
    };
    let v2 = [prefix_v2(11), 1.5_f64.to_bits().to_be_bytes().to_vec()].concat();
    let integer = |custom| histogram_body(true, custom);
    let float = |custom| histogram_body(false, custom);
    vec![
        tombstone,
        exemplar,
        markers,
        metadata,
        [base(7), vec![0, 0], integer(false)].concat(),
        [base(8), vec![0, 0], float(false)].concat(),
        [base(9), vec![0, 0], integer(true)].concat(),
        [base(10), vec![0, 0], float(true)].concat(),
        v2,
        [prefix_v2(12), integer(false)].concat(),
        [prefix_v2(13), float(true)].concat(),
    ]
}

/// A histogram as records have it: two positive buckets, none negative.
fn histogram_body(integer: bool, custom: bool) -> Vec<u8> {
    let mut body = vec![0];
    push_varint(&mut body, if custom { -53 } else { 3 });
    let float = |body: &mut Vec<u8>, value: f64| body.extend_from_slice(&value.to_bits().to_be_bytes());
    float(&mut body, 0.0);
    match integer {
        true => body.extend([0, 5]),
        false => [0.0, 5.0].iter().for_each(|&value| float(&mut body, value)),
    }
    float(&mut body, 7.5);
    body.push(1);
    push_varint(&mut body, 0);
    push_uvarint(&mut body, 2);
    body.extend([0, 2]);
    match integer {
        true => [2, 1].iter().for_each(|&delta| push_varint(&mut body, delta)),
        false => [2.0, 3.0].iter().for_each(|&value| float(&mut body, value)),
    }
    body.push(0);
    if custom {
        body.push(2);
        [1.0, 2.5].iter().for_each(|&bound| float(&mut body, bound));
    }
    body
}

fn messages() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let mut request = RequestEncoder::default();
    request.series([(&b"__name__"[..], &b"up"[..]), (b"job", b"a")], regular(3));
    request.series([(&b"__name__"[..], &b"down"[..])], odd(4));
    let request = request.take();
    // A histogram, an exemplar and metadata, as empty messages.
    let others = [request.clone(), vec![0x0a, 8, 0x0a, 2, 0x0a, 0, 0x1a, 0, 0x22, 0], vec![0x1a, 2, 8, 1]].concat();
    let mut tenant = request.clone();
    tenant.extend([0x12, 3, b'o', b'n', b'e', 0x18, 1]);
    let mut tuples = vec![0x18, 2];
    for name in [b'a', b'b'] {
        let tuple = [request.clone(), vec![0x12, 1, name]].concat();
        tuples.push(0x22);
        string(&mut tuples, &tuple);
    }
    let message = [request.as_slice(), &[0; 300], b"some text, some text, some text"].concat();
    let mut stream = BytesMut::new();
    service::encode_snappy(&message, &mut snap::raw::Encoder::new(), &mut stream);
    let requests = vec![request, others];
    let mut all = servers::all(&requests, &frames());
    all.extend([
        ("remote_write_v2", vec![request_v2()]),
        ("remote_read", vec![read_request(), [0x0a, 0].repeat(1000)]),
        ("remote_write", requests),
        ("remote_write_forwarded", vec![tenant, tuples]),
        ("series_frame", frames()),
        // Two names, a warning, a hint, and a key that is padded.
        (
            "labels_answer",
            vec![b"\x0a\x03job\x0a\x00\x12\x04gone\x1a\x02\x0a\x00".to_vec(), b"\x8a\x00\x02\xc3\xbc".to_vec()],
        ),
        ("snappy_frames", vec![stream.to_vec()]),
    ]);
    all
}

/// Two queries, the first with two matchers and hints; samples are liked better than chunks.
fn read_request() -> Vec<u8> {
    let field = |out: &mut Vec<u8>, key: u8, content: &[u8]| {
        out.push(key);
        string(out, content);
    };
    let mut query = vec![8, 1, 0x10, 0x90, 0x4e];
    for (op, name, value) in [(0, "__name__", "up"), (2, "job", "a|b.+")] {
        let mut matcher = vec![8, op];
        field(&mut matcher, 0x12, name.as_bytes());
        field(&mut matcher, 0x1a, value.as_bytes());
        field(&mut query, 0x1a, &matcher);
    }
    let mut hints = vec![8, 60];
    field(&mut hints, 0x12, b"rate");
    hints.extend([0x18, 1, 0x20, 0x90, 0x4e, 0x38, 5]);
    field(&mut query, 0x22, &hints);
    let mut request = Vec::new();
    field(&mut request, 0x0a, &query);
    field(&mut request, 0x0a, &[0x10, 5]);
    request.extend([0x12, 2, 0, 1]);
    request
}

/// Two series over five symbols: samples, a histogram without a field, an exemplar, metadata.
fn request_v2() -> Vec<u8> {
    let mut body = Vec::new();
    let field = |out: &mut Vec<u8>, key: u8, content: &[u8]| {
        out.push(key);
        string(out, content);
    };
    for symbol in ["", "__name__", "up", "job", "a"] {
        field(&mut body, 0x22, symbol.as_bytes());
    }
    for labels in [&[1, 2, 3, 4][..], &[1, 4]] {
        let mut series = Vec::new();
        field(&mut series, 0x0a, labels);
        for at in 0..3_u8 {
            let sample = [&[0x09][..], &f64::from(at).to_le_bytes(), &[0x10, at + 1]].concat();
            field(&mut series, 0x12, &sample);
        }
        field(&mut series, 0x22, &[0x0a, 2, 3, 4, 0x18, 5]);
        field(&mut series, 0x2a, &[8, 1, 0x18, 2]);
        field(&mut body, 0x2a, &series);
    }
    body
}

/// A snapshot of two series, one with an open chunk, and a deletion.
fn snapshot() -> Vec<u8> {
    let (fs, dir, place) = (SimFs::new(), Path::new("/made"), LogPlace { segment: 1, offset_bytes: 0 });
    fs.create_dir_all(dir).expect("the disk is empty");
    let mut writer = SnapshotWriter::create(&fs, dir, place, Compression::None, 1 << 20).expect("the disk is sound");
    let data = chunk_xor(&regular(10));
    let last = LastSample::Float(27.0);
    let end = Some(ChunkEnd { chunk_range_ms: 60, delta_ms: 1, left_ms: 50, spare_bits: 3, leading: 5, trailing: 2 });
    let open = OpenChunk { min_ms: 0, max_ms: 9, encoding: tsdb::Encoding::Xor, data: &data, last, end };
    for (number, open) in [(1, Some(open)), (2, None)] {
        let labels = named(number);
        let series = SnapshotSeries { series: SeriesRef(number), labels: labels.as_ref(), open };
        writer.series(&series).expect("the disk is sound");
    }
    writer.deletion(Tombstone { series: SeriesRef(1), range: TimeRange::new(2, 5).expect("it runs forwards") });
    writer.publish().expect("the disk is sound");
    fs.read(Path::new("/made/chunk_snapshot.000001.0000000000/00000000")).expect("it was published")
}

/// The records of a segment that is not compressed, of less than a page.
fn records_of(segment: &[u8]) -> Vec<Vec<u8>> {
    let (mut records, mut rest) = (Vec::new(), segment);
    while let Some(([_, high, low, _, _, _, _], behind)) = rest.split_first_chunk::<7>() {
        let size = usize::from(u16::from_be_bytes([*high, *low]));
        records.push(behind[..size].to_vec());
        rest = &behind[size..];
    }
    records
}

fn frames() -> Vec<Vec<u8>> {
    let labels = Labels::from_pairs([("__name__", "up"), ("job", "a")]).expect("they are sorted");
    let data = chunk_xor(&regular(10));
    let chunk =
        |aggregate| WireChunk { min_ms: -5, max_ms: 9, aggregate, encoding: Encoding::Xor, data: data.as_slice() };
    let mut frames = vec![proto::series::warning_frame("not all is here").into_bytes().to_vec()];
    for batch_series in [1, 8] {
        let mut writer = FrameWriter::new(FrameForm { batch_series, hashes: batch_series == 8 });
        for chunks in [&[Aggr::Raw, Aggr::Raw][..], &[Aggr::Count, Aggr::Sum, Aggr::Counter]] {
            let chunks = chunks.iter().map(|&aggregate| chunk(aggregate));
            writer.write(labels.as_ref(), chunks, &mut |frame| frames.push(frame.into_bytes().to_vec()));
        }
        frames.extend(writer.finish().map(|frame| frame.into_bytes().to_vec()));
    }
    frames
}

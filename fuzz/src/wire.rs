//! What comes over the network: remote write, answers of stores, compressed messages.

use crate::meter;
use bytes::{Bytes, BytesMut};
use model::{Fingerprinter, PackedBuilder, TenantId};
use proto::labels::{LabelsPart, LabelsParts};
use proto::remote_read::{ReadQuery, ReadRequest, ResponseKind};
use proto::series::{FrameContent, FrameForm, FrameWriter, ReadChunk, WireChunk, read_frame};
use proto::{
    ForwardPart, LabelLimits, Outline, RemoteWrite, Request2, Spellings, WriteBatch, count_rows, forward_request,
    forward_tuples, pack_labels,
};

fn names() -> Fingerprinter {
    Fingerprinter::new([7; 192])
}

/// A row: its packed labels, unless they are none, and its samples.
type Row = (Option<Vec<u8>>, Vec<(i64, u64)>);

fn rows(batch: &WriteBatch) -> Vec<Row> {
    let row = |index: usize| {
        let (mut order, mut packed) = (Vec::new(), Vec::new());
        let labels = pack_labels(batch.labels(index), &LabelLimits::default(), &mut order, &mut packed).is_ok();
        let samples = batch.samples(index).map(|(timestamp_ms, value)| (timestamp_ms, value.to_bits())).collect();
        (labels.then_some(packed), samples)
    };
    (0..batch.series.len()).map(row).collect()
}

/// A remote write 1.0 body: the table is no larger than was said, rows lie inside the body.
pub fn fuzz_remote_write(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let counted = count_rows(&body);
    let reserve = *counted.as_ref().unwrap_or(&0);
    let walked = meter::within(data.len(), 9, 4 << 10, || WriteBatch::walk(body, reserve, &names(), 0));
    let Ok((batch, tally)) = walked.map_err(|fault| assert!(fault.at <= data.len(), "{fault}")) else { return };
    assert!(batch.series.len() <= counted.expect("the walk found no fault"));
    assert!(tally.series >= batch.series.len() as u64);
    let in_rows: usize = rows(&batch).iter().map(|(_, samples)| samples.len()).sum();
    assert_eq!(in_rows as u64, tally.samples);
    for series in &batch.series {
        assert!(series.labels.end as usize <= data.len() && series.samples.end as usize <= data.len());
    }
    let (valid, refused) = batch.check_histograms(model::HistogramLayout::MAX_BUCKETS);
    assert!(valid + refused.total() <= tally.histograms);
}

/// A remote write 2.0 body: what it means spelled out is a request of 1.0 with the same series, and means the same as it lies.
pub fn fuzz_remote_write_v2(data: &[u8]) {
    let fault = |fault: proto::Malformed| assert!(fault.at <= data.len(), "{fault}");
    let Ok(outline) = Outline::of(data).map_err(fault) else { return };
    let body = Bytes::copy_from_slice(data);
    let spellings = Spellings::new(&names());
    // Beside the tables: what is remembered, and labels that are spelled to be hashed.
    let fixed_bytes = outline.symbols_bytes() + outline.rows_bytes() + (192 << 10);
    let read = || Request2::read(body.clone(), outline, &spellings, 0, 1 << 20);
    let Ok(request) = meter::within(data.len(), 64, fixed_bytes, read) else { return };
    assert!(request.batch.series.len() <= outline.rows);
    let mut out = vec![0; request.spelled_bytes()];
    let batch = request.batch.clone();
    let series = meter::within(0, 0, 1 << 10, || batch.spell(&mut out)).expect("what was measured is written");
    let body = Bytes::from(out);
    let counted = count_rows(&body).expect("what was written is read");
    let (batch, tally) = WriteBatch::walk(body.clone(), counted, &names(), 0).expect("what was written is read");
    assert_eq!((tally.samples, tally.histograms), (request.tally.samples, request.tally.histograms));
    let samples = |batch: &WriteBatch| rows(batch).into_iter().filter(|row| !row.1.is_empty()).collect::<Vec<_>>();
    let same = WriteBatch { series, ..batch.clone() };
    assert_eq!(samples(&same), samples(&batch));
    assert_eq!(rows(&request.batch), rows(&same));
    let names = |batch: &WriteBatch| batch.series.iter().map(|row| row.fingerprint).collect::<Vec<_>>();
    assert_eq!(names(&request.batch), names(&same));
}

/// A remote read request: what it takes is bounded by what it may ask for, a fault lies inside the body, and what is behind the
/// last field of a request does not change those before.
pub fn fuzz_remote_read(data: &[u8]) {
    // A query and a matcher take two bytes each where they are empty, and lists have room for twice as many.
    let decode = |data: &[u8]| meter::within(data.len(), 160, 4 << 10, || ReadRequest::decode(data));
    let Ok(request) = decode(data).map_err(|fault| assert!(fault.at <= data.len(), "{fault}")) else { return };
    assert!(request.queries.len() <= 1000 && request.queries.iter().all(|query| query.matchers.len() <= 1000));
    let texts = request.queries.iter().flat_map(|query| &query.matchers).map(|one| one.name.len() + one.value.len());
    assert!(texts.sum::<usize>() <= data.len());
    assert_eq!(request.response_kind(), request.accepted.first().copied().unwrap_or(ResponseKind::Samples));
    let mut more = data.to_vec();
    more.extend([0x0a, 0, 0x10, 1]);
    let longer = decode(&more);
    if request.queries.len() == 1000 {
        assert!(longer.is_err(), "a query too many is refused");
        return;
    }
    let longer = longer.expect("two fields more are a request");
    assert_eq!(longer.queries.split_last(), Some((&ReadQuery::default(), request.queries.as_slice())));
    assert_eq!(longer.accepted.split_last(), Some((&ResponseKind::StreamedChunks, request.accepted.as_slice())));
}

/// What a router sends: what is put together of a request again, in either form, is the same request.
pub fn fuzz_remote_write_forwarded(data: &[u8]) {
    let walk = |data: &[u8]| RemoteWrite::walk(&Bytes::copy_from_slice(data), &names(), 0);
    let Ok(request) = meter::within(data.len(), 128, 16 << 10, || walk(data)) else { return };
    let told = |request: &RemoteWrite| -> Vec<(TenantId, Vec<Row>)> {
        request.parts.iter().map(|part| (part.tenant.clone(), rows(&part.batch))).collect()
    };
    let all: Vec<Vec<u32>> = request.parts.iter().map(|part| (0..part.batch.series.len() as u32).collect()).collect();
    let parts = request.parts.iter().zip(&all).map(|(part, rows)| ForwardPart {
        tenant: &part.tenant,
        batch: &part.batch,
        rows,
    });
    let tuples: Vec<ForwardPart<'_>> = parts.collect();
    let again = walk(&forward_tuples(&tuples, request.replica).into_bytes()).expect("what was written is read");
    assert_eq!((told(&again), again.replica), (told(&request), request.replica));
    for (part, whole) in tuples.iter().zip(told(&request)) {
        let again = walk(&forward_request(part, request.replica).into_bytes()).expect("what was written is read");
        assert_eq!(told(&again), [whole]);
    }
}

/// A frame of a store's answer: its series are written and read again to the same.
pub fn fuzz_series_frame(data: &[u8]) {
    let frame = Bytes::copy_from_slice(data);
    let Some(series) = read(&frame) else { return };
    let mut writer = FrameWriter::new(FrameForm { batch_series: 64, hashes: true });
    let mut frames = Vec::new();
    for (labels, chunks) in &series {
        let chunks = chunks.iter().map(|(chunk, _)| WireChunk {
            min_ms: chunk.min_ms,
            max_ms: chunk.max_ms,
            aggregate: chunk.aggregate,
            encoding: chunk.encoding,
            data: chunk.data.as_ref(),
        });
        writer.write(labels.as_ref(), chunks, &mut |frame| frames.push(frame.into_bytes()));
    }
    frames.extend(writer.finish().map(proto::grpc::Raw::into_bytes));
    let again = frames.iter().flat_map(|frame| read(frame).expect("what was written is read"));
    let chunks = |chunks: Vec<ReadChunk>| chunks.into_iter().map(|(chunk, _)| chunk).collect::<Vec<_>>();
    let told = |(labels, list): (model::Labels, Vec<ReadChunk>)| (labels, chunks(list));
    assert!(again.map(told).eq(series.into_iter().map(told)));
}

fn read(frame: &Bytes) -> Option<Vec<(model::Labels, Vec<ReadChunk>)>> {
    let fault = |fault: proto::series::MalformedFrame| assert!(fault.at <= frame.len(), "{fault}");
    meter::within(frame.len(), 128, 16 << 10, || {
        let FrameContent::Series(mut fields) = read_frame(frame).map_err(fault).ok()? else { return None };
        let (mut all, mut packed) = (Vec::new(), PackedBuilder::default());
        loop {
            let mut chunks = Vec::new();
            match fields.next_series(&mut packed, &mut |chunk| chunks.push(chunk)).map_err(fault).ok()? {
                Some(labels) => all.push((labels.to_owned(), chunks)),
                None => return Some(all),
            }
        }
    })
}

/// What a store says of labels: nothing is kept of it, a fault lies in it and is the last, and its parts written are read again
/// to the same.
pub fn fuzz_labels_answer(data: &[u8]) {
    let walk = |data: &[u8]| -> Option<Vec<u8>> {
        let (mut written, mut parts) = (Vec::new(), LabelsParts::new(data));
        while let Some(part) = meter::within(0, 0, 0, || parts.next()) {
            let (key, text) = match part.map_err(|fault| assert!(fault.at <= data.len(), "{fault}")) {
                Ok(LabelsPart::String(text)) => (0x0a, text),
                Ok(LabelsPart::Warning(text)) => (0x12, text),
                Err(()) => {
                    assert!(parts.next().is_none());
                    return None;
                }
            };
            written.push(key);
            tsdb::cursor::push_uvarint(&mut written, text.len() as u64);
            written.extend_from_slice(text.as_bytes());
        }
        Some(written)
    };
    let Some(written) = walk(data) else { return };
    assert!(written.len() <= data.len());
    assert_eq!(walk(&written).as_ref(), Some(&written));
}

/// A message in snappy's framed format: at most as long as is allowed, and written and read again to the same.
pub fn fuzz_snappy_frames(data: &[u8]) {
    const LIMIT_BYTES: usize = 1 << 20;
    let mut message = BytesMut::new();
    let decoded = meter::within(data.len(), 64, 64 << 10, || service::decode_snappy(data, LIMIT_BYTES, &mut message));
    if decoded.is_err() {
        return;
    }
    assert!(message.len() <= LIMIT_BYTES);
    let (mut stream, mut again) = (BytesMut::new(), BytesMut::new());
    service::encode_snappy(&message, &mut snap::raw::Encoder::new(), &mut stream);
    service::decode_snappy(&stream, message.len(), &mut again).expect("what was written is read");
    assert_eq!(again, message);
}

//! The series of a store as frames, written as they are taken.

use super::codes::status_of;
use super::request::aggr;
use crate::store::{SeriesBatch, SeriesFrame, SeriesStream, StoreError};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use model::{LabelsRef, SampleColumns};
use proto::grpc::Raw;
use proto::series::{Aggr, Encoding, FrameForm, FrameWriter, WireChunk, warning_frame};
use std::collections::VecDeque;
use tonic::Status;
use tsdb::chunk::xor::XorState;
use tsdb::{Chunk, ChunkSeriesBatch};

/// Samples a chunk that is cut from columns: as many as heads put into one.
const CUT_SAMPLES: usize = 120;

/// A walk over a store's answer. It is asked for a frame when the connection can take one, so that no more waits here
/// than the frames of one batch, and dropping it drops the answer.
struct Frames {
    answer: SeriesStream,
    writer: FrameWriter,
    ready: VecDeque<Raw>,
    ended: bool,
}

/// The messages of an answer.
pub(super) fn frames(answer: SeriesStream, form: FrameForm) -> BoxStream<'static, Result<Raw, Status>> {
    let frames = Frames { answer, writer: FrameWriter::new(form), ready: VecDeque::new(), ended: false };
    stream::unfold(frames, |mut frames| async move { Some((frames.next().await?, frames)) }).boxed()
}

impl Frames {
    async fn next(&mut self) -> Option<Result<Raw, Status>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(Ok(frame));
            }
            if self.ended {
                return None;
            }
            let written = match self.answer.next().await {
                Some(Ok(frame)) => self.write(frame),
                Some(Err(error)) => Err(error),
                None => {
                    self.ended = true;
                    self.ready.extend(self.writer.finish());
                    Ok(())
                }
            };
            if let Err(error) = written {
                self.ended = true;
                self.ready.clear();
                return Some(Err(status_of(&error)));
            }
        }
    }

    fn write(&mut self, frame: SeriesFrame) -> Result<(), StoreError> {
        match frame {
            SeriesFrame::Series(SeriesBatch::Chunks(batch)) => self.write_batch(&batch),
            SeriesFrame::Series(SeriesBatch::Columns(series)) => {
                series.iter().for_each(|(labels, columns)| self.write_columns(labels.as_ref(), columns));
                Ok(())
            }
            SeriesFrame::Warning(text) => {
                self.ready.extend(self.writer.finish());
                self.ready.push_back(warning_frame(&text));
                Ok(())
            }
        }
    }

    fn write_batch(&mut self, batch: &ChunkSeriesBatch) -> Result<(), StoreError> {
        for (labels, chunks) in batch.iter() {
            if let Some(chunk) = chunks.iter().find(|chunk| encoding(chunk.encoding).is_none()) {
                return Err(StoreError::Unsupported {
                    store: format!("{labels:?}"),
                    reason: format!("StoreAPI has no chunks of encoding {:?}", chunk.encoding),
                });
            }
            self.writer.write(labels, chunks.iter().filter_map(wire_chunk), &mut |frame| self.ready.push_back(frame));
        }
        Ok(())
    }

    fn write_columns(&mut self, labels: LabelsRef<'_>, columns: &SampleColumns) {
        let samples = columns.timestamps_ms.chunks(CUT_SAMPLES).zip(columns.values.chunks(CUT_SAMPLES));
        let chunks: Vec<WireChunk<Vec<u8>>> = samples.filter_map(|(times, values)| xor_chunk(times, values)).collect();
        let borrowed = chunks.iter().map(|chunk| WireChunk {
            min_ms: chunk.min_ms,
            max_ms: chunk.max_ms,
            aggregate: chunk.aggregate,
            encoding: chunk.encoding,
            data: chunk.data.as_slice(),
        });
        self.writer.write(labels, borrowed, &mut |frame| self.ready.push_back(frame));
    }
}

fn wire_chunk(chunk: &Chunk) -> Option<WireChunk<&[u8]>> {
    Some(WireChunk {
        min_ms: chunk.min_ms,
        max_ms: chunk.max_ms,
        aggregate: aggr(chunk.aggregate),
        encoding: encoding(chunk.encoding)?,
        data: &chunk.data,
    })
}

fn xor_chunk(timestamps_ms: &[i64], values: &[f64]) -> Option<WireChunk<Vec<u8>>> {
    let (min_ms, max_ms) = (*timestamps_ms.first()?, *timestamps_ms.last()?);
    let (mut state, mut words, mut data) = (XorState::default(), Vec::new(), Vec::new());
    for (timestamp_ms, value) in timestamps_ms.iter().zip(values) {
        state.append(*timestamp_ms, *value, &mut words);
    }
    state.write_chunk(&words, &mut data);
    Some(WireChunk { min_ms, max_ms, aggregate: Aggr::Raw, encoding: Encoding::Xor, data })
}

/// The encodings that StoreAPI has.
fn encoding(encoding: tsdb::Encoding) -> Option<Encoding> {
    match encoding {
        tsdb::Encoding::Xor => Some(Encoding::Xor),
        tsdb::Encoding::Histogram => Some(Encoding::Histogram),
        tsdb::Encoding::FloatHistogram => Some(Encoding::FloatHistogram),
        tsdb::Encoding::Xor2 | tsdb::Encoding::HistogramSt | tsdb::Encoding::FloatHistogramSt => None,
    }
}

//! The series of a store as frames, written as they are taken.

use super::codes::status_of;
use super::request::aggr;
use crate::store::{SeriesBatch, SeriesFrame, SeriesStream, StoreError};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use model::LabelsRef;
use proto::grpc::Raw;
use proto::series::{Encoding, FrameForm, FrameWriter, WireChunk, warning_frame};
use std::collections::VecDeque;
use tonic::Status;
use tsdb::chunk::{ChunkError, to_common};
use tsdb::{Chunk, ChunkSeriesBatch};

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
            SeriesFrame::Series(SeriesBatch::Columns(batch)) => self.write_batch(&batch.encoded()),
            SeriesFrame::Warning(text) => {
                self.ready.extend(self.writer.finish());
                self.ready.push_back(warning_frame(&text));
                Ok(())
            }
        }
    }

    fn write_batch(&mut self, batch: &ChunkSeriesBatch) -> Result<(), StoreError> {
        for (labels, chunks) in batch.iter() {
            if chunks.iter().all(|chunk| encoding(chunk.encoding).is_some()) {
                self.write_series(labels, chunks);
                continue;
            }
            let at_fault = |source: ChunkError| StoreError::Internal {
                store: format!("{labels:?}"),
                reason: format!("a chunk that StoreAPI has no encoding for cannot be decoded: {source}"),
            };
            let mut common = Vec::with_capacity(chunks.len());
            for chunk in chunks {
                common.extend(to_common(chunk).map_err(at_fault)?);
            }
            self.write_series(labels, &common);
        }
        Ok(())
    }

    fn write_series(&mut self, labels: LabelsRef<'_>, chunks: &[Chunk]) {
        self.writer.write(labels, chunks.iter().filter_map(wire_chunk), &mut |frame| self.ready.push_back(frame));
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

/// The encodings that StoreAPI has.
fn encoding(encoding: tsdb::Encoding) -> Option<Encoding> {
    match encoding {
        tsdb::Encoding::Xor => Some(Encoding::Xor),
        tsdb::Encoding::Histogram => Some(Encoding::Histogram),
        tsdb::Encoding::FloatHistogram => Some(Encoding::FloatHistogram),
        tsdb::Encoding::Xor2 | tsdb::Encoding::HistogramSt | tsdb::Encoding::FloatHistogramSt => None,
    }
}

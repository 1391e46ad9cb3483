//! Reading a body: bounded, under a deadline, into memory that was reserved before.

use crate::buffers::{Buffer, BufferPool};
use crate::status::Refusal;
use axum::body::Body;
use http_body::Body as _;
use http_body_util::BodyExt;
use service::{Account, NoMemory};
use std::sync::Arc;
use std::time::Duration;

/// How much is reserved at first for a body that does not tell its size.
const FIRST_BYTES: u32 = 64 << 10;
/// How long a body that is not wanted may take to pass by.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// What holds for every body.
#[derive(Debug)]
pub(crate) struct BodyReader {
    pub(crate) max_bytes: u32,
    pub(crate) timeout: Duration,
    pub(crate) account: Account,
    pub(crate) buffers: Arc<BufferPool>,
}

impl BodyReader {
    /// Reads all of `body`. A size told in advance decides before anything is read.
    pub(crate) async fn read(&self, body: &mut Body) -> Result<Buffer, Refusal> {
        let told = body.size_hint().exact();
        if told.is_some_and(|told| told > u64::from(self.max_bytes)) {
            return Err(Refusal::BodyTooLarge { limit_bytes: self.max_bytes });
        }
        let first = told.map_or(FIRST_BYTES, |told| u32::try_from(told).unwrap_or(u32::MAX)).min(self.max_bytes);
        let reserved = self.account.take(first).await.map_err(Refusal::of_body)?;
        let mut buffer = self.buffers.buffer(reserved);
        buffer.grow_to(first as usize).map_err(Refusal::of_body)?;
        match tokio::time::timeout(self.timeout, self.fill(&mut buffer, body)).await {
            Ok(read) => read.map(|()| buffer),
            Err(_) => Err(Refusal::ReadTimeout { timeout: self.timeout }),
        }
    }

    async fn fill(&self, buffer: &mut Buffer, body: &mut Body) -> Result<(), Refusal> {
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|broken| Refusal::BodyBroken(broken.to_string()))?.into_data() else {
                continue; // Trailers.
            };
            let size_bytes = buffer.as_ref().len() + data.len();
            if size_bytes > self.max_bytes as usize {
                return Err(Refusal::BodyTooLarge { limit_bytes: self.max_bytes });
            }
            if size_bytes > buffer.room() {
                // Twice what is needed, lest a long body of untold size is moved for each of its frames.
                buffer.grow_to((2 * size_bytes).min(self.max_bytes as usize)).map_err(Refusal::of_body)?;
            }
            buffer.push(&data);
        }
        Ok(())
    }
}

impl Refusal {
    fn of_body(_: NoMemory) -> Self {
        Self::Busy
    }
}

/// Lets a body pass that was refused unread, for a while. A connection closed on a sender that still sends is reset, and
/// the sender may never see the answer.
pub(crate) async fn discard(mut body: Body) {
    let pass = async { while let Some(Ok(_)) = body.frame().await {} };
    // Whoever is not done by then is cut off.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, pass).await;
}

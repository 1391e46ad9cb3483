//! `WriteableStore.RemoteWrite`: what routers send to ingesters, and to each other.
//!
//! A request is walked where it lies, like one of remote write, and gives a batch for each of its tenants. One to be sent is
//! put together from slices of the request it came from: a series goes on byte for byte, with its key and its size, which
//! are the same in both messages.
//!
//! Thanos up to 0.42 knows fields 1 to 3 only and takes a request with field 4 for an empty one. Later ones fill field 4 and
//! read both.

use super::fields::{LABELS, LabelFields};
use super::walk::{TIMESERIES, TIMESERIES_KEY, Walk};
use super::{Malformed, SpelledBatch, Tally, WriteBatch};
use crate::grpc::Raw;
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire, push_uvarint};
use bytes::Bytes;
use model::{Fingerprinter, InvalidTenant, TenantId};
use std::collections::BTreeMap;
use std::ops::Range;

// WriteRequest, and TimeSeriesTenantTuple for the first two.
const TENANT: u32 = 2;
const TENANT_KEY: u8 = 0x12;
const REPLICA: u32 = 3;
const REPLICA_KEY: u8 = 0x18;
const TUPLES: u32 = 4;
const TUPLES_KEY: u8 = 0x22;

/// A request, by tenants.
#[derive(Debug)]
pub struct RemoteWrite {
    /// Which replica this is, from 1; 0: it was not replicated yet.
    pub replica: u32,
    /// By name; each tenant once. Only those that have series.
    pub parts: Vec<TenantBatch>,
}

/// The series of one tenant.
#[derive(Debug)]
pub struct TenantBatch {
    pub tenant: TenantId,
    pub batch: SpelledBatch,
    pub tally: Tally,
}

/// Why a request is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRemoteWrite {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("tenant name not valid: {0}")]
    Tenant(#[from] InvalidTenant),
    #[error("tenant name not valid: it is not UTF-8")]
    TenantNotUtf8,
    #[error("replica {0} is no replica")]
    Replica(i64),
    #[error("there are more than {} tenants in one request", RemoteWrite::MAX_TENANTS)]
    TooManyTenants,
}

impl RemoteWrite {
    /// How many tenants a request may have: what is kept for each is far more than the bytes that name it.
    pub const MAX_TENANTS: usize = 10_000;

    /// Walks a request, which may fill fields 1 and 2, or field 4, or both.
    ///
    /// # Errors
    /// Bytes that are no such message, a tenant that is none, a replica below 0.
    pub fn walk(body: &Bytes, fingerprinter: &Fingerprinter, received_ms: i64) -> Result<Self, InvalidRemoteWrite> {
        if u32::try_from(body.len()).is_err() {
            return Err(Malformed { series: 0, at: body.len(), what: "body over 4 GiB" }.into());
        }
        let new = || Walk { series: Vec::new(), tally: Tally::default(), fingerprinter };
        let mut request = Request { own: new(), tenant: 0..0, replica: 0, tuples: BTreeMap::new(), new: &new };
        let (mut replica, mut at) = (0, 0);
        while at < body.len() {
            at = request.field(body, at)?;
            replica = request.replica;
        }
        let replica = u32::try_from(replica).map_err(|_| InvalidRemoteWrite::Replica(replica))?;
        let mut parts = request.tuples;
        let own = request.own;
        if own.tally.series > 0 {
            add(&mut parts, body.get(request.tenant).unwrap_or_default(), own)?;
        }
        let part = |(name, walk): (&[u8], Walk<'_>)| {
            let name = std::str::from_utf8(name).map_err(|_| InvalidRemoteWrite::TenantNotUtf8)?;
            let batch = WriteBatch { body: body.clone(), series: walk.series, symbols: None, received_ms, replica };
            Ok(TenantBatch { tenant: TenantId::parse(name)?, batch: SpelledBatch(batch), tally: walk.tally })
        };
        Ok(Self { replica, parts: parts.into_iter().map(part).collect::<Result<_, InvalidRemoteWrite>>()? })
    }
}

/// A request while it is walked.
struct Request<'b, 'f, N> {
    /// Field 1.
    own: Walk<'f>,
    /// Field 2.
    tenant: Range<usize>,
    /// Field 3.
    replica: i64,
    /// Field 4, by tenant.
    tuples: BTreeMap<&'b [u8], Walk<'f>>,
    new: N,
}

impl<'b, 'f, N: Fn() -> Walk<'f>> Request<'b, 'f, N> {
    /// One field, whose key is at `at`; returns where it ends.
    fn field(&mut self, body: &'b [u8], mut at: usize) -> Result<usize, InvalidRemoteWrite> {
        let series = self.own.number();
        let fault = |fault: Fault| fault.in_series(series);
        let start = at;
        let key = wire::key(body, &mut at).map_err(fault)?;
        match (key.number, key.wire) {
            (TIMESERIES, Wire::Len) => at = self.own.message(body, start, at).map_err(fault)?,
            (TENANT, Wire::Len) => {
                let end = wire::end_of_len(body, &mut at).map_err(fault)?;
                self.tenant = std::mem::replace(&mut at, end)..end;
            }
            (REPLICA, Wire::Varint) => self.replica = wire::uvarint(body, &mut at).map_err(fault)?.cast_signed(),
            (TUPLES, Wire::Len) => {
                let end = wire::end_of_len(body, &mut at).map_err(fault)?;
                self.tuple(body.get(..end).unwrap_or_default(), at)?;
                at = end;
            }
            (TIMESERIES | TENANT | REPLICA | TUPLES, _) => {
                return Err(fault(Fault { at: start, what: WRONG_WIRE_TYPE }).into());
            }
            (_, wire) => wire::skip(body, wire, &mut at).map_err(fault)?,
        }
        Ok(at)
    }

    /// One tenant's series, from `at` to the end of `body`.
    fn tuple(&mut self, body: &'b [u8], mut at: usize) -> Result<(), InvalidRemoteWrite> {
        let (mut walk, mut tenant) = ((self.new)(), 0..0);
        while at < body.len() {
            at = tuple_field(&mut walk, &mut tenant, body, at).map_err(|fault| fault.in_series(walk.number()))?;
        }
        if walk.tally.series > 0 {
            add(&mut self.tuples, body.get(tenant).unwrap_or_default(), walk)?;
        }
        Ok(())
    }
}

/// One field of a tuple, whose key is at `at`; returns where it ends.
fn tuple_field(walk: &mut Walk<'_>, tenant: &mut Range<usize>, body: &[u8], mut at: usize) -> Result<usize, Fault> {
    let start = at;
    let key = wire::key(body, &mut at)?;
    match (key.number, key.wire) {
        (TIMESERIES, Wire::Len) => at = walk.message(body, start, at)?,
        (TENANT, Wire::Len) => {
            let end = wire::end_of_len(body, &mut at)?;
            *tenant = std::mem::replace(&mut at, end)..end;
        }
        (TIMESERIES | TENANT, _) => return Err(Fault { at: start, what: WRONG_WIRE_TYPE }),
        (_, wire) => wire::skip(body, wire, &mut at)?,
    }
    Ok(at)
}

/// Adds what `walk` found to the part of `tenant`.
fn add<'b, 'f>(
    parts: &mut BTreeMap<&'b [u8], Walk<'f>>,
    tenant: &'b [u8],
    walk: Walk<'f>,
) -> Result<(), InvalidRemoteWrite> {
    if let Some(part) = parts.get_mut(tenant) {
        part.series.extend(walk.series);
        part.tally.add(&walk.tally);
        return Ok(());
    }
    if parts.len() >= RemoteWrite::MAX_TENANTS {
        return Err(InvalidRemoteWrite::TooManyTenants);
    }
    parts.insert(tenant, walk);
    Ok(())
}

// === to be sent ===

/// Series of one tenant to be sent: rows of a batch.
#[derive(Debug)]
pub struct ForwardPart<'a> {
    pub tenant: &'a TenantId,
    pub batch: &'a SpelledBatch,
    /// Rising numbers of rows.
    pub rows: &'a [u32],
}

/// A request of one tenant in fields 1 to 3, which every peer understands. `replica` counts from 1.
pub fn forward_request(part: &ForwardPart<'_>, replica: u32) -> Raw {
    let mut parts = part.series();
    let mut rest = Vec::with_capacity(part.tenant.as_str().len() + 16);
    part.push_tenant(&mut rest);
    push_replica(&mut rest, replica);
    parts.push(rest.into());
    Raw { parts }
}

/// A request of several tenants in fields 3 and 4, for peers later than Thanos 0.42.
pub fn forward_tuples(tuples: &[ForwardPart<'_>], replica: u32) -> Raw {
    let mut parts = Vec::new();
    for tuple in tuples {
        let series = tuple.series();
        let mut tenant = Vec::with_capacity(tuple.tenant.as_str().len() + 16);
        tuple.push_tenant(&mut tenant);
        let size = series.iter().map(Bytes::len).sum::<usize>() + tenant.len();
        let mut head = vec![TUPLES_KEY];
        push_uvarint(&mut head, size as u64);
        parts.push(head.into());
        parts.extend(series);
        parts.push(tenant.into());
    }
    let mut rest = Vec::new();
    push_replica(&mut rest, replica);
    parts.push(rest.into());
    Raw { parts }
}

impl ForwardPart<'_> {
    /// The series as slices of the body they came in; neighbours are one slice.
    fn series(&self) -> Vec<Bytes> {
        let (mut slices, mut run) = (Vec::new(), 0..0);
        let mut flush = |run: Range<usize>| {
            if !run.is_empty() && run.end <= self.batch.body.len() {
                slices.push(self.batch.body.slice(run));
            }
        };
        for series in self.rows.iter().filter_map(|row| self.batch.series.get(*row as usize)) {
            let field = series.field.start as usize..series.field.end as usize;
            if field.start == run.end {
                run.end = field.end;
            } else {
                flush(std::mem::replace(&mut run, field));
            }
        }
        flush(run);
        slices
    }

    fn push_tenant(&self, out: &mut Vec<u8>) {
        let tenant = self.tenant.as_str().as_bytes();
        out.push(TENANT_KEY);
        push_uvarint(out, tenant.len() as u64);
        out.extend_from_slice(tenant);
    }
}

fn push_replica(out: &mut Vec<u8>, replica: u32) {
    if replica > 0 {
        out.push(REPLICA_KEY);
        push_uvarint(out, u64::from(replica));
    }
}

impl SpelledBatch {
    /// The batch with labels called `name` taken out of the series in `rows`; everything else in them stays as it came.
    ///
    /// # Errors
    /// Series whose labels are malformed.
    pub fn without_label(&self, rows: &[u32], name: &[u8], fingerprinter: &Fingerprinter) -> Result<Self, Malformed> {
        let mut body = Vec::new();
        let mut message = Vec::new();
        for row in rows {
            let Some(series) = self.series.get(*row as usize) else { continue };
            message.clear();
            let field = series.field.start as usize..series.field.end as usize;
            self.copy_without(field, name, &mut message).map_err(|fault| fault.in_series(*row))?;
            body.push(TIMESERIES_KEY);
            push_uvarint(&mut body, message.len() as u64);
            body.extend_from_slice(&message);
        }
        let (mut batch, _) = WriteBatch::walk(body.into(), rows.len(), fingerprinter, self.received_ms)?;
        batch.replica = self.replica;
        Ok(Self(batch))
    }

    /// Copies the fields of one series but for some labels.
    fn copy_without(&self, field: Range<usize>, name: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let body = self.body.get(..field.end).unwrap_or_default();
        let mut at = field.start;
        wire::key(body, &mut at)?;
        wire::end_of_len(body, &mut at)?;
        while at < body.len() {
            let start = at;
            let key = wire::key(body, &mut at)?;
            wire::skip(body, key.wire, &mut at)?;
            let one = body.get(start..at).unwrap_or_default();
            let mut labels = LabelFields::new(body.get(..at).unwrap_or_default(), start, 0);
            let goes =
                key.number == LABELS && labels.next().is_some_and(|label| label.is_ok_and(|label| label.name == name));
            if !goes {
                out.extend_from_slice(one);
            }
        }
        Ok(())
    }
}

impl Tally {
    /// Adds what another part of the same request carried.
    fn add(&mut self, other: &Self) {
        self.series += other.series;
        self.samples += other.samples;
        self.exemplars += other.exemplars;
        self.histograms += other.histograms;
        self.metadata += other.metadata;
        self.unlabelled += other.unlabelled;
        self.unknown_fields += other.unknown_fields;
    }
}

#[cfg(test)]
mod tests;

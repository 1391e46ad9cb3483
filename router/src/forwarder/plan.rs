//! Which series go to whom.

use super::peer::{Peer, What};
use super::{ForwardForm, Live};
use crate::hashring::{NoPlace, NodeId};
use crate::quorum::Thresholds;
use model::{Fingerprinter, HistogramLayout, InvalidTenant, TenantId, ring_hash};
use proto::{
    ForwardPart, Malformed, Rejection, Rejections, RemoteWrite, SeriesSlice, SpelledBatch, WriteBatch, WriteError,
    forward_request, forward_tuples,
};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What is to be sent for one write.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) sends: Vec<Send>,
    pub(super) thresholds: Thresholds,
    /// How many numbers series have.
    pub(super) series: usize,
    pub(super) samples: u64,
    /// Those that are valid.
    pub(super) histograms: u64,
    pub(super) exemplars: u64,
    /// What cannot be sent to anybody, and histograms that nobody will store.
    pub(super) rejections: Rejections,
}

/// One request to one peer.
#[derive(Debug)]
pub(super) struct Send {
    pub(super) peer: Arc<Peer>,
    pub(super) what: What,
    /// The numbers of its series.
    pub(super) series: Vec<u32>,
}

/// Makes plans.
#[derive(Debug)]
pub(super) struct Planner {
    pub(super) live: Arc<Live>,
    pub(super) label: Option<String>,
    pub(super) form: ForwardForm,
    pub(super) fingerprinter: Arc<Fingerprinter>,
}

/// The series of one tenant.
struct Part {
    tenant: TenantId,
    batch: SpelledBatch,
    /// The number of each row in the whole write; rows that carry nothing are asked of nobody and have none.
    numbers: Vec<u32>,
    /// Rows by destination (node times replicas, plus replica from 0), those that have any, in order: there may be more tenants
    /// than would bear a full table each.
    rows: Vec<(usize, Vec<u32>)>,
}

impl Planner {
    pub(super) fn plan(&self, tenant: &TenantId, batch: WriteBatch) -> Result<Plan, WriteError> {
        let factor = self.live.rings.replication_factor();
        let replica = usize::try_from(batch.replica).unwrap_or(usize::MAX);
        // From 0: those this write is for.
        let replicas = if replica > 0 { replica - 1..replica } else { 0..factor };
        let thresholds = if replica > 0 { Thresholds::replicated() } else { Thresholds::new(factor) };
        let (sends, rejections) = (Vec::new(), Rejections::default());
        let mut plan = Plan { sends, thresholds, series: 0, samples: 0, histograms: 0, exemplars: 0, rejections };
        let mut parts = Vec::new();
        let mut table = vec![Vec::new(); self.live.peers.len() * factor];
        for (tenant, batch) in self.by_tenant(tenant, batch, &mut plan.rejections)? {
            // Whoever stores passes over histograms that are none and says nothing, so it is said here.
            let (valid, invalid) = batch.check_histograms(HistogramLayout::MAX_BUCKETS);
            plan.histograms += valid;
            let mut part = Part { tenant, batch, numbers: Vec::new(), rows: Vec::new() };
            part.place(&self.live, replicas.clone(), &mut plan, &mut table)?;
            plan.rejections.merge(invalid);
            parts.push(part);
        }
        for (node, peer) in self.live.peers.iter().enumerate() {
            for replica in replicas.clone() {
                self.to_one(&parts, (peer, node * factor + replica, replica), &mut plan);
            }
        }
        Ok(plan)
    }

    /// The requests for one peer as one replica (from 0).
    fn to_one(&self, parts: &[Part], (peer, destination, replica): (&Arc<Peer>, usize, usize), plan: &mut Plan) {
        let replica = u32::try_from(replica + 1).unwrap_or(u32::MAX);
        let (mut tuples, mut tuple_series) = (Vec::new(), Vec::new());
        let sends = &mut plan.sends;
        for part in parts {
            let Some(rows) = part.rows_of(destination) else { continue };
            let numbers = rows.iter().filter_map(|row| part.numbers.get(*row as usize).copied());
            let series: Vec<u32> = numbers.collect();
            if !peer.is_remote() {
                let batch = part.some(rows, replica);
                let refused = match plan.rejections.count(Rejection::TooManyBuckets) {
                    0 => 0,
                    _ => batch.check_histograms(HistogramLayout::MAX_BUCKETS).1.count(Rejection::TooManyBuckets),
                };
                let what = What::Local { tenant: part.tenant.clone(), batch, refused };
                sends.push(Send { peer: Arc::clone(peer), what, series });
            } else if self.form == ForwardForm::Tenant {
                let one = ForwardPart { tenant: &part.tenant, batch: &part.batch, rows };
                let what = What::Remote(forward_request(&one, replica));
                sends.push(Send { peer: Arc::clone(peer), what, series });
            } else {
                tuple_series.extend(series);
                tuples.push((part, rows));
            }
        }
        if !tuples.is_empty() {
            let tuples: Vec<_> = (tuples.iter())
                .map(|(part, rows)| ForwardPart { tenant: &part.tenant, batch: &part.batch, rows })
                .collect();
            let what = What::Remote(forward_tuples(&tuples, replica));
            sends.push(Send { peer: Arc::clone(peer), what, series: tuple_series });
        }
    }

    /// The series of each tenant. Those with the label that names one are its, without the label.
    fn by_tenant(
        &self,
        tenant: &TenantId,
        batch: WriteBatch,
        rejections: &mut Rejections,
    ) -> Result<Vec<(TenantId, SpelledBatch)>, WriteError> {
        let batch = batch.spelled()?;
        let Some(label) = self.label.as_ref().map(String::as_bytes).filter(|label| !label.is_empty()) else {
            return Ok(vec![(tenant.clone(), batch)]);
        };
        let mut named: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
        let mut others = Vec::new();
        for (row, series) in (0u32..).zip(&batch.series).filter(|(_, series)| !series.is_void()) {
            let mut value = Vec::new();
            for one in batch.labels(row as usize) {
                let one = one.map_err(WriteError::Malformed)?;
                if one.name == label {
                    value = one.value.to_vec();
                    break;
                }
            }
            match value.is_empty() {
                true => others.push(series.clone()),
                false => named.entry(value).or_default().push(row),
            }
            if named.len() > RemoteWrite::MAX_TENANTS {
                return Err(WriteError::TooManyTenants { limit: RemoteWrite::MAX_TENANTS });
            }
        }
        let mut split = Vec::with_capacity(named.len() + 1);
        for (name, rows) in named {
            let without = batch.without_label(&rows, label, &self.fingerprinter)?;
            // A series that was nothing but its tenant has no label left.
            let gone = (rows.len() - without.series.len().min(rows.len())) as u64;
            rejections.add(None, Rejection::InvalidLabels, gone, || "a series has no label but its tenant".to_owned());
            split.push((named_tenant(&name)?, without));
        }
        let replica = batch.replica;
        split.push((tenant.clone(), batch.with(others, replica)));
        Ok(split)
    }
}

fn named_tenant(name: &[u8]) -> Result<TenantId, WriteError> {
    let text = std::str::from_utf8(name).map_err(|error| InvalidTenant::BadByte { at: error.valid_up_to() })?;
    Ok(TenantId::parse(text)?)
}

impl Part {
    /// Numbers the series that carry anything, counts their samples, and finds their nodes.
    /// `table` has an empty list for each destination, before and after.
    fn place(
        &mut self,
        live: &Live,
        replicas: Range<usize>,
        plan: &mut Plan,
        table: &mut [Vec<u32>],
    ) -> Result<(), WriteError> {
        let Self { tenant, batch, numbers, rows } = self;
        if batch.series.iter().all(SeriesSlice::is_void) {
            return Ok(());
        }
        let factor = live.rings.replication_factor();
        let no_place = |why: NoPlace| WriteError::NoPlace(why.to_string());
        let ring = live.rings.of_tenant(tenant.as_str()).map_err(no_place)?;
        let mut nodes: Vec<NodeId> = Vec::with_capacity(factor);
        for (row, series) in (0u32..).zip(&batch.series) {
            if series.is_void() {
                numbers.push(u32::MAX);
                continue;
            }
            numbers.push(u32::try_from(plan.series).unwrap_or(u32::MAX));
            plan.series += 1;
            plan.samples += batch.samples(row as usize).count() as u64;
            plan.exemplars += batch.exemplars(row as usize).count() as u64;
            let hash = hash(tenant, batch, row)?;
            nodes.clear();
            ring.nodes(hash, replicas.end, &mut nodes).map_err(no_place)?;
            for replica in replicas.clone() {
                let node = nodes.get(replica).map_or(usize::MAX, |node| *node as usize);
                if let Some(rows) = table.get_mut(node.saturating_mul(factor).saturating_add(replica)) {
                    rows.push(row);
                }
            }
        }
        let filled = table.iter_mut().enumerate().filter(|(_, rows)| !rows.is_empty());
        rows.extend(filled.map(|(destination, rows)| (destination, std::mem::take(rows))));
        Ok(())
    }

    /// The rows for one destination, if there are any.
    fn rows_of(&self, destination: usize) -> Option<&[u32]> {
        let at = self.rows.binary_search_by_key(&destination, |(destination, _)| *destination).ok()?;
        self.rows.get(at).map(|(_, rows)| rows.as_slice())
    }

    /// Some of its rows, for a target in this process.
    fn some(&self, rows: &[u32], replica: u32) -> WriteBatch {
        let series = rows.iter().filter_map(|row| self.batch.series.get(*row as usize).cloned()).collect();
        self.batch.with(series, replica).into_batch()
    }
}

/// What the ring looks up for a row.
fn hash(tenant: &TenantId, batch: &WriteBatch, row: u32) -> Result<u64, Malformed> {
    let mut fault = None;
    let labels = batch.labels(row as usize).map_while(|label| label.map_err(|malformed| fault = Some(malformed)).ok());
    let hash = ring_hash(tenant.as_str().as_bytes(), labels);
    fault.map_or(Ok(hash), Err)
}

//! What the ingester shows, under the names that dashboards of Prometheus and Thanos use; a label tells the tenant.
//!
//! Nothing is counted twice: the values lie in the tenants, and are read when somebody asks. Metrics of what we do not do
//! (isolation) are not shown as zero.

use crate::ingester::Ingester;
use crate::tenant::Tenant;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use proto::Rejection;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use telemetry::Registry;
use tsdb::db::{DbStats, Opened};
use tsdb::wal::{LeftOut, ReadReport};

/// Reads the metrics of an ingester as long as there is one.
#[derive(Debug)]
struct Shown(Weak<Ingester>);

/// Registers the metrics of `ingester`.
pub(crate) fn register(registry: &Registry, ingester: &Arc<Ingester>) {
    registry.register_collector(Box::new(Shown(Arc::downgrade(ingester))));
}

/// The labels of a series besides that of its tenant.
type Extra = &'static [(&'static str, &'static str)];

const NONE: Extra = &[];
const FLOAT: [(&str, &str); 1] = [("type", "float")];
const HISTOGRAM: [(&str, &str); 1] = [("type", "histogram")];

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(ingester) = self.0.upgrade() else { return Ok(()) };
        let free = ConstGauge::new(ingester.disk.free_bytes() as f64);
        let help = "Bytes free on the disk, as last looked at.";
        free.encode(encoder.encode_descriptor("gauntlet_disk_free_bytes", help, None, free.metric_type())?)?;
        let low = ConstGauge::new(i64::from(ingester.disk.too_low().is_some()));
        let help = "Whether writes are refused because too little is free on the disk.";
        low.encode(encoder.encode_descriptor("gauntlet_disk_below_floor", help, None, low.metric_type())?)?;
        let not_open = ingester.tenants.not_open();
        let help =
            "Tenants whose data directory cannot be opened: their writes are refused, and answers lack what they hold.";
        let none = ConstGauge::new(0i64);
        let mut family = encoder.encode_descriptor("gauntlet_tenant_not_open", help, None, none.metric_type())?;
        for (id, _) in &not_open {
            ConstGauge::new(1i64).encode(family.encode_family(&[("tenant", id.as_str())])?)?;
        }
        for tenant in ingester.tenants.open() {
            none.encode(family.encode_family(&[("tenant", tenant.id.as_str())])?)?;
        }
        let tenants = ingester.tenants.open().into_iter().map(|tenant| (tenant.db.stats(), tenant)).collect();
        let mut families = Families { encoder, tenants };
        families.of_the_head()?;
        families.of_blocks()?;
        families.of_the_log()?;
        families.of_opening()
    }
}

/// Writes one family after another, each with a series for every tenant.
struct Families<'a> {
    encoder: DescriptorEncoder<'a>,
    tenants: Vec<(DbStats, Arc<Tenant>)>,
}

impl Families<'_> {
    fn of_the_head(&mut self) -> fmt::Result {
        let help = "Total number of series in the head block.";
        self.gauge("prometheus_tsdb_head_series", help, |stats, _| stats.head_series as f64)?;
        let help = "Minimum time bound of the head block. The unit is decided by the library consumer.";
        self.gauge("prometheus_tsdb_head_min_time", help, |stats, _| stats.head_min_ms as f64)?;
        let help = "Maximum timestamp of the head block. The unit is decided by the library consumer.";
        self.gauge("prometheus_tsdb_head_max_time", help, |stats, _| stats.head_max_ms as f64)?;
        let help = "Size of the chunks_head directory.";
        self.gauge("prometheus_tsdb_head_chunks_storage_size_bytes", help, |stats, _| stats.head_chunk_bytes as f64)?;
        let help = "Label regions in another than canonical form whose series are known.";
        self.gauge("gauntlet_wire_cache_entries", help, |_, tenant| tenant.wire_cache_len() as f64)?;
        let help = "Total number of series created in the head";
        self.counted("prometheus_tsdb_head_series_created_total", help, NONE, |tenant| &tenant.counts.created)?;
        let help = "Total number of appended samples.";
        self.counters("prometheus_tsdb_head_samples_appended_total", help, |tenant| {
            let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            vec![(FLOAT, count(&tenant.counts.accepted)), (HISTOGRAM, count(&tenant.counts.histograms))]
        })?;
        let help = "Total number of out of order samples ingestion failed attempts due to out of order being disabled.";
        self.counter("prometheus_tsdb_out_of_order_samples_total", help, &FLOAT, |_, tenant| {
            tenant.counts.rejected(&[Rejection::OutOfOrder])
        })?;
        let help = "Total number of out of bound samples ingestion failed attempts with out of order support disabled.";
        self.counter("prometheus_tsdb_out_of_bound_samples_total", help, &FLOAT, |_, tenant| {
            tenant.counts.rejected(&[Rejection::OutOfBounds, Rejection::TooFarInFuture])
        })?;
        let help = "Total number of out of order samples ingestion failed attempts with out of support enabled, but sample outside of time window.";
        self.counter("prometheus_tsdb_too_old_samples_total", help, &FLOAT, |_, tenant| {
            tenant.counts.rejected(&[Rejection::TooOld])
        })?;
        let help = "Total number of appended out of order samples.";
        self.counted("prometheus_tsdb_head_out_of_order_samples_appended_total", help, &FLOAT, |tenant| {
            &tenant.counts.late
        })?;
        let help = "Total number of appended exemplars.";
        self.counted("prometheus_tsdb_exemplar_exemplars_appended_total", help, NONE, |tenant| {
            &tenant.counts.exemplars
        })?;
        let help = "Total number of out of order exemplar ingestion failed attempts.";
        self.counter("prometheus_tsdb_exemplar_out_of_order_exemplars_total", help, NONE, |_, tenant| {
            tenant.counts.rejected(&[Rejection::ExemplarOutOfOrder])
        })?;
        let help =
            "Samples, series, histograms and exemplars that were refused while the rest of their write was stored.";
        self.counters("gauntlet_ingester_rejected_total", help, |tenant| {
            let count = |why: Rejection| (why.as_str(), tenant.counts.rejected(&[why]));
            let refused = Rejection::ALL.map(count).into_iter().filter(|(_, count)| *count > 0);
            refused.map(|(why, count)| ([("reason", why)], count)).collect()
        })
    }

    fn of_blocks(&mut self) -> fmt::Result {
        let help = "Number of currently loaded data blocks";
        self.gauge("prometheus_tsdb_blocks_loaded", help, |stats, _| stats.blocks as f64)?;
        let help = "The number of bytes that are currently used for local storage by all blocks.";
        self.gauge("prometheus_tsdb_storage_blocks_bytes", help, |stats, _| stats.block_bytes as f64)?;
        let help = "Lowest timestamp value stored in the database. The unit is decided by the library consumer.";
        self.gauge("prometheus_tsdb_lowest_timestamp", help, |_, tenant| {
            tenant.db.time_range().map_or(0.0, |held| held.min_ms() as f64)
        })?;
        let help = "How long to retain samples in storage.";
        self.gauge("prometheus_tsdb_retention_limit_seconds", help, |_, tenant| tenant.retention_s())?;
        let help = "Total number of compactions that were executed for the partition.";
        self.counted("prometheus_tsdb_compactions_total", help, NONE, |tenant| &tenant.counts.cut_blocks)?;
        let help = "Total number of compactions that failed for the partition.";
        self.counted("prometheus_tsdb_compactions_failed_total", help, NONE, |tenant| &tenant.counts.upkeep_failed)
    }

    fn of_the_log(&mut self) -> fmt::Result {
        let help = "Write log segment index that TSDB is currently writing to.";
        self.gauge("prometheus_tsdb_wal_segment_current", help, |stats, _| f64::from(stats.log.segment))?;
        let help = "Total number of write log writes that failed.";
        self.counter("prometheus_tsdb_wal_writes_failed_total", help, NONE, |stats, _| stats.log.failed_groups)?;
        let help = "Groups of records that were written, each with one sync.";
        self.counter("gauntlet_wal_groups_total", help, NONE, |stats, _| stats.log.groups)?;
        let help = "Bytes written to the write-ahead log.";
        self.counter("gauntlet_wal_written_bytes_total", help, NONE, |stats, _| stats.log.written_bytes)?;
        let help = "Snapshots of the head that were written.";
        self.counter("gauntlet_head_snapshots_total", help, NONE, |stats, _| stats.snapshots)?;
        let help = "When the last snapshot of the head was written since the start; 0: none was.";
        self.gauge("gauntlet_head_snapshot_last_timestamp_seconds", help, |stats, _| {
            stats.last_snapshot_ms.map_or(0.0, |at_ms| at_ms as f64 / 1000.0)
        })?;
        let help = "Bytes that wait in memory to be written to the write-ahead log.";
        self.gauge("gauntlet_wal_buffered_bytes", help, |stats, _| stats.log.buffered_bytes as f64)
    }

    fn of_opening(&mut self) -> fmt::Result {
        let help = "Time taken to replay the data on disk.";
        self.gauge("prometheus_tsdb_data_replay_duration_seconds", help, |_, tenant| tenant.open_took.as_secs_f64())?;
        let help = "Total number of WAL corruptions.";
        self.counter("prometheus_tsdb_wal_corruptions_total", help, NONE, |_, tenant| {
            tenant.db.opened().log.report.damages_total
        })?;
        let help = "Places in the log of late samples that could not be read as they stood.";
        self.counter("gauntlet_wbl_corruptions_total", help, NONE, |_, tenant| {
            tenant.db.opened().late_log.report.damages_total
        })?;
        let help = "Total number snapshot replays that failed.";
        self.counter("prometheus_tsdb_snapshot_replay_error_total", help, NONE, |_, tenant| {
            tenant.db.opened().snapshots_set_aside
        })?;
        let help = "Whether the head was filled from a snapshot when it was opened.";
        self.gauge("gauntlet_head_from_snapshot", help, |_, tenant| {
            f64::from(u8::from(tenant.db.opened().snapshot.is_some()))
        })?;
        let help = "Files and directories that were damaged and set aside when the data directory was opened.";
        self.gauge("gauntlet_damaged_files", help, |_, tenant| tenant.db.opened().set_aside.len() as f64)?;
        let help = "Bytes that were set aside when the data directory was opened.";
        self.gauge("gauntlet_set_aside_bytes", help, |_, tenant| {
            tenant.db.opened().set_aside.iter().map(|one| one.bytes).sum::<u64>() as f64
        })?;
        let help = "Segments of the log that were not there, or held nothing, though later ones are there.";
        self.gauge("gauntlet_wal_missing_segments", help, |_, tenant| {
            let Opened { log, late_log, .. } = tenant.db.opened();
            let holes = |report: &ReadReport| report.missing_segments.len() + report.empty_segments.len();
            (holes(&log.report) + holes(&late_log.report)) as f64
        })?;
        let help = "Samples of the log whose series no record of the log names: it was lost.";
        self.gauge("gauntlet_replay_orphan_samples", help, |_, tenant| tenant.db.opened().head.orphans as f64)?;
        let help =
            "Chunks of the head that were on disk and were not taken over: the log has their samples, if it is whole.";
        self.gauge("gauntlet_replay_chunks_left_out", help, |_, tenant| {
            tenant.db.opened().head.chunks_left_out as f64
        })?;
        let help = "Blocks of which it is not known what was deleted, because their tombstones are damaged.";
        self.gauge("gauntlet_blocks_damaged_tombstones", help, |stats, _| stats.blocks_without_tombstones as f64)?;
        let help = "Chunks of the head that could not be read when blocks were made of them, and were set aside.";
        self.counter("gauntlet_head_chunks_set_aside_total", help, NONE, |stats, _| stats.chunks_set_aside)?;
        let help =
            "Files, directories, pipes and links that stood where one of ours was to be made, and were set aside.";
        self.counter("gauntlet_in_the_way_total", help, NONE, |stats, _| stats.in_the_way)?;
        let name = "gauntlet_replay_left_out";
        let help = "Records of the log that were not replayed, because we do not keep what is in them.";
        let kind = ConstGauge::new(0.0).metric_type();
        let mut family = self.encoder.encode_descriptor(name, help, None, kind)?;
        for (_, tenant) in &self.tenants {
            let Opened { log, head, .. } = tenant.db.opened();
            let starts = log.left_out.start_timestamps + head.starts_left_out;
            for (kind, count) in left_out(&LeftOut { start_timestamps: starts, ..log.left_out }) {
                let labels = [("kind", kind), ("tenant", tenant.id.as_str())];
                ConstGauge::new(count as f64).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Fn(&DbStats, &Tenant) -> f64) -> fmt::Result {
        let kind = ConstGauge::new(0.0).metric_type();
        let mut family = self.encoder.encode_descriptor(name, help, None, kind)?;
        for (stats, tenant) in &self.tenants {
            let labels = [("tenant", tenant.id.as_str())];
            ConstGauge::new(value(stats, tenant)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        extra: Extra,
        value: impl Fn(&DbStats, &Tenant) -> u64,
    ) -> fmt::Result {
        let kind = ConstCounter::new(0u64).metric_type();
        let mut family = self.encoder.encode_descriptor(name, help, None, kind)?;
        for (stats, tenant) in &self.tenants {
            let mut labels = vec![("tenant", tenant.id.as_str())];
            labels.extend(extra);
            ConstCounter::new(value(stats, tenant)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// A counter of which a tenant has several, each with a label more.
    fn counters(
        &mut self,
        name: &str,
        help: &str,
        values: impl Fn(&Tenant) -> Vec<([(&'static str, &'static str); 1], u64)>,
    ) -> fmt::Result {
        let kind = ConstCounter::new(0u64).metric_type();
        let mut family = self.encoder.encode_descriptor(name, help, None, kind)?;
        for (_, tenant) in &self.tenants {
            for ([label], value) in values(tenant) {
                let labels = [("tenant", tenant.id.as_str()), label];
                ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    /// A counter whose value the tenant keeps.
    fn counted(&mut self, name: &str, help: &str, extra: Extra, value: impl Fn(&Tenant) -> &AtomicU64) -> fmt::Result {
        self.counter(name, help, extra, |_, tenant| value(tenant).load(Ordering::Relaxed))
    }
}

fn left_out(left: &LeftOut) -> [(&'static str, u64); 6] {
    let LeftOut { histograms, exemplars, metadata, mmap_markers: _, deletions, start_timestamps, unknown_records } =
        left;
    [
        ("histogram", *histograms),
        ("exemplar", *exemplars),
        ("metadata", *metadata),
        ("deletion", *deletions),
        ("start_timestamp", *start_timestamps),
        ("unknown", *unknown_records),
    ]
}

//! What the system knows about this process: `process_*`, under the names every Prometheus program uses.

use crate::Registry;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::process::Resource;
use std::fmt;
use std::fs;

/// Registers what the system tells about this process each time it is asked. Where there is no `/proc`, what would be read
/// from there is left out.
pub fn register_process(registry: &Registry) {
    registry.register_collector(Box::new(Process));
}

#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let out = &mut encoder;
        counter(out, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", cpu_seconds())?;
        let stat = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text));
        if let Some(stat) = stat {
            let page_bytes = to_float(rustix::param::page_size() as u64);
            let resident = stat.resident_pages * page_bytes;
            gauge(out, "process_resident_memory_bytes", "Resident memory size in bytes.", resident)?;
            gauge(out, "process_virtual_memory_bytes", "Virtual memory size in bytes.", stat.virtual_bytes)?;
            if let Some(boot_seconds) = boot_seconds() {
                let start = boot_seconds + stat.start_ticks / to_float(rustix::param::clock_ticks_per_second());
                gauge(
                    out,
                    "process_start_time_seconds",
                    "Start time of the process since unix epoch in seconds.",
                    start,
                )?;
            }
        }
        if let Some(bytes) = anonymous_bytes() {
            gauge(
                out,
                "gauntlet_process_anonymous_memory_bytes",
                "Resident memory no file stands behind, in bytes.",
                bytes,
            )?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // The handle that reads the directory is among them.
            let open = to_float(open.count() as u64) - 1.0;
            gauge(out, "process_open_fds", "Number of open file descriptors.", open)?;
        }
        let limit = |resource| rustix::process::getrlimit(resource).current.map_or(f64::INFINITY, to_float);
        gauge(out, "process_max_fds", "Maximum number of open file descriptors.", limit(Resource::Nofile))?;
        let address_space = limit(Resource::As);
        gauge(
            out,
            "process_virtual_memory_max_bytes",
            "Maximum amount of virtual memory available in bytes.",
            address_space,
        )?;
        if let Some((received, sent)) = fs::read_to_string("/proc/self/net/netstat").ok().and_then(|text| octets(&text))
        {
            let received_help = "Number of bytes received by the process over the network.";
            counter(out, "process_network_receive_bytes_total", received_help, received)?;
            let sent_help = "Number of bytes sent by the process over the network.";
            counter(out, "process_network_transmit_bytes_total", sent_help, sent)?;
        }
        Ok(())
    }
}

fn gauge(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(out.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn counter(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(out.encode_descriptor(name, help, None, counter.metric_type())?)
}

#[allow(clippy::cast_precision_loss, reason = "metrics are floats")]
fn to_float(count: u64) -> f64 {
    count as f64
}

#[allow(clippy::cast_precision_loss, reason = "metrics are floats")]
fn cpu_seconds() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// Fields of `/proc/self/stat` (proc(5)).
#[derive(Debug, PartialEq)]
struct Stat {
    start_ticks: f64,
    virtual_bytes: f64,
    resident_pages: f64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The second field is the program's name in brackets, and may hold anything, brackets too.
        let (_, fields) = text.rsplit_once(") ")?;
        let mut fields = fields.split(' ').skip(19);
        let mut next = || fields.next()?.parse().ok();
        Some(Self { start_ticks: next()?, virtual_bytes: next()?, resident_pages: next()? })
    }
}

fn boot_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()
}

fn anonymous_bytes() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// `InOctets` and `OutOctets` of `/proc/self/net/netstat`: a line of names, then a line of values.
fn octets(text: &str) -> Option<(f64, f64)> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("IpExt: "));
    let (names, values) = (lines.next()?, lines.next()?);
    let value = |wanted| {
        let mut pairs = names.split(' ').zip(values.split(' '));
        pairs.find(|(name, _)| *name == wanted)?.1.parse().ok()
    };
    Some((value("InOctets")?, value("OutOctets")?))
}

#[cfg(test)]
mod tests;

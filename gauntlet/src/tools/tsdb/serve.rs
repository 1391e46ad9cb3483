//! `serve`: the HTTP API of Prometheus over a directory that nobody serves, or that somebody else has open.

use super::TsdbToolError;
use super::open::open;
use super::table::date;
use crate::common::{Base, QUERY_HANDLERS, StartError, cores, query_features};
use clap::Args;
use flags::GoDuration;
use model::{Clock, Labels, SystemClock, TimeRange};
use service::{CpuPool, Entry, HttpLimits, HttpMetrics, HttpServer, Probes, TenantLabel, Web, WebOptions, admin, web};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storeapi::{Component, LocalStore, SourceGroup, SourceProvider};
use telemetry::Registry;
use tsdb::db::ReadOnly;

const ENTRIES: [Entry; 5] = [
    Entry { path: "/api/v1/query", methods: "GET, POST", what: "an expression at one time: query, time, timeout" },
    Entry {
        path: "/api/v1/query_range",
        methods: "GET, POST",
        what: "an expression over time: query, start, end, step",
    },
    Entry { path: "/api/v1/series", methods: "GET, POST", what: "series by match[], start, end" },
    Entry { path: "/api/v1/labels", methods: "GET, POST", what: "names of labels" },
    Entry { path: "/api/v1/label/{name}/values", methods: "GET", what: "values of one label" },
];

/// How long requests in flight may take when it ends.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    /// A data directory of Prometheus or of a tenant here, a folder of blocks, or a block
    #[arg(value_name = "DIR", default_value = "data/")]
    dir: PathBuf,
    /// Where the HTTP API is served
    #[arg(long, default_value = "127.0.0.1:10912", value_name = "HOST:PORT")]
    listen_address: String,
    /// What of PromQL beyond the default is taken, by the names of Prometheus' features
    #[arg(long = "enable-feature", value_name = "NAME", value_delimiter = ',')]
    features: Vec<String>,
    /// Where a directory is made and removed again, should replaying the log make chunks; without, where the system keeps
    /// temporary files
    #[arg(long, value_name = "DIR")]
    sandbox_dir_root: Option<PathBuf>,
}

/// What was opened, as a source of series.
#[derive(Debug)]
struct Served(ReadOnly);

impl SourceProvider for Served {
    fn groups(&self, range: TimeRange) -> Vec<SourceGroup> {
        vec![SourceGroup { external: Labels::empty(), sources: self.0.sources(range) }]
    }
}

/// Opens the directory and answers until a signal comes.
///
/// # Errors
/// A port that is taken, a directory that cannot be opened.
pub(crate) async fn run(flags: Flags) -> Result<(), TsdbToolError> {
    let mut base = Base::new("tools")?;
    let idle_time = query::Config::default().timeout + GRACE;
    let limits = HttpLimits { grace: GRACE, idle_time, ..HttpLimits::default() };
    let server = HttpServer::bind(&flags.listen_address, limits, &base.registry).await;
    let server = server.map_err(StartError::bind("listen-address"))?;
    let address = server.address().to_string();
    let (dir, sandbox) = (flags.dir.clone(), flags.sandbox_dir_root);
    let opening = tokio::task::spawn_blocking(move || open(&dir, sandbox.as_deref()));
    let held = opening.await.map_err(StartError::part)??;
    println!("{}", told(&flags.dir, &held, &address));
    let config = query::Config { features: query_features(&flags.features), ..query::Config::default() };
    let pages = routes(held, config, &base.registry, &base.probes)?;
    base.tasks.spawn("http server", move |stop| server.serve(pages, stop));
    Ok(base.run(GRACE, "sandbox-dir-root").await?)
}

/// The API over what was opened, with probes and metrics.
fn routes(held: ReadOnly, config: query::Config, registry: &Registry, probes: &Probes) -> Result<Web, StartError> {
    let store = LocalStore::new("tsdb", Component::Store, Arc::new(Served(held)));
    let pool = CpuPool::start(cores().get(), registry).map_err(StartError::Threads)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let status = query::Status { started_ms: clock.now_ms(), ..query::Status::default() };
    let query = query::App::build(config, Arc::new(store), pool, clock, status, registry);
    let handlers = HttpMetrics::new(registry, TenantLabel::None).handlers(&QUERY_HANDLERS);
    let pages = admin(probes, registry, "Gauntlet tools tsdb serve", &ENTRIES);
    Ok(web(pages.merge(query.routes().route_layer(handlers)), registry, WebOptions { cors: true }))
}

/// What was opened, and what to do with it.
fn told(dir: &Path, held: &ReadOnly, address: &str) -> String {
    let mut text = format!(
        "{} is open for reading only: nothing in it is changed, no lock is taken, and what somebody else adds to it from now \
         on is not seen.\n\n",
        dir.display()
    );
    // Into memory: nothing can fail.
    let _ = write_held(&mut text, held);
    let newest_s = held.time_range().map_or(0, |range| range.max_ms().div_euclid(1000).saturating_add(1));
    let _ = write!(
        text,
        "\nPoint Grafana at http://{address} as a Prometheus data source, or ask for yourself:\n  \
         curl -G http://{address}/api/v1/query -d time={newest_s} --data-urlencode 'query=count({{__name__!=\"\"}}) by (job)'\n\n\
         Ctrl-C ends it."
    );
    text
}

fn write_held(text: &mut String, held: &ReadOnly) -> std::fmt::Result {
    let span = |range: TimeRange| format!("{} to {}", date(range.min_ms()), date(range.max_ms()));
    for block in held.blocks() {
        let meta = block.meta();
        let length = GoDuration::from_ms(meta.max_ms.saturating_sub(meta.min_ms));
        let range = TimeRange::new(meta.min_ms, meta.max_ms).map_or_else(String::new, span);
        writeln!(text, "  block {}  {range} ({length}), {} series", meta.ulid, meta.stats.num_series)?;
    }
    if let Some(db) = held.db() {
        let head = db.head();
        match head.time_range() {
            Some(range) => writeln!(text, "  head  {} series out of the log, {}", head.series(), span(range))?,
            None => writeln!(text, "  head  nothing is in the log")?,
        }
    }
    for meta in held.coarse() {
        writeln!(text, "  left out: block {} is downsampled", meta.ulid)?;
    }
    if let Some(opened) = held.opened() {
        let logs = [("log", &opened.log.report), ("log of late samples", &opened.late_log.report)];
        // Of a segment the places are told, not that it would be set aside.
        let is_told = |file: &Path| logs.iter().any(|(_, report)| report.damages.iter().any(|one| one.file == file));
        for each in opened.set_aside.iter().filter(|each| !is_told(&each.from)) {
            writeln!(text, "  damaged: {}: {}", each.from.display(), each.fault)?;
        }
        for (log, report) in logs {
            for damage in &report.damages {
                writeln!(text, "  damaged: {damage}{}", if damage.tail { " (torn by a crash)" } else { "" })?;
            }
            for number in &report.missing_segments {
                writeln!(text, "  damaged: segment {number} of the {log} is missing")?;
            }
        }
    }
    for (meta, fault) in held.tombstone_faults() {
        writeln!(text, "  damaged: block {}: {fault}; what was deleted from it is there again", meta.ulid)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
